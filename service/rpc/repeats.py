"""Telling a repeat of a request from another request with the same id."""

from __future__ import annotations

from hashlib import blake2b

from google.protobuf.message import Message

from service.engine.ids import new_id
from service.rpc.fields import Violations


def request_key(request_id: str, place: str = "request_id") -> str:
    """The caller's id; a fresh one without, which no repeat can have. Raises InvalidInput."""
    violations = Violations()
    violations.name(place, request_id)
    violations.check()
    return request_id or new_id()


def body_hash(request: Message) -> str:
    """The same for every repeat of a request: its bytes, maps in order."""
    return blake2b(request.SerializeToString(deterministic=True), digest_size=16).hexdigest()
