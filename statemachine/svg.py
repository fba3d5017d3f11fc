"""Drawing a workflow as an SVG document, by itself: no program, no fonts and no network are needed to make or show it.

Every end is drawn beside the step that leads to it, and edges between the same two boxes are drawn as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape
from itertools import pairwise
from math import fsum
from typing import Final
from unicodedata import east_asian_width

from statemachine.errors import PreconditionFailed
from statemachine.layering import Arrangement, Link, Point, Size, TooTangledError, arrange
from statemachine.picture import Edge, Node, Picture

_MARGIN: Final = 20.0
_LETTER: Final = 6.6
_LINE: Final = 16.0
_LOOP: Final = 30.0
_LINES: Final = ("name", "kind", "count")
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLE: Final = """
text { font: 12px Helvetica, Arial, sans-serif; text-anchor: middle; fill: #1f2937 }
.kind { font-size: 10px; fill: #6b7280 } .count { font-weight: bold; fill: #b45309 } .label { font-size: 11px }
.box { fill: #f8fafc; stroke: #64748b; stroke-width: 1.2 } .choice .box { fill: #eef2ff } .wait .box { fill: #ecfdf5 }
.end .box { fill: #f1f5f9; stroke-dasharray: none } .visited .box { stroke: #b45309; stroke-width: 2.6 }
.here .box { fill: #fde68a; stroke: #b45309; stroke-width: 3.4 }
.edge { fill: none; stroke: #64748b; stroke-width: 1.2 } .aside { stroke-dasharray: 5 4 }
.taken { stroke: #b45309; stroke-width: 2.6 } .under { fill: #ffffff; fill-opacity: 0.9 }
"""
_ARROW: Final = (
    '<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerUnits="userSpaceOnUse" markerWidth="9" '
    'markerHeight="9" orient="auto"><path d="M0 1 L10 5 L0 9 z" fill="{colour}"/></marker>'
)


def draw_svg(picture: Picture) -> str:
    """The document. Raises PreconditionFailed when so many edges lead so far that nobody could read it."""
    nodes, edges = _local_ends(picture)
    numbers = {node.name: number for number, node in enumerate(nodes)}
    sizes = [_size(node) for node in nodes]
    loops = {edge.source: _wide(edge.label) + _LOOP for edge in edges if edge.source == edge.target}
    rooms = [
        (width + 2 * loops.get(node.name, 0.0), height) for node, (width, height) in zip(nodes, sizes, strict=True)
    ]
    links = [Link(numbers[edge.source], numbers[edge.target], _label_size(edge)) for edge in edges]
    try:
        places = arrange(rooms, links)
    except TooTangledError:
        raise PreconditionFailed("this workflow is too tangled to be laid out; ask for MERMAID") from None
    return "\n".join(_document(picture.title, nodes, edges, sizes, places)) + "\n"


def _local_ends(picture: Picture) -> tuple[list[Node], list[Edge]]:
    """Boxes and edges to draw: an end for each step that leads to it, one edge for all between the same two."""
    known = {node.name: node for node in picture.nodes}
    ends = {edge.target for edge in picture.edges if known[edge.target].shape == "end"}
    nodes = [node for node in picture.nodes if node.name not in ends]
    merged: dict[tuple[str, str], Edge] = {}
    for edge in picture.edges:
        target = f"{edge.source}-{edge.target}" if edge.target in ends else edge.target
        same = merged.get((edge.source, target))
        if same is None:
            merged[edge.source, target] = replace(edge, target=target)
        else:
            label = ", ".join(filter(None, (same.label, edge.label)))
            merged[edge.source, target] = replace(
                same, label=label, aside=same.aside and edge.aside, taken=same.taken or edge.taken
            )
        if same is None and edge.target in ends:
            nodes.append(replace(known[edge.target], name=target, mark=""))
    taken = {edge.target for edge in merged.values() if edge.taken}
    marked = [replace(node, mark="visited") if node.shape == "end" and node.name in taken else node for node in nodes]
    return marked, list(merged.values())


def _document(
    title: str, nodes: Sequence[Node], edges: Sequence[Edge], sizes: Sequence[Size], places: Arrangement
) -> Iterator[str]:
    width, height = (length + 2 * _MARGIN for length in places.size)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}" role="img" style="background: #ffffff">'
    )
    yield f"<title>{_text(title)}</title>"
    arrows = _ARROW.format(name="arrow", colour="#64748b") + _ARROW.format(name="arrow-taken", colour="#b45309")
    yield f"<style>{_STYLE}</style><defs>{arrows}</defs>"
    numbers = {node.name: number for number, node in enumerate(nodes)}
    for edge, way, label in zip(edges, places.ways, places.labels, strict=True):
        source, target = numbers[edge.source], numbers[edge.target]
        if way:
            yield from _edge(edge, _between(way, sizes[source], sizes[target]), label)
        else:
            yield from _loop(edge, places.centres[source], sizes[source])
    for node, centre, size in zip(nodes, places.centres, sizes, strict=True):
        yield from _node(node, centre, size)
    yield "</svg>"


def _between(way: Sequence[Point], source: Size, target: Size) -> list[Point]:
    """The way from edge to edge of both boxes: out at the side that it goes to, in at the side that it comes from."""
    (x1, y1), (x2, y2) = way[0], way[-1]
    down = 1 if y2 > y1 else -1
    return [(x1, y1 + down * source[1] / 2), *way[1:-1], (x2, y2 - down * target[1] / 2)]


def _edge(edge: Edge, points: Sequence[Point], label: Point) -> Iterator[str]:
    drawn = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = (y1 + y2) / 2
        drawn.append(f"C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}")
    yield _path(edge, " ".join(drawn))
    yield from _label(edge, label)


def _loop(edge: Edge, centre: Point, size: Size) -> Iterator[str]:
    x, y = centre[0] + size[0] / 2, centre[1]
    yield _path(
        edge, f"M{x:.1f} {y - 6:.1f} C{x + _LOOP:.1f} {y - 16:.1f} {x + _LOOP:.1f} {y + 16:.1f} {x:.1f} {y + 6:.1f}"
    )
    yield from _label(edge, (x + _LOOP + _wide(edge.label) / 2, y))


def _path(edge: Edge, drawn: str) -> str:
    classes = "edge" + " aside" * edge.aside + " taken" * edge.taken
    return f'<path class="{classes}" d="{drawn}" marker-end="url(#arrow{"-taken" * edge.taken})"/>'


def _label(edge: Edge, centre: Point) -> Iterator[str]:
    if edge.label:
        (x, y), (width, height) = centre, _label_size(edge)
        yield (
            f'<rect class="under" x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}"/>'
        )
        yield f'<text class="label" x="{x:.1f}" y="{y + 4:.1f}">{_text(edge.label)}</text>'


def _node(node: Node, centre: Point, size: Size) -> Iterator[str]:
    (x, y), (width, height) = centre, size
    link = f' data-workflow="{_text(node.workflow)}"' if node.workflow else ""
    classes = " ".join(filter(None, (node.shape, node.mark)))
    yield f'<g class="{classes}"{link}>{_outline(node, x, y, width, height)}'
    first = y - (len(node.lines) - 1) * _LINE / 2 + 4
    for place, line in enumerate(node.lines):
        kind = _LINES[min(place, 2)]
        yield f'<text class="{kind}" x="{x:.1f}" y="{first + place * _LINE:.1f}">{_text(line)}</text>'
    yield "</g>"


def _outline(node: Node, x: float, y: float, width: float, height: float) -> str:
    left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
    if node.shape == "choice":
        corners = (
            (left + 14, top),
            (right - 14, top),
            (right, y),
            (right - 14, bottom),
            (left + 14, bottom),
            (left, y),
        )
        return f'<polygon class="box" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in corners)}"/>'
    radius = height / 2 if node.shape in ("wait", "end") else 5
    return (
        f'<rect class="box" x="{left:z.1f}" y="{top:z.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" rx="{radius:.1f}"/>'
    )


def _size(node: Node) -> Size:
    room = {"choice": 40.0, "wait": 32.0, "end": 22.0}.get(node.shape, 22.0)
    return _widest(node.lines) + room, len(node.lines) * _LINE + (6 if node.shape == "end" else 12)


def _label_size(edge: Edge) -> Size:
    return (_wide(edge.label) + 6, 15.0) if edge.label else (0.0, 0.0)


def _widest(lines: Iterable[str]) -> float:
    return max(_wide(line) for line in lines)


def _wide(text: str) -> float:
    """About how wide a text is drawn."""
    return fsum(_LETTER * (1.8 if east_asian_width(letter) in "WF" else 1.0) for letter in text)


def _text(text: str) -> str:
    """Text of an author as XML may hold it."""
    return escape(_NO_XML.sub("\ufffd", text))
