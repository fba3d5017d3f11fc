"""A workflow on its way to being published, as the checks see it: compiled parts, and where each of them stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from statemachine.checks.graph import Edge, Ways, courses_of, ways
from statemachine.compiler import Read
from statemachine.condition import Condition
from statemachine.problem import Path, Problems
from statemachine.workflow import ExitRule, Limits, Step, Trigger


@dataclass(frozen=True)
class Draft:
    """`starts` are the steps where a run may begin; `places` say where steps stand.

    `triggers` and `exits` come with their places. `reads` are (step, read), the step None outside of any. `conditions`
    are all conditions by place, and `declared` the variables that exist at entry.
    """

    steps: Mapping[str, Step]
    starts: tuple[str, ...]
    places: Mapping[str, Path]
    triggers: Sequence[tuple[Path, Trigger]]
    exits: Sequence[tuple[Path, ExitRule]]
    limits: Limits
    declared: frozenset[str]
    reads: Sequence[tuple[str | None, Read]]
    conditions: Mapping[Path, Condition]
    on_failure: str = ""

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every way from the work of one step to that of the next, and to the end."""
        return courses_of(self.steps, self.on_failure)

    @cached_property
    def leaving(self) -> Mapping[str, Sequence[Edge]]:
        """The same by the step that they leave."""
        found: dict[str, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.source, []).append(edge)
        return found

    @cached_property
    def ways(self) -> Ways:
        """The same from step to step alone."""
        return ways(self.steps, self.edges)

    @cached_property
    def ways_on(self) -> Ways:
        """The same without the ways from a body back to its loop or parallel step, and into undos: both are counted."""
        undoing = {step.id for step in self.steps.values() if step.runner.undoes}
        onward = [
            edge
            for edge in self.edges
            if edge.target not in self.steps[edge.source].within and not (edge.source in undoing and edge.through)
        ]
        return ways(self.steps, onward)

    @cached_property
    def variables(self) -> frozenset[str]:
        """Every variable that the definition itself gives a value at some time."""
        named = {step.output for step in self.steps.values() if step.output}
        return self.declared.union(named, *(step.runner.variables() for step in self.steps.values()))


Check = Callable[[Draft, Problems], None]
"""Looks at one thing and reports what is wrong with it."""
