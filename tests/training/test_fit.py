"""`fit` against a loop written here, and every way in which it can stop."""

import copy
import signal
import subprocess
import sys
import textwrap
from unittest.mock import Mock

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from helpers import History, LeNet, TrainingStopped, evaluate, fit, predict, set_seed

images = torch.randn(60, 1, 4, 4, generator=torch.Generator().manual_seed(0))
labels = (images.mean((1, 2, 3)) > 0).long()


def net(outputs=2):
    set_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Dropout(0.2), nn.ReLU(),
                         nn.Linear(8, outputs))


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def loader(batch_size=16, shuffle=False):
    return DataLoader(TensorDataset(images, labels), batch_size, shuffle=shuffle)


def trained(model, train, val=None, lr=0.1, epochs=3, verbose=False, **settings) -> History:
    return fit(model, train, val, epochs=epochs, verbose=verbose,
               **{"optimizer": sgd(model, lr), **settings})


def test_losses_equal_the_bare_loop_exactly():
    model, bare = net(), net()
    assert all(a.equal(b) for a, b in zip(model.parameters(), bare.parameters(), strict=True))
    torch.manual_seed(1)
    history = trained(model, loader(shuffle=True))
    torch.manual_seed(1)
    optimizer, losses = sgd(bare), []
    for _ in range(3):
        bare.train()
        for x, y in loader(shuffle=True):
            loss = F.cross_entropy(bare(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert history.batch_loss == losses
    assert all(a.equal(b) for a, b in zip(model.parameters(), bare.parameters(), strict=True))


def test_epoch_means_weigh_images_not_batches():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    before = copy.deepcopy(model)
    history = trained(model, loader(batch_size=50), lr=0.0, epochs=1)
    logits = before(images)
    assert history.train_loss[0] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    right = (logits.argmax(1) == labels).float().mean().item()
    assert history.train_accuracy[0] == pytest.approx(right)
    assert history.images == [60] and history.images_per_second > 0


def test_learns_and_keeps_the_best_weights():
    model = net()
    history = trained(model, loader(), loader(), epochs=15)
    assert history.epochs == 15 and history.train_loss[-1] < 0.7 * history.train_loss[0]
    best = net()
    best.load_state_dict(history.best_weights)
    assert evaluate(best, loader())[1] == pytest.approx(max(history.val_accuracy))
    assert history.val_accuracy[history.best_epoch - 1] == max(history.val_accuracy)


def test_evaluate_and_predict_equal_a_single_forward_pass():
    model = net().train()
    loss, accuracy = evaluate(model, loader(batch_size=7))
    assert model.training, "left as it was"
    model.eval()
    logits = model(images)
    assert loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert accuracy == pytest.approx((logits.argmax(1) == labels).float().mean().item())
    torch.testing.assert_close(predict(model, loader(batch_size=7)), logits.detach())


def test_schedulers_step_when_they_should():
    model = net()
    optimizer, counter = sgd(model), Mock()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    history = trained(model, loader(), optimizer=optimizer, scheduler=schedule,
                      batch_scheduler=counter)
    assert history.lr == pytest.approx([0.1, 0.05, 0.025])
    assert counter.step.call_count == 3 * 4


def test_plateau_gets_the_validation_loss():
    model = net()
    optimizer = sgd(model, lr=0.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.0)
    history = trained(model, loader(), loader(), optimizer=optimizer, scheduler=plateau)
    assert plateau.best == pytest.approx(min(history.val_loss)) and plateau.last_epoch == 3


def test_says_what_it_does(capsys, standin):
    model = net()
    history = trained(model, loader(), loader(), epochs=2, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch  2 | training loss")
    assert "| validation" in lines[1]
    assert max(map(len, lines)) <= 88, "fits the page"
    assert "2 epochs" in repr(history) and history.source == ""
    history = trained(LeNet(), standin.train.take(64).batches(32), epochs=1)
    assert history.source == standin.source and capsys.readouterr().out == ""


def stopped(model, train, **settings) -> TrainingStopped:
    with pytest.raises(TrainingStopped) as caught:
        trained(model, train, **settings)
    assert isinstance(caught.value.history, History)
    return caught.value


def test_a_loss_that_is_not_finite():
    problem = stopped(net(), loader(), lr=1e30, epochs=5)
    assert "no longer a finite number" in str(problem) and "try a tenth" in str(problem)


def test_nan_deep_in_a_long_epoch_is_seen_before_its_end():
    served = []

    def endless():
        while True:
            served.append(1)
            yield images * (float("nan") if len(served) > 60 else 1), labels

    stopped(net(), endless())
    assert 60 < len(served) <= 101


def test_a_loader_that_raises_keeps_the_finished_epochs():
    calls = []

    class Broken:
        def __iter__(self):
            calls.append(1)
            yield images, labels
            if len(calls) == 3:
                raise OSError("disk gone")

    problem = stopped(net(), Broken(), epochs=5)
    assert "epoch 3, batch 1: the training data raised OSError: disk gone" in str(problem)
    assert problem.history.epochs == 2 and problem.history.best_weights
    assert isinstance(problem.__cause__, OSError)


def refused(size):
    raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes")


@pytest.mark.parametrize("allocate, which", [(refused, "device"), (torch.empty, "computer")])
def test_out_of_memory(allocate, which):
    class Hungry(nn.Linear):
        def forward(self, x):
            return allocate(1 << 50)

    assert f"the {which} ran out of memory. Try a smaller" in str(stopped(Hungry(1, 1), loader()))


def test_wrong_width_is_one_sentence(standin):
    for outputs in (7, 11):
        problem = stopped(LeNet(classes=outputs), standin.train.take(64).batches(32))
        assert f"shape (32, {outputs}), but one number for each of the 10 classes" in str(problem)
    with pytest.raises(ValueError, match="one number for each of the 10 classes"):
        evaluate(LeNet(classes=7), standin.test.take(10))


def test_a_view_that_mixes_images():
    class Mixing(nn.Sequential):
        def forward(self, x):
            return super().forward(x.view(-1, 8))

    assert "32 outputs for 16 labels" in str(stopped(Mixing(nn.Linear(8, 2)), loader()))


def test_another_error_in_the_model_says_where():
    problem = stopped(nn.Sequential(nn.Flatten(), nn.Linear(15, 2)), loader())
    assert "epoch 1, batch 1: RuntimeError" in str(problem) and problem.__cause__ is not None


@pytest.mark.parametrize("train, words", [
    ([], "gave no batch"), (None, "cannot be iterated over"),
    (iter([(images, labels)]), "can be used up once only")])
def test_no_data(train, words):
    assert words in str(stopped(net(), train))


def test_nothing_to_evaluate_on():
    with pytest.raises(ValueError, match="no image to evaluate on"):
        evaluate(net(), [])


@pytest.mark.slow
def test_ctrl_c_returns_the_history(tmp_path):
    """A real interrupt, sent to a real process in the middle of an epoch."""
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent("""
        import torch, time
        from torch import nn
        from helpers import fit
        class Slow:
            epoch = 0
            def __iter__(self):
                self.epoch += 1
                for _ in range(5):
                    if self.epoch == 3:
                        print("ready", flush=True)
                        time.sleep(30)
                    yield torch.randn(4, 2), torch.tensor([0, 1, 0, 1])
        model = nn.Linear(2, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        history = fit(model, Slow(), epochs=9, optimizer=optimizer, verbose=False)
        print("epochs", history.epochs)
    """))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Interrupted in epoch 3. The 2 finished epochs" in out and "epochs 2" in out
