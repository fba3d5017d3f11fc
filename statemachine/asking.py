"""Asking people: the beginning and the end of a human task, as the run sees it. `handoff.py` is between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from statemachine.decision import EmittedEvent, HumanChange, HumanWork
from statemachine.listening import WAIT
from statemachine.run import Run

REMINDER: Final = "reminder"
ESCALATION: Final = "escalation"
PEOPLE_TIMERS: Final = (REMINDER, ESCALATION)
"""The deadlines of a human task, besides that of the wait for it."""


def ask(run: Run, work: HumanWork) -> dict[str, str]:
    """A human task is open: its timers run, and who listens hears of it. Answers what history says of it."""
    for name, span in ((WAIT, work.timeout), (REMINDER, work.reminder), (ESCALATION, work.escalation)):
        if span is not None:
            run.deadlines[name] = run.now + span
    raise_human(run, "approval_requested", title=work.title)
    return {"until": run.deadlines[WAIT].isoformat()} if work.timeout is not None else {}


def raise_human(run: Run, kind: str, **data: Any) -> None:
    """Raise an event about the human task in which the run rests."""
    about = {"enrollment_id": run.enrollment_id, "workflow": run.workflow, "step": run.step_id}
    run.emitted.append(EmittedEvent(kind, {**about, **data}))


def close_human(run: Run, ending: str, decision: str | None = None, output: Any = None) -> None:
    """The human task in which the run rests is over, in whatever way."""
    task = run.task
    assert task is not None
    by = output.get("by") if isinstance(output, Mapping) else None
    run.human.append(HumanChange("closed", task.step, task.visit, ending, decision, by, output))
    if decision is not None:
        raise_human(run, "approval_decided", decision=decision, by=by)
