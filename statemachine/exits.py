"""How a run leaves before its end: by an exit rule of its workflow, or when its entry filter holds no longer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from statemachine.ending import exit_run
from statemachine.event import Event, event_from_data

if TYPE_CHECKING:
    from statemachine.condition import Condition
    from statemachine.run import Run
    from statemachine.workflow import ExitRule


def try_exits(run: Run, event: Event) -> bool:
    """Whether a rule of the workflow lets the run end by this event, and it so does."""
    if not run.workflow_version.exits or run.failing or run.before.part:
        return False
    run.event = event
    for rule in run.workflow_version.exits:
        if _exits(run, rule, event):
            exit_run(run, rule.exit_reason, goal=rule.goal, event=event.type)
            return True
    return False


def _exits(run: Run, rule: ExitRule, event: Event | None = None) -> bool:
    concerned = not _still_matches(run) if rule.on_mismatch else event is not None and rule.on == event.type
    return concerned and (rule.when is None or rule.when.test(run.scope))


def entry_filter(run: Run) -> Condition | None:
    """The conditions of the trigger that enrolled the run."""
    trigger_id = run.trigger.get("trigger_id")
    triggers = (trigger for trigger in run.workflow_version.triggers if trigger.id == trigger_id)
    return next((trigger.conditions for trigger in triggers if trigger.conditions is not None), None)


def _still_matches(run: Run) -> bool:
    """The filter is asked again about the event that enrolled."""
    wanted = entry_filter(run)
    if wanted is None:
        return True
    with entering_event(run):
        return wanted.test(run.scope)


@contextmanager
def entering_event(run: Run) -> Iterator[None]:
    """As long as it lasts, `event` is the one that enrolled the run."""
    handled, run.event = run.event, event_from_data(run.trigger)
    try:
        yield
    finally:
        run.event = handled


def leave_on_mismatch(run: Run) -> bool:
    """Whether the contact does not match the entry filter any more, and the run so leaves."""
    rule = mismatch_of(run)
    if rule is not None:
        exit_run(run, rule.exit_reason, goal=rule.goal)
    return rule is not None


def mismatch_of(run: Run) -> ExitRule | None:
    """The rule by which the run leaves because its entry filter holds no longer."""
    rules = () if run.failing or run.before.part else run.workflow_version.exits
    return next((rule for rule in rules if rule.on_mismatch and _exits(run, rule)), None)
