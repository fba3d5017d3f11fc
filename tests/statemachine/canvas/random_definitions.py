"""Random definitions without errors: lists of steps, and canvases as editors would leave them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Draw = Any

NAMES = st.sampled_from(["Start", "Say hello", "Ja/Nein", "Grüße", "x" * 60, "yes", "end here", "Wait/Delay"])
TEXTS = st.text("abc {}\"'äß\n:#-", max_size=12).filter(lambda text: "{{" not in text and "}}" not in text)
LOOKS = st.dictionaries(
    st.sampled_from(["width", "height", "selected", "style", "className", "zIndex", "parentNode"]),
    st.one_of(st.integers(0, 900), st.booleans(), TEXTS, st.just({"color": "#fff"}), st.just([1, 2])),
    max_size=3,
)
PLACES = st.fixed_dictionaries({"x": st.integers(-2000, 2000) | st.floats(-9, 9), "y": st.integers(-2000, 2000)})


def _config(draw: Draw, kind: str) -> dict[str, Any] | None:
    configs: dict[str, Any] = {
        "pass": st.none() | st.just({"note": "a note"}),
        "noop": st.none(),
        "add_tag": st.fixed_dictionaries({"tag": st.sampled_from(["a", "b c"])}),
        "update_score": st.fixed_dictionaries({"value": st.integers(-5, 5)}),
        "set_variable": st.fixed_dictionaries({"values": st.just({"camelCase": 1, "b": {"keepMe": [1, None]}})}),
        "send_sms": st.fixed_dictionaries({"body": TEXTS.filter(bool)}),
        "http_request": st.just({"url": "https://example.com", "method": "POST", "successStatus": [200]}),
        "condition": st.sampled_from([
            {"field": "source", "operator": "exists"},
            {"condition": {"left": "customer.age", "operator": ">", "right": "18", "logicalOp": "AND",
                           "next": {"left": "a", "operator": "==", "right": "b"}}},
        ]),
        "switch": st.just({"cases": [{"id": "hot", "when": "contact.score > 5"}, {"when": "contact.score > 1"}]}),
        "split": st.sampled_from([
            {"variants": {"a": 50, "B": 30, "holdout": 20}},
            {"variants": [{"id": "variant_a", "name": "Short", "percentage": 50}, {"id": "b", "weight": 50}]},
            {"paths": ["yes", "no"], "weights": [1, 2]},
        ]),
        "wait": st.sampled_from([
            {"for": "1d"},
            {"on": [{"event": "reply", "branch": "answered"}, {"event": "email_open"}], "timeout": "2d"},
            {"waitForEvent": "email_open", "timeout": "3 days"},
        ]),
        "task": st.just({"queue": "people", "input": {"someKey": 1}}),
        "exit": st.none() | st.just({"reason": "gone"}),
        "end": st.none(),
    }  # fmt: skip
    found: dict[str, Any] | None = draw(configs[kind])
    return found


OUTCOMES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "condition": lambda config: ["true", "false"],
    "switch": lambda config: ["hot", "case_2", "default"],
    "split": lambda config: config.get("paths") or [v if isinstance(v, str) else v["id"] for v in config["variants"]],
    "wait": lambda config: (
        ["done"] if "for" in config else ["answered", "done", "timeout"] if "on" in config else ["done", "timeout"]
    ),
    "task": lambda config: ["done", "approved", "right", "Needs work"],
    "exit": lambda config: [],
    "end": lambda config: [],
}
KINDS = [
    "pass", "noop", "add_tag", "update_score", "set_variable", "send_sms", "http_request", "condition", "switch",
    "split", "wait", "task", "exit", "end",
]  # fmt: skip
EFFECTS = {"send_sms", "http_request", "task"}


@st.composite
def steps_documents(draw: Draw) -> dict[str, Any]:
    """A list of steps in any order of types; only waits and effects lead backwards, so that no ring is pure."""
    ids = [f"s{number}" if number % 2 else f"step.{number}" for number in range(draw(st.integers(1, 8)))]
    steps = [_step(draw, number, ids) for number in range(len(ids))]
    document: dict[str, Any] = {"key": "flow", "name": draw(NAMES)}
    document |= draw(st.sampled_from([{}, {"isActive": False}, {"timezone": "Europe/Berlin", "variables": {"aB": 1}}]))
    document |= draw(st.sampled_from([{}, {"exit": [{"on": "order_placed", "goal": "buy"}]}]))
    triggers = [_trigger(draw, number, ids) for number in range(draw(st.integers(0, 3)))]
    if len(triggers) == 1 and draw(st.booleans()):
        document["trigger"] = triggers[0]
    elif triggers:
        document["triggers"] = triggers
    return {**document, "steps": steps}


def _trigger(draw: Draw, number: int, ids: list[str]) -> dict[str, Any]:
    trigger: dict[str, Any] = {"type": draw(st.sampled_from(["contact_created", "go", "Tag Applied", "manual"]))}
    if draw(st.booleans()):
        trigger["id"] = f"t{number}"
    if draw(st.booleans()):
        trigger["next"] = draw(st.sampled_from([*ids, "end"]))
    trigger |= draw(
        st.sampled_from([
            {}, {"config": {"tag": "vip"}}, {"config": {"type": "odd", "key": 1}}, {"enabled": False},
            {"name": "By hand", "key": "{{trigger.data.x}}"},
            {"conditions": [{"field": "source", "operator": "equals", "value": {"camelCase": 1}}]},
        ])
    )  # fmt: skip
    return trigger


def _step(draw: Draw, number: int, ids: list[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from(KINDS))
    config = _config(draw, kind)
    step: dict[str, Any] = {"id": ids[number], "type": kind}
    if draw(st.booleans()):
        step["name"] = draw(NAMES)
    if config is not None:
        step["config"] = config
    back = kind in EFFECTS or kind == "wait"
    targets = st.sampled_from([*(ids if back else ids[number + 1 :]), "end"])
    outcomes = OUTCOMES[kind](config or {}) if kind in OUTCOMES else ["done"]
    if kind != "task" or draw(st.booleans()):
        branches = {outcome: draw(targets) for outcome in outcomes if draw(st.booleans())}
    else:
        branches = {}
    if kind in ("condition", "switch") and not branches:
        branches = {outcomes[0]: draw(targets)}
    if branches:
        step["branches"] = branches
    if draw(st.booleans()):
        step["next"] = draw(targets)
    if draw(st.booleans()):
        step["when"] = draw(st.sampled_from([{"field": "vip", "operator": "exists"}, "contact.score > 3"]))
    if kind in EFFECTS:
        step |= draw(st.sampled_from([{}, {"on_error": draw(targets)}, {"retry": {"maxAttempts": 2}, "timeout": "5s"}]))
    if draw(st.booleans()):
        step["output"] = "made"
    return step


# --- canvases ---


ACTIONS: list[dict[str, Any]] = [
    {"type": "action", "label": "Add Tag", "config": {"tag": "a"}},
    {"type": "action", "label": "Tag it", "config": {"actionType": "tag", "operation": "add", "tag": "a"}},
    {"type": "action", "data": {"label": "Score", "actionType": "score", "value": 3, "icon": "star"}},
    {"type": "action", "data": {"label": "Set Variable", "config": {"path": "workflow.x", "value": {"aB": 1}}}},
    {"type": "action", "label": "Adult Path"},
    {"type": "action", "label": "Segment", "data": {"config": {"actionType": "segment", "operation": "remove",
                                                                "segment": "s"}, "retryCount": 3}},
    {"type": "sendEmail", "data": {"label": "Mail", "subject": "Hi", "body": "Hello"}},
    {"type": "action", "label": "Send Reply", "config": {"message": "Done!", "outputVariable": "sent"}},
    {"type": "email", "data": {"label": "Mail", "config": {"subject": "a", "body": "b"}, "retry": {"maxAttempts": 2}}},
    {"type": "action", "label": "Wait/Delay", "config": {"duration": 2, "unit": "days"}},
    {"type": "custom", "data": {"nodeType": "sms", "label": "Text", "body": "Hi"}},
    {"type": "pass", "config": {"note": "here"}, "data": {"notes": "for me"}},
]  # fmt: skip
CHOICES: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({"type": "condition", "label": "Check", "config": {"condition": {"left": "customer.age", "operator": ">",
                                                                     "right": "18"}}},
     [{"label": "Yes"}, {"label": "no"}]),
    ({"type": "condition", "data": {"label": "Which", "branches": [
        {"id": "branch_hot", "name": "Hot", "conditions": [{"type": "score", "operator": ">", "value": 5}]},
        {"id": "branch_else", "name": "Else", "conditions": [], "default": True}]}},
     [{"sourceHandle": "branch_hot"}, {"sourceHandle": None, "label": "Else"}]),
    ({"type": "split", "label": "A/B", "config": {"variants": [{"id": "variant_a", "percentage": 50},
                                                               {"id": "variant_b", "percentage": 50}]}},
     [{"sourceHandle": "variant_a"}, {"sourceHandle": "b", "label": "B"}]),
    ({"type": "wait", "config": {"waitForEvent": "email_open", "timeout": "1d"}}, [{}, {"label": "Timeout"}]),
    ({"type": "wait", "config": {"waitForEvent": "reply", "timeout": "1d"}},
     [{"sourceHandle": "branch_done"}, {"sourceHandle": "timeout"}]),
    ({"type": "sms", "label": "Text", "config": {"body": "Hi"}}, [{"label": "Done"}, {"sourceHandle": "error"}]),
]  # fmt: skip


@st.composite
def canvas_documents(draw: Draw) -> dict[str, Any]:
    """A drawing whose nodes stand in any order; every node has a place."""
    count = draw(st.integers(1, 7))
    triggers = draw(st.integers(0, 2))
    ids = [f"n{number}" for number in range(count)]
    nodes: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    for number in range(triggers):
        nodes.append({"id": f"t{number}", **draw(st.sampled_from(TRIGGERS))})
        if draw(st.booleans()):
            edges.append({"id": f"et{number}", "source": f"t{number}", "target": draw(st.sampled_from(ids))})
    for number, node_id in enumerate(ids):
        shape, ways = draw(st.sampled_from([*((action, [{}]) for action in ACTIONS), *CHOICES]))
        nodes.append({"id": node_id, **shape})
        for index, way in enumerate(ways):
            aimless = shape.get("type") == "condition" and index == 0
            if draw(st.booleans()) or aimless:
                target = draw(st.sampled_from([*ids[number + 1 :], "end"]))
                edges.append({"id": f"e{number}_{index}", "source": node_id, "target": target, **way})
    nodes = [{**node, **draw(LOOKS), "position": draw(PLACES)} for node in nodes]
    edges = [{**edge, **draw(st.sampled_from([{}, {"animated": True, "style": {"stroke": "red"}}]))} for edge in edges]
    drawn = {"nodes": draw(st.permutations(nodes)), "edges": draw(st.permutations(edges))}
    around = draw(st.sampled_from([{}, {"viewport": {"x": 1, "y": 2, "zoom": 0.5}}]))
    head = {"key": "drawn", "name": draw(NAMES), **draw(st.sampled_from([{}, {"isActive": True}]))}
    if draw(st.booleans()):
        return {**head, "canvas_data": {**drawn, **around}}
    return {**head, **drawn, **around}


TRIGGERS: list[dict[str, Any]] = [
    {"type": "trigger", "label": "Incoming Message"},
    {"type": "trigger", "label": "New lead", "config": {"triggerType": "contact_created"}},
    {"type": "trigger", "data": {"label": "Tagged", "config": {"type": "tag_added", "tag": "vip", "key": "{{now}}"}}},
    {"type": "triggerNode", "data": {"label": "Order", "type": "order_created", "config_": 1}},
    {"type": "trigger", "label": "By hand", "config": {"type": "manual", "config": {"from": "x"}}},
]  # fmt: skip
