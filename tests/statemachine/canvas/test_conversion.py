"""Writing a definition in another spelling, and editing what was written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from statemachine.conversion import convert
from statemachine.definition import Loaded, load_workflow

GOOD = Path(__file__).parents[2] / "workflows" / "good"
DRAWN = (GOOD / "canvas.json").read_text()
IN_DATA = (GOOD / "canvas_data.json").read_text()
STEPS = (GOOD / "true_steps_by_id.yaml").read_text()


def loaded(text: str, **given: Any) -> Loaded:
    found = load_workflow(text, **given)
    assert found.workflow is not None, [str(problem) for problem in found.problems]
    return found


def listed(text: str, **given: Any) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(convert(loaded(text, **given), "yaml"))
    return document


def drawn(document: Any) -> dict[str, Any]:
    canvas: dict[str, Any] = json.loads(convert(loaded(json.dumps(document)), "canvas"))
    return canvas


def node(canvas: dict[str, Any], node_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in canvas["nodes"] if each["id"] == node_id)
    return found


@pytest.mark.parametrize("file", sorted(GOOD.iterdir()), ids=lambda file: str(file.name))
@pytest.mark.parametrize("there", ["yaml", "json", "canvas"])
def test_a_good_file_means_the_same_in_every_spelling(file: Path, there: Any) -> None:
    before = loaded(file.read_text())
    after = loaded(convert(before, there))
    assert after.workflow is not None
    assert before.workflow is not None
    assert list(after.workflow.steps) == list(before.workflow.steps)
    assert {step.id: step.targets for step in after.workflow.steps.values()} == {
        step.id: step.targets for step in before.workflow.steps.values()
    }
    assert after.canonical.get("triggers") == before.canonical.get("triggers")
    assert {step["id"]: step.get("config") for step in after.canonical["steps"]} == {
        step["id"]: step.get("config") for step in before.canonical["steps"]
    }


def test_a_canvas_under_canvas_data_comes_back_there_with_its_places_added() -> None:
    again = drawn(listed(IN_DATA))
    for each in again["canvas_data"]["nodes"]:
        each.pop("position")
    assert again == json.loads(IN_DATA)


def test_nothing_of_the_drawing_is_kept_that_would_be_drawn_anyway() -> None:
    assert "canvas" not in yaml.safe_load(convert(loaded(convert(loaded(STEPS), "canvas")), "yaml"))


def test_a_way_that_the_order_says_is_left_out_and_the_ways_of_a_choice_are_spelled_out() -> None:
    steps = {step["id"]: step for step in listed(DRAWN)["steps"]}
    assert steps["n2"]["branches"] == {"true": "n3", "false": "n4"}
    assert (steps["n3"]["next"], steps["n3"]["on_error"]) == ("n5", "n4")
    assert "next" not in steps["n4"]
    assert "next" not in steps["n5"]


def test_the_key_and_name_given_beside_the_source_are_written_into_it() -> None:
    anonymous = json.dumps({"id": "1", "nodes": [{"id": "a", "type": "exit"}], "edges": []})
    assert list(listed(anonymous, key="mine", name="Mine").items())[:2] == [("key", "mine"), ("name", "Mine")]
    assert "id" not in listed(anonymous, key="mine")
    assert listed(anonymous)["id"] == "1"


def _rename(document: dict[str, Any]) -> None:
    document["steps"][1]["name"] = "Answer them"


def _retype(document: dict[str, Any]) -> None:
    document["steps"][3] |= {"type": "remove_tag"}


def _redirect(document: dict[str, Any]) -> None:
    document["steps"][0]["branches"]["true"] = "n5"


def _remove(document: dict[str, Any]) -> None:
    document["steps"][1:2] = []
    document["steps"][0]["branches"] = {"true": "n5", "false": "n4"}


def _add(document: dict[str, Any]) -> None:
    document["steps"].append({"id": "new", "type": "exit"})
    document["steps"][3]["next"] = "new"


def _retrigger(document: dict[str, Any]) -> None:
    document["triggers"][0]["type"] = "order_created"


EDITS: list[tuple[Callable[[dict[str, Any]], None], str, dict[str, Any]]] = [
    (_rename, "n3", {"label": "Answer them", "type": "send_reply", "selected": True}),
    (_retype, "n5", {"type": "remove_tag", "label": "Add Tag", "config": {"tag": "answered"}}),
    (_redirect, "n2", {"label": "Is it urgent?"}),
    (_remove, "n5", {"position": {"x": 0, "y": 360}}),
    (_add, "new", {"type": "exit", "label": "new"}),
    (_retrigger, "n1", {"type": "trigger", "config": {"type": "order_created"}}),
]


@pytest.mark.parametrize(("edit", "node_id", "looks"), EDITS, ids=lambda value: getattr(value, "__name__", ""))
def test_an_edited_list_draws_what_it_says_and_keeps_the_looks(
    edit: Callable[[dict[str, Any]], None], node_id: str, looks: dict[str, Any]
) -> None:
    document = listed(DRAWN)
    edit(document)
    wanted = loaded(json.dumps(document)).workflow
    canvas = drawn(document)
    made = loaded(json.dumps(canvas)).workflow
    assert wanted is not None
    assert made is not None
    assert {step.id: (step.type, step.targets, step.on_error) for step in made.steps.values()} == {
        step.id: (step.type, step.targets, step.on_error) for step in wanted.steps.values()
    }
    assert [trigger.type for trigger in made.triggers] == [trigger.type for trigger in wanted.triggers]
    assert looks.items() <= node(canvas, node_id).items()
    assert "position" in node(canvas, node_id)


def test_an_edge_moved_on_the_canvas_moves_in_the_list() -> None:
    text = "key: k\ntrigger: {type: go}\nsteps: [{id: a, type: pass}, {id: b, type: pass}, {id: c, type: pass}]"
    canvas = json.loads(convert(loaded(text), "canvas"))
    moved = {(edge["source"], edge["target"]): edge for edge in canvas["edges"]}
    moved["a", "b"]["target"] = "c"
    assert [step.get("next") for step in listed(json.dumps(canvas))["steps"]] == ["c", None, None]
    moved["trigger_1", "a"]["target"] = "b"
    assert [step["id"] for step in listed(json.dumps(canvas))["steps"]] == ["b", "a", "c"]
    del moved["trigger_1", "a"]["data"]
    assert listed(json.dumps(canvas))["triggers"] == [{"id": "trigger_1", "type": "go", "next": "b"}]


def test_steps_that_need_words_of_the_canvas_as_outcomes_keep_them() -> None:
    steps = [
        {"id": "a", "type": "task", "branches": {"right": "b", "next": "end", "Yes": "b"}},
        {"id": "b", "type": "end"},
    ]
    again = listed(convert(loaded(json.dumps({"key": "k", "steps": steps})), "canvas"))
    assert again["steps"][0]["branches"] == {"right": "b", "next": "end", "Yes": "b"}
