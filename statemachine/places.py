"""Places in a workflow: how many runs live at once and begin per minute (`limits`), and who waits outside for one.

A run takes its place when it begins and gives it back when it ends. Runs that entered under a version without these
limits hold none.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from statemachine.record import record
from statemachine.snapshot import Snapshot, Status
from statemachine.workflow import Limits

MINUTE: Final = timedelta(minutes=1)
MAX_CONCURRENT: Final = "max_concurrent"
PER_MINUTE: Final = "per_minute"
CONFLICT: Final = "conflict"


@record
class Usage:
    """How full a workflow is: runs that hold a place, runs that began within the last minute, and whether others wait
    for a place already."""

    live: int = 0
    begun: int = 0
    queued: bool = False


NO_USAGE: Final = Usage()


def full(limits: Limits, usage: Usage) -> str | None:
    """Which limit leaves no place, or None."""
    if limits.max_concurrent is not None and usage.live >= limits.max_concurrent:
        return MAX_CONCURRENT
    if limits.per_minute is not None and usage.begun >= limits.per_minute:
        return PER_MINUTE
    return None


def closed(limits: Limits, usage: Usage) -> str | None:
    """Which limit keeps a newcomer out for now: where others wait already, nobody goes before them."""
    if usage.queued and limits.counted and limits.over_limit == "queue":
        return full(limits, usage) or (PER_MINUTE if limits.max_concurrent is None else MAX_CONCURRENT)
    return full(limits, usage)


def queue_data(rule: str, limits: Limits, usage: Usage) -> dict[str, Any]:
    """What the history of a run that has to wait says of the limit."""
    if rule == MAX_CONCURRENT:
        return {"rule": rule, "live": usage.live, "most": limits.max_concurrent}
    return {"rule": rule, "begun": usage.begun, "most": limits.per_minute}


def holds_place(snapshot: Snapshot | None) -> bool:
    return snapshot is not None and snapshot.place_at is not None and snapshot.live


def count_move(usages: MutableMapping[str, Usage], before: Snapshot | None, after: Snapshot) -> None:
    """Keep count of what a decision made of a run; only of workflows that are counted at all."""
    usage = usages.get(after.workflow)
    if usage is None:
        return
    held, holds = holds_place(before), holds_place(after)
    begun = after.place_at is not None and (before is None or before.place_at != after.place_at)
    queued = after.status is Status.PENDING and after.queued != CONFLICT
    if held != holds or begun or queued:
        live = usage.live + holds - held
        usages[after.workflow] = replace(usage, live=live, begun=usage.begun + begun, queued=usage.queued or queued)


Usages = Mapping[str, Usage]
"""By workflow; those that are not counted are left out."""
