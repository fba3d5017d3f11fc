"""What can be known of a condition without a run: whether it is always or never true, and what it says of its names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from statemachine.condition_tree import All, AnyOf, Compare, Condition, Holds, Not
from statemachine.path import Path
from statemachine.scope import Scope
from statemachine.time_condition import TimeIs

_NOTHING: Final[frozenset[Path]] = frozenset()
_PRESENT: Final = frozenset({"exists", "is_not_empty", "contains", "starts_with", "ends_with", "matches"})
_ABSENT: Final = frozenset({"not_exists", "is_empty", "not_contains"})
_EITHER: Final = re.compile(r"\|\||\?|\bOR\b|\bNOT\b|!(?!=)|\b(?:all|exists|exists_one|filter|map)\(")
_EMPTY: Final = Scope(now=datetime(2026, 1, 1, tzinfo=UTC))
_UTC: Final = ZoneInfo("UTC")


def within(condition: Condition) -> Iterator[Condition]:
    """The condition and all its parts."""
    yield condition
    if isinstance(condition, All | AnyOf):
        for part in condition.parts:
            yield from within(part)
    elif isinstance(condition, Not):
        yield from within(condition.part)


def constant(condition: Condition) -> bool | None:
    """True or False when the condition is that in every run, else None."""
    if isinstance(condition, All | AnyOf):
        decisive = isinstance(condition, AnyOf)
        results = [constant(part) for part in condition.parts]
        if decisive in results:
            return decisive
        return None if None in results else not decisive
    if isinstance(condition, Not):
        inner = constant(condition.part)
        return None if inner is None else not inner
    if isinstance(condition, Compare):
        known = condition.left.constant and (condition.right.constant or condition.operator.unary)
        return condition.test(_EMPTY) if known else None
    if isinstance(condition, Holds):
        return None if condition.paths else condition.test(_EMPTY)
    return False if isinstance(condition, TimeIs) and _never(condition) else None


def _never(condition: TimeIs) -> bool:
    """Whether the window is empty: its end is not after its start, and it does not run over midnight."""
    if condition.after is None or condition.before is None or condition.other_paths:
        return False
    after, before = condition.after.limit(_EMPTY, _UTC), condition.before.limit(_EMPTY, _UTC)
    if isinstance(after, time) and isinstance(before, time):
        return not condition.between and after >= before
    return isinstance(after, datetime) and isinstance(before, datetime) and after >= before


def proved(condition: Condition, outcome: bool) -> frozenset[Path]:
    """The paths that surely lead to a value when the condition has this outcome."""
    if isinstance(condition, Not):
        return proved(condition.part, not outcome)
    if isinstance(condition, All | AnyOf):
        parts = [proved(part, outcome) for part in condition.parts]
        if not parts:
            return _NOTHING
        every = isinstance(condition, All) is outcome
        return _NOTHING.union(*parts) if every else parts[0].intersection(*parts[1:])
    if isinstance(condition, Compare):
        return condition.left.paths if _shows_value(condition, outcome) else _NOTHING
    if isinstance(condition, Holds) and outcome and not _EITHER.search(condition.expression.text):
        return condition.paths
    return _NOTHING


def _shows_value(condition: Compare, outcome: bool) -> bool:
    name = condition.operator.name
    if name in _PRESENT:
        return outcome
    if name in _ABSENT:
        return not outcome
    known = condition.right.constant and condition.right.read(_EMPTY) is not None
    return known and name == ("equals" if outcome else "not_equals")


def guarded_paths(condition: Condition) -> frozenset[Path]:
    """The paths that the condition asks about as such: whether they exist, whether they are empty, `has(…)`."""
    found: set[Path] = set()
    for part in within(condition):
        if isinstance(part, Compare):
            found |= part.left.guarded | part.right.guarded | (part.left.paths if part.operator.unary else _NOTHING)
        elif isinstance(part, Holds):
            found |= part.expression.guarded
    return frozenset(found)
