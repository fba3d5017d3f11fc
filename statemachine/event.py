"""An event: something that happened, mostly to a contact, told by another service, a step or a contact write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Any

from statemachine.limits import MAX_EVENTS_READ
from statemachine.record import record


@record
class Event:
    """`type` is canonical (see names.py); `chain` lists the workflows whose steps led to it, oldest first.

    `taken_by` is the enrollment that took it for itself alone (`consume: one`): no wait of another takes it then.
    """

    id: str
    type: str
    source: str = ""
    contact_id: str | None = None
    conversation_id: str | None = None
    key: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    contact_patch: Mapping[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None
    accepted_at: datetime | None = None
    priority: int = 0
    chain: tuple[str, ...] = ()
    taken_by: str = ""

    @property
    def name(self) -> str:
        """What tells it from all others of its tenant."""
        return f"{self.source}/{self.id}"

    @property
    def content(self) -> Any:
        """What a message says; "" when it says nothing."""
        return next((self.data[name] for name in ("content", "message", "body") if self.data.get(name)), "")


def latest(events: Sequence[Event]) -> tuple[Event, ...]:
    """The events of each type that a decision looks at, in their order."""
    if len(events) <= MAX_EVENTS_READ:
        return tuple(events)
    left = Counter(event.type for event in events)
    kept = []
    for event in events:
        if left[event.type] <= MAX_EVENTS_READ:
            kept.append(event)
        left[event.type] -= 1
    return tuple(kept)


def event_to_data(event: Event) -> dict[str, Any]:
    """What history keeps of an event: enough to decide again, nothing that is empty."""
    data: dict[str, Any] = {"id": event.id, "type": event.type, "data": dict(event.data)}
    if event.source:
        data["source"] = event.source
    if event.contact_id is not None:
        data["contact_id"] = event.contact_id
    if event.conversation_id is not None:
        data["conversation_id"] = event.conversation_id
    if event.key is not None:
        data["key"] = event.key
    if event.occurred_at is not None:
        data["occurred_at"] = event.occurred_at.isoformat()
    if event.accepted_at is not None:
        data["accepted_at"] = event.accepted_at.isoformat()
    if event.priority:
        data["priority"] = event.priority
    if event.chain:
        data["chain"] = list(event.chain)
    if event.taken_by:
        data["taken_by"] = event.taken_by
    return data


def event_from_data(data: Mapping[str, Any]) -> Event:
    return Event(
        id=data["id"],
        type=data["type"],
        source=data.get("source", ""),
        contact_id=data.get("contact_id"),
        conversation_id=data.get("conversation_id"),
        key=data.get("key"),
        data=data.get("data", {}),
        occurred_at=_instant(data.get("occurred_at")),
        accepted_at=_instant(data.get("accepted_at")),
        priority=data.get("priority", 0),
        chain=tuple(data.get("chain", ())),
        taken_by=data.get("taken_by", ""),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def with_taken(events: Iterable[Event], alone: Sequence[Event], enrollment_id: str) -> tuple[Event, ...]:
    """The same events, those that the enrollment took for itself alone marked."""
    names = {(event.source, event.id) for event in alone}
    return tuple(
        replace(event, taken_by=enrollment_id) if (event.source, event.id) in names else event for event in events
    )
