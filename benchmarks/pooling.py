"""Chapter 4's experiment for several seeds: accuracy and steadiness of four small networks under shifts.

    make bench, or: python benchmarks/pooling.py [--seeds 3]

Runs the chapter's own cells, with another seed each time, on the real CIFAR-10 in the `cpu` profile.
Writes helpers/measured_pooling.json, whose ranges the chapter cites.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import matplotlib
import torch
import torch.nn.functional as F
from machine import measured_on
from torch import nn

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "helpers" / "measured_pooling.json"
sys.path.insert(0, str(ROOT))  # run as a script, Python looks into benchmarks/ only


def main() -> None:
    """Run all seeds and write the ranges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    os.environ["COURSE_PROFILE"] = "cpu"
    matplotlib.use("Agg")
    import helpers
    from tools.notebooks import cell_with

    names = {"torch": torch, "nn": nn, "F": F, "helpers": helpers, "set_seed": helpers.set_seed}
    for text in ("def blur(channels)", "def build(kind)", "def moved(images, shift)"):
        exec(cell_with("04", text), names)
    if names["data"].source == helpers.data.STAND_IN:
        sys.exit("This benchmark needs the real CIFAR-10: name its folder in COURSE_DATA.")
    experiment = cell_with("04", "accuracy, consistency = {}, {}")
    runs = []
    for seed in range(seeds):
        exec(experiment.replace("set_seed(0)", f"set_seed({seed})"), names)
        runs.append({kind: {"accuracy": names["accuracy"][kind], "consistency": names["consistency"][kind]}
                     for kind in names["kinds"]})
        print(seed, {kind: round(run["accuracy"][0], 3) for kind, run in runs[-1].items()}, flush=True)
    columns = {"accuracy": ("accuracy", 0), "moved by 1": ("accuracy", 1), "moved by 6": ("accuracy", 6),
               "same, 1 px": ("consistency", 1), "same, 6 px": ("consistency", 6)}
    ranges = {kind: {name: [f(run[kind][curve][shift] for run in runs) for f in (min, max)]
                     for name, (curve, shift) in columns.items()} for kind in names["kinds"]}
    RESULT.write_text(json.dumps({
        **measured_on(), "source": names["data"].source, "seeds": seeds, "lowest and highest": ranges,
    }, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
