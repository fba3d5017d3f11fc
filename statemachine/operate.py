"""What operators do to a run: advance, pause, resume, cancel, exit, retry, set variables, reschedule.

A refusal raises and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from statemachine.asking import close_human
from statemachine.beginning import set_run_deadline, take_place
from statemachine.cause import ContactCause, OperatorCause
from statemachine.course import proceed, settle_failure
from statemachine.ending import exit_run, finish
from statemachine.errors import InvalidInput, LimitExceeded, StepFailed, TransitionRefused, WorkflowPaused
from statemachine.handoff import decided_by_operator, is_decision
from statemachine.holding import hold_change
from statemachine.lateness import forgive
from statemachine.machine import CANCEL, ERROR, retry_transition
from statemachine.offspring import tell
from statemachine.ordering import revoke
from statemachine.reaction import look, release
from statemachine.run import Run
from statemachine.snapshot import LIVE, Status
from statemachine.standstill import CONTINUE, EVENT_POLICIES, PAUSE_POLICIES, moved
from statemachine.step import VARIABLES_CHANGED
from statemachine.variable_patch import apply_patch
from statemachine.way_out import WAIT_TIMERS, fire, leave, leave_step
from statemachine.workflow import own_outcomes

_MOST_NAMES: Final = 50


def on_operator(run: Run, cause: OperatorCause) -> bool:
    """Not for `migrate`, which takes two versions: `statemachine.migration`."""
    _OPERATIONS[cause.operation](run, cause.data)
    return True


def _advance(run: Run, data: Mapping[str, Any]) -> None:
    transition = str(data.get("transition") or "")
    allowed = own_outcomes(run.workflow_version, run.step_id) if run.status is Status.WAITING else ()
    if transition not in allowed:
        raise TransitionRefused(transition, status=run.status, step=run.step_id or None, allowed=allowed)
    _require_movable(run, transition)
    output = _mapping(data, "data") or None
    if is_decision(run, transition):
        output = decided_by_operator(run, transition, output or {})
    _require_room(run, output)
    if is_decision(run, transition):
        close_human(run, "decided", transition, output)
    else:
        revoke(run)
    if transition == ERROR:
        return settle_failure(run, "advanced", "an operator took the error transition")
    leave_step(run, run.step, transition, output, metadata={"operator": "advance"})
    return proceed(run)


def _require_room(run: Run, output: Mapping[str, Any] | None) -> None:
    try:
        run.keep_output(run.step, output)
    except StepFailed as failure:
        raise LimitExceeded(failure.message) from failure


def _pause(run: Run, data: Mapping[str, Any]) -> None:
    if run.status not in (Status.WAITING, Status.RUNNING):
        raise _refusal(run, "pause")
    policy = _policy("timer", data.get("timers") or run.workflow_version.pause_timers, PAUSE_POLICIES)
    events = _policy("event", data.get("events") or run.workflow_version.pause_events, EVENT_POLICIES)
    _require_history(run, "pause")
    pause_run(run, policy, events)


def pause_run(run: Run, policy: str, events: str) -> None:
    """Hold a live run and its children: their timers do as `policy` says, and `events` as that does."""
    run.status = Status.PAUSED
    run.paused_at = _stood_since(run) if policy == "remaining" else run.now
    run.pause_timers, run.pause_events = policy, events
    metadata = {"timers": policy} if events == "buffer" else {"timers": policy, "events": events}
    run.note("paused", step=run.step_id or None, metadata=metadata)
    tell(run, "pause", metadata)


def _policy(kind: str, wanted: Any, options: tuple[str, ...]) -> str:
    if wanted not in options:
        raise InvalidInput(
            f"there is no {kind} policy {str(wanted)[:60]!r}", [(f"{kind}s", f"one of {', '.join(options)}")]
        )
    return str(wanted)


def _resume(run: Run, data: Mapping[str, Any]) -> None:
    if run.status is not Status.PAUSED:
        raise _refusal(run, "resume")
    _require_history(run, "resume")
    resume_run(run)


def resume_run(run: Run) -> None:
    """Let a paused run go on, and its children."""
    if run.pause_timers == "remaining" and run.paused_at is not None:
        run.deadlines = moved(run.deadlines, _lost_s(run, run.paused_at))
    run.status = Status.RUNNING if CONTINUE in run.deadlines else Status.WAITING
    run.make_up()
    run.paused_at = None
    run.note("resumed", step=run.step_id or None)
    if run.pause_timers != "catch_up":
        forgive(run)
    tell(run, "resume", {})
    if not run.surroundings.held:
        release(run, catch_up=run.pause_timers == "catch_up")


def _stood_since(run: Run) -> datetime:
    """Since when what is left of its timers is kept: the begin of its workflow's pause, if that keeps it already."""
    standstill = run.surroundings.standstill
    return standstill.since or run.now if standstill.timers == "remaining" else run.now


def _lost_s(run: Run, paused_at: datetime) -> float:
    """How long the run itself was paused, without what its workflow stood still anyway: that is made up for apart."""
    stood_s = run.surroundings.standstill.passed_s(run.now) - run.standstill_s
    return max(0.0, (run.now - paused_at).total_seconds() - stood_s)


def _cancel(run: Run, data: Mapping[str, Any]) -> None:
    """Always possible while the run lives, with a full history too."""
    if run.status not in LIVE:
        raise _refusal(run, "cancel")
    run.exit_reason = str(data.get("reason") or "") or None
    leave(run, CANCEL)
    finish(run, Status.CANCELLED)


def _exit(run: Run, data: Mapping[str, Any]) -> None:
    """As an exit rule would end it; like `cancel` always possible while the run lives."""
    if run.status not in LIVE:
        raise _refusal(run, "exit")
    exit_run(run, str(data.get("reason") or "") or None)


def _retry(run: Run, data: Mapping[str, Any]) -> None:
    """Back into the step that failed: a new visit, hence a new idempotency key.

    `input` goes over the input of the task, key by key, or into the variables where the step makes no task; a null
    removes.
    """
    if run.status is not Status.FAILED or not run.step_id:
        raise _refusal(run, "retry")
    if run.origin is not None and run.origin.awaited:
        raise _refusal(run, "retry", f"it is a child of {run.parent_id}: retry that one, which starts it anew", ())
    _require_movable(run, "retry")
    _require_history(run, "retry")
    edited = _mapping(data, "input")
    if run.step.runner.effect:
        run.edited_input = edited
    elif edited:
        apply_patch(run, edited, "input")
    run.ended_at = None
    run.note("resumed", step=run.step_id, metadata={"operator": "retry"})
    take_place(run)
    set_run_deadline(run)
    run.active_s = 0.0
    fire(run, retry_transition(run.step_id))
    proceed(run)


def _set_variables(run: Run, data: Mapping[str, Any]) -> None:
    """All of them or none; a null removes. A wait that watches them looks again; nothing else moves."""
    if run.status not in LIVE:
        raise _refusal(run, "set_variables")
    _require_history(run, "set_variables")
    names = apply_patch(run, _mapping(data, "variables"), "variables")
    metadata: dict[str, Any] = {"names": names[:_MOST_NAMES], "status": run.status.value}
    if len(names) > _MOST_NAMES:
        metadata["more"] = len(names) - _MOST_NAMES
    run.note("variables_set", step=run.step_id or None, metadata=metadata)
    if not run.resting or VARIABLES_CHANGED not in run.step.runner.watches():
        return
    if run.held_back:
        hold_change(run, ContactCause(0))
    else:
        look(run)


def _reschedule(run: Run, data: Mapping[str, Any]) -> None:
    """Move the timer by which its wait would end next. An instant that has passed means now: it fires as always."""
    timers = _wait_timers(run)
    if not timers:
        raise _refusal(run, "reschedule", "" if run.status is not Status.WAITING else "nothing waits by time here")
    _require_movable(run, "reschedule")
    _require_history(run, "reschedule")
    before, name = min(timers)
    until = max(_wanted_instant(before, data), run.now)
    run.deadlines[name] = until
    metadata = {"from": before.isoformat(), "until": until.isoformat()}
    run.note("rescheduled", step=run.step_id, step_type=run.step.type, metadata=metadata)


def _wait_timers(run: Run) -> list[tuple[datetime, str]]:
    """The timers of the wait in which it rests: its end, the end of a silence, or of a burst."""
    if run.status is not Status.WAITING:
        return []
    return [(run.deadlines[name], name) for name in WAIT_TIMERS if name in run.deadlines]


def _wanted_instant(before: datetime, data: Mapping[str, Any]) -> datetime:
    if "until" in data:
        return datetime.fromisoformat(data["until"])
    try:
        return (before + timedelta(seconds=data["by_s"])).astimezone(UTC)
    except OverflowError:
        wanted = "a span that ends in the years 1 to 9999"
        raise InvalidInput(f"by: {wanted}", [("by", wanted)]) from None


_OPERATIONS: Final[Mapping[str, Callable[[Run, Mapping[str, Any]], None]]] = {
    "advance": _advance,
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "exit": _exit,
    "retry": _retry,
    "set_variables": _set_variables,
    "reschedule": _reschedule,
}


def _mapping(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} must be an object", [(name, "an object")])
    return dict(value)


def _refusal(run: Run, operation: str, why: str = "", allowed: tuple[str, ...] | None = None) -> TransitionRefused:
    options = _operations(run) if allowed is None else allowed
    return TransitionRefused(operation, status=run.status, step=run.step_id or None, allowed=options, why=why)


def _require_movable(run: Run, operation: str) -> None:
    if run.surroundings.held:
        raise WorkflowPaused(
            f"{operation} is not possible now: its workflow is paused; resume the workflow first, or cancel the run",
            workflow=run.workflow,
            enrollment_id=run.enrollment_id,
        )


def _require_history(run: Run, operation: str) -> None:
    if run.history_full:
        allowed = ("cancel",) if run.status in LIVE else ()
        raise _refusal(run, operation, "its history is full", allowed)


def _operations(run: Run) -> tuple[str, ...]:
    """What an operator may do with a run in this status."""
    if run.status is Status.FAILED:
        return ("retry",) if run.step_id and not (run.origin and run.origin.awaited) else ()
    if run.status is Status.PAUSED:
        return ("resume", "set_variables", "cancel")
    if run.status is Status.PENDING:
        return ("set_variables", "cancel")
    if run.status not in LIVE:
        return ()
    timed = ("reschedule",) if _wait_timers(run) else ()
    return ("advance", "pause", "set_variables", *timed, "cancel")
