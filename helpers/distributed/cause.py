"""Which rank of a launch failed first, and which only lost its connection to that one.

When a rank is gone, the others notice within a millisecond and raise errors of their own, often
before anybody has seen the end of the first. So neither the order of the errors tells the cause,
nor the order in which ends are seen, but how each rank ended.
"""

import json
import re
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .plan import Plan

# How a rank notices that another one is gone: words of gloo, of nccl, of the store where they meet.
_LOST = re.compile(
    r"Connection (was )?(closed|reset|refused|aborted)|Broken pipe|remote process exited|"
    r"NCCL (communicator|error)|ncclRemoteError|ncclSystemError|Socket Timeout|recvValue failed|"
    r"sendBytes failed|failed to (recv|send)|Timed out waiting|wait timeout|Connect timeout|"
    r"monitoredBarrier|gloo.*(IoException|TimeoutException)|DistNetworkError|DistBackendError",
    re.IGNORECASE)
_LOST_TYPES = {"ConnectionError", "DistNetworkError", "DistBackendError", "DistStoreError"}
_SEEN_LATE = 0.5  # seconds: an end by a signal is seen when somebody looks, an error says when
_TOGETHER = 0.3   # seconds in which an end without a word may show itself after an error
_SETTLE = 5.0     # seconds that a first cause has to show itself: a GPU's driver lets go slowly


def standing(problem: BaseException) -> str:
    """Return "own" for an error of this rank, "lost" for one that another rank's end has caused.

    "unclear" is what nobody can tell: a lost connection while an error was being handled, say.
    What an error was raised from counts for more than the error, and of a group each part counts.
    """
    chain, seen, one = [], set[int](), problem
    while one is not None and id(one) not in seen:  # `raise error from error` goes in a circle
        seen.add(id(one))
        chain.append(one)
        one = one.__cause__ or one.__context__
    found = _alone(chain.pop())
    for later in reversed(chain):
        if (mine := _alone(later)) != found and (mine, found) != ("own", "lost"):
            found = "unclear"
    return found


def _alone(problem: BaseException) -> str:
    """The standing of an error without those before it."""
    if not isinstance(problem, BaseExceptionGroup):
        return "lost" if _lost(problem) else "own"
    parts = {standing(part) for part in problem.exceptions}
    return parts.pop() if len(parts) == 1 else "own" if "own" in parts else "unclear"


def words(problem: BaseException) -> str:
    """What an error says; one of somebody's own may fail at that."""
    try:
        return str(problem)
    except Exception as another:
        return f"(its text cannot be had: {type(another).__name__})"


def _lost(problem: BaseException) -> bool:
    """Whether this error is that of a lost connection."""
    if _LOST_TYPES & {kind.__name__ for kind in type(problem).__mro__}:
        return True
    return isinstance(problem, (RuntimeError, OSError)) and bool(_LOST.search(words(problem)))


@dataclass(frozen=True)
class End:
    """How and when a rank ended: by an error (its `reason`), or with an exit code and no word."""

    rank: int
    standing: str
    when: float
    code: int | None = None
    reason: str = ""
    traceback: str = ""


def failures(plan: Plan, codes: Mapping[int, tuple[int, float]]) -> list[End]:
    """Return how the ranks ended that have not returned.

    `codes`: exit codes by rank, as far as they are known, each with the time when it was seen.
    """
    found = []
    for rank in range(plan.processes):
        code, seen = codes.get(rank, (None, 0.0))
        error, returned = plan.path(rank, "error"), plan.path(rank, "result").exists()
        if error.exists():
            found.append(End(rank, **json.loads(error.read_text(encoding="utf-8"))))
        elif code is not None and (code or not returned):
            lost = code == -signal.SIGABRT and _aborted(plan, rank)
            found.append(End(rank, "lost" if lost else "own", seen - _SEEN_LATE, code))
    return found


def _aborted(plan: Plan, rank: int) -> bool:
    """Whether PyTorch's own threads ended a rank because it had lost another one."""
    path = plan.path(rank, "err")
    said = path.read_bytes()[-20_000:].decode("utf-8", "replace") if path.exists() else ""
    return "terminate called" in said and bool(_LOST.search(said))


def first_cause(found: list[End]) -> End | None:
    """Return the end that came first of those that no other can have caused, None without one."""
    for kind in ("own", "unclear"):
        if own := [end for end in found if end.standing == kind]:
            return min(own, key=lambda end: (end.when, end.rank))
    return None


class Ends:
    """What torchrun's process sees of the ranks' ends, until the first cause of them is known."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self._codes: dict[int, tuple[int, float]] = {}  # of ranks that have ended, and when seen
        self._since: float | None = None                # when the first failure was seen

    def look(self, codes: Sequence[int | None], now: float | None = None) -> bool | None:
        """Note the ranks' exit codes, None for those that run.

        Returns None if no rank has failed, True if one has and it is known which was first, or has
        to be taken for unknown: then there is a report; False in between.
        """
        now = time.monotonic() if now is None else now
        for rank, code in enumerate(codes):
            if code is not None:
                self._codes.setdefault(rank, (code, now))
        found = failures(self.plan, self._codes)
        if not found:
            return None
        self._since = now if self._since is None else self._since
        if not self._settled(found, now - self._since):
            return False
        self.plan.report(codes=self._codes)
        return True

    def _settled(self, found: list[End], waited: float) -> bool:
        if len(self._codes) == self.plan.processes or waited > _SETTLE:
            return True
        cause = first_cause(found)
        return cause is not None and cause.standing == "own" and (
            cause.code is not None or waited > _TOGETHER)
