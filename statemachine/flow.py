"""The flow of a workflow as a graph: what cannot be reached, what would never end, what is read before it exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from statemachine.problem import Path, Problems
from statemachine.step import END, WaitingStep
from statemachine.workflow import Step

Edges = Mapping[str, tuple[str, ...]]


def check_flow(steps: Mapping[str, Step], first: str, paths: Mapping[str, Path], problems: Problems) -> None:
    """Warn of unreachable steps and waits without an end. `paths` says where each step stands."""
    edges = {step.id: _ways_out(step) for step in steps.values()}
    reached = reachable(edges, first)
    for step in steps.values():
        path = paths[step.id]
        if step.id not in reached:
            problems.add("unreachable_step", path, f"no way leads to {step.id!r}")
        if waits_for_ever(step):
            message = f"{step.id!r} waits for an event that may never come: add a `timeout`"
            problems.add("wait_without_timeout", path, message)


def check_outputs(
    steps: Mapping[str, Step], first: str, reads: Iterable[tuple[str, str, Path]], problems: Problems
) -> None:
    """Warn of each (reader, step whose output it reads, place) where some way to the reader misses that step."""
    edges = {step.id: _ways_out(step) for step in steps.values()}
    without: dict[str, frozenset[str]] = {}
    for reader, target, place in reads:
        if target not in without:
            without[target] = reachable(edges, first, avoid=target)
        if reader in without[target] or reader == target == first:
            message = f"step {target!r} may not have run before {reader!r}, so its output may be missing"
            problems.add("output_may_be_missing", place, message)


def waits_for_ever(step: Step) -> bool:
    """Whether only an event can end the step."""
    runner = step.runner
    return isinstance(runner, WaitingStep) and bool(step.cases) and runner.timer_outcome() not in runner.outcomes()


def reachable(edges: Edges, first: str, avoid: str | None = None) -> frozenset[str]:
    """The steps that can be entered from `first` without having run `avoid`; `avoid` itself counts as entered."""
    seen = {first}
    open_steps = [first]
    while open_steps:
        step_id = open_steps.pop()
        if step_id == avoid:
            continue
        for target in edges.get(step_id, ()):
            if target not in seen:
                seen.add(target)
                open_steps.append(target)
    return frozenset(seen)


def _ways_out(step: Step) -> tuple[str, ...]:
    targets = dict.fromkeys(target for target in step.targets.values() if target != END)
    if step.on_error is not None and step.on_error != END:
        targets[step.on_error] = None
    if step.when is not None and step.following != END:
        targets[step.following] = None
    return tuple(targets)


def check_rings(steps: Mapping[str, Step], paths: Mapping[str, Path], problems: Problems) -> None:
    """Report rings that would never end, and warn of those that may run away."""
    edges = {step.id: _ways_out(step) for step in steps.values()}
    restless = [step.id for step in steps.values() if not isinstance(step.runner, WaitingStep)]
    pure = [step_id for step_id in restless if not steps[step_id].runner.effect]
    for ring in rings(edges, pure):
        message = f"{_shown(ring)} is a ring with neither a wait nor an effect: it would never end"
        problems.add("pure_ring", paths[ring[0]], message)
    for ring in rings(edges, restless):
        if any(steps[step_id].runner.effect for step_id in ring):
            message = f"{_shown(ring)} is a ring without a wait: it may run away"
            problems.add("ring_without_wait", paths[ring[0]], message)


def _shown(ring: list[str]) -> str:
    return " → ".join(ring[:10]) + (" → …" if len(ring) > 10 else f" → {ring[0]}")


def rings(edges: Edges, among: Iterable[str]) -> Iterator[list[str]]:
    """One ring of each knot (strongly connected part) of the graph, as a list of steps in order of travel."""
    members = {step_id: number for number, step_id in enumerate(among)}
    inner = {step_id: tuple(t for t in edges.get(step_id, ()) if t in members) for step_id in members}
    for knot in _knots(inner):
        start = min(knot, key=members.__getitem__)
        ring = _shortest_ring(inner, start, knot)
        if ring:
            yield ring


def _shortest_ring(edges: Edges, start: str, knot: frozenset[str]) -> list[str]:
    """The shortest way from `start` back to itself inside the knot; empty when there is none."""
    came_from: dict[str, str] = {}
    level = [start]
    while level:
        following: list[str] = []
        for step_id in level:
            for target in edges[step_id]:
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


def _knots(edges: Edges) -> list[frozenset[str]]:
    """The strongly connected parts (Kosaraju: finish times forwards, then trees backwards)."""
    backwards: dict[str, list[str]] = {step_id: [] for step_id in edges}
    for step_id, targets in edges.items():
        for target in targets:
            backwards[target].append(step_id)
    seen: set[str] = set()
    knots = []
    for step_id in reversed(_by_finish(edges)):
        if step_id not in seen:
            knot = _collect(backwards, step_id, seen)
            knots.append(knot)
    return knots


def _collect(backwards: Mapping[str, list[str]], start: str, seen: set[str]) -> frozenset[str]:
    found = {start}
    open_steps = [start]
    seen.add(start)
    while open_steps:
        for target in backwards[open_steps.pop()]:
            if target not in seen:
                seen.add(target)
                found.add(target)
                open_steps.append(target)
    return frozenset(found)


def _by_finish(edges: Edges) -> list[str]:
    """Depth first without recursion: a chain of 500 steps is no reason to be deep."""
    finished: list[str] = []
    seen: set[str] = set()
    for start in edges:
        if start in seen:
            continue
        seen.add(start)
        stack = [(start, iter(edges[start]))]
        while stack:
            step_id, targets = stack[-1]
            target = next((t for t in targets if t not in seen), None)
            if target is None:
                stack.pop()
                finished.append(step_id)
            else:
                seen.add(target)
                stack.append((target, iter(edges[target])))
    return finished
