"""Bursts and silences: several events, one way out of a wait; and the silence that each of its events begins anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.gathering import MAX_EVENTS
from statemachine.roster import Reception
from statemachine.snapshot import Status
from tests.statemachine.checked_world import START, Simulation, compiled

BURST = {"on": [{"event": "said", "branch": "more"}, {"event": "bought", "branch": "buyer"}], "debounce": "5s"}
HELD = {**BURST, "max_hold": "12s", "timeout": "1m"}
MARKS = [{"id": name, "type": "set_variable", "config": {"path": "end", "value": name}, "next": "end"}
         for name in ("more", "buyer", "late")]  # fmt: skip
ROUTES = {"more": "more", "buyer": "buyer", "timeout": "late"}


def listening(config: dict[str, Any], *before: dict[str, Any]) -> Simulation:
    step = {"id": "listen", "type": "wait", "config": config, "branches": ROUTES}
    if "timeout" not in config:
        step["branches"] = {"more": "more", "buyer": "buyer"}
    flow = compiled(*before, step, *MARKS) if "timeout" in config else compiled(*before, step, *MARKS[:2])
    simulation = Simulation(flow)
    simulation.trigger("go")
    return simulation


def kinds(reception: Reception) -> list[tuple[str, str]]:
    return [(verdict.kind, verdict.step) for verdict in reception.verdicts]


def ended(simulation: Simulation) -> tuple[Any, Any, timedelta]:
    """Where it went, what the wait left, and after how long."""
    run = simulation.run
    assert run.status is Status.COMPLETED
    assert run.ended_at is not None
    simulation.audit()
    return run.variables["end"], run.outputs.get("listen"), run.ended_at - START


SAID = [{"n": 1}, {"n": 2}, {"n": 3}]


def test_a_burst_is_one_wake_up_with_the_payloads_in_order() -> None:
    simulation = listening(HELD)
    for payload in SAID:
        simulation.wait(seconds=3)
        assert kinds(simulation.trigger("said", data=payload)) == [("DEBOUNCED", "listen")]
    simulation.wait(minutes=1)
    assert ended(simulation) == ("more", {"events": SAID, "count": 3}, timedelta(seconds=14))
    assert simulation.kinds().count("debounced") == 3


def test_a_burst_is_held_no_longer_than_max_hold_and_what_follows_is_left() -> None:
    simulation = listening(HELD)
    for number in range(5):
        simulation.trigger("said", data={"n": number})
        simulation.wait(seconds=4)
    outcome, output, took = ended(simulation)
    assert (outcome, output["count"], took) == ("more", 3, timedelta(seconds=12))


def test_the_first_event_takes_the_time_out_with_it() -> None:
    simulation = listening({**BURST, "timeout": "3s"})
    simulation.wait(seconds=2)
    simulation.trigger("said")
    assert set(simulation.run.deadlines) == {"debounce"}
    simulation.wait(minutes=1)
    assert ended(simulation)[::2] == ("more", timedelta(seconds=7))


def test_without_an_event_the_time_out_ends_it() -> None:
    simulation = listening(HELD)
    simulation.wait(minutes=2)
    assert ended(simulation) == ("late", None, timedelta(minutes=1))


def test_an_event_of_another_way_out_does_not_join_and_stays_for_a_later_wait() -> None:
    later = {"id": "more", "type": "wait", "config": {"on": "bought", "since": "enrollment", "timeout": "1d"}}
    simulation = Simulation(compiled({"id": "listen", "type": "wait", "config": {**BURST, "timeout": "1m"}}, later))
    simulation.trigger("go")
    simulation.trigger("said")
    assert kinds(simulation.trigger("bought", data={"total": 1})) == [("BUFFERED", "listen")]
    simulation.wait(minutes=1)
    assert simulation.run.status is Status.COMPLETED
    assert simulation.run.outputs == {"listen": {"events": [{}], "count": 1}, "more": {"total": 1}}
    simulation.audit()


def test_an_event_that_comes_when_the_burst_is_over_ends_it_and_is_no_part_of_it() -> None:
    simulation = listening(HELD)
    simulation.trigger("said", data={"n": 1})
    simulation.now += timedelta(seconds=9)
    assert kinds(simulation.trigger("said", data={"n": 2})) == [("ADVANCED", "listen")]
    assert ended(simulation)[1] == {"events": [{"n": 1}], "count": 1}


def test_the_same_event_joins_once() -> None:
    simulation = listening(HELD)
    for _ in range(2):
        simulation.trigger("said", id="same")
    simulation.wait(minutes=1)
    assert ended(simulation)[1] == {"events": [{}], "count": 1}


@pytest.mark.parametrize(("gap", "gathered", "seconds"), [(2, "123", 9), (4, "123", 13), (6, "1", 12)])
def test_events_before_the_wait_count_as_if_it_had_been_there(gap: int, gathered: str, seconds: int) -> None:
    """They come at 0, gap and 2 × gap seconds; the wait begins with the last. A burst breaks at five."""
    task = {"id": "work", "type": "task", "config": {"queue": "q"}}
    simulation = listening({**BURST, "timeout": "1m"}, task)
    for number in range(3):
        simulation.trigger("said", data={"n": str(number + 1)})
        simulation.wait(seconds=gap if number < 2 else 0)
    simulation.complete()
    simulation.wait(minutes=1)
    outcome, output, took = ended(simulation)
    assert (outcome, took) == ("more", timedelta(seconds=seconds))
    assert "".join(event["n"] for event in output["events"]) == gathered


def test_a_flood_is_cut_into_bursts_that_fit() -> None:
    simulation = listening({**BURST, "timeout": "1m"})
    for number in range(MAX_EVENTS - 1):
        assert kinds(simulation.trigger("said", data={"n": number}))[0][0] == "DEBOUNCED"
    assert kinds(simulation.trigger("said"))[0][0] == "ADVANCED"
    assert ended(simulation)[1]["count"] == MAX_EVENTS


def test_what_has_no_room_in_the_output_is_left_for_later() -> None:
    simulation = listening({**BURST, "timeout": "1m"})
    simulation.trigger("said", data={"text": "a" * 40_000})
    assert kinds(simulation.trigger("said", data={"text": "b" * 40_000}))[0][0] == "ADVANCED"
    assert ended(simulation)[1]["count"] == 1


def test_an_exit_rule_and_an_operator_end_a_run_in_the_middle_of_a_burst() -> None:
    step = {"id": "listen", "type": "wait", "config": {**BURST, "timeout": "1m"}}
    simulation = Simulation(compiled(step, exit=[{"on": "stop", "reason": "stopped"}]))
    simulation.trigger("go")
    simulation.trigger("said")
    simulation.trigger("stop")
    assert (simulation.run.status, simulation.run.gathered, dict(simulation.run.deadlines)) == (Status.EXITED, {}, {})
    simulation.trigger("go")
    simulation.trigger("said")
    simulation.operate("advance", transition="more")
    assert (simulation.run.status, simulation.run.gathered) == (Status.COMPLETED, {})
    simulation.audit()


@pytest.mark.parametrize(
    "step",
    [
        {"type": "wait", "config": {"on": "said", "timeout": "1d"}},
        {
            "type": "send_sms",
            "config": {"body": "x", "to": "1"},
            "sending": {"quiet_hours": {"from": "08:00", "to": "12:00"}},
        },
    ],
)
def test_a_run_that_fails_in_the_middle_of_a_burst_leaves_it_behind(step: dict[str, Any]) -> None:
    wait = {"id": "listen", "type": "wait", "config": BURST, "branches": {"buyer": "end"}}
    limits = {"max_duration": "4s"}
    simulation = Simulation(compiled(wait, limits=limits, on_failure=[{"id": "last", **step}], timezone="UTC"))
    simulation.trigger("go")
    simulation.trigger("said")
    simulation.wait(seconds=4)
    assert (simulation.run.step, simulation.run.gathered) == ("last", {})
    simulation.trigger("said")
    simulation.wait(days=1)
    simulation.audit()
    assert "waiting" in simulation.kinds()


def test_a_burst_is_ended_sooner_by_rescheduling_it() -> None:
    simulation = listening(HELD)
    simulation.trigger("said")
    simulation.operate("reschedule", until=simulation.now.isoformat())
    simulation.wait(seconds=0)
    assert ended(simulation)[::2] == ("more", timedelta(0))


def test_events_of_a_paused_run_join_the_burst_when_it_goes_on() -> None:
    simulation = listening({**BURST, "timeout": "1m"})
    simulation.trigger("said", data={"n": 1})
    simulation.operate("pause")
    simulation.wait(seconds=3)
    assert kinds(simulation.trigger("said", data={"n": 2})) == [("BUFFERED", "listen")]
    simulation.operate("resume")
    simulation.wait(minutes=1)
    assert ended(simulation)[1:] == ({"events": [{"n": 1}, {"n": 2}], "count": 2}, timedelta(seconds=8))


# --- silence ---


def quiet(**more: Any) -> Simulation:
    config = {"quiet": "2d", "of": ["reply", {"event": "clicked", "when": "event.data.n > 1"}], **more}
    simulation = Simulation(compiled({"id": "hush", "type": "wait", "config": config}))
    simulation.trigger("go")
    return simulation


def ended_after(simulation: Simulation) -> tuple[str, timedelta]:
    run = simulation.run
    assert run.ended_at is not None
    simulation.audit()
    (entry,) = [one for one in simulation.history if one.kind == "step_completed"]
    return str(entry.outcome), run.ended_at - START


def test_a_silence_begins_anew_with_each_of_its_events_and_with_no_other() -> None:
    simulation = quiet()
    simulation.wait(days=1)
    assert kinds(simulation.trigger("email_replied")) == [("DEBOUNCED", "hush")]
    simulation.wait(days=1)
    assert kinds(simulation.trigger("clicked", data={"n": 1})) == []
    assert kinds(simulation.trigger("opened")) == []
    assert kinds(simulation.trigger("clicked", data={"n": 2})) == [("DEBOUNCED", "hush")]
    simulation.wait(days=9)
    assert ended_after(simulation) == ("done", timedelta(days=4))


def test_whoever_never_falls_silent_is_waited_for_until_the_time_out() -> None:
    simulation = quiet(timeout="3d")
    for _ in range(4):
        simulation.wait(days=1)
        simulation.trigger("sms_received")
    assert ended_after(simulation) == ("timeout", timedelta(days=3))


@pytest.mark.parametrize(
    ("since", "hours"), [(None, 30 + 48), ("wait", 30 + 48), ("enrollment", 20 + 48), ("work", 20 + 48)]
)
def test_silence_counts_from_the_wait_or_from_since_with_the_events_that_came_then(
    since: str | None, hours: int
) -> None:
    config = {"quiet": "2d", "of": "reply", **({"since": since} if since else {})}
    work = {"id": "work", "type": "task", "config": {"queue": "q"}}
    simulation = Simulation(compiled(work, {"id": "hush", "type": "wait", "config": config}))
    simulation.trigger("go")
    simulation.wait(hours=20)
    simulation.trigger("reply", data={"channel": "sms"})
    simulation.trigger("message_received")
    simulation.wait(hours=10)
    simulation.complete()
    simulation.wait(days=9)
    assert simulation.run.ended_at == START + timedelta(hours=hours)
    simulation.audit()


def test_silence_that_has_lasted_long_enough_ends_the_wait_at_once() -> None:
    first = {"id": "rest", "type": "wait", "config": {"for": "3d"}}
    hush = {"id": "hush", "type": "wait", "config": {"quiet": "2d", "of": "reply", "since": "enrollment"}}
    simulation = Simulation(compiled(first, hush))
    simulation.trigger("go")
    simulation.wait(days=3)
    assert (simulation.run.status, simulation.run.ended_at) == (Status.COMPLETED, START + timedelta(days=3))


def test_an_event_that_ends_the_wait_goes_before_silence() -> None:
    simulation = quiet(on=[{"event": "order_placed", "branch": "bought"}])
    simulation.wait(days=1)
    assert kinds(simulation.trigger("order_placed")) == [("ADVANCED", "hush")]
    assert ended_after(simulation) == ("bought", timedelta(days=1))


def test_what_broke_the_silence_during_a_pause_counts_from_when_it_came() -> None:
    simulation = quiet()
    simulation.wait(days=1)
    simulation.operate("pause")
    simulation.wait(hours=12)
    simulation.trigger("email_replied")
    simulation.wait(hours=12)
    simulation.operate("resume")
    simulation.wait(days=9)
    assert ended_after(simulation) == ("done", timedelta(days=3, hours=12))
