"""Conditions that ask about events older than any that are kept, or about more than are looked at."""

from __future__ import annotations

from statemachine.checks.draft import Draft
from statemachine.checks.logic import within
from statemachine.event_condition import KEPT_EVENTS, Happened
from statemachine.limits import MAX_EVENTS_READ
from statemachine.problem import Problems


def check_look_back(draft: Draft, problems: Problems) -> None:
    """Warn of event conditions that look further back than events are kept, or count beyond what is looked at."""
    for place, condition in draft.conditions.items():
        for part in within(condition):
            if not isinstance(part, Happened):
                continue
            if part.since.look_back and part.since.look_back > KEPT_EVENTS:
                message = (
                    f"{part.label} looks back {part.since.look_back.days} days; events are kept {KEPT_EVENTS.days}"
                )
                problems.add("look_back_too_long", place, message)
            if part.count > MAX_EVENTS_READ:
                message = (
                    f"{part.label} counts beyond the latest {MAX_EVENTS_READ:,} events of a type, which are looked at"
                )
                problems.add("look_back_too_long", place, message)
