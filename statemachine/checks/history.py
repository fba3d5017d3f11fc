"""Conditions that ask about events older than any that are kept."""

from __future__ import annotations

from statemachine.checks.draft import Draft
from statemachine.checks.logic import within
from statemachine.event_condition import KEPT_EVENTS, Happened
from statemachine.problem import Problems


def check_look_back(draft: Draft, problems: Problems) -> None:
    """Warn of event conditions that look further back than events are kept."""
    for place, condition in draft.conditions.items():
        for part in within(condition):
            if isinstance(part, Happened) and part.since.look_back and part.since.look_back > KEPT_EVENTS:
                message = (
                    f"{part.label} looks back {part.since.look_back.days} days; events are kept {KEPT_EVENTS.days}"
                )
                problems.add("look_back_too_long", place, message)
