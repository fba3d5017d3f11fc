"""Triggers and exit rules that can never apply."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from statemachine.checks.draft import Draft
from statemachine.checks.flow import surely_waits
from statemachine.checks.graph import reachable
from statemachine.checks.logic import constant
from statemachine.condition import Condition
from statemachine.problem import Path, Problems
from statemachine.workflow import ExitRule, Trigger

_MAX_EARLIER: Final = 50
Rule = TypeVar("Rule", Trigger, ExitRule)


def check_triggers(draft: Draft, problems: Problems) -> None:
    """Warn of triggers that never enrol: they never match, or an earlier one always comes first."""
    for place, group, before in _groups(draft.triggers, lambda trigger: trigger.type):
        if all(_never(trigger.conditions) for trigger in group):
            problems.add("trigger_never_fires", place, "the conditions of this trigger can never hold")
        elif group[0].enabled and all(
            any(_takes_all(other, trigger) for other in before[trigger.type]) for trigger in group
        ):
            message = f"an earlier trigger takes every {group[0].type!r} that this one would take"
            problems.add("trigger_never_fires", place, message)


def check_exits(draft: Draft, problems: Problems) -> None:
    """Warn of exit rules that never end a run."""
    filtered = any(trigger.conditions for _, trigger in draft.triggers)
    rests = _rests(draft)
    for place, group, before in _groups(draft.exits, _occasion):
        rule = group[0]
        if rule.on_mismatch and not filtered:
            message = "no trigger has conditions, so there is no entry filter that could stop matching"
        elif all(_never(each.when) for each in group):
            message = "the condition of this exit rule can never hold"
        elif all(any(_always(other.when) for other in before[_occasion(each)]) for each in group):
            message = f"an earlier exit rule ends the run on every {rule.on or 'mismatch'!r}"
        elif not rests:
            message = "no step waits or reaches outside, so that every run is over before another event can come"
        else:
            continue
        problems.add("exit_never_fires", place, message)


def _groups(
    placed: Sequence[tuple[Path, Rule]], kind: Callable[[Rule], Hashable]
) -> Iterable[tuple[Path, list[Rule], Mapping[Hashable, list[Rule]]]]:
    """(place, its rules, by kind the rules before): one line of the author may stand for several events (`reply`).

    Of many rules of a kind, the first ones are looked at again.
    """
    groups: dict[Path, list[Rule]] = {}
    for place, rule in placed:
        groups.setdefault(place, []).append(rule)
    before: defaultdict[Hashable, list[Rule]] = defaultdict(list)
    for place, group in groups.items():
        yield place, group, before
        for rule in group:
            if len(before[kind(rule)]) < _MAX_EARLIER:
                before[kind(rule)].append(rule)


def _never(condition: Condition | None) -> bool:
    return condition is not None and constant(condition) is False


def _always(condition: Condition | None) -> bool:
    return condition is None or constant(condition) is True


def _takes_all(earlier: Trigger, trigger: Trigger) -> bool:
    same = earlier.enabled and earlier.type == trigger.type and _always(earlier.conditions)
    return same and all(trigger.config.get(name) == wanted for name, wanted in earlier.config.items())


def _occasion(rule: ExitRule) -> tuple[str | None, bool]:
    return rule.on, rule.on_mismatch


def _rests(draft: Draft) -> bool:
    """Whether a run ever stops in a step where an event can find it."""
    entered = (draft.steps[step_id] for step_id in reachable(draft.ways, draft.starts))
    return any(step.runner.effect or surely_waits(step) for step in entered)
