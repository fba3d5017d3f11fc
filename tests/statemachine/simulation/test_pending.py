"""Pending runs in a world: limits and conflicts as workflow tests see them; every history is decided again."""

from __future__ import annotations

from statemachine.definition import load_workflow
from statemachine.testing.trial import run_tests

_LIMITED = """
key: flow
trigger: {type: go}
limits: {per_minute: 1}
steps:
  - {id: hold, type: wait, config: {on: done, timeout: 1h}}
tests:
  - name: the second begins when the minute has passed
    contacts: {ann: {}, bob: {}}
    events: [{type: go, contact: ann}, {after: 10s, type: go, contact: bob}]
    expect: {at: [{after: 59s, status: pending}, {after: 60s, status: waiting, step: hold}], ended_after: 1h 50s}
"""
_TALKERS = """
key: flow
trigger: {type: go}
entry: {conflict: {policy: POLICY}, key: "{{event.data.n}}"}
steps:
  - {id: hold, type: wait, config: {for: 1h}}
  - {id: say, type: send_sms, config: {body: Hi, to: "+49151"}}
tests:
  - name: the second of a contact
    events: [{type: go, data: {n: 1}}, {after: 10m, type: go, data: {n: 2}}]
    expect: {enrollments: EXPECTED}
"""


def _differences(source: str) -> list[str]:
    loaded = load_workflow(source)
    assert loaded.workflow is not None, loaded.problems
    return [one.text for trial in run_tests(loaded.workflow, loaded.tests).trials for one in trial.differences]


def test_a_run_beyond_so_many_per_minute_begins_a_minute_after_the_first() -> None:
    assert _differences(_LIMITED) == []


def test_a_queued_run_begins_when_the_other_has_ended() -> None:
    ended = "[{status: completed, ended_after: 1h}, {status: completed, ended_after: 1h 50m}]"
    assert _differences(_TALKERS.replace("POLICY", "queue").replace("EXPECTED", ended)) == []


def test_an_interrupted_run_leaves_at_once() -> None:
    ended = "[{status: exited, reason: interrupted, ended_after: 10m}, {status: completed}]"
    assert _differences(_TALKERS.replace("POLICY", "interrupt").replace("EXPECTED", ended)) == []


def test_who_is_skipped_has_no_run() -> None:
    assert _differences(_TALKERS.replace("POLICY", "skip").replace("EXPECTED", "[{status: completed}]")) == []
