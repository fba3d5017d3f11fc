"""Canvas → list of steps: what a drawing means, spelled as an author would, and what only a drawing can say.

The steps stand in the order of their nodes. A way that the order says already is left out; the ways of a choice are
spelled out. The looks of the drawing (shells, edges, what surrounds them) go into the document's `canvas`, as far as
they differ from what would be drawn anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from statemachine.canvas.drawing import draw
from statemachine.canvas.edge import Edge
from statemachine.canvas.reading import Canvas, read_canvas
from statemachine.outline import Outline
from statemachine.problem import Problems
from statemachine.step import END
from statemachine.target_reading import falls_through
from statemachine.workflow import Step, Workflow

_WAYS: Final = ("next", "branches", "on_error")


def list_steps(outline: Outline, workflow: Workflow) -> dict[str, Any]:
    """The list of steps that a drawn workflow is. `outline` is that of a canvas."""
    document = dict(outline.head)
    if outline.triggers:
        document["triggers"] = [_trigger(trigger, number) for number, trigger in enumerate(outline.triggers, 1)]
    document["steps"] = list(_listed(outline, workflow))
    display = display_of(outline, workflow)
    return {**document, "canvas": display} if display else document


def display_of(outline: Outline, workflow: Workflow) -> dict[str, Any]:
    """What of a drawing a list of steps cannot say: shells, edges and surroundings that differ from a fresh drawing."""
    canvas = outline.canvas
    if canvas is None:
        return dict(outline.display)
    listed = replace(outline, steps=tuple(_listed(outline, workflow)))
    fresh = read_canvas(draw(listed, workflow, {}), Problems())
    display = dict(canvas.around)
    nodes = _shells(canvas, fresh)
    if nodes:
        display["nodes"] = nodes
    if [_looks(edge) for edge in canvas.edges] != [_looks(edge) for edge in fresh.edges]:
        display["edges"] = [dict(edge.raw) for edge in canvas.edges]
    return display


def _looks(edge: Edge) -> dict[str, Any]:
    """The edge as drawn; whether the list spells it out does not show."""
    data = edge.raw.get("data")
    if not isinstance(data, Mapping) or "implied" not in data:
        return dict(edge.raw)
    rest = {key: value for key, value in data.items() if key != "implied"}
    return {**edge.raw, "data": rest} if rest else {key: value for key, value in edge.raw.items() if key != "data"}


def _listed(outline: Outline, workflow: Workflow) -> Iterator[dict[str, Any]]:
    assert outline.canvas is not None, "only a canvas has to be listed"
    edges = {(edge.source, edge.outcome): edge for edge in outline.canvas.edges}
    ids = [str(step["id"]) for step in outline.steps]
    for raw, step_id, below in zip(outline.steps, ids, [*ids[1:], END], strict=True):
        yield _step(raw, workflow.steps[step_id], below, edges)


def _shells(canvas: Canvas, fresh: Canvas) -> dict[str, dict[str, Any]]:
    """The shells that are not as a fresh drawing has them; all of them when the nodes stand in another order."""
    drawn = {node.id: node.shell for node in fresh.nodes}
    placed = any(
        "position" in node.shell and node.shell["position"] != drawn[node.id]["position"] for node in canvas.nodes
    )
    shells = {}
    for node in canvas.nodes:
        shell, other = node.shell, drawn[node.id]
        if not placed:
            shell, other = ({key: s[key] for key in s if key != "position"} for s in (shell, other))
        if placed or shell != other:
            shells[node.id] = shell
    if [node.id for node in canvas.nodes] != list(drawn):
        return {node.id: shells.get(node.id, {}) for node in canvas.nodes}
    return shells


def _trigger(raw: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A trigger as the list has it; a name that it would get anyway is left out."""
    nameless = "next" not in raw and raw["id"] == f"trigger_{number}"
    return {key: value for key, value in raw.items() if key != "id" or not nameless}


def _step(
    raw: Mapping[str, Any], step: Step, below: str, edges: Mapping[tuple[str, str | None], Edge]
) -> dict[str, Any]:  # fmt: skip
    listed = {key: value for key, value in raw.items() if key not in _WAYS}
    config = step.runner.targets()
    through = falls_through(step.runner.outcomes())
    following = below
    if step.when is not None:
        following = step.following
    elif through is not None and through not in config:
        following = step.targets[through]
    elif any((step.id, name) not in edges and name not in config for name in step.targets):
        following = END
    if following != below:
        listed["next"] = following
    branches = {}
    for outcome, target in step.targets.items():
        edge = edges.get((step.id, outcome))
        spelled = edge is not None and not edge.implied
        if config.get(outcome) != target and (spelled or target != following):
            branches[outcome] = target
    if step.type == "condition" and not branches and not config:
        branches = {through or "true": step.targets[through or "true"]}
    if branches:
        listed["branches"] = branches
    if raw.get("on_error") is not None:
        listed["on_error"] = raw["on_error"]
    return listed
