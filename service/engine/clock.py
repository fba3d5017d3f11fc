"""One clock, two times, both read once per batch from the database after the locks are held.

*Workflow time* is what waits, retries and limits live in; *wall time* is what leases, deduplication and retention live
in. They are the same unless a development server scales workflow time (`--clock-rate`): then rate and epoch are stored
in the database, so that a restart continues where it was and a replica with another rate is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from service.storage.database import Database, Transaction
from service.storage.dialect import instant, instant_text
from statemachine.errors import PreconditionFailed


@dataclass(frozen=True, slots=True)
class Times:
    workflow: datetime
    wall: datetime


class Clock(Protocol):
    rate: float

    def read(self, transaction: Transaction) -> Times:
        """Both times now, by the database's clock."""

    def ask(self, transaction: Transaction) -> Callable[[], Times]:
        """`read`, to be read later: the times when the database came to it."""

    def wall_delay(self, span: timedelta) -> timedelta:
        """How long a span of workflow time lasts on the wall."""


class DatabaseClock:
    """The clock of production. PostgreSQL is asked; an embedded SQLite shares this machine's clock."""

    def __init__(self, rate: float, wall_epoch: datetime, workflow_epoch: datetime) -> None:
        self.rate = rate
        self._wall_epoch = wall_epoch
        self._workflow_epoch = workflow_epoch

    def read(self, transaction: Transaction) -> Times:
        return self.ask(transaction)()

    def ask(self, transaction: Transaction) -> Callable[[], Times]:
        wall = _ask_wall_time(transaction)
        return lambda: self._times(wall())

    def _times(self, wall: datetime) -> Times:
        if self.rate == 1.0:
            return Times(wall, wall)
        return Times(self._workflow_epoch + (wall - self._wall_epoch) * self.rate, wall)

    def wall_delay(self, span: timedelta) -> timedelta:
        return span / self.rate


def open_clock(database: Database, rate: float) -> DatabaseClock:
    """The clock of this database; stores `rate` when it is the first. Raises PreconditionFailed for another rate."""
    return database.run(lambda transaction: _open(transaction, rate))


def _open(transaction: Transaction, rate: float) -> DatabaseClock:
    wall = _ask_wall_time(transaction)()
    transaction.write(
        "insert into clock (id, rate, wall_epoch, workflow_epoch) values (1, :rate, :wall, :wall) "
        "on conflict (id) do nothing",
        rate=rate,
        wall=instant_text(wall),
    )
    row = transaction.row("select rate, wall_epoch, workflow_epoch from clock where id = 1")
    assert row is not None
    wall_epoch, workflow_epoch = instant(row[1]), instant(row[2])
    assert wall_epoch is not None
    assert workflow_epoch is not None
    if float(row[0]) != rate:
        raise PreconditionFailed(
            f"this database runs at clock rate {row[0]:g}, not {rate:g}; start with --clock-rate {row[0]:g} or use "
            "another database"
        )
    return DatabaseClock(rate, wall_epoch, workflow_epoch)


def _ask_wall_time(transaction: Transaction) -> Callable[[], datetime]:
    if transaction.kind == "sqlite":
        now = datetime.now(UTC)
        return lambda: now
    answer = transaction.ask("select clock_timestamp()")

    def read() -> datetime:
        row = answer.row()
        assert row is not None
        wall: datetime = row[0]
        return wall

    return read
