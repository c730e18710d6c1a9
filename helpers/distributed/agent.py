"""torchrun's process, as `launch` starts it: what it does before PyTorch is imported.

    python -m helpers.distributed.agent

That takes seconds, in which the process that has called `launch` may be killed.
"""

import shutil
import sys

from .parent import adopt_orphans, end_family, end_with, killed_with_parent
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
    end_with(plan.caller, lambda: plan.over(_LONGER),
             lambda: shutil.rmtree(plan.folder, ignore_errors=True))


def whole(plan: Plan, run) -> int:
    """Run a launch and leave nothing that it has started; if it cannot be run, say why."""
    adopt_orphans()
    try:
        return run(plan)
    except Exception as problem:
        plan.report(trouble=f"{type(problem).__name__}: {problem}")
        raise
    finally:
        end_family()


if __name__ == "__main__":
    sys.exit(main())
