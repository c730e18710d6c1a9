"""torchrun's engine, as `launch` starts it, in a process of its own.

All that it leaves behind, ports, threads, environment, ends with this process. Where it is safe, on
Linux without a GPU, the ranks are forked from it and need not import PyTorch again, which is half
of the time that a launch takes.
"""

import importlib
import os
import socket
import sys
import uuid
from functools import wraps

from torch.distributed.elastic.agent.server import WorkerSpec
from torch.distributed.elastic.agent.server.api import RunResult, WorkerState
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.rendezvous import RendezvousParameters
from torch.distributed.elastic.rendezvous.registry import get_rendezvous_handler

from .cause import Ends
from .parent import end_with_parent
from .plan import Plan
from .rank import for_launch
from .start import can_fork


class _Agent(LocalElasticAgent):
    """torchrun's agent; when a rank has failed, it notes how each ended before it ends the rest."""

    def __init__(self, plan: Plan, *given, **settings):
        super().__init__(*given, **settings)
        self._ends = Ends(plan)

    def _monitor_workers(self, worker_group) -> RunResult:
        ended = self._ends.look([process.exitcode for process in self._pcontext._pc.processes])
        if ended is None:
            return super()._monitor_workers(worker_group)
        return RunResult(state=WorkerState.FAILED if ended else WorkerState.HEALTHY)


def main() -> int:
    """Run the plan that the environment names."""
    end_with_parent()
    return run(Plan.here())


def run(plan: Plan) -> int:
    """Run the ranks; leave a report if they fail."""
    forks = can_fork()
    if forks:
        importlib.import_module(plan.target.partition(":")[0])
    # torchrun asks for this computer's full name for each entry of its log, which takes ten seconds
    # each time where no name server answers.
    socket.getfqdn = wraps(socket.getfqdn)(lambda name="": name or "localhost")
    meeting = get_rendezvous_handler(RendezvousParameters(
        backend="c10d", endpoint="127.0.0.1:0", local_addr="127.0.0.1", run_id=str(uuid.uuid4()),
        min_nodes=1, max_nodes=1))  # on a free port, without asking for the computer's name
    spec = WorkerSpec(
        role="default", local_world_size=plan.processes, entrypoint=for_launch,
        args=(str(os.getpid()),), rdzv_handler=meeting, max_restarts=0, monitor_interval=0.05,
        local_addr="127.0.0.1")
    agent = _Agent(plan, spec, DefaultLogsSpecs(log_dir=str(plan.folder)),
                   start_method="fork" if forks else "spawn")
    try:
        return int(agent.run().is_failed())
    finally:
        meeting.shutdown()


if __name__ == "__main__":
    sys.exit(main())
