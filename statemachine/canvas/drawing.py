"""Steps → canvas: the drawing of a workflow, with what an earlier drawing of it looked like where that still fits.

What a list of steps keeps of a drawing (its `canvas`) are the shells of nodes, the edges as they were, and what stood
around them. A shell or an edge that no longer says what the steps say is put right or left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from statemachine.canvas.edge import ERROR, outcome_of
from statemachine.canvas.labels import TRIGGER, same_type
from statemachine.canvas.node import STEP_KEYS, Node, read_node
from statemachine.canvas.positions import free_place, lay_out
from statemachine.canvas.reading import EVENT_KEYS, FIRST, TRIGGER_KEYS, event_of
from statemachine.document import StepPart
from statemachine.names import canonical_event, snake_case
from statemachine.outline import Outline
from statemachine.problem import Problems
from statemachine.step import END
from statemachine.steps.split import HOLDOUT
from statemachine.target_reading import falls_through
from statemachine.workflow import Step, Workflow

_OWN: Final = frozenset({"nodes", "edges"})


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of a node. `outcome` None falls through; `implied` ways are not spelled out by the steps.

    A way to the end is drawn only when it is `needed`: when a missing edge would mean something else.
    """

    source: str
    outcome: str | None
    target: str
    implied: bool = False
    needed: bool = True

    @property
    def drawn(self) -> bool:
        return self.needed or self.target != END


def draw(outline: Outline, workflow: Workflow, display: Mapping[str, Any]) -> dict[str, Any]:
    """The canvas document of a workflow. `display` is the `canvas` of a list of steps, or empty."""
    shells = {
        str(name): {key: value for key, value in shell.items() if key != "id"}
        for name, shell in display.get("nodes", {}).items()
    }
    nodes = [_trigger_node(trigger, shells, display, outline) for trigger in outline.triggers]
    nodes += [_step_node(step, shells) for step in outline.steps]
    nodes = _in_order(nodes, shells)
    ways = list(ways_of(outline, workflow))
    _mark_first(nodes, ways, outline)
    _place(nodes, ways)
    edges = _edges(ways, nodes, display.get("edges", ()))
    _say_once(nodes, edges)
    around = _around(display, workflow)
    inside = next((key for key in around if snake_case(key) == "canvas_data"), None)
    if inside is not None:
        return {**outline.head, **around, inside: {**around[inside], "nodes": nodes, "edges": edges}}
    return {**outline.head, **around, "nodes": nodes, "edges": edges}


def _around(display: Mapping[str, Any], workflow: Workflow) -> dict[str, Any]:
    """What stood beside nodes and edges; a `triggerType` only while a trigger is of that type."""
    kinds = {trigger.type for trigger in workflow.triggers}
    return {
        key: value
        for key, value in display.items()
        if key not in _OWN and (snake_case(key) != "trigger_type" or canonical_event(str(value)).type in kinds)
    }


def _step_node(step: Mapping[str, Any], shells: Mapping[str, Any]) -> dict[str, Any]:
    shell = shells.get(step["id"], {})
    name = step.get("name") or ""
    node: dict[str, Any] = {"id": str(step["id"]), "type": step["type"]}
    if "type" not in shell:
        node["label"] = name or str(step["id"])
    node |= shell
    _put_config(node, step.get("config"), shell)
    for key in STEP_KEYS:
        if step.get(key) is not None and (key != "on_error" or step[key] == END):
            _put_key(node, key, step[key])
    read = _read(node)
    if (read.name or "") != name and name != read.id:
        _put_label(node, name)
        read = _read(node)
    if not same_type(read.type, step["type"]) and not _does_nothing(read, step):
        _drop_stubs(node, shell)
        _put_config(node, step.get("config"), {})
        node["type"] = step["type"]
    return node


def _does_nothing(read: Node, step: Mapping[str, Any]) -> bool:
    """A node that names no action, or binds a resource, is read as `pass`."""
    return same_type(step["type"], "pass") and read.type is None and not read.config


def _trigger_node(
    trigger: Mapping[str, Any], shells: Mapping[str, Any], display: Mapping[str, Any], outline: Outline
) -> dict[str, Any]:
    shell = shells.get(trigger["id"], {})
    name, event = trigger.get("name") or "", str(trigger["type"])
    node: dict[str, Any] = {"id": trigger["id"], "type": TRIGGER}
    if "type" not in shell:
        node["label"] = name or event
    node |= shell
    stubs = _stubs_of(shell)
    config = {key: trigger[key] for key in TRIGGER_KEYS if key in trigger}
    words = trigger.get("config") or {}
    reserved = {*TRIGGER_KEYS, *EVENT_KEYS, "config"}
    nested = "config" in stubs or any(snake_case(str(key)) in reserved for key in words)
    config |= {"config": words} if nested and words else words
    event_key = next((key for key in stubs if stubs[key] is None and snake_case(key) in EVENT_KEYS), None)
    if event_key is not None:
        config = {event_key: event, **config}
    _put_config(node, config or None, shell)
    given = _given(display) if len(outline.triggers) == 1 else None
    found, label, _ = event_of(_read(node), given)
    if found != event:
        _put_config(node, {"type": event, **config}, shell)
        found, label, _ = event_of(_read(node), given)
    if (label or "") != name:
        _put_label(node, name or event)
        if event_of(_read(node), given)[0] != event:
            _put_config(node, {"type": event, **config}, shell)
    return node


def _given(display: Mapping[str, Any]) -> str | None:
    return next((str(value) for key, value in display.items() if snake_case(key) == "trigger_type"), None)


def _read(node: Mapping[str, Any]) -> Node:
    read = read_node(node, (), Problems())
    assert read is not None, "a node that was written has an id"
    return read


def _stubs_of(shell: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config keys that a shell keeps."""
    for holder in (shell.get("config"), _data(shell).get("config"), _data(shell)):
        if isinstance(holder, Mapping):
            return holder
    return {}


def _data(shell: Mapping[str, Any]) -> Mapping[str, Any]:
    data = shell.get("data")
    return data if isinstance(data, Mapping) else {}


def _put_config(node: dict[str, Any], config: Any, shell: Mapping[str, Any]) -> None:
    """Put the config where the shell had it; keys of the shell that are not null stand beside the step's own."""
    data = _data(shell)
    if "config" in data:
        stub = _filled(data["config"])
        node["data"] = {**data, "config": {**stub, **config} if isinstance(config, Mapping) else config}
    elif "data" in shell and "config" not in shell and isinstance(config, Mapping):
        node["data"] = {**data, **config}
    elif isinstance(shell.get("config"), Mapping) and isinstance(config, Mapping | None):
        node["config"] = {**_filled(shell["config"]), **(config or {})}
    elif config is not None:
        node["config"] = config
    else:
        node.pop("config", None)


def _filled(stub: Any) -> dict[str, Any]:
    return {key: value for key, value in stub.items() if value is not None} if isinstance(stub, Mapping) else {}


def _put_key(node: dict[str, Any], key: str, value: Any) -> None:
    """A key of the step, in `data` where the shell says that it stood there."""
    data = _data(node)
    for written in data:
        name = snake_case(str(written))
        if data[written] is None and StepPart.also.get(name, name) == key:
            node["data"] = {**data, written: value}
            return
    node[key] = value


def _put_label(node: dict[str, Any], name: str) -> None:
    label = name or node["id"]
    if "label" not in node and "label" in _data(node):
        node["data"] = {**_data(node), "label": label}
    else:
        node["label"] = label


def _drop_stubs(node: dict[str, Any], shell: Mapping[str, Any]) -> None:
    """The step has become another: what named the old type goes."""
    if isinstance(shell.get("config"), Mapping):
        node.pop("config", None)
    node["data"] = {key: value for key, value in _data(node).items() if key != "config"}
    if not node["data"]:
        del node["data"]


def _in_order(nodes: list[dict[str, Any]], shells: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Nodes in the order of the earlier drawing; those that are new follow what they followed."""
    rank = {node_id: number for number, node_id in enumerate(shells)}
    if any(node["id"] not in rank for node in nodes):
        return nodes
    return sorted(nodes, key=lambda node: rank[node["id"]])


def _mark_first(nodes: Iterable[dict[str, Any]], ways: Iterable[Way], outline: Outline) -> None:
    """Say where a run begins when neither a trigger nor the edges do."""
    wanted = str(outline.steps[0]["id"])
    entered = {way.target for way in ways if way.drawn and way.target != way.source}
    steps = [node for node in nodes if node["type"] != TRIGGER or not outline.triggers]
    root = next((node for node in steps if node["id"] not in entered), steps[0])
    for node in steps:
        if node["id"] != wanted:
            node.pop(FIRST, None)
        elif not outline.triggers and root is not node:
            node[FIRST] = True


def _place(nodes: Iterable[dict[str, Any]], ways: Iterable[Way]) -> None:
    """Give a place to every node that has none."""
    nodes = list(nodes)
    taken = []
    for node in nodes:
        place = node.get("position")
        if isinstance(place, Mapping) and all(isinstance(place.get(axis), int | float) for axis in "xy"):
            taken.append((round(place["x"]), round(place["y"])))
    places = lay_out([node["id"] for node in nodes], [(way.source, way.target) for way in ways])
    for node in nodes:
        if "position" not in node:
            x, y = free_place(places[node["id"]], taken)
            taken.append((x, y))
            node["position"] = {"x": x, "y": y}


def _say_once(nodes: Iterable[dict[str, Any]], edges: Iterable[Mapping[str, Any]]) -> None:
    """Where an earlier drawing has an edge for errors to the end, the node itself does not say `on_error: end`."""
    by_id = {node["id"]: node for node in nodes}
    for edge in edges:
        if edge["target"] == END and _outcome(edge, _read(by_id[edge["source"]])) == ERROR:
            by_id[edge["source"]].pop("on_error", None)


def ways_of(outline: Outline, workflow: Workflow) -> Iterator[Way]:
    """Every way out of every node, in order."""
    first = str(outline.steps[0]["id"])
    for trigger in outline.triggers:
        target = trigger.get("next")
        yield Way(trigger["id"], None, str(target or first), implied=target is None, needed=False)
    for step in outline.steps:
        yield from step_ways(step, workflow.steps[str(step["id"])])


def step_ways(raw: Mapping[str, Any], step: Step) -> Iterator[Way]:
    """The ways out of one step. `raw` is the step as written."""
    outcomes = step.runner.outcomes()
    spelled = {_plain_outcome(outcome) for outcome in raw.get("branches") or {}}
    through = falls_through(outcomes)
    named = through in spelled
    plain = step.following if step.when is not None or through is None else step.targets[through]
    if step.when is not None or (through is not None and not named):
        yield Way(step.id, None, plain, needed=False)
    aimless = step.type == "condition" and set(step.targets.values()) == {END}
    for outcome, target in step.targets.items():
        implied = _plain_outcome(outcome) not in spelled and outcome not in step.runner.targets()
        stated = aimless and not implied
        if outcome != through or target != plain or named or stated:
            yield Way(step.id, outcome, target, implied, stated or _needed(step, outcome, outcome == through))
    on_error = step.on_error or raw.get("on_error")
    if on_error is not None:
        yield Way(step.id, ERROR, str(on_error), needed=raw.get("on_error") != END)


def _needed(step: Step, outcome: str, falls: bool) -> bool:
    """Whether a way to the end must be drawn, because a missing edge would mean something else."""
    return outcome == HOLDOUT or falls or step.type == "task"


def _plain_outcome(outcome: Any) -> str:
    word = str(outcome).lower()
    return {"yes": "true", "no": "false"}.get(word, word)


def _edges(
    ways: Iterable[Way], nodes: Iterable[Mapping[str, Any]], earlier: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The edges of the earlier drawing that still hold, then those that it lacks."""
    read = {node["id"]: _read(node) for node in nodes}
    missing = {(way.source, way.outcome, way.target): way for way in ways}
    edges = []
    for raw in earlier:
        source, target = str(raw.get("source")), str(raw.get("target"))
        outcome = _outcome(raw, read[source]) if source in read else None
        if missing.pop((source, outcome, target), None) is not None:
            edges.append({**raw, "source": source, "target": target})
    taken = {str(edge.get("id")) for edge in edges}
    edges += [_edge(way, read[way.source], taken) for way in missing.values() if way.drawn]
    return edges


def _outcome(edge: Mapping[str, Any], source: Node) -> str | None:
    return outcome_of({snake_case(str(key)): value for key, value in edge.items()}, source)[0]


def _edge(way: Way, source: Node, taken: set[str]) -> dict[str, Any]:
    edge: dict[str, Any] = {"id": _edge_id(way, taken), "source": way.source, "target": way.target}
    data: dict[str, Any] = {}
    if way.outcome is not None:
        edge["label"] = way.outcome
        if _outcome(edge, source) != way.outcome:
            data["outcome"] = way.outcome
    if way.implied:
        data["implied"] = True
    return {**edge, "data": data} if data else edge


def _edge_id(way: Way, taken: set[str]) -> str:
    name = f"{way.source}.{way.outcome or 'next'}"
    while name in taken:
        name += "_"
    taken.add(name)
    return name
