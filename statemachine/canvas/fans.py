"""Several edges without a label out of one node: parallel branches, which join at the first node that all reach.

Such a fan is read as if its author had drawn a `parallel` node between: each edge is a branch of it, named by the node
where it begins; what leads to where they join leads back to it, and it goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from statemachine.canvas.edge import Edge
from statemachine.checks.graph import reachable
from statemachine.step import END

PARALLEL: Final = "parallel"


def spread(
    fans: Mapping[str, Sequence[Edge]], edges: Sequence[Edge], taken: Iterable[str]
) -> tuple[list[str], list[Edge]]:
    """The ids of the parallel nodes to draw, and the edges with them. `fans` leads a node to its unlabelled edges."""
    graph = _graph([*edges, *(edge for fan in fans.values() for edge in fan)])
    known, drawn = set(taken), []
    found = list(edges)
    for source, fan in fans.items():
        begins = [edge.target for edge in fan]
        join = _join(begins, graph)
        branches = [edge for edge in fan if edge.target != join]
        if len(branches) < 2:
            found += branches or fan[:1]
            continue
        name = _free(f"{source}_branches", known)
        known.add(name)
        drawn.append(name)
        inside = reachable(graph, [edge.target for edge in branches]) - reachable(graph, [join])
        found = [_back(edge, name) if edge.source in inside and edge.target == join else edge for edge in found]
        found += [_plain(fan[0], source, name), *(_branch(edge, name) for edge in branches)]
        if join != END:
            found.append(_plain(fan[0], name, join))
    return drawn, found


def _graph(edges: Iterable[Edge]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for edge in edges:
        found[edge.source] = (*found.get(edge.source, ()), edge.target)
    return found


def _join(begins: Sequence[str], graph: Mapping[str, tuple[str, ...]]) -> str:
    """The first node that all branches reach: the one from which all others that they all reach are reached."""
    common = set.intersection(*(set(reachable(graph, [begin])) for begin in begins)) - {END}
    firsts = [node for node in sorted(common) if common <= reachable(graph, [node])]
    return firsts[0] if firsts else END


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def _back(edge: Edge, parallel: str) -> Edge:
    return replace(edge, target=parallel, raw={**edge.raw, "target": parallel})


def _plain(like: Edge, source: str, target: str) -> Edge:
    raw: dict[str, Any] = {"source": source, "target": target}
    return replace(like, source=source, target=target, outcome=None, implied=False, raw=raw)


def _branch(edge: Edge, parallel: str) -> Edge:
    raw = {**edge.raw, "source": parallel, "data": {"outcome": edge.target}}
    return replace(edge, source=parallel, outcome=edge.target, implied=False, raw=raw)
