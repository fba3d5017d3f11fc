"""Laying out a graph in layers, from top to bottom: boxes and edges in, places and ways out. Pure geometry.

The method of Sugiyama, Tagawa and Toda (1981): turn back edges round, give every vertex a rank below all that lead to
it, put a point on every rank that an edge passes, order each rank so that edges cross little, then move everything as
near to its neighbours as the order allows. Every edge passes at least one rank of its own, where its label stands, so
no label ever lies on anything.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import fsum
from typing import Final

Size = tuple[float, float]
Point = tuple[float, float]

MAX_POINTS: Final = 12_000
_MANY: Final = 3_000
_APART: Final = 26.0
_BELOW: Final = 16.0


class TooTangledError(ValueError):
    """The edges pass more than MAX_POINTS ranks: nobody could read that drawing."""


@dataclass(frozen=True, slots=True)
class Link:
    """An edge between two boxes, by number, with the size of its label."""

    source: int
    target: int
    label: Size = (0.0, 0.0)


@dataclass(slots=True)
class Arrangement:
    """Centres of boxes; per link its points from source to target, and where the centre of its label is."""

    size: Size
    centres: list[Point]
    ways: list[list[Point]]
    labels: list[Point]


@dataclass(slots=True)
class _Vertex:
    """A box, or a point where an edge passes a rank."""

    rank: int
    width: float
    height: float
    above: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)
    x: float = 0.0


def arrange(boxes: Sequence[Size], links: Sequence[Link]) -> Arrangement:
    """Places for all boxes; a link from a box to itself has no points. Raises TooTangledError."""
    down = _downwards(len(boxes), links)
    ranks = _ranks(len(boxes), down)
    vertices = [_Vertex(rank, *size) for rank, size in zip(ranks, boxes, strict=True)]
    chains = [_chain(vertices, *ends, link, turned=ends != (link.source, link.target)) if ends else []
              for link, ends in zip(links, down, strict=True)]  # fmt: skip
    layers = _ordered(vertices)
    _spread(vertices, layers)
    return _arrangement(len(boxes), vertices, layers, links, chains)


def _downwards(count: int, links: Sequence[Link]) -> list[tuple[int, int] | None]:
    """Both ends of each link so that no ring is left: what leads back up is turned round. None: a link to itself."""
    ways: list[list[int]] = [[] for _ in range(count)]
    for number, link in enumerate(links):
        ways[link.source].append(number)
    down: list[tuple[int, int] | None] = [None] * len(links)
    state = [0] * count
    for start in range(count):
        if state[start]:
            continue
        state[start] = 1
        stack = [(start, iter(ways[start]))]
        while stack:
            box, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[box] = 2
                stack.pop()
                continue
            target = links[following].target
            if target != box:
                down[following] = (target, box) if state[target] == 1 else (box, target)
            if state[target] == 0:
                state[target] = 1
                stack.append((target, iter(ways[target])))
    return down


def _ranks(count: int, down: Sequence[tuple[int, int] | None]) -> list[int]:
    """Two ranks further than the furthest that leads to it; the odd ranks between are for labels."""
    below: list[list[int]] = [[] for _ in range(count)]
    open_ways = [0] * count
    for ends in down:
        if ends is not None:
            below[ends[0]].append(ends[1])
            open_ways[ends[1]] += 1
    first = [box for box in range(count) if not open_ways[box]]
    ranks = [0] * count
    ready = list(first)
    while ready:
        box = ready.pop()
        for target in below[box]:
            ranks[target] = max(ranks[target], ranks[box] + 2)
            open_ways[target] -= 1
            if not open_ways[target]:
                ready.append(target)
    for box in first[1:]:
        ranks[box] = min((ranks[target] for target in below[box]), default=2) - 2
    return ranks


def _chain(vertices: list[_Vertex], top: int, bottom: int, link: Link, *, turned: bool) -> list[int]:
    """Put a point on every rank between both ends; the label stands at the one next to where the link begins."""
    ranks = range(vertices[top].rank + 1, vertices[bottom].rank)
    if len(vertices) + len(ranks) > MAX_POINTS:
        raise TooTangledError
    labelled = ranks[-1] if turned else ranks[0]
    points = []
    above = top
    for rank in ranks:
        size = link.label if rank == labelled else (0.0, 0.0)
        vertices.append(_Vertex(rank, *size))
        points.append(len(vertices) - 1)
        _join(vertices, above, points[-1])
        above = points[-1]
    _join(vertices, above, bottom)
    return points[::-1] if turned else points


def _join(vertices: list[_Vertex], above: int, below: int) -> None:
    vertices[above].below.append(below)
    vertices[below].above.append(above)


def _ordered(vertices: Sequence[_Vertex]) -> list[list[int]]:
    """The vertices of each rank from left to right, with as few crossings as a few sweeps find."""
    layers = _as_found(vertices)
    best, fewest = [list(layer) for layer in layers], _crossings(vertices, layers)
    for sweep in range(_sweeps(vertices)):
        if not fewest:
            break
        places = {vertex: place for layer in layers for place, vertex in enumerate(layer)}
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            weights = {vertex: _weight(vertices[vertex], places, vertex, up=sweep % 2 == 0) for vertex in layer}
            layer.sort(key=weights.__getitem__)
            places.update((vertex, place) for place, vertex in enumerate(layer))
        crossings = _crossings(vertices, layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    return best


def _as_found(vertices: Sequence[_Vertex]) -> list[list[int]]:
    """Depth first from the top, so that what belongs together starts side by side."""
    layers: list[list[int]] = [[] for _ in range(max(vertex.rank for vertex in vertices) + 1)]
    seen: set[int] = set()
    for start in sorted(range(len(vertices)), key=lambda number: (vertices[number].rank, number)):
        stack = [start]
        while stack:
            number = stack.pop()
            if number not in seen:
                seen.add(number)
                layers[vertices[number].rank].append(number)
                stack.extend(reversed(vertices[number].below))
    return layers


def _weight(vertex: _Vertex, places: dict[int, int], number: int, *, up: bool) -> float:
    near = vertex.above if up else vertex.below
    return sum(places[one] for one in near) / len(near) if near else places[number]


def _crossings(vertices: Sequence[_Vertex], layers: Sequence[Sequence[int]]) -> int:
    found = 0
    for upper, lower in pairwise(layers):
        places = {vertex: place for place, vertex in enumerate(lower)}
        ends: list[int] = []
        for vertex in upper:
            targets = sorted(places[target] for target in vertices[vertex].below)
            found += sum(len(ends) - bisect_right(ends, target) for target in targets)
            for target in targets:
                insort(ends, target)
    return found


def _spread(vertices: Sequence[_Vertex], layers: Sequence[Sequence[int]]) -> None:
    """Move every vertex towards its neighbours, layer by layer, keeping order and distance."""
    for layer in layers:
        _settle(vertices, layer, [0.0] * len(layer))
    sweeps = _sweeps(vertices)
    for sweep in range(2 * sweeps):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            _settle(vertices, layer, [_wanted(vertices, vertices[number], both=sweep >= sweeps) for number in layer])


def _sweeps(vertices: Sequence[_Vertex]) -> int:
    """A large drawing gets fewer, to be done within a second or two."""
    return 12 if len(vertices) < _MANY else 4


def _wanted(vertices: Sequence[_Vertex], vertex: _Vertex, *, both: bool) -> float:
    """The middle of the neighbours; those that are alone with the vertex pull hard, so that chains become straight."""
    near = [(vertices[one], 1 + 30 * (len(vertex.above) == len(vertices[one].below) == 1)) for one in vertex.above]
    if both or not near:
        near += [(vertices[one], 1 + 30 * (len(vertex.below) == len(vertices[one].above) == 1)) for one in vertex.below]
    return fsum(one.x * pull for one, pull in near) / sum(pull for _, pull in near) if near else vertex.x


def _settle(vertices: Sequence[_Vertex], layer: Sequence[int], wanted: Sequence[float]) -> None:
    """The places nearest to the wanted ones (least squares) that keep the distances: pool adjacent violators."""
    offsets = [0.0]
    for left, right in pairwise(layer):
        offsets.append(offsets[-1] + (vertices[left].width + vertices[right].width) / 2 + _APART)
    blocks: list[tuple[float, int]] = []
    for place, offset in zip(wanted, offsets, strict=True):
        total, size = place - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / size:
            before = blocks.pop()
            total, size = total + before[0], size + before[1]
        blocks.append((total, size))
    shifts = [total / size for total, size in blocks for _ in range(size)]
    for number, offset, shift in zip(layer, offsets, shifts, strict=True):
        vertices[number].x = offset + shift


def _arrangement(
    boxes: int,
    vertices: Sequence[_Vertex],
    layers: Sequence[Sequence[int]],
    links: Sequence[Link],
    chains: Sequence[Sequence[int]],
) -> Arrangement:
    left = min(vertex.x - vertex.width / 2 for vertex in vertices)
    right = max(vertex.x + vertex.width / 2 for vertex in vertices)
    heights = [max((vertices[number].height for number in layer), default=0.0) for layer in layers]
    tops = [fsum(heights[:rank]) + rank * _BELOW for rank in range(len(layers))]
    at = [(vertex.x - left, tops[vertex.rank] + heights[vertex.rank] / 2) for vertex in vertices]
    ways = [
        [at[link.source], *(at[number] for number in chain), at[link.target]] if chain else []
        for link, chain in zip(links, chains, strict=True)
    ]
    labels = [at[chain[0]] if chain else at[link.source] for link, chain in zip(links, chains, strict=True)]
    return Arrangement((right - left, tops[-1] + heights[-1]), at[:boxes], ways, labels)
