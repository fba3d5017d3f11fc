"""Drawing a workflow from its machine: Mermaid flowcharts, and DOT for Graphviz. The edges are the machine's own.

Text of authors is escaped, ids are numbered, so that nothing in a definition can break out of a drawing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from statemachine.machine import CANCELLED, COMPLETED, EXITED, FAILED
from statemachine.step import END
from statemachine.workflow import Step, Workflow

_ENDS: Final = {COMPLETED: "completed", FAILED: "failed", EXITED: "exited", CANCELLED: "cancelled"}
_MAX_LABEL: Final = 60
_SHAPES: Final = {"choice": ("{{", "}}"), "wait": ("([", "])"), "plain": ("[", "]"), "end": ("((", "))")}
_DOT_SHAPES: Final = {"choice": "diamond", "wait": "ellipse", "plain": "box", "end": "doublecircle"}
_CHOICES: Final = frozenset({"condition", "split"})
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\"&<>#;`\\|\[\]{}()]")


@dataclass(frozen=True, slots=True)
class Highlight:
    """An enrollment in the drawing: the steps of its path, and the one it rests in (or ended at)."""

    path: tuple[str, ...] = ()
    step: str = ""


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    shape: str
    lines: tuple[str, ...]
    mark: str = ""


@dataclass(frozen=True, slots=True)
class _Picture:
    nodes: list[_Node] = field(default_factory=list)
    edges: list[tuple[str, str, str]] = field(default_factory=list)


def draw_mermaid(
    workflow: Workflow, counts: Mapping[str, int] | None = None, highlight: Highlight | None = None
) -> str:
    """A Mermaid flowchart. `counts` writes at each step how many enrollments rest there."""
    picture = _picture(workflow, counts, highlight or Highlight())
    lines = ["flowchart TD"]
    for node in picture.nodes:
        left, right = _SHAPES[node.shape]
        label = "<br/>".join(_escaped(line, "#{};") for line in node.lines)
        lines.append(f'    {node.name}{left}"{label}"{right}')
    for source, target, outcome in picture.edges:
        label = f'|"{_escaped(outcome, "#{};")}"|' if outcome else ""
        lines.append(f"    {source} -->{label} {target}")
    lines.extend(f"    class {node.name} {node.mark}" for node in picture.nodes if node.mark)
    if any(node.mark for node in picture.nodes):
        lines.append("    classDef visited stroke-width:3px")
        lines.append("    classDef here stroke-width:4px,fill:#fde68a,color:#111")
    return "\n".join(lines) + "\n"


def draw_dot(workflow: Workflow, counts: Mapping[str, int] | None = None, highlight: Highlight | None = None) -> str:
    """A DOT digraph."""
    picture = _picture(workflow, counts, highlight or Highlight())
    lines = ["digraph workflow {", '    node [fontname="Helvetica", fontsize=11];', "    edge [fontsize=9];"]
    for node in picture.nodes:
        label = "\\n".join(_escaped(line, "&#{};") for line in node.lines)
        style = {"visited": ", penwidth=3", "here": ', penwidth=4, style=filled, fillcolor="#fde68a"'}.get(
            node.mark, ""
        )
        lines.append(f'    {node.name} [shape={_DOT_SHAPES[node.shape]}, label="{label}"{style}];')
    for source, target, outcome in picture.edges:
        label = f' [label="{_escaped(outcome, "&#{};")}"]' if outcome else ""
        lines.append(f"    {source} -> {target}{label};")
    lines.append("}")
    return "\n".join(lines) + "\n"


def _picture(workflow: Workflow, counts: Mapping[str, int] | None, highlight: Highlight) -> _Picture:
    picture = _Picture()
    names = {step_id: f"s{number}" for number, step_id in enumerate(workflow.steps, 1)}
    picture.nodes.append(_Node("start", "end", ("start",)))
    triggers = tuple(dict.fromkeys(trigger.type for trigger in workflow.triggers))
    picture.edges.append(("start", names[workflow.first], ", ".join(triggers)))
    ends: dict[str, None] = {}
    for step in workflow.steps.values():
        mark = "here" if step.id == highlight.step else "visited" if step.id in highlight.path else ""
        picture.nodes.append(_Node(names[step.id], _shape(step), tuple(_lines(step, counts)), mark))
        for outcome, target in _edges(workflow, step):
            name = names.get(target)
            if name is None:
                ends[target] = None
                name = target
            picture.edges.append((names[step.id], name, "" if outcome == "done" else outcome))
    picture.nodes.extend(_Node(end, "end", (end,)) for end in ends)
    return picture


def _edges(workflow: Workflow, step: Step) -> Iterator[tuple[str, str]]:
    """(outcome, step id or name of an end); a step that ends the run by itself has no outcome but leads there."""
    if step.type == "exit":
        yield "", "exited"
        return
    for outcome in workflow.machine.outcomes(step.id):
        target = workflow.machine.target(step.id, outcome)
        yield outcome, _ENDS.get(target, "completed" if target == END else target)


def _shape(step: Step) -> str:
    if step.type in _CHOICES:
        return "choice"
    return "wait" if step.cases or step.type == "wait" else "plain"


def _lines(step: Step, counts: Mapping[str, int] | None) -> Iterator[str]:
    yield _short(step.name or step.id)
    yield step.type
    if counts and counts.get(step.id):
        yield f"{counts[step.id]:,} here"


def _short(text: str) -> str:
    return text if len(text) <= _MAX_LABEL else text[: _MAX_LABEL - 1] + "…"


def _escaped(text: str, form: str) -> str:
    """Every character with a meaning in the drawing's language as its number; `#{};` is Mermaid's way to write one."""
    opening, closing = form.split("{}")
    return _UNSAFE.sub(lambda found: f"{opening}{ord(found[0])}{closing}", text)
