"""Caps: what has room, when there is room again, and that no load gets past them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from statemachine.sending.caps import MAX_KEPT, free_at, stamp, with_send, without_send
from statemachine.sending.rules import Cap
from tests.statemachine.checked_world import Simulation, compiled

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TOKYO = ZoneInfo("Asia/Tokyo")


def sent(**ago: list[timedelta]) -> dict[str, list[int]]:
    return {channel: sorted(stamp(NOW - span) for span in spans) for channel, spans in ago.items()}


@pytest.mark.parametrize(
    ("cap", "before", "free"),
    [
        (Cap(1, per=DAY), {}, None),
        (Cap(1, per=DAY), {"sms": [HOUR]}, NOW + 23 * HOUR),
        (Cap(1, per=DAY), {"sms": [DAY]}, None),
        (Cap(1, per=DAY), {"sms": [DAY - timedelta(microseconds=1)]}, NOW + timedelta(microseconds=1)),
        (Cap(2, per=DAY), {"sms": [HOUR]}, None),
        (Cap(2, per=DAY), {"sms": [HOUR, 2 * HOUR]}, NOW + 22 * HOUR),
        (Cap(2, per=DAY), {"sms": [HOUR, 2 * HOUR, 3 * HOUR]}, NOW + 22 * HOUR),
        (Cap(1, "sms", per=DAY), {"email": [HOUR]}, None),
        (Cap(1, per=DAY), {"email": [HOUR]}, NOW + 23 * HOUR),
        (Cap(1, "email", per=DAY), {"email": [HOUR]}, None),
        # in Tokyo it is 18:00 on Thursday, January 1st
        (Cap(1, unit="day"), {"sms": [17 * HOUR]}, datetime(2026, 1, 1, 15, tzinfo=UTC)),
        (Cap(1, unit="day"), {"sms": [19 * HOUR]}, None),
        (Cap(1, unit="week"), {"sms": [3 * DAY]}, datetime(2026, 1, 4, 15, tzinfo=UTC)),
        (Cap(1, unit="week"), {"sms": [4 * DAY]}, None),
        (Cap(1, unit="month"), {"sms": [HOUR]}, datetime(2026, 1, 31, 15, tzinfo=UTC)),
        (Cap(1, unit="month"), {"sms": [DAY]}, None),
    ],
)
def test_a_slot_is_free_again_when_it_should_be(
    cap: Cap, before: dict[str, list[timedelta]], free: datetime | None
) -> None:
    assert free_at(cap, sent(**before), "sms", NOW, TOKYO) == free


def test_what_no_cap_looks_back_to_is_forgotten_and_never_more_kept_than_needed() -> None:
    kept = with_send(sent(sms=[3 * DAY, HOUR], email=[2 * DAY]), "sms", NOW, DAY)
    assert kept == sent(sms=[HOUR, timedelta(0)])
    many = {"sms": [stamp(NOW) - number for number in range(MAX_KEPT + 9, 0, -1)]}
    assert len(with_send(many, "sms", NOW, DAY)["sms"]) == MAX_KEPT


def test_a_message_that_did_not_go_out_gives_its_slot_back() -> None:
    assert without_send(sent(sms=[HOUR, DAY]), "sms", NOW - HOUR) == sent(sms=[DAY])
    assert without_send(sent(sms=[DAY]), "sms", NOW - DAY) == {}
    assert without_send(sent(sms=[DAY]), "email", NOW - DAY) == sent(sms=[DAY])


def flow(key: str, cap: Any, *, priority: int = 0, channel: str = "sms") -> Any:
    step = {"id": "text", "type": f"send_{channel}", "config": {"body": "Hi", "to": "x"}}
    entry = {"reentry": "always", "priority": priority}
    sending = {"sending": {"caps": cap}} if cap else {}
    return compiled(step, key=key, triggers=[{"type": key}], entry=entry, **sending)


def ordered(simulation: Simulation) -> list[tuple[datetime, str, str]]:
    """(when, channel, workflow) of every message that was ordered."""
    found = [
        (entry.at, record.workflow.steps[entry.step or ""].type.removeprefix("send_"), record.workflow.key)
        for record in simulation.records.values()
        for entry in record.history
        if entry.kind == "step_started"
    ]
    return sorted(found)


def test_a_cap_counts_the_messages_of_all_workflows() -> None:
    simulation = Simulation(flow("plain", None), flow("careful", [{"count": 2, "per": "1d"}]))
    for _ in range(3):
        simulation.trigger("plain")
        simulation.wait(hours=1)
    simulation.trigger("careful")
    assert [entry.metadata.get("rule") for entry in simulation.history] == [None, "cap"]
    assert simulation.history[-1].metadata["reason"] == "the contact has got 2 messages within 1d"
    simulation.wait(days=2)
    assert ordered(simulation)[-1][0] == NOW + HOUR + DAY


def test_the_run_with_the_higher_priority_takes_the_free_slot() -> None:
    cap = [{"count": 1, "per": "1d"}]
    simulation = Simulation(flow("low", cap), flow("high", cap, priority=5))
    for kind in ("low", "low", "high"):
        simulation.trigger(kind)
    simulation.wait(days=3)
    assert [key for _, _, key in ordered(simulation)] == ["low", "high", "low"]


@pytest.mark.parametrize(("code", "rest"), [("boom", {}), ("timeout", {"sms": 1})])
def test_a_message_that_fails_for_good_counts_only_when_it_may_have_gone_out(code: str, rest: dict[str, int]) -> None:
    simulation = Simulation(flow("careful", [{"count": 1, "per": "1d"}]))
    simulation.trigger("careful")
    assert {name: len(at) for name, at in simulation.world.contacts["c1"].sends.items()} == {"sms": 1}
    simulation.fail(code, retryable=False)
    assert {name: len(at) for name, at in simulation.world.contacts["c1"].sends.items()} == rest


def test_nothing_is_remembered_where_nobody_counts() -> None:
    simulation = Simulation(flow("plain", None))
    simulation.trigger("plain")
    assert simulation.world.contacts["c1"].sends == {}


@pytest.mark.parametrize("seed", range(4))
def test_no_load_gets_past_a_cap(seed: int) -> None:
    dice = random.Random(seed)
    common = {"count": 3, "per": "6h"}
    flows = [
        flow("a", [common]),
        flow("b", [{"count": 2, "per": "1d", "channel": "sms"}, common], priority=3),
        flow("c", [common, {"count": 4, "per": "day"}], channel="email"),
    ]
    simulation = Simulation(*flows, zone="Asia/Tokyo")
    for _ in range(40):
        simulation.trigger(dice.choice("abc"))
        simulation.wait(minutes=dice.randint(0, 90))
    simulation.wait(days=60)
    messages = ordered(simulation)
    assert len(messages) == 40
    everything = [at for at, _, _ in messages]
    assert all(later - first >= 6 * HOUR for first, later in zip(everything, everything[3:], strict=False))
    for number, (at, channel, key) in enumerate(messages):
        before = messages[:number]
        if key == "b":
            assert sum(by == channel and at - when < DAY for when, by, _ in before) < 2
        if key == "c":
            assert sum(when.astimezone(TOKYO).date() == at.astimezone(TOKYO).date() for when, _, _ in before) < 4
