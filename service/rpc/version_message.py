"""Differences and migrations as the protos have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from statewright.v1 import Difference, DifferenceKind, DifferencePart, MigrationFit, MigrationGroup, MigrationTimers

from service.engine.migrating import Group
from service.rpc.payload import write_value
from statemachine.diff import Change
from statemachine.migration import Fit

TIMERS: Final[Mapping[int, str]] = {
    MigrationTimers.MIGRATION_TIMERS_UNSPECIFIED: "keep",
    MigrationTimers.MIGRATION_TIMERS_KEEP: "keep",
    MigrationTimers.MIGRATION_TIMERS_RECOMPUTE: "recompute",
}
FITS: Final = {fit: MigrationFit.Value(f"MIGRATION_FIT_{fit.name}") for fit in Fit}


def write_difference(change: Change, message: Difference) -> None:
    message.part = DifferencePart.Value(f"DIFFERENCE_PART_{change.part.upper()}")  # type: ignore[assignment]
    message.kind = DifferenceKind.Value(f"DIFFERENCE_KIND_{change.kind.upper()}")  # type: ignore[assignment]
    message.name = change.name
    message.path = change.path
    _write_side(change.old, message.old_value, there=change.kind != "added")
    _write_side(change.new, message.new_value, there=change.kind != "removed")
    message.text = change.text


def _write_side(value: Any, target: Any, *, there: bool) -> None:
    if there:
        write_value(value, target)


def write_group(group: Group, message: MigrationGroup, suggestions: Mapping[str, str]) -> None:
    placement = group.placement
    message.step = group.step
    message.to_step = placement.step
    message.fit = FITS[placement.fit]  # type: ignore[assignment]
    message.count = group.count
    message.reason = placement.reason
    message.message = placement.message
    message.example_enrollment_id = group.example
    if placement.fit is Fit.NEEDS_MAPPING:
        message.suggested_step = suggestions.get(group.step, "")
