"""What is left of a launch that failed, read for a learner: which rank it was, and why."""

import json
import re
import signal
from pathlib import Path

from .rank import LOST_PEER

_FRAME = re.compile(r'File "(.+)", line (\d+) in (.+)')
_WAITING = re.compile(r"[/\\]torch[/\\]distributed[/\\]")


class LaunchError(RuntimeError):
    """A run on several processes failed. `.rank` is to blame, None where that cannot be told."""

    def __init__(self, message: str, rank: int | None = None):
        super().__init__(message)
        self.rank = rank


def explain(folder: Path, processes: int, codes: dict[str, int],
            timeout: float | None) -> LaunchError:
    """Return the error that says what happened, from what the ranks left in `folder`.

    `codes`: exit codes of the ranks that failed, the first one first. `timeout`: seconds, if time
    was up.
    """
    errors = {rank: json.loads(path.read_text(encoding="utf-8")) for rank in range(processes)
              if (path := folder / f"{rank}.error").exists()}
    own = {rank: error for rank, error in errors.items() if not LOST_PEER.search(error["reason"])}
    if own:  # the ranks that lost the connection to one that failed did nothing wrong
        return _raised(min(own), own[min(own)], processes)
    ended = {int(rank): -code for rank, code in codes.items() if code < 0}
    killed = {rank: number for rank, number in ended.items() if number != signal.SIGTERM} or ended
    if killed:
        return _killed(*next(iter(killed.items())), processes)
    left = {int(rank): code for rank, code in codes.items() if code > 0 and int(rank) not in errors}
    if left:
        rank, code = next(iter(left.items()))
        return LaunchError(f"Rank {rank} of {processes} ended with exit code {code}, without an "
                           "exception: does it call os._exit? The other ranks were ended with "
                           "it.", rank)
    if timeout is not None:
        return _late(folder, processes, timeout)
    if errors:
        return _raised(min(errors), errors[min(errors)], processes)
    log = (folder / "agent.log").read_text(encoding="utf-8", errors="replace").strip()
    return LaunchError(f"The {processes} processes could not be started or ended without a word. "
                       f"torchrun says:\n{log}")


def _raised(rank: int, error: dict[str, str], processes: int) -> LaunchError:
    others = "\nThe other ranks were ended with it." if processes > 1 else ""
    return LaunchError(f"Rank {rank} of {processes} failed: {error['reason']}\n"
                       f"{error['traceback'].strip()}{others}", rank)


def _killed(rank: int, number: int, processes: int) -> LaunchError:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    why = {"SIGKILL": " The operating system does this when memory runs out: try a smaller batch "
                      "or fewer processes.",
           "SIGSEGV": " That is an error in compiled code, not in Python."}.get(name, "")
    return LaunchError(f"Rank {rank} of {processes} was killed by signal {number} ({name}) from "
                       f"outside.{why} The other ranks were ended with it.", rank)


def _late(folder: Path, processes: int, timeout: float) -> LaunchError:
    """Say where each rank stood when time was up; to blame is one that did not wait for others."""
    stood = [_where(folder, rank) for rank in range(processes)]
    suspects = [rank for rank, (_, waits) in enumerate(stood) if not waits]
    blame = suspects[0] if suspects and len(suspects) < processes else None
    if not suspects:
        hint = ("Each waits for another: they do not call the same collective operations in the "
                "same order.")
    elif blame is None:
        hint = ("None was waiting: the work may just be longer. Give it more time with launch(…, "
                "timeout=…).")
    else:
        hint = (f"The others cannot go on without rank {blame}: every rank must come to each "
                "collective operation.")
    return LaunchError(f"After {timeout:g} seconds the {processes} ranks had not returned, and "
                       f"were ended. {' '.join(text for text, _ in stood)} {hint}", blame)


def _where(folder: Path, rank: int) -> tuple[str, bool]:
    """Say where a rank stood, and whether it had returned or was waiting for the others."""
    if (folder / f"{rank}.result").exists():
        return f"Rank {rank} had returned.", True
    path = folder / f"{rank}.stack"
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    stack = _main_thread(text)
    if not stack:
        return f"Rank {rank} had not begun.", False
    file, line, name = stack[0]
    waits = bool(_WAITING.search(file))
    calls = [f"{Path(file).name}, line {line}, in {name}" for file, line, name in stack
             if not _WAITING.search(file) and Path(file).name != "rank.py"
             and not file.startswith("<frozen")]
    if not calls:
        return f"Rank {rank} was in {Path(file).name}, line {line}.", waits
    inside = f"{name}, called from " if waits else ""
    what = "waiting for the others" if waits else "busy"
    return f"Rank {rank} was {what} in {inside}{calls[0]}.", waits


def _main_thread(text: str) -> list[tuple[str, str, str]]:
    """Return (file, line, function) of the main thread's frames in a dump, innermost first."""
    threads = [part for part in text.split("\n\n") if "most recent call first" in part]
    frames = [_FRAME.findall(part) for part in threads]
    return next((found for found in reversed(frames)
                 if any(name == "for_launch" for *_, name in found)), [])
