"""Entry by dates of contacts, on both stores: who is enrolled when, that it happens once, and that nobody is polled."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from service.engine import appointments, dating
from service.engine.batch import Batch
from service.engine.commands import ChangeContact
from service.engine.engine import Engine
from service.storage.contact_dates import coming_dates
from service.storage.database import Transaction
from statemachine import dates
from statemachine.contact import Contact
from statemachine.dates import DateRule
from statemachine.errors import DefinitionError, Unavailable
from statemachine.snapshot import Status
from statemachine.workflow import Workflow
from tests.chaos.faulty import FaultyDatabase
from tests.service.engine.house import START, House, event

RENEWAL = """
key: renewal
timezone: Europe/Berlin
trigger: {type: date, config: {field: renewal_date, offset: -3d, at: "09:00"}}
entry: {reentry: always}
steps:
  - {id: note, type: update_field, config: {field: told, value: "{{trigger.data.date}}"}}
  - {id: rest, type: wait, config: {for: 30d}}
"""
BIRTHDAY = """
key: birthday
trigger: {id: day, type: date, config: {field: birthday, every: year}}
entry: {reentry: always}
steps: [{id: cake, type: add_tag, config: {tag: cake}}]
"""
DUE = datetime(2026, 4, 28, 7, tzinfo=UTC)
"""09:00 in Berlin, three days before the 1st of May."""
FEWEST_DEATHS = 6


async def to(house: House, when: datetime) -> None:
    await house.fire(when - house.clock.now)


async def coming(house: House, contact: str = "ann") -> list[datetime | None]:
    rows = await house.engine.read(lambda transaction: coming_dates(transaction, [("default", contact)]))
    return [slot.due_at for _, _, slot in rows]


async def test_a_contact_enters_at_the_local_time_so_many_days_before_its_date(house: House) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal_date": "2026-05-01"})
    assert await coming(house) == [DUE]
    await to(house, DUE - timedelta(seconds=1))
    assert house.runs() == []
    await to(house, DUE)
    run = house.run()
    assert (run.started_at, run.trigger["type"], run.trigger["source"]) == (DUE, "date", "statewright")
    assert run.trigger["data"] == {"trigger": "trigger_1", "field": "renewal_date", "date": "2026-05-01"}
    assert house.contact().get("told") == "2026-05-01"
    await to(house, DUE + timedelta(days=1))
    assert (len(house.runs()), await coming(house)) == (1, [])


@pytest.mark.parametrize("zone", [None, "America/New_York"])
async def test_it_moves_with_the_date_and_with_the_zone_of_the_contact(house: House, zone: str | None) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal_date": "2026-05-01"}, emit=False)
    await house.change(patch={"renewal_date": "2026-06-01", "timezone": zone}, emit=False)
    moved = datetime(2026, 5, 29, 13 if zone else 7, tzinfo=UTC)
    assert await coming(house) == [moved]
    await to(house, DUE)
    assert house.runs() == []
    await to(house, moved)
    assert house.run().started_at == moved


async def test_a_date_that_goes_takes_the_appointment_along(house: House) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal_date": "2026-05-01"})
    await house.change(patch={"renewal_date": None})
    assert await coming(house) == []
    await to(house, DUE)
    assert house.runs() == []


async def test_a_moment_that_has_passed_when_the_date_becomes_known_enrols_nobody(house: House) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal_date": (START + timedelta(days=2)).date().isoformat()})
    await to(house, START + timedelta(days=9))
    assert (house.runs(), house.count("contact_dates")) == ([], 0)


async def test_one_date_enrols_once_also_when_it_comes_back_and_another_one_again(house: House) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal_date": "2026-05-01"})
    await to(house, DUE)
    for date in ("2027-05-01", "2026-05-01", "2026-08-01"):
        await house.change(patch={"renewal_date": date})
    await to(house, datetime(2026, 7, 30, tzinfo=UTC))
    assert [run.trigger["data"]["date"] for run in house.runs()] == ["2026-05-01", "2026-08-01"]


async def test_what_is_due_after_an_outage_stays_so_although_the_contact_changes_before_it_is_looked_at(
    house: House,
) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal_date": "2026-05-01"})
    house.clock.move(DUE + timedelta(hours=5) - START)
    await house.change(patch={"city": "Rome"})
    await house.fire()
    assert house.run().trigger["data"]["date"] == "2026-05-01"


async def test_a_date_that_moved_away_while_it_was_due_enrols_at_the_new_one(house: House) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal_date": "2026-05-01"})
    house.clock.move(DUE + timedelta(hours=5) - START)
    await house.change(patch={"renewal_date": "2026-06-01"})
    await house.fire()
    assert (house.runs(), await coming(house)) == ([], [datetime(2026, 5, 29, 7, tzinfo=UTC)])


async def test_birthdays_come_again_each_year_and_what_the_run_changes_keeps_the_next_one(house: House) -> None:
    await house.publish(BIRTHDAY)
    await house.change(patch={"birthday": "1992-02-29"})
    for day in (datetime(2027, 2, 28, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)):
        await to(house, day)
    assert [run.started_at for run in house.runs()] == [
        datetime(2027, 2, 28, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC),
    ]  # fmt: skip
    assert await coming(house) == [datetime(2029, 2, 28, tzinfo=UTC)]


async def test_a_birthday_that_comes_again_in_another_zone_enrols_once_and_the_next_one_is_kept(house: House) -> None:
    await house.publish(BIRTHDAY)
    await house.change(patch={"birthday": "1992-05-01", "timezone": "Europe/Berlin"})
    await to(house, datetime(2026, 4, 30, 22, tzinfo=UTC))
    await house.change(patch={"timezone": "America/New_York"})
    await to(house, datetime(2026, 5, 1, 4, tzinfo=UTC))
    assert len(house.runs()) == 1
    assert await coming(house) == [datetime(2027, 5, 1, 4, tzinfo=UTC)]


async def test_contacts_that_were_there_before_the_version_are_planned_and_a_new_version_plans_anew(
    house: House,
) -> None:
    for contact in ("ann", "ben", "eve"):
        await house.change(contact, patch={"renewal_date": "2026-05-01", "other": "2026-04-10"})
    await house.publish(RENEWAL)
    await house.fire(1)
    assert [await coming(house, contact) for contact in ("ann", "ben", "eve")] == [[DUE]] * 3
    await house.publish(RENEWAL.replace("renewal_date", "other"))
    await house.fire(1)
    assert await coming(house) == [datetime(2026, 4, 7, 7, tzinfo=UTC)]


async def test_two_replicas_that_tick_enrol_once(house: House) -> None:
    other = await house.replica("other")
    await house.publish(RENEWAL)
    await house.change(patch={"renewal_date": "2026-05-01"})
    house.clock.move(DUE - START)
    await house.engine.fire_due()
    await other.fire_due()
    assert len(house.runs()) == 1


async def test_a_workflow_that_is_not_active_any_more_enrols_nobody(house: House) -> None:
    await house.publish(BIRTHDAY)
    await house.change(patch={"birthday": "2000-05-01"})
    await house.publish(BIRTHDAY.replace("type: date, config: {field: birthday, every: year}", "type: go"))
    await to(house, datetime(2026, 5, 2, tzinfo=UTC))
    assert house.runs() == []


async def test_dates_that_come_during_a_pause_wait_until_the_workflow_goes_on_and_no_others_with_them(
    house: House,
) -> None:
    for source in (RENEWAL, RENEWAL.replace("key: renewal", "key: other")):
        await house.publish(source)
    for contact in ("ann", "ben", "eve"):
        await house.change(contact, patch={"renewal_date": "2026-05-01"})
    await house.engine.pause_workflow("default", "renewal")
    await to(house, DUE)
    assert [run.workflow for run in house.runs()] == ["other"] * 3
    await house.change("ben", patch={"renewal_date": "2026-06-01"})
    await house.change("eve", patch={"renewal_date": None})
    await house.publish(RENEWAL.replace("09:00", "10:00"))
    await to(house, DUE + timedelta(days=2))
    assert house.runs("renewal") == []
    await house.engine.resume_workflow("default", "renewal")
    await house.fire(1)
    assert [(run.contact_id, run.started_at) for run in house.runs("renewal")] == [("ann", house.clock.now)]
    assert await coming(house, "ben") == [datetime(2026, 5, 29, hour, tzinfo=UTC) for hour in (7, 8)]


async def test_a_paused_workflow_costs_the_ticks_no_decision(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal_date": "2026-05-01"})
    await house.engine.pause_workflow("default", "renewal")
    monkeypatch.setattr(appointments, "DateArrived", None)
    await to(house, DUE + timedelta(days=1))


async def test_a_pause_that_drops_events_drops_dates_and_the_log_says_so(house: House) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal_date": "2026-05-01"})
    await house.engine.pause_workflow("default", "renewal", events="drop")
    await to(house, DUE)
    await house.engine.resume_workflow("default", "renewal")
    await to(house, DUE + timedelta(days=1))
    assert (house.runs(), blocked(house)) == ([], [("date", "workflow_paused")])


@pytest.mark.parametrize("paused", [False, True], ids=["outage", "pause"])
@pytest.mark.parametrize(("days", "entered"), [(2, True), (3, False)])
async def test_a_date_that_is_older_than_may_be_after_an_outage_or_a_pause_is_skipped_once_and_the_log_says_so(
    house: House, days: int, entered: bool, paused: bool
) -> None:
    await house.publish(BIRTHDAY.replace("every: year", "every: year, late: {skip_if_older_than: 2d}"))
    await house.change(patch={"birthday": "2000-05-01"})
    if paused:
        await house.engine.pause_workflow("default", "birthday")
    house.clock.now = datetime(2026, 5, 1, tzinfo=UTC) + timedelta(days=days)
    if paused:
        await house.engine.resume_workflow("default", "birthday")
    for _ in range(2):
        await house.fire()
    assert len(house.runs()) == entered
    assert blocked(house) == ([] if entered else [("date", "too_late")])
    assert await coming(house) == [datetime(2027, 5, 1, tzinfo=UTC)]


def blocked(house: House) -> list[Any]:
    """(type, rule) of the events in the log that were kept from enrolling."""
    return [tuple(row) for row in house.rows("select type, blocked from events where blocked is not null")]


async def test_conditions_and_entry_rules_decide_as_for_any_event(house: House) -> None:
    source = RENEWAL.replace("reentry: always", "max_entries: 1").replace(
        "trigger: {type", "trigger: {conditions: [{field: plan, operator: equals, value: pro}], type"
    )
    await house.publish(source)
    await house.change("ann", patch={"renewal_date": "2026-05-01", "plan": "pro"})
    await house.change("ben", patch={"renewal_date": "2026-05-01", "plan": "free"})
    await to(house, DUE)
    assert [(run.contact_id, run.status) for run in house.runs()] == [("ann", Status.WAITING)]


async def test_an_event_from_outside_is_no_date(house: House) -> None:
    await house.publish(BIRTHDAY)
    told = (await house.trigger("date", data={"trigger": "day"})).verdicts
    assert [(one.kind, one.rule.split(",")[0]) for one in told] == [
        ("NOT_MATCHED", "the trigger wants dates of the contact")
    ]


async def test_many_contacts_are_planned_page_by_page_from_where_it_was_left(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appointments, "MAX_BATCH", 2)
    monkeypatch.setattr(appointments, "_PAGES", 2)
    for number in range(5):
        await house.change(f"c{number}", patch={"renewal_date": "2026-05-01"})
    await house.publish(RENEWAL)
    await house.fire(1)
    assert (house.count("contact_dates"), house.rows("select after from date_seeds")[0][0]) == (4, "c3")
    await house.fire(1)
    assert (house.count("contact_dates"), house.rows("select after from date_seeds")[0][0]) == (5, None)


@pytest.mark.parametrize("known", [False, True], ids=["created", "changed"])
async def test_a_contact_that_is_written_while_the_version_is_published_is_planned_all_the_same(
    house: House, known: bool
) -> None:
    other = await house.replica("other")
    if known:
        await house.change(patch={"renewal_date": None})
    write = ChangeContact("default", "ann", {"renewal_date": "2026-05-01"}, request_id="amid", body_hash="b")
    with house.databases[-1].transaction() as transaction:
        (answer,) = Batch(other._room, [write]).run(transaction)
        assert not isinstance(answer, Exception)
        publishing = asyncio.create_task(house.publish(RENEWAL))
        if house.database.kind == "postgresql":
            await publishing
            for _ in range(2):
                await house.fire(1)
            assert await coming(house) == []
    await publishing
    await house.fire(1)
    assert (await coming(house), house.count("contact_dates")) == ([DUE], 1)


async def test_who_is_planned_only_after_the_moment_has_passed_enters_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.change(patch={"renewal_date": "2026-05-01"})
    house.clock.now = DUE - timedelta(minutes=5)
    await house.publish(RENEWAL)
    with monkeypatch.context() as patched:
        patched.setattr(appointments, "running", lambda _: frozenset({"a backup"}))
        await house.fire(1)
        await house.fire(timedelta(hours=1))
        assert (house.runs(), house.count("contact_dates")) == ([], 0)
        patched.setattr(appointments, "running", lambda _: frozenset({"another one"}))
        for _ in range(2):
            await house.fire(1)
    assert house.run().trigger["occurred_at"] == DUE.isoformat()


async def test_a_version_that_is_active_again_plans_those_who_came_while_it_was_not(house: House) -> None:
    await house.publish(RENEWAL)
    await house.fire(1)
    await house.publish(RENEWAL.replace("type: date", "type: go").replace("field: renewal_date", "n: 1"))
    await house.change(patch={"renewal_date": "2026-05-01"})
    await house.publish(RENEWAL)
    await house.fire(1)
    assert await coming(house) == [DUE]


async def test_a_contact_that_cannot_be_decided_holds_up_no_other_and_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(RENEWAL)
    for contact in ("ann", "ben"):
        await house.change(contact, patch={"renewal_date": "2026-05-01"})

    def broken(workflow: Workflow, rule: DateRule, contact: Contact, *given: Any) -> Any:
        if contact.id == "ann":
            raise RuntimeError("no such luck")
        return dates.kept(workflow, rule, contact, *given)

    with monkeypatch.context() as patched:
        patched.setattr(dating, "kept", broken)
        await to(house, DUE)
    assert [run.contact_id for run in house.runs()] == ["ben"]
    await house.fire(29)
    assert [run.contact_id for run in house.runs()] == ["ben"]
    await house.fire(1)
    assert sorted(run.contact_id or "" for run in house.runs()) == ["ann", "ben"]


@pytest.mark.parametrize("committed", [False, True], ids=["before commit", "after commit"])
async def test_a_process_that_dies_between_any_two_transactions_loses_no_date_and_repeats_none(
    house: House, committed: bool
) -> None:
    deaths = 0
    for fuse in count(1):
        if not await _survived(house, fuse, committed=committed):
            break
        deaths += 1
    assert deaths >= FEWEST_DEATHS


async def _survived(house: House, fuse: int, *, committed: bool) -> bool:
    """Whether the process that began died, of a contact from before the version and one from after it."""
    key, field = f"w{fuse}", f"due{fuse}"
    house.clock.now = START
    await house.change(f"a{fuse}", patch={field: "2026-05-01"})
    await house.publish(RENEWAL.replace("key: renewal", f"key: {key}").replace("renewal_date", field))
    database = FaultyDatabase(house.database.url, fuse=fuse, committed=committed)
    engine = mortal = Engine(database, house.clock, replica_id=f"r{fuse}", lanes=1)
    await mortal.start()
    change = ChangeContact("default", f"b{fuse}", {field: "2026-05-01"}, request_id=key, body_hash="b")
    for at, command in ((START, None), (START, change), (DUE, None), (DUE, None)):
        house.clock.now = at
        for _ in range(2):
            try:
                await (engine.fire_due() if command is None else engine.ask(command))
                break
            except Unavailable:
                engine = house.engine
    await mortal.stop()
    database.close()
    await house.fire(60)
    assert sorted(run.contact_id or "" for run in house.runs(key)) == [f"a{fuse}", f"b{fuse}"]
    return database.dead


OWN_WORD = """
key: calendar
trigger: {type: dote, config: {kind: visit}}
steps: [{id: hold, type: wait, config: {for: 1h}}]
"""


async def test_a_version_stored_when_date_was_a_word_of_ones_own_still_runs_by_its_events(house: House) -> None:
    await house.publish(OWN_WORD)
    await house.engine.write(_as_stored_before)
    later = await house.replica("later")
    for kind in ("visit", "call"):
        await house.ask(event("date", id=kind, data={"kind": kind}), of=later)
    await later.fire_due()
    assert ([run.trigger["data"] for run in house.runs()], house.count("date_seeds")) == ([{"kind": "visit"}], 0)
    with pytest.raises(DefinitionError):
        await house.publish(OWN_WORD.replace("dote", "date"), of=later)


def _as_stored_before(transaction: Transaction) -> None:
    for column in ("source", "listens"):
        cast = "::json" if transaction.kind == "postgresql" and column == "listens" else ""
        text = f"replace(cast({column} as text), 'dote', 'date'){cast}"
        transaction.write(f"update workflow_versions set {column} = {text}")
