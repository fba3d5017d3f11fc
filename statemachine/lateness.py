"""Waits that end too late: `late: {skip_if_older_than: 2d}`, for what is not worth doing after an outage.

A standstill is no outage: while a run or its workflow is paused no time counts, and a timer that fell due meanwhile is
due when it goes on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, cast

from statemachine.cause import OperatorCause
from statemachine.gathering import QUIET
from statemachine.listening import SILENT, WAIT
from statemachine.run import Run
from statemachine.step import WaitingStep
from statemachine.step_result import End, Outcome

_TIMERS: Final = (WAIT, QUIET)


def ring(run: Run, name: str) -> Outcome | End:
    """How the wait ends by the timer `name`, which is due."""
    runner = cast(WaitingStep, run.step.runner)
    outcome = SILENT if name == QUIET else runner.timer_outcome()
    late = _late_by(run, run.deadlines[name], runner.late_after())
    return Outcome(outcome) if late is None else runner.end_late(late)


def forgive(run: Run) -> None:
    """The run goes on after a pause of its own: what fell due meanwhile is due now."""
    if run.resting and isinstance(run.step.runner, WaitingStep) and run.step.runner.late_after() is not None:
        for name in _TIMERS:
            if name in run.deadlines:
                run.deadlines[name] = max(run.deadlines[name], run.now)


def _late_by(run: Run, due: datetime, limit: timedelta | None) -> timedelta | None:
    """By how much it is later than is allowed to be late; None when it is not."""
    if limit is None or isinstance(run.cause, OperatorCause):
        return None
    run.lateness_asked = True
    went_on = run.surroundings.standstill.ended_at
    late = run.now - (due if went_on is None else max(due, went_on))
    return late if late > limit else None
