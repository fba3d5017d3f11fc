"""Where nodes stand that have no place of their own: in layers, top-down, each below what leads to it.

A layer is the length of the longest way from a start, back edges left out. Within a layer, nodes stand in the order of
the places that lead to them, so that few edges cross. The same drawing always gets the same places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import fsum
from typing import Final

WIDTH: Final = 240
HEIGHT: Final = 120

Place = tuple[int, int]


def lay_out(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, Place]:
    """(x, y) of each node; layers are `HEIGHT` apart, neighbours `WIDTH`, and each layer is centred around x = 0."""
    below = _forwards(nodes, edges)
    above: dict[str, list[str]] = {node: [] for node in nodes}
    for source, targets in below.items():
        for target in targets:
            above[target].append(source)
    places: dict[str, Place] = {}
    for depth, layer in enumerate(_layers(nodes, below, above)):
        ordered = sorted(layer, key=lambda node: _middle(above[node], places))
        left = -(len(ordered) - 1) * WIDTH // 2
        for number, node in enumerate(ordered):
            places[node] = (left + number * WIDTH, depth * HEIGHT)
    return places


def free_place(wanted: Place, taken: Iterable[Place]) -> Place:
    """The wanted place, moved to the right until it covers none that is taken."""
    others = list(taken)
    x, y = wanted
    while any(abs(x - left) < WIDTH and abs(y - top) < HEIGHT for left, top in others):
        x += WIDTH
    return x, y


def _middle(sources: Sequence[str], places: Mapping[str, Place]) -> float:
    return fsum(places[source][0] for source in sources) / len(sources) if sources else 0.0


def _forwards(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The edges without those that lead back to a node that is still being gone through."""
    ways: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        if source in ways and target in ways and target != source and target not in ways[source]:
            ways[source].append(target)
    below: dict[str, list[str]] = {node: [] for node in nodes}
    state: dict[str, bool] = {}
    for root in _roots_first(nodes, ways):
        stack = [(root, iter(ways[root]))] if root not in state else []
        state.setdefault(root, True)
        while stack:
            node, rest = stack[-1]
            target = next(rest, "")
            if not target:
                state[node] = False
                stack.pop()
            elif not state.get(target, False):
                below[node].append(target)
                if target not in state:
                    state[target] = True
                    stack.append((target, iter(ways[target])))
    return below


def _roots_first(nodes: Sequence[str], ways: Mapping[str, Sequence[str]]) -> Iterator[str]:
    entered = {target for targets in ways.values() for target in targets}
    yield from (node for node in nodes if node not in entered)
    yield from (node for node in nodes if node in entered)


def _layers(
    nodes: Sequence[str], below: Mapping[str, Sequence[str]], above: Mapping[str, Sequence[str]]
) -> list[list[str]]:
    missing = {node: len(above[node]) for node in nodes}
    layer = [node for node in nodes if not missing[node]]
    layers = []
    while layer:
        layers.append(layer)
        following = []
        for node in layer:
            for target in below[node]:
                missing[target] -= 1
                if not missing[target]:
                    following.append(target)
        layer = following
    return layers
