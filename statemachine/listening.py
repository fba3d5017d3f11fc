"""Events at a wait: which of them end it, at once or at the end of a burst, and which begin its silence anew.

Both ways in ask here: events that came before the wait, since its anchor, and those that come while a run rests in it.
"""

from __future__ import annotations

from typing import Final

from statemachine.event import Event
from statemachine.gathering import (
    QUIET,
    add,
    begin_burst,
    begin_silence,
    break_silence,
    burst_output,
    gathers,
    has_room,
    is_full,
    is_over,
    joins,
    note_burst,
    taking,
)
from statemachine.run import Run
from statemachine.step import EventCase, WaitingStep
from statemachine.step_result import Outcome, Rest
from statemachine.workflow import Step

WAIT: Final = "wait"
"""The name of the deadline by which a wait ends at the latest."""

SILENT: Final = "done"
"""The outcome of a silence that has lasted long enough."""


def begin_listening(run: Run, step: Step, rest: Rest) -> Outcome | None:
    """Set the timers of a wait and take the events that came since its anchor; how it ends at once, if it does."""
    run.anchor_at = rest.anchor_at
    told: dict[str, str] = {}
    if rest.deadline is not None:
        run.deadlines[WAIT] = rest.deadline
        told["until"] = rest.deadline.isoformat()
    if rest.silent_at is not None:
        begin_silence(run, rest.silent_at)
        told["quiet_until"] = run.deadlines[QUIET].isoformat()
    run.note("waiting", step=step.id, step_type=step.type, metadata=told)
    outcome = _ended_before(run, step) if step.cases and run.surroundings.events else None
    if outcome is None and step.cases and isinstance(step.runner, WaitingStep) and not run.gathered:
        condition = step.runner.until_true()
        outcome = Outcome(SILENT) if condition is not None and condition.test(run.scope) else None
    if outcome is None and QUIET in run.deadlines and run.deadlines[QUIET] <= run.now:
        return Outcome(SILENT)
    return outcome


def take_event(run: Run, event: Event) -> Outcome | bool:
    """An event comes to the wait in which the run rests: how the wait ends, or whether anything became of it."""
    if run.gathered:
        return _join(run, event)
    case = matching_case(run, event)
    if case is None:
        return break_silence(run, event)
    if gathers(run):
        begin_burst(run, case, event, (WAIT, QUIET))
        note_burst(run, event)
        return True
    return _taken(run, case, event)


def end_of_burst(run: Run) -> Outcome:
    """The wait ends with everything that was gathered."""
    run.event = None
    return Outcome(run.gathered["outcome"], burst_output(run))


def matching_case(run: Run, event: Event) -> EventCase | None:
    """The first case of the wait that takes this event; never the enrolling event, never one that was taken before."""
    cases = run.step.cases
    if not cases or run.before_anchor(event) or run.was_taken(event):
        return None
    return taking(run, cases, event)


def _taken(run: Run, case: EventCase, event: Event) -> Outcome:
    run.take(event)
    told = {"event": event.type, "consumed": "one"} if run.step.runner.alone else {"event": event.type}
    return Outcome(case.outcome, dict(event.data), told)


def _ended_before(run: Run, step: Step) -> Outcome | None:
    latest: Event | None = None
    for event in run.earlier_events(frozenset(case.event for case in step.cases)):
        if run.gathered:
            if is_over(run, event.accepted_at or run.now):
                break
            if run.was_taken(event) or not joins(run, event):
                continue
            if _fills(run, event):
                return end_of_burst(run)
            latest = event
            continue
        case = matching_case(run, event)
        if case is None:
            continue
        if not gathers(run):
            return _taken(run, case, event)
        begin_burst(run, case, event, (WAIT, QUIET))
        latest = event
    if run.gathered and is_over(run, run.now):
        return end_of_burst(run)
    if latest is not None:
        note_burst(run, latest)
    return None


def _join(run: Run, event: Event) -> Outcome | bool:
    """A burst is under way. One that is over when the event comes ends without it, and the event stays for later."""
    if is_over(run, event.accepted_at or run.now):
        return end_of_burst(run)
    if run.was_taken(event) or not joins(run, event):
        return False
    if _fills(run, event):
        return end_of_burst(run)
    note_burst(run, event)
    return True


def _fills(run: Run, event: Event) -> bool:
    """Add the event to the burst; whether the burst is over with it, or without it for lack of room."""
    if run.history_full or not has_room(run, event):
        return True
    add(run, event)
    return is_full(run)
