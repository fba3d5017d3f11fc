"""`limits.max_execution`: how long a run may be active, which is how long its tasks are open.

Steps that happen at once take no time, and waits for time, events and people do not count. While a task is open, its
attempts and the pauses between them included, a deadline of the run says when nothing is left; it moves with the others
while the run is paused. What a task has used up is added up when it ends.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from statemachine.run import Run

EXECUTION: Final = "execution"


def start_clock(run: Run) -> None:
    """A task of the run is open from now on."""
    most = run.workflow_version.limits.max_execution
    if most is not None and not run.failing:
        run.deadlines[EXECUTION] = run.now + max(most - timedelta(seconds=run.active_s), timedelta(0))


def stop_clock(run: Run) -> None:
    """The task is done, or given up."""
    until = run.deadlines.pop(EXECUTION, None)
    most = run.workflow_version.limits.max_execution
    if until is not None and most is not None:
        run.active_s = max(0.0, (most - (until - run.now)).total_seconds())
