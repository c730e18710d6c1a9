"""The numbers of chapter 10: larger batches with larger steps, and an epoch on one and on two
processes.

    COURSE_DATA=… .venv/bin/python benchmarks/many_devices.py

Runs the chapter's own cells for three seeds in the `cpu` profile and writes
helpers/measured/many_devices.json.
"""

import itertools

from cells import measure

seeds = itertools.count()


def collect(names: dict) -> dict:
    """Return the accuracies and speeds of one seed; the run on two processes is made here, with the
    same seed.
    """
    from helpers import launch, workers

    ranks = launch(workers.train_cifar, processes=2, epochs=1, seed=next(seeds))
    return {"batch and rate": dict(names["by_rule"]),
            "one epoch": {"one process": names["accuracy_here"],
                          "two processes": ranks[0]["accuracy"]}}


if __name__ == "__main__":
    measure(__doc__, "10", ["set-up"], ["batch-and-rate", "one-process"], collect,
            "many_devices.json")
