"""How much work a cell does: `smoke` (seconds, for tests), `cpu` (a two-core laptop), `gpu`.

And what to expect of the result: `expect_band` compares a number with the band that was measured
for this profile and these data.
"""

import json
import os
from importlib import resources
from typing import TypeVar

import torch

PROFILES = ("smoke", "cpu", "gpu")
T = TypeVar("T")


def profile() -> str:
    """Return the profile in force: COURSE_PROFILE, else `gpu` where CUDA is used, else `cpu`.

    Raises ValueError when COURSE_PROFILE is none of `smoke`, `cpu`, `gpu`.
    """
    name = os.environ.get("COURSE_PROFILE", "").strip()
    if not name:
        on_gpu = torch.cuda.is_available() and os.environ.get("COURSE_DEVICE", "cuda").startswith("cuda")
        return "gpu" if on_gpu else "cpu"
    if name not in PROFILES:
        raise ValueError(f"COURSE_PROFILE is {name!r}, which is not a profile. Use smoke (seconds, for tests), "
                         "cpu (a laptop) or gpu, or unset it.")
    return name


def budget(*, smoke: T, cpu: T, gpu: T) -> T:
    """Return the one of the three values that belongs to the profile in force: `budget(smoke=1, cpu=3, gpu=20)`."""
    return {"smoke": smoke, "cpu": cpu, "gpu": gpu}[profile()]


def read_json(name: str) -> dict:
    """Read a JSON file that ships inside `helpers`: `bands.json`, or the results of a benchmark."""
    return json.loads(resources.files("helpers").joinpath(name).read_text(encoding="utf-8"))


def expect_band(name: str, value: float, source: str) -> None:
    """Say whether `value` (a fraction, such as an accuracy) lies in the band measured for `name`.

    Bands differ by profile and by data, so pass `data.source`. In CI (environment variable CI) a value
    outside its band raises AssertionError; elsewhere it is explained. Raises KeyError for an unknown name.
    """
    bands = read_json("bands.json")
    if name not in bands:
        raise KeyError(f"No band is called {name!r}. There are: {', '.join(sorted(bands))}.")
    setting = f"{profile()}, {'stand-in' if 'stand-in' in source else 'CIFAR-10'}"
    band = bands[name].get(setting)
    if band is None:
        return print(f"{100 * value:.1f} %. The band for these settings ({setting}) is not yet measured.")
    low, high = band
    inside = low <= value <= high
    print(f"{100 * value:.1f} % is {'inside' if inside else 'OUTSIDE'} the band {100 * low:.0f} to {100 * high:.0f} % "
          f"measured for these settings ({setting}).")
    if inside:
        return None
    if os.environ.get("CI"):
        raise AssertionError(f"{name}: {value:.4f} is outside [{low}, {high}] ({setting})")
    print("Seeds and processors move it by a point or two. More than that usually means that an earlier cell was "
          "changed or run twice: restart the kernel and run all cells.")
