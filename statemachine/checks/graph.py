"""The steps of a workflow as a graph: ways, what they reach, and rings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from statemachine.machine import ERROR, SKIP
from statemachine.workflow import Step

Ways = Mapping[str, tuple[str, ...]]
"""Step → the steps that may follow it."""


class Edge(NamedTuple):
    """A way out of a step; `outcome` may also be `error`, or SKIP when its `when` is false."""

    source: str
    outcome: str
    target: str


def edges_of(steps: Mapping[str, Step]) -> tuple[Edge, ...]:
    """Every way out of every step, those to END too."""
    found: list[Edge] = []
    for step in steps.values():
        found.extend(Edge(step.id, outcome, target) for outcome, target in step.targets.items())
        if step.on_error is not None:
            found.append(Edge(step.id, ERROR, step.on_error))
        if step.when is not None:
            found.append(Edge(step.id, SKIP, step.following))
    return tuple(found)


def ways(steps: Iterable[str], edges: Iterable[Edge]) -> Ways:
    """The graph without what leads to the end, or to a step that was refused."""
    found: dict[str, dict[str, None]] = {step_id: {} for step_id in steps}
    for edge in edges:
        if edge.target in found:
            found[edge.source][edge.target] = None
    return {step_id: tuple(targets) for step_id, targets in found.items()}


def reachable(graph: Ways, starts: Iterable[str]) -> frozenset[str]:
    """The steps that can be entered from these, themselves included."""
    seen = set(starts)
    waiting = list(seen)
    while waiting:
        for target in graph.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return frozenset(seen)


def backwards(graph: Ways) -> Ways:
    """The same graph with every way turned round."""
    found: dict[str, list[str]] = {step_id: [] for step_id in graph}
    for step_id, targets in graph.items():
        for target in targets:
            found[target].append(step_id)
    return {step_id: tuple(sources) for step_id, sources in found.items()}


def rings(graph: Ways, among: Iterable[str]) -> Iterator[list[str]]:
    """One ring of each knot (strongly connected part) of the graph, as a list of steps in order of travel."""
    members = {step_id: number for number, step_id in enumerate(among)}
    inner = {step_id: tuple(t for t in graph.get(step_id, ()) if t in members) for step_id in members}
    for knot in _knots(inner):
        start = min(knot, key=members.__getitem__)
        ring = _shortest_ring(inner, start, knot)
        if ring:
            yield ring


def _shortest_ring(graph: Ways, start: str, knot: frozenset[str]) -> list[str]:
    """The shortest way from `start` back to itself inside the knot; empty when there is none."""
    came_from: dict[str, str] = {}
    level = [start]
    while level:
        following: list[str] = []
        for step_id in level:
            for target in graph[step_id]:
                if target == start:
                    return _way_to(step_id, start, came_from)
                if target in knot and target not in came_from:
                    came_from[target] = step_id
                    following.append(target)
        level = following
    return []


def _way_to(step_id: str, start: str, came_from: Mapping[str, str]) -> list[str]:
    way = [step_id]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def _knots(graph: Ways) -> list[frozenset[str]]:
    """The strongly connected parts (Kosaraju: finish times forwards, then trees backwards)."""
    turned = backwards(graph)
    seen: set[str] = set()
    knots = []
    for step_id in reversed(_by_finish(graph)):
        if step_id not in seen:
            knot = _tree(turned, step_id, seen)
            seen |= knot
            knots.append(frozenset(knot))
    return knots


def _tree(graph: Ways, start: str, beyond: set[str]) -> set[str]:
    """What can be entered from `start` without passing those beyond."""
    found = {start}
    waiting = [start]
    while waiting:
        for target in graph[waiting.pop()]:
            if target not in beyond and target not in found:
                found.add(target)
                waiting.append(target)
    return found


def _by_finish(graph: Ways) -> list[str]:
    """Depth first without recursion: a chain of 500 steps is no reason to be deep."""
    finished: list[str] = []
    seen: set[str] = set()
    for start in graph:
        if start in seen:
            continue
        seen.add(start)
        stack = [(start, iter(graph[start]))]
        while stack:
            step_id, targets = stack[-1]
            target = next((t for t in targets if t not in seen), None)
            if target is None:
                stack.pop()
                finished.append(step_id)
            else:
                seen.add(target)
                stack.append((target, iter(graph[target])))
    return finished
