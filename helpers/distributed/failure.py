"""What is left of a launch that failed, read for a learner: which rank it was, and why."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .cause import End, failures, first_cause
from .plan import MUTE, Plan

_FRAME = re.compile(r'File "(.+)", line (\d+) in (.+)')
# What keeps processes from starting, and what helps.
_HINTS = {r"synchronize\.py|/dev/shm|shared memory":  # semaphores, whatever their error is
              "They need shared memory: is there a folder /dev/shm that can be written to?",
          "Too many open files":
              "Allow more in the shell that starts this program: ulimit -n 1024.",
          "No space left":
              "Free some space, or name another folder for temporary files in TMPDIR.",
          "Resource temporarily unavailable|Cannot allocate memory":
              "Close other programs, or ask for fewer processes."}
_WAITING = re.compile(r"[/\\]torch[/\\]distributed[/\\]")


class LaunchError(RuntimeError):
    """A run on several processes failed. `.rank` is to blame, None where that cannot be told."""

    def __init__(self, message: str, rank: int | None = None):
        super().__init__(message)
        self.rank = rank


@contextmanager
def starting(processes: int) -> Iterator[None]:
    """Say in one sentence why processes could not be started, where the system refuses something.
    """
    try:
        yield
    except OSError as problem:
        raise _not_started(processes, str(problem)) from problem


def explain(plan: Plan, agent: int | None, late: bool) -> LaunchError:
    """Return the error that says what happened, from what the ranks left in the plan's folder.

    `agent`: torchrun's exit code, if it has ended by itself. `late`: whether time was up.
    """
    said = plan.reported()
    codes = {int(rank): code for rank, code in said.get("codes", {}).items()}
    found = failures(plan, codes)
    cause = first_cause(found)
    if cause is not None:
        return _failed(cause, found, plan.processes)
    if late:
        return _late(plan)
    if agent is not None and agent < 0:
        return LaunchError(f"torchrun's own process was {_by_signal(-agent)} The "
                           f"{plan.processes} ranks were ended with it.")
    if found:
        return _no_cause(found, plan)
    if not plan.folder.exists():
        return LaunchError(f"The folder {plan.folder} was removed while the {plan.processes} ranks "
                           "worked. Launch again; TMPDIR names another place for such folders.")
    log = plan.folder / "agent.log"
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    last = next((line for line in reversed(lines) if line.strip()), "it ended without a word")
    return _not_started(plan.processes, said.get("trouble", last))


def _not_started(processes: int, why: str) -> LaunchError:
    hints = [hint for words, hint in _HINTS.items() if re.search(words, why)]
    who = "process" if processes == 1 else f"{processes} processes"
    text = f"The {who} could not be started: {why.rstrip('.')}. {' '.join(hints[:1])}"
    return LaunchError(text.strip())


def _failed(cause: End, found: list[End], processes: int) -> LaunchError:
    """Name the rank that failed first, and those that failed, too, by themselves."""
    also = [str(end.rank) for end in found if end.standing == "own" and end is not cause]
    others = "The other ranks were ended with it." if processes > 1 else ""
    if also:
        others = (f"{'Rank' if len(also) == 1 else 'Ranks'} {', '.join(also)} failed, too, and not "
                  "because of it." + (f" {others}" if len(also) < processes - 1 else ""))
    who = f"Rank {cause.rank} of {processes}"
    if cause.code is None:
        text = f"{who} failed: {cause.reason}\n{cause.traceback.strip()}\n{others}".strip()
    elif cause.code == MUTE:
        text = (f"{who} failed, and could not write why into the folder for temporary files. Is "
                f"that disk full? {others}")
    elif cause.code < 0:
        text = f"{who} was {_by_signal(-cause.code)} {others}"
    else:
        text = (f"{who} ended with exit code {cause.code}, without an exception: does it call "
                f"os._exit? {others}")
    return LaunchError(text.strip(), cause.rank)


def _by_signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    why = {"SIGKILL": " The operating system does this when memory runs out: try a smaller batch "
                      "or fewer processes.",
           "SIGSEGV": " That is an error in compiled code, not in Python."}.get(name, "")
    return f"killed by signal {number} ({name}) from outside.{why}"


def _no_cause(found: list[End], plan: Plan) -> LaunchError:
    """Say what each rank noticed where none is known to have failed by itself."""
    ends = [f"Rank {end.rank}: {end.reason or 'ended by PyTorch'}." for end in found]
    hint = _returned(plan) or ("No rank is known to have failed first; what each printed may tell "
                               "more.")
    return LaunchError("A connection between ranks was lost. " + " ".join([*ends, hint]))


def _returned(plan: Plan) -> str:
    """Say which ranks had returned while others still waited, if any had."""
    gone = [str(rank) for rank in range(plan.processes) if plan.path(rank, "result").exists()]
    return f"Rank {', '.join(gone)} had returned: every rank must come to each collective " \
           "operation." if gone else ""


def _late(plan: Plan) -> LaunchError:
    """Say where each rank stood when time was up; to blame is one that did not wait for others."""
    processes = plan.processes
    stood = [_where(plan, rank) for rank in range(processes)]
    suspects = [rank for rank, (_, waits) in enumerate(stood) if not waits]
    blame = suspects[0] if suspects and len(suspects) < processes else None
    where = " ".join(text for text, _ in stood)
    if not plan.all("begun"):
        return LaunchError(f"After {plan.setup:g} seconds the {processes} ranks had not all begun "
                           f"their work, and were ended. {where}", blame)
    if not suspects and (gone := _returned(plan)):
        hint = gone
    elif not suspects:
        hint = ("Each waits for another: they do not call the same collective operations in the "
                "same order.")
    elif blame is None:
        hint = ("None was waiting: the work may just be longer. Give it more time with launch(…, "
                "timeout=…).")
    else:
        hint = (f"The others cannot go on without rank {blame}: every rank must come to each "
                "collective operation.")
    return LaunchError(f"After {plan.timeout:g} seconds the {processes} ranks had not returned, "
                       f"and were ended. {where} {hint}", blame)


def _where(plan: Plan, rank: int) -> tuple[str, bool]:
    """Say where a rank stood, and whether it had returned or was waiting for the others."""
    if plan.path(rank, "result").exists():
        return f"Rank {rank} had returned.", True
    path, begun = plan.path(rank, "stack"), plan.path(rank, "begun").exists()
    if begun and not plan.all("begun"):
        return f"Rank {rank} was ready.", True
    stack = _main_thread(path.read_text(encoding="utf-8", errors="replace")
                         if path.exists() else "")
    if not stack:
        return (f"Rank {rank} was stopped and could not say where." if begun else
                f"Rank {rank} had not begun."), False
    file, line, name = stack[0]
    waits = bool(_WAITING.search(file)) and begun
    calls = [f"{Path(file).name}, line {line}, in {name}" for file, line, name in stack
             if not _WAITING.search(file) and Path(file).name != "rank.py"
             and not file.startswith("<frozen")]
    if not calls:
        return f"Rank {rank} was in {Path(file).name}, line {line}.", waits
    inside = f"{name}, called from " if waits else ""
    what = "waiting for the others" if waits else "busy" if begun else "not ready: it was"
    return f"Rank {rank} was {what} in {inside}{calls[0]}.", waits


def _main_thread(text: str) -> list[tuple[str, str, str]]:
    """Return (file, line, function) of the main thread's frames in a dump, innermost first."""
    threads = [part for part in text.split("\n\n") if "most recent call first" in part]
    frames = [_FRAME.findall(part) for part in threads]
    return next((found for found in reversed(frames)
                 if any(name == "for_launch" for *_, name in found)),
                frames[-1] if frames else [])  # of a deep stack only the innermost frames are told
