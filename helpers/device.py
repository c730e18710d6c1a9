"""Where the tensors live, and the seed that makes a run repeatable."""

import os
import random
import re

import numpy as np
import torch

from .convolution import whole

_CHOICES = ("cuda", "mps", "cpu")
# cuBLAS refuses to be deterministic without it, and looks only once, at its first product
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def _available(kind: str) -> bool:
    if kind == "cuda":
        return torch.cuda.is_available()
    return kind == "cpu" or torch.backends.mps.is_available()


def get_device(verbose: bool = True) -> torch.device:
    """Return the fastest device here: CUDA, then MPS (Apple), then the CPU.

    The environment variable COURSE_DEVICE (`cpu`, `cuda`, `cuda:1`, `mps`) overrides the choice.
    Prints what was chosen and what that costs, unless `verbose` is False.

    Raises ValueError when COURSE_DEVICE names a device that does not exist here.
    """
    wanted = os.environ.get("COURSE_DEVICE", "").strip()
    name = wanted or next(filter(_available, _CHOICES))
    kind, _, index = name.partition(":")
    if kind not in _CHOICES or not re.fullmatch("[0-9]{1,3}|", index) or name.endswith(":"):
        raise ValueError(f"COURSE_DEVICE is {wanted!r}, which is not a device. Use cpu, cuda, "
                         "cuda:1 or mps, or unset it to let the course choose.")
    if not _available(kind):
        raise ValueError(f"COURSE_DEVICE asks for {wanted!r}, but PyTorch finds no such device "
                         "here. Unset it to run on what there is.")
    if kind != "cuda" and int(index or 0):
        raise ValueError(f"COURSE_DEVICE asks for {wanted!r}, but there is one {kind} only, "
                         "number 0.")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise ValueError(f"COURSE_DEVICE asks for {wanted!r}, but there are only "
                         f"{torch.cuda.device_count()} CUDA devices, numbered from 0.")
    device = torch.device(name)
    if verbose:
        print(_describe(device))
    return device


def _describe(device: torch.device) -> str:
    if device.type == "cuda":
        return (f"Device: cuda ({torch.cuda.get_device_name(device)}). Chapters train longer on "
                "it, and say so.")
    if device.type == "mps":
        return "Device: mps (Apple GPU). Chapters do the work of the cpu profile on it."
    return (f"Device: cpu ({torch.get_num_threads()} threads). Every chapter is sized for this and "
            "says how long it takes.\nOn Colab, Runtime > Change runtime type offers a GPU.")


def half_precision(device: torch.device | str = "cpu") -> torch.dtype | None:
    """Return the 16-bit type that `device` multiplies faster than float32, or None.

    On the CPU that is torch.bfloat16, and takes the instructions AVX512-BF16 or AMX (server
    processors since about 2020, AMD's Zen 4). On CUDA it is torch.bfloat16 from the GPUs of 2020
    on (Ampere), and torch.float16, for which `fit` scales the loss, on those from 2017 on whose
    tensor cores know no other (Volta and Turing, such as the T4).
    """
    kind = torch.device(device).type
    if kind == "cuda":
        generation = torch.cuda.get_device_capability(device)[0]
        older = torch.float16 if generation == 7 else None
        return torch.bfloat16 if generation >= 8 else older
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # not in every version
    able = kind == "cpu" and any(getattr(torch.cpu, name, lambda: False)() for name in names)
    return torch.bfloat16 if able else None


def set_seed(seed: int = 0, deterministic: bool = False) -> None:
    """Seed Python, NumPy and PyTorch (all devices), so that the next run draws the same numbers.

    `deterministic=True` also asks PyTorch for deterministic algorithms only: an operation that has
    none raises RuntimeError. It is slower on a GPU, and changes nothing on the CPU. Raises
    ValueError for a seed that one of the three does not take.
    """
    seed = whole("seed", seed, 0, 2 ** 32 - 1)  # NumPy's bounds, the narrowest
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = False
