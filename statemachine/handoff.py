"""Handoff: what happens to a run while a person has to decide. Reminders, escalation, giving up, and deciding itself.

Who is asked is not decided here: `decide` says that somebody has to be reminded, or that others get it now, and the
engine finds out whom that means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from statemachine.asking import ESCALATION, REMINDER, raise_human
from statemachine.course import proceed
from statemachine.decision import HumanChange
from statemachine.listening import WAIT
from statemachine.ordering import revoke
from statemachine.run import Run
from statemachine.steps.approval import TIMEOUT, Approval
from statemachine.way_out import leave_step


def human_timer(run: Run, name: str) -> None:
    """A deadline of the human task in which the run rests has passed."""
    if name == REMINDER:
        return _remind(run)
    if name == ESCALATION:
        return _escalate(run)
    assert name == WAIT
    return _give_up(run)


def is_decision(run: Run, transition: str) -> bool:
    """Whether this transition is one that a person decides on, in the step in which the run rests."""
    runner = run.step.runner
    return run.task is not None and isinstance(runner, Approval) and transition in runner.decisions


def decided_by_operator(run: Run, decision: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The output of a decision by Advance. Raises InvalidInput when the form wants something else."""
    runner = run.step.runner
    assert isinstance(runner, Approval)
    return runner.answer(decision, data, None, run.now)


def _remind(run: Run) -> None:
    runner, task = run.step.runner, run.task
    assert isinstance(runner, Approval)
    assert task is not None
    number = task.reminders + 1
    run.task = replace(task, reminders=number)
    del run.deadlines[REMINDER]
    if runner.every is not None and number < runner.reminders and not run.history_full:
        run.deadlines[REMINDER] = run.now + runner.every
    run.note("reminded", step=run.step_id, step_type=run.step.type, metadata={"number": number, **_next(run, REMINDER)})
    run.human.append(HumanChange("reminded", task.step, task.visit))
    raise_human(run, "approval_reminder", number=number)


def _escalate(run: Run) -> None:
    runner, task = run.step.runner, run.task
    assert isinstance(runner, Approval)
    assert task is not None
    del run.deadlines[ESCALATION]
    wanted, queue = runner.escalated(run), runner.escalates_to_queue
    to = {name: value for name, value in (("agent", wanted.agent), ("group", wanted.group), ("queue", queue)) if value}
    run.note("escalated", step=run.step_id, step_type=run.step.type, metadata=to)
    run.human.append(HumanChange("escalated", task.step, task.visit, wanted=wanted, queue=queue))
    raise_human(run, "approval_escalated", **to)


def _give_up(run: Run) -> None:
    """Nobody decided in time."""
    task = run.task
    assert task is not None
    raise_human(run, "approval_timeout")
    revoke(run, "timeout")
    leave_step(run, run.step, TIMEOUT, None)
    proceed(run)


def _next(run: Run, name: str) -> dict[str, str]:
    return {"next_at": run.deadlines[name].isoformat()} if name in run.deadlines else {}
