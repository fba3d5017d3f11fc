"""A snapshot: one enrollment at rest, with everything a decision needs to go on. Plain frozen data.

`data` forms are JSON-ready and complete: `snapshot_from_data(snapshot_to_data(s)) == s`. The store keeps some fields
in columns of their own; this module does not know which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final

from statemachine.failure import LastError, last_error_from_data, last_error_to_data
from statemachine.frame import AnyFrame, Undo, frame_to_data, frames_from_data, undo_from_data, undo_to_data
from statemachine.kin import Brood, Origin, brood_from_data, brood_to_data, origin_from_data, origin_to_data
from statemachine.record import record


class Status(StrEnum):
    """Where an enrollment is in its life."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    EXITED = "exited"
    CANCELLED = "cancelled"


TERMINAL: Final = frozenset({Status.COMPLETED, Status.FAILED, Status.EXITED, Status.CANCELLED})
LIVE: Final = frozenset(set(Status) - TERMINAL)
_MOVING: Final = LIVE - {Status.PAUSED}


@record
class OpenTask:
    """The task the enrollment waits for. `attempt` counts from 1; `retry_at` is set between two attempts. `reminders`
    counts how often people were reminded of it."""

    step: str
    visit: int
    attempt: int = 1
    retry_at: datetime | None = None
    reminders: int = 0


@record
class Snapshot:
    """One enrollment.

    `step` is where it rests (or failed); `visit` numbers the steps entered so far and so names this stay.
    `deadlines` are the timers of the run by name (`wait`, `quiet`, `debounce`, `max_hold`, `run`, `continue`); the
    earliest is when the engine wakes it.
    `anchor_at` is since when events count for the wait it rests in. `step_starts` holds each step's latest start.
    `moments` are the times of day, ahead or just now, that steps aimed at.
    `held` keeps causes that arrived while it was held, in order, as data. `consumed` names the latest events that moved
    it, so that no wait takes the same event twice. `standstill_s` is how much of its workflow's standstill its
    deadlines have been moved by. `frames` say where it stands in the steps around its step, the outermost first.
    `pause_events` is what its pause does to events.
    `active_s` is how long its tasks took in all, where the version limits that.
    `undos` are the steps that were begun or finished, say how they are undone, and are not undone yet, in order.
    `gathered` is the burst under way in its wait: the `outcome` it leads to, and the data of its `events` so far.
    Of a message that the gate holds it is the `input` with which an operator retries it, and the `slot` that it has in
    the line before the provider of its `channel` (see `sending/rate.py`).
    `place_at` is when it took its place in a workflow with limits,
    `queued` by which rule it waits to begin (while it is pending).
    `origin` is what started it when it is a child, and `written` names the variables that a child has set; `brood` are
    the children for which it waits, `open_children` of them still under way.
    """

    id: str
    workflow: str
    version: int
    contact_id: str | None = None
    entry_key: str = ""
    status: Status = Status.RUNNING
    step: str | None = None
    visit: int = 0
    sequence: int = 0
    transitions: int = 0
    timers: int = 0
    priority: int = 0
    parent_id: str | None = None
    open_children: int = 0
    trigger: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    variants: Mapping[str, str] = field(default_factory=dict)
    deadlines: Mapping[str, datetime] = field(default_factory=dict)
    anchor_at: datetime | None = None
    step_starts: Mapping[str, datetime] = field(default_factory=dict)
    previous_step: str | None = None
    task: OpenTask | None = None
    started_at: datetime | None = None
    entered_at: datetime | None = None
    transition_at: datetime | None = None
    ended_at: datetime | None = None
    paused_at: datetime | None = None
    pause_timers: str = "keep"
    held: tuple[Mapping[str, Any], ...] = ()
    consumed: tuple[str, ...] = ()
    continues: int = 0
    executed_steps: int = 0
    failed_steps: int = 0
    retried_steps: int = 0
    last_error: LastError | None = None
    exit_reason: str | None = None
    goal: str | None = None
    revision: int = 0
    standstill_s: float = 0.0
    moments: Mapping[str, datetime] = field(default_factory=dict)
    frames: tuple[AnyFrame, ...] = ()
    pause_events: str = "buffer"
    gathered: Mapping[str, Any] = field(default_factory=dict)
    place_at: datetime | None = None
    queued: str = ""
    undos: tuple[Undo, ...] = ()
    origin: Origin | None = None
    brood: Brood | None = None
    written: tuple[str, ...] = ()
    active_s: float = 0.0

    @property
    def conversation_id(self) -> str | None:
        """The conversation of the event that enrolled."""
        return self.trigger.get("conversation_id")

    @property
    def live(self) -> bool:
        return self.status not in TERMINAL

    @property
    def part(self) -> bool:
        """Whether it is a part of its parent's workflow, and not one of its own: exit rules are its parent's."""
        return self.origin is not None and bool(self.origin.outcome)

    @property
    def due_at(self) -> datetime | None:
        """When a timer must wake it; None while paused, at an end, or with nothing to wait for by time.

        What its workflow's pause made it keep is due at once: it takes effect as soon as the workflow goes on.
        """
        return self.transition_at if self.held and self.status in _MOVING else self.next_deadline

    @property
    def next_deadline(self) -> datetime | None:
        """The earliest of its own deadlines, unless it is paused or has ended."""
        return min(self.deadlines.values()) if self.deadlines and self.status in _MOVING else None


def snapshot_to_data(snapshot: Snapshot) -> dict[str, Any]:
    """JSON-ready; fields at their defaults are left out, instants are ISO 8601 text."""
    data: dict[str, Any] = {}
    for name in Snapshot.__dataclass_fields__:
        value = getattr(snapshot, name)
        if value in ((), {}) or value == _DEFAULTS.get(name):
            continue
        data[name] = _plain(name, value)
    return data


def snapshot_from_data(data: Mapping[str, Any]) -> Snapshot:
    return make_snapshot(fields_from_data(data))


def fields_from_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """All fields: those of which this is the data, the others at their defaults."""
    fields = {**_DEFAULTS, **data}
    for name, value in data.items():
        if name in _READERS:
            fields[name] = _READERS[name](value)
    return fields


def make_snapshot(fields: Mapping[str, Any]) -> Snapshot:
    """Of all fields by name."""
    return Snapshot(*_IN_ORDER(fields))


def open_task_to_data(task: OpenTask) -> dict[str, Any]:
    retry_at = task.retry_at.isoformat() if task.retry_at else None
    data = {"step": task.step, "visit": task.visit, "attempt": task.attempt, "retry_at": retry_at}
    return {**data, "reminders": task.reminders} if task.reminders else data


def open_task_from_data(data: Mapping[str, Any]) -> OpenTask:
    retry_at = data.get("retry_at")
    return OpenTask(
        data["step"],
        data["visit"],
        data["attempt"],
        datetime.fromisoformat(retry_at) if retry_at else None,
        data.get("reminders", 0),
    )


def _instants(texts: Mapping[str, str]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(text) for name, text in texts.items()}


def _undos(data: Sequence[Mapping[str, Any]]) -> tuple[Undo, ...]:
    return tuple(undo_from_data(one) for one in data)


_DEFAULTS: Final[dict[str, Any]] = {
    name: {} if spec.default_factory is dict else spec.default
    for name, spec in Snapshot.__dataclass_fields__.items()
    if name not in ("id", "workflow", "version")
}
_IN_ORDER: Final = itemgetter(*Snapshot.__dataclass_fields__)
_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(
        ("anchor_at", "started_at", "entered_at", "transition_at", "ended_at", "paused_at", "place_at"),
        datetime.fromisoformat,
    ),
    **dict.fromkeys(("deadlines", "step_starts", "moments"), _instants),
    **dict.fromkeys(("held", "consumed", "written"), tuple),
    "status": Status,
    "task": open_task_from_data,
    "last_error": last_error_from_data,
    "frames": frames_from_data,
    "undos": _undos,
    "origin": origin_from_data,
    "brood": brood_from_data,
}


def identity_of(snapshot: Snapshot) -> dict[str, Any]:
    """The fields, JSON-ready, of which `snapshot_from_data` makes the enrollment as its first cause found it."""
    if snapshot.origin is not None:
        return snapshot_to_data(snapshot)
    identity: dict[str, Any] = {"id": snapshot.id, "workflow": snapshot.workflow, "version": snapshot.version}
    for name in ("contact_id", "entry_key", "priority", "parent_id", "trigger"):
        value = getattr(snapshot, name)
        if value:
            identity[name] = value
    return identity


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if name in ("deadlines", "step_starts", "moments"):
        return {key: instant.isoformat() for key, instant in value.items()}
    if isinstance(value, OpenTask):
        return open_task_to_data(value)
    if isinstance(value, LastError):
        return last_error_to_data(value)
    if isinstance(value, Status):
        return value.value
    if name == "frames":
        return [frame_to_data(frame) for frame in value]
    if name == "undos":
        return [undo_to_data(undo) for undo in value]
    if isinstance(value, Origin):
        return origin_to_data(value)
    if isinstance(value, Brood):
        return brood_to_data(value)
    if isinstance(value, tuple):
        return list(value)
    return value
