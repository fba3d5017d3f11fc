"""Drawing a workflow as a Mermaid flowchart.

Text of authors is escaped, ids are numbered, so that nothing in a definition can break out of a drawing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from statemachine.picture import Edge, Picture

_SHAPES: Final = {"choice": ("{{", "}}"), "wait": ("([", "])"), "plain": ("[", "]"), "end": ("((", "))")}
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\"&<>#;`\\|\[\]{}()]")


def draw_mermaid(picture: Picture) -> str:
    """The text of the flowchart: marked nodes have a class, edges of the marked way are thick."""
    return "\n".join(["flowchart TD", *_lines(picture)]) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    for node in picture.nodes:
        left, right = _SHAPES[node.shape]
        label = "<br/>".join(_escaped(line) for line in node.lines)
        yield f'    {node.name}{left}"{label}"{right}'
    for edge in picture.edges:
        label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
        yield f"    {edge.source} {_arrow(edge)}{label} {edge.target}"
    marked = [node for node in picture.nodes if node.mark]
    for node in marked:
        yield f"    class {node.name} {node.mark}"
    if marked:
        yield "    classDef visited stroke-width:3px"
        yield "    classDef here stroke-width:4px,fill:#fde68a,color:#111"


def _arrow(edge: Edge) -> str:
    return "==>" if edge.taken else "-.->" if edge.aside else "-->"


def _escaped(text: str) -> str:
    """Every character with a meaning in Mermaid as its number, written as Mermaid wants it."""
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", text)
