"""Training on a card that is pretended: where tensors are, and how often Python waits for them."""

from functools import partial

import pretended
import pytest
import torch
from support import noise

import helpers
from helpers import (
    Checkpoint,
    FastResNet,
    LeNet,
    Mixup,
    TrainingStopped,
    class_accuracy,
    color_jitter,
    cutout,
    diagnose,
    evaluate,
    fit,
    lenet_recipe,
    predict,
    random_crop,
    random_flip,
    random_resized_crop,
    resnet_recipe,
    set_seed,
)

ALL = (random_resized_crop, partial(color_jitter, brightness=0.5, contrast=0.5, saturation=0.5),
       random_crop, random_flip, cutout)


def moved(images, device):
    return helpers.data.ImageSet(*(part.to(device) for part in (images.images, images.labels)),
                                 images.classes, images.mean.to(device), images.std.to(device),
                                 images.source)


def test_the_pretended_card_is_as_strict_as_a_true_one():
    with pretended.card():
        there, here = torch.rand(3, device="cuda"), torch.rand(3)
        assert there.device.type == "cuda" and (there + 1).is_cuda and not there.cpu().is_cuda
        assert torch.equal((2 * there).cpu(), 2 * there.cpu())
        for wrong in (lambda: there + here, lambda: here[there > 0.5], lambda: torch.where(
                there > 0.5, here, here), lambda: torch.stack([there.sum(), here.sum()])):
            with pytest.raises(RuntimeError, match="same device"):
                wrong()
        with pytest.raises(TypeError, match=r"Tensor\.cpu\(\)"):
            there.numpy()
        there[torch.tensor([0, 2])]  # numbers of the CPU may choose among those of the card
        there * here.sum()           # and one number may stand beside them
    assert not torch.cuda.is_available() or torch.cuda.device_count()


def trained(device, augment):
    set_seed(0)
    images = moved(noise(60), device)
    model = LeNet().to(device)
    train = images.batches(20, augment=augment)
    history = fit(model, train, images, epochs=2, verbose=False,
                  **lenet_recipe(model, 2 * len(train)))
    loss, accuracy = evaluate(model, images)
    preds = predict(model, images).argmax(1)
    return [*history.batch_loss, *history.val_loss, loss, accuracy,
            *class_accuracy(preds, images.labels, 10).tolist()]


@pytest.mark.parametrize("augment", [(), *((one,) for one in ALL), ALL])
def test_a_run_on_the_card_is_that_on_the_cpu(augment):
    here = trained("cpu", augment)
    with pretended.card():
        there = trained("cuda", augment)
    assert there == pytest.approx(here, rel=1e-5)


@pytest.mark.parametrize("wrap", [lambda batches: batches, Mixup])
def test_fit_does_not_wait_for_the_card_at_each_batch(wrap):
    def waits(batches):
        with pretended.card() as found:
            images = moved(noise(10 * batches), "cuda")
            model = FastResNet(widths=(4, 4, 4)).to("cuda")
            train = wrap(images.batches(10, augment=[
                random_crop, random_flip, cutout, random_resized_crop]))
            settings = resnet_recipe(model, batches) | {"autocast": None}
            found.clear()
            fit(model, train, epochs=1, verbose=False, **settings)
            return len(found)

    assert waits(20) == waits(10)


def test_a_checkpoint_of_the_card_is_gone_on_from(tmp_path):
    class Cut(list):
        def __iter__(self):
            yield from self[:3]
            raise RuntimeError("the power is off")

    def run(loader=list, **settings):
        set_seed(0)
        images = moved(noise(50), "cuda")
        model = LeNet().to("cuda")
        fit(model, loader(images.batches(10, shuffle=False)), epochs=1, verbose=False,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), **settings)
        return [p.detach().cpu() for p in model.parameters()]

    with pretended.card():
        whole, file = run(), tmp_path / "run.pt"
        with pytest.raises(TrainingStopped, match="power"):
            run(Cut, checkpoint=Checkpoint(file, every=1))
        torch.testing.assert_close(run(checkpoint=Checkpoint(file)), whole, rtol=0, atol=0)


def test_diagnose_looks_at_a_model_on_the_card():
    with pretended.card():
        images = moved(noise(20), "cuda")
        model = LeNet().to("cuda")
        batch = next(iter(images.batches(20)))
        diagnose(model, batch, optimizer=torch.optim.SGD(model.parameters(), lr=0.05))
