"""Waits: when they end, by what, and since when events count."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.event import Event
from statemachine.step import EventCase, WaitingStep
from statemachine.step_result import Outcome, Rest
from tests.statemachine.steps.fakes import NOW, Stay, build, failure, problems, run, warnings

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("config", "span"),
    [
        ({"for_": "2d"}, timedelta(days=2)),
        ({"for_": 90}, timedelta(seconds=90)),
        ({"duration": 1, "unit": "days"}, timedelta(days=1)),
        ({"duration": 86400}, timedelta(days=1)),
        ({"duration": "3", "unit": "weeks"}, timedelta(weeks=3)),
        ({"for_": "PT36H"}, timedelta(hours=36)),
        ({"for_": "{{variables.pause}}"}, timedelta(minutes=5)),
        ({"duration": "{{variables.count}}", "unit": "hours"}, timedelta(hours=2)),
        ({"duration": "{{count}} hours"}, timedelta(hours=2)),
    ],
)
def test_a_duration_counts_from_the_start_of_the_wait(config: dict[str, Any], span: timedelta) -> None:
    stay = Stay(variables={"pause": "5m", "count": 2})
    assert run(build("wait", **config), stay) == Rest(NOW + span)


@pytest.mark.parametrize(
    ("until", "zone", "expected"),
    [
        ("2026-01-02T09:00Z", "Europe/Berlin", "2026-01-02T09:00+00:00"),
        ("2026-01-02T09:00", "Europe/Berlin", "2026-01-02T08:00+00:00"),
        ("2026-01-02", "Europe/Berlin", "2026-01-01T23:00+00:00"),
        ("{{contact.renewal}}", "UTC", "2026-02-01T00:00+00:00"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:00+00:00"),
    ],
)
def test_a_time_without_zone_is_local(until: str, zone: str, expected: str) -> None:
    stay = Stay(Contact("c1", custom_fields={"renewal": "2026-02-01"}), timezone=zone)
    assert run(build("wait", until=until), stay) == Rest(datetime.fromisoformat(expected))


@pytest.mark.parametrize(
    ("offset", "day"), [("-3d", 7), ("+1d", 11), ("1d", 11), (-86400, 9), ("-{{days}} days", 8), ("- P1D", 9)]
)
def test_an_offset_moves_the_time(offset: Any, day: int) -> None:
    step = build("wait", until="2026-01-10T00:00Z", offset=offset)
    assert run(step, Stay(variables={"days": 2})) == Rest(datetime.fromisoformat(f"2026-01-{day:02}T00:00+00:00"))


@pytest.mark.parametrize("config", [{"until": "2025-12-31T00:00Z"}, {"until": NOW.isoformat()}, {"for_": 0}])
def test_a_wait_for_what_is_past_is_over_at_once(config: dict[str, Any]) -> None:
    assert run(build("wait", **config)) == Outcome("done")


def test_an_event_wait_that_is_late_still_looks_at_the_events_first() -> None:
    step = build("wait", on="email_opened", until="2025-12-31T00:00Z")
    assert isinstance(run(step), Rest)


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"for_": "{{variables.missing}}"}, "bad_duration"),
        ({"for_": "{{variables.text}}"}, "bad_duration"),
        ({"until": "{{variables.text}}"}, "bad_time"),
        ({"until": "{{contact.birthday}}"}, "bad_time"),
        ({"until": "{{variables.none}}"}, "bad_time"),
    ],
)
def test_a_template_that_renders_to_nonsense_fails_the_step(config: dict[str, Any], code: str) -> None:
    assert failure(build("wait", **config), Stay(variables={"text": "soon", "none": None})) == code


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        ("09:30", "UTC", "2026-01-01T09:30Z"),
        ("08:30", "UTC", "2026-01-02T08:30Z"),
        ({"time": "11:00"}, "Europe/Berlin", "2026-01-01T10:00Z"),
        ({"time": "11:00", "timezone": "contact"}, "Europe/Berlin", "2026-01-01T10:00Z"),
        ({"time": "11:00", "timezone": "Asia/Tokyo"}, "Europe/Berlin", "2026-01-02T02:00Z"),
        ({"time": "08:00", "days": "weekend"}, "UTC", "2026-01-03T08:00Z"),
        ({"time": "08:00", "days": ["Thursday", "mon"]}, "UTC", "2026-01-05T08:00Z"),
        ({"time": "{{contact.best_time}}"}, "UTC", "2026-01-01T18:15Z"),
    ],
)
def test_a_time_of_day_is_the_next_one_in_its_zone_on_its_days(at: Any, zone: str, expected: str) -> None:
    stay = Stay(Contact("c1", custom_fields={"best_time": "18:15"}), timezone=zone)
    assert run(build("wait", at=at), stay) == Rest(datetime.fromisoformat(expected))


def test_a_wait_that_begins_exactly_on_time_is_over_and_the_same_moment_does_not_end_it_twice() -> None:
    step, stay = build("wait", at="09:00"), Stay()
    assert run(step, stay) == Outcome("done")
    assert run(step, stay) == Rest(NOW + timedelta(days=1))
    stay.now += timedelta(days=1)
    assert run(step, stay) == Rest(NOW + timedelta(days=2))
    stay.now += timedelta(days=1, microseconds=1)
    assert run(step, stay) == Rest(NOW + timedelta(days=3))


def test_a_template_that_makes_no_time_of_day_fails_the_step() -> None:
    assert failure(build("wait", at="{{contact.best_time}}"), Stay()) == "bad_time"


def cases_of(**config: Any) -> list[tuple[str, str]]:
    step = build("wait", **config)
    assert isinstance(step, WaitingStep)
    return [(case.event, case.outcome) for case in step.cases()]


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("email_open", [("email_opened", "done")]),
        (["email_click", "demo_booked"], [("email_clicked", "done"), ("demo_booked", "done")]),
        ({"event": "email_opened", "branch": "opened"}, [("email_opened", "opened")]),
        ([{"event": "sms_received"}], [("message_received", "done")]),
        ("reply", [("message_received", "done"), ("email_replied", "done"), ("sms_replied", "done")]),
    ],
)
def test_events_are_named_canonically_in_the_order_written(on: Any, expected: list[tuple[str, str]]) -> None:
    assert cases_of(on=on, timeout="1d") == expected
    if isinstance(on, str):
        assert cases_of(event=on, timeout="1d") == cases_of(wait_for_event=on, timeout="1d") == expected


def matches(case: EventCase, event: Event) -> bool:
    scope = Stay().scope
    scope.event = event
    return case.event == event.type and (case.when is None or case.when.test(scope))


def sole_case(**entry: Any) -> EventCase:
    step = build("wait", on=[entry], timeout="1d")
    assert isinstance(step, WaitingStep)
    (case,) = step.cases()
    return case


def test_sms_received_takes_messages_by_sms_alone() -> None:
    case = sole_case(event="sms_received")
    assert matches(case, Event("1", "message_received", data={"channel": "sms"}))
    assert not matches(case, Event("2", "message_received", data={"channel": "email"}))


def test_an_alias_with_when_asks_for_both() -> None:
    case = sole_case(event="sms_received", when="event.data.content == 'yes'")
    assert matches(case, Event("1", "message_received", data={"channel": "sms", "content": "yes"}))
    assert not matches(case, Event("2", "message_received", data={"channel": "sms", "content": "no"}))
    assert not matches(case, Event("3", "message_received", data={"channel": "chat", "content": "yes"}))


@pytest.mark.parametrize(
    ("config", "outcomes", "timer"),
    [
        ({"for_": "1d"}, ("done",), "done"),
        ({"on": "reply", "timeout": "1d"}, ("done", "timeout"), "timeout"),
        ({"on": "reply", "for_": "1d"}, ("done", "timeout"), "timeout"),
        ({"on": "reply", "at": "09:00"}, ("done", "timeout"), "timeout"),
        ({"on": "reply"}, ("done",), "timeout"),
        ({"on": [{"event": "a", "branch": "x"}, "b"], "timeout": 60}, ("done", "x", "timeout"), "timeout"),
        ({"on": [{"event": "a", "branch": "x"}, {"event": "b", "branch": "x"}]}, ("x",), "timeout"),
    ],
)
def test_outcomes(config: dict[str, Any], outcomes: tuple[str, ...], timer: str) -> None:
    step = build("wait", **config)
    assert isinstance(step, WaitingStep)
    assert (step.outcomes(), step.timer_outcome()) == (outcomes, timer)


@pytest.mark.parametrize(
    ("since", "previous", "anchor"),
    [
        (None, "send", NOW - 2 * HOUR),
        (None, None, NOW),
        ("enrollment", "send", NOW - 9 * HOUR),
        ("wait", "send", NOW),
        ("first", "send", NOW - 5 * HOUR),
        ("never_run", "send", NOW),
    ],
)
def test_events_count_since_the_anchor(since: str | None, previous: str | None, anchor: datetime) -> None:
    starts = {"send": NOW - 2 * HOUR, "first": NOW - 5 * HOUR}
    stay = Stay(previous_step=previous, starts=starts, enrolled_at=NOW - 9 * HOUR)
    step = (
        build("wait", on="email_opened", timeout="1h", since=since)
        if since
        else build("wait", on="email_opened", timeout="1h")
    )
    assert run(step, stay) == Rest(NOW + HOUR, anchor)


def test_a_wait_declares_its_events_and_what_its_templates_read() -> None:
    step = build(
        "wait", on=[{"event": "email_opened", "when": {"field": "vip", "operator": "exists"}}], timeout="{{patience}}"
    )
    assert step.reads.contact == {"vip", "patience"}
    assert dict(step.reads.events) == {"email_opened": None}
    assert build("wait", until="{{contact.birthday}}").reads.contact == {"birthday", "timezone"}
    assert build("wait", at={"time": "{{contact.best_time}}"}).reads.contact == {"best_time", "timezone"}
    assert build("wait", at={"time": "09:00", "timezone": "UTC"}).reads.contact == set()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [("missing_key", ())]),
        ({"for_": "-1d"}, [("bad_duration", ("for",))]),
        ({"for_": "10y"}, [("bad_duration", ("for",))]),
        ({"duration": "soon"}, [("bad_duration", ("duration",))]),
        ({"duration": 1, "unit": "moons"}, [("bad_duration", ("duration",))]),
        ({"for_": "1d", "until": "2026-01-01"}, [("conflicting_keys", ("until",))]),
        ({"until": "tomorrow"}, [("bad_time", ("until",))]),
        ({"until": "2026-01-01", "offset": "-x"}, [("bad_duration", ("offset",))]),
        ({"timeout": "1d"}, [("missing_key", ("timeout",))]),
        ({"for_": "1d", "since": "wait"}, [("missing_key", ("since",))]),
        ({"for_": "1d", "offset": "1d"}, [("missing_key", ("offset",))]),
        ({"on": [], "timeout": "1d"}, [("bad_value", ("on",))]),
        ({"on": [7], "timeout": "1d"}, [("bad_value", ("on", 0))]),
        ({"on": {"event": "a", "wen": "x"}, "timeout": "1d"}, [("unknown_key", ("on", "wen"))]),
        ({"on": {"event": "a", "branch": "error"}, "timeout": "1d"}, [("reserved_id", ("on", "branch"))]),
        ({"on": "a", "event": "b", "timeout": "1d"}, [("conflicting_keys", ("event",))]),
        ({"at": {"time": "9am"}}, [("bad_time", ("at", "time"))]),
        ({"at": "25:00"}, [("bad_time", ("at",))]),
        ({"at": {"time": 540}}, [("bad_time", ("at", "time"))]),
        ({"at": 9}, [("bad_value", ("at",))]),
        ({"at": {"days": ["mon"]}}, [("missing_key", ("at",))]),
        ({"at": {"time": "09:00", "days": ["funday"]}}, [("bad_weekday", ("at", "days"))]),
        ({"at": {"time": "09:00", "days": []}}, [("bad_weekday", ("at", "days"))]),
        ({"at": {"time": "09:00", "timezone": "Berlin"}}, [("bad_timezone", ("at", "timezone"))]),
        ({"at": {"time": "09:00", "zone": "UTC"}}, [("unknown_key", ("at", "zone"))]),
        ({"at": "09:00", "until": "2026-01-01"}, [("conflicting_keys", ("at",))]),
        ({"on": "a", "at": "09:00", "timeout": "1d"}, [("conflicting_keys", ("timeout",))]),
        ({"at": "09:00", "offset": "1d"}, [("missing_key", ("offset",))]),
        ({"until_true": {"expression": "contact.vip"}}, []),
        ({"for_": "1d", "on_change": "keep"}, [("missing_key", ("on_change",))]),
        ({"on": "a", "timeout": 1, "key": "{{variables.id}}", "key_path": "order.id", "ttl": HOUR}, []),
        ({"on": [{"event": "a", "key": 7, "key_path": "x"}], "timeout": 1}, []),
        ({"on": [{"event": "a", "key_path": "x"}], "timeout": 1}, [("missing_key", ("on", 0, "key_path"))]),
        ({"on": [{"event": "a", "key": 7, "key_path": "a b"}], "timeout": 1}, [("bad_value", ("on", 0, "key_path"))]),
        ({"on": [{"event": "a", "key": 7, "key_path": 7}], "timeout": 1}, [("bad_value", ("on", 0, "key_path"))]),
        ({"on": "a", "timeout": 1, "key_path": "x"}, [("missing_key", ("key_path",))]),
        ({"for_": 1, "key": "x"}, [("missing_key", ("key",))]),
        ({"for_": 1, "consume": "one"}, [("missing_key", ("consume",))]),
        ({"on": "a", "timeout": 1, "consume": "one"}, []),
        ({"for_": 1, "ttl": HOUR}, [("missing_key", ("ttl",))]),
        ({"for_": "1d", "late": "fire"}, []),
        ({"for_": "1d", "late": {"skip_if_older_than": "2d"}}, []),
        ({"for_": "1d", "late": "skip"}, [("bad_value", ("late",))]),
        ({"for_": "1d", "late": {"skip_if_older_than": "soon"}}, [("bad_duration", ("late", "skip_if_older_than"))]),
        ({"for_": "1d", "late": {"skip_if_older_than": 1, "to": "a"}}, [("unknown_key", ("late", "to"))]),
        ({"on": "a", "late": "fire"}, [("missing_key", ("late",))]),
        ({"for_": "1d", "debounce": timedelta(seconds=5)}, [("missing_key", ("debounce",))]),
        ({"on": "a", "timeout": 1, "max_hold": HOUR}, [("missing_key", ("max_hold",))]),
        (
            {"on": "a", "timeout": 1, "debounce": HOUR, "max_hold": timedelta(minutes=59)},
            [("bad_value", ("max_hold",))],
        ),
        ({"on": "a", "timeout": 1, "debounce": HOUR, "max_hold": HOUR}, []),
        ({"quiet": HOUR}, [("missing_key", ("quiet",))]),
        ({"of": "reply"}, [("missing_key", ("of",))]),
        ({"quiet": HOUR, "of": "reply"}, []),
        ({"quiet": HOUR, "of": []}, [("bad_value", ("of",))]),
        ({"quiet": HOUR, "of": [{"event": "a", "branch": "b"}]}, [("bad_value", ("of", 0, "branch"))]),
        ({"quiet": HOUR, "of": "a", "for_": "1d", "until": "2026-01-01"}, [("conflicting_keys", ("until",))]),
    ],
)
def test_what_is_wrong_with_a_wait_is_said(config: dict[str, Any], expected: list[Any]) -> None:
    assert problems("wait", **config) == expected


def test_a_condition_that_nothing_can_change_is_warned_of() -> None:
    assert warnings("wait", until_true={"expression": "now > timestamp(0)"}, timeout="1d") == ["wait_never_ends"]
    assert warnings("wait", until_true={"expression": "variables.paid"}, timeout="1d") == []
    assert warnings("wait", until_true={"event": "bought"}, timeout="1d") == []
