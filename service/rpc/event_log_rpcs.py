"""ContactService: the event log of a contact."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from statewright.v1 import (
    CountEventsRequest,
    CountEventsResponse,
    ListEventsRequest,
    ListEventsResponse,
)
from statewright.v1 import LoggedEvent as LoggedEventMessage

from service.engine.commands import DEFAULT_TENANT
from service.rpc.fields import Violations
from service.rpc.moment import read_instant, write_instant
from service.rpc.pages import fill_page, make_token, page_size, read_token
from service.rpc.payload import write_struct
from service.rpc.rooms import Rooms
from service.storage.contact_queries import find_contact
from service.storage.database import Transaction
from service.storage.dialect import instant_text
from service.storage.event_queries import EventFilter, LoggedEvent, count_events, list_events
from statemachine.errors import InvalidInput
from statemachine.names import event_group

_MOST_TYPES: Final = 100


class EventLogRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def list_events(self, request: ListEventsRequest) -> ListEventsResponse:
        violations = Violations()
        wanted = violations.read(_filter, request)
        size = violations.read(page_size, request.page_size)
        after = violations.read(_after, request)
        violations.check()

        def reading(transaction: Transaction) -> list[LoggedEvent]:
            find_contact(transaction, DEFAULT_TENANT, wanted.contact_id)
            return list_events(transaction, DEFAULT_TENANT, wanted, after, size + 1)

        found = await self._engine.read(reading)
        response = ListEventsResponse()
        last = fill_page(found, size, response.events, _write_logged, _position)
        response.next_page_token = make_token(request, last)
        return response

    async def count_events(self, request: CountEventsRequest) -> CountEventsResponse:
        wanted = _filter(request)

        def counting(transaction: Transaction) -> dict[str, int]:
            find_contact(transaction, DEFAULT_TENANT, wanted.contact_id)
            return count_events(transaction, DEFAULT_TENANT, wanted)

        found = await self._engine.read(counting)
        response = CountEventsResponse(total=sum(found.values()))
        for name, count in found.items():
            response.types.add(type=name, count=count)
        return response


def _filter(request: ListEventsRequest | CountEventsRequest) -> EventFilter:
    violations = Violations()
    violations.name("contact_id", request.contact_id, required=True)
    for name in ("source", "conversation_id"):
        violations.name(name, getattr(request, name))
    if len(request.types) > _MOST_TYPES:
        violations.add("types", f"at most {_MOST_TYPES}")
    for index, name in enumerate(request.types):
        violations.name(f"types[{index}]", name, required=True)
    since, before = (
        violations.read(read_instant, getattr(request, name), name) if request.HasField(name) else None
        for name in ("accept_time_from", "accept_time_before")
    )
    violations.check()
    types = tuple(_canonical(request.types))
    return EventFilter(request.contact_id, types, request.source, request.conversation_id, since, before)


def _after(request: ListEventsRequest) -> tuple[str, str] | None:
    token = read_token(request, request.page_token, str, str)
    if token is None:
        return None
    try:
        return instant_text(datetime.fromisoformat(token[0])), token[1]
    except ValueError:
        wanted = "the token of the page before, unchanged"
        raise InvalidInput("page_token is not of these filters", [("page_token", wanted)]) from None


def _canonical(types: Iterable[str]) -> Iterable[str]:
    """What each name means; those that mean a type with certain data stand for the type."""
    return dict.fromkeys(event.type for name in types for event in event_group(name))


def _position(logged: LoggedEvent) -> tuple[str, str]:
    assert logged.event.accepted_at is not None
    return instant_text(logged.event.accepted_at), logged.row_id


def _write_logged(logged: LoggedEvent, message: LoggedEventMessage) -> None:
    event, target = logged.event, message.event
    target.id, target.type, target.source = event.id, event.type, event.source
    target.contact_id = event.contact_id or ""
    target.conversation_id = event.conversation_id or ""
    target.key = event.key or ""
    target.priority = event.priority
    write_struct(event.data, target.data)
    write_instant(event.occurred_at, target.occurred_time)
    write_instant(event.accepted_at, message.accept_time)
    message.chain.extend(event.chain)
    message.blocked_rule = logged.blocked
    message.taken_by_enrollment_id = event.taken_by
    message.pending = logged.pending
