"""The outline of a document: its triggers, its steps and the rest as their author spells them, in one flat order.

It is what a definition is written out from in another format. Values stay as written; only the keys of triggers and
steps themselves are in the language's own spelling, and steps that stood inside others stand behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from statemachine.canvas.reading import Canvas
from statemachine.layout import Entry
from statemachine.names import snake_case
from statemachine.steps.guards import ErrorHandler
from statemachine.workflow import is_closed

_TAKEN: Final = frozenset({"steps", "trigger", "triggers", "trigger_type", "canvas"})


@dataclass(frozen=True, slots=True)
class Outline:
    """`data` is the whole document as written, `head` the same without triggers and steps.

    `canvas` is what was drawn, None for a list of steps; `display` is what such a list keeps of a drawing.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    head: Mapping[str, Any] = field(default_factory=dict)
    triggers: tuple[Mapping[str, Any], ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()
    canvas: Canvas | None = None
    display: Mapping[str, Any] = field(default_factory=dict)


def outline_of(
    data: Mapping[str, Any],
    triggers: Iterable[Mapping[str, Any]],
    entries: Iterable[Entry],
    canvas: Canvas | None,
    display: Any,
) -> Outline:
    """The outline of a document without errors."""
    head = {key: value for key, value in data.items() if snake_case(key) not in _TAKEN}
    steps = tuple(_step(entry) for entry in entries if not any(map(is_closed, entry.within)))
    return Outline(data, head, tuple(triggers), steps, canvas, display if isinstance(display, Mapping) else {})


def _step(entry: Entry) -> dict[str, Any]:
    step = dict(entry.raw)
    if entry.branches:
        step["branches"] = {outcome: target for outcome, (target, _) in entry.branches.items()}
    if entry.handler:
        step["on_error"] = entry.handler
    if step.get("type") == ErrorHandler.name:
        step["config"] = {**(step.get("config") or {}), "scope": "named"}
    return step
