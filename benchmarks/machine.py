"""Where and when a benchmark ran: the first lines of each result."""

import platform
import re
from datetime import date
from pathlib import Path

import torch


def processor() -> str:
    """Name the processor, as well as the system tells it."""
    info = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    return named[1] if named else platform.processor() or platform.machine()


def measured_on() -> dict:
    """Return date, hardware and PyTorch version, to be written with every measurement."""
    return {"measured": str(date.today()), "torch": torch.__version__.split("+")[0],
            "hardware": f"{processor()}, {torch.get_num_threads()} threads"}
