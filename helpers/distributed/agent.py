"""torchrun's engine, as `launch` starts it, in a process of its own.

    python -m helpers.distributed.agent FOLDER TARGET PROCESSES

All that it leaves behind, ports, threads, environment, ends with this process. Where it is safe, on
Linux without a GPU, the ranks are forked from it and need not import PyTorch again, which is half
of the time that a launch takes.
"""

import importlib
import json
import sys
import uuid
from pathlib import Path

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from .parent import end_with_parent
from .rank import for_launch
from .start import can_fork


def main() -> int:
    """Read the command line."""
    end_with_parent()
    return run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))


def run(folder: Path, target: str, processes: int) -> int:
    """Run the ranks; write the exit codes of those that failed, by rank, the first one first."""
    forks = can_fork()
    if forks:
        importlib.import_module(target.partition(":")[0])
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=processes, run_id=str(uuid.uuid4()),
        max_restarts=0,
        rdzv_backend="c10d", rdzv_endpoint="localhost:0",  # meet on a free port of this computer,
        local_addr="127.0.0.1",                            # without asking for the computer's name
        logs_specs=DefaultLogsSpecs(log_dir=str(folder)), start_method="fork" if forks else "spawn")
    try:
        elastic_launch(config, for_launch)(target, str(folder))
    except ChildFailedError as failed:
        found = sorted(failed.failures.items(), key=lambda item: item[1].timestamp)
        text = json.dumps({rank: failure.exitcode for rank, failure in found})
        (folder / "report.json").write_text(text, encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
