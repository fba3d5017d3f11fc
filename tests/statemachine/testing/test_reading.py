"""Reading tests: every mistake is told at its place, and what is right becomes a script and an expectation."""

# ruff: noqa: E501 - a case reads best on one line

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from textwrap import indent

import pytest

from statemachine.definition import load_workflow
from statemachine.problem import Problem
from statemachine.simulation.memory import START
from statemachine.testing.case import Case
from statemachine.testing.reading import load_tests

FLOW = """
key: flow
timezone: Europe/Berlin
triggers: [{type: go}]
steps:
  - {id: ask, type: task, branches: {yes: tag}}
  - {id: pause, type: wait, config: {for: 1d}}
  - {id: tag, type: add_tag, config: {tag: hot}}
"""
WHOLE = """
- name: whole
  at: 2026-07-01T09:00
  until: 30d
  contacts: {ann: {first_name: Ann, tags: [x], plan: pro}, bob: {id: bob}}
  workflows: [other.yaml]
  events:
    - {type: Incoming Message, contact: ann, data: {content: hi}, key: k, id: e1, patch: {stage: lead}}
    - {after: 1h, op: advance, transition: done, data: {x: 1}}
    - {after: 2h, upsert: {stage: lost}, contact: bob}
    - {after: 3h, op: enroll, contact: bob, input: {n: 1}}
    - {after: 4h, op: cancel, contact: bob, reason: enough}
  results:
    ask: [{error: timeout, times: 2, then: {outcome: yes}}, {never: true}, {outcome: done, data: [1], after: 5m}, {a: 1}]
    other/step: {error: http_404}
  expect: {endedAfter: 1d}
"""


def read(tests: str) -> tuple[tuple[Case, ...], list[Problem]]:
    loaded = load_workflow(f"{FLOW}tests:\n{indent(tests.strip(), '  ')}\n")
    return loaded.tests, list(loaded.problems)


def only(tests: str) -> Case:
    [case], problems = read(tests)
    assert problems == []
    return case


class TestWhatIsRead:
    def test_times_are_local_to_the_workflow_and_default_to_a_fixed_morning(self) -> None:
        assert only(WHOLE).starts_at == datetime(2026, 7, 1, 7, tzinfo=UTC)
        assert only("- {name: a, expect: {status: failed}}").starts_at == START

    def test_contacts_exist_beforehand_with_their_fields(self) -> None:
        ann, bob = only(WHOLE).cast.contacts
        assert (ann.id, ann.attributes, ann.custom_fields, ann.tags) == (
            "ann",
            {"first_name": "Ann"},
            {"plan": "pro"},
            ("x",),
        )
        assert bob.id == "bob"

    @pytest.mark.parametrize(
        ("contacts", "default"),
        [
            ("", "contact"),
            ("contact: {first_name: Ann}, ", "contact"),
            ("contact: {id: 7}, ", "7"),
            ("contacts: {ann: {}}, ", "ann"),
        ],
    )
    def test_an_event_that_names_no_contact_is_about_the_one_there_is(self, contacts: str, default: str) -> None:
        case = only(f"- {{name: a, {contacts}events: [{{type: go}}], expect: {{enrolled: true}}}}")
        assert [act.contact_id for act in case.acts] == [default]

    def test_events_upserts_and_operations_become_acts(self) -> None:
        event, advance, upsert, enroll, cancel = only(WHOLE).acts
        assert (event.kind, event.type, event.contact_id, event.key, event.id) == (
            "event",
            "Incoming Message",
            "ann",
            "k",
            "e1",
        )
        assert event.contact_patch == {"stage": "lead"}
        assert (advance.kind, advance.data) == ("advance", {"transition": "done", "data": {"x": 1}})
        assert (upsert.kind, upsert.contact_id, upsert.data) == ("upsert", "bob", {"stage": "lost"})
        assert (enroll.kind, enroll.workflow, enroll.data) == ("enroll", "flow", {"n": 1})
        assert (cancel.kind, cancel.after, cancel.data) == ("cancel", timedelta(hours=4), {"reason": "enough"})

    def test_results_become_answers_by_visit_and_attempt(self) -> None:
        results = only(WHOLE).results
        flaky, never, done, plain = results["flow", "ask"]
        failures = [flaky.answer(attempt).failure for attempt in (1, 2, 3)]
        assert [failure.code if failure else None for failure in failures] == ["timeout", "timeout", None]
        assert flaky.answer(3).outcome == "yes"
        assert never.answer(1).never
        assert (done.first.output, done.first.after) == ([1], timedelta(minutes=5))
        assert plain.first.output == {"a": 1}
        assert ("other", "step") in results

    @pytest.mark.parametrize("output", ["errors: []", "message: hi", "Data: 1", "date: d", "time: 9", "message_id: m"])
    def test_words_that_outputs_have_are_no_slips_of_a_result(self, output: str) -> None:
        case = only(f"- {{name: a, results: {{ask: {{{output}}}}}, expect: {{status: completed}}}}")
        assert case.results["flow", "ask"][0].first.output is not None

    @pytest.mark.parametrize(
        ("result", "retryable"),
        [
            ("{error: timeout}", True),
            ("{error: http_503}", True),
            ("{error: http_429}", True),
            ("{error: http_404}", False),
            ("{error: my_own}", False),
            ("{error: my_own, times: 2}", True),
            ("{error: my_own, retryable: true}", True),
            ("{error: timeout, retryable: false}", False),
        ],
    )
    def test_an_error_is_transient_as_it_is_in_production_unless_said(self, result: str, retryable: bool) -> None:
        case = only(f"- {{name: a, results: {{ask: {result}}}, expect: {{status: failed}}}}")
        failure = case.results["flow", "ask"][0].first.failure
        assert failure is not None
        assert failure.retryable is retryable

    def test_each_word_of_an_expectation_knows_its_place(self) -> None:
        case = only("- name: a\n  expect:\n    status: failed\n    path: [ask]")
        assert {name: place[0] for name, place in case.expect.places.items()} == {"status": 12, "path": 13}


PROBLEMS = [
    ("- {name: a}", "missing_key", "tests[0].expect"),
    ("- {expect: {status: failed}}", "missing_key", "tests[0].name"),
    ("- {name: a, expect: {}}", "bad_value", "tests[0].expect"),
    ("- {name: a, expect: {stats: failed}}", "unknown_key", "tests[0].expect.stats"),
    ("- {name: a, expect: {status: done}}", "bad_value", "tests[0].expect.status"),
    ("- {name: a, expect: {path: [ask, puase]}}", "unknown_step", "tests[0].expect.path[1]"),
    ("- {name: a, expect: {at: [{after: 1h, step: x}]}}", "unknown_step", "tests[0].expect.at[0].step"),
    ("- {name: a, expect: {at: [{status: waiting}]}}", "missing_key", "tests[0].expect.at[0].after"),
    ("- {name: a, expect: {messages: [{text: x}]}}", "unknown_key", "tests[0].expect.messages[0].text"),
    ("- {name: a, expect: {messages: x}}", "bad_value", "tests[0].expect.messages"),
    ("- {name: a, expect: {verdicts: [ENROLED]}}", "bad_value", "tests[0].expect.verdicts[0]"),
    ("- {name: a, expect: {ended_after: soon}}", "bad_duration", "tests[0].expect.ended_after"),
    ("- {name: a, expect: {ended_at: soon}}", "bad_time", "tests[0].expect.ended_at"),
    ("- {name: a, expect: {enrolled: false, status: failed}}", "conflicting_keys", "tests[0].expect.status"),
    ("- {name: a, expect: {enrollments: [{verdicts: []}]}}", "not_applicable", "tests[0].expect.enrollments[0].verdicts"),
    ("- {name: a, at: soon, expect: {goal: x}}", "bad_time", "tests[0].at"),
    ("- {name: a, at: 9999-12-31, expect: {goal: x}}", "bad_time", "tests[0].at"),
    ("- {name: a, until: -1d, expect: {goal: x}}", "bad_duration", "tests[0].until"),
    ("- {name: a, contact: Ann, expect: {goal: x}}", "not_an_object", "tests[0].contact"),
    ("- {name: a, contact: {tags: x}, expect: {goal: x}}", "bad_value", "tests[0].contact.tags"),
    ("- {name: a, contact: {score: high}, expect: {goal: x}}", "bad_value", "tests[0].contact.score"),
    ("- {name: a, contacts: [a], expect: {goal: x}}", "bad_value", "tests[0].contacts"),
    ("- {name: a, contact: {id: x}, contacts: {x: {}}, expect: {goal: x}}", "duplicate_id", "tests[0].contacts.x"),
    ("- {name: a, events: go, expect: {goal: x}}", "bad_value", "tests[0].events"),
    ("- {name: a, events: [{after: 1d}], expect: {goal: x}}", "missing_key", "tests[0].events[0]"),
    ("- {name: a, events: [{type: x, op: pause}], expect: {goal: x}}", "conflicting_keys", "tests[0].events[0].op"),
    ("- {name: a, events: [{op: stop}], expect: {goal: x}}", "bad_value", "tests[0].events[0].op"),
    ("- {name: a, events: [{op: advance}], expect: {goal: x}}", "missing_key", "tests[0].events[0].transition"),
    ("- {name: a, events: [{op: pause, data: {}}], expect: {goal: x}}", "not_applicable", "tests[0].events[0].data"),
    ("- {name: a, events: [{outage: 1d, contact: y}], expect: {goal: x}}", "not_applicable", "tests[0].events[0].contact"),
    ("- {name: a, events: [{outage: 1d, type: y}], expect: {goal: x}}", "conflicting_keys", "tests[0].events[0].outage"),
    ("- {name: a, events: [{outage: soon}], expect: {goal: x}}", "bad_duration", "tests[0].events[0].outage"),
    ("- {name: a, events: [{type: x, reason: y}], expect: {goal: x}}", "not_applicable", "tests[0].events[0].reason"),
    ("- {name: a, events: [{type: x, patch: {tags: y}}], expect: {goal: x}}", "bad_value", "tests[0].events[0].patch.tags"),
    ("- {name: a, contacts: {x: {}, y: {}}, events: [{type: go}], expect: {goal: x}}", "missing_key",
     "tests[0].events[0]"),
    ("- {name: a, results: [x], expect: {goal: x}}", "bad_value", "tests[0].results"),
    ("- {name: a, results: {aks: {}}, expect: {goal: x}}", "unknown_step", "tests[0].results.aks"),
    ("- {name: a, results: {tag: {}}, expect: {goal: x}}", "not_applicable", "tests[0].results.tag"),
    ("- {name: a, results: {ask: []}, expect: {goal: x}}", "bad_value", "tests[0].results.ask"),
    ("- {name: a, results: {ask: {outcome: yess}}, expect: {goal: x}}", "unknown_outcome", "tests[0].results.ask.outcome"),
    ("- {name: a, results: {ask: {eror: x}}, expect: {goal: x}}", "unknown_key", "tests[0].results.ask.eror"),
    ("- {name: a, results: {ask: [{a: 1}, {retriable: true}]}, expect: {goal: x}}", "unknown_key", "tests[0].results.ask[1].retriable"),
    ("- {name: a, results: {ask: {Error: x}}, expect: {goal: x}}", "unknown_key", "tests[0].results.ask.Error"),
    ("- {name: a, results: {ask: {error: x, never: true}}, expect: {goal: x}}", "conflicting_keys", "tests[0].results.ask.never"),
    ("- {name: a, results: {ask: {error: x, data: 1}}, expect: {goal: x}}", "not_applicable", "tests[0].results.ask.data"),
    ("- {name: a, results: {ask: {error: x, then: {}}}, expect: {goal: x}}", "missing_key", "tests[0].results.ask.times"),
    ("- {name: a, workflows: {}, expect: {goal: x}}", "bad_value", "tests[0].workflows"),
    ("- {name: a, expect: {goal: x}}\n- {name: a, expect: {goal: x}}", "duplicate_id", "tests[1].name"),
]  # fmt: skip


class TestMistakes:
    @pytest.mark.parametrize(("tests", "code", "path"), PROBLEMS)
    def test_a_mistake_is_told_at_its_place(self, tests: str, code: str, path: str) -> None:
        _, problems = read(tests)
        assert [(one.code, one.path) for one in problems] == [(code, path)]
        assert all(problem.line is not None and problem.line >= 10 for problem in problems)

    def test_a_near_miss_is_guessed(self) -> None:
        _, [problem] = read("- {name: a, expect: {path: [ask, puase]}}")
        assert problem.suggestion == "did you mean 'pause'?"

    def test_tests_that_are_no_list_are_refused(self) -> None:
        loaded = load_workflow(FLOW + "tests: {}")
        assert [(one.code, one.path) for one in loaded.problems] == [("bad_value", "tests")]

    def test_mistakes_of_the_workflow_and_of_its_tests_come_together(self) -> None:
        text = FLOW.replace("add_tag", "ad_tag") + "tests: [{name: a, expect: {path: [tag, tga]}}]"
        loaded = load_workflow(text)
        assert [problem.code for problem in loaded.problems] == ["unknown_type", "unknown_step"]

    def test_a_workflow_with_a_wrong_test_is_not_valid(self) -> None:
        assert load_workflow(FLOW + "tests: [{name: a, expect: {}}]").workflow is None


class TestFilesBeside:
    def test_a_file_of_tests_names_its_workflow(self) -> None:
        read = load_tests(
            "workflow: flow.yaml\ntests: [{name: a, expect: {status: failed}}]", load_workflow(FLOW).workflow
        )
        assert (read.workflow, [case.name for case in read.cases], read.problems) == ("flow.yaml", ["a"], ())

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("tests: [", "bad_syntax"),
            ("workflow: x", "missing_key"),
            ("[]", "not_an_object"),
            ("tests: []\nsteps: []", "unknown_key"),
            ("", "empty"),
        ],
    )
    def test_a_file_that_is_none_is_told_so(self, text: str, code: str) -> None:
        read = load_tests(text, load_workflow(FLOW).workflow)
        assert [problem.code for problem in read.problems] == [code]
        assert read.failed
