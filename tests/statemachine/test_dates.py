"""Dates of contacts: which moment a trigger makes of which date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.dates import Arrival, Slot, date_event, planned, rules_of
from statemachine.definition import load_workflow
from statemachine.intake import receive
from statemachine.mermaid import draw_mermaid
from statemachine.picture import picture_of
from statemachine.roster import Roster
from tests.statemachine.checked_world import Simulation, compiled

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEP = {"id": "p", "type": "pass"}


def moment(config: dict[str, Any], value: Any, spent: str = "", **given: Any) -> tuple[str, str] | None:
    """(date, due) of the next appointment."""
    workflow = compiled(STEP, triggers=[{"id": "t", "type": "date", "config": {"field": "due", **config}}], **given)
    zone = {"timezone": given["zone"]} if "zone" in given else {}
    contact = Contact("c1", attributes=zone, custom_fields={} if value is None else {"due": value})
    found = planned(workflow, rules_of(workflow)["t"], contact, NOW, "Europe/Berlin", spent)
    return None if found is None else (found.date, found.due_at.isoformat().replace("+00:00", "Z"))


@pytest.mark.parametrize(
    ("config", "value", "expected"),
    [
        ({}, "2026-05-01", ("2026-05-01", "2026-04-30T22:00:00Z")),
        ({}, "2026-05-01T14:00", ("2026-05-01T14:00:00", "2026-05-01T12:00:00Z")),
        ({}, "2026-05-01T14:00Z", ("2026-05-01T14:00:00+00:00", "2026-05-01T14:00:00Z")),
        ({"offset": "-36h"}, "2026-05-01", ("2026-05-01", "2026-04-29T10:00:00Z")),
        ({"offset": 3600}, "2026-05-01T14:00Z", ("2026-05-01T14:00:00+00:00", "2026-05-01T15:00:00Z")),
        ({"offset": "-3d", "at": "09:00"}, "2026-05-01", ("2026-05-01", "2026-04-28T07:00:00Z")),
        ({"offset": "-1d", "at": "9:00"}, "2026-03-30", ("2026-03-30", "2026-03-29T07:00:00Z")),
        ({"at": "02:30"}, "2026-03-29", ("2026-03-29", "2026-03-29T01:00:00Z")),
        ({"at": "09:00", "timezone": "UTC"}, "2026-05-01", ("2026-05-01", "2026-05-01T09:00:00Z")),
        ({"at": "23:00"}, "2026-05-01T23:30Z", ("2026-05-01T23:30:00+00:00", "2026-05-02T21:00:00Z")),
        ({"offset": "-3d"}, "2026-03-03", None),
        ({}, "2026-02-01", None),
        ({}, "soon", None),
        ({}, "", None),
        ({}, 20260501, None),
        ({}, None, None),
        ({"offset": "1825d"}, "9998-01-01", None),
        ({"every": "year"}, "1990-05-01", ("2026-05-01", "2026-04-30T22:00:00Z")),
        ({"every": "year"}, "1990-02-01", ("2027-02-01", "2027-01-31T23:00:00Z")),
        ({"every": "year"}, "2030-05-01", ("2030-05-01", "2030-04-30T22:00:00Z")),
        ({"every": "year", "at": "08:00"}, "1992-02-29", ("2027-02-28", "2027-02-28T07:00:00Z")),
        ({"every": "year", "offset": "-60d", "at": "08:00"}, "1990-02-01", ("2027-02-01", "2026-12-03T07:00:00Z")),
        ({"every": "year"}, "1990-05-01T14:00", ("2026-05-01", "2026-05-01T12:00:00Z")),
    ],
)
def test_the_next_moment_is_that_of_the_date_by_local_clocks(
    config: dict[str, Any], value: Any, expected: tuple[str, str] | None
) -> None:
    assert moment(config, value) == expected


def test_a_spent_date_makes_no_other_moment_but_another_year_does() -> None:
    assert moment({}, "2026-05-01", spent="2026-05-01") is None
    assert moment({"every": "year"}, "1990-05-01", spent="2026-05-01") == ("2027-05-01", "2027-04-30T22:00:00Z")


@pytest.mark.parametrize("name", ["due", "contact.due", "custom_fields.due", "contact.custom_fields.due"])
def test_the_field_is_written_as_anywhere(name: str) -> None:
    assert moment({"field": name}, "2026-05-01") is not None


def test_a_trigger_that_is_disabled_makes_no_appointments() -> None:
    trigger = {"type": "date", "config": {"field": "due"}, "enabled": False}
    assert rules_of(compiled(STEP, triggers=[trigger])) == {}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("", [("missing_key", "trigger.config.field")]),
        ("config: {}", [("missing_key", "trigger.config.field")]),
        ("config: {field: due, ofset: 3d}", [("unknown_key", "trigger.config.ofset")]),
        ("config: {field: due, offset: soon}", [("bad_duration", "trigger.config.offset")]),
        ("config: {field: due, offset: -6000d}", [("bad_duration", "trigger.config.offset")]),
        ("config: {field: due, offset: -36h, at: '09:00'}", [("bad_duration", "trigger.config.offset")]),
        ("config: {field: due, at: '25:00'}", [("bad_time", "trigger.config.at")]),
        ("config: {field: due, every: month}", [("bad_value", "trigger.config.every")]),
        ("config: {field: due, timezone: Mars}", [("bad_timezone", "trigger.config.timezone")]),
        ("config: {field: tags}", [("bad_value", "trigger.config.field")]),
        ("config: {field: '{{contact.due}}'}", [("bad_value", "trigger.config.field")]),
        ("config: {field: a.b}", [("bad_value", "trigger.config.field")]),
        ("config: {field: due, late: never}", [("bad_value", "trigger.config.late")]),
        (
            "config: {field: due, late: {skip_if_older: 2d, skip_if_older_than: soon}}",
            [
                ("unknown_key", "trigger.config.late.skip_if_older"),
                ("bad_duration", "trigger.config.late.skip_if_older_than"),
            ],
        ),
    ],
)
def test_what_is_wrong_with_such_a_trigger_is_said_where_it_is(config: str, expected: list[tuple[str, str]]) -> None:
    source = f"key: w\ntrigger: {{type: date, {config}}}\nsteps: [{{id: a, type: pass}}]"
    assert [(one.code, one.path) for one in load_workflow(source).problems] == expected


def test_a_picture_names_the_field() -> None:
    trigger = {"type": "date", "config": {"field": "contact.due", "offset": "-3d"}}
    assert '-->|"date: due"|' in draw_mermaid(picture_of(compiled(STEP, triggers=[trigger])))


@pytest.mark.parametrize(
    ("config", "of_dates"),
    [
        ("", False),
        ("config: {kind: visit}", False),
        ("config: {field: due, kind: visit}", False),
        ("config: {field: due}", True),
    ],
)
def test_in_a_stored_text_date_is_a_word_of_ones_own_where_the_config_is_none_of_dates(
    config: str, of_dates: bool
) -> None:
    workflow = load_workflow(
        f"key: w\ntrigger: {{type: date, {config}}}\nsteps: [{{id: a, type: pass}}]", stored=True
    ).workflow
    assert workflow is not None
    assert ("trigger_1" in rules_of(workflow), [one.type for one in workflow.triggers]) == (of_dates, ["date"])


GREETING = {"type": "date", "config": {"field": "due", "late": {"skip_if_older_than": "2d"}}}


@pytest.mark.parametrize(
    ("late", "verdict"),
    [
        (timedelta(0), ("ENROLLED", "")),
        (timedelta(days=2), ("ENROLLED", "")),
        (timedelta(days=2, seconds=1), ("BLOCKED", "too_late")),
    ],
)
def test_a_date_that_comes_later_than_it_may_be_late_enrols_nobody(late: timedelta, verdict: tuple[str, str]) -> None:
    assert arrive(GREETING, late) == verdict


def test_a_condition_that_does_not_hold_is_told_before_the_lateness() -> None:
    picky = GREETING | {"conditions": [{"field": "plan", "operator": "exists"}]}
    assert arrive(picky, timedelta(days=9))[0] == "NOT_MATCHED"


def test_without_late_and_with_fire_a_date_enrols_however_late_it_is() -> None:
    for late in ({}, {"late": "fire"}):
        assert arrive({"type": "date", "config": {"field": "due", **late}}, timedelta(days=900)) == ("ENROLLED", "")


def arrive(trigger: dict[str, Any], late: timedelta) -> tuple[str, str]:
    """The verdict on a date that is looked at so late."""
    workflow = compiled(STEP, triggers=[{"id": "t", **trigger}])
    arrival = Arrival(Slot("flow", "t", "2026-03-01"), rules_of(workflow)["t"], NOW - late)
    roster = Roster(Contact("c1"), candidates=(workflow,))
    (told,) = receive(date_event("e", "c1", arrival, NOW), roster, NOW, lambda: "run").verdicts
    return told.kind, told.rule if told.kind != "NOT_MATCHED" else ""


@pytest.mark.parametrize(
    ("late", "policies", "began"),
    [
        ("fire", {}, [5]),
        ("fire", {"timers": "remaining"}, [5]),
        ("fire", {"timers": "catch_up", "events": "deliver"}, [5]),
        ("fire", {"events": "drop"}, []),
        ({"skip_if_older_than": "4d"}, {}, [5]),
        ({"skip_if_older_than": "2d"}, {}, []),
    ],
)
def test_a_date_that_comes_during_a_pause_waits_for_the_resume_unless_it_is_dropped_or_too_late_then(
    late: Any, policies: dict[str, str], began: list[int]
) -> None:
    trigger = {"type": "date", "config": {"field": "due", "late": late}}
    simulation = Simulation(compiled(STEP, triggers=[trigger]))
    begin = simulation.now
    simulation.upsert(due=(begin + timedelta(days=2)).isoformat())
    simulation.pause_workflow(**policies)
    simulation.wait(days=5)
    simulation.resume_workflow()
    simulation.wait(days=9)
    started = [record.snapshot.started_at for record in simulation.records.values()]
    assert [(at - begin).days for at in started if at is not None] == began
