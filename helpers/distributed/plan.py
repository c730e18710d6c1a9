"""What `launch`, its torchrun and its ranks know of one another: one plan, and notes in a folder.

The plan travels in the environment, so that all that belongs to a launch can be told by it. Times
are those of `time.monotonic`, which is one clock for all processes of a computer, and does not jump
when somebody sets the time.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

MUTE = 74               # the exit code of a rank that cannot write why it failed
MARK = "COURSE_LAUNCH"  # the variable that holds the plan
_SPACE = 65_536         # bytes
KEPT_BY = "COURSE_KEPT_BY"  # the program that a process which waits for launches belongs to
SETUP = 300.0           # seconds in which all ranks must have imported PyTorch and the worker, and
                        # again in which all that join a process group must have joined


@dataclass(frozen=True)
class Plan:
    """One launch: what runs, how often, since when, how long, for which process, meeting where."""

    folder: Path
    target: str
    processes: int
    timeout: float
    started: float
    caller: int
    address: str = "127.0.0.1"
    setup: float = SETUP

    def text(self) -> str:
        """The plan as it stands in the environment."""
        return json.dumps(asdict(self) | {"folder": str(self.folder)})

    @classmethod
    def here(cls) -> "Plan":
        """The plan that this process belongs to."""
        said = json.loads(os.environ[MARK])
        return cls(**said | {"folder": Path(said["folder"])})

    def path(self, rank: int, word: str) -> Path:
        """The file in which a rank says `word`."""
        return self.folder / f"{rank}.{word}"

    def reserve(self, name: object) -> None:
        """Keep some space for the last words of a rank, or of torchrun: a disk may fill up."""
        (self.folder / f"{name}.reserve").write_bytes(bytes(_SPACE))

    def leave(self, name: str, text: str) -> None:
        """Write a file that others see whole or not at all."""
        new = self.folder / f"{name}.unfinished"
        try:
            new.write_text(text, encoding="utf-8")
        except OSError:
            (self.folder / f"{name.partition('.')[0]}.reserve").unlink(missing_ok=True)
            new.write_text(text, encoding="utf-8")
        new.replace(self.folder / name)

    def report(self, **found) -> None:
        """Leave what torchrun's process has to say."""
        self.leave("report.json", json.dumps(found))

    def reported(self) -> dict:
        """What it has said, if anything."""
        path = self.folder / "report.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def note(self, rank: int, word: str) -> None:
        """Note that a rank has come so far: "begun" its worker, "joining" a group, "joined" it."""
        if not self.path(rank, word).exists():  # the first time counts
            self.leave(f"{rank}.{word}", str(time.monotonic()))

    def times(self, word: str) -> list[float]:
        """When the ranks came so far, those that did."""
        paths = (self.path(rank, word) for rank in range(self.processes))
        return [float(path.read_text()) for path in paths if path.exists()]

    def all(self, word: str) -> bool:
        """Whether all ranks came so far."""
        return all(self.path(rank, word).exists() for rank in range(self.processes))

    def limit(self) -> float:
        """Until when the ranks may work, as far as can be said by now.

        The time-out counts from when all have begun and, if all join a group, have joined it. What
        comes before has a limit of its own: imports take a second here and two minutes there.
        """
        begun = self.times("begun")
        if len(begun) < self.processes:
            return self.started + self.setup
        joining, joined = self.times("joining"), self.times("joined")
        if len(joined) < len(joining) == self.processes:
            return max(joining) + self.setup
        return max(begun + joined) + self.timeout

    def over(self, longer: float) -> bool:
        """Whether `longer` seconds have passed since the limit, or the caller has given up."""
        try:
            return not self.folder.exists() or time.monotonic() > self.limit() + longer
        except OSError:  # the folder is going
            return True
