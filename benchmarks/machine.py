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


def measured_on(device: torch.device | str = "cpu") -> dict:
    """Return date, hardware and PyTorch version, to be written with every measurement.

    device: where the work was done; a graphics card is named with its memory and its CUDA.
    """
    where = {"measured": str(date.today()), "torch": torch.__version__.split("+")[0],
             "hardware": f"{processor()}, {torch.get_num_threads()} threads"}
    if torch.device(device).type == "cuda":
        card = torch.cuda.get_device_properties(device)
        where |= {"card": card.name, "gigabytes": round(card.total_memory / 1e9, 1),
                  "cuda": torch.version.cuda}
    return where
