"""Verdicts: what an event did with regard to one workflow, in a word."""

from __future__ import annotations

from typing import Final

from statemachine.record import record

ENROLLED: Final = "ENROLLED"
ADVANCED: Final = "ADVANCED"
EXITED: Final = "EXITED"
BUFFERED: Final = "BUFFERED"
DEBOUNCED: Final = "DEBOUNCED"
BLOCKED: Final = "BLOCKED"
NOT_MATCHED: Final = "NOT_MATCHED"
EARLY: Final = "early"
"""The rule of a verdict BUFFERED: the enrollment is not waiting for the event yet."""
DROPPED: Final = "dropped"
"""The rule of a verdict BLOCKED: the enrollment is paused, and its pause drops events."""


@record
class Verdict:
    """What an event did with regard to one workflow; `rule` says by which rule or condition where that matters."""

    workflow: str
    version: int
    kind: str
    enrollment_id: str = ""
    rule: str = ""
    step: str = ""
