"""Coverage: which steps of a workflow were entered by its tests, and which ways out of them were taken.

A branch is a way out of a step that has more than one: its outcomes, `error` where that leads somewhere, and being
skipped where the step has a `when`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from statemachine.machine import ERROR
from statemachine.simulation.world import World
from statemachine.workflow import Workflow

SKIPPED: Final = "skipped"
Branch = tuple[str, str]
"""A step and one way out of it."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """`steps` and `branches` are all there are, in the author's order; the other two those that were taken."""

    workflow: str
    steps: tuple[str, ...]
    branches: tuple[Branch, ...]
    entered: frozenset[str] = field(default_factory=frozenset)
    taken: frozenset[Branch] = field(default_factory=frozenset)

    @property
    def missing_steps(self) -> tuple[str, ...]:
        return tuple(step for step in self.steps if step not in self.entered)

    @property
    def missing_branches(self) -> tuple[Branch, ...]:
        return tuple(branch for branch in self.branches if branch not in self.taken)

    @property
    def step_percent(self) -> float:
        return _percent(len(self.steps) - len(self.missing_steps), len(self.steps))

    @property
    def branch_percent(self) -> float:
        """100 for a workflow without branches."""
        return _percent(len(self.branches) - len(self.missing_branches), len(self.branches))


def coverage(workflow: Workflow, worlds: Iterable[World]) -> Coverage:
    """What the simulations reached of the workflow, all together."""
    entered: set[str] = set()
    taken: set[Branch] = set()
    for world in worlds:
        for record in world.all_of(workflow.key):
            origin = record.snapshot.origin
            if origin is not None and origin.outcome:
                taken.add((origin.step, origin.outcome))
            for entry in record.history:
                if not entry.step:
                    continue
                if entry.kind == "step_skipped":
                    taken.add((entry.step, entry.outcome or SKIPPED))
                    continue
                entered.add(entry.step)
                if entry.kind in ("step_completed", "step_failed") and entry.outcome:
                    taken.add((entry.step, entry.outcome))
    return Coverage(workflow.key, tuple(workflow.steps), _branches(workflow), frozenset(entered), frozenset(taken))


def _branches(workflow: Workflow) -> tuple[Branch, ...]:
    found: list[Branch] = []
    for step in workflow.steps.values():
        ways = [way for way in workflow.machine.outcomes(step.id) if way != ERROR or step.caught_by is None]
        if step.when is not None:
            ways.append(SKIPPED)
        if len(ways) > 1:
            found += [(step.id, way) for way in ways]
    return tuple(found)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 100.0
