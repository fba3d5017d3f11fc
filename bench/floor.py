"""The floor: what the bare driver can do with batched SQL, without rules, API, tenants or recovery.

Both stores do the same rows: a contact, a deduplication key, an enrollment, a history row per step. Batches are of 500,
one connection, every commit on disk before the next batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import orjson

BATCH: Final = 500
EVENTS_AT_ONCE: Final = 256
"""How many callers wait for their event at a time in W3; what is waiting is one batch."""

STEPS: Final = ("set_plan", "set_source", "tag")
HOLD: Final = "hold"
VARIABLES: Final = orjson.dumps({"plan": "gold", "source": "bench"}).decode()
ENTRY: Final = orjson.dumps({"step_type": "set_variable", "outcome": "done", "duration_ms": 0}).decode()
PROFILE: Final = orjson.dumps({"source": "bench", "tags": ["new"], "custom_fields": {"plan": "gold"}}).decode()


@dataclass(frozen=True, slots=True)
class Parked:
    """Rows that wait; `seconds` is how long it took to park them."""

    seconds: float
    items: int


class Floor(Protocol):
    """Every method answers the wall seconds it took, or how long each item waited; `begin` is called before each."""

    def begin(self) -> None:
        """Empty tables."""

    def close(self) -> None: ...

    def fused(self, items: int) -> float:
        """W1: everything of a workflow in the commit that accepts it."""

    def stepwise(self, items: int) -> float:
        """W1: a commit that accepts, then a claim, update, history row and commit per step."""

    def park(self, items: int, due_at: datetime | None) -> Parked:
        """Enrollments that wait for an instant, or for an event."""

    def drain(self, *, tuned: bool) -> list[float]:
        """W2: fire everything that is due; answers how many seconds after the call each was committed.

        The plain way reads and rewrites the variables of a row, one statement at a time, as most engines do; the tuned
        one leaves them alone and sends what it can in one round trip.
        """

    def wake(self, items: int) -> list[float]:
        """W3: an event for each parked enrollment; answers how many seconds each caller waited."""

    def one(self, number: int) -> None:
        """W4: one workflow of one step: a commit that accepts it, a commit that does its step."""


def contact_id(number: int) -> str:
    return f"contact-{number:09d}"


def enrollment_id(number: int) -> str:
    """Ascending like the UUIDv7 of real ids, so that new keys lie side by side."""
    return f"019a9f00-{number >> 16:04x}-7000-8000-{number & 0xFFFF:012x}"


def batches(items: int, size: int = BATCH) -> Iterator[range]:
    for first in range(0, items, size):
        yield range(first, min(first + size, items))
