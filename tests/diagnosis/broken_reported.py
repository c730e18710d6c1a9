"""Faults as learners have reported them (F…), and kin: the name by which each must be found."""

import copy
from functools import partial

import torch
import torch.nn.functional as F
from programs import DATA, IMAGES, LABELS, Changed, fault, flat, lenet, loop, sgd
from torch import nn
from torch.optim import lr_scheduler

from helpers.models import BNLeNet

COLUMN = IMAGES.mean((1, 2, 3))[:, None]  # a number of each image, to be found by one output
MEAN, STD = (values.view(1, 3, 1, 1) for values in (DATA.mean, DATA.std))
dense = partial(flat, nn.Linear(3072, 40), nn.ReLU(), nn.Linear(40, 10))


def stepping(loss_of=None, lr=0.01, after=lambda *_: None, optimizer=None):
    """Return what makes a step: `loss_of` model and batch, then `after` model and optimizer."""
    def make(model):
        moves = (optimizer or partial(sgd, lr=lr))(model)

        def step(images, labels):
            loss = (loss_of or (lambda m, x, y: F.cross_entropy(m(x), y)))(model, images, labels)
            moves.zero_grad()
            loss.backward()
            moves.step()
            after(model, moves)
        return step
    return make


def of_loss(loss_fn, lr=0.01, **more):
    """Pass a loss, and a step that trains with it."""
    return {"loss_fn": lambda _: loss_fn,
            "step": lambda model: loop(model, sgd(model, lr), loss_fn=loss_fn), **more}


def scheduled(make_schedule):
    """Return what makes a step that moves a schedule, too."""
    def make(model):
        optimizer = sgd(model)
        schedule = make_schedule(optimizer)
        inner = loop(model, optimizer)

        def step(images, labels):
            inner(images, labels)
            schedule.step()
        return step
    return make


class Aux(nn.Module):
    """A second head in training only."""

    def __init__(self):
        super().__init__()
        self.net = dense()

    def forward(self, x):
        return (self.net(x), self.net(x)) if self.training else self.net(x)


class AllListed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Flatten(), nn.Linear(3072, 10)]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class PlainTensor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net, self.weight = dense(), (torch.randn(10, 10) / 3).requires_grad_()

    def forward(self, x):
        return self.net(x).relu() @ self.weight


class Viewed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 6, 5, 4), nn.Linear(294, 10)

    def forward(self, x):
        return self.head(self.conv(x).view(-1, 294))


class MadeInForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = flat()

    def forward(self, x):
        return nn.Linear(10, 10)(self.net(x))


def added_in_place(x):
    x = x.sigmoid()
    x += 1
    return x


def frozen_but_training(_=None):
    model = BNLeNet()
    for name, p in model.named_parameters():
        p.requires_grad_(name.startswith("fc3"))
    return model


def kept_graph(model):
    optimizer, losses = sgd(model), []

    def step(images, labels):
        losses.append(F.cross_entropy(model(images), labels))
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()
    return step


def best_loaded(model):
    best = copy.deepcopy(model.state_dict())
    return stepping(after=lambda *_: model.load_state_dict(best))(model)


def shrunk(model, images, labels):
    """A loss whose gradients come out far too small."""
    return F.cross_entropy(model(images), labels) * 1e-6


def altered_head(model):
    model[-1].requires_grad_(False)
    return model


def gathering(model):
    optimizer, calls = sgd(model), []

    def step(images, labels):
        optimizer.zero_grad()
        (F.cross_entropy(model(images), labels) / 4).backward()
        calls.append(1)
        if len(calls) % 4 == 0:
            optimizer.step()
    return step


def tested(prepare=lambda x: x, count=lambda outputs, y: (outputs.argmax(1) == y).sum().item() / 64,
           gather=lambda parts: sum(parts) / len(parts)):
    """Return what makes an evaluation: images by `prepare`, and what it calls hits."""
    def make(model):
        @torch.no_grad()
        def evaluate():
            model.eval()
            return gather([count(model(prepare(x)), y) for x, y in
                           zip(IMAGES.split(64), LABELS.split(64), strict=True)])
        return evaluate
    return make


def switched_off(model):
    def evaluate():
        torch.set_grad_enabled(False)
        return model(IMAGES).argmax(1)
    return evaluate


def reshaped(images):
    return images.permute(0, 2, 3, 1).contiguous().view(images.shape)


one = partial(flat, nn.Linear(3072, 1))
REPORTED = [
    # F8, F37: what is sent back is not what should fall
    *(fault("no gradient", f"F8 the loss made anew by {name}", lenet, step=stepping(loss_of),
            says="requires_grad_() only silences") for name, loss_of in (
        ("item", lambda m, x, y: torch.tensor(F.cross_entropy(m(x), y).item(), requires_grad=True)),
        ("detach", lambda m, x, y: F.cross_entropy(m(x), y).detach().requires_grad_()),
        ("argmax", lambda m, x, y: (m(x).argmax(1) - y).square().float().mean().requires_grad_()))),
    fault("the loss is maximized", "F37 minus in the step", lenet, says="against the gradients",
          step=stepping(lambda m, x, y: -F.cross_entropy(m(x), y))),
    fault("the loss is maximized", "F37 minus in the loss", lenet, says="larger for right answers",
          loss_fn=lambda _: lambda x, y: -F.cross_entropy(x, y)),
    fault("the loss is maximized", "F37 minus in the loss of a number", one, (IMAGES, COLUMN),
          loss_fn=lambda _: lambda x, y: -F.mse_loss(x, y), optimizer=partial(sgd, lr=1e-4)),
    fault("the loss is maximized", "F37 maximize", lenet, says="maximize=True",
          optimizer=lambda m: torch.optim.SGD(m.parameters(), 0.01, maximize=True)),
    fault("weight decay too high", "F37 of SGD", lenet, says="takes 5 % away",
          optimizer=lambda m: torch.optim.SGD(m.parameters(), 0.05, 0.9, weight_decay=1.0)),
    fault("weight decay too high", "F37 of Adam", lenet,
          optimizer=lambda m: torch.optim.Adam(m.parameters(), 1e-3, weight_decay=1.0)),
    # F11, F26: what no optimizer knows
    fault("parameters not registered", "F11 all layers in a list", AllListed, says="ModuleList"),
    fault("parameters not registered", "F26 a plain tensor", PlainTensor, says="nn.Parameter"),
    fault("parameters not registered", "F18 a layer made in forward", MadeInForward,
          says="Make it in __init__"),
    # F14: a sum
    fault("learning rate too high", "F14 a sum", lenet, says="The loss is a sum over the images",
          **of_loss(nn.CrossEntropyLoss(reduction="sum"), optimizer=sgd)),
    fault("learning rate too high", "F14 a sum in the step only", lenet, says="is a sum",
          step=stepping(lambda m, x, y: F.cross_entropy(m(x), y, reduction="sum"), 0.05)),
    # F15: one output
    fault("each output paired with each label", "F15 a column and a row", one,
          (IMAGES, COLUMN[:, 0]), **of_loss(F.mse_loss, 1e-5),
          says="(256, 1) with (256,)"),
    fault("each output paired with each label", "F15 written by hand", one,
          (IMAGES, COLUMN[:, 0]), **of_loss(lambda x, y: (x - y).square().mean(), 1e-5)),
    fault("each output paired with each label", "F15 by hand, without a step", one,
          (IMAGES, COLUMN[:, 0]), loss_fn=lambda _: lambda x, y: (x - y).abs().mean()),
    fault("no label counts", "with a step that does not mind", dense, (IMAGES, LABELS * 0 - 100),
          step=stepping()),
    fault("outputs of the wrong shape", "bits", lambda: Changed(lambda x: x > 0),
          says="a comparison"),
    fault("wrong number of outputs", "F15 one output and a softmax", one, (IMAGES, LABELS * 0),
          says="BCEWithLogitsLoss"),
    # F16, F17
    fault("outputs of the wrong shape", "F16 a pair in training only", Aux,
          says="gives a tuple in training mode"),
    fault("one image, not a batch", "F17", lenet, DATA[0], says="images[None]"),
    # F18: hints
    fault("the model raises", "F18 a view of channels_last", Viewed,
          (IMAGES.contiguous(memory_format=torch.channels_last), LABELS), says="flatten(1)"),
    fault("the model raises", "F18 changed in place", lambda: nn.Sequential(
        Changed(added_in_place), nn.Linear(10, 10)), says="z = z + 1"),
    fault("the model raises", "F18 gray images", lenet, (IMAGES[:, :1], LABELS),
          says="Conv2d(1, …)"),
    fault("the step raises", "F18 a graph sent back twice", step=kept_graph, says="detach()"),
    fault("random in evaluation mode", "F18 noise", lambda: Changed(
        before=lambda x: x + torch.randn_like(x)), says="such as noise"),
    # F19: found once, and no rate blamed
    fault("nan in outputs", "F19 an overflow", lambda: Changed(lambda x: 100 * x),
          optimizer=sgd, loss_fn=lambda _: lambda x, y: -(
              x.exp() / x.exp().sum(1, True))[torch.arange(len(y)), y].log().mean()),
    # F21: frozen, yet it moves
    fault("frozen batch normalization moves", "F21", frozen_but_training,
          step=stepping(optimizer=lambda m: sgd(m.fc3)), says="Call eval() on the frozen part"),
    fault("frozen parameters", "F21 the head in place of the body", lambda: altered_head(dense()),
          optimizer=sgd),
    # F24, F25: twice, or not at all
    *(fault("NLLLoss without log_softmax", f"F24 {what}", make, **of_loss(loss_fn), says=says)
      for what, make, loss_fn, says in (
        ("logits", lenet, F.nll_loss, "LogSoftmax"),
        ("a softmax", lambda: nn.Sequential(lenet(), nn.Softmax(1)), nn.NLLLoss(), "probabilities"),
        ("by hand", lenet, lambda x, y: -x[torch.arange(len(y)), y].mean(), "LogSoftmax"))),
    fault("NLLLoss without log_softmax", "F24 in the step", lenet,
          step=stepping(lambda m, x, y: F.nll_loss(m(x), y))),
    fault("sigmoid before cross-entropy", "F25 in the step", lenet,
          step=stepping(lambda m, x, y: F.cross_entropy(m(x).sigmoid(), y))),
    fault("ReLU after the last layer", "F25 in the step", lenet,
          step=stepping(lambda m, x, y: F.cross_entropy(m(x).relu(), y))),
    fault("tanh after the last layer", "F25 in the model", lambda: Changed(torch.tanh),
          says="cannot fall below 0.80"),
    *(fault("sigmoid before cross-entropy", f"F25 {layer} before the binary one",
            lambda layer=layer: nn.Sequential(flat(), layer),
            (IMAGES, F.one_hot(LABELS, 10).float()), **of_loss(nn.BCEWithLogitsLoss()),
            says="has come out of a") for layer in (nn.Sigmoid(), nn.Softmax(1))),
    # F27: other images
    fault("images prepared otherwise in the evaluation", "F27", BNLeNet,
          step=stepping(), evaluate=tested(lambda x: x * STD + MEAN), says="mean 0.5"),
    fault("images prepared otherwise in the evaluation", "F27 without a step", BNLeNet,
          evaluate=tested(lambda x: 255 * (x * STD + MEAN))),
    fault("random images in the evaluation", "F27 augmented", lenet,
          evaluate=tested(lambda x: x * (0.5 + torch.rand(len(x), 1, 1, 1)))),
    fault("images not normalized", "F29 statistics of 0 to 255", lenet,
          ((IMAGES * STD + MEAN) / 63 - torch.tensor([2, 1.9, 1.7]).view(1, 3, 1, 1), LABELS),
          says="deviation is 0.0"),
    # F31: schedules
    *(fault("schedule of epochs in the step", f"F31 {name}", lenet, step=scheduled(make))
      for name, make in (
        ("StepLR", partial(lr_scheduler.StepLR, step_size=5)),
        ("ExponentialLR", partial(lr_scheduler.ExponentialLR, gamma=0.9)),
        ("LambdaLR", partial(lr_scheduler.LambdaLR, lr_lambda=lambda epoch: 0.95**epoch)),
        ("CosineAnnealingLR", partial(lr_scheduler.CosineAnnealingLR, T_max=10)))),
    fault("schedule of another optimizer", "F31", lenet,
          step=scheduled(lambda _: lr_scheduler.StepLR(sgd(flat()), 5000))),
    # F33
    fault("pixels scrambled", "F33 a view", lenet, (reshaped(IMAGES), LABELS), says="permute"),
    # kin
    fault("no gradient", "a step function between layers", lambda: nn.Sequential(
        flat(nn.Linear(3072, 30)), Changed(torch.sign, net=nn.Identity()), nn.Linear(30, 10)),
        says="is flat"),
    fault("vanishing gradients", "ten sigmoids", lambda: flat(
        nn.Linear(3072, 20), *[m for _ in range(10) for m in (nn.Sigmoid(), nn.Linear(20, 20))]),
        (IMAGES, LABELS), also={"all outputs the same"}),
    fault("nearly everything dropped", "p for keep", lambda: flat(
        nn.Linear(3072, 40), nn.Dropout(0.95), nn.Linear(40, 10)), says="only 5 %"),
    *(fault("momentum of batch normalization", f"{momentum:g}", lambda momentum=momentum: flat(
        nn.Linear(3072, 40), nn.BatchNorm1d(40, momentum=momentum), nn.Linear(40, 10)))
      for momentum in (0.0, 0.99)),
    fault("the step is undone", "by load_state_dict", lenet, step=best_loaded),
    fault("gradients too small for a step", "scaled down", lenet, step=stepping(shrunk)),
    fault("labels unrelated to images", "in the step", lenet, step=stepping(
        lambda m, x, y: F.cross_entropy(m(x[torch.randperm(len(x))]), y[torch.randperm(len(y))]))),
    fault("accuracy above 1", "divided by batches", lenet, says="by the 4 batches", evaluate=tested(
        count=lambda outputs, y: (outputs.argmax(1) == y).sum().item())),
    fault("outputs compared with labels", "values of max", lenet, evaluate=tested(
        count=lambda outputs, y: (outputs.max(1)[0] == y).sum().item())),
    fault("gradients left switched off", "set_grad_enabled", lenet, evaluate=switched_off),
    fault("frozen by the evaluation", "requires_grad_", lenet, evaluate=lambda model: lambda: (
        torch.no_grad()(model.eval().requires_grad_(False))(IMAGES))),
    fault("weights changed by the evaluation", "to half and back", lenet,
          evaluate=lambda model: lambda: (
              torch.no_grad()(model.eval().bfloat16())(IMAGES.bfloat16()), model.float())),
    fault("gathered gradients wiped", "zero_grad in each of four batches", lenet, step=gathering),
    fault("steps lost in half precision", "bfloat16", lambda: lenet().bfloat16(),
          (IMAGES.bfloat16(), LABELS),
          step=stepping(optimizer=lambda m: torch.optim.Adam(m.parameters(), 2e-5))),
    fault("labels out of range", "1 and 2 for the binary loss", lenet,
          (IMAGES, 1 + F.one_hot(LABELS, 10).float()), **of_loss(nn.BCEWithLogitsLoss())),
]
