"""Canvas → the steps it means: a document in the language's own spelling, whose places are those of the drawing.

Trigger nodes become triggers that open the path, other nodes steps in their order, edges `next`, `branches` and
`on_error`. A node without a way out ends its path, and so does an outcome without an edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from statemachine.canvas.edge import ERROR, Edge, read_edge
from statemachine.canvas.fans import PARALLEL, spread
from statemachine.canvas.node import Node, read_node
from statemachine.names import canonical_event, snake_case
from statemachine.problem import Path, Problems
from statemachine.scalars import kind_of
from statemachine.step import END
from statemachine.steps import STEP_TYPES

FIRST: Final = "first"
"""`first: true` on a node says that runs begin there, on a canvas without a trigger node."""
TRIGGER_KEYS: Final = ("conditions", "key", "enabled")
EVENT_KEYS: Final = ("type", "trigger_type", "event", "event_type")
_LISTS: Final = ("nodes", "edges")


@dataclass(slots=True)
class Canvas:
    """`document` is what the drawing means, as steps; `nodes` are in their order, `edges` those that lead somewhere.

    `around` holds what stands on the canvas beside nodes and edges: keys of the document that only a drawing has.
    """

    document: dict[str, Any]
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    around: dict[str, Any] = field(default_factory=dict)


def read_canvas(data: Mapping[str, Any], problems: Problems) -> Canvas:
    """The steps that a canvas document means. What is wrong is reported at its place in the drawing."""
    reading = _Reading(problems)
    reading.take_document(data)
    reading.take_nodes()
    reading.take_edges()
    reading.write_steps()
    return reading.canvas


class _Reading:
    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.canvas = Canvas({})
        self.raw: dict[str, tuple[Any, Path]] = {}
        self.by_id: dict[str, Node] = {}
        self.ways: dict[str, dict[str | None, Edge]] = {}
        self.fans: dict[str, list[Edge]] = {}
        self.listed_first: Node | None = None

    def take_document(self, data: Mapping[str, Any]) -> None:
        for key, value in data.items():
            name = snake_case(str(key))
            if name == "canvas_data" and isinstance(value, Mapping):
                self._take_inner(key, value)
            elif name in _LISTS:
                self._take_list(name, value, (key,))
            elif name == "canvas_data":
                self.problems.add("not_an_object", (key,), f"`{key}` holds nodes and edges; this is {kind_of(value)}")
            elif name == "viewport":
                self.canvas.around[key] = value
            elif name in ("steps", "canvas"):
                self.problems.add("conflicting_keys", (key,), f"`{key}` does not go together with nodes and edges")
            else:
                self.canvas.document[key] = value
        if "nodes" not in self.raw:
            self.problems.add("missing_key", ("nodes",), "a canvas needs `nodes`")

    def _take_inner(self, key: str, value: Mapping[str, Any]) -> None:
        self.canvas.around[key] = {inner: item for inner, item in value.items() if inner not in _LISTS}
        for name in _LISTS:
            if name in value:
                self._take_list(name, value[name], (key, name))

    def _take_list(self, name: str, value: Any, path: Path) -> None:
        if name in self.raw:
            self.problems.add("conflicting_keys", path, f"there are `{name}` already")
        elif isinstance(value, list):
            self.raw[name] = (value, path)
        else:
            self.problems.add("bad_value", path, f"`{name}` has to be a list, not {kind_of(value)}")
            self.raw[name] = ([], path)

    def take_nodes(self) -> None:
        raw, path = self.raw.get("nodes", ([], ("nodes",)))
        for index, item in enumerate(raw):
            node = read_node(item, (*path, index), self.problems)
            if node is None:
                continue
            if node.id in self.by_id:
                message = f"there are two nodes with the id {node.id!r}"
                self.problems.add("duplicate_id", (*node.path, "id"), message)
                continue
            self.by_id[node.id] = node
            self.canvas.nodes.append(node)
        steps = [node for node in self.canvas.nodes if not node.is_trigger]
        if not steps and not self.problems.failed:
            self.problems.add("no_steps", path, "the canvas has no node that does something")

    def take_edges(self) -> None:
        raw, path = self.raw.get("edges", ([], ("edges",)))
        for index, item in enumerate(raw):
            edge = read_edge(item, (*path, index), self.by_id, self.problems)
            if edge is not None and self._joins(edge) and self._is_only(edge):
                self.ways.setdefault(edge.source, {})[edge.outcome] = edge
                self.canvas.edges.append(edge)
        if self.fans:
            self._spread()

    def _spread(self) -> None:
        """Draw a parallel node wherever several edges without a label leave one node."""
        single = [edge for edge in self.canvas.edges if edge.outcome is not None or edge.source not in self.fans]
        names, edges = spread(self.fans, single, self.by_id)
        for name in names:
            source = self.by_id[next(edge.source for edge in edges if edge.target == name and edge.outcome is None)]
            node = read_node({"id": name, "type": PARALLEL, "label": "Parallel"}, source.path, self.problems)
            assert node is not None
            self.by_id[name] = node
            self.canvas.nodes.append(node)
        self.canvas.edges[:] = edges
        self.ways = {}
        for edge in edges:
            self.ways.setdefault(edge.source, {})[edge.outcome] = edge

    def _joins(self, edge: Edge) -> bool:
        """Whether both ends are nodes that an edge may join."""
        for key, node_id in (("source", edge.source), ("target", edge.target)):
            if node_id not in self.by_id and (key, node_id) != ("target", END):
                hint = self.problems.guess(node_id, self.by_id)
                self.problems.add("unknown_step", (*edge.path, key), f"there is no node {node_id!r}", hint)
                return False
        target = self.by_id.get(edge.target)
        if target is not None and target.is_trigger:
            message = f"{edge.target!r} is a trigger: a run begins there, and nothing leads back to it"
            self.problems.add("bad_edge", (*edge.path, "target"), message)
            return False
        return True

    def _is_only(self, edge: Edge) -> bool:
        other = self.ways.get(edge.source, {}).get(edge.outcome)
        if other is None:
            return True
        if edge.outcome is None:
            self.fans.setdefault(edge.source, [other]).append(edge)
        else:
            message = f"two edges lead out of {edge.source!r} for {edge.outcome!r}"
            self.problems.add("conflicting_keys", edge.outcome_path, message)
        return False

    def write_steps(self) -> None:
        document = self.canvas.document
        triggers = [node for node in self.canvas.nodes if node.is_trigger]
        self.listed_first = self._listed_first()
        if triggers:
            document["triggers"] = self._triggers(triggers)
        else:
            self._warn_without_trigger()
        steps = [node for node in self.canvas.nodes if not node.is_trigger]
        first = self.listed_first or (None if triggers else self._root(steps))
        steps.sort(key=lambda node: node is not first)
        document["steps"] = [self._step(node, index) for index, node in enumerate(steps)]

    def _listed_first(self) -> Node | None:
        """The step to which an implied edge leads from a trigger: the first of the list that was drawn."""
        implied = (edge for edge in self.canvas.edges if edge.implied and self.by_id[edge.source].is_trigger)
        return next((self.by_id[edge.target] for edge in implied if edge.target in self.by_id), None)

    def _warn_without_trigger(self) -> None:
        if {snake_case(key) for key in self.canvas.document} & {"trigger", "triggers", "trigger_type"}:
            return
        path = self.raw.get("nodes", ([], ("nodes",)))[1]
        message = "the canvas has no trigger node: runs begin by API only"
        self.problems.add("no_trigger", path, message, severity="warning")

    def _root(self, steps: list[Node]) -> Node | None:
        """Where a run begins without a trigger: the node that says so, else the first that no edge leads to."""
        marked = next((node for node in steps if node.shell.get(FIRST) is True), None)
        if marked is not None:
            return marked
        entered = {edge.target for edge in self.canvas.edges if edge.target != edge.source}
        return next((node for node in steps if node.id not in entered), steps[0] if steps else None)

    def _step(self, node: Node, index: int) -> dict[str, Any]:
        place: Path = ("steps", index)
        spelled = self.problems.spelled
        spelled(place, node.path)
        spelled((*place, "name"), node.name_path)
        spelled((*place, "config"), node.config_path)
        step: dict[str, Any] = {"id": node.id, "type": self._type(node)}
        if node.name:
            step["name"] = node.name
        if node.config is not None and node.type is not None and not node.is_resource:
            step["config"] = node.config
        for key, value in node.keys.items():
            step[key] = value
            spelled((*place, key), node.key_paths[key])
        self._lead_on(node, step, place)
        return step

    def _lead_on(self, node: Node, step: dict[str, Any], place: Path) -> None:
        ways = self.ways.get(node.id, {})
        step["next"] = ways[None].target if None in ways else END
        if None in ways:
            self.problems.spelled((*place, "next"), (*ways[None].path, "target"))
        branches: dict[str, str] = {}
        for outcome, edge in ways.items():
            if outcome == ERROR and "on_error" not in step:
                step["on_error"] = edge.target
                self.problems.spelled((*place, "on_error"), edge.outcome_path)
            elif outcome is not None:
                branches[outcome] = edge.target
                self.problems.spelled((*place, "branches", outcome), edge.outcome_path)
        if branches:
            step["branches"] = branches

    def _type(self, node: Node) -> str:
        if node.is_resource:
            what = node.label or node.kind
            message = f"{what!r} binds a resource to AI steps, which this version cannot run yet"
            self.problems.add("not_supported_yet", (*node.path, "type"), message)
            return "pass"
        if node.type is not None:
            return node.type
        return self._nameless(node)

    def _nameless(self, node: Node) -> str:
        """The type of a node whose words name none: nothing to do, unless its config says that there is."""
        if node.kind.strip() == "" and not node.label:
            self.problems.add("missing_key", (*node.path, "type"), "a node needs a `type`")
        elif node.kind.strip().lower() in ("action", "") and not node.config:
            message = f"{node.label or node.id!r} names no action, so the node does nothing"
            self.problems.add("unknown_action", node.name_path, message, severity="warning")
        else:
            what = f"{node.kind!r} {node.label!r}" if node.label else repr(node.kind)
            hint = self.problems.guess(node.label or node.kind, STEP_TYPES)
            self.problems.add("unknown_type", (*node.path, "type"), f"there is no step type for a node {what}", hint)
        return "pass"

    def _triggers(self, nodes: list[Node]) -> list[dict[str, Any]]:
        given = self._given_type()
        triggers = []
        for index, node in enumerate(nodes):
            place: Path = ("triggers", index)
            self.problems.spelled(place, node.path)
            triggers.append(self._trigger(node, place, given, lone=len(nodes) == 1))
        self._check_given(given, triggers)
        return triggers

    def _given_type(self) -> tuple[str, str] | None:
        """(key, event) of the document's own `triggerType`; it moves to what surrounds the drawing."""
        document = self.canvas.document
        for key in list(document):
            name = snake_case(key)
            if name == "trigger_type" and isinstance(document[key], str):
                self.canvas.around[key] = document[key]
                return key, document.pop(key)
            if name in ("trigger", "triggers"):
                message = f"`{key}` does not go together with trigger nodes"
                self.problems.add("conflicting_keys", (key,), message)
                del document[key]
        return None

    def _check_given(self, given: tuple[str, str] | None, triggers: list[dict[str, Any]]) -> None:
        if given is None:
            return
        kind = canonical_event(given[1])
        if not any(canonical_event(str(trigger["type"])) == kind for trigger in triggers):
            message = f"no trigger node is of type {given[1]!r}"
            self.problems.add("conflicting_keys", (given[0],), message, "leave it out: the trigger nodes say it")

    def _trigger(self, node: Node, place: Path, given: tuple[str, str] | None, *, lone: bool) -> dict[str, Any]:
        config = dict(node.config) if isinstance(node.config, Mapping) else {}
        if node.config is not None and not isinstance(node.config, Mapping):
            message = f"`config` has to be an object, not {kind_of(node.config)}"
            self.problems.add("not_an_object", node.config_path, message)
        trigger: dict[str, Any] = {"id": node.id, "type": ""}
        self._name_event(node, config, trigger, place, given[1] if given and lone else None)
        for key in list(config):
            name = snake_case(str(key))
            if name in TRIGGER_KEYS:
                trigger[name] = config.pop(key)
                self.problems.spelled((*place, name), (*node.config_path, key))
        self._refuse_step_keys(node)
        self._filter(node, config, trigger, place)
        ways = self.ways.get(node.id, {})
        if None not in ways:
            trigger["next"] = END
        elif not ways[None].implied or self.by_id.get(ways[None].target) is not self.listed_first:
            trigger["next"] = ways[None].target
            self.problems.spelled((*place, "next"), (*ways[None].path, "target"))
        return trigger

    def _name_event(
        self, node: Node, config: dict[str, Any], trigger: dict[str, Any], place: Path, given: str | None
    ) -> None:
        event, name, key = event_of(node, given)
        trigger["type"] = event
        if name:
            trigger["name"] = name
        if key is None:
            self.problems.spelled((*place, "type"), node.name_path)
        else:
            config.pop(key)
            node.stub(key, None)
            self.problems.spelled((*place, "type"), (*node.config_path, key))
        if not event:
            message = "a trigger node names its event by its label or `config.type`"
            self.problems.add("missing_key", node.name_path, message)

    def _filter(self, node: Node, config: dict[str, Any], trigger: dict[str, Any], place: Path) -> None:
        """What is left in a trigger's config are words that the event's data must equal."""
        inner = config.pop("config", None)
        if inner is not None:
            node.stub("config", None)
        words = {**inner, **config} if isinstance(inner, Mapping) else config if inner is None else inner
        if words:
            trigger["config"] = words
            self.problems.spelled((*place, "config"), node.config_path)

    def _refuse_step_keys(self, node: Node) -> None:
        for name, path in node.key_paths.items():
            self.problems.add("not_applicable", path, f"`{name}` is for steps; {node.id!r} is a trigger")


def event_of(node: Node, given: str | None) -> tuple[str, str | None, str | None]:
    """What starts a run at a trigger node: (event, the trigger's own name, the key of the config that says it).

    The config says it, else the document (`given`), else the label.
    """
    config = node.config if isinstance(node.config, Mapping) else {}
    key = next((key for key in config if snake_case(str(key)) in EVENT_KEYS and isinstance(config[key], str)), None)
    event = str(config[key]) if key is not None else given or node.label
    return event, node.name if node.name != event else None, key
