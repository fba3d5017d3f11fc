"""Running tests: what is expected is held against what came, and every difference is put into words."""

# ruff: noqa: E501 - a case reads best on one line

from __future__ import annotations

from textwrap import indent
from typing import Any

import pytest

from statemachine.definition import load_workflow
from statemachine.testing.check import CHECKS, covers, same
from statemachine.testing.reading import ExpectPart
from statemachine.testing.trial import Trial, Trials, run_tests
from statemachine.workflow import Workflow

FLOW = """
key: flow
triggers: [{type: contact_created, conditions: [{field: source, operator: equals, value: ad}]}]
entry: {reentry: always}
exit: [{on: order_placed, goal: purchase}]
variables: {offer: {name: spring, percent: 10}}
steps:
  - {id: greet, type: send_sms, config: {body: "Hi {{first_name}}"}, on_error: sorry}
  - {id: reply, type: wait, config: {on: [{event: sms_received}], timeout: 2d}, branches: {done: hot}}
  - {id: cold, type: add_tag, config: {tag: cold}, next: end}
  - {id: hot, type: update_score, when: {field: score, operator: "<", value: 100}, config: {value: 5}, next: end}
  - {id: sorry, type: exit, config: {reason: unreachable}}
"""
SILENT = """
- name: silent
  contact: {first_name: Ann, source: ad, phone: "+49"}
  events: [{type: contact_created}]
"""


def loaded(text: str, flow: str = FLOW) -> Trials:
    whole = load_workflow(f"{flow}tests:\n{indent(text.strip(), '  ')}\n")
    assert whole.workflow is not None, [str(problem) for problem in whole.problems]
    return run_tests(whole.workflow, whole.tests)


def trial(expect: str, setting: str = SILENT) -> Trial:
    [found] = loaded(f"{setting.strip()}\n  expect: {expect}").trials
    return found


def said(expect: str, setting: str = SILENT) -> list[str]:
    return [difference.text for difference in trial(expect, setting).differences]


RIGHT = [
    "{status: completed, path: [greet, reply, cold], tags: [cold], no_tags: [hot], ended_after: 2d}",
    "{reason: null, goal: null, error: null, enrolled: true, contact: contact}",
    "{variables: {offer: {name: spring}}, outputs: {greet: {channel: sms}}, fields: {first_name: Ann, score: 0, gone: null}}",
    "{messages: [{step: greet, channel: sms, to: '+49', body: Hi Ann}], messages_include: [{step: greet}]}",
    "{started_at: 2026-01-01T09:00Z, ended_at: 2026-01-03T09:00Z}",
    "{at: [{after: 0s, status: waiting, step: reply}, {after: 47h, step: reply}, {after: 2d, status: completed}]}",
    "{verdicts: [ENROLLED], enrollments: [{status: completed, tags: [cold]}]}",
    "{verdicts: [[{kind: enrolled, step: greet}]]}",
]
WRONG = [
    ("{status: exited}", "status: expected exited, was completed"),
    ("{reason: x}", "reason: expected x, was —"),
    ("{goal: x}", "goal: expected x, was —"),
    ("{error: timeout}", "error: expected timeout, was —"),
    ("{tags: [cold, hot]}", "tags: hot missing; the contact has cold"),
    ("{no_tags: [cold]}", "no_tags: cold should not be there; the contact has cold"),
    ("{globals: {hours: 9 to 5}}", "globals.hours: expected 9 to 5, was —"),
    ("{variables: {offer: {name: autumn}}}", 'variables.offer: expected {"name": "autumn"}, was {"name": "spring", "percent": 10}'),
    ("{outputs: {reply: {}}}", "outputs.reply: expected {}, was —"),
    ("{fields: {score: true}}", "fields.score: expected true, was 0"),
    ("{fields: {score: '0'}}", "fields.score: expected 0 (text), was 0 (a number)"),
    ("{started_at: 2026-01-01T10:00Z}", "started_at: expected 2026-01-01T10:00:00+00:00, was 2026-01-01T09:00:00+00:00"),
    ("{ended_after: 3d}", "ended_after: expected 3d, was 2d"),
    ("{ended_at: 2026-01-01T10:00Z}", "ended_at: expected 2026-01-01T10:00:00+00:00, was 2026-01-03T09:00:00+00:00"),
    ("{contact: ann}", "contact: expected ann, but nobody is enrolled in 'flow'"),
    ("{enrolled: false}", "enrolled: expected false, was true"),
    ("{conversation: {status: open}}", 'conversation: expected {"status": "open"}, was —'),
    ("{verdicts: [ADVANCED]}", "verdicts[0]: expected ADVANCED, was ENROLLED"),
    ("{verdicts: []}", "verdicts: there are 1 events, and nothing is said about the last 1"),
    ("{verdicts: [ENROLLED, EXITED]}", "verdicts[1]: expected EXITED, was —"),
    ("{at: [{after: 1d, status: completed}]}",
     'at[0], 2026-01-02T09:00:00+00:00: expected {"status": "completed"}, was {"status": "waiting"}'),
    ("{enrollments: []}", "enrollments: expected 0, there are 1"),
    ("{enrollments: [{status: failed}]}", "enrollments[0].status: expected failed, was completed"),
    ("{messages_include: [{step: greet, body: Ho}]}",
     'messages_include: {"step": "greet", "body": "Ho"} was not sent; sent was:\n    - {"step": "greet", "channel": "sms", "to": "+49", "body": "Hi Ann"}'),
    ("{messages: []}",
     'messages: they part at 1 of 1\n      expected  actual\n    ✗ —         {"step": "greet", "channel": "sms", "to": "+49"}'),
    ("{path: [greet, reply, hot]}",
     "path: they part at 3 of 3\n      expected  actual\n      greet     greet\n      reply     reply\n    ✗ hot       cold"),
]  # fmt: skip


class TestExpectations:
    @pytest.mark.parametrize("expect", RIGHT)
    def test_what_came_as_expected_is_no_difference(self, expect: str) -> None:
        assert said(expect) == []

    @pytest.mark.parametrize(("expect", "text"), WRONG)
    def test_what_came_otherwise_is_put_into_words(self, expect: str, text: str) -> None:
        assert said(expect) == [text]

    def test_every_word_of_the_language_is_checked(self) -> None:
        assert set(ExpectPart.model_fields) == {*CHECKS, "enrollments"}
        tried = "".join(expect for expect, _ in WRONG)
        assert [word for word in CHECKS if f"{word}:" not in tried and word not in ("path", "messages")] == []

    def test_a_difference_names_the_line_that_was_expected(self) -> None:
        [difference] = trial("\n    goal: null\n    status: failed").differences
        assert (difference.path, difference.place, difference.expected, difference.actual) == (
            "tests[0].expect.status", (19, 7), "failed", "completed",
        )  # fmt: skip

    def test_paths_are_aligned_and_the_place_where_they_part_is_named(self) -> None:
        [text] = said("{path: [greet, cold]}")
        assert text.splitlines() == [
            "path: they part at 2 of 3",
            "      expected  actual",
            "      greet     greet",
            "    ✗ —         reply",
            "      cold      cold",
        ]

    def test_a_goal_and_the_reason_of_an_exit_are_seen(self) -> None:
        setting = SILENT.replace("}]\n", "}, {after: 1d, type: order_placed}]\n")
        assert (
            said("{status: exited, goal: purchase, reason: 'goal:purchase', verdicts: [ENROLLED, EXITED]}", setting)
            == []
        )

    def test_an_error_is_seen_by_its_code_or_by_its_parts(self) -> None:
        setting = SILENT + "  results: {greet: {error: http_404, message: gone}}\n"
        assert said("{status: exited, error: http_404, messages: []}", setting) == []
        assert said("{error: {code: http_404, step: greet}}", setting) == []
        assert said("{error: timeout}", setting) == ["error: expected timeout, was http_404 (gone)"]

    def test_the_latest_enrollment_is_meant_unless_all_are_listed(self) -> None:
        setting = SILENT.replace(
            "}]\n", "}, {after: 1h, type: contact_created}, {after: 2d, type: sms_received, data: {content: x}}]\n"
        )
        assert said("{path: [greet, reply, hot]}", setting) == []
        assert said("{enrollments: [{path: [greet, reply, cold], ended_after: 2d}, {ended_after: 47h}]}", setting) == []

    def test_where_nobody_is_enrolled_the_contact_can_still_be_seen(self) -> None:
        setting = SILENT.replace("source: ad", "source: web")
        assert said("{enrolled: false, tags: [], fields: {source: web}, verdicts: [NOT_MATCHED]}", setting) == []
        assert said("{status: completed, goal: x}", setting) == [
            "status: expected completed, but nobody is enrolled in 'flow'"
        ]

    def test_an_operation_that_is_refused_fails_the_test(self) -> None:
        setting = SILENT.replace("}]\n", "}, {after: 5d, op: pause}]\n")
        [text] = said("{status: completed}", setting)
        assert text.startswith("pause at 2026-01-06T09:00:00+00:00 was refused: transition 'pause' is not allowed")


@pytest.mark.parametrize(
    ("expected", "actual", "equal"),
    [
        (1, 1.0, True), (1, True, False), (0, False, False), (None, None, True), ([1, {"a": 2}], [1, {"a": 2}], True),
        ([1], [1, 2], False), ({"a": 1}, {"a": 1, "b": 2}, False), ("1", 1, False), ({}, None, False),
    ],
)  # fmt: skip
def test_values_are_the_same_in_value_and_kind(expected: Any, actual: Any, equal: bool) -> None:
    assert same(expected, actual) is equal


def test_of_an_object_only_the_named_keys_count() -> None:
    assert covers({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3})
    assert not covers({"a": {"b": 1}}, {"a": {"c": 2}})
    assert covers({"a": None}, {})


class TestOtherWorkflows:
    OTHER = "key: other\ntriggers: [{type: tag_added}]\nsteps: [{id: call, type: send_sms, config: {body: x}}]"
    TEST = "- {name: a, contact: {source: ad}, events: [{type: contact_created}], workflows: [other.yaml], %s}"

    def run(self, rest: str, others: dict[str, Workflow] | None = None) -> list[str]:
        whole = load_workflow(f"{FLOW}tests:\n  {self.TEST % rest}")
        assert whole.workflow is not None, whole.problems
        [found] = run_tests(whole.workflow, whole.tests, others).trials
        return [one.text for one in found.differences]

    def other(self) -> dict[str, Workflow]:
        workflow = load_workflow(self.OTHER).workflow
        assert workflow is not None
        return {"other.yaml": workflow}

    def test_events_that_a_run_raises_reach_workflows_named_beside(self) -> None:
        rest = "results: {other/call: {error: down}}, expect: {status: completed}"
        assert self.run(rest, self.other()) == []

    def test_a_workflow_that_is_not_there_fails_the_test(self) -> None:
        assert self.run("expect: {status: completed}") == ["workflows: 'other.yaml' is not there or is not valid"]

    def test_a_result_for_a_step_that_no_workflow_has_fails_the_test(self) -> None:
        rest = "results: {other/cal: {}}, expect: {status: completed}"
        assert self.run(rest, self.other()) == ["results: there is no step 'cal' in 'other'"]


class TestCoverage:
    REPLY = "- {name: reply, contact: {source: ad}, events: [{type: contact_created}, {after: 1h, type: sms_received}], expect: {goal: null}}\n"
    RICH = REPLY.replace("reply", "rich").replace("source: ad", "source: ad, score: 100")
    LOST = "- {name: lost, contact: {source: ad}, events: [{type: contact_created}], results: {greet: {error: x}}, expect: {goal: null}}\n"

    def test_steps_count_when_they_are_entered_and_branches_when_they_are_taken(self) -> None:
        covered = loaded(f"{SILENT}  expect: {{status: completed}}").coverage
        assert (covered.step_percent, covered.missing_steps) == (60.0, ("hot", "sorry"))
        assert covered.missing_branches == (("greet", "error"), ("reply", "done"), ("hot", "done"), ("hot", "skipped"))
        assert covered.branch_percent == pytest.approx(33.3)

    def test_all_tests_count_together(self) -> None:
        covered = loaded(f"{SILENT}  expect: {{goal: null}}\n{self.REPLY}{self.RICH}{self.LOST}").coverage
        assert (covered.step_percent, covered.branch_percent) == (100.0, 100.0)

    def test_a_skipped_step_is_not_entered(self) -> None:
        covered = loaded(self.RICH).coverage
        assert "hot" in covered.missing_steps
        assert ("hot", "skipped") in covered.taken

    def test_without_tests_nothing_is_covered(self) -> None:
        workflow = load_workflow(FLOW).workflow
        assert workflow is not None
        covered = run_tests(workflow, ()).coverage
        assert (covered.step_percent, covered.branch_percent) == (0.0, 0.0)
