"""A family at work: what a decision means to the children and the parent of its run, decided in the same breath.

A parent's words reach its children, children are started and run until they rest, and the end of a child is told to its
parent, which may go on and start others: depth first, so that a branch that decides a race is heard before its
competitors begin. Whoever keeps enrollments (an engine's batch, a simulated world, the reception of an event) is the
household; each decision is kept as it is made, all of them together or none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Protocol

from statemachine.cause import Cause, ChildCause, ParentCause, UndoCause
from statemachine.decision import ChildOrder, Decision
from statemachine.kin import size_known
from statemachine.snapshot import Snapshot, Status
from statemachine.workflow import Workflow

MAX_TRANSITIONS_AT_ONCE: Final = 1_000
"""What a family does at once; the children that it starts beyond begin in the next batch."""
MAX_BYTES_AT_ONCE: Final = 32 * 1024 * 1024
"""About how many bytes the children may begin with that a family starts at once; it is bound like transitions."""


class Household(Protocol):
    """The enrollments at hand. `decide` keeps what it decides."""

    def member(self, run_id: str) -> tuple[Workflow, Snapshot] | None:
        """A run as it is now; None when it is gone."""

    def children_of(self, run_id: str) -> Iterable[tuple[Workflow, Snapshot]]:
        """Its live children, as far as they are at hand."""

    def version_of(self, order: ChildOrder) -> Workflow | None:
        """What a child will run; None when there is no such workflow, or version of it."""

    def decide(
        self, workflow: Workflow, snapshot: Snapshot, cause: Cause, *, crowded: bool = False
    ) -> Decision | None: ...

    def absent(self, parent: Snapshot, word: ParentCause) -> None:
        """Some of the children who must hear this word may not be at hand."""


_Errand = tuple[Snapshot, ParentCause | ChildCause | UndoCause | ChildOrder]
"""The run whose decision it comes from, and what is left to do."""


def follow(household: Household, before: Snapshot | None, decision: Decision) -> None:
    """See to everything that a decision, already kept, means to its family. `before` is its run as it was."""
    if decision.of_family:
        _work(household, _errands(decision), _moves(before, decision))


def tell(household: Household, parent: Snapshot, word: ParentCause) -> None:
    """Pass a word on to the children at hand; to those who have heard it already it means nothing."""
    _work(household, [(parent, word)], 0)


def _work(household: Household, errands: list[_Errand], done: int) -> None:
    while errands:
        owner, errand = errands.pop()
        for was, made in _run(household, owner, errand, crowded=done >= MAX_TRANSITIONS_AT_ONCE):
            done += _moves(was, made)
            errands += _errands(made)


def _errands(decision: Decision) -> list[_Errand]:
    """The last one is to be done first."""
    undos = (decision.undos,) if decision.undos else ()
    ended = (decision.ended,) if decision.ended else ()
    return [(decision.snapshot, errand) for errand in (*undos, *decision.told, *decision.children, *ended)][::-1]


def _moves(before: Snapshot | None, decision: Decision) -> int:
    """How much a decision did, in transitions; children that begin with much count for as many as they are large."""
    moves = max(1, decision.snapshot.transitions - (before.transitions if before else 0))
    return moves + begun_with(decision) * MAX_TRANSITIONS_AT_ONCE // MAX_BYTES_AT_ONCE


def begun_with(decision: Decision) -> int:
    """About how many bytes the children begin with that a decision starts: all of them with the same."""
    children = decision.children
    return len(children) * size_known(children[0].snapshot, MAX_BYTES_AT_ONCE) if children else 0


def _run(
    household: Household, owner: Snapshot, errand: ParentCause | ChildCause | UndoCause | ChildOrder, *, crowded: bool
) -> list[tuple[Snapshot, Decision]]:
    if isinstance(errand, ChildOrder):
        return _start(household, owner, errand, crowded=crowded)
    if isinstance(errand, ParentCause):
        return _tell(household, owner, errand)
    assert owner.parent_id is not None
    return _hear(household, owner.parent_id, errand)


def _hear(household: Household, parent_id: str, news: ChildCause | UndoCause) -> list[tuple[Snapshot, Decision]]:
    parent = household.member(parent_id)
    made = household.decide(*parent, news) if parent is not None else None
    return [(parent[1], made)] if parent is not None and made is not None else []


def _tell(household: Household, parent: Snapshot, word: ParentCause) -> list[tuple[Snapshot, Decision]]:
    found = []
    for workflow, child in list(household.children_of(parent.id)):
        if child.origin is not None and child.origin.awaited and child.origin.visit == word.visit:
            made = household.decide(workflow, child, word)
            if made is not None:
                found.append((child, made))
    household.absent(parent, word)
    return found


def _start(
    household: Household, owner: Snapshot, order: ChildOrder, *, crowded: bool
) -> list[tuple[Snapshot, Decision]]:
    if not _wanted(household, order):
        return []
    workflow = household.version_of(order)
    if workflow is None:
        return _hear(household, owner.id, _not_found(order))
    child = replace(order.snapshot, version=workflow.version)
    made = household.decide(workflow, child, order.cause, crowded=crowded)
    return [(child, made)] if made is not None else []


def _wanted(household: Household, order: ChildOrder) -> bool:
    """Whether its parent still waits for it; whoever nobody waits for is always started."""
    origin, parent_id = order.snapshot.origin, order.snapshot.parent_id
    assert origin is not None
    assert parent_id is not None
    if not origin.awaited:
        return True
    found = household.member(parent_id)
    if found is None or found[1].brood is None:
        return False
    return found[1].visit == origin.visit and origin.name in found[1].brood.open


def _not_found(order: ChildOrder) -> ChildCause:
    child, origin = order.snapshot, order.snapshot.origin
    assert origin is not None
    which = (
        f"version {child.version} of workflow {child.workflow!r}" if child.version else f"workflow {child.workflow!r}"
    )
    message = f"there is no {which} that could be entered"
    error = {"code": "unknown_workflow", "message": message}
    return ChildCause(child.id, origin.step, origin.visit, origin.name, Status.FAILED.value, error=error)
