"""Conditions that decide nothing, and cases that are never taken."""

from __future__ import annotations

from statemachine.checks.draft import Draft
from statemachine.checks.logic import constant
from statemachine.problem import Path, Problems
from statemachine.steps.branch import Branch
from statemachine.workflow import Step

_WITH_CODES_OF_THEIR_OWN = ("trigger", "triggers", "exit")


def check_conditions(draft: Draft, problems: Problems) -> None:
    """Warn of conditions that can never hold."""
    for place, condition in draft.conditions.items():
        if place[0] not in _WITH_CODES_OF_THEIR_OWN and constant(condition) is False:
            problems.add("never_holds", place, "this condition can never hold")


def check_branches(draft: Draft, problems: Problems) -> None:
    """Warn of condition steps in which a condition that always holds keeps the rest from being tried."""
    places = {id(condition): place for place, condition in draft.conditions.items()}
    for step in draft.steps.values():
        if isinstance(step.runner, Branch):
            _check_branch(step.runner, draft.places[step.id], places, problems)


def _check_branch(runner: Branch, around: Path, places: dict[int, Path], problems: Problems) -> None:
    conditions = runner.conditions()
    named = {name for name, _ in conditions}
    for number, (outcome, condition) in enumerate(conditions):
        if constant(condition) is True:
            last = tuple(name for name in runner.outcomes() if name not in named)
            never = ", ".join(repr(name) for name in (*(name for name, _ in conditions[number + 1 :]), *last))
            message = f"this condition always holds: the run goes on by {outcome!r}, never by {never}"
            problems.add("never_holds", places.get(id(condition), around), message)
            return


def check_events(draft: Draft, problems: Problems) -> None:
    """Warn of cases of a wait that an earlier case for the same event leaves nothing for."""
    for step in draft.steps.values():
        for event, outcome in _overtaken(step):
            message = f"an earlier case takes every {event!r}, so that this wait never ends by {outcome!r} for it"
            problems.add("never_holds", (*draft.places[step.id], "config"), message)


def _overtaken(step: Step) -> list[tuple[str, str]]:
    """(event, outcome) of the entries of which no event is left. An entry may stand for several events (`reply`)."""
    taken: set[str] = set()
    entries: dict[tuple[str, int], list[str]] = {}
    left: set[tuple[str, int]] = set()
    for case in step.cases:
        entry = (case.outcome, id(case.when))
        entries.setdefault(entry, []).append(case.event)
        if case.event not in taken:
            left.add(entry)
        if case.when is None or constant(case.when) is True:
            taken.add(case.event)
    return [(events[0], entry[0]) for entry, events in entries.items() if entry not in left]
