"""Watch: what happens, as it happens, from wherever the watcher was.

The database is what a watch reads, so any replica can carry any watch on; the engine's feed only says when to look
again. Resume tokens are bound to their target; positions are explained in `service/storage/history_queries.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from statewright.v1 import (
    EnrollmentServiceWatchRequest,
    EnrollmentServiceWatchResponse,
    WatchEvent,
    WatchEventKind,
)

from service.engine.commands import DEFAULT_TENANT
from service.rpc.enrollment_message import status_after, write_row_error
from service.rpc.fields import Violations
from service.rpc.moment import write_instant
from service.rpc.pages import make_token, read_token
from service.rpc.payload import write_any
from service.rpc.rooms import Rooms
from service.storage.contact_queries import find_contact
from service.storage.database import Transaction
from service.storage.enrollment_queries import is_ended
from service.storage.history_queries import (
    WatchRow,
    family_is_over,
    horizon,
    last_sequence,
    latest_position,
    position_after,
    position_number,
    watch_contact,
    watch_enrollment,
    watch_family,
    watch_workflow,
)
from service.storage.workflow_queries import find_workflow
from statemachine.errors import Unavailable

_FIELDS: Final = {"family": "enrollment_id"}
_LOOK_EVERY_S: Final = 1.0
_LOOK_SOON_S: Final = 0.1
_MOST: Final = 500
Position = Sequence[str | int]

_STEP_STARTED: Final = WatchEventKind.WATCH_EVENT_KIND_STEP_STARTED
_KINDS: Final = {
    "started": WatchEventKind.WATCH_EVENT_KIND_STARTED,
    "step_started": WatchEventKind.WATCH_EVENT_KIND_WAITING,
    "step_completed": WatchEventKind.WATCH_EVENT_KIND_STEP_COMPLETED,
    "step_failed": WatchEventKind.WATCH_EVENT_KIND_STEP_FAILED,
    "waiting": WatchEventKind.WATCH_EVENT_KIND_WAITING,
    "retrying": WatchEventKind.WATCH_EVENT_KIND_RETRYING,
    "paused": WatchEventKind.WATCH_EVENT_KIND_PAUSED,
    "resumed": WatchEventKind.WATCH_EVENT_KIND_RESUMED,
    "migrated": WatchEventKind.WATCH_EVENT_KIND_MIGRATED,
    "variables_set": WatchEventKind.WATCH_EVENT_KIND_VARIABLES_SET,
    "rescheduled": WatchEventKind.WATCH_EVENT_KIND_RESCHEDULED,
    "child_ended": WatchEventKind.WATCH_EVENT_KIND_CHILD_ENDED,
    "queued": WatchEventKind.WATCH_EVENT_KIND_QUEUED,
    "dropped": WatchEventKind.WATCH_EVENT_KIND_DROPPED,
    "debounced": WatchEventKind.WATCH_EVENT_KIND_DEBOUNCED,
    "reminded": WatchEventKind.WATCH_EVENT_KIND_REMINDED,
    "escalated": WatchEventKind.WATCH_EVENT_KIND_ESCALATED,
    "held": WatchEventKind.WATCH_EVENT_KIND_HELD,
    "completed": WatchEventKind.WATCH_EVENT_KIND_COMPLETED,
    "failed": WatchEventKind.WATCH_EVENT_KIND_FAILED,
    "exited": WatchEventKind.WATCH_EVENT_KIND_EXITED,
    "cancelled": WatchEventKind.WATCH_EVENT_KIND_CANCELLED,
}
"""History kind → what a watcher is told; a skipped step and what is only for the record are not told."""
_ENTERING: Final = frozenset({"step_started", "waiting", "step_completed", "step_failed"})
_PASSED: Final = "step_completed"
"""What conditions read, and the like, is left to the history."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. `settled` is False when rows may still be hidden behind transactions under way; `over` when
    nothing can follow."""

    rows: Sequence[WatchRow]
    settled: bool = True
    over: bool = False


class WatchRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._leaving = rooms.leaving

    async def watch(self, request: EnrollmentServiceWatchRequest) -> AsyncIterator[EnrollmentServiceWatchResponse]:
        target = _target(request)
        async with self._engine.feed.subscribe() as news:
            position = await self._engine.read(lambda transaction: self._start(transaction, request, target))
            yield EnrollmentServiceWatchResponse()
            while True:
                look = await self._look(target, request, position)
                for row in look.rows:
                    for event in _events(row, target, request):
                        yield EnrollmentServiceWatchResponse(event=event)
                    position = row.position
                if look.over:
                    return
                if len(look.rows) < _MOST:
                    await news.wait(_LOOK_EVERY_S if look.settled else _LOOK_SOON_S)
                if self._leaving.is_set():
                    raise Unavailable("the server is draining; resume at another one")

    async def _look(self, target: str, request: EnrollmentServiceWatchRequest, position: Position) -> Look:
        name = getattr(request, _FIELDS.get(target, target))
        looks: dict[str, Callable[[Transaction], Look]] = {
            "enrollment_id": lambda transaction: _look_at_enrollment(transaction, name, int(position[0])),
            "family": lambda transaction: self._look_at_family(transaction, name, position),
            "contact_id": lambda transaction: Look(
                watch_contact(transaction, DEFAULT_TENANT, name, after=position, limit=_MOST)
            ),
            "workflow": lambda transaction: self._look_at_workflow(transaction, name, position),
        }
        return await self._engine.read(looks[target])

    def _look_at_family(self, transaction: Transaction, name: str, position: Position) -> Look:
        """Of a family that is over all is committed; else it is read like a workflow: it need not have a contact."""
        over, before, settled = family_is_over(transaction, DEFAULT_TENANT, name), None, True
        if not over:
            before, settled = self._settled_before(transaction)
        rows = watch_family(transaction, DEFAULT_TENANT, name, after=position, before=before, limit=_MOST)
        return Look(rows, settled, over=over and len(rows) < _MOST)

    def _look_at_workflow(self, transaction: Transaction, workflow: str, position: Position) -> Look:
        before, settled = self._settled_before(transaction)
        rows = watch_workflow(transaction, DEFAULT_TENANT, workflow, after=position, before=before, limit=_MOST)
        return Look(rows, settled)

    def _settled_before(self, transaction: Transaction) -> tuple[datetime, bool]:
        """The workflow time before which everything is committed, and whether that is as good as now."""
        committed = horizon(transaction)
        times = self._engine.clock.read(transaction)
        if committed is None:
            return times.workflow, True
        lag = times.wall - committed
        return times.workflow - lag * self._engine.clock.rate, lag.total_seconds() < _LOOK_SOON_S / 10

    def _start(self, transaction: Transaction, request: EnrollmentServiceWatchRequest, target: str) -> Position:
        """Where the watch begins. Raises NotFound for an unknown target, InvalidInput for a foreign token."""
        self._require_target(transaction, request, target)
        if request.resume_token:
            shape = (int,) if target == "enrollment_id" or transaction.kind == "sqlite" else (str, str, int)
            position = read_token(request, request.resume_token, *shape, field="resume_token")
            assert position is not None
            return position
        if request.HasField("after_sequence"):
            if target == "enrollment_id":
                return (request.after_sequence,)
            return position_after(transaction, request.after_sequence)
        if target == "enrollment_id":
            return (last_sequence(transaction, DEFAULT_TENANT, request.enrollment_id),)
        return latest_position(transaction, self._settled_before(transaction)[0])

    def _require_target(self, transaction: Transaction, request: EnrollmentServiceWatchRequest, target: str) -> None:
        if target in ("enrollment_id", "family"):
            is_ended(transaction, DEFAULT_TENANT, request.enrollment_id)
        elif target == "workflow":
            find_workflow(transaction, DEFAULT_TENANT, request.workflow)
        else:
            find_contact(transaction, DEFAULT_TENANT, request.contact_id)


def _look_at_enrollment(transaction: Transaction, enrollment_id: str, after: int) -> Look:
    """The end is asked before the rows, so that nothing of an ended run is missed."""
    ended = is_ended(transaction, DEFAULT_TENANT, enrollment_id)
    rows = watch_enrollment(transaction, DEFAULT_TENANT, enrollment_id, after=after, limit=_MOST)
    return Look(rows, over=ended and len(rows) < _MOST)


def _target(request: EnrollmentServiceWatchRequest) -> str:
    """What is watched: the field of the target, or `family` for an enrollment with its children."""
    violations = Violations()
    target = request.WhichOneof("target")
    if target is None:
        violations.add("target", "enrollment_id, workflow or contact_id")
    else:
        violations.required_id(target, getattr(request, target))
    if request.include_children and target != "enrollment_id":
        wanted = "only with enrollment_id; a contact's watch has the children of its runs anyway"
        violations.add("include_children", wanted)
    if request.HasField("after_sequence"):
        if request.resume_token:
            violations.add("resume_token", "only without after_sequence")
        if target == "workflow":
            violations.add("after_sequence", "a workflow's watch is resumed by resume_token")
        elif not 0 <= request.after_sequence < 2**62:
            violations.add("after_sequence", "0 or more")
    violations.check()
    return "family" if request.include_children else str(target)


def _events(row: WatchRow, target: str, request: Any) -> list[WatchEvent]:
    """One line as one or two events: a step that was entered and left at once was still entered."""
    kinds = [_KINDS[row.row.kind]] if row.row.kind in _KINDS else []
    if row.entered and row.row.kind in _ENTERING:
        kinds.insert(0, _STEP_STARTED)
    token = make_token(request, row.position)
    return [_event(kind, row, target, token) for kind in kinds]


def _event(kind: Any, watched: WatchRow, target: str, token: str) -> WatchEvent:
    row = watched.row
    event = WatchEvent(
        kind=kind,
        enrollment_id=row.enrollment_id,
        workflow=watched.workflow,
        contact_id=watched.contact_id or "",
        parent_id=watched.parent_id or "",
        step=row.step or "",
        step_type=row.entry.get("step_type") or "",
        attempt=row.entry.get("attempt", 0),
        resume_token=token,
        status=status_after(row),  # type: ignore[arg-type]
    )
    write_instant(row.at, event.time)
    if target == "enrollment_id":
        event.sequence = row.sequence
    elif target in ("contact_id", "family"):
        event.sequence = position_number(watched.position)
    if kind != _STEP_STARTED:
        event.outcome = row.entry.get("outcome") or ""
        if row.kind != _PASSED and row.entry.get("metadata"):
            write_any(row.entry["metadata"], event.metadata)
        write_row_error(row, event.error)
    return event
