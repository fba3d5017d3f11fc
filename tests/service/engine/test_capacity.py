"""Being full, closing, and sharing: bounded queues, a drain that answers everybody, replicas on one store (P10)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager

import pytest

from service.engine import lanes
from service.engine.batch import Result
from service.engine.commands import EventAnswer
from service.engine.due import DueReport
from service.engine.engine import Engine
from service.engine.ledger import Ledger
from service.storage.database import Database, Transaction
from statemachine.errors import Saturated, Unavailable
from tests.conftest import FreshDatabase
from tests.databases import migrated
from tests.service.engine.house import FakeClock, House, all_of, event

COUNTER = """
    key: counter
    entry: {reentry: always}
    trigger: {type: go}
    steps:
      - {id: hold, type: wait, config: {for: 1s}}
      - {id: bump, type: update_field, config: {field: n, value: 1, operation: increment}}
"""


async def test_a_full_engine_refuses_at_once_and_stores_nothing(house: House) -> None:
    small = await house.replica("small", max_pending=10)
    waiting = asyncio.ensure_future(small.ask_all([event("go", f"c{number}") for number in range(10)]))
    await asyncio.sleep(0)
    with pytest.raises(Saturated) as raised:
        await small.ask(event("go", "late"))
    assert raised.value.retry_after.total_seconds() > 0
    assert all(isinstance(answer, EventAnswer) for answer in await waiting)
    assert house.count("event_keys") == 10
    await house.ask(event("go", "late"), of=small)
    assert house.count("event_keys") == 11


async def test_a_call_larger_than_the_engine_is_refused_whole(house: House) -> None:
    small = await house.replica("small", max_pending=10)
    with pytest.raises(Saturated):
        await small.ask_all([event("go", f"c{number}") for number in range(11)])
    assert (house.count("event_keys"), small.pending) == (0, 0)


async def test_capacity_is_waited_for_and_comes_back(house: House) -> None:
    small = await house.replica("small", max_pending=10)
    waiting = asyncio.ensure_future(small.ask_all([event("go", f"c{number}") for number in range(10)]))
    await asyncio.sleep(0)
    assert small.pending == 10
    async with asyncio.timeout(10):
        await small.capacity()
    assert small.pending < 5
    await waiting


async def test_a_drain_answers_everything_that_was_taken_and_takes_nothing_new(house: House) -> None:
    await house.publish(COUNTER)
    other = await house.replica("closing")
    calls = [
        asyncio.ensure_future(other.ask_all([event("go", f"c{number}", id=f"{call}/{number}") for number in range(50)]))
        for call in range(20)
    ]
    await asyncio.sleep(0)
    await other.drain(30)
    with pytest.raises(Unavailable, match="shutting down"):
        await other.ask(event("go"))
    assert other.pending == 0
    answers = [answer for call in calls for answer in await call]
    assert len(answers) == 1000
    assert all(isinstance(answer, EventAnswer) for answer in answers)
    assert len(house.runs()) == 1000
    await house.fire(1)


async def test_a_drained_engine_leaves_raised_events_to_others(house: House) -> None:
    await house.publish(
        "key: l\ntrigger: {type: contact_created}\nsteps: [{id: tag, type: add_tag, config: {tag: greeted}}]"
    )
    other = await house.replica("closing")
    waiting = asyncio.ensure_future(other.ask(event("visit")))
    await asyncio.sleep(0)
    await other.drain(30)
    assert isinstance(await waiting, EventAnswer)
    house.clock.move(5)
    await house.engine.pick_up_pending()
    await house.settle()
    assert house.contact().tags == ("greeted",)


async def test_a_caller_that_gave_up_disturbs_nobody(house: House) -> None:
    gone = asyncio.ensure_future(house.engine.ask(event("go", "ann")))
    await asyncio.sleep(0)
    gone.cancel()
    await house.trigger("go", "bob")
    await house.settle()
    assert house.count("event_keys") == 2


async def test_those_who_watch_are_told_of_commits(house: House) -> None:
    async with house.engine.feed.subscribe() as subscription:
        await house.trigger("go")
        async with asyncio.timeout(10):
            await subscription.wait(60)


async def test_two_replicas_hammering_the_same_contacts_lose_nothing_and_do_not_block_each_other(house: House) -> None:
    """Events and timers, some events sent to both, all on 12 contacts: no refusal, no deadlock."""
    await house.publish(COUNTER)
    other = await house.replica("r2")
    contacts = [f"c{number}" for number in range(12)]

    async def hammer(engine: Engine, name: str) -> list[object]:
        calls: list[Awaitable[list[Result]]] = []
        ticks: list[Awaitable[DueReport]] = []
        for call in range(10):
            commands = [event("go", contact, id=f"{name}/{call}/{contact}") for contact in contacts]
            commands = commands if call % 2 else commands[::-1]
            calls.append(engine.ask_all(commands))
            calls.append(engine.ask_all([event("seen", contact, id=f"s/{call}/{contact}") for contact in contacts]))
            ticks.append(engine.fire_due())
        answers, _ = await all_of(asyncio.gather(*calls), asyncio.gather(*ticks))
        return [answer for call in answers for answer in call]

    clockwork = asyncio.ensure_future(_ticking(house))
    answers = [answer for side in await all_of(hammer(house.engine, "a"), hammer(other, "b")) for answer in side]
    clockwork.cancel()
    refused = [answer for answer in answers if not isinstance(answer, EventAnswer)]
    assert refused == []
    assert len(answers) == 480
    house.answers += [answer for answer in answers if isinstance(answer, EventAnswer)]
    await house.settle()
    while (await house.fire(10)).next_in_s is not None:
        pass
    assert len(house.runs("counter")) == 240
    assert [house.contact(contact).get("n") for contact in contacts] == [20] * 12
    assert house.count("event_keys") == 240 + 120


async def _ticking(house: House) -> None:
    """Time passes between the loop's turns."""
    while True:
        house.clock.move(0.05)
        await asyncio.sleep(0)


# --- contacts that another process holds (PostgreSQL) ---


@pytest.fixture
async def shared(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    """A house with one lane on PostgreSQL, where other processes may hold a contact."""
    store = Database(fresh_database("postgresql", migrated))
    clock = FakeClock()
    engine = Engine(store, clock, replica_id="r1", lanes=1)
    await engine.start()
    house = House(store, clock, engine)
    await house.ask_all([event("here", "ann"), event("here", "bob")])
    yield house
    await house.settle()
    house.audit()
    await house.close()


@contextmanager
def _held(house: House, contact: str) -> Iterator[None]:
    other = Database(house.database.url)
    with other.transaction() as transaction:
        transaction.row("select 1 from contacts where id = :id for update", id=contact)
        yield
    other.close()


async def test_a_contact_held_elsewhere_is_put_back_and_its_neighbours_go_on(shared: House) -> None:
    with _held(shared, "ann"):
        waiting = asyncio.ensure_future(shared.engine.ask(event("seen", "ann")))
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            for number in range(5):
                await shared.engine.ask(event("seen", "bob", id=f"b{number}"))
        assert not waiting.done()
    assert isinstance(await waiting, EventAnswer)


async def test_commands_put_back_keep_their_order_even_beside_a_poisoned_one(shared: House) -> None:
    changes = [event("n", "ann", id=f"n{number}", contact_patch={"n": number}) for number in range(5)]
    poison = event("n", "bob", data={"x": object()})
    with _held(shared, "ann"):
        waiting = asyncio.ensure_future(shared.engine.ask_all([*changes, poison]))
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await shared.engine.ask(event("seen", "bob", id="after"))
    results = await waiting
    assert [isinstance(result, EventAnswer) for result in results] == [True] * 5 + [False]
    values = [data["new_value"] for kind, data, _ in shared.events() if kind == "field_changed"]
    assert values == [0, 1, 2, 3, 4]


async def test_a_contact_that_stays_held_is_answered_unavailable(
    shared: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "_PATIENCE_S", 0.1)
    with _held(shared, "ann"), pytest.raises(Unavailable, match="busy"):
        await shared.engine.ask(event("seen", "ann"))
    assert not (await shared.trigger("seen", "ann")).duplicate


async def test_a_timer_of_a_contact_held_elsewhere_is_skipped_and_fires_later(shared: House) -> None:
    await shared.publish(COUNTER)
    await shared.ask_all([event("go", "ann"), event("go", "bob")])
    with _held(shared, "ann"):
        assert (await shared.fire(1)).fired == 1
        assert shared.contact("bob").get("n") == 1
    assert (await shared.fire()).fired == 1
    assert shared.contact("ann").get("n") == 1


async def test_writes_of_the_engine_wait_for_nobody_forever(shared: House) -> None:
    """Threads that read do not stand behind those that write."""
    entered, leave = threading.Event(), threading.Event()

    def slow(_: object) -> int:
        entered.set()
        leave.wait(10)
        return 1

    writing = asyncio.ensure_future(shared.engine.write(slow))
    await asyncio.to_thread(entered.wait, 10)
    assert await shared.engine.read(lambda transaction: transaction.row("select 1")) == (1,)
    assert isinstance(await shared.engine.ask(event("seen", "ann")), EventAnswer)
    leave.set()
    assert await writing == 1


FAMILY = """
    key: family
    trigger: {type: go}
    steps:
      - {id: hold, type: wait, config: {on: now, timeout: 1h}}
      - {id: each, type: count, config: {count: 3, parallel: true}, body: [{id: rest, type: wait, config: {for: 9h}}]}
"""


@pytest.mark.parametrize("by", ["events", "timers"])
async def test_a_batch_takes_no_more_when_the_children_it_starts_are_much_to_write(
    house: House, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    await house.publish(FAMILY)
    names = [f"c{number}" for number in range(6)]
    await house.ask_all([event("go", name) for name in names])
    for module in ("batch", "firing"):
        monkeypatch.setattr(f"service.engine.{module}.MAX_BURDEN", 1)
    written: list[int] = []
    save = Ledger.save

    def count_and_save(ledger: Ledger, transaction: Transaction) -> None:
        written.append(ledger.burden)
        save(ledger, transaction)

    monkeypatch.setattr(Ledger, "save", count_and_save)
    if by == "events":
        await house.ask_all([event("now", name) for name in names])
    else:
        house.clock.move(3600)
        for _ in names:
            await house.fire()
    assert [run.step for run in house.runs() if run.parent_id is None] == ["each"] * 6
    assert len([burden for burden in written if burden]) == 6
