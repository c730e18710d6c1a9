"""Chapters' own cells, run for several seeds: the ranges that their tables cite.

    make bench, or: python benchmarks/chapters.py [pooling batch_norm …] [--seeds 3]

On the real CIFAR-10, in the `cpu` profile, each experiment in a process of its own; writes
helpers/measured/pooling.json and so on. The ladder and chapter 5 have benchmarks of their own.
"""

import json
import math
import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path

import matplotlib
import torch
import torch.nn.functional as F
from machine import measured_on
from torch import nn

import helpers

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # run as a script, Python looks into benchmarks/ only
EXPERIMENTS = {}


def experiment(chapter: str, first: Sequence[str], then: Sequence[str],
               changes: dict[str, str] | None = None, seeds: Sequence[int] = ()) -> Callable:
    """Decorate a function that returns the numbers of one seed, from the names of cells that ran.

    Cells are named by their ids: those of `first` run once, those of `then` again for every seed;
    `changes` are made to the text of the repeated ones. `seeds` replace the first of all numbers:
    the page's own run has seed 0, and those beside it should be others.
    """
    def register(collect: Callable[[dict], dict]) -> Callable[[dict], dict]:
        EXPERIMENTS[collect.__name__] = chapter, first, then, changes or {}, seeds, collect
        return collect
    return register


@experiment("04", ["set-up", "blur", "build", "moved"], ["shifts"], seeds=range(1, 6))
def pooling(names: dict) -> dict:
    """Small networks under shifts: the columns of the chapter's table, for each network."""
    return {kind: {"accuracy": right[0], "lost at 1 px": right[0] - right[1],
                   "lost at 6 px": right[0] - right[6],
                   "same, 1 px": same[1], "same, 6 px": same[6]}
            for kind, right, same in ((kind, names["accuracy"][kind], names["consistency"][kind])
                                      for kind in names["kinds"])}


@experiment("05", ["set-up", "lenet", "train-by-hand", "photos"], ["race-once", "classic", "race"])
def lenet_changes(names: dict) -> dict:
    """From the classic recipe to ours, one change at a time."""
    return {name: accuracy for name, (accuracy, _) in names["rows"].items()}


@experiment("05", ["set-up", "lenet"], ["longer"])
def lenet_longer(names: dict) -> dict:
    """LeNet for 36 short epochs: what it gets right of the images it trains on, and of others."""
    longer = names["longer"]
    return {"training": longer.train_accuracy[-1], "validation": longer.val_accuracy[-1],
            "training by epoch": list(longer.train_accuracy),
            "validation by epoch": list(longer.val_accuracy)}


@experiment("05", ["set-up"], ["untrained", "train"], seeds=range(1, 6))
def lenet_classes(names: dict) -> dict:
    """The first run of the chapter: accuracy of each class, and of all, on the test images."""
    data, preds = names["data"], names["predict"](names["model"], names["data"].test).argmax(1)
    found = helpers.class_accuracy(preds, data.test.labels, 10).tolist()
    return dict(zip(data.classes, found, strict=True)) | {"all": sum(found) / 10}


@experiment("05c", ["set-up", "mended"], ["quiet-bug"], seeds=range(5))
def quiet_bug(names: dict) -> dict:
    """A network with and without a ReLU after its last layer."""
    return {name: dict(zip(("accuracy", "without at first", "without at the end"), numbers,
                           strict=True)) for name, numbers in names["found"].items()}


@experiment("06", ["set-up", "sigmoid-lenet", "bn-lenet"], ["sigmoids", "rates", "race"])
def batch_norm(names: dict) -> dict:
    """Networks with sigmoids, learning rates that work, and a longer race."""
    evaluate, val = names["evaluate"], names["val"]
    run = {f"{kind} at {rate}": accuracy for kind, found in names["by_rate"].items()
           for rate, accuracy in zip(names["rates"], found, strict=True)}
    run["sigmoids"] = evaluate(names["trained"][False], val)[1]
    run["sigmoids, normalized"] = evaluate(names["trained"][True], val)[1]
    return run | {f"{name}, 8 epochs": history.val_accuracy[-1]
                  for name, history in names["race"].items()}


@experiment("06a", ["set-up"], ["turns"])
def batch_norm_turns(names: dict) -> dict:
    """How far kernels turn in a step, and how long they are, first and last, by rate."""
    return {f"rate {rate}": {"first turn": degrees[0], "last turns": sum(degrees[-10:]) / 10,
                             "first length": lengths[0], "last length": lengths[-1]}
            for rate, (lengths, degrees) in names["turned"].items()}


@experiment("06b", ["set-up", "seen", "shift", "noisy-norm", "trained-to", "walk"],
            ["shifts", "noisy", "walks"])
def batch_norm_why(names: dict) -> dict:
    """How far inputs move and what it costs, and walks along a gradient from equal losses."""
    run = {f"{name}, moved": moved for name, moved in names["shifts"].items()}
    run |= {f"{name}, accuracy": accuracy for name, accuracy in names["accuracies"].items()}
    for name, (losses, cosines) in names["walks"].items():
        run[f"{name}, loss at the start"] = losses[0]
        run[f"{name}, loss falls by"] = losses[0] - min(losses)
        run[f"{name}, lowest at"] = names["distances"][losses.index(min(losses))]
        run[f"{name}, cosine at 0.1"] = cosines[2]
    return run


@experiment("06c", ["set-up", "trained"], ["order"])
def batch_norm_order(names: dict) -> dict:
    """Normalization before and after the ReLU, both before the pooling."""
    return dict(names["by_order"])


@experiment("07", ["set-up", "residual-block"],
            ["stack", "depths", "residual-depths"])
def resnet(names: dict) -> dict:
    """Losses and accuracies of plain and residual networks by depth."""
    return {f"{kind}, {depth}": {"training loss": history.train_loss[-1],
                                 "accuracy": history.val_accuracy[-1]}
            for (kind, depth), history in names["runs"].items()}


_NOTED = """        recipe["batch_scheduler"].step()
        if step in marks:
            rows = (w.detach().flatten(1).double() for w in (before, second))
            turn = F.cosine_similarity(*rows).clamp(-1, 1).arccos().rad2deg().mean()
            followed[residual, step] = {"ratio": norms[1] / norms[-1],
                                        "length": before.norm().item(), "turn": turn.item()}
"""


@experiment("07", ["set-up", "gradient-norms"], ["stack", "follow"], {
    "how = budget(": "followed = {}\nhow = budget(",
    "        if step == marks[-1]:": ("            before = second.detach().clone()\n"
                                      "        if step > marks[-1]:"),
    '        recipe["batch_scheduler"].step()\n': _NOTED}, range(5))
def resnet_follow(names: dict) -> dict:
    """Gradients of the second layer by those of the last, its weights, and by how many degrees the
    step turns its kernels, in the first steps of training."""
    return {f"{'residual' if residual else 'plain'}, step {step}": found
            for (residual, step), found in names["followed"].items()}


@experiment("07a", ["set-up"], ["trained", "two-out"])
def without_blocks(names: dict) -> dict:
    """Accuracies of networks of 20 layers, whole and without one or two blocks."""
    return {f"{kind}, {number}": {"best": max(left), "worst": min(left),
                                  "mean": sum(left) / len(left)}
            for (kind, number), left in names["left"].items()}


@experiment("07b", ["set-up", "only", "ways"], ["teacher", "reached"])
def transfer(names: dict) -> dict:
    """From each teacher three ways to two other classes: means over the draws, and single draws."""
    found = {way: {"mean": sum(each) / len(each), "lowest": min(each), "highest": max(each)}
             for way, each in names["reached"].items()}
    names["set_seed"](names["seed"])
    model = helpers.FastResNet(classes=2).to(names["device"], memory_format=torch.channels_last)
    names["trained"](model, names["few"], epochs=90, size=50, max_lr=0.25)
    return found | {"from scratch, up to 0.25": names["evaluate"](model, names["test"])[1]}


@experiment("08", ["set-up"], ["few", "accuracy-under", "flip-average", "by-strength"])
def augmentation(names: dict) -> dict:
    """Accuracies with few images, on changed validation images, and under strong changes."""
    run = {f"few, {name}": {"training": history.train_accuracy[-1], "plain": plain,
                            "validation": history.val_accuracy[-1],
                            "gap": plain - history.val_accuracy[-1]}
           for name, (history, plain) in names["by_few"].items()}
    run["under changes"] = names["by_change"]
    run["asked"] = {"once": names["once"], "twice": names["twice"]}
    run["three epochs"] = names["by_strength"]
    return run


@experiment("08a", ["set-up", "photographs"], ["speeds"])
def augmentation_speed(names: dict) -> dict:
    """How many times as fast batches in memory are as a DataLoader."""
    loader, in_memory = names["speeds"].values()
    return {"times as fast in memory": in_memory / loader}


@experiment("09", ["set-up", "warmup-cosine", "decaying"],
            ["schedules-set-up", "schedules", "recipe", "grid", "bought"])
def recipe(names: dict) -> dict:
    """Accuracies by schedule; by highest rate, with and without a warm-up; by one change each."""
    train, warmup = names["recipe"], {"warmup": 0.2}
    runs = names["by_schedule"] | {"always 0.01": names["by_rate"]["always 0.01"]}
    by_rate = {way: {str(lr): names["grid"][way, lr][1] for lr in names["peaks"]}
               for way in names["ways"]}
    by_rate["constant"]["0.003"] = train(0.003)[1]
    by_rate["warm-up"] = {str(lr): train(lr, **warmup)[1] for lr in (0.1, 0.3)}
    by_rate["constant, clipped"] = {"0.3": train(0.3, clip=1.0)[1]}
    return {"schedules": {name: run.val_accuracy[-1] for name, run in runs.items()},
            "after one epoch": {name: run.val_accuracy[0]
                                for name, run in names["by_rate"].items()},
            "rate and warm-up": by_rate,
            "short": {name: accuracy for name, (_, accuracy) in names["bought"].items()},
            "short, training": {name: run.train_accuracy[-1]
                                for name, (run, _) in names["bought"].items()}}


@experiment("09", ["set-up"], ["range-test"])
def range_test(names: dict) -> dict:
    """Where the smoothed loss of the range test is lowest, and from where on it is a guess's."""
    tried, mean = names["tried"], names["smooth"](names["losses"])
    lowest = mean.index(min(mean))
    return {"lowest at": tried[lowest], "lowest loss": mean[lowest],
            "worse than a guess from": next(rate for rate, loss in zip(tried, mean, strict=True)
                                            if rate > tried[lowest] and loss > math.log(10))}


@experiment("09a", ["set-up"], ["nudge"], changes={
    "for count in (1, 2, 4, 8):": "found = {}\nfor count in (1, 2, 4, 8):",
    "    print(": "    found[f'{20 * count} steps'] = apart.item()\n    print("})
def nudges(names: dict) -> dict:
    """How far two trainings come apart of which one began with another first weight."""
    return names["found"]


@experiment("09b", ["set-up"], ["profile"])
def recipe_profile(names: dict) -> dict:
    """Shares of the time of a step of FastResNet: convolutions and batch normalization."""
    found = names["shares"](names["FastResNet"]())
    return {what: sum(share for share, key in found if what.replace(" ", "_") in key)
            for what in ("convolution", "batch norm")}


@experiment("09c", ["set-up"], ["averaged", "before", "update-bn"], changes={
    "def add_weights": "averaged = swa_utils.AveragedModel(model, use_buffers=True,\n"
    "    multi_avg_fn=swa_utils.get_ema_multi_avg_fn(decay=0.99))\n\ndef add_weights",
    "    moving.update_parameters(model)": "    moving.update_parameters(model)\n"
    "    averaged.update_parameters(model)"})
def averages(names: dict) -> dict:
    """Accuracies of a network and of its averaged weights, with whose statistics."""
    before, after = names["before"], names["after"]
    return {"the network": before["network"],
            "mean, without `update_bn`": before["mean"], "mean": after["mean"],
            "moving average, without `update_bn`": before["moving"],
            "moving average": after["moving"],
            "moving average, averaged buffers": names["evaluate"](names["averaged"],
                                                                  names["val"])[1]}


@experiment("09b", ["set-up", "profile", "speed"], ["speeds", "if-possible"])
def recipe_speed(names: dict) -> dict:
    """How many times as fast as float32 each setting is on three networks, and seconds to compile.

    The settings take turns, and the fastest of four turns counts: other programs only ever slow a
    turn, and seldom all turns of one setting.
    """
    from torch._inductor.utils import fresh_cache

    found = {}
    settings = {**names["settings"], "compiled": {"compiled": names["if_possible"]}}
    for net in (names["FastResNet"], helpers.LeNet, names["BNLeNet"]):
        fastest, first = dict.fromkeys(settings, 0.0), {}
        torch._dynamo.reset()  # or it would know the network from the time before
        with fresh_cache():    # and find its kernels
            for _ in range(4):
                for name, setting in settings.items():
                    images_per_second, seconds = names["speed"](net, **setting)
                    fastest[name] = max(fastest[name], images_per_second)
                    first.setdefault(name, seconds)
        found[f"times as fast, {net.__name__}"] = {name: each / fastest["float32"]
                                                   for name, each in fastest.items()}
        found[f"seconds to compile, {net.__name__}"] = first["compiled"]
    return found


@experiment("10", ["set-up"], ["one-process"])
def many_devices(names: dict) -> dict:
    """An epoch on one and on two processes: the latter are run here."""
    ranks = helpers.launch(helpers.workers.train_cifar, processes=2, epochs=1, seed=names["seed"])
    speed = sum(rank["images"] for rank in ranks) / ranks[0]["seconds"]
    return {"one epoch": {"one process": names["accuracy_here"],
                          "two processes": ranks[0]["accuracy"]},
            "times as fast in two processes": speed / names["history"].images_per_second}


@experiment("10b", ["set-up"], ["scaling", "lines", "lines-tested"])
def messages(names: dict) -> dict:
    """How much longer a message of 1 MB takes than one of 1 kB, and steps than by the model."""
    measured = names["measured"]
    return {"1 MB over 1 kB": names["mega"] / names["kilo"],
            **{f"step of {count} images over the model's":
               step / names["step_seconds"](2, 2 * count, names["compute"], names["message"],
                                            names["gradient_bytes"])
               for count, step in zip(names["batches"], measured["ddp"], strict=True)}}


@experiment("10b", ["set-up"], ["batch-and-rate"])
def large_batches(names: dict) -> dict:
    """Validation accuracy by batch and rate."""
    return dict(names["by_rule"])


def ranges(runs: list):
    """Return [lowest, highest] over the runs, of each number in their dictionaries."""
    if isinstance(runs[0], dict):
        return {name: ranges([run[name] for run in runs]) for name in runs[0]}
    return [min(runs), max(runs)]


def measure(what: str, seeds: int) -> None:
    """Run an experiment for each seed and write the ranges of its numbers."""
    from tools.notebooks import cell

    os.environ["COURSE_PROFILE"] = "cpu"
    matplotlib.use("Agg")
    chapter, first, then, changes, chosen, collect = EXPERIMENTS[what]
    names = {"torch": torch, "nn": nn, "F": F, "helpers": helpers, "set_seed": helpers.set_seed}
    for name in first:
        exec(cell(chapter, name), names)
    if names["data"].source == helpers.data.STAND_IN:
        sys.exit("This benchmark needs the real CIFAR-10: name its folder in COURSE_DATA.")
    runs = []
    for seed in chosen or range(seeds):
        for name in then:
            source = cell(chapter, name)
            for old, new in {"set_seed(0)": f"set_seed({seed})", **changes}.items():
                source = source.replace(old, new)
            exec(source, names)
        names["seed"] = seed
        runs.append(collect(names))
        print(what, seed, runs[-1], flush=True)
    record = {**measured_on(), "source": names["data"].source, "seeds": len(runs),
              "lowest and highest": ranges(runs), "by seed": runs}
    path = ROOT / "helpers" / "measured" / f"{what}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")


def main() -> int:
    """Measure what is asked for, or all; return how many experiments failed."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="*", help=f"of {', '.join(EXPERIMENTS)}")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    failed = 0
    for what in asked.experiments or EXPERIMENTS:
        process = get_context("spawn").Process(target=measure, args=(what, asked.seeds))
        process.start()
        process.join()
        failed += process.exitcode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
