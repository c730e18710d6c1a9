"""When strong changes pay: 1,000 images for 60 epochs, by how much they are changed.

    python benchmarks/strength.py [--seeds 1]

On the real CIFAR-10, on one thread; writes helpers/measured/strength.json, which chapter 8 cites.
"""

import json
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from functools import partial
from pathlib import Path

import torch
from machine import measured_on

from helpers import (
    FastResNet,
    color_jitter,
    cutout,
    evaluate,
    fit,
    load_cifar10,
    random_crop,
    random_flip,
    random_resized_crop,
    resnet_recipe,
    set_seed,
)

IMAGES, EPOCHS, BATCH = 1_000, 60, 50
MILD = [partial(random_crop, padding=2), random_flip]
CHANGES = {
    "none": [], "crop and flip": MILD, "with cutout": [*MILD, partial(cutout, size=12)],
    "strong": [random_resized_crop, random_flip,
               partial(color_jitter, brightness=0.5, contrast=0.5, saturation=0.5),
               partial(cutout, size=12)],
}


def train(data, augment: list, seed: int) -> dict[str, float]:
    """Return the accuracy on the plain training images and on the validation images."""
    set_seed(seed)
    few = data.train.take(IMAGES)
    model = FastResNet().to(memory_format=torch.channels_last)
    batches = few.batches(BATCH, augment=augment)
    fit(model, batches, epochs=EPOCHS, verbose=False,
        **resnet_recipe(model, EPOCHS * len(batches), label_smoothing=0))
    return {"plain": evaluate(model, few)[1], "validation": evaluate(model, data.val)[1]}


def main() -> int:
    """Train with each change for each seed, and write what came of it."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    data = load_cifar10(verbose=False)
    found = {name: [train(data, augment, seed) for seed in range(seeds)]
             for name, augment in CHANGES.items()}
    record = {**measured_on(), "source": data.source, "images": IMAGES, "epochs": EPOCHS,
              "by seed": found}
    path = Path(__file__).parent.parent / "helpers" / "measured" / "strength.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
