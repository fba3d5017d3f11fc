"""What is found in a workflow before it runs: tables of workflows, and what each of them is told."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import Any

import pytest

from statemachine.definition import load_workflow
from statemachine.names import one_slip

ASK = "{id: ask, type: send_sms, config: {body: Hi}}"
ANSWER = "{id: answer, type: wait, config: {on: [{event: reply}], timeout: 1d}, branches: {timeout: later}}"


def found(text: str) -> list[tuple[str, str]]:
    """(code, path) of everything that is told of a workflow."""
    return [(problem.code, problem.path) for problem in load_workflow(text).problems]


def codes(text: str) -> list[str]:
    return [code for code, _ in found(text)]


def steps(*lines: str, head: str = "") -> str:
    """A workflow of these steps."""
    return dedent(head) + "key: x\nsteps:\n" + "".join(f"  - {line}\n" for line in lines)


def reading(text: str, *before: str, head: str = "") -> str:
    """A workflow whose last step shows a text."""
    return steps(*before, f"{{id: tell, type: send_sms, config: {{body: {json.dumps(text)}}}}}", head=head)


class TestValues:
    @pytest.mark.parametrize(
        ("text", "before"),
        [
            ("{{steps.ask.output.message_id}}", [ASK]),
            ("{{steps.answer.output.content}}", [ANSWER, "{id: thank, type: goto, config: {to: tell}}",
                                                "{id: later, type: exit}"]),
            ("{{event.data.content}}", ["{id: a, type: add_tag, config: {tag: x}}"]),
            ("{{event.data.content}}", [ANSWER, "{id: thank, type: goto, config: {to: tell}}",
                                        "{id: later, type: exit}"]),
            ("{{error.code}}", ["{id: ask, type: send_sms, config: {body: Hi}, on_error: tell, next: end}"]),
            ("{{variables.sum}}", ["{id: sum, type: transform, config: {expression: '1 + 1'}, output: sum}"]),
            ("{{variables.sum}}", ["{id: s, type: set_variable, config: {path: workflow.sum, value: 1}}"]),
        ],
    )  # fmt: skip
    def test_what_every_way_provides_is_no_warning(self, text: str, before: list[str]) -> None:
        assert codes(reading(text, *before)) == []

    @pytest.mark.parametrize(
        ("text", "before", "code"),
        [
            ("{{steps.ask.output.x}}", ["{id: ask, type: send_sms, config: {body: Hi}, on_error: tell}"],
             "output_may_be_missing"),
            ("{{steps.ask.output.x}}", ["{id: ask, type: send_sms, config: {body: Hi}, when: 'contact.score > 1'}"],
             "output_may_be_missing"),
            ("{{steps.answer.output.x}}", [ANSWER, "{id: later, type: pass}"], "output_may_be_missing"),
            ("{{event.data.x}}", [ASK], "value_may_be_missing"),
            ("{{event.data.x}}", [ANSWER, "{id: later, type: pass}"], "value_may_be_missing"),
            ("{{error.code}}", ["{id: ask, type: send_sms, config: {body: Hi}, on_error: tell}"],
             "value_may_be_missing"),
            ("{{variables.a}}", ["{id: a, type: transform, config: {expression: '1'}, output: a, on_error: tell}"],
             "value_may_be_missing"),
        ],
    )  # fmt: skip
    def test_what_one_way_leaves_out_is_a_warning(self, text: str, before: list[str], code: str) -> None:
        assert found(reading(text, *before)) == [(code, f"steps[{len(before)}].config.body")]

    def test_the_way_without_it_is_shown(self) -> None:
        text = reading("{{steps.answer.output.x}}", ANSWER, "{id: thank, type: pass}", "{id: later, type: pass}")
        (problem,) = load_workflow(text).problems
        assert "on the way answer → later → tell there is no output" in problem.message

    @pytest.mark.parametrize(
        "text",
        [
            "{{ steps.ask.output.x | default: 'nothing' }}",
            "{% if steps.ask.output.x %}{{steps.ask.output.x}}{% endif %}",
            "{% unless steps.ask.output %}none{% else %}{{steps.ask.output.x}}{% endunless %}",
        ],
    )
    def test_a_text_that_minds_the_gap_is_no_warning(self, text: str) -> None:
        assert codes(reading(text, "{id: ask, type: send_sms, config: {body: Hi}, on_error: tell}")) == []

    @pytest.mark.parametrize(
        "when",
        [
            "{field: steps.ask.output.x, operator: exists}",
            "{field: steps.ask.output.x, operator: equals, value: 1}",
            "'has(steps.ask.output.x)'",
            "'steps.ask.output.x > 3 && contact.score > 1'",
            "{not: {field: steps.ask.output.x, operator: is_empty}}",
            "{all: ['contact.score > 1', {field: steps.ask.output.x, operator: contains, value: y}]}",
        ],
    )
    def test_a_condition_that_only_a_value_can_meet_proves_it(self, when: str) -> None:
        ask = "{id: ask, type: send_sms, config: {body: Hi}, on_error: tell}"
        tell = f"{{id: tell, type: send_sms, when: {when}, config: {{body: '{{{{steps.ask.output.x}}}}'}}}}"
        told = [path for code, path in found(steps(ask, tell)) if code == "output_may_be_missing"]
        assert "steps[1].config.body" not in told

    @pytest.mark.parametrize(
        "when", ["{any: [{field: steps.ask.output.x, operator: exists}, 'contact.score > 1']}",
                 "{not: {field: steps.ask.output.y, operator: exists}}", "'!has(steps.ask.output.x)'"],
    )  # fmt: skip
    def test_a_condition_that_holds_without_it_proves_nothing(self, when: str) -> None:
        check = f"{{id: check, type: condition, config: {{condition: {when}}}, branches: {{true: tell, false: end}}}}"
        text = reading(
            "{{steps.ask.output.z}}", "{id: ask, type: send_sms, config: {body: Hi}, on_error: check}", check
        )
        assert ("output_may_be_missing", "steps[2].config.body") in found(text)

    def test_a_branch_proves_what_its_condition_says(self) -> None:
        ask = "{id: ask, type: send_sms, config: {body: Hi}, on_error: check}"
        check = (
            "{id: check, type: condition, config: {field: steps.ask.output.x, operator: not_exists}, "
            "branches: {true: end, false: tell}}"
        )
        assert codes(reading("{{steps.ask.output.x}}", ask, check)) == []

    def test_a_loop_reads_its_own_last_round_only_from_the_second_on(self) -> None:
        text = steps(
            "{id: ask, type: send_sms, config: {body: 'Again {{steps.ask.output.x}}'}}",
            "{id: rest, type: wait, config: {for: 1d}}",
            "{id: on, type: condition, config: {field: x, operator: exists}, branches: {true: end, false: ask}}",
        )
        assert codes(text) == ["output_may_be_missing"]

    def test_the_conditions_of_a_wait_see_its_event(self) -> None:
        wait = "{id: w, type: wait, config: {on: [{event: reply, when: \"event.data.x == 'a'\"}], timeout: 1d}}"
        assert codes(steps("{id: rest, type: wait, config: {for: 1d}}", wait)) == []


class TestNames:
    @pytest.mark.parametrize(
        ("text", "code", "suggestion"),
        [
            ("{{variables.ofer}}", "unknown_variable", "did you mean 'offer'?"),
            ("{{ vars.ofer | default: 'x' }}", "unknown_variable", "did you mean 'offer'?"),
            ("{{workflow.elsewhere}}", "unknown_variable", "declare it under `variables`"),
            ("{{steps.ask.message_id}}", "unknown_name", "did you mean `steps.ask.output.message_id`?"),
            ("{{enrollment.step_id}}", "unknown_name", ""),
            ("{{error.mesage}}", "unknown_name", "did you mean 'message'?"),
            ("{{resources.x}}", "unknown_name", ""),
            ("{{contact.firstName}}", "misspelt_name", "did you mean 'first_name'?"),
            ("{{contact.emial}}", "misspelt_name", "did you mean 'email'?"),
            ("{{frist_name}}", "misspelt_name", "did you mean 'first_name'?"),
            ("{{ofer}}", "misspelt_name", "did you mean 'offer'?"),
            ("{{evnt.data.total}}", "misspelt_name", "did you mean 'event'?"),
            ("{{stpes.ask.output.message_id}}", "misspelt_name", "did you mean 'steps'?"),
        ],
    )
    def test_a_name_that_leads_nowhere_is_a_warning(self, text: str, code: str, suggestion: str) -> None:
        problems = load_workflow(reading(text, ASK, head="variables: {offer: spring}\n")).problems
        told = [problem for problem in problems if problem.code == code]
        assert len(told) == 1
        assert suggestion in told[0].suggestion

    @pytest.mark.parametrize(
        "text",
        ["{{contact.plan}}", "{{city}}", "{{evnt}}", "{{address.city}}",
         "{{contact.phones}}", "{{variables.offer.code}}", "{{trigger.data.anything}}",
         "{{contact.metadata.x}}", "{{contact.company_name}}", "{{execution.workflowId}}", "{{offer}}",
         "{{ vars.elsewhere | default: 1 }}"],
    )  # fmt: skip
    def test_a_name_of_ones_own_is_no_warning(self, text: str) -> None:
        assert codes(reading(text, head="variables: {offer: spring}\n")) == []

    @pytest.mark.parametrize(
        ("step", "text", "told"),
        [
            ("{id: s, type: split, config: {variants: {a: 1, b: 1}}}", "{{steps.s.output.variant}}", []),
            (
                "{id: s, type: split, config: {variants: {a: 1, b: 1}}}",
                "{{steps.s.output.varaint}}",
                ["unknown_output"],
            ),
            ("{id: s, type: transform, config: {mapping: {sum: '1'}}}", "{{steps.s.output.sum}}", []),
            ("{id: s, type: transform, config: {mapping: {sum: '1'}}}", "{{steps.s.output.total}}", ["unknown_output"]),
            ("{id: s, type: add_tag, config: {tag: x}}", "{{steps.s.output.tag}}", ["unknown_output"]),
            ("{id: s, type: wait, config: {for: 1d}}", "{{steps.s.output}}", ["unknown_output"]),
            ("{id: s, type: task, config: {queue: q}}", "{{steps.s.output.anything}}", []),
        ],
    )
    def test_an_output_is_known_by_its_step(self, step: str, text: str, told: list[str]) -> None:
        assert codes(reading(text, step)) == told

    @pytest.mark.parametrize(
        "place",
        [
            "trigger: {type: api, key: '{{variables.a}}'}",
            "entry: {key: '{{steps.tell.output.x}}'}",
            "variables: {a: '{{variables.b}}', b: 1}",
        ],
    )
    def test_nothing_of_the_run_can_be_read_before_it_begins(self, place: str) -> None:
        assert codes(reading("Hi", head=f"{place}\n")) == ["used_too_early"]

    @pytest.mark.parametrize(
        ("event", "told"),
        [("contact_craeted", True), ("tag_aded", True), ("emailOpend", True), ("tags_added", True),
         ("order_placed", False), ("newOrder", False)],
    )  # fmt: skip
    def test_an_event_that_is_nearly_one_of_the_language_is_a_warning(self, event: str, told: bool) -> None:
        assert ("misspelt_name" in codes(reading("Hi", head=f"trigger: {{type: {event}}}\n"))) is told

    @pytest.mark.parametrize(
        ("word", "other", "slip"),
        [("emial", "email", True), ("emai", "email", True), ("emaill", "email", True), ("emoil", "email", True),
         ("email", "email", False), ("emails", "email", False), ("e_mail2", "email", False), ("amile", "email", False)],
    )  # fmt: skip
    def test_a_slip_is_one_letter_or_two_swapped(self, word: str, other: str, slip: bool) -> None:
        assert one_slip(word, other) is slip


class TestFlow:
    ROUND = ("{id: a, type: send_sms, config: {body: Hi}}", "{id: b, type: wait, config: {for: 1d}, next: a}")

    def test_a_ring_that_nothing_ends_is_a_warning(self) -> None:
        assert found(steps(*self.ROUND)) == [("dead_end", "steps[0]")]

    @pytest.mark.parametrize("head", ["exit: {on: unsubscribed}\n", "limits: {max_duration: 90d}\n"])
    def test_an_exit_rule_or_a_limit_ends_it(self, head: str) -> None:
        assert found(steps(*self.ROUND, head=head)) == []

    def test_a_holdout_is_a_way_out(self) -> None:
        half = "{id: a, type: split, config: {variants: {go: 50, holdout: 50}}}"
        assert found(steps(half, "{id: b, type: wait, config: {for: 1d}, next: a}")) == []

    @pytest.mark.parametrize("rest", ["{for: 0s}", "{until: 2026-01-01}"])
    def test_a_wait_that_may_be_over_at_once_does_not_calm_a_ring(self, rest: str) -> None:
        text = steps(
            "{id: a, type: add_tag, config: {tag: x}}",
            f"{{id: b, type: wait, config: {rest}}}",
            "{id: c, type: condition, config: {field: x, operator: exists}, branches: {true: end, false: a}}",
        )
        assert codes(text) == ["ring_without_wait"]

    @pytest.mark.parametrize(
        ("rest", "told"),
        [("{for: 8d}", True), ("{for: 7d}", False), ("{for: 3d}", False), ("{for: '{{contact.patience}}'}", False),
         ("{on: reply, timeout: 30d}", True)],
    )  # fmt: skip
    def test_a_wait_longer_than_the_run_never_ends(self, rest: str, told: bool) -> None:
        text = steps(f"{{id: a, type: wait, config: {rest}}}", head="limits: {max_duration: 7d}\n")
        assert ("wait_never_ends" in codes(text)) is told

    def test_the_waits_before_count(self) -> None:
        waits = [f"{{id: w{number}, type: wait, config: {{for: 3d}}}}" for number in range(3)]
        assert found(steps(*waits, head="limits: {max_duration: 7d}\n")) == [("wait_never_ends", "steps[2]")]

    def test_an_event_shortens_the_way(self) -> None:
        first = "{id: a, type: wait, config: {on: reply, timeout: 6d}}"
        text = steps(first, "{id: b, type: wait, config: {for: 3d}}", head="limits: {max_duration: 7d}\n")
        assert found(text) == []


class TestRules:
    WAIT = "{id: a, type: wait, config: {for: 1d}}"

    @pytest.mark.parametrize(
        ("head", "told"),
        [
            ("exit: [{on: a}, {on: b}]", []),
            ("exit: [{on: a, when: 'event.data.x > 1'}, {on: a}]", []),
            ("exit: [{on: message_received}, {on: reply}]", []),
            ("exit: [{on: reply}, {on: message_received}]", [("exit_never_fires", "exit[1]")]),
            ("exit: {on: a, when: false}", [("exit_never_fires", "exit")]),
            ("exit: {on: a, when: {any: []}}", [("exit_never_fires", "exit")]),
            ("exit: {on_mismatch: true}", [("exit_never_fires", "exit")]),
            ("triggers: [{type: a, conditions: ['1 > 2']}]", [("trigger_never_fires", "triggers[0]")]),
            ("triggers: [{type: a, config: {tag: x}}, {type: a}]", []),
            ("triggers: [{type: a, enabled: false}, {type: a}]", []),
            ("triggers: [{type: a, conditions: ['contact.score > 1']}, {type: a}]", []),
            ("triggers: [{type: a}, {type: a, config: {tag: x}}]", [("trigger_never_fires", "triggers[1]")]),
        ],
    )
    def test_rules_that_can_never_apply_are_told(self, head: str, told: list[tuple[str, str]]) -> None:
        assert found(steps(self.WAIT, head=f"{head}\n")) == told

    def test_a_run_that_never_rests_cannot_be_left_early(self) -> None:
        assert codes(steps("{id: a, type: add_tag, config: {tag: x}}", head="exit: {on: a}\n")) == ["exit_never_fires"]


class TestConditions:
    @pytest.mark.parametrize(
        ("when", "never"),
        [
            ("false", True),
            ("'1 > 2'", True),
            ("{left: 1, operator: '>', right: 2}", True),
            ("{all: ['contact.score > 1', '1 > 2']}", True),
            ("{not: {all: []}}", True),
            ("{after: '17:00', before: '09:00'}", True),
            ("{between: ['22:00', '06:00']}", False),
            ("{after: 2026-02-01, before: 2026-01-01}", True),
            ("{after: '{{contact.from}}', before: '09:00'}", False),
            ("{any: ['contact.score > 1', '1 > 2']}", False),
            ("true", False),
            ("'contact.score > 1'", False),
        ],
    )
    def test_a_condition_that_can_never_hold_is_told(self, when: str, never: bool) -> None:
        text = steps(f"{{id: a, type: add_tag, config: {{tag: x}}, when: {when}}}")
        assert found(text) == ([("never_holds", "steps[0].when")] if never else [])

    @pytest.mark.parametrize(
        ("entries", "told"),
        [
            ("[{event: a, branch: x}, {event: a, branch: y}]", True),
            ("[{event: a, when: 'event.data.n > 1', branch: x}, {event: a, branch: y}]", False),
            ("[{event: message_received, branch: x}, {event: reply, branch: y}]", False),
            ("[{event: reply, branch: x}, {event: email_replied, branch: y}]", True),
        ],
    )
    def test_a_case_of_a_wait_behind_one_that_takes_all_is_told(self, entries: str, told: bool) -> None:
        text = steps(f"{{id: a, type: wait, config: {{on: {entries}, timeout: 1d}}}}")
        assert codes(text) == (["never_holds"] if told else [])

    @pytest.mark.parametrize("further", [{"within": "401d"}, {"count": 1001}])
    def test_a_look_back_beyond_what_is_kept_is_told(self, further: dict[str, Any]) -> None:
        when = {"type": "event", "event": "x", **further}
        text = steps(f"{{id: a, type: add_tag, config: {{tag: x}}, when: {{not: {json.dumps(when)}}}}}")
        assert codes(text) == ["look_back_too_long"]


def test_warnings_are_told_beside_errors_that_leave_the_flow_whole() -> None:
    text = reading("{{ x | shout }}", "{id: a, type: pass, next: tell}", "{id: lost, type: add_tag, config: {tag: y}}")
    assert codes(text) == ["unreachable_step", "bad_template"]


def test_with_a_step_missing_nobody_guesses_about_the_flow() -> None:
    text = steps("{id: a, type: pasd, next: c}", "{id: b, type: pass}", "{id: c, type: pass}")
    assert codes(text) == ["unknown_type"]


def test_a_way_into_a_step_that_was_refused_breaks_nothing() -> None:
    assert codes(steps("{id: a, type: pass}", "pause", "{id: c, type: pass}")) == ["not_an_object"]


def test_five_hundred_steps_are_checked_within_a_second() -> None:
    import time

    body: list[Any] = [
        {"id": f"s{number}", "type": "send_sms", "config": {"body": f"{{{{steps.s{max(0, number - 7)}.output.x}}}}"},
         "on_error": f"s{(number * 7) % 500}"}
        for number in range(500)
    ]  # fmt: skip
    text = json.dumps({"key": "x", "steps": body})
    start = time.process_time()
    assert load_workflow(text).problems
    assert time.process_time() - start < 1
