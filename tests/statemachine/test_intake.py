"""What one event does to one contact: patch, exits, waits, entries — in that order, each seeing the one before."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.decision import EmittedEvent
from statemachine.errors import InvalidInput
from statemachine.limits import MAX_CAUSATION_DEPTH
from statemachine.verdict import ADVANCED, BLOCKED, ENROLLED, EXITED, NOT_MATCHED
from tests.statemachine.checked_world import Simulation, compiled

Data = dict[str, Any]
REST = {"id": "r", "type": "wait", "config": {"for": "1h"}}
PASS = {"id": "p", "type": "pass"}


def flow(*steps: Data, **document: Any) -> Simulation:
    return Simulation(compiled(*(steps or (REST,)), **document))


def told(simulation: Simulation, kind: str = "go", **event: Any) -> list[tuple[str, str, str]]:
    return [(one.workflow, one.kind, one.rule) for one in simulation.trigger(kind, **event).verdicts]


def when(field: str, value: Any, operator: str = "equals") -> list[Data]:
    return [{"field": field, "operator": operator, "value": value}]


class TestOrder:
    def test_the_patch_comes_before_entries(self) -> None:
        simulation = flow(triggers=[{"type": "go", "conditions": when("stage", "lead")}])
        assert told(simulation, contact_patch={"stage": "lead"}) == [("flow", ENROLLED, "")]

    def test_an_exit_frees_entry_for_the_same_event(self) -> None:
        simulation = flow(exit=[{"on": "go"}])
        simulation.trigger("go")
        assert told(simulation) == [("flow", EXITED, "go"), ("flow", ENROLLED, "")]

    def test_an_event_may_end_a_wait_and_with_it_the_run_and_enrol_again(self) -> None:
        simulation = flow({"id": "w", "type": "wait", "config": {"on": [{"event": "go"}]}})
        simulation.trigger("go")
        assert told(simulation) == [("flow", ADVANCED, ""), ("flow", ENROLLED, "")]

    def test_workflows_go_by_priority_and_then_by_key(self) -> None:
        flows = [compiled(REST, key=key, entry={"priority": rank}) for key, rank in (("b", 0), ("a", 0), ("z", 5))]
        assert [one[0] for one in told(Simulation(*flows))] == ["z", "a", "b"]

    def test_an_entry_sees_what_the_entry_before_it_did_to_the_contact(self) -> None:
        field = {"id": "f", "type": "update_field", "config": {"field": "stage", "value": "won"}}
        first = compiled(field, key="first", entry={"priority": 1})
        second = compiled(REST, key="second", triggers=[{"type": "go", "conditions": when("stage", "won")}])
        assert told(Simulation(second, first)) == [("first", ENROLLED, ""), ("second", ENROLLED, "")]

    def test_times_in_trigger_conditions_are_local_to_the_workflow(self) -> None:
        at_ten = [{"type": "time", "between": ["10:00", "11:00"]}]
        simulation = flow(triggers=[{"type": "go", "conditions": at_ten}], timezone="Europe/Berlin")
        assert told(simulation) == [("flow", ENROLLED, "")]

    def test_a_patch_of_the_wrong_shape_is_refused_and_nothing_happens(self) -> None:
        simulation = flow()
        with pytest.raises(InvalidInput):
            simulation.trigger("go", contact_patch={"tags": "hot"})
        assert simulation.records == {}


class TestContacts:
    def test_a_new_contact_raises_contact_created(self) -> None:
        assert flow().trigger("go").raised == (EmittedEvent("contact_created", {}),)

    def test_unless_the_event_says_so_itself(self) -> None:
        assert flow().trigger("contact_created").raised == ()

    def test_a_patch_of_a_known_contact_raises_what_really_changed(self) -> None:
        simulation = flow()
        simulation.trigger("go", contact_patch={"stage": "new"})
        raised = simulation.trigger("x", contact_patch={"stage": "lead", "tags": ["hot"]}).raised
        assert [one.type for one in raised] == ["field_changed", "tag_added"]
        assert simulation.trigger("x", contact_patch={"stage": "lead", "tags": ["hot"]}).raised == ()

    def test_an_incoming_message_leaves_its_reply_on_the_contact(self) -> None:
        simulation = flow()
        simulation.trigger("sms_received", data={"content": "YES"})
        assert simulation.contact.get("last_sms_reply") == "YES"
        assert simulation.contact.get("last_sms_reply_at") == "2026-01-01T09:00:00+00:00"

    def test_an_event_without_a_contact_enrols_without_one(self) -> None:
        simulation = flow()
        simulation.trigger("go", contact_id=None)
        assert (simulation.run.contact_id, simulation.run.step) == (None, "r")


class TestTriggers:
    @pytest.mark.parametrize(
        ("kind", "config", "data", "matches"),
        [
            ("tag_added", {"tag": "hot"}, {"tag": "hot"}, True),
            ("tag_added", {"tag": "hot"}, {"tag": "cold"}, False),
            ("field_changed", {"field": "stage", "to": "won"}, {"field": "stage", "new_value": "won"}, True),
            ("field_changed", {"field": "stage", "from": "x"}, {"field": "stage", "old_value": "y"}, False),
            ("message_received", {"channel": "sms"}, {"channel": "sms"}, True),
            ("message_received", {"channel": "sms"}, {"channel": "email"}, False),
            ("message_received", {"keyword": "stop"}, {"channel": "sms", "content": "Please STOP!"}, True),
            ("message_received", {"keyword": "stop"}, {"channel": "sms", "content": "unstoppable"}, False),
            ("message_received", {"keyword": ["quit", "stop now"]}, {"channel": "sms", "body": "stop  now"}, True),
            ("message_received", {"keyword": "stop"}, {"channel": "sms"}, False),
        ],
    )
    def test_config_is_a_filter_on_the_data(self, kind: str, config: Data, data: Data, matches: bool) -> None:
        simulation = flow(triggers=[{"type": kind, "config": config}])
        verdict = told(simulation, kind, data=data)[0]
        assert verdict[1] == (ENROLLED if matches else NOT_MATCHED)

    def test_an_event_that_no_trigger_names_has_no_verdict(self) -> None:
        assert told(flow(), "other") == []

    def test_a_disabled_trigger_does_not_match_and_says_so(self) -> None:
        simulation = flow(triggers=[{"type": "go", "enabled": False}])
        assert told(simulation) == [("flow", NOT_MATCHED, "the trigger is disabled")]

    def test_not_matched_names_the_condition_that_failed(self) -> None:
        conditions = [*when("n", 1), *when("stage", "lead")]
        simulation = flow(triggers=[{"type": "go", "conditions": conditions}])
        assert "stage" in told(simulation, data={"n": 1})[0][2]

    def test_not_matched_tells_why_an_expression_could_not_be_answered(self) -> None:
        simulation = flow(triggers=[{"type": "go", "conditions": {"expression": "nowhere.x > 1"}}])
        assert told(simulation)[0][2] == "nowhere.x > 1: nowhere.x has no value"

    def test_the_first_trigger_that_matches_enrols_once(self) -> None:
        simulation = flow(triggers=[{"id": "a", "type": "go", "conditions": when("n", 2)}, {"id": "b", "type": "go"}])
        simulation.trigger("go", data={"n": 1})
        assert (simulation.run.trigger["trigger_id"], len(simulation.records)) == ("b", 1)


class TestEntryRules:
    def test_after_exit_is_the_default_and_blocks_while_a_run_lives(self) -> None:
        simulation = flow()
        simulation.trigger("go")
        assert told(simulation) == [("flow", BLOCKED, "reentry")]
        simulation.wait(hours=1)
        assert told(simulation) == [("flow", ENROLLED, "")]

    def test_never_blocks_for_good(self) -> None:
        simulation = flow(PASS, entry={"reentry": "never"})
        simulation.trigger("go")
        assert told(simulation) == [("flow", BLOCKED, "reentry")]

    def test_always_lets_runs_live_side_by_side(self) -> None:
        simulation = flow(entry={"reentry": "always"})
        simulation.trigger("go")
        simulation.trigger("go")
        assert [record.snapshot.live for record in simulation.records.values()] == [True, True]

    def test_restart_ends_the_old_run_and_begins_anew(self) -> None:
        simulation = flow(entry={"reentry": "restart"})
        simulation.trigger("go")
        assert told(simulation) == [("flow", EXITED, "restarted"), ("flow", ENROLLED, "")]
        old, new = (record.snapshot for record in simulation.records.values())
        assert (old.status, old.exit_reason, new.status) == ("exited", "restarted", "waiting")

    def test_restart_ends_a_paused_run_too(self) -> None:
        simulation = flow(entry={"reentry": "restart"})
        simulation.trigger("go")
        simulation.operate("pause")
        assert told(simulation)[0] == ("flow", EXITED, "restarted")

    @pytest.mark.parametrize(("hours", "rule"), [(2, "cooldown"), (26, "")])
    def test_cooldown_counts_from_the_end_of_the_last_run(self, hours: int, rule: str) -> None:
        simulation = flow(entry={"cooldown": "1d"})
        simulation.trigger("go")
        simulation.wait(hours=hours)
        assert told(simulation)[0][2] == rule

    @pytest.mark.parametrize(("hours", "rule"), [(23, "cooldown"), (24, "")])
    def test_with_always_cooldown_counts_from_the_start_of_the_last_run(self, hours: int, rule: str) -> None:
        simulation = flow(entry={"cooldown": "1d", "reentry": "always"})
        simulation.trigger("go")
        simulation.wait(hours=hours)
        assert told(simulation)[0][2] == rule

    def test_max_entries_counts_all_runs(self) -> None:
        simulation = flow(PASS, entry={"max_entries": 2})
        verdicts = [told(simulation)[0] for _ in range(3)]
        assert [verdict[1:] for verdict in verdicts] == [(ENROLLED, ""), (ENROLLED, ""), (BLOCKED, "max_entries")]

    def test_a_paused_workflow_takes_no_entries(self) -> None:
        simulation = flow()
        simulation.pause_workflow()
        assert told(simulation) == [("flow", BLOCKED, "workflow_paused")]

    def test_enrolment_by_api_obeys_the_same_rules(self) -> None:
        simulation = flow()
        simulation.enroll(n=1)
        assert simulation.run.trigger["data"] == {"n": 1}
        assert [one.rule for one in simulation.enroll().verdicts] == ["reentry"]


class TestKeys:
    def test_rules_count_per_key(self) -> None:
        simulation = flow(triggers=[{"type": "go", "key": "{{trigger.data.order}}"}])
        verdicts = [told(simulation, data={"order": order})[0][1] for order in (1, 2, 1)]
        assert verdicts == [ENROLLED, ENROLLED, BLOCKED]

    def test_the_key_of_the_trigger_wins_over_the_key_of_the_workflow(self) -> None:
        simulation = flow(triggers=[{"type": "go", "key": "t"}], entry={"key": "w"})
        simulation.trigger("go", key="e")
        assert simulation.run.entry_key == "t"

    def test_without_a_template_the_key_of_the_event_counts(self) -> None:
        simulation = flow()
        simulation.trigger("go", key="e")
        assert simulation.run.entry_key == "e"

    @pytest.mark.parametrize(
        ("data", "key"), [({}, ""), ({"order": None}, ""), ({"order": True}, "true"), ({"order": 7}, "7")]
    )
    def test_a_key_is_text_and_empty_when_there_is_none(self, data: Data, key: str) -> None:
        simulation = flow(triggers=[{"type": "go", "key": "{{trigger.data.order}}"}])
        simulation.trigger("go", data=data)
        assert simulation.run.entry_key == key


class TestCausation:
    def test_a_workflow_does_not_enrol_by_what_it_did_itself(self) -> None:
        simulation = flow(triggers=[{"type": "go"}])
        assert told(simulation, chain=("other", "flow")) == [("flow", BLOCKED, "causation_own")]

    @pytest.mark.parametrize(
        ("depth", "rule"), [(MAX_CAUSATION_DEPTH - 1, ""), (MAX_CAUSATION_DEPTH, "causation_depth")]
    )
    def test_a_chain_ends_at_the_greatest_depth(self, depth: int, rule: str) -> None:
        assert told(flow(), chain=tuple(f"w{n}" for n in range(depth)))[0][2] == rule

    def test_workflows_that_set_each_other_off_come_to_an_end(self) -> None:
        def tagging(key: str, own: str, other: str) -> Any:
            step = {"id": "t", "type": "add_tag", "config": {"tag": other}}
            drop = {"id": "u", "type": "remove_tag", "config": {"tag": other}}
            triggers = [{"type": "tag_added", "config": {"tag": own}}]
            return compiled(step, drop, key=key, triggers=triggers, entry={"reentry": "always"})

        simulation = Simulation(tagging("a", "x", "y"), tagging("b", "y", "x"))
        simulation.trigger("go", contact_patch={"first_name": "Ann"})
        simulation.trigger("tag_added", data={"tag": "x"})
        assert [record.workflow.key for record in simulation.records.values()] == ["a", "b"]
