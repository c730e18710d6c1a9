"""What a chapter builds by hand and `helpers` gives afterwards must be the same thing."""

import inspect
import math
import os
import re

import nbformat
import pytest
import torch
import torch.nn.functional as F
from nbclient import NotebookClient
from support import ROOT, define
from torch import nn

import helpers
from helpers import LeNet, fit, set_seed
from tools.notebooks import cell


@pytest.mark.parametrize("channels, classes, width", [(1, 10, 1), (3, 10, 1), (3, 7, 2)])
def test_lenet_by_hand_is_the_one_of_helpers(channels, classes, width):
    by_hand = define("05", "lenet", nn=nn, F=F)["LeNet"]
    set_seed(0)
    mine = by_hand(channels, classes, width)
    set_seed(0)
    ours = LeNet(channels, classes, width)
    assert list(mine.state_dict()) == list(ours.state_dict())
    images = torch.randn(4, channels, 32, 32)
    assert mine(images).equal(ours(images)) and ours(images).shape == (4, classes)


def test_loop_by_hand_gives_exactly_the_losses_of_fit(standin):
    train_by_hand = define("05", "train-by-hand", F=F,
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


def test_chapter_5_and_the_benchmark_train_alike(standin):
    """The settings written out at the top of chapter 5 are those of `helpers.lenet_recipe`."""
    source = cell("05", "train")
    model = LeNet()
    names = {"data": standin, "model": model, "SGD": torch.optim.SGD, "monitor": None,
             "budget": lambda smoke, cpu, gpu: cpu,
             "OneCycleLR": torch.optim.lr_scheduler.OneCycleLR,
             "fit": lambda model, train, val, **settings: settings}
    exec(source, names)
    written, train = names["history"], names["train"]
    assert written["monitor"] is None, "the one that the cell before shows"
    assert written["epochs"] == 4 and (train.batch_size, train.num_samples) == (64, 15_000)
    for name, ours in helpers.lenet_recipe(model, 4 * len(train)).items():
        a, b = written[name].state_dict(), ours.state_dict()
        a.pop("_anneal_func_type", None), b.pop("_anneal_func_type", None)
        assert a == b


def test_the_table_of_chapter_5_cites_what_was_measured():
    cells = nbformat.read(ROOT / "book" / "05_lenet_on_cifar10.ipynb", 4).cells
    (table,) = (c.source for c in cells if "## What each change bought" in c.source)
    measured = helpers.read_json("lenet.json")
    for name in ("classic", "ours"):
        run = measured[name]
        row = (f"{100 * run['accuracy']:.1f} ± {100 * run['accuracy_spread']:.1f} % | "
               f"{run['images']:,} | {run['seconds']:.0f} s")
        assert row in table, row


def test_the_table_of_chapter_4_cites_what_was_measured():
    cells = nbformat.read(ROOT / "book" / "04_pooling.ipynb", 4).cells
    (table,) = (c.source for c in cells if "| network | accuracy | moved by 1 |" in c.source)
    for name, columns in helpers.read_json("pooling.json")["lowest and highest"].items():
        row = " | ".join(f"{100 * low:.1f} to {100 * high:.1f}" for low, high in columns.values())
        assert f"| {name} | {row} |" in table


def test_the_tables_of_chapter_6_cite_what_was_measured():
    text = "\n".join(c.source
                     for c in nbformat.read(ROOT / "book" / "06_batch_normalization.ipynb", 4).cells
                     if c.cell_type == "markdown")
    found = helpers.read_json("batch_norm.json")["lowest and highest"]

    def percent(name):
        low, high = (f"{100 * value:.1f}" for value in found[name])
        return f"{low} to {high}" if low != high else low

    for rate in (0.01, 0.05, 0.2, 0.8, 3.2):
        row = [str(rate), *(percent(f"{kind} at {rate}") for kind in ("LeNet", "BNLeNet"))]
        assert f"| {' | '.join(row)} |" in text
    for name in ("LeNet, 8 epochs", "BN-LeNet, 8 epochs", "after the activation"):
        assert percent(name) in text, name


@pytest.mark.parametrize("width, channels", [(1, 3), (2, 1)])
def test_bnlenet_by_hand_is_the_one_of_helpers(width, channels):
    by_hand = define("06", "bn-lenet", nn=nn, F=F)["BNLeNet"]
    set_seed(0)
    mine = by_hand(channels, 10, width)
    set_seed(0)
    ours = helpers.BNLeNet(channels, 10, width)
    images = torch.randn(4, channels, 32, 32)
    assert mine(images).equal(ours(images)) and list(mine.state_dict()) == list(ours.state_dict())


@pytest.mark.parametrize("shape", [(16, 3), (8, 4, 5, 5), (3, 2, 1, 7)])
def test_batch_norm_by_hand_is_pytorchs_over_many_steps(shape):
    names = define("06", "batch-axes", torch=torch, F=F, normalize=lambda x, axes: (
        x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + 1e-5).sqrt())
    names["nn"] = nn
    exec(cell("06", "batch-norm"), names)
    mine, theirs = names["BatchNorm"](shape[1]), (nn.BatchNorm1d if len(shape) == 2
                                                  else nn.BatchNorm2d)(shape[1])
    for _ in range(20):
        x = 3 * torch.randn(shape) - 1
        torch.testing.assert_close(mine(x), theirs(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(mine.state_dict(), theirs.state_dict())
    torch.testing.assert_close(mine.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize("shape, kernel", [((6, 6), (3, 3)), ((5, 9), (1, 2)), ((7, 7), (7, 7))])
def test_corr2d_by_hand(shape, kernel):
    corr2d = define("02", "corr2d", torch=torch, image=torch.zeros(6, 6),
                    vertical=torch.zeros(3, 3))["corr2d"]
    x, k = torch.randn(shape), torch.randn(kernel)
    torch.testing.assert_close(corr2d(x, k), F.conv2d(x[None, None], k[None, None])[0, 0])


def test_sizes_and_fields_by_hand_are_those_of_helpers():
    out_size = define("03", "conv-out-size")["conv_out_size"]
    field = define("03", "receptive-field")["receptive_field"]
    pool_size = define("04", "pool-out-size", math=math)["pool_out_size"]
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        n, k, s, p, d = (int(torch.randint(1, high, (), generator=generator))
                         for high in (30, 6, 4, 4, 4))
        if d * (k - 1) < n + 2 * p:
            assert out_size(n, k, s, p, d) == helpers.conv_out_size(n, k, s, p, d)
        if 2 * p <= k and d * (k - 1) < n:
            for ceil in (False, True):
                assert pool_size(n, k, s, p, d, ceil) == helpers.pool_out_size(n, k, s, p, d, ceil)
        layers = torch.randint(1, 5, (3, 4), generator=generator).tolist()
        assert field(layers) == helpers.receptive_field(layers)


def test_kernels_written_out_in_chapter_2_are_those_of_helpers():
    names = define("02", "kernels", torch=torch,
                   vertical=torch.tensor(helpers.KERNELS["vertical"]))
    for name in ("horizontal", "sobel", "scharr", "laplacian"):
        assert names[name].tolist() == helpers.KERNELS[name]


def test_value_gradients_equal_pytorchs_on_random_expressions():
    names = define("01", "value")
    exec(cell("01", "value-operators"), names)
    exec(cell("01", "value-backward"), names)
    value, backward = names["Value"], names["backward"]
    generator = torch.Generator().manual_seed(0)
    operations = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - 2 * b, lambda a,
                  b: a / (b * b + 1),
                  lambda a, b: (a * 0.1) ** 3, lambda a, b: a.relu() + 1 - b]

    def build(leaves, steps):
        pool = list(leaves)
        for kind, i, j in steps:
            pool.append(operations[kind](pool[i % len(pool)], pool[j % len(pool)]))
        return pool[-1] + pool[0]

    for _ in range(200):
        numbers = torch.randn(3, generator=generator, dtype=torch.float64)
        steps = torch.randint(0, 6, (8, 3), generator=generator).tolist()
        mine, theirs = [value(x) for x in numbers.tolist()], [x.clone().requires_grad_()
                                                              for x in numbers]
        backward(build(mine, steps))
        build(theirs, steps).backward()
        for a, b in zip(mine, theirs, strict=True):
            assert a.grad == pytest.approx(0.0 if b.grad is None else b.grad.item(), rel=1e-9,
                                           abs=1e-12)


def test_the_scalar_autograd_has_the_size_that_the_chapter_says():
    text = "\n".join(cell("01", name)
                     for name in ("value", "value-operators", "value-backward"))
    assert len([line for line in text.splitlines() if line.strip()]) <= 60


def test_every_public_name_has_a_docstring():
    for name in helpers.__all__:
        assert inspect.getdoc(getattr(helpers, name)), name


@pytest.mark.parametrize("name", ["lenet", "lenet classic", "pooling max", "pooling blur moved",
                                  "bn lenet",
                                  "plain deepest", "residual deepest", "fast resnet", "best"])
def test_bands_that_chapters_ask_for_exist(name):
    helpers.expect_band(name, sum(helpers.read_json("bands.json")[name]["smoke, stand-in"]) / 2,
                        "stand-in")


def run_on_the_real_images(folder: str, until: str | None) -> dict[str, str]:
    """Run chapter 5 in the `cpu` profile, up to the cell `until`; return what each cell prints."""
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
def test_chapter_5_on_the_real_images(real_folder, until):
    """One run is in its band, of which the number of threads is part as the seed is."""
    text = run_on_the_real_images(real_folder, until)["band"]
    assert re.match(r"[\d.]+ % is inside the band", text) and "CIFAR-10" in text, text
    assert helpers.read_json("lenet.json")["ours"]["accuracy"] >= 0.54  # over three seeds
