"""Triggers that open the path: those that say where their runs begin (`next`), as trigger nodes of a canvas do.

Such a trigger is a step of its own: the first entry of path and history, done as soon as it is entered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from statemachine.names import canonical_event
from statemachine.problem import Path, Problems
from statemachine.step import END, Build, Context, PureStep, StepConfig
from statemachine.step_result import Outcome, Result
from statemachine.workflow import Step

TRIGGER: Final = "trigger"
_BY_API: Final = ("manual", "api")


@dataclass(frozen=True, slots=True)
class Opening:
    """A trigger of the document: `target` is its `next`, None for a trigger that leaves it to the list of steps."""

    id: str
    type: str
    name: str
    target: str | None
    path: Path


class Opened(PureStep):
    """The step of a trigger: done at once."""

    name: ClassVar[str] = TRIGGER
    Config = StepConfig
    silent = True

    def __init__(self, config: Any = None, build: Build | None = None) -> None:
        pass

    def run(self, context: Context) -> Result:
        return Outcome("done")


def opening_steps(
    openings: Iterable[Opening], known: Mapping[str, Path], problems: Problems, *, lenient: bool
) -> dict[str, Step]:
    """A step for every trigger with a `next`. `known` are the ids of the workflow's steps."""
    steps: dict[str, Step] = {}
    for opening in openings:
        if opening.target is None:
            continue
        if opening.id in known or opening.id == END:
            message = f"{opening.id!r} is a step's id too: a trigger with `next` is in the path under its own id"
            problems.add("duplicate_id", (*opening.path, "id"), message)
        target = _target(opening, known, problems, lenient=lenient)
        steps[opening.id] = Step(
            opening.id, TRIGGER, Opened(), {"done": target}, name=opening.name, following=target
        )  # fmt: skip
    return steps


def beginning(openings: Iterable[Opening], first: str) -> tuple[str, dict[str, str]]:
    """Where a run by API begins, and for each trigger where its runs do.

    A run by API begins as the first trigger of type `manual` or `api` would begin it, else as the first trigger.
    """
    entries = {opening.id: first if opening.target is None else opening.id for opening in openings}
    if not entries:
        return first, {}
    asked = (opening.id for opening in openings if canonical_event(opening.type).type in _BY_API)
    return entries[next(asked, next(iter(entries)))], entries


def _target(opening: Opening, known: Mapping[str, Path], problems: Problems, *, lenient: bool) -> str:
    target = opening.target or END
    if target == END or target in known:
        return target
    message, place = f"there is no step {target!r}", (*opening.path, "next")
    if lenient:
        problems.add("unknown_step", place, f"{message}: the run completes here", severity="warning")
    else:
        problems.add("unknown_step", place, message, problems.guess(target, (*known, END)))
    return END
