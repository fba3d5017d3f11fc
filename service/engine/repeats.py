"""Repeats: a command that came before is answered as the first time, and nothing happens."""

from __future__ import annotations

from service.engine.answers import answer_from_data, answer_to_data, method_of
from service.engine.clerk import Clerk
from service.engine.commands import (
    Answer,
    Command,
    ContinueRun,
    DateArrived,
    DispatchEvent,
    EventAnswer,
    LookAgain,
    PlanDates,
    StartPending,
    TriggerEvent,
)
from service.engine.loading import Stock
from service.storage.events import Repeat
from statemachine.errors import EventIdReused, RequestIdReused
from statemachine.verdict import Verdict

_UNNAMED = DispatchEvent | ContinueRun | StartPending | LookAgain | DateArrived | PlanDates
"""Commands that the engine gives itself: nobody repeats them."""


def first_answer(stock: Stock, command: Command) -> Answer | None:
    """The first answer to a command that came before, if it did. Raises EventIdReused, RequestIdReused."""
    if isinstance(command, TriggerEvent):
        event = command.event
        known = stock.repeats.get(("event", command.tenant, event.source, event.id))
        return None if known is None else _first_verdicts(command, known)
    if isinstance(command, _UNNAMED) or not command.body_hash:
        return None
    repeat = stock.repeats.get(("request", command.tenant, method_of(command), command.request_id))
    if repeat is None:
        return None
    if repeat.body_hash != command.body_hash:
        raise RequestIdReused(
            f"request id {command.request_id!r} was used before with another body; use a fresh one",
            request_id=command.request_id,
        )
    return answer_from_data(command, repeat.answer)


def _first_verdicts(command: TriggerEvent, repeat: Repeat) -> EventAnswer:
    event = command.event
    if repeat.body_hash != command.body_hash:
        raise EventIdReused(
            f"event id {event.id!r} of source {event.source!r} was accepted before with another body; nothing "
            "changed; give a new event a new id",
            event_id=event.id,
            source=event.source,
        )
    return EventAnswer(event.id, True, tuple(Verdict(**verdict) for verdict in repeat.answer), repeat.at)


def remember(clerk: Clerk, command: Command, answer: Answer) -> None:
    """Keep the answer to a request, for its repeats."""
    if isinstance(command, TriggerEvent | _UNNAMED) or not command.body_hash:
        return
    data, method, wall = answer_to_data(answer), method_of(command), clerk.ledger.times.wall
    clerk.ledger.remember_request(command.tenant, method, command.request_id, command.body_hash, data)
    clerk.stock.repeats["request", command.tenant, method, command.request_id] = Repeat(command.body_hash, data, wall)
