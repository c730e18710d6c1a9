"""Numbers in the text of chapters are those that the benchmarks measured."""

import json
import os
import statistics
import subprocess
import sys
from itertools import pairwise

import pytest
from support import ROOT, text_of

from helpers import expect_band, read_json, show_ladder
from tools.notebooks import cell

LADDER = read_json("ladder.json")
STEPS = ("LeNet", "BN-LeNet", "ResNet", "crop and flip")  # the rungs that must not overlap


def row(*cells) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def span(low: float, high: float, digits: int = 1) -> str:
    low, high = f"{low:.{digits}f}", f"{high:.{digits}f}"
    return f"{low} to {high}" if low != high else low


def percent(low: float, high: float) -> str:
    return span(100 * low, 100 * high)


def mean_and_spread(values) -> str:
    mean, spread = 100 * statistics.mean(values), 100 * statistics.stdev(values)
    return f"{mean:.1f} ± {spread:.1f}".replace("-0.0 ", "0.0 ")


def pooling(found):
    runs = read_json("pooling.json")["by seed"]
    assert len(runs) >= 5
    for name, columns in found.items():
        yield row(name, *(mean_and_spread([run[name][of] for run in runs]) for of in columns))

    def ahead(one, other, of="accuracy"):  # in points, with each seed
        return sorted(round(100 * (run[one][of] - run[other][of])) for run in runs)

    assert ahead("max", "stride")[::4] == [6, 7] and ahead("average", "stride")[::4] == [5, 7]
    assert ahead("blur", "max")[::4] == [1, 4] and ahead("blur", "average")[0] > 0
    assert ahead("conv+stride", "stride") == [-2, -2, -2, 0, 2]
    assert ahead("max", "stride", "same, 1 px")[::4] == [2, 4]
    assert ahead("average", "max", "same, 1 px")[::4] == [6, 11]


def lenet_changes(found):
    for name, accuracy in found.items():
        yield row(name, percent(*accuracy))


def lenet_longer(found):
    for name in ("training", "validation"):
        yield f"{name} ends at {percent(*found[name])} %"


def lenet_classes(found):
    assert found["all"][1] - found["all"][0] < 0.03 and len(found) == 11
    for name in ("all", "frog", "dog", "bird"):
        yield f"from {percent(*found[name])} %"


def quiet_bug(found):
    for name, numbers in found.items():
        yield row(name, *(percent(*numbers[of]) for of in (
            "accuracy", "without at first", "without at the end")))


def batch_norm(found):
    for rate in (0.01, 0.05, 0.2, 0.8, 3.2):
        yield row(rate, *(percent(*found[f"{kind} at {rate}"]) for kind in ("LeNet", "BNLeNet")))
    for name in ("LeNet, 8 epochs", "BN-LeNet, 8 epochs", "sigmoids", "sigmoids, normalized"):
        yield percent(*found[name])


def batch_norm_turns(found):
    for rate in (0.1, 1.0):
        of = found[f"rate {rate}"]
        turns = (span(*of[name]) + "°" for name in ("first turn", "last turns"))
        yield row(rate, *turns, *(span(*of[name]) for name in ("first length", "last length")))


def batch_norm_why(found):
    for name in ("LeNet", "BN-LeNet", "noisy BN-LeNet"):
        yield row(name, span(*found[f"{name}, moved"], 2), percent(*found[f"{name}, accuracy"]))
    for name in ("LeNet", "BNLeNet"):
        yield row(name, *(span(*found[f"{name}, {what}"], 2) for what in (
            "loss falls by", "lowest at", "cosine at 0.1")))
    assert found["noisy BN-LeNet, accuracy"][0] > found["LeNet, accuracy"][1]


def batch_norm_order(found):
    yield from (percent(*accuracy) for accuracy in found.values())


def resnet(found):
    for depth in (8, 20, 56):
        runs = [found[f"{kind}, {depth}"] for kind in ("plain", "residual")]
        yield row(depth, *(said for run in runs for said in (span(*run["training loss"], 2),
                                                             percent(*run["accuracy"]))))


def without_blocks(found):
    for kind in ("plain", "residual"):
        for number in (0, 1, 2):
            left = found[f"{kind}, {number}"]
            yield row(kind, number, *(percent(*left[which]) for which in ("best", "mean", "worst")))
    whole, one = found["plain, 0"]["best"], found["plain, 1"]
    assert one["best"][1] < whole[1] * 2 / 3 and one["mean"][1] < 0.15, "as the text says"


def rounded(low: float, high: float) -> str:
    """Two digits, and all of those before the point."""
    ends = [f"{value:,.0f}" if value >= 100 else f"{value:.2g}" for value in (low, high)]
    return " to ".join(dict.fromkeys(ends))


def resnet_follow(found):
    for step in (0, 1, 5, 20, 80):
        both = (found[f"{kind}, step {step}"] for kind in ("plain", "residual"))
        yield row(step, *(rounded(*of[name]) for of in both
                          for name in ("ratio", "length", "turn")))


def transfer(found):
    for way in ("fine_tuned", "from_scratch", "on_features"):
        of = found[way]
        yield row(f"`{way}`", percent(*of["mean"]), percent(of["lowest"][0], of["highest"][1]))
    yield percent(*found["from scratch, up to 0.25"])


def augmentation(found):
    for name in ("as they are", "changed"):
        yield row(name, *(percent(*found[f"few, {name}"][of]) for of in ("training", "validation")))
    for part in ("under changes", "three epochs"):
        yield from (row(name, percent(*accuracy)) for name, accuracy in found[part].items())
    yield from (percent(*found["asked"][often]) for often in ("once", "twice"))


def augmentation_speed(found):
    assert found["times as fast in memory"][0] >= 5
    yield f"{span(*found['times as fast in memory'])} times"


def recipe(found):
    for name, accuracy in found["schedules"].items():
        yield row(name, percent(*accuracy))
    for way in ("constant", "falls", "warm-up", "warm-up, falls"):
        yield row(way, *(percent(*found["rate and warm-up"][way][rate])
                         if rate in found["rate and warm-up"][way] else ""
                         for rate in ("0.003", "0.01", "0.03", "0.1", "0.3")))
    yield from (row(name, percent(*accuracy)) for name, accuracy in found["short"].items())
    yield percent(*found["rate and warm-up"]["constant, clipped"]["0.3"])


def range_test(found):
    yield f"lowest point was between {span(*found['lowest at'], 2).replace('to', 'and')}"
    yield f"above a guess's from {span(*found['worse than a guess from'], 2)} on"


def nudges(found):
    for name, apart in found.items():
        yield row(name.split()[0], " to ".join(f"{value:.2g}" for value in apart))


def recipe_profile(found):
    for name, words in (("convolution", "took"), ("batch norm", "does little arithmetic, took")):
        yield f"{words} {span(*(100 * share for share in found[name]), 0)} %"


def averages(found):
    runs = read_json("averages.json")["by seed"]
    for name in found:
        if "buffers" not in name:
            yield row(name, *(f"{100 * run[name]:.1f}" for run in runs))
    gains = [100 * (run[kind] - run["the network"]) for run in runs
             for kind in ("mean", "moving average")]
    yield f"Between {min(gains):.1f} and {max(gains):.1f} points more"
    lost = [100 * (run["moving average, without `update_bn`"] - run["the network"])
            for run in runs]
    yield f"the moving average {min(lost):.0f} to {max(lost):.1f} points".replace("-0", "0")
    assert all(abs(run["moving average, averaged buffers"] - run["moving average"]) < 0.005
               for run in runs), "as the text says"


def recipe_speed(found):
    for net in ("FastResNet", "LeNet", "BNLeNet"):
        times = found[f"times as fast, {net}"]
        yield row(net, *(span(*times[name])
                         for name in ("channels_last", "bfloat16", "both", "compiled")))
    lenet, resnet = (span(*found[f"seconds to compile, {net}"], 0)
                     for net in ("BNLeNet", "FastResNet"))
    yield f"took {lenet} seconds for BN-LeNet and {resnet} for `FastResNet`"


def many_devices(found):
    for name in ("one process", "two processes"):
        yield f"{name} {percent(*found['one epoch'][name])} %"


def large_batches(found):
    for (name, accuracy), steps in zip(found.items(), (1880, 472, 472), strict=True):
        yield row(*name.split(", "), f"{steps:,}", percent(*accuracy))


MEASURED = [("04", pooling), ("05", lenet_changes), ("05", lenet_longer), ("05", lenet_classes),
            ("05c", quiet_bug), ("06", batch_norm), ("06a", batch_norm_turns),
            ("06b", batch_norm_why), ("06c", batch_norm_order), ("07", resnet),
             ("07", resnet_follow), ("07a", without_blocks), ("07b", transfer),
             ("08", augmentation), ("08a", augmentation_speed), ("09", recipe), ("09", range_test),
             ("09a", nudges), ("09b", recipe_profile), ("09b", recipe_speed), ("09c", averages),
             ("10", many_devices), ("10b", large_batches)]


@pytest.mark.parametrize("chapter, said", MEASURED)
def test_tables_cite_what_was_measured(chapter, said):
    measured, text = read_json(f"{said.__name__}.json"), text_of(chapter)
    assert measured["seeds"] >= 3 and "stand-in" not in measured["source"]
    for line in said(measured["lowest and highest"]):
        assert line in text, line


def test_chapter_9_compares_by_seed():
    """Differences of runs that share a seed, in points, as the text says them."""
    by_seed, text = read_json("recipe.json")["by seed"], text_of("09")
    rates, short = by_seed["rate and warm-up"], by_seed["short"]

    def gains(now, then):
        return [100 * (a - b) for a, b in zip(now, then, strict=True)]

    constant, falls, whole = (rates[way] for way in ("constant", "falls", "warm-up, falls"))
    for values, said, *wanted in (
            (gains(constant["0.01"], constant["0.1"]), "lie six to fourteen points", 6, 14),
            (gains(falls["0.03"], constant["0.03"]), "brings −1 to +5 points", -1, 5),
            (gains(whole["0.1"], constant["0.1"]), "11 to 17 points", 11, 17),
            (gains(whole["0.1"], falls["0.03"]), "at 0.03: 0.7 to 2.8", 0.7, 2.8)):
        digits = int(any(one != int(one) for one in wanted))
        assert [round(end, digits) for end in ends(values)] == wanted and said in text, said
    tuned = gains([2 * one for one in whole["0.1"]],
                  [a + b for a, b in zip(constant["0.01"], constant["0.03"], strict=True)])
    assert f"{statistics.mean(tuned) / 2:.0f} on average" in text
    plain = short["warm-up, falls, 0.1"]
    for name in ("gradients clipped at 1", "weight decay 0.0005"):
        one, two, three = (f"{gain:+.1f}".replace("-", "−") for gain in gains(short[name], plain))
        assert f"{one}, {two} and {three}" in text
    for name in ("label smoothing 0.1", "crop and flip", "the last three"):
        high, low = ends(gains(short[name], plain))
        assert f"{-low:.1f} to {-high:.1f}" in text, name


def ends(values):
    return min(values), max(values)


@pytest.mark.parametrize("chapter, names", [
    ("05", ["LeNet"]), ("06", ["LeNet", "BN-LeNet"]), ("07", ["LeNet", "BN-LeNet", "ResNet"]),
    ("08", list(LADDER["rungs"]))])
def test_the_rows_of_the_ladder_are_what_was_measured(chapter, names):
    shown = eval(cell(chapter, "ladder"), {"show_ladder": show_ladder})
    lines = str(shown).splitlines()
    assert len([line for line in lines if line.startswith("|")]) == 2 + len(names)
    for name in names:
        rung, speed = LADDER["rungs"][name], LADDER["speed"].get(name)
        accuracy = f"{100 * rung['accuracy']:.1f} ± {100 * rung['accuracy_spread']:.1f} %"
        cost = (f"{450_000 / speed:,.0f} s", f"{speed:,.0f}") if speed else ("the same",) * 2
        assert row(name, f"{rung['parameters']:,}", accuracy, *cost) in lines
    assert f"{LADDER['seeds']} seeds, {LADDER['source']}" in lines[-1]
    assert LADDER["hardware"] in lines[-1] and shown._repr_markdown_() == str(shown)


def test_the_ladder_has_no_other_rows():
    with pytest.raises(ValueError, match=r"no row 'AlexNet'\. There are: LeNet, BN-LeNet"):
        show_ladder(until="AlexNet")


def assert_steps_are_wide(rungs):
    """Means further apart than the seeds' standard deviations, and no seed the other way."""
    for lower, higher in pairwise(rungs[step] for step in STEPS):
        assert higher["accuracy"] - lower["accuracy"] > max(run["accuracy_spread"]
                                                            for run in (lower, higher))
        assert all(a < b for a, b in zip(lower["by_seed"], higher["by_seed"], strict=True))
        assert len(higher["by_seed"]) >= 3


@pytest.mark.parametrize("name", ["ladder.json", "ladder_standin.json"])
def test_each_step_of_the_ladder_is_wider_than_the_spread_of_seeds(name):
    assert_steps_are_wide(read_json(name)["rungs"])


def test_on_the_real_images_no_two_steps_overlap():
    for lower, higher in pairwise(LADDER["rungs"][step] for step in STEPS):
        assert max(lower["by_seed"]) < min(higher["by_seed"])


@pytest.mark.long
def test_the_ladder_holds_on_the_standin(tmp_path):
    """Run its rungs again, three seeds: each step beyond the spread of seeds."""
    subprocess.run([sys.executable, "benchmarks/ladder.py", "--stand-in", "--output",
                    str(tmp_path / "ladder.json")], cwd=ROOT, check=True, env=os.environ)
    assert_steps_are_wide(json.loads((tmp_path / "ladder.json").read_text("utf-8"))["rungs"])


def test_the_best_network_and_the_textbook():
    final, textbook = LADDER["final"], LADDER["textbook"]
    assert final["accuracy_mean"] >= 0.86 and final["seconds_mean"] <= 300
    assert len(final["runs"]) >= 3 and abs(textbook["seconds"] - final["seconds_mean"]) < 30
    times = final["images_per_second"] / textbook["images_per_second"]
    assert times >= 20
    for said in (f"{100 * final['accuracy_mean']:.1f} ± {100 * final['accuracy_stdev']:.1f} %",
                 f"{final['seconds_mean']:.0f} seconds", f"{100 * textbook['accuracy']:.1f} %",
                 f"{times:.0f} times"):
        assert said in text_of("08"), said


@pytest.mark.parametrize("name", [
    "lenet", "pooling max", "pooling blur moved", "bn lenet", "plain deepest",
    "residual deepest", "best"])
def test_bands_that_chapters_ask_for_exist(name):
    expect_band(name, sum(read_json("bands.json")[name]["smoke, stand-in"]) / 2, "stand-in")


def test_the_strengths_of_chapter_8_are_what_was_measured():
    for name, (run, *_) in read_json("strength.json")["by seed"].items():
        assert row(name, *(f"{100 * run[of]:.1f}" for of in ("plain", "validation"))) in text_of(
            "08"), name
