"""Which rank is named when several end: the one that failed, in whatever order it is seen."""

import importlib
import json
import random
import re
import signal
import time
from functools import partialmethod
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch.distributed as dist
from torch.distributed.elastic.agent.server.api import WorkerState

from helpers import LaunchError, launch
from helpers.distributed.cause import Ends, standing, words
from helpers.distributed.engine import _Agent
from helpers.distributed.failure import explain
from helpers.distributed.plan import Plan
from tests.distributed import odd_workers

LOST = ("[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer "
        "[127.0.0.1]:2810. This is typically caused by a remote worker crashing.")
# what a rank can end by, without a word: exit code, and words about it
SILENT = {"sigkill": (-9, r"was killed by signal 9 \(SIGKILL\)"),
          "sigterm": (-15, r"was killed by signal 15 \(SIGTERM\)"),
          "sigsegv": (-11, r"was killed by signal 11 \(SIGSEGV\)"),
          "sigabrt": (-6, r"was killed by signal 6 \(SIGABRT\)"),
          "exit-3": (3, "ended with exit code 3"), "exit-0": (0, "ended with exit code 0")}


@pytest.fixture
def plan(tmp_path):
    return a_plan(tmp_path)


def a_plan(folder, processes: int = 2) -> Plan:
    return Plan(folder, "odd:worker", processes, 60.0, 0.0, 1)


class Story:
    """Ranks that end in an order that is made up, and what torchrun's process sees of it."""

    def __init__(self, plan: Plan):
        self.plan, self.ends, self.codes = plan, Ends(plan), [None] * plan.processes
        self.now = 100.0

    def errs(self, rank: int, problem: BaseException, exits: bool = True) -> None:
        self.plan.leave(f"{rank}.error", json.dumps({
            "when": self.now, "standing": standing(problem), "traceback": "",
            "reason": f"{type(problem).__name__}: {problem}"}))
        if exits:
            self.codes[rank] = 1

    def looks(self, after: float = 0.05) -> bool | None:
        self.now += after
        return self.ends.look(self.codes, self.now)

    def end(self) -> LaunchError:
        for _ in range(1000):
            if self.looks():
                return explain(self.plan, 1, late=False)
        raise AssertionError("it never comes to an end")


@pytest.mark.parametrize("seen", ["first", "last", "together"])
@pytest.mark.parametrize("processes", range(2, 9))
@pytest.mark.parametrize("kind", SILENT)
def test_fault_silent_end_beats_lost_connections(tmp_path, kind, processes, seen):
    """D4: the victims' errors are seen before the end of the one that was killed, or after it."""
    code, words = SILENT[kind]
    guilty = processes // 2
    story = Story(a_plan(tmp_path, processes))
    victims = [rank for rank in range(processes) if rank != guilty]
    if seen == "first":
        story.codes[guilty] = code
        assert story.looks()  # nothing to wait for
    for victim in victims:
        story.errs(victim, RuntimeError(LOST))
        if seen != "together":
            story.looks()
    story.codes[guilty] = code
    error = story.end()
    assert error.rank == guilty and re.match(f"Rank {guilty} of {processes} {words}", str(error))


def test_fault_an_end_between_two_looks(plan):
    """A rank that ends just after it was seen running: torchrun's own watch would end the others
    for it, and nobody could tell which was first.
    """
    class EndsAtTheSecondLook:
        looks = 0

        @property
        def exitcode(self) -> int | None:
            self.looks += 1
            return None if self.looks == 1 else -9

    def never():
        raise AssertionError("torchrun's own watch has ended the others")

    agent: Any = object.__new__(_Agent)
    agent._ends = Ends(plan)
    running = SimpleNamespace(exitcode=None)
    agent._pcontext = SimpleNamespace(_pc=SimpleNamespace(
        processes=[running, EndsAtTheSecondLook()]), wait=never, pids=never)
    seen = [agent._monitor_workers(None).state for _ in range(2)]
    assert seen == [WorkerState.HEALTHY, WorkerState.FAILED]
    assert explain(plan, 1, late=False).rank == 1


def test_fault_slow_reaping(plan):
    """A GPU's driver lets go of a killed process seconds after its peers have noticed."""
    story = Story(plan)
    story.errs(0, RuntimeError(LOST))
    assert story.looks(0.05) is False
    assert story.looks(4.0) is False
    story.codes[1] = -9
    assert story.end().rank == 1


def test_fault_silent_end_just_after_an_error_of_unknown_words(plan):
    story = Story(plan)
    story.errs(0, RuntimeError("the other side has hung up, in words that nobody knows"))
    assert story.looks() is False
    story.codes[1] = -9
    assert story.end().rank == 1


def test_fault_an_error_beats_a_later_kill(plan):
    story = Story(plan)
    story.errs(0, ZeroDivisionError("really"))
    story.now += 2
    story.codes[1] = -9
    error = story.end()
    assert error.rank == 0 and "Rank 1 failed, too" in str(error)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_fault_several_real_failures_at_once(tmp_path, order):
    story = Story(a_plan(tmp_path, 4))
    for rank in order:
        story.now += 0.001
        story.errs(rank, ValueError(f"of rank {rank}"))
    story.errs(3, RuntimeError(LOST))
    error = story.end()
    others = ", ".join(str(rank) for rank in sorted(order[1:]))
    assert error.rank == order[0]
    assert f"Ranks {others} failed, too, and not because of it. The other ranks" in str(error)


@pytest.mark.parametrize("processes", [2, 5])
def test_fault_only_lost_connections_blame_nobody(tmp_path, processes):
    story = Story(a_plan(tmp_path, processes))
    for rank in range(processes):
        story.errs(rank, ConnectionResetError(f"reset, says {rank}"))
    error = story.end()
    assert error.rank is None
    assert "No rank is known to have failed first" in str(error)
    assert all(f"Rank {rank}: ConnectionResetError: reset, says {rank}." in str(error)
               for rank in range(processes))


def test_fault_a_rank_that_had_returned_while_others_waited(plan):
    story = Story(plan)
    plan.path(1, "result").touch()
    story.errs(0, RuntimeError(LOST))
    error = story.end()
    assert error.rank is None and "Rank 1 had returned: every rank must come" in str(error)


def test_fault_killed_after_it_had_returned(plan):
    story = Story(plan)
    plan.path(1, "result").touch()
    story.codes[1] = -11
    assert story.end().rank == 1


@pytest.mark.parametrize("said, rank", [
    ("terminate called after throwing an instance of 'c10::DistBackendError'\n  what():  NCCL "
     "communicator was aborted on rank 0", 1), ("Fatal Python error: Aborted", 0)])
def test_fault_aborted_by_pytorchs_own_watch(plan, said, rank):
    """nccl ends a process that has lost a peer by SIGABRT: it is a victim, too."""
    story = Story(plan)
    plan.path(0, "err").write_text(said)
    story.codes[0] = -signal.SIGABRT
    story.looks()
    story.codes[1] = 3
    assert story.end().rank == rank


def test_fault_no_failure_is_seen_where_ranks_return(plan):
    story = Story(plan)
    assert story.looks() is None
    for rank in range(2):
        plan.path(rank, "result").touch()
        story.codes[rank] = 0
        assert story.looks() is None


# --- whose fault an error is ---

OWN = [ZeroDivisionError("x"), SystemExit(3), KeyboardInterrupt(), MemoryError(),
       RuntimeError("CUDA out of memory"), ValueError("Connection closed, says a table")]
PEER = [RuntimeError(LOST), ConnectionResetError(104, "x"), BrokenPipeError(),
        dist.DistNetworkError("x"), dist.DistBackendError("NCCL error"), dist.DistStoreError("x"),
        RuntimeError("[gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 10000ms for recv "
                     "operation to complete"), RuntimeError("Broken pipe"),
        RuntimeError("recvValue failed on SocketImpl"), OSError("Connection reset by peer"),
        RuntimeError("NCCL communicator was aborted"),
        RuntimeError("wait timeout after 300000ms, keys: /default_pg/0")]


def name(problem: BaseException) -> str:
    return f"{type(problem).__name__}-{str(problem)[:20]}"


@pytest.mark.parametrize("problem", OWN, ids=name)
def test_fault_own_errors(problem):
    assert standing(problem) == "own"


@pytest.mark.parametrize("problem", PEER, ids=name)
def test_fault_errors_of_lost_peers(problem):
    assert standing(problem) == "lost"


def chained(*problems: BaseException, explicit: bool = False) -> BaseException:
    """The last error, raised while the one before it was handled, and so on."""
    for earlier, later in pairwise(problems):
        later.__context__ = earlier
        if explicit:
            later.__cause__ = earlier
    return problems[-1]


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("kinds, found", [
    ("lo", "lost"), ("loo", "lost"), ("ll", "lost"), ("oo", "own"), ("ol", "unclear"),
    ("olo", "unclear"), ("lol", "lost")])
def test_fault_chains_of_errors(kinds, found, explicit):
    problems = [RuntimeError(LOST) if kind == "l" else ValueError("own") for kind in kinds]
    assert standing(chained(*problems, explicit=explicit)) == found


@pytest.mark.parametrize("group, found", [
    (lambda: ExceptionGroup("both", [RuntimeError(LOST), ConnectionError()]), "lost"),
    (lambda: ExceptionGroup("one of them", [RuntimeError(LOST), ValueError("own")]), "own"),
    (lambda: BaseExceptionGroup("deep", [ExceptionGroup("in it", [RuntimeError(LOST)])]), "lost"),
    (lambda: ExceptionGroup("deep", [ExceptionGroup("in it", [ValueError(LOST)])]), "own"),
    (lambda: chained(RuntimeError(LOST), ExceptionGroup("after", [ValueError("x")])), "lost"),
    (lambda: ExceptionGroup("x", [chained(ValueError("x"), RuntimeError(LOST)),
                                  RuntimeError(LOST)]), "unclear")])
def test_fault_groups_of_errors(group, found):
    assert standing(group()) == found


def test_fault_an_unclear_error_is_named_where_there_is_no_better_one(plan):
    story = Story(plan)
    story.errs(0, RuntimeError(LOST))
    story.errs(1, chained(KeyError("first"), RuntimeError(LOST)))
    assert story.end().rank == 1


@pytest.mark.parametrize("seed", range(100))
def test_fault_any_order_of_any_ends_names_a_rank_that_failed_by_itself(tmp_path, seed):
    """D4: whatever is seen when, a victim is never named while one has failed by itself."""
    draw = random.Random(seed)
    processes = draw.randint(2, 8)
    guilty = draw.sample(range(processes), draw.randint(1, processes))
    story = Story(a_plan(tmp_path, processes))
    for rank in draw.sample(range(processes), processes):
        # what ends by itself is seen within the five seconds that it has for that
        story.looks(draw.uniform(0, 4.5 / processes))
        if rank not in guilty:
            story.errs(rank, draw.choice(PEER), exits=draw.random() < 0.5)
        elif draw.random() < 0.5:
            story.codes[rank] = draw.choice([code for code, _ in SILENT.values()])
        else:
            story.errs(rank, draw.choice(OWN))
    assert story.end().rank in guilty


# --- the same with processes ---

@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("how, words", [
    ("sigkill", r"was killed by signal 9 \(SIGKILL\)"), ("sigsegv", r"signal 11 \(SIGSEGV\)"),
    ("os._exit(3)", "ended with exit code 3"), ("os._exit(0)", "ended with exit code 0"),
    ("sys.exit", "failed: SystemExit: 4"), ("raise", "failed: LookupError: on purpose"),
    ("group", "failed: ExceptionGroup: several")])
def test_fault_the_rank_that_ended_is_named(how, words, processes):
    guilty = processes - 1
    with pytest.raises(LaunchError, match=f"Rank {guilty} of {processes} .*{words}") as failed:
        launch(odd_workers.ends, processes=processes, rank=guilty, how=how, timeout=120)
    assert failed.value.rank == guilty


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("how", ["wrap", "exit"])
def test_fault_what_victims_make_of_their_errors(how):
    """They raise others from it, or leave by sys.exit: the one that was killed is named."""
    with pytest.raises(LaunchError, match=r"Rank 1 of 3 was killed by signal 9") as failed:
        launch(odd_workers.victims, processes=3, rank=1, how=how, timeout=120)
    assert failed.value.rank == 1


@pytest.mark.usefixtures("nothing_is_left")
def test_fault_a_rank_that_returns_early_is_told():
    with pytest.raises(LaunchError, match=r"Rank 0 was waiting .*Rank 1 had returned\. Rank 1 had "
                       "returned: every rank must come") as failed:
        launch(odd_workers.ends, processes=2, rank=1, how="return", timeout=5)
    assert failed.value.rank is None


@pytest.mark.usefixtures("nothing_is_left")
def test_fault_imports_do_not_count_as_time_of_the_worker(tmp_path, monkeypatch):
    """Each rank imports for five seconds, or torchrun's process for all, and the limit is three."""
    (tmp_path / "slow_import.py").write_text(
        "import os, time\nif 'COURSE_LAUNCH' in os.environ: time.sleep(5)\ndef work(): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    worker = importlib.import_module("slow_import").work
    started = time.time()
    assert launch(worker, processes=2, timeout=3) == [1, 1]
    assert time.time() - started > 5


@pytest.mark.usefixtures("nothing_is_left")
def test_fault_a_slow_rank_does_not_cost_the_others_time():
    """Rank 1 begins four seconds after rank 0, which has three."""
    assert launch(odd_workers.takes, processes=2, timeout=3, thing=odd_workers.Slow(4)) == [1, 1]


@pytest.mark.usefixtures("nothing_is_left")
def test_fault_joining_a_group_does_not_count_either(monkeypatch):
    """Both ranks take five seconds to join, and the limit is three."""
    assert launch(odd_workers.joins_slowly, processes=2, timeout=3, seconds=5) == [2, 2]


@pytest.mark.usefixtures("nothing_is_left")
def test_fault_a_rank_that_never_begins_is_named(monkeypatch):
    monkeypatch.setattr(Plan, "__init__", partialmethod(Plan.__init__, setup=12.0))
    with pytest.raises(LaunchError, match=r"After 12 seconds .* not all begun.*Rank 0 was ready\. "
                       r"Rank 1 was not ready.* odd_workers.py, line \d+, in slow") as failed:
        launch(odd_workers.takes, processes=2, timeout=600, thing=odd_workers.Slow(600))
    assert failed.value.rank == 1


def test_fault_chains_without_an_end():
    """`raise error from error` makes one, and so do groups that hold what they were raised from."""
    own, lost = ValueError("own"), RuntimeError(LOST)
    own.__cause__, lost.__cause__ = own, lost
    assert (standing(own), standing(lost)) == ("own", "lost")
    assert standing(chained(*(ValueError(str(i)) for i in range(5000)))) == "own"


def test_fault_an_error_that_fails_at_its_own_words():
    assert standing(odd_workers.Mute()) == "own"
    assert words(odd_workers.Mute()) == "(its text cannot be had: AttributeError)"


@pytest.mark.parametrize("how, said", [
    ("mute", "Mute: .its text cannot be had"), ("from itself", "LookupError: on purpose")])
def test_fault_errors_that_are_hard_to_tell(nothing_is_left, how, said):
    with pytest.raises(LaunchError, match=f"Rank 1 of 2 failed: {said}") as told:
        launch(odd_workers.hard_to_tell, 2, how=how)
    assert told.value.rank == 1
