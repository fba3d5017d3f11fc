"""Telling a repeat of a request from another request with the same id, and answering it as the first time."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from typing import TypeVar

from google.protobuf.message import Message

from service.engine.clock import Clock
from service.engine.commands import DEFAULT_TENANT
from service.engine.engine import Engine
from service.engine.ids import new_id
from service.rpc.fields import Violations
from service.storage.database import Transaction
from service.storage.events import INSERT_REQUESTS, load_repeats
from statemachine.errors import RequestIdReused

M = TypeVar("M", bound=Message)


def request_key(request_id: str, place: str = "request_id") -> str:
    """The caller's id; a fresh one without, which no repeat can have. Raises InvalidInput."""
    violations = Violations()
    violations.name(place, request_id)
    violations.check()
    return request_id or new_id()


def body_hash(request: Message) -> str:
    """The same for every repeat of a request: its bytes, maps in order. Empty without a request_id."""
    if not request.request_id:  # type: ignore[attr-defined]
        return ""
    return blake2b(request.SerializeToString(deterministic=True), digest_size=16).hexdigest()


async def write_once(
    engine: Engine, method: str, request: Message, work: Callable[[Transaction, datetime], M], kind: type[M]
) -> M:
    """One transaction of its own, given workflow time; as `once`. Whoever watches is told."""
    request_key(request.request_id)  # type: ignore[attr-defined]
    clock = engine.clock

    def writing(transaction: Transaction) -> M:
        now = clock.read(transaction).workflow
        return once(transaction, clock, method, request, lambda: work(transaction, now), kind)

    response = await engine.write(writing)
    engine.feed.notify()
    return response


def once(
    transaction: Transaction, clock: Clock, method: str, request: Message, work: Callable[[], M], kind: type[M]
) -> M:
    """The answer of `work`, kept with its effect under the request's id; a repeat gets what was kept.

    Without an id nothing is kept. Raises RequestIdReused when the id came before with another body.
    """
    request_id: str = request.request_id  # type: ignore[attr-defined]
    if not request_id:
        return work()
    name = {"tenant_id": DEFAULT_TENANT, "method": method, "request_id": request_id}
    repeat = load_repeats(transaction, [], [name], []).get(("request", DEFAULT_TENANT, method, request_id))
    if repeat is None:
        response = work()
        kept = b64encode(response.SerializeToString()).decode()
        row = {**name, "body_hash": body_hash(request), "answer": kept, "created_at": clock.read(transaction).wall}
        transaction.write(INSERT_REQUESTS, rows=[row])
        return response
    if repeat.body_hash != body_hash(request):
        message = f"request_id {request_id!r} was used before with another body"
        raise RequestIdReused(message, request_id=request_id, method=method)
    return kind.FromString(b64decode(repeat.answer))
