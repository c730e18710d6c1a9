"""torchrun's engine: it starts the ranks, and sees how they end.

All that it leaves behind, ports, threads, environment, ends with its process. Where it is safe, on
Linux without a GPU, the ranks are forked from it and need not import PyTorch again, which is half
of the time that a launch takes.
"""

import importlib
import os
import socket
import uuid
from functools import wraps
from typing import Any

from torch.distributed.elastic.agent.server.api import RunResult, WorkerSpec, WorkerState
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.rendezvous import RendezvousParameters
from torch.distributed.elastic.rendezvous.registry import get_rendezvous_handler

from .cause import Ends
from .plan import Plan
from .rank import for_launch
from .start import can_fork


class _Agent(LocalElasticAgent):
    """torchrun's agent; when a rank has failed, it notes how each ended before it ends the rest."""

    def __init__(self, plan: Plan, spec: WorkerSpec, method: str):
        super().__init__(spec, DefaultLogsSpecs(log_dir=str(plan.folder)), start_method=method)
        self._ends = Ends(plan)

    def _monitor_workers(self, worker_group) -> RunResult:
        context: Any = self._pcontext  # a MultiprocessContext, which says no more than who failed
        ended = self._ends.look([process.exitcode for process in context._pc.processes])
        if ended is None and self._ends.plan.all("result"):
            watch: Any = super()._monitor_workers
            return watch(worker_group)
        # Before all have returned torchrun's own watch is not asked: it would end them all for one
        # that has failed since the line above, and nobody could tell afterwards which was first.
        return RunResult(state=WorkerState.FAILED if ended else WorkerState.HEALTHY)


def run(plan: Plan) -> int:
    """Run the ranks; leave a report if they fail."""
    forks = can_fork()
    if forks:
        importlib.import_module(plan.target.partition(":")[0])
    # torchrun asks for this computer's full name for each entry of its log, which takes ten seconds
    # each time where no name server answers.
    socket.getfqdn = wraps(socket.getfqdn)(lambda name="": name or "localhost")
    host = f"[{plan.address}]" if ":" in plan.address else plan.address
    meeting = get_rendezvous_handler(RendezvousParameters(  # on a free port of this computer
        backend="c10d", endpoint=f"{host}:0", local_addr=plan.address, run_id=str(uuid.uuid4()),
        min_nodes=1, max_nodes=1))
    spec = WorkerSpec(
        role="default", local_world_size=plan.processes, entrypoint=for_launch,
        args=(str(os.getpid()),), rdzv_handler=meeting, max_restarts=0, monitor_interval=0.05,
        local_addr=plan.address)
    try:
        result: Any = _Agent(plan, spec, "fork" if forks else "spawn").run()
        return int(result.is_failed())
    finally:
        meeting.shutdown()
