"""Ways out of the bodies that children run: branches of parallel steps, and rounds of parallel loops."""

from __future__ import annotations

from statemachine.checks.draft import Draft
from statemachine.checks.graph import Edge, edges_of
from statemachine.problem import Problems
from statemachine.workflow import fork_around


def check_ways_out(draft: Draft, problems: Problems) -> None:
    """Report ways out of a body that a child runs: it has none but its end."""
    told: set[tuple[str, str]] = set()
    for edge in edges_of(draft.steps):
        fork = _left(edge, draft)
        if fork is not None and (edge.source, edge.target) not in told:
            told.add((edge.source, edge.target))
            message = f"{edge.source!r} leads to {edge.target!r}, out of {_called(fork, draft)}"
            problems.add("across_branches", draft.places[edge.source], message)


def _left(edge: Edge, draft: Draft) -> tuple[str, str] | None:
    """The body that a way leads out of, other than by its end."""
    source, target = draft.steps[edge.source], draft.steps.get(edge.target)
    fork = fork_around(source, draft.steps)
    if fork is None or target is None or target.id == fork[0]:
        return None
    return None if fork in zip(target.within, target.bodies, strict=True) else fork


def _called(fork: tuple[str, str], draft: Draft) -> str:
    owner, name = fork
    rounds = draft.steps[owner].type == "loop"
    return f"a round of {owner!r}" if rounds else f"the branch {name!r} of {owner!r}"
