"""Chapter 6's experiments for several seeds: learning rates that work, and a longer race.

    make bench, or: python benchmarks/batch_norm.py [--seeds 3]

Runs the chapter's own cells, with another seed each time, on the real CIFAR-10 in the `cpu` profile.
Writes helpers/measured_batch_norm.json, whose ranges the chapter cites.
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
RESULT = ROOT / "helpers" / "measured_batch_norm.json"
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

    names = {"torch": torch, "nn": nn, "F": F}
    exec(cell_with("06", "import copy"), names)
    if names["data"].source == helpers.data.STAND_IN:
        sys.exit("This benchmark needs the real CIFAR-10: name its folder in COURSE_DATA.")
    for text in ("def sigmoid_lenet(norm)", "class BNLeNet(nn.Module)"):
        exec(cell_with("06", text), names)
    runs = []
    for seed in range(seeds):
        for text in ("trained[norm] = ", "late = nn.Sequential(", "def walk(kind, rates)", "walks = {",
                     "def final_accuracy(kind, rate)", "race = {}"):
            exec(cell_with("06", text).replace("set_seed(0)", f"set_seed({seed})").replace(
                "evaluate(model, val)", "(0, 0)"), names)
        evaluate, val = names["evaluate"], names["val"]
        run = {f"{kind} at {rate}": accuracy for kind, found in names["by_rate"].items()
               for rate, accuracy in zip(names["rates"], found, strict=True)}
        run["sigmoids"] = evaluate(names["trained"][False], val)[1]
        run["sigmoids, normalized"] = evaluate(names["trained"][True], val)[1]
        run["after the activation"] = evaluate(names["late"], val)[1]
        for name, (losses, cosines, length) in names["walks"].items():
            run[f"{name}, loss falls by"] = losses[0] - min(losses)
            run[f"{name}, cosine at 0.1"] = cosines[2]
            run[f"{name}, gradient's length"] = length
        run |= {f"{name}, 8 epochs": history.val_accuracy[-1] for name, history in names["race"].items()}
        runs.append(run)
        print(seed, {name: round(value, 3) for name, value in run.items()}, flush=True)
    ranges = {name: [f(run[name] for run in runs) for f in (min, max)] for name in runs[0]}
    RESULT.write_text(json.dumps({
        **measured_on(), "source": names["data"].source, "seeds": seeds, "lowest and highest": ranges,
    }, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
