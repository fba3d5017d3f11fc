"""Differences between versions: each kind of change by itself, with the values of both sides, and in words."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings

from statemachine.definition import Loaded, load_workflow
from statemachine.diff import diff, edges_of
from tests.statemachine.drawn.documents import documents

Data = dict[str, Any]

BASE: Data = {
    "key": "flow",
    "name": "Flow",
    "triggers": [{"id": "t", "type": "go", "conditions": [{"field": "plan", "operator": "equals", "value": "pro"}]}],
    "entry": {"reentry": "never"},
    "exit": [{"on": "stop", "reason": "asked"}],
    "limits": {"max_duration": "30d"},
    "steps": [
        {"id": "hello", "type": "send_sms", "config": {"to": "+1", "body": "Hi"}},
        {"id": "rest", "type": "wait", "config": {"on": [{"event": "answered", "branch": "heard"}], "timeout": "2d"}},
        {"id": "tag", "type": "add_tag", "config": {"tag": "done"}},
    ],
}


def _loaded(document: Data) -> Loaded:
    loaded = load_workflow(json.dumps(document))
    assert loaded.workflow is not None, [str(problem) for problem in loaded.problems]
    return loaded


def _texts(changed: Data) -> list[str]:
    return [change.text for change in diff(_loaded(BASE), _loaded(changed))]


def _with(path: str, value: Any) -> Data:
    """The base document with one place replaced, or (value None) removed; a number walks into a list."""
    document = deepcopy(BASE)
    place: Any = document
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in way:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


def _ordered(*ids: str) -> Data:
    steps = {step["id"]: step for step in BASE["steps"]}
    return {**BASE, "steps": [steps[name] for name in ids]}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (_with("name", "Stream"), ['setting name changed from "Flow" to "Stream"']),
        (_with("description", "new"), ['setting description added: "new"']),
        (_with("limits", None), ['setting limits removed (it was {"max_duration": "P30D"})']),
        (_with("limits/max_duration", "9d"), ['setting limits: max_duration changed from "P30D" to "P9D"']),
        (_with("triggers/0/type", "start"), ['trigger t: type changed from "go" to "start"']),
        (_with("triggers/0/conditions/0/value", "free"),
         ['trigger t: conditions.0.value changed from "pro" to "free"']),
        (_with("triggers/0/id", "u"), ["trigger t renamed to u"]),
        (_with("entry/reentry", "always"), ['entry: reentry changed from "never" to "always"']),
        (_with("entry/cooldown", "1d"), ['entry: cooldown added: "P1D"']),
        (_with("exit/0/reason", "left"), ['exit stop: reason changed from "asked" to "left"']),
        (_with("exit/0/on", "leave"),
         ['exit stop removed (it was {"on": "stop", "reason": "asked"})',
          'exit leave added: {"on": "leave", "reason": "asked"}']),
        (_with("steps/0/config/body", "Ho"), ['step hello: config.body changed from "Hi" to "Ho"']),
        (_with("steps/0/name", "Greeting"), ['step hello: name added: "Greeting"']),
        (_with("steps/1/config/timeout", None),
         ['step rest: config.timeout removed (it was "2d")', "edge rest --timeout--> tag removed"]),
        (_with("steps/1/config/on/0/event", "called"),
         ['step rest: config.on.0.event changed from "answered" to "called"']),
        (_with("steps/2/id", "mark"), ["step tag renamed to mark"]),
        (_with("steps/2/type", "remove_tag"), ['step tag: type changed from "add_tag" to "remove_tag"']),
        (_with("steps/0/on_error", "tag"), ["edge hello --error--> tag added"]),
        (_with("steps/0/next", "tag"), ["edge hello --done--> tag (before: rest)"]),
        (_with("steps/1/branches", {"timeout": "end"}), ["edge rest --timeout--> the end (before: tag)"]),
        (_ordered("hello", "tag", "rest"),
         ["step rest moved: after hello before, after tag now", "edge hello --done--> tag (before: rest)",
          "edge rest --heard--> the end (before: tag)", "edge rest --timeout--> the end (before: tag)",
          "edge tag --done--> rest (before: the end)"]),
        (_ordered("hello", "rest"),
         ["step tag removed (add_tag)", "edge rest --heard--> the end (before: tag)",
          "edge rest --timeout--> the end (before: tag)", "edge tag --done--> the end removed"]),
        (_ordered("rest", "tag"),
         ["step hello removed (send_sms)", "edge the run begins at rest (before: hello)",
          "edge hello --done--> rest removed"]),
        ({**BASE, "steps": [*BASE["steps"], {"id": "z", "type": "pass"}]},
         ["step z added (pass)", "edge tag --done--> z (before: the end)", "edge z --done--> the end added"]),
    ],
)  # fmt: skip
def test_a_change_is_told_once_with_the_values_of_both_sides(changed: Data, words: list[str]) -> None:
    assert _texts(changed) == words


@pytest.mark.parametrize(
    "same",
    [
        BASE,
        _with("steps/0/next", "rest"),
        _with("limits/max_duration", "720h"),
        _with("steps/2/type", "tag_add"),
        {**BASE, "triggers": None, "trigger": BASE["triggers"][0]},
    ],
)
def test_another_spelling_of_the_same_is_no_change(same: Data) -> None:
    assert _texts({key: value for key, value in same.items() if value is not None}) == []


def test_a_renamed_step_keeps_its_edges_and_its_place() -> None:
    renamed = json.loads(json.dumps(BASE).replace('"rest"', '"listen"'))
    (change,) = diff(_loaded(BASE), _loaded(renamed))
    assert (change.part, change.kind, change.old, change.new) == ("step", "renamed", "rest", "listen")


def test_a_number_and_a_truth_are_different_values() -> None:
    assert _texts(_with("steps/2/config/tag", "1")) == ['step tag: config.tag changed from "done" to "1"']
    before, after = (_loaded({**BASE, "variables": {"v": value}}) for value in (1, True))
    assert [change.text for change in diff(before, after)] == ["setting variables: v changed from 1 to true"]


def test_the_edge_past_a_conditional_step_is_an_edge() -> None:
    changed = _with("steps/2/when", {"field": "plan", "operator": "equals", "value": "pro"})
    assert "edge tag --skipped--> the end added" in _texts(changed)


@settings(max_examples=100, deadline=None)
@given(documents(), documents())
def test_a_difference_backwards_names_the_same_edges_the_other_way_round(first: Data, second: Data) -> None:
    before, after = load_workflow(json.dumps(first)), load_workflow(json.dumps(second))
    if before.workflow is None or after.workflow is None:
        return
    assert diff(before, before) == ()
    forward = {
        (one.name, one.path): (one.old, one.new)
        for one in diff(before, after) if one.part == "edge"
    }  # fmt: skip
    renamed = {one.old: one.new for one in diff(before, after) if one.kind == "renamed"}
    old = {(renamed.get(s, s), o): renamed.get(t, t) for (s, o), t in edges_of(before.workflow).items()}
    new = edges_of(after.workflow)
    assert forward == {
        name: (old.get(name), new.get(name)) for name in {*old, *new} if old.get(name) != new.get(name)
    }  # fmt: skip
