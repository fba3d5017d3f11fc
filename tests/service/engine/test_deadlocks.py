"""Two batches of one family without a contact may each wait for a row that the other holds (PostgreSQL). The store ends
one of them, and nobody hears of it: it runs again, and loses no count of its timers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from service.engine.commands import EnrollContact, FinishAnswer, FinishTask
from service.engine.engine import Engine
from service.engine.ledger import Ledger
from service.storage.connections import Conflict, translated
from service.storage.database import Database, Transaction
from statemachine.snapshot import Snapshot
from tests.conftest import FreshDatabase
from tests.databases import migrated
from tests.service.engine.house import FakeClock, House

RACE = """
    key: race
    steps:
      - id: par
        type: parallel
        config:
          join: any
          branches:
            call: [{id: call, type: task, config: {queue: work}}]
            nap: [{id: nap, type: wait, config: {for: 1h}}]
      - {id: after, type: wait, config: {for: 1d}}
"""


@pytest.fixture
async def house(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    """Two engines of one lane each on PostgreSQL, which sees a deadlock at once."""
    store = Database(fresh_database("postgresql", migrated))
    with store.plain_connection() as connection:
        name = connection.exec_driver_sql("select current_database()").scalar_one()
        connection.exec_driver_sql(f'alter database "{name}" set deadlock_timeout to 10')
        connection.commit()
    clock = FakeClock()
    engine = Engine(store, clock, replica_id="r1", lanes=1)
    await engine.start()
    opened = House(store, clock, engine)
    yield opened
    await opened.settle()
    opened.audit()
    await opened.close()


class Interleaving:
    """The timer has its row and has decided; the result comes, writes what it can and waits; then the timer writes."""

    def __init__(self, watcher: Database) -> None:
        self._watcher = watcher
        self._save = Ledger.save
        self._first = True
        self.decided = threading.Event()

    def save(self, ledger: Ledger, transaction: Transaction) -> None:
        if self._first and ledger._runs:
            self._first = False
            self.decided.set()
            self._until_somebody_waits_for_a_lock()
        self._save(ledger, transaction)

    def _until_somebody_waits_for_a_lock(self) -> None:
        waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        patient_until = time.monotonic() + 60
        while time.monotonic() < patient_until:
            with self._watcher.reading() as transaction:
                if transaction.row(waiting) is not None:
                    return
        raise AssertionError("nobody waits for a lock")


def parts(house: House) -> tuple[Snapshot, Snapshot, Snapshot]:
    """The run, its task and its timer."""
    runs = {run.origin.name if run.origin else "": run for run in house.runs()}
    return runs[""], runs["call"], runs["nap"]


async def test_a_timer_and_a_result_that_wait_for_each_other_both_come_to_their_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    conflicts: list[Exception] = []

    def heard(error: Exception) -> Exception:
        conflicts.append(translated(error))
        return conflicts[-1]

    other = await house.replica("r2", lanes=1)
    await house.publish(RACE)
    await house.ask(EnrollContact("default", "race", None, request_id="one"))
    run, _, nap = parts(house)
    assert run.id < nap.id  # rows are written in this order: the result has the run when it waits for the timer
    task = await house.take()
    house.clock.move(3600)

    monkeypatch.setattr("service.storage.database.translated", heard)
    watcher = Database(house.database.url)  # a session of its own
    house.databases.append(watcher)
    interleaving = Interleaving(watcher)
    monkeypatch.setattr(Ledger, "save", lambda ledger, transaction: interleaving.save(ledger, transaction))
    firing = asyncio.ensure_future(house.engine.fire_due())
    assert await asyncio.to_thread(interleaving.decided.wait, 60)
    answer = await other.ask(FinishTask("default", task.id, task.lease_token, output={}))
    await firing
    await house.settle()

    assert isinstance(answer, FinishAnswer)
    assert all(isinstance(one, Conflict) for one in conflicts)
    assert any("deadlock" in str(one) for one in conflicts)
    run, call, nap = parts(house)
    assert (run.status, run.step) == ("waiting", "after")
    assert {call.status, nap.status} in ({"completed", "cancelled"},)
    assert house.kinds(run).count("step_completed par") == 1
    assert house.rows("select id from enrollments where failures > 0 or quarantined_at is not null") == []
