"""The steps of a workflow as a graph: ways, what they reach, and rings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from statemachine.machine import ERROR, SKIP
from statemachine.workflow import ON_FAILURE, UNDONE, Step

Ways = Mapping[str, tuple[str, ...]]
"""Step → the steps that may follow it."""


class Edge(NamedTuple):
    """A way out of a step; `outcome` may also be `error`, or SKIP when its `when` is false.

    `through` are the guards that it brings to their end on the way."""

    source: str
    outcome: str
    target: str
    through: tuple[str, ...] = ()


def edges_of(steps: Mapping[str, Step]) -> tuple[Edge, ...]:
    """Every way out of every step that the definition names, those to END too."""
    found: list[Edge] = []
    for step in steps.values():
        found.extend(Edge(step.id, outcome, target) for outcome, target in step.targets.items())
        if step.on_error is not None:
            found.append(Edge(step.id, ERROR, step.on_error))
        if step.when is not None:
            found.append(Edge(step.id, SKIP, step.following))
    return tuple(found)


def courses_of(steps: Mapping[str, Step], on_failure: str = "") -> tuple[Edge, ...]:
    """Every way from one step's work to that of the next: as `edges_of`, but errors lead to what takes them, and the
    end of a body leads to where its guard goes on.

    What a `finally` is passed for goes on from before it, and to the `finally` besides. A step that undoes leads to
    each undo, and those lead to where it goes on. `on_failure` is where an error leads that nothing takes."""
    found: dict[Edge, None] = {}
    undoing = _undoing(steps)
    for step in steps.values() if undoing else ():
        if step.undo:
            found.update(dict.fromkeys(Edge(each.id, SKIP, step.undo, (step.id,)) for each in undoing))
    for edge in edges_of(steps):
        source = steps[edge.source]
        if edge.target == UNDONE:
            ends = [edge._replace(target=each.targets["done"]) for each in undoing]
            found.update(
                (course, None)
                for end, each in zip(ends, undoing, strict=True)
                for course in _arrivals(end, each, steps)
            )
        elif not source.runner.guards or edge.outcome in (source.runner.needs_body, SKIP):
            found.update(dict.fromkeys(_arrivals(edge, source, steps)))
    for step in steps.values():
        if step.runner.guards:
            continue
        if step.on_error is None:
            found.update(dict.fromkeys(_errors(step.id, step, steps, on_failure)))
        for hop in (*step.via.values(), *step.ways_out.values()):
            found[Edge(step.id, SKIP, steps[hop].targets["finally"])] = None
    return tuple(found)


def _undoing(steps: Mapping[str, Step]) -> list[Step]:
    """The steps that undo others; those within an undo are refused."""
    return [step for step in steps.values() if step.runner.undoes and step.caught_by != UNDONE]


def _arrivals(edge: Edge, source: Step, steps: Mapping[str, Step]) -> Iterator[Edge]:
    guard = steps.get(edge.target)
    if guard is None or not guard.runner.guards or guard.id not in source.within:
        yield edge
        return
    body = source.bodies[source.within.index(guard.id)]
    onward = guard.runner.after(body)
    if onward in guard.runner.bodies():
        yield edge._replace(target=guard.targets[str(onward)])
    if body != "finally":
        done = guard.targets[guard.runner.outcomes()[0]]
        yield from _arrivals(edge._replace(target=done, through=(*edge.through, guard.id)), guard, steps)


def _errors(thrower: str, step: Step, steps: Mapping[str, Step], on_failure: str) -> Iterator[Edge]:
    """Where an error of `thrower` may lead, once it has come out of `step`."""
    taken_by = step.on_error or step.caught_by or ""
    if taken_by == UNDONE:
        for undoing in _undoing(steps):
            yield from _errors(thrower, undoing, steps, on_failure)
        return
    if not taken_by and on_failure and step.runner.can_fail and ON_FAILURE not in step.within:
        yield Edge(thrower, ERROR, on_failure)
    catcher = steps.get(taken_by)
    if catcher is None or step.on_error is not None or not catcher.runner.guards:
        if taken_by:
            yield from _arrivals(Edge(thrower, ERROR, taken_by), step, steps)
        return
    body = step.bodies[step.within.index(catcher.id)]
    onward = catcher.runner.after(body, failed=True)
    if onward is not None:
        yield Edge(thrower, ERROR, catcher.targets[onward])
    if onward in (None, "finally"):
        yield from _errors(thrower, catcher, steps, on_failure)


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
