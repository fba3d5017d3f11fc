"""What pauses of its workflow mean to a run's deadlines.

A workflow's pause touches no run. The workflow remembers how long it has stood still in all under the policy
`remaining`; each run remembers how much of that its own deadlines have been moved by, and makes up for the difference
when it is next decided. So pausing and resuming cost the same for ten runs and for a million.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from statemachine.snapshot import Snapshot, Status

PAUSE_POLICIES: Final = ("keep", "remaining", "catch_up")
"""What becomes of deadlines during a pause: the same instants, what was left of them, or fired at resume in the order
in which they and the events fell."""

EVENT_POLICIES: Final = ("buffer", "deliver", "drop")
"""What becomes of events during a pause: kept for the resume; exits and waits take them at once, and the run stands
before the next step; or gone for the run."""

CONTINUE: Final = "continue"
"""The name of the deadline of a run that goes on in the next batch; pauses do not move it."""


@dataclass(frozen=True, slots=True)
class Standstill:
    """`timers` is the policy of the latest pause, `since` its begin while it lasts, `total_s` the seconds of all ended
    pauses under `remaining`. `events` is the policy of the latest pause for events, `ended_at` the end of the latest
    pause that has ended. Workflow time."""

    timers: str = "keep"
    since: datetime | None = None
    total_s: float = 0.0
    events: str = "buffer"
    ended_at: datetime | None = None

    def passed_s(self, now: datetime) -> float:
        """All seconds until now that do not count, those of the present pause included."""
        if self.since is None or self.timers != "remaining":
            return self.total_s
        return self.total_s + max(0.0, (now - self.since).total_seconds())


NO_STANDSTILL: Final = Standstill()


def moved(deadlines: Mapping[str, datetime], seconds: float) -> dict[str, datetime]:
    """The same deadlines, later."""
    span = timedelta(seconds=seconds)
    return {name: at if name == CONTINUE else at + span for name, at in deadlines.items()}


def made_up(snapshot: Snapshot, standstill: Standstill) -> Snapshot:
    """The snapshot as its next decision will find it; for showing."""
    missed_s = standstill.total_s - snapshot.standstill_s
    if not missed_s or not snapshot.live or snapshot.status is Status.PAUSED:
        return snapshot
    return replace(snapshot, deadlines=moved(snapshot.deadlines, missed_s), standstill_s=standstill.total_s)


def standstill_to_data(standstill: Standstill, *, with_end: bool = False) -> dict[str, Any]:
    """What a decision read of it; `with_end`: also when it ended. Empty when there is nothing to know."""
    if replace(standstill, ended_at=None) == NO_STANDSTILL and not (with_end and standstill.ended_at):
        return {}
    since = standstill.since.isoformat() if standstill.since else None
    data = {"timers": standstill.timers, "since": since, "total_s": standstill.total_s}
    if with_end and standstill.ended_at:
        data["ended_at"] = standstill.ended_at.isoformat()
    return data if standstill.events == "buffer" else data | {"events": standstill.events}


def standstill_from_data(data: Mapping[str, Any] | None) -> Standstill:
    if not data:
        return NO_STANDSTILL
    since = data["since"]
    began = datetime.fromisoformat(since) if since else None
    ended = data.get("ended_at")
    ended_at = datetime.fromisoformat(ended) if ended else None
    return Standstill(data["timers"], began, data["total_s"], data.get("events", "buffer"), ended_at)
