"""What events, changes and timers do to a run. Each answers whether anything became of it.

A run that is held (it is paused, or its workflow is) does not move: task results, and events that could move it, are
kept in its snapshot. When it is let go they take effect: exits first, then the rest in order of arrival. Its pause may
say otherwise of events: delivered ones act on exits and on the wait it rests in, and the run then stands before the
next step; dropped ones are noted, and no wait of the run takes them any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from statemachine.active_time import EXECUTION
from statemachine.beginning import RUN, start, wait_outside
from statemachine.cause import (
    ChildCause,
    ContactCause,
    ContinueCause,
    EventCause,
    StartCause,
    TaskCause,
    TimerCause,
    cause_from_data,
)
from statemachine.child_end import awaits, hear
from statemachine.course import ask_again, proceed, settle_failure, stand, wake
from statemachine.ending import end_by_step, exit_run
from statemachine.errors import StepFailed
from statemachine.event import Event, event_from_data
from statemachine.exits import leave_on_mismatch, try_exits
from statemachine.failing import fail_run, step_failed
from statemachine.gathering import BURST_TIMERS
from statemachine.handoff import human_timer
from statemachine.holding import drop_event, hold_change, hold_event
from statemachine.lateness import ring
from statemachine.listening import end_of_burst, take_event
from statemachine.run import Run
from statemachine.snapshot import Status
from statemachine.standstill import CONTINUE
from statemachine.step_result import End, Outcome
from statemachine.steps.message import MessageStep
from statemachine.task_result import on_task
from statemachine.watching import MAX_ROUNDS, look_again
from statemachine.way_out import complete_step

_ENDINGS: Final[Mapping[str, str]] = {"restart": "restarted", "interrupt": "interrupted"}
"""Phase → exit reason of a run that an entry ends."""
_MOVABLE = frozenset({Status.WAITING, Status.RUNNING})
_ALIVE = _MOVABLE | {Status.PENDING}


def on_event(run: Run, cause: EventCause) -> bool:
    if cause.phase == "entry":
        run.event = cause.event
        if run.surroundings.queue is not None:
            wait_outside(run, run.surroundings.queue)
        else:
            start(run)
        return True
    if cause.phase in _ENDINGS:
        exit_run(run, _ENDINGS[cause.phase], event=cause.event.type)
        return True
    if run.held_back:
        return _HELD[run.event_policy](run, cause)
    if run.status is Status.PENDING:
        return cause.phase == "exit" and try_exits(run, cause.event)
    if run.status not in _MOVABLE:
        return False
    return try_exits(run, cause.event) if cause.phase == "exit" else _try_cases(run, cause.event)


def _try_cases(run: Run, event: Event) -> bool:
    return _settle(run, run.resting and _taken(run, event))


def _taken(run: Run, event: Event) -> Outcome | End | bool:
    """What the wait makes of an event; one that its `until_true` asks about lets it look again."""
    taken = take_event(run, event)
    return look_again(run) if taken is False and event.type in run.step.asked_events else taken


def _settle(run: Run, taken: Outcome | End | bool) -> bool:
    """Let the wait end as was found, if it does; whether anything came of it."""
    if isinstance(taken, Outcome):
        wake(run, taken.name, taken.output, metadata=taken.metadata)
    elif isinstance(taken, End):
        end_by_step(run, run.step, taken)
        if run.ended_at is None:
            proceed(run)
    return bool(taken)


def on_contact(run: Run, cause: ContactCause) -> bool:
    """A run that does not match any more leaves, a wait that watches the contact looks again; one that is held does so
    when it is let go."""
    if run.held_back and run.event_policy != "deliver":
        return hold_change(run, cause)
    if leave_on_mismatch(run):
        return True
    if run.held_back:
        return hold_change(run, cause)
    if run.status is not Status.WAITING or not run.resting:
        return False
    if cause.number >= MAX_ROUNDS:
        run.note("blocked", step=run.step_id, level="warn", error_code="causation_depth", error=_TOO_MANY_ROUNDS)
        return True
    return look(run)


_TOO_MANY_ROUNDS: Final = "runs of this contact keep moving each other by changing it: the wait looks again later"


def look(run: Run) -> bool:
    """Let the wait in which the run rests, if it does, look again; whether anything came of it."""
    if not run.resting:
        return False
    try:
        return _settle(run, look_again(run))
    except StepFailed as failure:
        settle_failure(run, failure.code, failure.message)
        return True


def on_timer(run: Run, cause: TimerCause) -> bool:
    if run.held_back or run.status not in _ALIVE:
        return False
    if run.held:
        run.timers += 1
        run.note("resumed", step=run.step_id or None, metadata={"of": "workflow"})
        release(run, catch_up=run.surroundings.standstill.timers == "catch_up")
        if CONTINUE in run.deadlines:
            _go_on(run)
        return True
    if not _due(run, run.now):
        return _note_later(run)
    run.timers += 1
    _fire_timer(run)
    return True


def _note_later(run: Run) -> bool:
    """The deadline is not due after all when its workflow stood still meanwhile."""
    if not run.made_up:
        return False
    run.timers += 1
    until = min(run.deadlines.values()).isoformat() if run.deadlines else None
    run.note("resumed", step=run.step_id or None, metadata={"of": "workflow", "until": until})
    return True


def on_continue(run: Run, cause: ContinueCause) -> bool:
    if run.held_back or CONTINUE not in run.deadlines or cause.number != run.continues:
        return False
    _go_on(run)
    return True


def on_start(run: Run, cause: StartCause) -> bool:
    if run.status is not Status.PENDING or run.held_back:
        return False
    if cause.refused:
        exit_run(run, cause.refused)
    elif run.surroundings.queue is not None:
        wait_outside(run, run.surroundings.queue)
    else:
        run.status = Status.RUNNING
        run.event = event_from_data(run.trigger)
        start(run)
    return True


def _due(run: Run, until: datetime) -> bool:
    return bool(run.deadlines) and min(run.deadlines.values()) <= until


def _overrun(run: Run, code: str, message: str) -> None:
    fail_run(run, code, message)
    if run.ended_at is None:
        proceed(run)


def _fire_timer(run: Run) -> None:
    """The earliest deadline has passed."""
    name = min(run.deadlines, key=lambda name: (run.deadlines[name], name))
    if name == RUN:
        _overrun(run, "max_duration_exceeded", "the run took longer than limits.max_duration")
    elif name == EXECUTION:
        _overrun(run, "execution_timeout", "the tasks of the run took longer than limits.max_execution")
    elif name == CONTINUE:
        _go_on(run)
    elif name in BURST_TIMERS:
        burst = end_of_burst(run)
        wake(run, burst.name, burst.output)
    elif run.step.runner.human:
        human_timer(run, name)
    elif isinstance(run.step.runner, MessageStep):
        ask_again(run)
    else:
        _settle(run, ring(run, name))


def _go_on(run: Run) -> None:
    del run.deadlines[CONTINUE]
    run.note("continued")
    proceed(run)
    if run.held and run.resting:
        release(run)


def _deliver_event(run: Run, cause: EventCause) -> bool:
    """Let an exit or the wait take the event although the run is held; it goes no further than to the next step."""
    event = cause.event
    if cause.phase == "exit":
        return try_exits(run, event)
    taken = run.resting and _taken(run, event)
    if isinstance(taken, bool):
        return taken
    if isinstance(taken, End):
        end_by_step(run, run.step, taken)
        stand(run)
        return True
    try:
        complete_step(run, run.step, taken.name, taken.output, metadata=taken.metadata)
    except StepFailed as failure:
        step_failed(run, run.step, failure.code, failure.message)
    stand(run)
    return True


_HELD: Final[Mapping[str, Callable[[Run, EventCause], bool]]] = {
    "buffer": hold_event,
    "deliver": _deliver_event,
    "drop": drop_event,
}


def release(run: Run, *, catch_up: bool = False) -> None:
    """Let everything that was held take effect: exits first, then results and events in order of arrival.

    With `catch_up`, a timer that fell due meanwhile goes before the events that came after it.
    """
    kept, run.held = run.held, ()
    causes = [cause_from_data(data) for data in kept]
    if any(try_exits(run, cause.event) for cause in causes if isinstance(cause, EventCause)):
        return
    if kept and leave_on_mismatch(run):
        return
    run.doubts.clear()
    for number, cause in enumerate(causes):
        if CONTINUE in run.deadlines:
            run.held = kept[number:]
            return
        assert isinstance(cause, EventCause | TaskCause | ContactCause | ChildCause)
        if isinstance(cause, ContactCause):
            look(run)
            continue
        if isinstance(cause, TaskCause):
            on_task(run, cause)
            continue
        if isinstance(cause, ChildCause):
            if awaits(run, cause):
                hear(run, cause)
            continue
        if catch_up and cause.event.accepted_at is not None:
            _catch_up(run, cause.event.accepted_at)
        _try_cases(run, cause.event)
    if catch_up:
        _catch_up(run, run.now)


def _catch_up(run: Run, until: datetime) -> None:
    """Fire the timers that fell due by then, in due order."""
    while run.resting and _due(run, until):
        _fire_timer(run)
