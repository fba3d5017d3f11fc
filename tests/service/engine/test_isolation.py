"""One bad item fails alone (promise P9): a decision that raises, a statement that fails, a timer that is poison."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from service.engine.commands import EventAnswer
from service.engine.ledger import Ledger
from service.storage.audit import audit_liveness
from service.storage.connections import BrokenKey, Conflict, KeyConflict, come_again
from service.storage.database import Transaction
from statemachine.decide import decide
from statemachine.intake import receive
from tests.service.engine.house import House, event

WAITER = """
    key: w
    trigger: {type: go}
    steps:
      - {id: hold, type: wait, config: {for: 1h}}
      - {id: tag, type: add_tag, config: {tag: done}}
"""


class PoisonError(RuntimeError):
    """What no code expects."""


def _refuse(house: House, table: str, condition: str, code: str = "P0001") -> None:
    """Let the store refuse rows of a table; PostgreSQL says why by a code, 57014 when it takes too long."""
    if house.database.kind == "sqlite":
        action = "begin select raise(abort, 'refused by the store'); end"
        statements = [f"create trigger refuse before insert on {table} when {condition} {action}"]
    else:
        body = f"$$ begin raise exception 'refused by the store' using errcode = '{code}'; end $$"
        action = f"for each row when ({condition}) execute function refuse()"
        statements = [
            f"create function refuse() returns trigger language plpgsql as {body}",
            f"create trigger refuse before insert on {table} {action}",
        ]
    with house.database.plain_connection() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


def _poisoned(function: Callable[..., Any], contact: str) -> Callable[..., Any]:
    """The function, but it raises for one contact."""

    def wrapper(*arguments: Any, **named: Any) -> Any:
        if any(getattr(argument, "contact_id", None) == contact for argument in arguments):
            raise PoisonError("a defect")
        return function(*arguments, **named)

    return wrapper


async def test_a_decision_that_raises_fails_its_own_command_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(WAITER)
    monkeypatch.setattr("service.engine.receptions.receive", _poisoned(receive, "c7"))
    results = await house.engine.ask_all([event("go", f"c{number}") for number in range(20)])
    assert [type(result) for result in results].count(EventAnswer) == 19
    assert isinstance(results[7], PoisonError)
    assert len(house.runs()) == 19
    assert house.rows("select count(*) from contacts where id = 'c7'") == [(0,)]
    monkeypatch.undo()
    assert not (await house.trigger("go", "c7")).duplicate


@pytest.mark.parametrize("code", ["P0001", "57014"])
async def test_a_statement_that_fails_makes_the_batch_run_item_by_item(house: House, code: str) -> None:
    await house.publish(WAITER)
    _refuse(house, "enrollments", "new.contact_id = 'c7'", code)
    results = await house.engine.ask_all([event("go", f"c{number}") for number in range(20)])
    assert [type(result) for result in results].count(EventAnswer) == 19
    assert isinstance(results[7], Exception)
    assert len(house.runs()) == 19
    assert house.rows("select count(*) from event_keys") == [(19,)]


async def test_a_value_that_no_store_takes_fails_alone(house: House) -> None:
    commands = [event("go", f"c{number}", data={"x": object() if number == 3 else 1}) for number in range(6)]
    results = await house.engine.ask_all(commands)
    assert [isinstance(result, EventAnswer) for result in results] == [number != 3 for number in range(6)]


async def test_an_engine_works_on_after_a_failure(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.publish(WAITER)
    with monkeypatch.context() as patched:
        patched.setattr("service.engine.receptions.receive", _poisoned(receive, "ann"))
        with pytest.raises(PoisonError):
            await house.trigger("go")
    assert (await house.trigger("go")).verdicts[0].kind == "ENROLLED"
    assert house.engine.pending == 0


def _quarantine(house: House) -> list[tuple[str, int, bool]]:
    rows = house.rows("select contact_id, failures, quarantined_at, due_at from enrollments where failures > 0")
    assert all((row[2] is None) == (row[3] is not None) for row in rows)
    return [(row[0], row[1], row[2] is not None) for row in rows]


async def _until_quarantined(house: House) -> None:
    """Five failures, each waiting twice as long as the one before."""
    for failures, wait in ((1, 1), (2, 2), (3, 4), (4, 8)):
        assert _quarantine(house) == [("c7", failures, False)]
        assert (await house.fire(timedelta(seconds=wait) - timedelta(microseconds=1))).fired == 0
        assert _quarantine(house) == [("c7", failures, False)]
        await house.fire(timedelta(microseconds=1))
    assert _quarantine(house) == [("c7", 5, True)]
    assert (await house.fire(10**6)).next_in_s is None


async def test_a_poison_timer_backs_off_and_is_quarantined_while_its_neighbours_fire(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(WAITER)
    await house.ask_all([event("go", f"c{number}") for number in range(1000)])
    monkeypatch.setattr("service.engine.firing.decide", _poisoned(decide, "c7"))
    assert (await house.fire(3600)).fired == 999
    await _until_quarantined(house)
    monkeypatch.undo()
    assert (await house.fire()).fired == 0


@pytest.mark.parametrize("code", ["P0001", "57014"])
async def test_a_timer_that_cannot_be_saved_backs_off_and_its_neighbours_fire(house: House, code: str) -> None:
    await house.publish(WAITER)
    await house.ask_all([event("go", f"c{number}") for number in range(20)])
    ids = {run.contact_id: run.id for run in house.runs()}
    _refuse(house, "history", f"new.enrollment_id = '{ids['c7']}'", code)
    assert (await house.fire(3600)).fired == 19
    await _until_quarantined(house)


async def test_an_operator_moves_a_quarantined_run_out_of_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.publish(WAITER)
    await house.trigger("go", "c7")
    with monkeypatch.context() as patched:
        patched.setattr("service.engine.firing.decide", _poisoned(decide, "c7"))
        await house.fire(3600)
        await _until_quarantined(house)
    await house.operate(house.run(), "advance", data={"transition": "done"})
    assert house.run().status == "completed"
    assert _quarantine(house) == []


TAGGED = """
    key: tagged
    trigger: {type: tag_added}
    steps: [{id: note, type: set_variable, config: {path: seen, value: yes}}]
"""


def _set_aside(house: House) -> list[tuple[int, bool]]:
    """(failures, quarantined) of the events that wait to be dispatched."""
    rows = house.rows("select failures, quarantined_at from events where pending")
    return [(row[0], row[1] is not None) for row in rows]


async def test_a_raised_event_that_always_fails_backs_off_and_is_quarantined(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(TAGGED)
    monkeypatch.setattr("service.engine.receptions.receive", _poisoned(receive, "c7"))
    for contact in ("c6", "c7"):
        await house.change(contact, add_tags=("vip",))
    house.clock.move(5)
    for failures, wait in ((1, 1), (2, 2), (3, 4), (4, 8)):
        assert await house.engine.pick_up_pending() == 1
        assert _set_aside(house) == [(failures, False)]
        house.clock.move(timedelta(seconds=wait) - timedelta(microseconds=1))
        assert await house.engine.pick_up_pending() == 0
        house.clock.move(timedelta(microseconds=1))
    await house.engine.pick_up_pending()
    assert _set_aside(house) == [(5, True)]
    house.clock.move(10**6)
    assert await house.engine.pick_up_pending() == 0
    with house.database.reading() as transaction:
        now = house.clock.now
        assert audit_liveness(transaction, workflow_now=now, wall_now=now).quarantined_events == 1
    assert [run.contact_id for run in house.runs("tagged")] == ["c6"]


async def test_a_raised_event_that_failed_for_a_while_is_dispatched_once_in_the_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(TAGGED)
    with monkeypatch.context() as patched:
        patched.setattr("service.engine.receptions.receive", _poisoned(receive, "c7"))
        await house.change("c7", add_tags=("vip",))
        house.clock.move(5)
        await house.engine.pick_up_pending()
    house.clock.move(1)
    await house.engine.pick_up_pending()
    await house.settle()
    assert _set_aside(house) == []
    assert len(house.runs("tagged")) == 1


@pytest.mark.parametrize("key", ["", "history, 7"])
async def test_a_timer_that_only_loses_races_is_never_quarantined(
    house: House, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    lost = count(1)
    await house.publish(WAITER)
    await house.ask_all([event("go", f"c{number}") for number in range(20)])
    save = Ledger.save

    def racing(ledger: Ledger, transaction: Transaction) -> None:
        if any(write.snapshot.contact_id == "c7" for write in ledger._runs.values()):
            raise KeyConflict(f"{key}{next(lost)} is taken") if key else Conflict("lost")
        save(ledger, transaction)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "save", racing)
        await house.fire(3600)
        for _ in range(10):
            await house.fire(1)
    assert {run.contact_id for run in house.runs() if run.live} == {"c7"}
    assert _quarantine(house) == []
    await house.fire(1)
    assert {run.status.value for run in house.runs()} == {"completed"}


async def test_a_key_that_is_the_same_in_every_rerun_is_a_failure(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(WAITER)
    await house.trigger("go", "c7")

    def broken(_ledger: Ledger, _transaction: Transaction) -> None:
        raise KeyConflict("history, 7 is taken")

    save = Ledger.save
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "save", lambda ledger, way: (broken if ledger._runs else save)(ledger, way))
        await house.fire(3600)
    assert _quarantine(house) == [("c7", 1, False)]


def test_what_is_about_no_key_is_wrong_when_it_comes_again() -> None:
    taken, other = KeyConflict("7 is taken"), KeyConflict("8 is taken")
    missing = [KeyConflict(f"there is no parent {number}", unique=False) for number in (1, 2)]
    cases = [(taken, None), (taken, other), (taken, Conflict("7 is taken")), (taken, taken), (missing[0], missing[1])]
    assert [isinstance(come_again(one, before), BrokenKey) for one, before in cases] == [False] * 3 + [True] * 2
