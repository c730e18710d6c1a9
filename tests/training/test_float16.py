"""Training in float16, as on a GPU without bfloat16: the loss is scaled, all else is as it was."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from support import noise
from test_checkpoint import Killing, equal_weights
from torch import nn

from helpers import BNLeNet, FastResNet, evaluate, fit, half_precision, resnet_recipe, set_seed
from helpers.training import archive
from helpers.training.checkpoint import BadCheckpoint, Checkpoint
from helpers.training.scaling import scaler_for

SMALL = 1e-7  # gradients of about this size are 0 in float16: its smallest number is 6e-8


def dense():
    set_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))


def moved(autocast, factor=1.0, scaled=True, monkeypatch=None):
    """How far one epoch moves the weights of a dense layer, by a loss that is made small."""
    if not scaled:
        monkeypatch.setattr("helpers.training.fit.scaler_for",
                            lambda device, kind: scaler_for(device, None))
    model = dense()
    before = [p.detach().clone() for p in model.parameters()]
    fit(model, noise(64).batches(16), epochs=1, verbose=False, autocast=autocast,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01 / factor),
        loss_fn=lambda logits, labels: factor * F.cross_entropy(logits, labels))
    return torch.cat([(p.detach() - q).flatten()
                      for p, q in zip(model.parameters(), before, strict=True)])


def test_a_step_in_float16_is_nearly_that_of_float32():
    exact, rough = moved(None), moved(torch.float16)
    assert (rough - exact).norm() < 0.01 * exact.norm()


def test_gradients_too_small_for_float16_arrive_by_scaling_alone(monkeypatch):
    exact = moved(None, SMALL)
    scaled = moved(torch.float16, SMALL)
    lost = moved(torch.float16, SMALL, scaled=False, monkeypatch=monkeypatch)
    assert (scaled - exact).norm() < 0.3 * exact.norm()
    assert (lost - exact).norm() > 0.9 * exact.norm(), "without it, next to nothing is left"


def test_other_types_are_not_scaled():
    for kind in (None, torch.bfloat16):
        scaler, loss = scaler_for(torch.device("cpu"), kind), torch.ones(())
        assert not scaler.is_enabled() and scaler.scale(loss) is loss


def test_a_factor_too_large_leaves_steps_out_and_training_goes_on():
    model = dense()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fit(model, noise(64).batches(8), epochs=3, verbose=False, autocast=torch.float16,
                      optimizer=torch.optim.SGD(model.parameters(), lr=1e-6),
                      loss_fn=lambda logits, labels: 1e4 * F.cross_entropy(logits, labels))
    assert all(p.isfinite().all() for p in model.parameters()) and history.epochs == 3
    assert history.train_loss[-1] < history.train_loss[0], "steps are taken in the end"


def run(path, killed_after=None, epochs=2, autocast=torch.float16, batch=16):
    set_seed(1)
    model = BNLeNet()
    batches = noise(96).batches(batch)
    if killed_after:
        batches = Stopping(batches, killed_after)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    history = fit(model, batches, epochs=epochs, verbose=False, optimizer=optimizer,
                  autocast=autocast, loss_fn=lambda z, y: 100 * F.cross_entropy(z, y),
                  checkpoint=Checkpoint(path, every=1) if path else None)
    return model, history


class Stopping(Killing):
    """Batches that stop with Ctrl-C instead of killing this process."""

    def __iter__(self):
        for batch in self.batches:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            yield batch


@pytest.mark.parametrize("after", [1, 4, 8])
def test_a_stopped_run_goes_on_bit_for_bit(after, tmp_path):
    model, history = run(None)
    run(tmp_path / "run.pt", killed_after=after)
    assert archive.read(tmp_path / "run.pt")["scaler"]["scale"] < 2.0 ** 12, "it has been halved"
    again, continued = run(tmp_path / "run.pt")
    assert continued.batch_loss == history.batch_loss
    assert equal_weights(again.state_dict(), model.state_dict())


def test_another_half_precision_of_the_same_device_is_refused(tmp_path):
    run(tmp_path / "run.pt", epochs=1)
    with pytest.raises(BadCheckpoint, match="autocast"):
        run(tmp_path / "run.pt", autocast=torch.bfloat16)


def test_from_a_device_with_a_scaler_to_one_without_and_back(tmp_path):
    path = tmp_path / "run.pt"
    for first, second in ((torch.float16, None), (None, torch.float16)):
        path.unlink(missing_ok=True)
        run(path, epochs=1, autocast=first)
        content = archive.read(path)
        content["settings"]["device"] = "cuda"
        archive.write(content, path)
        with pytest.warns(UserWarning, match="saved on cuda and goes on on cpu"):
            assert run(path, autocast=second)[1].epochs == 2


def test_a_damaged_scaler_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    run(path, epochs=1)
    content = archive.read(path)
    content["scaler"] = {"scale": "large"}
    archive.write(content, path)
    with pytest.raises(BadCheckpoint, match="scaler"):
        run(path)


@pytest.mark.parametrize("generation, kind", [
    ((6, 1), None), ((7, 0), torch.float16), ((7, 5), torch.float16), ((8, 0), torch.bfloat16),
    ((9, 0), torch.bfloat16), ((12, 0), torch.bfloat16)])
def test_each_generation_of_gpus_gets_its_type(generation, kind, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: generation)
    assert half_precision("cuda") is kind


def by_recipe(kind, fused=True):
    set_seed(0)
    model = FastResNet((8, 8, 16))
    recipe = resnet_recipe(model, 12, max_lr=0.05) | {"autocast": kind}
    if not fused:
        recipe["optimizer"].param_groups[0]["fused"] = False
        recipe["optimizer"].param_groups[1]["fused"] = False
        recipe["optimizer"]._step_supports_amp_scaling = False
    return fit(model, noise(64).batches(16), epochs=3, verbose=False, **recipe).batch_loss


def test_the_recipe_of_the_course_trains_in_it():
    exact, rough = by_recipe(None), by_recipe(torch.float16)
    assert rough[:2] == pytest.approx(exact[:2], rel=0.01)
    assert sum(rough[8:]) == pytest.approx(sum(exact[8:]), rel=0.1), "later runs part: chaos"
    assert rough == pytest.approx(by_recipe(torch.float16, fused=False), rel=1e-3), (
        "a fused step takes the factor off by itself")


def test_evaluation_in_float16_gives_float32():
    model, data = BNLeNet(), noise(40)
    exact, rough = evaluate(model, data), evaluate(model, data, autocast=torch.float16)
    assert rough[0] == pytest.approx(exact[0], rel=0.02)
