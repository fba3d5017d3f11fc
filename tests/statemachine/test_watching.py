"""Waits that look again: conditions that come true, and timers that move with their data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from statemachine.roster import Reception
from statemachine.snapshot import Status
from statemachine.watching import MAX_ROUNDS
from tests.statemachine.checked_world import START, Simulation, compiled

VIP = {"until_true": {"expression": "contact.score >= 10"}, "timeout": "3d"}


def resting(config: dict[str, Any], *, contact: dict[str, Any] | None = None, **document: Any) -> Simulation:
    simulation = Simulation(compiled({"id": "rest", "type": "wait", "config": config}, **document))
    simulation.trigger("go", contact_patch=contact or {})
    return simulation


def outcome(simulation: Simulation) -> tuple[str, timedelta]:
    """How the wait ended, and after how long."""
    simulation.audit()
    (entry,) = [one for one in simulation.history if one.kind in ("step_completed", "step_failed")]
    return str(entry.error_code or entry.outcome), entry.at - START


def verdicts(reception: Reception) -> list[tuple[str, str]]:
    return [(verdict.kind, verdict.rule) for verdict in reception.verdicts]


class TestConditions:
    def test_what_holds_already_is_not_waited_for(self) -> None:
        assert outcome(resting(VIP, contact={"score": 10})) == ("done", timedelta(0))

    def test_a_call_that_changes_the_contact_ends_it(self) -> None:
        simulation = resting(VIP)
        simulation.wait(days=1)
        simulation.world.change_contact("c1", {"score": 9})
        assert simulation.run.status is Status.WAITING
        simulation.world.change_contact("c1", {"score": 10})
        assert outcome(simulation) == ("done", timedelta(days=1))

    def test_a_patch_that_an_event_brings_along_ends_it_and_the_verdict_says_so(self) -> None:
        simulation = resting(VIP)
        simulation.wait(days=1)
        assert verdicts(simulation.trigger("anything", contact_patch={"score": 4})) == []
        told = simulation.trigger("anything", contact_patch={"score": 20})
        assert verdicts(told) == [("ADVANCED", "contact_changed")]
        assert outcome(simulation) == ("done", timedelta(days=1))

    def test_it_ends_by_the_time_out_when_nothing_makes_it_true(self) -> None:
        simulation = resting(VIP)
        simulation.wait(days=5)
        assert outcome(simulation) == ("timeout", timedelta(days=3))

    def test_variables_that_an_operator_sets_end_it(self) -> None:
        simulation = resting({"until_true": {"expression": "variables.paid == true"}, "timeout": "3d"})
        simulation.operate("set_variables", variables={"paid": False})
        assert simulation.run.status is Status.WAITING
        simulation.operate("set_variables", variables={"paid": True})
        assert outcome(simulation) == ("done", timedelta(0))

    def test_an_event_that_it_asks_about_ends_it(self) -> None:
        simulation = resting({"until_true": {"event": "bought", "count": 2, "since": "enrollment"}, "timeout": "3d"})
        assert verdicts(simulation.trigger("bought")) == []
        assert verdicts(simulation.trigger("bought")) == [("ADVANCED", "")]
        assert outcome(simulation) == ("done", timedelta(0))

    def test_an_event_of_the_same_wait_ends_it_too(self) -> None:
        config = {**VIP, "on": [{"event": "bought", "branch": "buyer"}]}
        simulation = resting(config)
        simulation.trigger("bought", contact_patch={"score": 50})
        assert outcome(simulation) == ("buyer", timedelta(0))
        simulation = resting(config)
        simulation.trigger("seen", contact_patch={"score": 50})
        assert outcome(simulation) == ("done", timedelta(0))

    @pytest.mark.parametrize("hold", ["run", "workflow"])
    def test_a_run_that_is_held_looks_when_it_is_let_go(self, hold: str) -> None:
        simulation = resting(VIP)
        simulation.operate("pause") if hold == "run" else simulation.pause_workflow()
        for score in (10, 11):
            simulation.world.change_contact("c1", {"score": score})
        simulation.wait(days=1)
        assert (simulation.run.step, len(simulation.run.held)) == ("rest", 1)
        simulation.operate("resume") if hold == "run" else simulation.resume_workflow()
        assert outcome(simulation) == ("done", timedelta(days=1))

    def test_a_run_that_an_earlier_event_of_the_pause_ends_does_not_look_any_more(self) -> None:
        simulation = resting({**VIP, "on": "bought"})
        simulation.operate("pause")
        simulation.trigger("bought")
        simulation.world.change_contact("c1", {"score": 9})
        assert len(simulation.run.held) == 2
        simulation.operate("resume")
        simulation.audit()
        assert simulation.run.status is Status.COMPLETED

    def test_a_condition_that_cannot_be_answered_is_false(self) -> None:
        simulation = resting({"until_true": {"expression": "contact.plan.level > 1"}, "timeout": "3d"})
        simulation.world.change_contact("c1", {"plan": "none"})
        assert simulation.run.status is Status.WAITING
        simulation.audit()


def tagger(key: str, tag: str, *, removes: str = "", until: str) -> Any:
    """Waits for a tag; then takes one away and gives one, round and round."""
    steps: list[dict[str, Any]] = [
        {"id": "look", "type": "wait", "config": {"until_true": {"expression": f"'{until}' in contact.tags"}}}
    ]
    if removes:
        steps.append({"id": "take", "type": "remove_tag", "config": {"tag": removes}})
    steps.append({"id": "give", "type": "add_tag", "config": {"tag": tag}, **({"next": "look"} if removes else {})})
    return compiled(*steps, key=key)


def giver(tag: str) -> Any:
    step = {"id": "give", "type": "add_tag", "config": {"tag": tag}}
    return compiled(step, key="giver", triggers=[{"type": "never"}])


class TestOtherRuns:
    def test_a_run_that_changes_the_contact_ends_the_wait_of_another(self) -> None:
        simulation = Simulation(giver("start"), tagger("first", "a", until="start"), tagger("second", "b", until="a"))
        simulation.trigger("go")
        assert verdicts(simulation.trigger("tagged", contact_patch={"score": 1})) == []
        simulation.enroll("giver")
        assert set(simulation.contact.tags) == {"start", "a", "b"}
        assert all(record.snapshot.status is Status.COMPLETED for record in simulation.records.values())
        simulation.audit()

    def test_runs_that_move_each_other_without_end_are_stopped_and_it_is_noted(self) -> None:
        ping = tagger("ping", "pong", removes="ping", until="ping")
        simulation = Simulation(giver("ping"), ping, tagger("pong", "ping", removes="pong", until="pong"))
        simulation.trigger("go")
        simulation.enroll("giver")
        histories = [record.history for record in simulation.records.values()]
        assert any(entry.kind == "blocked" for history in histories for entry in history)
        assert max(len(history) for history in histories) < 20 * MAX_ROUNDS
        simulation.audit()


DAY = datetime.fromisoformat("2026-02-01T00:00+00:00")


def dated(**more: Any) -> Simulation:
    config = {"until": "{{contact.renewal}}", "offset": "-3d", **more}
    return resting(config, contact={"renewal": "2026-02-01"})


class TestDates:
    def test_a_timer_moves_with_its_date_in_the_same_decision(self) -> None:
        simulation = dated()
        simulation.world.change_contact("c1", {"renewal": "2026-03-01"})
        assert simulation.run.deadlines == {"wait": DAY + timedelta(days=28 - 3)}
        assert simulation.kinds()[-1] == "rescheduled"
        simulation.world.change_contact("c1", {"renewal": "2026-01-20"})
        simulation.wait(days=60)
        assert outcome(simulation)[0] == "done"
        assert simulation.run.ended_at == DAY - timedelta(days=12 + 3)

    def test_a_change_of_something_else_does_nothing(self) -> None:
        simulation = dated()
        before = simulation.run
        simulation.world.change_contact("c1", {"renewal": "2026-02-01T00:00Z", "score": 3})
        assert simulation.run == before

    def test_a_date_that_moves_into_the_past_ends_the_wait_at_once(self) -> None:
        simulation = dated()
        simulation.wait(days=2)
        simulation.world.change_contact("c1", {"renewal": "2026-01-04"})
        assert outcome(simulation) == ("done", timedelta(days=2))

    @pytest.mark.parametrize("value", [None, "", "soon", 7])
    def test_a_date_that_is_gone_or_none_fails_the_step(self, value: Any) -> None:
        simulation = dated()
        simulation.world.change_contact("c1", {"renewal": value})
        assert outcome(simulation) == ("bad_time", timedelta(0))
        assert simulation.run.status is Status.FAILED

    def test_keep_stays_with_the_date_of_the_beginning(self) -> None:
        simulation = dated(on_change="keep")
        simulation.world.change_contact("c1", {"renewal": "2026-03-01"})
        assert simulation.run.deadlines == {"wait": DAY - timedelta(days=3)}

    def test_a_date_from_variables_moves_when_they_are_set(self) -> None:
        config = {"until": "{{variables.due}}"}
        simulation = resting(config, variables={"due": "2026-02-01"})
        simulation.operate("set_variables", variables={"due": "2026-02-02"})
        assert simulation.run.deadlines == {"wait": DAY + timedelta(days=1)}
        simulation.audit()

    def test_a_timer_that_was_moved_by_hand_stays_until_its_date_moves(self) -> None:
        simulation = dated()
        by_hand = START + timedelta(days=9)
        simulation.operate("reschedule", until=by_hand.isoformat())
        simulation.world.change_contact("c1", {"score": 3})
        assert simulation.run.deadlines == {"wait": by_hand}
        simulation.world.change_contact("c1", {"renewal": "2026-02-02"})
        assert simulation.run.deadlines == {"wait": DAY - timedelta(days=2)}
        simulation.audit()

    @pytest.mark.parametrize(("on_change", "hour"), [(None, 8), ("keep", 8), ("recompute", 13)])
    def test_a_time_of_day_follows_the_zone_of_the_contact_only_when_told(
        self, on_change: str | None, hour: int
    ) -> None:
        config = {"at": "08:00", **({"on_change": on_change} if on_change else {})}
        simulation = resting(config, contact={"timezone": "UTC"})
        simulation.world.change_contact("c1", {"timezone": "America/New_York"})
        assert simulation.run.deadlines["wait"].hour == hour

    def test_a_paused_run_follows_its_date_when_it_goes_on(self) -> None:
        simulation = dated()
        simulation.operate("pause")
        simulation.world.change_contact("c1", {"renewal": "2026-03-01"})
        assert simulation.run.deadlines == {"wait": DAY - timedelta(days=3)}
        simulation.operate("resume")
        assert simulation.run.deadlines == {"wait": DAY + timedelta(days=25)}
        simulation.audit()
