"""What a batch does to the queues before workflows: places that are taken and given back, runs that wait for one, and
events that are to be looked at again. Nothing for workflows without limits and grace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from service.engine.clock import Times
from service.engine.rows import RunWrite, Section, by_enrollment
from service.storage import looks as look_rows
from service.storage import places as place_rows
from service.storage.looks import look_name, look_row
from statemachine.grace import Look
from statemachine.places import CONFLICT
from statemachine.snapshot import Snapshot

_LOOK_AGAIN: Final = timedelta(minutes=10)


@dataclass(slots=True)
class QueueLedger:
    """See the module."""

    times: Times
    _requeued: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _forgotten: list[dict[str, Any]] = field(default_factory=list)
    _ended: set[tuple[str, str]] = field(default_factory=set)
    _looks: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    _seen_looks: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)

    def keep_look(self, tenant: str, look: Look, *, kept: bool) -> None:
        """Keep an event to be looked at again, or forget it."""
        name = (tenant, look.event.contact_id or "", *look.id)
        if kept:
            self._looks[name] = look_row(tenant, look)
        elif self._looks.pop(name, None) is None:
            self._seen_looks[name] = look_name(tenant, look)

    def requeue(self, tenant: str, snapshot: Snapshot) -> None:
        """Keep where a pending run waits, until something happens."""
        self._requeued[tenant, snapshot.id] = self._pending_row(tenant, snapshot)

    def forget(self, tenant: str, snapshot: Snapshot) -> None:
        """The run does not wait any more, whatever was kept of it."""
        self._forgotten.append({"tenant_id": tenant, "enrollment_id": snapshot.id})

    def ended(self, tenant: str, contact_id: str) -> None:
        """A run of the contact has ended: others may have waited for that."""
        self._ended.add((tenant, contact_id))

    def sections(self, runs: Iterable[RunWrite], *, pending: bool) -> tuple[list[Section], bool]:
        """What is to be written, and whether somebody who waits is to be looked at now. `pending`: somebody waits."""
        places: list[dict[str, Any]] = []
        begun = self._forgotten
        for write in runs:
            snapshot, before = write.snapshot, write.before
            name = {"tenant_id": write.tenant, "enrollment_id": snapshot.id}
            if snapshot.place_at is not None and _place_changed(before, snapshot):
                at = {"taken_at": snapshot.place_at, "ended_at": snapshot.ended_at}
                places.append({**name, "workflow": snapshot.workflow, **at})
            was_queued = before.queued if before is not None else ""
            if snapshot.queued and snapshot.queued != was_queued:
                self._requeued.setdefault((write.tenant, snapshot.id), self._pending_row(write.tenant, snapshot))
            elif was_queued and not snapshot.queued:
                self._requeued.pop((write.tenant, snapshot.id), None)
                begun.append(name)
        woken = self._woken(waking := pending or bool(self._requeued))
        sections: list[Section] = [
            (place_rows.KEEP_PLACES, sorted(places, key=by_enrollment), True),
            (place_rows.KEEP_PENDING, [self._requeued[name] for name in sorted(self._requeued)], True),
            (place_rows.DROP_PENDING, sorted(begun, key=by_enrollment), False),
            (place_rows.WAKE_PENDING, woken, False),
            (look_rows.INSERT, [self._looks[name] for name in sorted(self._looks)], True),
            (look_rows.DELETE, [self._seen_looks[name] for name in sorted(self._seen_looks)], False),
        ]
        return sections, bool(woken) or (waking and any(row["ended_at"] for row in places))

    def _woken(self, waking: bool) -> list[dict[str, Any]]:
        """The contacts for which somebody may wait, and who waits for them by this very batch."""
        now = self.times.workflow
        for row in self._requeued.values():  # in one statement with it, WAKE_PENDING does not see what is queued here
            if row["rule"] == CONFLICT and (row["tenant_id"], row["contact_id"]) in self._ended:
                row["try_at"] = now
        ended = sorted(self._ended) if waking else ()
        return [{"tenant_id": tenant, "contact_id": contact, "try_at": now} for tenant, contact in ended]

    def _pending_row(self, tenant: str, snapshot: Snapshot) -> dict[str, Any]:
        """Who waits for a contact is looked at again in any case: a tick that ended what was in the way may have read
        that nobody waits just before somebody did."""
        again_at = self.times.workflow + _LOOK_AGAIN if snapshot.queued == CONFLICT else None
        return {
            "tenant_id": tenant,
            "enrollment_id": snapshot.id,
            "workflow": snapshot.workflow,
            "contact_id": snapshot.contact_id,
            "rule": snapshot.queued,
            "turn": -snapshot.priority,
            "try_at": again_at,
        }


def _place_changed(before: Snapshot | None, after: Snapshot) -> bool:
    """Whether a run took or gave back its place."""
    return before is None or before.place_at != after.place_at or before.live != after.live
