"""Several edges without a label out of one node of a canvas: parallel branches."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.conversion import convert
from statemachine.definition import Loaded, load_workflow
from statemachine.snapshot import Status
from tests.statemachine.checked_world import Simulation

Data = dict[str, Any]


def node(name: str, label: str = "Add Tag") -> Data:
    return {"id": name, "type": "action", "label": label, "config": {"tag": name}}


def edge(ends: str, label: str = "") -> Data:
    source, target = ends.split(">")
    return {"id": ends, "source": source, "target": target, **({"label": label} if label else {})}


def drawn(nodes: str, *edges: str) -> Loaded:
    trigger = {"id": "t", "type": "trigger", "label": "go"}
    flow = {"key": "flow", "nodes": [trigger, *map(node, nodes)], "edges": [edge(ends) for ends in edges]}
    loaded = load_workflow(json.dumps(flow), version=1)
    assert loaded.workflow is not None, [str(problem) for problem in loaded.problems]
    return loaded


def ways(loaded: Loaded) -> dict[str, dict[str, str]]:
    assert loaded.workflow is not None
    return {name: dict(step.targets) for name, step in loaded.workflow.steps.items()}


@pytest.mark.parametrize(
    ("nodes", "edges", "name", "expected"),
    [
        ("abcd", ["t>a", "a>b", "a>c", "b>d", "c>d"], "a_branches", {"done": "d", "b": "b", "c": "c"}),
        ("abc", ["t>a", "a>b", "a>c"], "a_branches", {"done": "end", "b": "b", "c": "c"}),
        ("abc", ["t>a", "t>b", "a>c", "b>c"], "t_branches", {"done": "c", "a": "a", "b": "b"}),
        ("abcde", ["t>a", "a>b", "a>c", "b>d", "c>d", "d>e"], "a_branches", {"done": "d", "b": "b", "c": "c"}),
    ],
)
def test_they_join_at_the_first_node_that_all_of_them_reach(
    nodes: str, edges: list[str], name: str, expected: Data
) -> None:
    assert ways(drawn(nodes, *edges))[name] == expected


def test_a_run_goes_through_all_of_them_and_on_once() -> None:
    loaded = drawn("abcd", "t>a", "a>b", "a>c", "b>d", "c>d")
    assert loaded.workflow is not None
    simulation = Simulation(loaded.workflow)
    simulation.trigger("go")
    simulation.audit()
    first = next(iter(simulation.records.values()))
    assert (first.snapshot.status, simulation.contact.tags) == (Status.COMPLETED, ("a", "b", "c", "d"))
    assert first.path == ("t", "a", "a_branches", "d")


def test_fans_stand_in_fans() -> None:
    found = ways(drawn("abcdefg", "t>a", "a>b", "a>c", "b>d", "b>e", "d>f", "e>f", "f>g", "c>g"))
    assert found["a_branches"] == {"done": "g", "b": "b", "c": "c"}
    assert found["b_branches"] == {"done": "f", "d": "d", "e": "e"}
    assert (found["f"]["done"], found["d"]["done"]) == ("a_branches", "b_branches")


def test_an_edge_to_where_they_join_is_no_branch() -> None:
    assert ways(drawn("abc", "t>a", "a>b", "a>c", "b>c"))["a"] == {"done": "b"}


@pytest.mark.parametrize("format", ["canvas", "yaml"])
def test_they_are_written_out_and_read_again(format: Any) -> None:  # noqa: A002
    loaded = drawn("abcd", "t>a", "a>b", "a>c", "b>d", "c>d")
    again = load_workflow(convert(loaded, format))
    assert again.workflow is not None, [str(problem) for problem in again.problems]
    assert ways(again) == ways(loaded)
