"""torchrun's process, as `launch` starts it: what it does before PyTorch is imported.

    python -m helpers.distributed.agent

That takes seconds, in which the process that has called `launch` may be killed.
"""

import shutil
import sys
import traceback
from pathlib import Path

import psutil

from .parent import adopt_orphans, alive, end_family, end_with, killed_with_parent
from .plan import Plan

_LONGER = 30.0  # seconds after its time that a launch whose caller does not end it ends by itself


def main() -> int:
    """Run the plan that the environment names, as a child of the process that has made it."""
    killed_with_parent()
    plan = Plan.here()
    watched(plan)
    from .engine import run

    killed_with_parent(False)  # from here on there are ranks, which `watched` ends, too
    return whole(plan, run)


def watched(plan: Plan) -> None:
    """End with the caller, with the folder that it removes when it is interrupted, or in time."""
    end_with(plan.caller, lambda: plan.over(_LONGER), lambda: _tidy(plan))


def _tidy(plan: Plan) -> None:
    """Remove the folder that a caller which is gone cannot remove."""
    if not psutil.pid_exists(plan.caller) or not alive(psutil.Process(plan.caller)):
        shutil.rmtree(plan.folder, ignore_errors=True)


def whole(plan: Plan, run) -> int:
    """Run a launch and leave nothing that it has started; if it cannot be run, say why."""
    adopt_orphans()
    try:
        return run(plan)
    except Exception as problem:
        file = Path(traceback.extract_tb(problem.__traceback__)[-1].filename).name
        plan.report(trouble=f"{type(problem).__name__}: {problem} (in {file})")
        raise
    finally:
        end_family()
        _tidy(plan)


if __name__ == "__main__":
    sys.exit(main())
