"""A canvas becomes the steps it means, and mistakes are pointed at in the drawing."""

import json
from typing import Any

import pytest

from statemachine.definition import Loaded, load_workflow

Node = dict[str, Any]

TRIGGER: Node = {"id": "t", "type": "trigger", "label": "go"}
CONDITION: Node = {"id": "c", "type": "condition", "config": {"left": "contact.score", "operator": ">", "right": "1"}}
SPLIT: Node = {"id": "s", "type": "split", "config": {"variants": [
    {"id": "variant_a", "name": "Short one", "percentage": 50}, {"id": "b", "percentage": 50}]}}  # fmt: skip
CASES: Node = {"id": "k", "type": "condition", "config": {"branches": [
    {"id": "branch_hot", "name": "Hot", "conditions": [{"type": "score", "operator": ">", "value": 5}]},
    {"id": "warm", "conditions": [{"type": "score", "operator": ">", "value": 1}]}]}}  # fmt: skip
OPEN: Node = {
    "id": "o",
    "type": "wait",
    "config": {"on": [{"event": "email_open", "branch": "opened"}], "timeout": "1d"},
}


def tag(node_id: str) -> Node:
    return {"id": node_id, "type": "action", "label": "Add Tag", "config": {"tag": node_id}}


def drawn(nodes: list[Node], *edges: Any, **document: Any) -> Loaded:
    """Edges are (source, target) or (source, target, label), or whole."""
    whole = [edge if isinstance(edge, dict) else dict(zip(("source", "target", "label"), edge)) for edge in edges]  # noqa: B905
    return load_workflow(json.dumps({"key": "k", "nodes": nodes, "edges": whole, **document}))


def targets(loaded: Loaded, step_id: str) -> dict[str, str]:
    assert loaded.workflow is not None, [str(problem) for problem in loaded.problems]
    return dict(loaded.workflow.steps[step_id].targets)


def found(loaded: Loaded) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in loaded.problems]


@pytest.mark.parametrize(
    ("node", "edge", "outcome"),
    [
        (CONDITION, {"label": "yes"}, "true"),
        (CONDITION, {"label": "YES"}, "true"),
        (CONDITION, {"label": "True"}, "true"),
        (CONDITION, {"label": True}, "true"),
        (CONDITION, {"label": " No "}, "false"),
        (CONDITION, {"sourceHandle": "branch_false"}, "false"),
        (CONDITION, {"sourceHandle": "true", "label": "over there"}, "true"),
        (CONDITION, {"sourceHandle": "bottom", "label": "no"}, "false"),
        (CONDITION, {"sourceHandle": None, "label": "no"}, "false"),
        (CASES, {"sourceHandle": "branch_hot"}, "branch_hot"),
        (CASES, {"sourceHandle": "hot"}, "branch_hot"),
        (CASES, {"label": "Hot"}, "branch_hot"),
        (CASES, {"label": "Branch_Warm"}, "warm"),
        (CASES, {"label": "else"}, "default"),
        (CASES, {}, "default"),
        (SPLIT, {"label": "A"}, "variant_a"),
        (SPLIT, {"sourceHandle": "variant_b"}, "b"),
        (SPLIT, {"label": "Short one"}, "variant_a"),
        (OPEN, {"label": "Timeout"}, "timeout"),
        (OPEN, {"label": "opened"}, "opened"),
        (tag("x"), {}, "done"),
        (tag("x"), {"label": "next"}, "done"),
        (tag("x"), {"sourceHandle": "output"}, "done"),
        (tag("x"), {"label": "done"}, "done"),
    ],
)  # fmt: skip
def test_an_edge_is_the_outcome_that_its_handle_or_label_names(node: Node, edge: Node, outcome: str) -> None:
    edges: list[Any] = [{"source": node["id"], "target": "end_here", **edge}, ("t", node["id"])]
    loaded = drawn([TRIGGER, node, tag("end_here")], *edges)
    assert targets(loaded, node["id"])[outcome] == "end_here"


def test_an_outcome_without_an_edge_and_a_node_without_a_way_out_end_the_path() -> None:
    loaded = drawn([TRIGGER, CONDITION, tag("a"), tag("b")], ("t", "c"), ("c", "a", "yes"), ("b", "a"))
    assert targets(loaded, "c") == {"true": "a", "false": "end"}
    assert targets(loaded, "a") == {"done": "end"}


def test_an_edge_without_a_label_is_no_way_for_the_other_outcomes() -> None:
    wait = {"id": "w", "type": "wait", "config": {"waitForEvent": "email_open", "timeout": "1d"}}
    assert targets(drawn([TRIGGER, wait, tag("a")], ("t", "w"), ("w", "a")), "w") == {"done": "a", "timeout": "end"}


def test_an_error_edge_is_on_error() -> None:
    sms = {"id": "m", "type": "sms", "config": {"body": "Hi"}}
    loaded = drawn([TRIGGER, sms, tag("a"), tag("b")], ("t", "m"), ("m", "a"), ("m", "b", "Error"))
    assert loaded.workflow is not None
    step = loaded.workflow.steps["m"]
    assert (step.on_error, dict(step.targets)) == ("b", {"done": "a"})


def test_an_edge_may_lead_to_the_end() -> None:
    assert targets(drawn([TRIGGER, CONDITION], ("t", "c"), ("c", "end", "yes")), "c") == {"true": "end", "false": "end"}


@pytest.mark.parametrize(
    "node",
    [
        {"id": "a", "type": "add_tag", "config": {"tag": "x"}},
        {"id": "a", "type": "add_tag", "data": {"config": {"tag": "x"}}},
        {"id": "a", "type": "add_tag", "data": {"tag": "x", "label": "Tag", "icon": "star"}},
        {"id": "a", "type": "action", "data": {"label": "Add Tag", "config": {"tag": "x"}}},
        {"id": "a", "type": "custom", "data": {"nodeType": "add_tag", "tag": "x"}},
    ],
)
def test_the_config_stands_on_the_node_or_in_its_data(node: Node) -> None:
    loaded = drawn([TRIGGER, node], ("t", "a"))
    assert found(loaded) == []
    assert loaded.canonical["steps"][0]["config"] == {"tag": "x"}


def test_keys_of_the_step_stand_on_the_node_or_beside_the_config() -> None:
    config = {"url": "https://example.com"}
    nodes = [
        TRIGGER,
        {"id": "a", "type": "http_request", "config": config, "retry": {"maxAttempts": 2}, "outputVariable": "x"},
        {"id": "b", "type": "http_request", "data": {"config": config, "timeout": "5s", "onError": "a"}},
        {"id": "c", "type": "http_request", "config": {**config, "outputVariable": "y"}, "when": "contact.score > 1"},
    ]
    workflow = drawn(nodes, ("t", "a"), ("a", "b"), ("b", "c")).workflow
    assert workflow is not None
    a, b, c = (workflow.steps[name] for name in "abc")
    assert (a.retry.max_attempts, a.output) == (2, "x")
    assert (b.timeout.total_seconds() if b.timeout else None, b.on_error) == (5, "a")
    assert (c.output, c.when is not None) == ("y", True)


@pytest.mark.parametrize(
    ("node", "document", "expected"),
    [
        ({"label": "Incoming Message"}, {}, "message_received"),
        ({"label": "New lead", "config": {"type": "contact_created"}}, {}, "contact_created"),
        ({"data": {"label": "New lead", "triggerType": "contactCreated"}}, {}, "contact_created"),
        ({"label": "New lead"}, {"triggerType": "New Order"}, "order_created"),
        ({"label": "My own event"}, {}, "My own event"),
    ],
)
def test_a_trigger_node_names_its_event(node: Node, document: Node, expected: str) -> None:
    loaded = drawn([{"id": "t", "type": "trigger", **node}, tag("a")], ("t", "a"), **document)
    assert loaded.workflow is not None
    assert [trigger.type for trigger in loaded.workflow.triggers] == [expected]
    assert loaded.workflow.first == "t"


def test_a_trigger_node_has_conditions_a_key_and_words_of_the_data() -> None:
    conditions = [{"field": "source", "operator": "exists"}]
    config = {
        "type": "tag_added",
        "tag": "vip",
        "conditions": conditions,
        "key": "{{trigger.data.x}}",
        "enabled": False,
    }
    loaded = drawn([{"id": "t", "type": "trigger", "label": "Tagged", "config": config}, tag("a")], ("t", "a"))
    assert loaded.workflow is not None
    (trigger,) = loaded.workflow.triggers
    assert (dict(trigger.config), trigger.enabled) == ({"tag": "vip"}, False)
    assert trigger.conditions is not None
    assert trigger.key is not None


def test_runs_begin_at_the_trigger_that_matched() -> None:
    nodes = [TRIGGER, {"id": "u", "type": "trigger", "label": "manual"}, tag("a"), tag("b")]
    loaded = drawn(nodes, ("t", "a"), ("u", "b"))
    assert loaded.workflow is not None
    assert (loaded.workflow.beginning("t"), loaded.workflow.beginning("u")) == ("t", "u")
    assert loaded.workflow.beginning(None) == "u", "a run by API begins like the manual trigger"
    assert found(loaded) == []


WAIT: Node = {"id": "w", "type": "wait", "config": {"for": "1d"}}


@pytest.mark.parametrize(
    ("nodes", "edges", "first"),
    [
        ([tag("b"), tag("a")], [("a", "b")], "a"),
        ([tag("b"), {**tag("a"), "first": True}], [("b", "a")], "a"),
        ([tag("a"), WAIT], [("a", "w"), ("w", "a")], "a"),
    ],
)
def test_without_a_trigger_a_run_begins_at_the_root(nodes: list[Node], edges: list[Any], first: str) -> None:
    loaded = drawn(nodes, *edges)
    assert loaded.workflow is not None
    assert loaded.workflow.first == first
    assert ("no_trigger", "nodes") in found(loaded)


@pytest.mark.parametrize(
    ("nodes", "edges", "problem"),
    [
        ([TRIGGER, tag("a"), tag("b")], [("t", "a"), ("a", "b"), ("a", "end", "done")],
         ("conflicting_keys", "edges[2]")),
        ([TRIGGER, WAIT, tag("b")], [("t", "w"), ("w", "b", "Done"), ("w", "end")], ("conflicting_keys", "edges[2]")),
        ([TRIGGER, CONDITION, tag("a")], [("t", "c"), ("c", "a", "yes"), ("c", "a")],
         ("unlabelled_edge", "edges[2].target")),
        ([TRIGGER, SPLIT, tag("a")], [("t", "s"), ("s", "a")], ("unlabelled_edge", "edges[1].target")),
        ([TRIGGER, CONDITION], [("t", "c")], ("missing_key", "nodes[1]")),
        ([TRIGGER, CONDITION, tag("a")], [("t", "c"), ("c", "a", "maybe")], ("unknown_outcome", "edges[1].label")),
        ([TRIGGER, tag("a")], [("t", "a"), ("a", "t")], ("bad_edge", "edges[1].target")),
        ([TRIGGER, tag("a")], [("t", "a"), ("b", "a")], ("unknown_step", "edges[1].source")),
        ([TRIGGER, tag("a")], [{"source": "t"}], ("missing_key", "edges[0].target")),
        ([TRIGGER, tag("a"), tag("a")], [("t", "a")], ("duplicate_id", "nodes[2].id")),
        ([TRIGGER, {"type": "exit"}], [], ("missing_key", "nodes[1].id")),
        ([TRIGGER, {"id": "a"}], [("t", "a")], ("missing_key", "nodes[1].type")),
        ([TRIGGER, {**tag("a"), "next": "t"}], [("t", "a")], ("conflicting_keys", "nodes[1].next")),
        ([TRIGGER, {**tag("a"), "compensate": []}], [("t", "a")], ("bad_value", "nodes[1].compensate")),
        ([{**TRIGGER, "retry": {}}, tag("a")], [("t", "a")], ("not_applicable", "nodes[0].retry")),
        ([{"id": "t", "type": "trigger"}, tag("a")], [("t", "a")], ("missing_key", "nodes[0].label")),
        ([TRIGGER], [], ("no_steps", "nodes")),
        ([TRIGGER, {"id": "a", "type": "add_tag", "data": {"label": "x", "tga": "y"}}], [("t", "a")],
         ("unknown_key", "nodes[1].data.tga")),
        ([TRIGGER, {"id": "g", "type": "goto", "config": {"to": "a"}}, tag("a"), tag("b")],
         [("t", "g"), ("g", "b"), ("b", "a")], ("conflicting_keys", "edges[1].target")),
        ([TRIGGER, {"id": "l", "type": "logic", "label": "Loop", "config": {"count": 2}}], [("t", "l")],
         ("missing_key", "nodes[1]")),
        ([TRIGGER, {"id": "l", "type": "action", "label": "AI Generate", "config": {"prompt": "x"}}], [("t", "l")],
         ("not_supported_yet", "nodes[1].type")),
    ],
)  # fmt: skip
def test_a_mistake_is_pointed_at_in_the_drawing(
    nodes: list[Node], edges: list[Any], problem: tuple[str, str]
) -> None:  # fmt: skip
    loaded = drawn(nodes, *edges)
    assert loaded.workflow is None
    assert problem in found(loaded)
    assert all(one.line is not None for one in loaded.problems)


def test_under_canvas_data_places_say_so() -> None:
    whole = {"key": "k", "canvas_data": {"nodes": [TRIGGER, {"id": "a", "type": "wiat"}], "edges": []}}
    assert ("unknown_type", "canvas_data.nodes[1].type") in found(load_workflow(json.dumps(whole)))


def test_steps_and_nodes_do_not_go_together() -> None:
    loaded = drawn([TRIGGER, tag("a")], ("t", "a"), steps=[{"id": "x", "type": "pass"}])
    assert ("conflicting_keys", "steps") in found(loaded)


def test_tests_of_a_canvas_may_name_its_trigger() -> None:
    expect = {"path": ["t", "a"], "status": "completed"}
    tests = [{"name": "all of it", "events": [{"type": "go"}], "expect": expect}]
    loaded = drawn([TRIGGER, tag("a")], ("t", "a"), tests=tests)
    assert found(loaded) == []
    assert len(loaded.tests) == 1


def test_a_step_that_may_be_skipped_has_an_edge_for_that_beside_its_outcome() -> None:
    maybe = {**tag("a"), "when": {"field": "score", "operator": ">", "value": 1}}
    loaded = drawn([TRIGGER, maybe, tag("b"), tag("c")], ("t", "a"), ("a", "b"), ("a", "c", "done"))
    assert targets(loaded, "a") == {"done": "c"}
