"""A failure: what went wrong in a step, as definitions and people read it. Plain data, part of the snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from statemachine.record import record

ERROR_PARTS: Final = ("step", "code", "message", "transient", "attempt", "at")
"""What can be read of an error."""
TRANSIENT: Final[Mapping[str, bool]] = {"transient": True}
"""What the history of a failure says when another attempt might have done better."""


@record
class LastError:
    """`transient`: another attempt might have done better (a time-out, a refused connection, 429, 5xx, or the worker
    said so). `attempt` counts from 1; 0 in runs that failed under an earlier version of this software."""

    step: str
    code: str
    message: str
    at: datetime
    transient: bool = False
    attempt: int = 0


def error_names(error: LastError | None) -> dict[str, Any] | None:
    """What `error.…` leads to."""
    if error is None:
        return None
    return {**last_error_to_data(error), "transient": error.transient, "attempt": error.attempt}


def last_error_to_data(error: LastError) -> dict[str, Any]:
    """JSON-ready; what is at its default is left out."""
    data: dict[str, Any] = {
        "step": error.step, "code": error.code, "message": error.message, "at": error.at.isoformat()
    }  # fmt: skip
    if error.transient:
        data["transient"] = True
    if error.attempt:
        data["attempt"] = error.attempt
    return data


def last_error_from_data(data: Mapping[str, Any]) -> LastError:
    return LastError(
        data["step"],
        data["code"],
        data["message"],
        datetime.fromisoformat(data["at"]),
        data.get("transient", False),
        data.get("attempt", 0),
    )
