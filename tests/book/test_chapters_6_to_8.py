"""Chapters 6 to 8: what they build by hand is in `helpers`, and their tables are what was measured.
"""

import json
import os
import subprocess
import sys
from functools import partial
from itertools import pairwise

import nbformat
import pytest
import torch
import torch.nn.functional as F
from support import ROOT, define
from torch import nn

import helpers
from helpers import set_seed

LADDER = helpers.read_json("ladder.json")
STEPS = ("LeNet", "BN-LeNet", "ResNet", "crop and flip")  # the rungs that must not overlap


def text_of(chapter: str) -> str:
    (path,) = (ROOT / "book").glob(f"{chapter}_*.ipynb")
    return "\n".join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == "markdown")


def with_seed(build, seed=3):
    set_seed(seed)
    return build()


def networks_of_chapter_7() -> dict:
    names = define("07", "residual-block", nn=nn, F=F)
    for name in ("stage", "resnet", "fast-resnet"):
        names |= define("07", name, **names)
    return names


@pytest.mark.parametrize("name, settings",
                         [("ResNet", {}), ("ResNet", {"blocks": 1, "widths": (8, 12, 16)}),
                          ("FastResNet", {}), ("FastResNet", {"widths": (4, 8)})])
def test_networks_by_hand_are_those_of_helpers(name, settings):
    mine, ours = (with_seed(lambda kind=kind: kind(**settings))
                  for kind in (networks_of_chapter_7()[name], getattr(helpers, name)))
    ours.load_state_dict(mine.state_dict())  # the layers are not all made in the same order
    assert list(mine.state_dict()) == list(ours.state_dict())
    images = torch.rand(4, 3, 32, 32)
    for mode in (True, False):
        torch.testing.assert_close(mine.train(mode)(images), ours.train(mode)(images), rtol=0,
                                   atol=0)


@pytest.mark.parametrize("channels, stride", [(6, 1), (9, 1), (6, 2)])
def test_the_block_by_hand_is_that_of_helpers(channels, stride):
    mine, ours = (with_seed(partial(kind, 6, channels, stride))
                  for kind in (networks_of_chapter_7()["ResidualBlock"], helpers.ResidualBlock))
    x = torch.randn(4, 6, 7, 7)
    assert mine(x).equal(ours(x)) and mine.eval()(x).equal(ours.eval()(x))


@pytest.mark.parametrize("name, settings", [
    ("random_flip", {"p": 0.3}), ("random_crop", {"padding": 3}), ("cutout", {"size": 5})])
def test_changes_by_hand_are_those_of_helpers(name, settings):
    mine = define("08", name.replace("_", "-"), torch=torch, F=F, many=torch.zeros(4, 3, 8, 8),
                  batch=torch.rand(16, 3, 32, 32),
                  set_seed=set_seed, show_images=lambda *_, **__: None)[name]
    for images in (torch.rand(50, 3, 9, 8), torch.randint(256, (50, 3, 9, 8), dtype=torch.uint8)):
        assert with_seed(lambda x=images: mine(x, **settings)).equal(
            with_seed(lambda x=images: getattr(helpers, name)(x, **settings)))


def test_asking_twice_by_hand_is_that_of_helpers():
    names = define("08", "flip-average", nn=nn, evaluate=lambda *_: (0, 0),
                   model=None, val=None)
    model, images = helpers.FastResNet().eval(), torch.rand(3, 3, 32, 32)
    assert names["FlipAverage"](model)(images).equal(helpers.FlipAverage(model)(images))


def row(name: str) -> str:
    """The row of the ladder as the chapters print it."""
    rung, speed = LADDER["rungs"][name], LADDER["speed"].get(name)
    accuracy = f"{100 * rung['accuracy']:.1f} ± {100 * rung['accuracy_spread']:.1f} %"
    cost = f"{450_000 / speed:,.0f} s | {speed:,.0f}" if speed else "the same | the same"
    return f"{name} | {rung['parameters']:,} | {accuracy} | {cost} |"


@pytest.mark.parametrize("chapter, names", [("06", ["LeNet", "BN-LeNet"]),
                                            ("07", ["LeNet", "BN-LeNet", "ResNet"]),
                                            ("08", list(LADDER["rungs"]))])
def test_the_rows_of_the_ladder_are_what_was_measured(chapter, names):
    text = text_of(chapter)
    for name in names:
        assert row(name) in text, row(name)


def assert_steps_are_wide(rungs):
    """Means are further apart than the seeds' standard deviations, and no seed goes the other way.
    """
    for lower, higher in pairwise(rungs[step] for step in STEPS):
        assert higher["accuracy"] - lower["accuracy"] > max(lower["accuracy_spread"],
                                                            higher["accuracy_spread"])
        assert all(a < b for a, b in zip(lower["by_seed"], higher["by_seed"], strict=True))
        assert len(higher["by_seed"]) >= 3


@pytest.mark.parametrize("name", ["ladder.json", "ladder_standin.json"])
def test_each_step_of_the_ladder_is_wider_than_the_spread_of_seeds(name):
    assert_steps_are_wide(helpers.read_json(name)["rungs"])


def test_on_the_real_images_no_two_steps_overlap():
    for lower, higher in pairwise(LADDER["rungs"][step] for step in STEPS):
        assert max(lower["by_seed"]) < min(higher["by_seed"])


def test_the_best_network_and_the_textbook():
    final, textbook = LADDER["final"], LADDER["textbook"]
    assert final["accuracy_mean"] >= 0.86 and final["seconds_mean"] <= 300 and len(
        final["runs"]) >= 3
    assert final["images_per_second"] >= 20 * textbook["images_per_second"]
    assert abs(textbook["seconds"] - final["seconds_mean"]) < 30
    text = text_of("08")
    for said in (f"{100 * final['accuracy_mean']:.1f} ± {100 * final['accuracy_stdev']:.1f} %",
                 f"{final['seconds_mean']:.0f} seconds", f"{100 * textbook['accuracy']:.1f} %",
                 f"{final['images_per_second'] / textbook['images_per_second']:.0f} times"):
        assert said in text, said


def percent(low: float, high: float) -> str:
    low, high = f"{100 * low:.1f}", f"{100 * high:.1f}"
    return f"{low} to {high}" if low != high else low


def test_the_tables_of_chapter_7_cite_what_was_measured():
    found, text = helpers.read_json("resnet.json")["lowest and highest"], text_of("07")
    for depth in (8, 20, 56):
        cells = []
        for kind in ("plain", "residual"):
            low, high = found[f"{kind}, {depth}"]["training loss"]
            cells += [f"{low:.2f} to {high:.2f}", percent(*found[f"{kind}, {depth}"]["accuracy"])]
        assert f"| {depth} | {' | '.join(cells)} |" in text
    for kind in ("plain", "residual"):
        blocks = found[f"without a block, {kind}"]
        row = [kind, *(percent(*blocks[name]) for name in ("whole", "best", "worst"))]
        assert f"| {' | '.join(row)} |" in text
    plain = found["without a block, plain"]
    assert plain["best"][1] < plain["whole"][0] / 2
    assert "more than half of the accuracy is gone" in text


def test_the_tables_of_chapter_8_cite_what_was_measured():
    found, text = helpers.read_json("augmentation.json")["lowest and highest"], text_of("08")
    for name in ("as they are", "changed"):
        run = found[f"few, {name}"]
        assert f"| {name} | {percent(*run['training'])} | {percent(*run['validation'])} |" in text
    for name, accuracy in found["under changes"].items():
        assert f"| {name} | {percent(*accuracy)} |" in text
    for name, accuracy in found["three epochs"].items():
        assert f"| {name} | {percent(*accuracy)} |" in text
    assert percent(*found["asked"]["once"]) in text and percent(*found["asked"]["twice"]) in text
    low, high = found["times as fast in memory"]
    assert low >= 5 and f"{low:.1f} to {high:.1f} times" in text


@pytest.mark.long
def test_the_ladder_holds_on_the_standin(tmp_path):
    """Run its rungs again, three seeds: each step beyond the spread of seeds."""
    output = tmp_path / "ladder.json"
    subprocess.run([sys.executable, "benchmarks/ladder.py", "--stand-in", "--output", str(output)],
                   cwd=ROOT,
                   check=True, env=os.environ)
    assert_steps_are_wide(json.loads(output.read_text(encoding="utf-8"))["rungs"])
