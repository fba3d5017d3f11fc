"""Definitions: what each part of a document becomes, and how every mistake is told."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from statemachine.definition import Loaded, compile_workflow, load_workflow
from statemachine.errors import DefinitionError
from statemachine.workflow import RetryPolicy, Workflow

GOOD = Path(__file__).parents[1] / "workflows" / "good"
SEQUENCE = (GOOD / "new_lead_welcome_sequence.yaml").read_text()
EVERYTHING = (GOOD / "everything.yaml").read_text()
CUT_OFF = (GOOD.parent / "bad" / "unknown_step.new_lead_welcome.json").read_text()
ONE_STEP = "steps: [{id: a, type: add_tag, config: {tag: x}}]\n"


def workflow_of(text: str, **options: Any) -> Workflow:
    loaded = load_workflow(text, **options)
    assert loaded.workflow is not None, [str(problem) for problem in loaded.problems]
    return loaded.workflow


def with_steps(*steps: dict[str, Any], **document: Any) -> str:
    return json.dumps({"name": "X", **document, "steps": list(steps)})


def tag(step_id: str, **keys: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "add_tag", "config": {"tag": "x"}, **keys}


def targets(workflow: Workflow) -> dict[str, dict[str, str]]:
    return {step.id: dict(step.targets) for step in workflow.steps.values()}


def told(loaded: Loaded) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in loaded.problems]


class TestTheExampleOfTheSource:
    def test_the_sequence_loads_unchanged_and_goes_where_it_says(self) -> None:
        assert targets(workflow_of(SEQUENCE)) == {
            "send_welcome_sms": {"done": "wait_1_day"},
            "wait_1_day": {"done": "check_reply"},
            "check_reply": {"true": "send_followup_email", "false": "send_reminder_sms"},
            "send_followup_email": {"done": "end"},
            "send_reminder_sms": {"done": "wait_2_days"},
            "wait_2_days": {"done": "add_cold_tag"},
            "add_cold_tag": {"done": "end"},
        }

    def test_its_name_gives_the_key_and_its_version_is_a_label(self) -> None:
        workflow = workflow_of(SEQUENCE)
        assert (workflow.key, workflow.name) == ("new-lead-welcome-sequence", "New Lead Welcome Sequence")
        assert (workflow.label, workflow.version) == ("1", 0)

    def test_the_one_that_is_cut_off_is_refused_at_the_missing_step(self) -> None:
        loaded = load_workflow(CUT_OFF)
        (problem,) = loaded.problems
        assert (problem.code, problem.path, problem.line) == ("unknown_step", "steps[1].next", 25)
        assert (loaded.workflow, loaded.source_format) == (None, "json")

    def test_lenient_it_completes_there_and_warns(self) -> None:
        workflow = workflow_of(CUT_OFF, lenient=True)
        assert targets(workflow)["step_2"] == {"done": "end"}
        assert [(problem.code, problem.severity) for problem in workflow.warnings] == [("unknown_step", "warning")]


class TestTheDocument:
    def test_key_and_name_beside_the_text_win(self) -> None:
        workflow = workflow_of("name: A\nkey: a\n" + ONE_STEP, key="b", name="B", version=3)
        assert (workflow.key, workflow.name, workflow.version) == ("b", "B", 3)

    def test_a_key_beside_the_text_is_name_enough(self) -> None:
        assert workflow_of(ONE_STEP, key="b").name == "b"

    def test_id_is_another_word_for_key(self) -> None:
        assert workflow_of("id: 7\nname: X\n" + ONE_STEP).key == "7"

    @pytest.mark.parametrize("key", ["a b", "-x", "x" * 101, "ü", "a/b"])
    def test_a_bad_key_beside_the_text_is_refused(self, key: str) -> None:
        assert told(load_workflow("name: X\n" + ONE_STEP, key=key)) == [("bad_name", "key")]

    def test_everything_that_can_be_said_arrives(self) -> None:
        workflow = workflow_of(EVERYTHING)
        assert (workflow.timezone, workflow.on_missing, workflow.active) == ("Europe/Berlin", "empty", True)
        assert workflow.limits.max_duration == timedelta(days=90)
        assert workflow.limits.max_transitions == 10_000
        assert (workflow.entry.reentry, workflow.entry.cooldown) == ("after_exit", timedelta(days=7))
        assert (workflow.entry.max_entries, workflow.entry.priority) == (3, 10)
        assert workflow.entry.key is not None
        assert workflow.variables is not None

    def test_what_any_part_reads_is_known(self) -> None:
        reads = workflow_of(EVERYTHING).reads
        assert {"first_name", "source", "score"} <= reads.contact or "*" in reads.contact
        assert {"message_received", "email_replied", "sms_replied"} <= set(reads.events)

    def test_is_active_may_be_false(self) -> None:
        assert not workflow_of("name: X\nisActive: false\n" + ONE_STEP).active


class TestTriggers:
    def test_one_or_many_may_be_given(self) -> None:
        one = workflow_of("name: X\ntrigger: {type: contact_added}\n" + ONE_STEP)
        many = workflow_of("name: X\ntriggers: [{type: contact_added}]\n" + ONE_STEP)
        assert [(t.id, t.type) for t in one.triggers] == [(t.id, t.type) for t in many.triggers]
        assert one.triggers[0].type == "contact_created"

    def test_an_alias_becomes_the_type_and_what_it_implies(self) -> None:
        (trigger,) = workflow_of("name: X\ntrigger: {type: sms_received, config: {keyword: hi}}\n" + ONE_STEP).triggers
        assert (trigger.type, dict(trigger.config)) == ("message_received", {"keyword": "hi", "channel": "sms"})

    def test_a_reply_becomes_three_under_one_id(self) -> None:
        triggers = workflow_of("name: X\ntrigger: {type: reply, id: r}\n" + ONE_STEP).triggers
        assert [(t.id, t.type) for t in triggers] == [
            ("r", "message_received"), ("r", "email_replied"), ("r", "sms_replied"),
        ]  # fmt: skip

    def test_the_trigger_type_of_a_document_is_a_trigger(self) -> None:
        (trigger,) = workflow_of("name: X\ntriggerType: Incoming Call\n" + ONE_STEP).triggers
        assert trigger.type == "call_received"

    def test_it_may_be_off_and_have_a_key(self) -> None:
        trigger = workflow_of(EVERYTHING).triggers[1]
        assert (trigger.id, trigger.enabled) == ("by_text", False)
        assert trigger.key is not None

    def test_an_alias_that_contradicts_the_config_is_refused(self) -> None:
        text = "name: X\ntrigger: {type: sms_received, config: {channel: email}}\n" + ONE_STEP
        assert told(load_workflow(text)) == [("conflicting_keys", "trigger.config.channel")]

    def test_two_ways_to_say_it_at_once_are_refused(self) -> None:
        text = "name: X\ntrigger: {type: api}\ntriggerType: api\n" + ONE_STEP
        assert told(load_workflow(text)) == [("conflicting_keys", "triggerType")]


class TestExits:
    def test_reasons_and_goals_arrive(self) -> None:
        exits = workflow_of(EVERYTHING).exits
        assert [(rule.on, rule.exit_reason) for rule in exits] == [
            ("contact_unsubscribed", "unsubscribed"),
            ("order_placed", "goal:purchase"),
            ("message_received", "message_received"),
            (None, "filter_mismatch"),
        ]

    def test_an_alias_implies_a_condition(self) -> None:
        (rule,) = workflow_of("name: X\nexit: [{on: sms_received}]\n" + ONE_STEP).exits
        assert rule.on == "message_received"
        assert rule.when is not None

    def test_a_reply_becomes_three_rules(self) -> None:
        rules = workflow_of("name: X\nexit: {on: reply, reason: answered}\n" + ONE_STEP).exits
        assert [(rule.on, rule.exit_reason) for rule in rules] == [
            ("message_received", "answered"), ("email_replied", "answered"), ("sms_replied", "answered"),
        ]  # fmt: skip

    def test_a_mistake_in_a_filtered_rule_is_told_once_where_it_stands(self) -> None:
        text = "name: X\nexit: [{on: sms_received, when: {field: a, operator: eqals, value: 1}}]\n" + ONE_STEP
        assert told(load_workflow(text)) == [("unknown_operator", "exit[0].when.operator")]


class TestSteps:
    def test_a_missing_next_is_the_following_step_and_the_last_one_ends(self) -> None:
        assert targets(workflow_of(with_steps(tag("a"), tag("b")))) == {"a": {"done": "b"}, "b": {"done": "end"}}

    def test_next_may_be_written_out(self) -> None:
        text = with_steps(tag("a", next="c"), tag("b", next="end"), tag("c", next="b"))
        assert targets(workflow_of(text)) == {"a": {"done": "c"}, "b": {"done": "end"}, "c": {"done": "b"}}

    def test_ids_may_be_numbers(self) -> None:
        assert targets(workflow_of("name: X\nsteps: [{id: 1, type: pass, next: 2}, {id: 2, type: pass}]")) == {
            "1": {"done": "2"},
            "2": {"done": "end"},
        }

    def test_a_missing_branch_falls_through(self) -> None:
        check = {"id": "a", "type": "condition", "config": {"field": "x", "operator": "exists"}}
        workflow = workflow_of(with_steps({**check, "branches": {"true": "c"}}, tag("b"), tag("c")))
        assert workflow.steps["a"].targets == {"true": "c", "false": "b"}

    def test_on_error_and_an_error_branch_mean_the_same(self) -> None:
        send = {"id": "a", "type": "send_sms", "config": {"body": "Hi"}}
        for keys in ({"on_error": "b"}, {"onError": "b"}, {"branches": {"error": "b"}}):
            workflow = workflow_of(with_steps({**send, **keys, "next": "end"}, tag("b")))
            assert workflow.steps["a"].on_error == "b"

    def test_goto_goes_there(self) -> None:
        workflow = workflow_of(with_steps({"id": "a", "type": "goto", "config": {"to": "c"}}, tag("b"), tag("c")))
        assert workflow.steps["a"].targets == {"done": "c"}

    @pytest.mark.parametrize("kind", ["wait", "delay"])
    def test_a_wait_may_be_nothing_but_its_seconds(self, kind: str) -> None:
        loaded = load_workflow(with_steps({"id": "a", "type": kind, "config": 60}))
        assert loaded.canonical["steps"][0]["config"] == {"for": 60}

    @pytest.mark.parametrize(
        ("kind", "config", "code", "words"),
        [
            ("wait", -60, "bad_duration", "negative"),
            ("wait", 1e9, "bad_duration", "over five years"),
            ("wait", "2d", "not_an_object", "an object, or a number of seconds for `for`, not text"),
            ("wait", True, "not_an_object", "an object, or a number of seconds for `for`, not true or false"),
            ("add_tag", 60, "not_an_object", "has to be an object, not a number"),
        ],
    )
    def test_another_config_that_is_no_object_is_refused_where_it_stands(
        self, kind: str, config: Any, code: str, words: str
    ) -> None:
        (problem,) = load_workflow(with_steps({"id": "a", "type": kind, "config": config})).problems
        assert (problem.code, problem.path) == (code, "steps[0].config")
        assert words in problem.message

    def test_bodies_in_place_come_after_their_condition_and_go_on_behind_it(self) -> None:
        workflow = workflow_of((GOOD / "true_steps.json").read_text())
        assert list(workflow.steps) == ["start", "check", "yes_1", "yes_2", "middle", "last"]
        assert targets(workflow) == {
            "start": {"done": "check"},
            "check": {"true": "yes_1", "false": "last"},
            "yes_1": {"done": "yes_2"},
            "yes_2": {"done": "middle"},
            "middle": {"done": "last"},
            "last": targets(workflow)["last"],
        }

    def test_a_step_inherits_what_its_retry_leaves_open(self) -> None:
        workflow = workflow_of(EVERYTHING)
        assert workflow.steps["text"].retry == RetryPolicy(max_attempts=4)
        assert workflow.steps["greet"].retry == RetryPolicy(max_attempts=2, jitter="none")

    def test_its_other_keys_arrive(self) -> None:
        greet = workflow_of(EVERYTHING).steps["greet"]
        assert (greet.name, greet.output, greet.at_most_once) == ("Greeting", "greeting", True)
        assert (greet.timeout, greet.on_error) == (timedelta(seconds=10), "mail")

    def test_a_condition_on_a_step_is_compiled(self) -> None:
        assert workflow_of(EVERYTHING).steps["tagged"].when is not None


class TestProblems:
    def test_all_of_them_are_told_at_once_in_the_order_of_the_text(self) -> None:
        text = """\
name: X
timezone: Europe/Berln
entry: {coolDown: 3d}
trigger: {type: contact_created, conditions: [{field: a, operatr: exists}]}
steps:
  - {id: a, type: dellay}
  - {id: b, type: delay, config: {duration: -1}}
  - {id: b, type: condition, config: {field: x, operator: exists}, branches: {tru: zz}}
  - {id: c, type: send_sms, config: {body: "{{ steps.zz.output.x }}"}, onError: d}
"""
        loaded = load_workflow(text)
        lines = [problem.line for problem in loaded.problems]
        assert lines == sorted(line for line in lines if line is not None)
        assert {
            ("bad_timezone", "timezone"),
            ("unknown_key", "entry.coolDown"),
            ("unknown_key", "trigger.conditions[0].operatr"),
            ("unknown_type", "steps[0].type"),
            ("bad_duration", "steps[1].config.duration"),
            ("duplicate_id", "steps[2].id"),
            ("unknown_outcome", "steps[2].branches.tru"),
            ("unknown_step", "steps[3].config.body"),
            ("unknown_step", "steps[3].onError"),
        } <= set(told(loaded))

    def test_a_near_word_is_suggested(self) -> None:
        loaded = load_workflow(with_steps({"id": "a", "type": "dellay", "config": {}}))
        assert loaded.problems[0].suggestion == "did you mean 'delay'?"

    def test_a_mistake_deep_in_a_value_is_told_at_its_place(self) -> None:
        text = "name: X\nvariables:\n  a:\n    - {b: '{{ x | nofilter }}'}\n" + ONE_STEP
        (problem,) = load_workflow(text).problems
        assert (problem.code, problem.path, problem.line) == ("bad_template", "variables.a[0].b", 4)

    def test_a_ring_is_told_as_a_way(self) -> None:
        loaded = load_workflow(with_steps(tag("a"), tag("b"), tag("c", next="a")))
        assert [(p.code, p.message.partition(" is")[0]) for p in loaded.problems] == [("pure_ring", "a → b → c → a")]

    def test_a_ring_with_a_wait_is_none(self) -> None:
        rest = {"id": "b", "type": "delay", "config": {"duration": 1, "unit": "days"}}
        enough = {"id": "c", "type": "condition", "config": {"field": "x", "operator": "exists"}}
        leave = {**enough, "branches": {"true": "end", "false": "a"}}
        assert workflow_of(with_steps(tag("a"), rest, leave)).warnings == ()

    def test_an_output_that_every_way_passes_is_no_warning(self) -> None:
        ask = {"id": "a", "type": "send_sms", "config": {"body": "Hi"}}
        use = {"id": "b", "type": "send_sms", "config": {"body": "{{steps.a.output.message_id}}"}}
        assert workflow_of(with_steps(ask, use)).warnings == ()

    def test_an_output_that_one_way_misses_is_a_warning(self) -> None:
        check = {"id": "c", "type": "condition", "config": {"field": "x", "operator": "exists"}}
        ask = {"id": "a", "type": "send_sms", "config": {"body": "Hi"}}
        use = {"id": "b", "type": "send_sms", "config": {"body": "{{steps.a.output.message_id}}"}}
        workflow = workflow_of(with_steps({**check, "branches": {"false": "b"}}, ask, use))
        assert [(p.code, p.path) for p in workflow.warnings] == [("output_may_be_missing", "steps[2].config.body")]

    def test_compiling_raises_with_all_of_them(self) -> None:
        with pytest.raises(DefinitionError, match="2 errors") as caught:
            compile_workflow("name: X\nfoo: 1\nbar: 2\n" + ONE_STEP)
        assert len(caught.value.problems) == 2

    def test_camel_case_is_accepted_but_the_authors_own_keys_stay(self) -> None:
        text = with_steps(
            {"id": "a", "type": "set_variable", "config": {"values": {"camelCase": 1}}},
            {"id": "b", "type": "http_request", "config": {"url": "https://x.test", "successStatus": [200],
                                                           "headers": {"xTraceId": "1"}, "body": {"orderId": 1}}},
        )  # fmt: skip
        canonical = load_workflow(text).canonical["steps"]
        assert canonical[0]["config"] == {"values": {"camelCase": 1}}
        assert canonical[1]["config"]["success_status"] == [200]
        assert (canonical[1]["config"]["headers"], canonical[1]["config"]["body"]) == (
            {"xTraceId": "1"},
            {"orderId": 1},
        )


HOSTILE = {
    "unknown keys": {**dict.fromkeys((f"k{number}" * 12 for number in range(9_900)), 1), "name": "X"},
    "unknown targets": {
        "name": "X",
        "steps": [
            {"id": f"step_{n}", "type": "task", "branches": {f"o{m}": f"step_x{n}{m}" for m in range(15)}}
            for n in range(500)
        ],
    },
    "unknown operators": {
        "name": "X",
        "steps": [tag("a")],
        "trigger": {"type": "x", "conditions": [{"field": "a", "operator": f"eqal{n}"} for n in range(2_800)]},
    },
    "steps of templates": {
        "name": "X",
        "steps": [
            {"id": f"step_{n}", "type": "send_sms",
             "config": {"body": " ".join(f"{{{{steps.step_x{m}.output}}}}" for m in range(20))}}
            for n in range(500)
        ],
    },
    "no steps but numbers": {"name": "X", "steps": [1] * 19_000},
}  # fmt: skip


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_document_full_of_mistakes_is_refused_quickly(document: dict[str, Any]) -> None:
    started = time.process_time()
    loaded = load_workflow(json.dumps(document))
    assert loaded.workflow is None
    assert len(loaded.problems) <= 402
    assert time.process_time() - started < 3


ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "{{ x",
    "a b",
    [],
    {},
    [[]],
    [None],
    {"a": {}},
    {"": None},
    10**15,
    "9" * 50,
]


def _variants(value: Any) -> Iterator[Any]:
    """The document with one of its nodes replaced by each odd value, for every node."""
    yield from ODD
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        for variant in _variants(child):
            copy: Any = dict(value) if isinstance(value, dict) else list(value)
            copy[key] = variant
            yield copy


@pytest.mark.parametrize("text", [SEQUENCE, EVERYTHING], ids=["sequence", "everything"])
def test_no_odd_value_anywhere_makes_loading_raise(text: str) -> None:
    document = load_workflow(text).canonical
    for variant in _variants(document):
        loaded = load_workflow(json.dumps(variant))
        assert (loaded.workflow is None) == bool(loaded.errors)
