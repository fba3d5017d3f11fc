"""The beginning of a run: waiting outside for a place, taking it, the first variables, the way to the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from statemachine.course import proceed
from statemachine.errors import StepFailed
from statemachine.failing import fail
from statemachine.run import Run
from statemachine.snapshot import Status
from statemachine.steps.parts import resolve
from statemachine.way_out import fire

RUN: Final = "run"
"""The name of the deadline by which a run must have ended."""
_TRIGGER_NOTE: Final = ("type", "id", "trigger_id")


def wait_outside(run: Run, queue: Mapping[str, Any]) -> None:
    """Wait to begin until there is a place."""
    run.status = Status.PENDING
    run.queued = queue["rule"]
    run.note("queued", metadata=dict(queue))


def start(run: Run) -> None:
    """Begin: mostly the first cause of an enrollment."""
    run.queued = ""
    take_place(run)
    run.note("started", metadata={name: run.trigger[name] for name in _TRIGGER_NOTE if run.trigger.get(name)})
    if begin(run):
        proceed(run)


def begin(run: Run) -> bool:
    """Put a run before its first step; False when it has failed already."""
    workflow = run.workflow_version
    if run.origin is not None and run.origin.outcome:
        fire(run, workflow.machine.begin(workflow.machine.target(run.origin.step, run.origin.outcome)))
        return True
    try:
        _set_initial_variables(run)
    except StepFailed as failure:
        error = run.keep_error(failure.code, failure.message)
        fail(run, error)
        return run.ended_at is None
    set_run_deadline(run)
    fire(run, workflow.machine.begin(workflow.beginning(run.trigger.get("trigger_id"))))
    return True


def take_place(run: Run) -> None:
    """Hold a place of its workflow, if they are counted; a child lives on that of its parent."""
    if run.workflow_version.limits.counted and run.parent_id is None:
        run.place_at = run.now


def set_run_deadline(run: Run) -> None:
    """The run must have ended within `limits.max_duration` from now, if its workflow says so."""
    maximum = run.workflow_version.limits.max_duration
    if maximum is not None:
        run.deadlines[RUN] = run.now + maximum


def _set_initial_variables(run: Run) -> None:
    if run.workflow_version.variables is not None:
        run.set_variables({**resolve(run.workflow_version.variables, run.scope), **run.variables})
