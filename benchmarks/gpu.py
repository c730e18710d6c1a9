"""The course on a GPU, beside the speed record's own code on the same images and the same card.

    make bench, or: python benchmarks/gpu.py [--parts opponent final …] [--seeds 5]
    python benchmarks/gpu.py --tiny [--device cpu]   all parts with few drawn images, for a trial

On the real CIFAR-10, in the `gpu` profile, each part in a process of its own:

* opponent: airbench94 (K. Jordan, 2024), by `python -m pip install airbench==0.1.8`. Its loader
  reads files in its own form, which are written here of the images that the course has.
* final: the cells of chapter 8 that train its last network, as a learner runs them.
* fit: `fit` over the bare loop, batches of 250 and of 1,000 with crop and flip.
* lenet: the classic loop against ours, by the functions of benchmarks/lenet.py.
* chapters: each notebook of the book in a kernel of its own: seconds, the card's memory, errors.
* nbval, tests: strict nbval, and the tests that need no site, by the command lines of
  tools/test.py.

Writes helpers/measured/gpu.json after each seed, notebook and part, so that a run that is cut off
leaves what it had, and prints what of all that must show, and whether it does. A trial writes
nothing but what --output names.
"""

import ast
import contextlib
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from importlib import metadata, util
from multiprocessing import get_context
from pathlib import Path
from xml.etree import ElementTree

import lenet
import matplotlib
import torch
from machine import measured_on

from helpers import FastResNet, load_cifar10, set_seed
from helpers.data import STAND_IN, ImageData, images, standin
from helpers.recipes import AUGMENT, merged, resnet_recipe
from helpers.timing import wait_for

ROOT = Path(__file__).resolve().parent.parent
# Run as a script, Python looks into benchmarks/ only; the tools import one another.
sys.path[:0] = [str(ROOT)]
sys.path.append(str(ROOT / "tools"))
RESULT = ROOT / "helpers" / "measured" / "gpu.json"
FINAL = ("47f600c0", "5a33768a")  # the cells of chapter 8 that train its last network
COLORS = re.compile(r"\x1b\[[0-9;]*m")
# What --tiny runs in place of the whole book and of all tests.
FEW_PAGES, ONE_PAGE = ("01b", "03a"), "book/01b_rule_of_your_own.ipynb"
FEW_TESTS = {"tests": "tests/test_profiles.py", "helpers": "helpers/profiles.py",
             "logical": "0"}


def photographs(asked: Namespace) -> ImageData:
    """Return CIFAR-10 where the work is done; a few drawn images for a trial."""
    if not asked.tiny:
        return load_cifar10(asked.device, verbose=False)
    x, y, *test = standin.draw(1_500, 300)
    return images.assemble([(x[:1_200], y[:1_200]), (x[1_200:], y[1_200:]), test],
                           standin.CLASSES, STAND_IN, asked.device)


def summary(runs: Sequence[dict]) -> dict:
    """Return runs by seed, with the mean and the standard deviation of each of their numbers."""
    means = {name: statistics.mean(run[name] for run in runs) for name in runs[0]}
    spreads = {f"{name} spread": statistics.stdev(run[name] for run in runs)
               for name in runs[0] if len(runs) > 1}
    return {"seeds": len(runs), **means, **spreads, "by seed": list(runs)}


# ── the opponent ──

def as_airbench(data: ImageData, folder: Path) -> None:
    """Write the files that airbench's loader reads: pixels (N, 32, 32, 3) as bytes, and labels."""
    folder.mkdir()
    for name, part in (("train", merged(data)), ("test", data.test)):
        torch.save({"images": part.images.permute(0, 2, 3, 1).contiguous().cpu(),
                    "labels": part.labels.cpu(), "classes": list(data.classes)},
                   folder / f"{name}.pt")


def last_row(printed: str) -> dict[str, float]:
    """Return what airbench's table says at the end of a run: accuracy, and seconds by its clock."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in printed.splitlines() if line.startswith("|")]
    for row in reversed(rows):
        found = dict(zip(rows[0], row, strict=True))
        if found["epoch"] == "eval":
            return {"accuracy": float(found["tta_val_acc"]),
                    "seconds": float(found["total_time_seconds"])}
    raise ValueError(f"airbench has printed no last row, but:\n{printed[-1000:]}")


def smaller(airbench) -> dict:
    """Return the settings of `train94` for a trial: a narrow network, few images a step."""
    widths = {"block1": 4, "block2": 8, "block3": 8}
    loader = airbench.CifarLoader("cifar10", batch_size=250, altflip=True,
                                  aug={"flip": True, "translate": 2})
    return {"train_loader": loader, "epochs": 1, "make_net": partial(airbench.make_net94, widths)}


def opponent(asked: Namespace) -> Iterator[dict]:
    """Train airbench94 with its own settings for each seed."""
    if util.find_spec("airbench") is None:
        print("The opponent is left out: python -m pip install airbench==0.1.8 installs it.")
        return
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        as_airbench(photographs(asked), Path("cifar10"))  # the name that its code has
        import airbench  # here: it sets cudnn.benchmark for the whole process

        runs, settings = [], smaller(airbench) if asked.tiny else {}
        airbench.warmup94(**settings)
        for seed in range(asked.seeds):
            torch.manual_seed(seed)
            wait_for(asked.device)
            started = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                airbench.train94(**settings)
            wait_for(asked.device)
            # the wall's seconds have loading and an evaluation after each epoch in them
            wall = time.perf_counter() - started
            runs.append({**last_row(printed.getvalue()), "wall seconds": wall})
            print("opponent", seed, runs[-1], flush=True)
            yield {"package": f"airbench {metadata.version('airbench')}", **summary(runs)}


# ── chapter 8's last run ──

def final_run(data: ImageData, seed: int, device: torch.device | str) -> dict[str, float]:
    """Run the cells that train chapter 8's last network; clock them whole, test included."""
    from tools.notebooks import cell

    set_up = ast.parse(cell("08", "set-up"))
    set_up.body = [line for line in set_up.body if isinstance(line, ast.Import | ast.ImportFrom)]
    names = {"data": data, "device": torch.device(device)}
    exec(compile(set_up, "set-up", "exec"), names)
    source = "\n".join(cell("08", name) for name in FINAL)
    if "set_seed(0)" not in source:
        raise ValueError("Chapter 8's last run is not seeded by set_seed(0): its seeds would all "
                         "be the same.")
    wait_for(device)
    started = time.perf_counter()
    exec(source.replace("set_seed(0)", f"set_seed({seed})"), names)
    wait_for(device)
    history = names["history"]
    return {"accuracy": names["accuracy"], "seconds": time.perf_counter() - started,
            "training seconds": sum(history.seconds),
            "images per second": history.images_per_second}


def final(asked: Namespace) -> Iterator[dict]:
    """Train chapter 8's last network for each seed."""
    data, runs = photographs(asked), []
    some = ImageData(data.train.take(1_000), data.val.take(1_000), data.test.take(1_000))
    final_run(some, 0, asked.device)  # as the opponent has a run to warm up
    for seed in range(asked.seeds):
        runs.append(final_run(data, seed, asked.device))
        print("final", seed, runs[-1], flush=True)
        yield summary(runs)


# ── loops ──

def fit_cost(asked: Namespace) -> Iterator[dict]:
    """Compare `fit` and the bare loop, on the network whose steps are the shortest."""
    data, found = photographs(asked), {}
    for size in (250, 1_000):
        def start(size: int = size) -> tuple:
            set_seed(0)
            model = FastResNet().to(asked.device, memory_format=torch.channels_last)
            train = data.train.batches(size, augment=AUGMENT)
            epochs = 1 if asked.tiny else size // 250
            return model, train, {"epochs": epochs, **resnet_recipe(model, epochs * len(train))}

        model, train, settings = start()
        lenet.bare(model, train, **settings)  # once, for nobody's clock
        found[f"batches of {size}"] = lenet.fit_over_bare(start, pairs=1 if asked.tiny else 12)
        print("fit", size, found[f"batches of {size}"], flush=True)
        yield found


def classic_loop(asked: Namespace) -> Iterator[dict]:
    """Let the classic loop and ours train LeNet, for three seeds."""
    contestants = {"classic": lenet.classic, "ours": lenet.ours}
    seeds = 1 if asked.tiny else 3
    yield {"seeds": seeds, **lenet.contest(photographs(asked), range(seeds), contestants)}


# ── the book ──

class CardMemory:
    """Looks at the card's memory while something runs: kernels, and what these start."""

    def __init__(self, device: str):
        self.device, self.peak, self._done = torch.device(device), 0, threading.Event()

    def __enter__(self):
        self._before = self._used()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._watch.join()

    def _used(self) -> int:
        if self.device.type != "cuda":
            return 0
        free, total = torch.cuda.mem_get_info(self.device)
        return total - free

    def _look(self) -> None:
        while not self._done.wait(0.05):
            self.peak = max(self.peak, self._used() - self._before)


def one_page(path: Path, device: str) -> dict:
    """Run a notebook; return its seconds, the memory of the card at most, and what went wrong."""
    import nbformat

    from tools.book import surroundings
    from tools.notebooks import run

    started, error = time.perf_counter(), ""
    with CardMemory(device) as memory:
        try:
            run(nbformat.read(path, 4), path.parent, surroundings())
        except Exception as problem:  # of a cell, of its kernel, or its time is over
            error = COLORS.sub("", f"{type(problem).__name__}: {problem}")[-2_000:]
    return {"seconds": round(time.perf_counter() - started, 2),
            "gigabytes": round(memory.peak / 1e9, 2), "error": error}


def chapters(asked: Namespace) -> Iterator[dict]:
    """Run each notebook of the book in a kernel of its own, one after the other."""
    found = {}
    pages = sorted((ROOT / "book").glob("*.ipynb"))
    print(f"{'page':30}{'seconds':>9}{'GB':>7}  error")
    for path in pages:
        if asked.tiny and not path.name.startswith(FEW_PAGES):
            continue
        found[path.stem] = page = one_page(path, asked.device)
        said = page["error"].strip().splitlines()[-1:] or [""]
        print(f"{path.stem:30}{page['seconds']:9.1f}{page['gigabytes']:7.2f}  {said[0]}",
              flush=True)
        yield {"pages": found, "complete": len(found) == len(pages),
               "seconds": sum(page["seconds"] for page in found.values()),
               "seconds of chapters": sum(page["seconds"] for name, page in found.items()
                                          if name[2] == "_"),
               "errors": [name for name, page in found.items() if page["error"]]}


# ── the tests ──

def counted(words: Sequence[str], environment: dict[str, str]) -> dict:
    """Run pytest by these words after `python`; return how many passed, and what failed."""
    with tempfile.TemporaryDirectory() as folder:
        report, started = Path(folder, "report.xml"), time.perf_counter()
        done = subprocess.run([sys.executable, *words, f"--junitxml={report}"], cwd=ROOT,
                              env=os.environ | environment, check=False)
        found = {"passed": 0, "skipped": 0, "failed": []}
        for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
            kinds = {part.tag for part in case}
            if kinds & {"failure", "error"}:
                found["failed"].append(f"{case.get('classname')} {case.get('name')}")
            else:
                found["skipped" if "skipped" in kinds else "passed"] += 1
    if done.returncode and not found["failed"]:
        found["failed"].append(f"pytest itself, with exit code {done.returncode}")
    return {**found, "seconds": time.perf_counter() - started}


def nbval(asked: Namespace) -> Iterator[dict]:
    """Run strict nbval as `tools/test.py --chapters` does."""
    from tools.test import CHAPTERS, NBVAL

    words = [ONE_PAGE if asked.tiny and word == "book" else word for word in NBVAL]
    yield {"source": STAND_IN, **counted(words, CHAPTERS | {"COURSE_PROFILE": "smoke"})}


def tests(asked: Namespace) -> Iterator[dict]:
    """Run the tests that need no site, first those of `make check`, then the slow ones."""
    from tools.test import QUICK, steps

    found: dict = {"source": STAND_IN}
    commands = [*QUICK["unit tests"], *steps(long=False)[1]["slow tests"]]
    for name, (words, environment) in zip(("unit tests", "slow tests"), commands, strict=True):
        if asked.tiny:
            if name == "slow tests":
                continue
            words = [FEW_TESTS.get(word, word) for word in words]
        found[name] = counted(words, environment)
        yield found


PARTS = {"opponent": opponent, "final": final, "fit": fit_cost, "lenet": classic_loop,
         "chapters": chapters, "nbval": nbval, "tests": tests}


# ── what must show ──

def verdicts(record: dict) -> list[dict]:
    """Return what must show, what was measured, and whether it is met; None where it is not known.

    Ours and the opponent's are compared only where one run has measured both.
    """
    theirs, mine = record.get("opponent"), record.get("final")
    lines = []

    def line(words: str, value: str = "", met: bool | None = None) -> None:
        lines.append({"line": words, "value": value or "not measured", "met": met})

    beside = theirs and mine and theirs["run"] == mine["run"]
    apart = "measured in different runs" if theirs and mine else ""
    words = "chapter 8's last run: the opponent's accuracy less 0.3 points, or better"
    if beside:
        points = 100 * (mine["accuracy"] - theirs["accuracy"])
        line(words, f"{100 * mine['accuracy']:.2f} %, {points:+.2f} points, "
                    f"{mine['seeds']} seeds", points >= -0.3)
    else:
        line(words, apart)
    words = "chapter 8's last run: at most 4 times the opponent's seconds"
    if beside:
        times = mine["seconds"] / theirs["seconds"]
        line(words, f"{mine['seconds']:.2f} s, {times:.2f} times (training alone "
                    f"{mine['training seconds'] / theirs['seconds']:.2f} times)", times <= 4)
    else:
        line(words, apart)
    words = "fit: at most 1.05 of the bare loop"
    if found := record.get("fit"):
        ratios = {name: one["ratio"] for name, one in found.items() if name.startswith("batches")}
        line(words, ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items()),
             max(ratios.values()) <= 1.05 if len(ratios) == 2 else None)
    else:
        line(words)
    words = "LeNet: the classic loop's accuracy in at most a twentieth of its time"
    if found := record.get("lenet"):
        accuracies = [found[name]["accuracy"] for name in ("ours", "classic")]
        line(words, "{:.1f} against {:.1f} %".format(*(100 * a for a in accuracies))
             + f", 1 / {found['ratio']:.1f}", accuracies[0] >= accuracies[1]
             and found["ratio"] >= 20)
    else:
        line(words)
    found = record.get("chapters", {})
    words = "every page ends without an error"
    whole = found.get("complete", False)
    if found:
        line(words, f"{len(found['pages'])} pages, with an error: "
                    f"{', '.join(found['errors']) or 'none'}",
             False if found["errors"] else True if whole else None)
        line("the whole book in at most 360 s", f"{found['seconds']:.0f} s, of which "
             f"{found['seconds of chapters']:.0f} s are chapters", found["seconds"] <= 360
             if whole else None)
    else:
        line(words)
        line("the whole book in at most 360 s")
    for part, words in (("nbval", "strict nbval: all cells"), ("tests", "pytest tests: all")):
        runs = [one for one in (record.get(part), *record.get(part, {}).values())
                if isinstance(one, dict) and "passed" in one]
        if not runs:
            line(words)
            continue
        failed = [name for one in runs for name in one["failed"]]
        passed, skipped = (sum(one[kind] for one in runs) for kind in ("passed", "skipped"))
        line(words, f"{passed} passed, {skipped} skipped, {len(failed)} failed"
             + "".join(f"\n    {name}" for name in failed), not failed and passed > 0)
    return lines


def shown(lines: Sequence[dict]) -> str:
    """Return the verdicts as text."""
    said = {True: "met", False: "not met", None: "open"}
    return "\n".join(f"{one['line']}: {one['value']}: {said[one['met']]}" for one in lines)


# ── the command ──

def read(path: Path) -> dict:
    """Return what has been measured before."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, record: dict) -> None:
    """Write what has been measured, whole or not at all."""
    half = path.with_suffix(".part")
    half.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    half.replace(path)


def measure(part: str, asked: Namespace) -> None:
    """Do one part, in a process of its own, and write what it has after each step."""
    os.environ["COURSE_DEVICE"] = asked.device
    if part not in ("nbval", "tests"):  # which have settings of their own
        os.environ |= {"COURSE_PROFILE": "smoke" if asked.tiny else "gpu", "COURSE_OFFLINE": "1",
                       "TQDM_DISABLE": "1", "COURSE_PROGRESS": "off"}
        os.environ.pop("CI", None)  # where a number outside its band would be an error
    if asked.tiny:
        os.environ["COURSE_DATA"] = "stand-in"
    matplotlib.use("Agg")
    head = {**measured_on(asked.device), "run": asked.run, "source": asked.source}
    for found in PARTS[part](asked):
        write(asked.output, read(asked.output) | {part: head | found})


def main() -> int:
    """Measure what is asked for, or all; return how many parts failed."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    parser.add_argument("--seeds", type=int, default=5, help="of opponent and final")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="few drawn images, for a trial")
    parser.add_argument("--output", type=Path, help="where to write instead of gpu.json")
    asked = parser.parse_args()
    if asked.device.startswith("cuda") and not torch.cuda.is_available():
        print("This benchmark needs a GPU, and PyTorch finds none here: nothing was measured.")
        return 0
    asked.run, asked.source = datetime.now().isoformat(timespec="seconds"), STAND_IN
    if not asked.tiny:
        asked.source = load_cifar10(verbose=False).source
        if asked.source == STAND_IN:
            sys.exit("This benchmark needs the real CIFAR-10: name its folder in COURSE_DATA.")
    with tempfile.TemporaryDirectory() as scratch:
        trial = asked.tiny or not asked.device.startswith("cuda")
        asked.output = asked.output or (Path(scratch, "gpu.json") if trial else RESULT)
        failed = []
        for part in asked.parts:
            print(f"── {part} ──", flush=True)
            process = get_context("spawn").Process(target=measure, args=(part, asked))
            process.start()
            process.join()
            failed += [part] if process.exitcode else []
        if record := read(asked.output):
            write(asked.output, record | {"must show": (lines := verdicts(record))})
            print(shown(lines))
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
