"""Healthy programs that learners have reported as accused (F…, C…), and kin: silence."""

import pytest
import torch
import torch.nn.functional as F
from programs import BATCH, IMAGES, LABELS, Changed, flat, lenet, loop, names, sgd
from torch import nn
from torch.optim import lr_scheduler, swa_utils

from helpers.device import set_seed
from helpers.models import BNLeNet
from helpers.training.fit import evaluate

pytestmark = pytest.mark.slow  # quick each, and there are many
COLUMN = IMAGES.mean((1, 2, 3))[:, None]
BCE = F.binary_cross_entropy_with_logits


def split(model):
    """Two optimizers, one for kernels, one for the rest."""
    kernels = [p for p in model.parameters() if p.ndim == 4]
    rest = [p for p in model.parameters() if p.ndim != 4]
    return torch.optim.SGD(kernels, 0.05, 0.9), torch.optim.AdamW(rest, 1e-3)


def with_optimizers(model, optimizers, loss_of=F.cross_entropy):
    def step(images, labels):
        model.train()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss_of(model(images), labels).backward()
        for optimizer in optimizers:
            optimizer.step()
    return step


def test_f9_several_optimizers_are_judged_together():
    model = lenet()
    optimizers = split(model)
    step = with_optimizers(model, optimizers)
    assert names(model, BATCH, step=step) == names(model, BATCH, optimizer=optimizers) == []
    assert names(model, BATCH, step=step, optimizer=optimizers[0]) == []
    assert names(model, BATCH, optimizer=optimizers[1:]) == ["parameters not in the optimizer"]


def test_f9_an_optimizer_for_each_parameter_and_a_loss_with_weights_of_its_own():
    model = lenet()
    assert names(model, BATCH, step=with_optimizers(
        model, [torch.optim.Adam([p], 1e-3) for p in model.parameters()])) == []
    centers = nn.Parameter(torch.zeros(10))

    def loss_fn(logits, labels):
        return F.cross_entropy(logits + centers, labels)
    optimizer = torch.optim.Adam([*model.parameters(), centers], 1e-3)
    assert names(model, BATCH, step=loop(model, optimizer, loss_fn=loss_fn), optimizer=optimizer,
                 loss_fn=loss_fn) == []


def test_f12_lazy_layers_are_not_looked_at_and_that_is_said(capsys):
    model = nn.Sequential(nn.LazyConv2d(8, 5, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
    for more in ({}, {"step": loop(model, sgd(model))}, {"evaluate": lambda: model(IMAGES)}):
        assert names(model, BATCH, **more) == []
        assert "Run a batch through it first, model(images)" in capsys.readouterr().out
    model(IMAGES[:2])
    assert names(model, BATCH, step=loop(model, sgd(model))) == []


@pytest.mark.parametrize("loss_fn, make", [
    (nn.CrossEntropyLoss(reduction="sum"), lambda m: torch.optim.Adam(m.parameters(), 1e-3)),
    (nn.CrossEntropyLoss(reduction="sum"), lambda m: sgd(m, 0.05 / 256))])
def test_f14_a_sum_is_fine_with_a_rate_that_fits(loss_fn, make):
    model = lenet()
    optimizer = make(model)
    assert names(model, BATCH, loss_fn=loss_fn, step=loop(model, optimizer, loss_fn=loss_fn),
                 optimizer=optimizer) == []


@pytest.mark.parametrize("labels, loss_fn, squeezed", [
    (COLUMN, F.mse_loss, False), ((COLUMN > 0).float(), BCE, False),
    ((COLUMN > 0).float()[:, 0], BCE, True), (COLUMN[:, 0], F.smooth_l1_loss, True),
    ((COLUMN > 0).float() * 2 - 1, lambda z, y: (1 - z * y).relu().mean(), False)],
    ids=["F15 regression", "C14 binary", "squeezed", "regression squeezed", "hinge"])
def test_one_output(labels, loss_fn, squeezed):
    set_seed(0)
    net = nn.Sequential(lenet(), nn.ReLU(), nn.Linear(10, 1))
    model = nn.Sequential(net, nn.Flatten(0)) if squeezed else net
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    step = loop(model, optimizer, loss_fn=loss_fn)
    assert names(model, (IMAGES, labels), step=step, optimizer=optimizer, loss_fn=loss_fn) == []
    assert names(model, (IMAGES, labels), step=step) == [], "the loss is that of the step"


class Several(nn.Module):
    """A network that gives several outputs, always or in training."""

    def __init__(self, give):
        super().__init__()
        self.net, self.give = lenet(), give

    def forward(self, x):
        return self.give(self.net(x), self.training)


@pytest.mark.parametrize("give, take", [
    (lambda z, training: (z, 2 * z) if training else z, lambda z: z[0] if type(z) is tuple else z),
    (lambda z, training: (z, z.mean()), lambda z: z[0]),
    (lambda z, training: {"logits": z}, lambda z: z["logits"])],
    ids=["in training", "always", "dictionary"])
def test_f16_outputs_that_are_not_one_tensor(give, take, capsys):
    model = Several(give)
    optimizer = sgd(model)

    def loss_fn(outputs, labels):
        return F.cross_entropy(take(outputs), labels)
    step = loop(model, optimizer, loss_fn=loss_fn)
    assert names(model, BATCH, step=step, optimizer=optimizer) == []
    assert "the model's outputs" in capsys.readouterr().out
    assert names(model, BATCH, step=step, optimizer=optimizer, loss_fn=loss_fn) == []
    assert "the model's outputs" not in capsys.readouterr().out
    high = sgd(model, 30.0)
    assert "learning rate too high" in names(model, BATCH, optimizer=high, loss_fn=loss_fn)


def test_a_map_of_classes_for_each_pixel():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    assert names(model, (IMAGES[:64], (IMAGES[:64, 0] > 0).long()), step=loop(model, optimizer),
                 optimizer=optimizer) == []


@pytest.mark.parametrize("make", [
    lambda o: lr_scheduler.LambdaLR(o, lambda i: min(1, i / 500)),
    lambda o: lr_scheduler.LambdaLR(o, lambda i: min(1, (i + 1) / 5000)),
    lambda o: lr_scheduler.LinearLR(o, 1e-6, total_iters=500),
    lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=90),
    lambda o: lr_scheduler.LambdaLR(o, lambda i: max(0.0, 1 - i / 90)),
    lambda o: lr_scheduler.CosineAnnealingLR(o, 400), lambda o: lr_scheduler.StepLR(o, 5000),
    lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o, 1e-6, total_iters=100),
              lr_scheduler.CosineAnnealingLR(o, 300)], [100])],
    ids=["F20 from 0", "F20 slow", "linear", "one cycle", "down in a line", "cosine", "steps",
         "sequence"])
def test_schedules_of_batches(make):
    model = lenet()
    optimizer = sgd(model)
    schedule, inner = make(optimizer), loop(model, optimizer)

    def step(images, labels):
        inner(images, labels)
        schedule.step()
    assert names(model, BATCH, step=step, optimizer=optimizer) == []
    assert names(model, BATCH, step=inner, optimizer=optimizer) == []


def test_f20_warm_up_by_hand():
    model = lenet()
    optimizer, inner = sgd(model), loop(model, sgd(model))
    count = 0

    def step(images, labels):
        nonlocal count
        count += 1
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * min(1, count / 5000)
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert inner and names(model, BATCH, step=step, optimizer=optimizer) == []


@pytest.mark.parametrize("frozen", ["by a flag", "by no_grad", "by no_grad in the step"])
def test_f21_c13_a_frozen_part(frozen):
    body, head = BNLeNet(classes=32), nn.Linear(32, 10)
    if frozen == "by a flag":
        body.requires_grad_(False)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = body, head

        def forward(self, x):
            with torch.set_grad_enabled(frozen != "by no_grad" and torch.is_grad_enabled()):
                x = self.body(x)
            return self.head(x)

    set_seed(0)
    model, optimizer = Net(), sgd(head)

    def step(images, labels):
        model.train()
        body.eval()
        if frozen.endswith("step"):
            with torch.no_grad():
                features = body(images)
            outputs = head(features)
        else:
            outputs = model(images)
        optimizer.zero_grad()
        F.cross_entropy(outputs, labels).backward()
        optimizer.step()
    assert names(model, BATCH, step=step, optimizer=optimizer) == []


def test_f22_classes_of_equal_brightness_cannot_be_judged(capsys):
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randint(2, (2, 600), generator=generator)
    images = torch.randn(600, 3, 32, 32, generator=generator) * 0.3
    images[:, :, 4:12, 4:12] += (2.0 * a - 1).view(-1, 1, 1, 1)
    images[:, :, 20:28, 20:28] += (2.0 * b - 1).view(-1, 1, 1, 1)
    assert names(flat(nn.Linear(3072, 2)), (images, a ^ b)) == []
    assert "or differ in something else" in capsys.readouterr().out


def test_c6_many_batches_gathered():
    model = lenet()
    optimizer, count = sgd(model), 0

    def step(images, labels):
        nonlocal count
        (F.cross_entropy(model(images), labels) / 16).backward()
        count += 1
        if count % 16 == 0:
            optimizer.step()
            optimizer.zero_grad()
    assert names(model, BATCH, step=step) == []


def test_closures():
    model = lenet()
    for optimizer in (torch.optim.LBFGS(model.parameters(), 0.1), sgd(model)):
        def step(images, labels, optimizer=optimizer):
            def closure():
                optimizer.zero_grad()
                loss = F.cross_entropy(model(images), labels)
                loss.backward()
                return loss
            optimizer.step(closure)
        assert names(model, BATCH, step=step) == []


class OnlyStep(torch.optim.SGD):
    """An optimizer of one's own, without a closure."""

    def step(self):
        return super().step()


def test_an_optimizer_that_takes_no_closure(capsys):
    model = lenet()
    assert names(model, BATCH, step=loop(model, OnlyStep(model.parameters(), 0.05))) == []
    assert "works in your step only" in capsys.readouterr().out


@pytest.mark.parametrize("kept", ["in the step", "elsewhere"])
def test_averaged_weights(kept, capsys):
    model = lenet()
    average = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9))
    inner = loop(model, sgd(model))

    def step(images, labels):
        inner(images, labels)
        average.update_parameters(model)
    assert names(model, BATCH, step=step if kept == "in the step" else inner,
                 evaluate=lambda: torch.no_grad()(average.eval())(IMAGES)) == []
    assert ("is kept up to date" in capsys.readouterr().out) == (kept == "elsewhere")


def test_compiled_networks(monkeypatch):
    set_seed(0)
    model = BNLeNet()
    compiled = torch.compile(model, backend="eager")
    compiled(IMAGES[:4])
    step = loop(compiled, sgd(model))
    for seen in (model, compiled):
        assert names(seen, BATCH, step=step, evaluate=lambda: evaluate(
            compiled, [(IMAGES, LABELS)])) == []
    forgot = loop(compiled, sgd(model), "loss backward step")
    assert names(compiled, BATCH, step=forgot) == ["no zero_grad"]


def test_a_state_made_in_forward_is_no_parameter():
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.LSTM(96, 32, batch_first=True), nn.Linear(32, 10)

        def forward(self, x):
            start = torch.zeros(1, len(x), 32).requires_grad_()
            x, _ = self.rnn(x.transpose(1, 2).flatten(2), (start, start.detach()))
            return self.head(x[:, -1])

    set_seed(0)
    model = Rows()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    assert names(model, BATCH, step=loop(model, optimizer), optimizer=optimizer) == []


def test_gradients_clipped_make_a_high_rate_bearable():
    model = lenet()
    assert names(model, BATCH, step=loop(model, sgd(model, 3.0),
                                         "train zero loss backward clip step")) == []


def test_outputs_of_a_size_that_is_set():
    class Cosines(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.weight = lenet(), nn.Parameter(torch.randn(10, 10))

        def forward(self, x):
            return 30 * F.linear(F.normalize(self.net(x)), F.normalize(self.weight))

    model = Cosines()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    assert names(model, BATCH, step=loop(model, optimizer), optimizer=optimizer) == []


def test_images_scaled_by_the_model_or_in_the_step():
    bytes_ = ((IMAGES - IMAGES.min()) / (IMAGES.max() - IMAGES.min()) * 255)
    model = nn.Sequential(nn.BatchNorm2d(3), lenet())
    assert names(model, (bytes_, LABELS), step=loop(model, sgd(model, 0.01))) == []
    model = Changed(before=lambda x: (x - 127) / 64, net=lenet())
    assert names(model, (bytes_, LABELS)) == []
    model = lenet()
    after = loop(model, sgd(model, 0.01))
    assert "images not normalized" not in names(
        model, (bytes_, LABELS), step=lambda x, y: after((x - 127) / 64, y))


def test_half_precision_weights():
    for make in (lambda m: sgd(m), lambda m: torch.optim.Adam(m.parameters(), 1e-3)):
        model = lenet().bfloat16()
        assert names(model, (IMAGES.bfloat16(), LABELS), step=loop(model, make(model))) == []


def test_another_loss_than_that_which_is_taken_for_granted():
    """The step says which: a sigmoid, or a tanh, is right where no cross-entropy follows."""
    pixels = (IMAGES - IMAGES.min()) / (IMAGES.max() - IMAGES.min())
    coder = flat(nn.Linear(3072, 32), nn.ReLU(), nn.Linear(32, 3072), nn.Sigmoid())
    optimizer = torch.optim.Adam(coder.parameters(), 1e-3)
    assert names(coder, (pixels, LABELS), step=lambda x, _: loop(
        coder, optimizer, loss_fn=F.mse_loss)(x, x.flatten(1))) == []
    forger, judge = flat(nn.Linear(3072, 3072), nn.Tanh()), flat(nn.Linear(3072, 1))
    make, tell = (torch.optim.Adam(m.parameters(), 2e-4) for m in (forger, judge))

    def step(images, _):
        false, ones = forger(torch.randn_like(images)), torch.ones(len(images), 1)
        tell.zero_grad()
        (BCE(judge(images), ones) + BCE(judge(false.detach()), 0 * ones)).backward()
        tell.step()
        make.zero_grad()
        BCE(judge(false), ones).backward()
        make.step()
    assert names(forger, BATCH, step=step) == names(judge, BATCH, step=step) == []


def test_a_frozen_end_beside_one_that_is_trained(capsys):
    class LowRank(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up = nn.Linear(3072, 4), nn.Linear(4, 10)
            self.whole = nn.Linear(3072, 10).requires_grad_(False)
            nn.init.zeros_(self.up.weight)

        def forward(self, x):
            return self.up(self.down(x.flatten(1))) + self.whole(x.flatten(1))

    set_seed(0)
    model = LowRank()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    assert names(model, BATCH, step=loop(model, optimizer), optimizer=optimizer) == []
    assert "whether that is meant: 2 of 6 parameters" in capsys.readouterr().out
