"""Steps → canvas → steps and canvas → steps → canvas lose nothing, whatever the definition."""

import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings

from statemachine.conversion import convert
from statemachine.definition import Loaded, load_workflow
from tests.statemachine.canvas.random_definitions import canvas_documents, steps_documents

MANY = settings(
    max_examples=150, deadline=None, report_multiple_bugs=False, suppress_health_check=[HealthCheck.too_slow]
)


def loaded(text: str) -> Loaded:
    found = load_workflow(text)
    assert found.workflow is not None, ([str(problem) for problem in found.problems], text)
    return found


def meaning(found: Loaded) -> dict[str, Any]:
    """What a definition does and what people call its parts, without how it is spelled."""
    assert found.workflow is not None
    workflow, canonical = found.workflow, found.canonical
    return {
        "head": {key: value for key, value in canonical.items() if key not in ("steps", "triggers")},
        "triggers": canonical.get("triggers", []),
        "begins": (workflow.first, workflow.entries),
        "steps": {
            step.id: (
                step.type, step.name, dict(step.targets), step.on_error, step.following if step.when else None,
                step.retry, step.timeout, step.output, step.at_most_once,
            )
            for step in workflow.steps.values()
        },
        "order": list(workflow.steps),
        "written": {
            step["id"]: {key: value for key, value in step.items() if key not in ("next", "branches", "on_error")}
            for step in canonical["steps"]
        },
    }  # fmt: skip


def converted(text: str, *formats: Any) -> str:
    for form in formats:
        text = convert(loaded(text), form)
    return text


@MANY
@given(steps_documents())
def test_steps_drawn_and_listed_again_mean_the_same(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert meaning(loaded(converted(text, "canvas"))) == meaning(loaded(text))
    assert meaning(loaded(converted(text, "canvas", "yaml"))) == meaning(loaded(text))


@MANY
@given(steps_documents())
def test_a_drawing_of_steps_adds_nothing_to_them(document: dict[str, Any]) -> None:
    once = converted(json.dumps(document), "canvas", "yaml")
    assert "canvas" not in yaml.safe_load(once)
    assert converted(once, "canvas", "yaml") == once


@MANY
@given(canvas_documents())
def test_a_canvas_listed_and_drawn_again_is_the_same_drawing(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert meaning(loaded(converted(text, "json"))) == meaning(loaded(text))
    assert json.loads(converted(text, "json", "canvas")) == document
    assert json.loads(converted(text, "yaml", "canvas")) == document
    assert json.loads(converted(text, "canvas")) == document
