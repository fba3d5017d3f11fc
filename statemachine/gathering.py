"""Bursts and silences: waits that several events move, one after the other.

A *burst* (`debounce`) gathers the events that lead to the outcome of its first, until none has come for the gap or the
longest hold is over; together they are one way out of the wait. A *silence* (`quiet`) begins anew with each of its
events. Time is that of acceptance: an event that comes when a burst is over, but for its timer, is no part of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from statemachine.event import Event
from statemachine.limits import MAX_OUTPUT_BYTES, larger_than
from statemachine.run import Run
from statemachine.step import EventCase, WaitingStep

DEBOUNCE: Final = "debounce"
MAX_HOLD: Final = "max_hold"
QUIET: Final = "quiet"
BURST_TIMERS: Final = (DEBOUNCE, MAX_HOLD)
MAX_EVENTS: Final = 100
"""The most events of one burst; it is over with the last of them."""


def taking(run: Run, cases: Iterable[EventCase], event: Event) -> EventCase | None:
    """The first of these cases that takes the event, which is `event` in the scope then."""
    before = run.event
    run.event = event
    for case in cases:
        if case.event == event.type and (case.when is None or case.when.test(run.scope)):
            return case
    run.event = before
    return None


def gathers(run: Run) -> bool:
    """Whether the step gathers the events that end it."""
    return isinstance(run.step.runner, WaitingStep) and run.step.runner.burst() is not None


def is_over(run: Run, at: datetime) -> bool:
    """Whether the burst under way ended at or before that instant."""
    return any(run.deadlines[name] <= at for name in BURST_TIMERS if name in run.deadlines)


def joins(run: Run, event: Event) -> bool:
    """Whether the event leads to where the burst under way does; others are left for later waits."""
    case = taking(run, run.step.cases, event)
    return case is not None and case.outcome == run.gathered["outcome"]


def has_room(run: Run, event: Event) -> bool:
    return not larger_than(_output([*run.gathered["events"], dict(event.data)]), MAX_OUTPUT_BYTES)


def begin_burst(run: Run, case: EventCase, event: Event, timers: Iterable[str]) -> None:
    """The first event settles the outcome; the wait's own `timers` are over."""
    burst = run.step.runner.burst() if isinstance(run.step.runner, WaitingStep) else None
    assert burst is not None
    for name in timers:
        run.deadlines.pop(name, None)
    run.gathered = {"outcome": case.outcome, "events": []}
    if burst.max_hold is not None:
        run.deadlines[MAX_HOLD] = _at(run, event) + burst.max_hold
    add(run, event)


def add(run: Run, event: Event) -> None:
    """Put the event to those of the burst, and begin its gap anew."""
    burst = run.step.runner.burst() if isinstance(run.step.runner, WaitingStep) else None
    assert burst is not None
    run.take(event)
    run.gathered = {**run.gathered, "events": [*run.gathered["events"], dict(event.data)]}
    until = _at(run, event) + burst.gap
    run.deadlines[DEBOUNCE] = max(until, run.deadlines.get(DEBOUNCE, until))


def is_full(run: Run) -> bool:
    return len(run.gathered["events"]) >= MAX_EVENTS


def note_burst(run: Run, event: Event) -> None:
    until = min(run.deadlines[name] for name in BURST_TIMERS if name in run.deadlines)
    count = len(run.gathered["events"])
    metadata = {"event": event.type, "count": count, "until": until.isoformat()}
    run.note("debounced", step=run.step_id, step_type=run.step.type, metadata=metadata)


def burst_output(run: Run) -> dict[str, Any]:
    """What the wait leaves: the data of each event, in order of acceptance."""
    return _output(list(run.gathered["events"]))


def _output(payloads: list[Any]) -> dict[str, Any]:
    return {"events": payloads, "count": len(payloads)}


def begin_silence(run: Run, since: datetime) -> None:
    """Set the end of the silence, earlier events counted."""
    span = _quiet(run)
    run.deadlines[QUIET] = since + span
    if since < run.now and run.surroundings.events:
        for event in run.earlier_events(frozenset(case.event for case in run.step.resets)):
            if taking(run, run.step.resets, event) is not None:
                run.deadlines[QUIET] = max(run.deadlines[QUIET], _at(run, event) + span)
        run.event = None


def break_silence(run: Run, event: Event) -> bool:
    """Begin the silence anew if the event is one of those that break it."""
    resets = run.step.resets
    if not resets or QUIET not in run.deadlines or run.history_full or taking(run, resets, event) is None:
        return False
    until = max(run.deadlines[QUIET], _at(run, event) + _quiet(run))
    run.deadlines[QUIET] = until
    metadata = {"event": event.type, "quiet_until": until.isoformat()}
    run.note("debounced", step=run.step_id, step_type=run.step.type, metadata=metadata)
    return True


def _quiet(run: Run) -> Any:
    span = run.step.runner.quiet() if isinstance(run.step.runner, WaitingStep) else None
    assert span is not None
    return span


def _at(run: Run, event: Event) -> datetime:
    return event.accepted_at or run.now
