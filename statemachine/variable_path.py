"""The names of variables that a step or an operator may set, and changing what is below them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from statemachine.conversation import PARTS
from statemachine.limits import MAX_DEPTH

_SEGMENT: Final = re.compile(r"[^\W\d][\w-]*")
WORKFLOW: Final = "workflow"
CONVERSATION: Final = "conversation"
GLOBAL: Final = "global"
_PART_HINTS: Final = {"tags": "use add_tag with `target: conversation`", "status": "end_chat resolves it"}
_SCOPES: Final = (WORKFLOW, CONVERSATION, GLOBAL)
_OWN: Final = ("variables", "vars")
_READ_ONLY: Final = frozenset({
    "contact", "customer", "trigger", "input", "event", "steps", "loop", "undo", "enrollment", "execution", "resources",
    "connection", "error", "last_error", "now",
})  # fmt: skip


class BadVariable(ValueError):  # noqa: N818 - the name is bad
    """A name that no variable can have. `code` is the problem code for authors."""

    def __init__(self, code: str, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.suggestion = suggestion


def variable_path(name: str) -> tuple[str, ...]:
    """The path below the workflow's variables that a name means: `order.total`, also written `variables.order.total`,
    `vars.order.total` or `workflow.order.total`. Raises BadVariable."""
    scope, path = scoped_path(name)
    if scope == CONVERSATION:
        message = "variables of a conversation are no variables of this run; VariableService sets them"
        raise BadVariable("read_only_path", message)
    if scope == GLOBAL:
        raise BadVariable(
            "read_only_path", "global variables are no variables of this run; VariableService.Set does that"
        )
    return path


def scoped_path(name: str) -> tuple[str, tuple[str, ...]]:
    """The scope (`workflow`, `conversation` or `global`) and the path below its variables that a name means. Raises
    BadVariable.

    `conversation.topic` is also written `variables.conversation.topic`, and so is `global.offer`.
    """
    segments = name.split(".")
    if segments[0] in _OWN and len(segments) > 1:
        segments = segments[1:]
    root = segments[0]
    if root == CONVERSATION and len(segments) > 1 and segments[1] in PARTS:
        message = f"`{name[:100]}` is part of the conversation itself and no variable"
        raise BadVariable("read_only_path", message, _PART_HINTS.get(segments[1], ""))
    if root in _SCOPES:
        segments = segments[1:]
    elif root in _READ_ONLY:
        hint = "update_field changes contact fields" if root in ("contact", "customer") else ""
        raise BadVariable("read_only_path", f"`{root}` is no variable and cannot be set", hint)
    if not segments or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        message = f"{name[:100]!r} names no variable; write a name, or names joined by dots, e.g. order.total"
        raise BadVariable("bad_name", message)
    if len(segments) > MAX_DEPTH:
        raise BadVariable("bad_name", f"{name[:100]!r} leads through more than {MAX_DEPTH} objects")
    return root if root in _SCOPES else WORKFLOW, tuple(segments)


def with_path(tree: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The tree with a value there; what is on the way and no object becomes one."""
    if len(path) == 1:
        return {**tree, path[0]: value}
    below = tree.get(path[0])
    return {**tree, path[0]: with_path(below if isinstance(below, Mapping) else {}, path[1:], value)}


def without_path(tree: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The tree without what is there; objects on the way stay."""
    below = tree.get(path[0])
    if len(path) > 1 and isinstance(below, Mapping):
        return {**tree, path[0]: without_path(below, path[1:])}
    return {name: value for name, value in tree.items() if name != path[0] or len(path) > 1}
