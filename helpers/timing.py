"""How long an operation takes, measured so that two numbers can be compared."""

import numbers
import time
from collections.abc import Callable

import torch

from .convolution import whole


def wait_for(device: torch.device | str) -> None:
    """Wait until `device` has done its work: a GPU works on while Python goes ahead."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


def seconds_per_call(call: Callable[[], object], device: torch.device | str = "cpu", *,
                     threads: int | None = None, budget: float = 0.1, blocks: int = 5) -> float:
    """Return how long `call()` takes, in seconds.

    device: where it works; a GPU is waited for.
    threads: how many CPU threads PyTorch may use meanwhile.
    budget: seconds that all blocks take together.
    blocks: how often to measure.

    Short calls are timed many at a time, after a warm-up. The fastest block counts, because all
    that other programs do can only slow the others. Compare only what was measured side by side.
    Raises ValueError for settings that measure nothing.
    """
    whole("blocks", blocks, 1)
    whole("threads", 1 if threads is None else threads, 1)
    if not isinstance(budget, numbers.Real) or not 0 <= budget <= 3600 or not callable(call):
        raise ValueError("seconds_per_call wants a function to call, such as lambda: x @ y, and a "
                         f"budget of seconds, at most an hour; got {call!r} and {budget!r}.")
    before = torch.get_num_threads()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        repeats = 1
        while (took := _block(call, device, repeats)) < budget / blocks and repeats < 1_000_000:
            repeats = max(2 * repeats, int(repeats * 0.8 * budget / blocks / max(took, 1e-9)))
        return min(_block(call, device, repeats) for _ in range(blocks)) / repeats
    finally:
        torch.set_num_threads(before)


def _block(call: Callable[[], object], device: torch.device | str, repeats: int) -> float:
    wait_for(device)
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    wait_for(device)
    return time.perf_counter() - started
