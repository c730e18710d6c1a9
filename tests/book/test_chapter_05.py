"""Chapter 5: LeNet and the loop by hand, its settings, and its run on the real images."""

import os
import re
from types import SimpleNamespace

import nbformat
import pytest
import torch
import torch.nn.functional as F
from nbclient import NotebookClient
from support import ROOT, define, from_one_seed
from torch import nn

import helpers
from helpers import ImageSet, LeNet, fit, set_seed


@pytest.mark.parametrize("channels, classes, width", [(1, 10, 1), (3, 10, 1), (3, 7, 2)])
def test_lenet_by_hand_is_the_one_of_helpers(channels, classes, width):
    by_hand = define("05", "lenet", nn=nn, F=F, device=torch.device("cpu"))["LeNet"]
    mine, ours = from_one_seed((by_hand, LeNet), channels, classes, width)
    assert list(mine.state_dict()) == list(ours.state_dict())
    images = torch.randn(4, channels, 32, 32)
    assert mine(images).equal(ours(images)) and ours(images).shape == (4, classes)


def test_loop_by_hand_gives_exactly_the_losses_of_fit(standin):
    train_by_hand = define("05", "train-by-hand", torch=torch, F=F,
                           device=torch.device("cpu"))["train_by_hand"]
    batches = standin.train.take(3_000).batches(64)

    def start():
        set_seed(3)
        model = LeNet()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        return model, optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05,
                                                                     total_steps=2 * len(batches))

    model, optimizer, schedule = start()
    by_hand = train_by_hand(model, batches, 2, optimizer, schedule)
    twin, optimizer, schedule = start()
    history = fit(twin, batches, epochs=2, optimizer=optimizer, batch_scheduler=schedule,
                  verbose=False)
    assert by_hand == history.batch_loss and len(by_hand) == 2 * 47
    assert all(a.equal(b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


def test_the_chapter_and_the_benchmark_train_alike():
    """The settings written out at the top of the chapter are those of `helpers.lenet_recipe`."""
    images, third = torch.zeros(15_000, 1, 1, 1, dtype=torch.uint8), torch.ones(1) / 3
    data = ImageSet(images, images.long().flatten(), ("a",), third, third, "test")
    model = LeNet()
    names = define("05", "train", data=SimpleNamespace(train=data, val=data), model=model,
                   SGD=torch.optim.SGD, OneCycleLR=torch.optim.lr_scheduler.OneCycleLR,
                   monitor=None, budget=lambda smoke, cpu, gpu: cpu,
                   fit=lambda model, train, val, **settings: settings)
    written, train = names["history"], names["train"]
    assert written["monitor"] is None, "the one that the cell before shows"
    assert written["epochs"] == 4 and (train.batch_size, train.num_samples) == (64, 15_000)
    for name, ours in helpers.lenet_recipe(model, 4 * len(train)).items():
        a, b = written[name].state_dict(), ours.state_dict()
        a.pop("_anneal_func_type", None), b.pop("_anneal_func_type", None)
        assert a == b


def run_on_the_real_images(folder: str, until: str | None) -> dict[str, str]:
    """Run the chapter in the `cpu` profile up to the cell `until`; return what each cell prints."""
    path = ROOT / "book" / "05_lenet_on_cifar10.ipynb"
    notebook = nbformat.read(path, 4)
    if until:
        last = next(i for i, c in enumerate(notebook.cells) if c.id == until)
        notebook.cells = notebook.cells[:last + 1]
    environment = {**os.environ, "COURSE_PROFILE": "cpu", "COURSE_DATA": folder, "CI": "true"}
    NotebookClient(notebook, timeout=600,
                   resources={"metadata": {"path": str(path.parent)}}).execute(env=environment)
    code = (c for c in notebook.cells if c.cell_type == "code")
    return {c.id: "".join(o.get("text", "") for o in c.outputs) for c in code}


@pytest.mark.parametrize("until", [
    pytest.param("band", id="training"),
    pytest.param(None, id="whole", marks=pytest.mark.long),
])
def test_the_chapter_on_the_real_images(real_folder, until):
    """One run is in its band, of which the number of threads is part as the seed is."""
    text = run_on_the_real_images(real_folder, until)["band"]
    assert re.match(r"[\d.]+ % is inside the band", text) and "CIFAR-10" in text, text
    assert helpers.read_json("lenet.json")["ours"]["accuracy"] >= 0.54  # over three seeds
