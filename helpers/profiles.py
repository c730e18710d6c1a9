"""How much work a cell does: `smoke` (seconds, for tests), `cpu` (a two-core laptop), `gpu`."""

import os
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
        device = os.environ.get("COURSE_DEVICE", "").strip() or "cuda"
        return "gpu" if torch.cuda.is_available() and device.startswith("cuda") else "cpu"
    if name not in PROFILES:
        raise ValueError(f"COURSE_PROFILE is {name!r}, which is not a profile. Use smoke (seconds, "
                         "for tests), cpu (a laptop) or gpu, or unset it.")
    return name


def budget(*, smoke: T, cpu: T, gpu: T) -> T:
    """Return the value for the profile in force: `epochs = budget(smoke=1, cpu=3, gpu=20)`."""
    return {"smoke": smoke, "cpu": cpu, "gpu": gpu}[profile()]
