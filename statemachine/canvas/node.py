"""One node of a canvas: where its parts stand, what it means, and what of it is for the eye only.

A node is `{id, type, label, config}` as some editors write it, or `{id, type, data}` with label and config inside
`data`, or with a `data` that is the config itself. What is left of a node when its id, its config and its step keys are
taken out is its *shell*: the position, the label, the type of the editor, and whatever else the editor keeps there.
Config keys that only name the type (`actionType`) stay in the shell, where the config was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from statemachine.canvas.labels import RESOURCE, TRIGGER, Meaning, meaning_of
from statemachine.document import StepPart
from statemachine.names import snake_case
from statemachine.problem import Path, Problems
from statemachine.scalars import kind_of
from statemachine.spelling import respell

STEP_KEYS: Final = (
    "when", "retry", "timeout", "on_error", "output", "output_variable", "crash_policy", "compensate",
    "sending", "urgent",
)  # fmt: skip
"""Keys of a step that may stand on its node, or in the node's `data` beside the config."""
_WAYS: Final = ("next", "branches", "true_steps", "false_steps")
_DISPLAY: Final = frozenset({
    "label", "name", "title", "subtitle", "description", "notes", "icon", "color", "colour", "style", "category",
    "node_type", "position", "width", "height", "selected",
})  # fmt: skip
"""Keys in a node's `data` that every editor keeps for itself."""
_KIND_IN_DATA: Final = frozenset({"", "custom", "default", "node", "input", "output"})


@dataclass(slots=True)
class Node:
    """`type` is a step type, `trigger` or `resource`, or None when nothing says it. `config` is None without one."""

    id: str
    path: Path
    type: str | None
    kind: str
    label: str
    config: Any
    config_path: Path
    name_path: Path
    keys: dict[str, Any] = field(default_factory=dict)
    key_paths: dict[str, Path] = field(default_factory=dict)
    shell: dict[str, Any] = field(default_factory=dict)
    outcomes: Mapping[str, str] | None = None
    """Spelling → outcome, once an edge has asked for it."""

    @property
    def name(self) -> str | None:
        """The step's name for people: the label, unless it only repeats the id."""
        return self.label if self.label and self.label != self.id else None

    def stub(self, key: str, value: Any) -> None:
        """Leave a key of the config in the shell, where the config was."""
        if self.config_path[-1] == "data":
            self.shell["data"] = {**self.shell.get("data", {}), key: value}
        elif self.config_path[-2:] == ("data", "config"):
            data = self.shell["data"]
            self.shell["data"] = {**data, "config": {**data["config"], key: value}}
        else:
            self.shell["config"] = {**self.shell.get("config", {}), key: value}

    @property
    def is_trigger(self) -> bool:
        return self.type == TRIGGER

    @property
    def is_resource(self) -> bool:
        return self.type == RESOURCE


def read_node(raw: Any, path: Path, problems: Problems) -> Node | None:
    """A node; None after a problem that leaves nothing of it."""
    if not isinstance(raw, Mapping):
        problems.add("not_an_object", path, f"a node is an object, not {kind_of(raw)}")
        return None
    keys = respell(raw, path, problems)
    node_id = keys.get("id")
    if not isinstance(node_id, str | int) or isinstance(node_id, bool) or node_id == "":
        problems.add("missing_key" if node_id is None else "bad_value", (*path, "id"), "a node needs an `id`, a text")
        return None
    return _Reading(str(node_id), dict(raw), keys, path, problems).node()


class _Reading:
    """`raw` is the node as written, `keys` the same with its own keys in snake_case."""

    def __init__(self, node_id: str, raw: dict[str, Any], keys: dict[str, Any], path: Path, problems: Problems) -> None:
        self.id = node_id
        self.raw = raw
        self.keys = keys
        self.path = path
        self.problems = problems
        data = keys.get("data")
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        self.data_keys = {snake_case(str(key)): str(key) for key in self.data}
        self.shell = {key: value for key, value in raw.items() if key != "id"}

    def node(self) -> Node:
        label, label_path = self._label()
        kind = self._kind()
        config, config_path = self._take_config()
        meaning = meaning_of(kind, label, config if isinstance(config, Mapping) else {})
        node = Node(self.id, self.path, meaning.type, kind, label, config, config_path, label_path, shell=self.shell)
        _spend(node, meaning)
        self._take_step_keys(node)
        self._refuse_ways()
        return node

    def _label(self) -> tuple[str, Path]:
        for place, holder in ((("label",), self.keys), (("data", "label"), self.data), (("name",), self.keys)):
            label = holder.get(place[-1])
            if label is None:
                continue
            if isinstance(label, str | int | float) and not isinstance(label, bool):
                return str(label), (*self.path, *place)
            self.problems.add("bad_value", (*self.path, *place), f"a label is a text, not {kind_of(label)}")
        return "", (*self.path, "label")

    def _kind(self) -> str:
        kind = self.keys.get("type")
        if kind is not None and not isinstance(kind, str):
            self.problems.add("bad_value", (*self.path, "type"), f"a type is a text, not {kind_of(kind)}")
        kind = kind if isinstance(kind, str) else ""
        inner = self.data.get(self.data_keys.get("node_type", "")) or self.data.get("type")
        return inner if kind.lower() in _KIND_IN_DATA and isinstance(inner, str) else kind

    def _take_config(self) -> tuple[Any, Path]:
        if self.keys.get("config") is not None:
            self.shell.pop("config")
            if "data" in self.raw:
                self.shell["config"] = {}
            self._warn_of_data()
            return self.raw["config"], (*self.path, "config")
        if self.data.get("config") is not None:
            self.shell["data"] = {key: value for key, value in self.data.items() if key != "config"} | {"config": {}}
            self._warn_of_data()
            return self.data["config"], (*self.path, "data", "config")
        own = {key: value for key, value in self.data.items() if not self._for_the_eye(key)}
        if own:
            self.shell["data"] = {key: value for key, value in self.data.items() if self._for_the_eye(key)}
        return own or None, (*self.path, "data" if own else "config")

    def _for_the_eye(self, key: str) -> bool:
        if key == "type" and str(self.keys.get("type") or "").lower() in _KIND_IN_DATA:
            return True
        return snake_case(str(key)) in _DISPLAY

    def _warn_of_data(self) -> None:
        """Beside a config, `data` is the editor's; what might be meant for the step is pointed at."""
        for key in self.data:
            name = snake_case(str(key))
            if name in STEP_KEYS or key == "config" or self._for_the_eye(key):
                continue
            message = f"{key!r} stands beside the config: it is kept for display, and the step does not see it"
            self.problems.add("unknown_key", (*self.path, "data", key), message, severity="warning")

    def _take_step_keys(self, node: Node) -> None:
        for key in self.raw:
            name = snake_case(str(key))
            if name in STEP_KEYS:
                self._keep(node, name, self.raw[key], (*self.path, key))
                self.shell.pop(key)
        if node.config_path[-1] == "data":
            return
        for name, key in self.data_keys.items():
            if name in STEP_KEYS:
                self._keep(node, name, self.data[key], (*self.path, "data", key))
                self.shell["data"] = {**self.shell["data"], key: None}

    def _keep(self, node: Node, name: str, value: Any, path: Path) -> None:
        name = StepPart.also.get(name, name)
        if value is None:
            return
        if name in node.keys:
            self.problems.add("conflicting_keys", path, f"`{name}` stands on the node twice")
            return
        node.keys[name] = value
        node.key_paths[name] = path

    def _refuse_ways(self) -> None:
        for name in _WAYS:
            if self.keys.get(name) is not None:
                message = f"`{name}` is for steps in a list: on a canvas, edges say where a node leads"
                self.problems.add("conflicting_keys", (*self.path, name), message)


def _spend(node: Node, meaning: Meaning) -> None:
    """Keys that only name the type leave the config; the shell remembers them."""
    for key in meaning.spent:
        node.stub(key, node.config[key])
    if meaning.spent:
        node.config = {key: value for key, value in node.config.items() if key not in meaning.spent}
