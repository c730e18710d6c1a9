"""A chapter's own cells, run for several seeds: what its tables cite. See `measure`."""

import json
import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import torch
import torch.nn.functional as F
from machine import measured_on
from torch import nn

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # run as a script, Python looks into benchmarks/ only


def ranges(runs: list):
    """Return [lowest, highest] over the runs, of each number in their dictionaries."""
    if isinstance(runs[0], dict):
        return {name: ranges([run[name] for run in runs]) for name in runs[0]}
    return [min(runs), max(runs)]


def measure(about: str, chapter: str, first: Sequence[str], then: Sequence[str],
            collect: Callable[[dict], dict], result: str,
            changes: dict[str, str] | None = None) -> None:
    """Run cells of a chapter, found by their ids, and write ranges to helpers/measured/`result`.

    On the real CIFAR-10, in the `cpu` profile; those of `first` once, those of `then` for every
    seed. `collect(names)` returns the numbers of one seed, from the names that the cells have
    defined; `changes` are made to the text of the repeated cells.
    """
    parser = ArgumentParser(description=about, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    os.environ["COURSE_PROFILE"] = "cpu"
    matplotlib.use("Agg")
    import helpers
    from tools.notebooks import cell

    names = {"torch": torch, "nn": nn, "F": F, "helpers": helpers, "set_seed": helpers.set_seed}
    for name in first:
        exec(cell(chapter, name), names)
    if names["data"].source == helpers.data.STAND_IN:
        sys.exit("This benchmark needs the real CIFAR-10: name its folder in COURSE_DATA.")
    runs = []
    for seed in range(seeds):
        for name in then:
            source = cell(chapter, name)
            for old, new in {"set_seed(0)": f"set_seed({seed})", **(changes or {})}.items():
                source = source.replace(old, new)
            exec(source, names)
        runs.append(collect(names))
        print(seed, runs[-1], flush=True)
    record = {**measured_on(), "source": names["data"].source, "seeds": seeds,
              "lowest and highest": ranges(runs)}
    (ROOT / "helpers" / "measured" / result).write_text(json.dumps(record, indent=1) + "\n")
