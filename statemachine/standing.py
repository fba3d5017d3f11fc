"""Where a run stands: the fields of a snapshot while a decision changes them, and the next snapshot made of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from statemachine.failure import LastError
from statemachine.frame import AnyFrame, Undo
from statemachine.kin import Brood, Origin
from statemachine.snapshot import OpenTask, Snapshot, Status

_CALLED: Final = {"id": "enrollment_id", "step": "step_id", "started_at": "enrolled_at"}
"""Fields of the snapshot that a run knows by another name."""
_MADE: Final = {"step": "standing_in", "transition_at": "now"}
_FIELDS: Final = tuple(Snapshot.__dataclass_fields__)
_NAMES: Final = tuple(_CALLED.get(name, name) for name in _FIELDS)
_FIELDS_OF: Final = attrgetter(*_FIELDS)
_NEXT_OF: Final = attrgetter(*({**_CALLED, **_MADE}.get(name, name) for name in _FIELDS))


class Standing:
    """See `Snapshot` for what the fields mean. `before` is the snapshot as it was found; `now` is workflow time."""

    __slots__ = ("before", "now", *sorted({*_NAMES} - {"open_children", "revision", "transition_at"}))

    before: Snapshot
    now: datetime
    enrollment_id: str
    workflow: str
    version: int
    contact_id: str | None
    entry_key: str
    status: Status
    step_id: str
    visit: int
    sequence: int
    transitions: int
    timers: int
    priority: int
    parent_id: str | None
    trigger: Mapping[str, Any]
    variables: Mapping[str, Any]
    outputs: Mapping[str, Any]
    variants: Mapping[str, str]
    deadlines: dict[str, datetime]
    anchor_at: datetime | None
    step_starts: dict[str, datetime]
    previous_step: str | None
    task: OpenTask | None
    enrolled_at: datetime
    entered_at: datetime | None
    ended_at: datetime | None
    paused_at: datetime | None
    pause_timers: str
    held: tuple[Mapping[str, Any], ...]
    consumed: tuple[str, ...]
    continues: int
    executed_steps: int
    failed_steps: int
    retried_steps: int
    last_error: LastError | None
    exit_reason: str | None
    goal: str | None
    standstill_s: float
    moments: Mapping[str, datetime]
    frames: tuple[AnyFrame, ...]
    pause_events: str
    gathered: Mapping[str, Any]
    place_at: datetime | None
    queued: str
    undos: tuple[Undo, ...]
    origin: Origin | None
    brood: Brood | None
    written: tuple[str, ...]
    active_s: float

    def __init__(self, before: Snapshot, now: datetime) -> None:
        self.before = before
        self.now = now
        (
            self.enrollment_id, self.workflow, self.version, self.contact_id, self.entry_key, self.status, step,
            self.visit, self.sequence, self.transitions, self.timers, self.priority, self.parent_id, _, self.trigger,
            self.variables, self.outputs, self.variants, deadlines, self.anchor_at, starts, self.previous_step,
            self.task, started_at, self.entered_at, _, self.ended_at, self.paused_at, self.pause_timers, self.held,
            self.consumed, self.continues, self.executed_steps, self.failed_steps, self.retried_steps,
            self.last_error, self.exit_reason, self.goal, _, self.standstill_s, self.moments, self.frames,
            self.pause_events, self.gathered, self.place_at, self.queued, self.undos, self.origin, self.brood,
            self.written, self.active_s,
        ) = _FIELDS_OF(before)  # fmt: skip
        self.step_id = step or ""
        self.enrolled_at = started_at or now
        self.deadlines = dict(deadlines)
        self.step_starts = dict(starts)

    @property
    def revision(self) -> int:
        """That of the next snapshot."""
        return self.before.revision + 1

    @property
    def standing_in(self) -> str | None:
        return self.step_id or None

    @property
    def open_children(self) -> int:
        return len(self.brood.open) if self.brood is not None else 0

    def next_snapshot(self) -> Snapshot:
        return Snapshot(*_NEXT_OF(self))
