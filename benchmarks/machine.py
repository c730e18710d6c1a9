"""Where and when a benchmark ran: the first lines of each result."""

import platform
from datetime import date
from pathlib import Path

import torch


def processor() -> str:
    """Name the processor, as well as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def measured_on() -> dict:
    """Return date, hardware and PyTorch version, to be written with every measurement."""
    return {"measured": str(date.today()), "torch": torch.__version__.split("+")[0],
            "hardware": f"{processor()}, {torch.get_num_threads()} threads"}
