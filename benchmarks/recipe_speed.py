"""Chapter 9's speeds: half precision, channels_last and torch.compile, on three networks.

    make bench, or: python benchmarks/recipe_speed.py [--seeds 3]

Writes helpers/measured/recipe_speed.json, whose ranges the chapter cites. The settings take turns,
and the fastest of their turns counts: other programs only ever slow a turn, and seldom all turns of
one setting.
"""

import torch
from cells import measure
from torch._inductor.utils import fresh_cache

TURNS = 4


def collect(names: dict) -> dict:
    """Return how many times as fast as float32 each setting is, and the seconds of compiling."""
    found = {}
    settings = {**names["settings"], "compiled": {"compiled": names["if_possible"]}}
    for net in (names["FastResNet"], names["helpers"].LeNet, names["BNLeNet"]):
        fastest, first = dict.fromkeys(settings, 0.0), {}
        torch._dynamo.reset()  # or it would know the network from the time before
        with fresh_cache():    # and find its kernels
            for _ in range(TURNS):
                for name, setting in settings.items():
                    images_per_second, seconds = names["speed"](net, **setting)
                    fastest[name] = max(fastest[name], images_per_second)
                    first.setdefault(name, seconds)
        found[f"times as fast, {net.__name__}"] = {name: each / fastest["float32"]
                                                   for name, each in fastest.items()}
        found[f"seconds to compile, {net.__name__}"] = first["compiled"]
    return found


if __name__ == "__main__":
    measure(__doc__, "09", ["set-up", "speed"], ["speeds", "if-possible"], collect,
            "recipe_speed.json")
