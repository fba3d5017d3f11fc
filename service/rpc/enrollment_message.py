"""Enrollments, counts and history as the protos have them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from statewright.v1 import (
    Enrollment,
    EnrollmentCounts,
    EnrollmentStatus,
    LogLevel,
    Move,
    PauseEvents,
    PauseTimers,
    StepError,
    Transition,
)
from statewright.v1 import HistoryEntry as HistoryMessage

from service.rpc.fields import Violations, chosen
from service.rpc.moment import write_instant, write_span
from service.rpc.payload import write_any, write_struct
from service.storage.enrollment_queries import Counts, EnrollmentRecord
from service.storage.history_queries import HistoryRow
from statemachine.failure import LastError
from statemachine.run import TERMINAL_STATES
from statemachine.snapshot import Status
from statemachine.workflow import Workflow

STATUSES: Final[Mapping[str, int]] = {
    status.value: EnrollmentStatus.Value(f"ENROLLMENT_STATUS_{status.name}") for status in Status
}
STATUS_WORDS: Final[Mapping[int, str]] = {number: word for word, number in STATUSES.items()}
LEVELS: Final[Mapping[str, int]] = {
    word: LogLevel.Value(f"LOG_LEVEL_{word.upper()}") for word in ("debug", "info", "warn", "error")
}
PAUSE_TIMERS: Final[Mapping[int, str]] = {
    PauseTimers.PAUSE_TIMERS_UNSPECIFIED: "",
    PauseTimers.PAUSE_TIMERS_KEEP: "keep",
    PauseTimers.PAUSE_TIMERS_REMAINING: "remaining",
    PauseTimers.PAUSE_TIMERS_CATCH_UP: "catch_up",
}
PAUSE_EVENTS: Final[Mapping[int, str]] = {
    PauseEvents.PAUSE_EVENTS_UNSPECIFIED: "",
    PauseEvents.PAUSE_EVENTS_BUFFER: "buffer",
    PauseEvents.PAUSE_EVENTS_DELIVER: "deliver",
    PauseEvents.PAUSE_EVENTS_DROP: "drop",
}
_TERMINALS: Final = {state: status for status, state in TERMINAL_STATES.items()}
_STATUS_AFTER: Final[Mapping[str, Status]] = {
    "step_started": Status.WAITING,
    "waiting": Status.WAITING,
    "retrying": Status.WAITING,
    "resumed": Status.WAITING,
    "rescheduled": Status.WAITING,
    "debounced": Status.WAITING,
    "child_ended": Status.WAITING,
    "reminded": Status.WAITING,
    "escalated": Status.WAITING,
    "paused": Status.PAUSED,
    "held": Status.PAUSED,
    "dropped": Status.PAUSED,
    "queued": Status.PENDING,
    "completed": Status.COMPLETED,
    "failed": Status.FAILED,
    "exited": Status.EXITED,
    "cancelled": Status.CANCELLED,
}
_SAYING_STATUS: Final = frozenset({"migrated", "variables_set", "undoable", "undone"})
"""What may happen to a run in any status says in which it left it."""


def pause_policies(request: Any, at: str = "") -> dict[str, str]:
    """The policies that a pause names, as its cause has them; `at` is the place of the message, with its dot.

    Raises InvalidInput.
    """
    violations = Violations()
    named = {
        "timers": violations.read(chosen, f"{at}timers", request.timers, PAUSE_TIMERS),
        "events": violations.read(chosen, f"{at}events", request.events, PAUSE_EVENTS),
    }
    violations.check()
    return {name: policy for name, policy in named.items() if policy}


_EVENT_ONLY: Final = frozenset({"manual", "api"})


def write_enrollment(record: EnrollmentRecord, message: Enrollment, *, now: datetime, full: bool) -> None:
    """Fill a message; `full` adds variables and path. `now` is workflow time."""
    snapshot = record.snapshot
    message.id = snapshot.id
    message.workflow = snapshot.workflow
    message.version = snapshot.version
    message.contact_id = snapshot.contact_id or ""
    message.conversation_id = str(snapshot.trigger.get("conversation_id") or "")
    message.parent_id = snapshot.parent_id or ""
    message.key = snapshot.entry_key
    _write_trigger(snapshot.trigger, message)
    message.status = STATUSES[snapshot.status]  # type: ignore[assignment]
    message.step = record.last_step
    message.variants.update(snapshot.variants)
    message.priority = snapshot.priority
    message.revision = snapshot.revision
    message.executed_steps = snapshot.executed_steps
    message.failed_steps = snapshot.failed_steps
    message.retried_steps = snapshot.retried_steps
    message.exit_reason = snapshot.exit_reason or ""
    message.goal = snapshot.goal or ""
    _write_times(record, message, now)
    if snapshot.live:
        message.waiting_for.extend(sorted(record.waiting_for))
        _write_task(record, message)
    if snapshot.last_error is not None:
        write_step_error(snapshot.last_error, message.last_error)
    if full:
        message.path.extend(record.path)
        write_struct(snapshot.variables, message.variables)


def write_step_error(error: LastError, message: StepError) -> None:
    message.step = error.step
    message.code = error.code
    message.message = error.message
    message.transient = error.transient
    message.attempt = error.attempt
    write_instant(error.at, message.time)


def write_counts(counts: Counts, message: EnrollmentCounts) -> None:
    """By status in the order of the enum; by step, most first."""
    message.total = counts.total
    for word, number in STATUSES.items():
        if counts.by_status.get(word):
            message.statuses.add(status=number, count=counts.by_status[word])
    for step, count in sorted(counts.by_step.items(), key=lambda pair: (-pair[1], pair[0])):
        message.steps.add(step=step, count=count)
    for (reason, goal), count in counts.by_exit.items():
        message.exits.add(exit_reason=reason, goal=goal, count=count)


def write_transition(workflow: Workflow, step: str, outcome: str, message: Transition) -> None:
    message.name = outcome
    write_target(workflow.machine.target(step, outcome), message)


def write_target(target: str, message: Transition | Move) -> None:
    """Where a transition leads: a step, or the status that it ends the run with."""
    if target in _TERMINALS:
        message.ends_as = STATUSES[_TERMINALS[target]]  # type: ignore[assignment]
    else:
        message.target = target


def write_history(row: HistoryRow, workflow: Workflow, message: HistoryMessage) -> None:
    """One line; `workflow` is the version of its enrollment, for the names of steps."""
    entry = row.entry
    message.sequence = row.sequence
    write_instant(row.at, message.time)
    message.kind = row.kind
    message.level = LEVELS[row.level]  # type: ignore[assignment]
    step = workflow.steps.get(row.step) if row.step else None
    message.step = row.step or ""
    message.step_type = entry.get("step_type", "") or (step.type if step else "")
    message.label = step.name if step else ""
    message.status = status_after(row)  # type: ignore[assignment]
    message.outcome = entry.get("outcome") or ""
    message.attempt = entry.get("attempt", 0)
    if entry.get("duration_ms") is not None:
        write_span(timedelta(milliseconds=entry["duration_ms"]), message.duration)
    for name in ("input", "output", "metadata"):
        if entry.get(name) is not None:
            write_any(entry[name], getattr(message, name))
    write_row_error(row, message.error)
    message.cause = row.cause_id
    message.variants.update(entry.get("variants") or {})


def write_row_error(row: HistoryRow, message: StepError) -> None:
    """Leaves it unset for a line without an error."""
    code = row.entry.get("error_code")
    if code:
        message.step = row.step or ""
        message.code = code
        message.message = row.entry.get("error") or ""
        message.attempt = row.entry.get("attempt", 0)
        message.transient = row.kind == "retrying" or "transient" in (row.entry.get("metadata") or ())
        write_instant(row.at, message.time)


def status_after(row: HistoryRow) -> int:
    """The enrollment's status after a line of its history."""
    if row.kind in _SAYING_STATUS:
        return STATUSES[row.entry["metadata"]["status"]]
    return STATUSES[_STATUS_AFTER.get(row.kind, Status.RUNNING)]


def _write_trigger(trigger: Mapping[str, Any], message: Enrollment) -> None:
    kind = str(trigger.get("type") or "")
    message.trigger.id = str(trigger.get("trigger_id") or "")
    message.trigger.type = kind
    if kind not in _EVENT_ONLY:
        message.trigger.event_id = str(trigger.get("id") or "")


def _write_times(record: EnrollmentRecord, message: Enrollment, now: datetime) -> None:
    snapshot = record.snapshot
    write_instant(snapshot.started_at, message.start_time)
    write_instant(snapshot.transition_at, message.last_transition_time)
    write_instant(snapshot.ended_at, message.end_time)
    if snapshot.next_deadline is not None:
        write_instant(record.due_at or snapshot.next_deadline, message.due_time)
    if snapshot.started_at is not None:
        write_span(max((snapshot.ended_at or now) - snapshot.started_at, timedelta(0)), message.duration)


def _write_task(record: EnrollmentRecord, message: Enrollment) -> None:
    task = record.snapshot.task
    if task is None:
        return
    message.attempt = task.attempt
    message.max_attempts = record.max_attempts
    message.task_id = record.task_id or ""
    write_instant(task.retry_at, message.next_retry_time)
    if task.retry_at is not None and not message.HasField("due_time"):
        write_instant(task.retry_at, message.due_time)
