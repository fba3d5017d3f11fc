"""Reading the event log of a contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import instant_text
from service.storage.events import EVENT_COLUMNS, event_of
from statemachine.event import Event

_WIDTH: Final = EVENT_COLUMNS.count(",") + 1


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """`blocked` is the rule that kept an event that a step raised from enrolling, `pending` whether it is still to be
    dispatched."""

    row_id: str
    event: Event
    blocked: str
    pending: bool


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Whose events. What is empty or None lets everything through; `types` are canonical."""

    contact_id: str
    types: Sequence[str] = ()
    source: str = ""
    conversation_id: str = ""
    since: datetime | None = None
    before: datetime | None = None


def list_events(
    transaction: Transaction, tenant: str, wanted: EventFilter, after: tuple[str, str] | None, limit: int
) -> list[LoggedEvent]:
    """The latest first, after (instant of acceptance, row id).

    Compared as a pair, or `id` alone, planners would take the primary key and walk through everybody's events.
    """
    conditions, parameters = _conditions(tenant, wanted)
    if after is not None:
        conditions.append("e.accepted_at <= :at and (e.accepted_at < :at or (e.id || '') < :id)")
        parameters |= {"at": after[0], "id": after[1]}
    sql = (
        f"select {EVENT_COLUMNS}, coalesce(e.blocked, ''), e.pending from events as e "
        f"where {' and '.join(conditions)} order by e.accepted_at desc, (e.id || '') desc limit :limit"
    )
    rows = transaction.rows(sql, limit=limit, **parameters)
    return [LoggedEvent(row[1], event_of(row), row[_WIDTH], bool(row[_WIDTH + 1])) for row in rows]


def count_events(transaction: Transaction, tenant: str, wanted: EventFilter) -> dict[str, int]:
    """By type."""
    conditions, parameters = _conditions(tenant, wanted)
    sql = f"select e.type, count(*) from events as e where {' and '.join(conditions)} group by e.type order by e.type"
    return {row[0]: int(row[1]) for row in transaction.rows(sql, **parameters)}


def _conditions(tenant: str, wanted: EventFilter) -> tuple[list[str], dict[str, Any]]:
    conditions = ["e.tenant_id = :tenant", "e.contact_id = :contact"]
    parameters: dict[str, Any] = {"tenant": tenant, "contact": wanted.contact_id}
    if wanted.types:
        conditions.append("e.type in (select r.type from {rows:types; type text})")
        parameters["types"] = [{"type": name} for name in wanted.types]
    for name, value in (("source", wanted.source), ("conversation_id", wanted.conversation_id)):
        if value:
            conditions.append(f"e.{name} = :{name}")
            parameters[name] = value
    for name, moment, sign in (("since", wanted.since, ">="), ("before", wanted.before, "<")):
        if moment is not None:
            conditions.append(f"e.accepted_at {sign} :{name}")
            parameters[name] = instant_text(moment)
    return conditions, parameters
