"""Who may enter: the entry rules of a workflow, one after the other, on the contact's past in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from statemachine.arbitration import Runs, behind, may_begin
from statemachine.dates import late_by
from statemachine.event import Event
from statemachine.limits import MAX_CAUSATION_DEPTH, MAX_RAISED_PER_MINUTE
from statemachine.places import CONFLICT, MAX_CONCURRENT, NO_USAGE, PER_MINUTE, Usage, closed, full, queue_data
from statemachine.record import record
from statemachine.snapshot import Snapshot
from statemachine.step import TOO_LATE
from statemachine.workflow import Trigger, Workflow


@record
class Past:
    """Earlier enrollments of a contact in a workflow under one entry key, live ones included."""

    entries: int = 0
    last_started_at: datetime | None = None
    last_ended_at: datetime | None = None

    def with_run(self, snapshot: Snapshot, *, fresh: bool) -> Past:
        """What a decision adds: a `fresh` run is one more entry, an ended one an end."""
        entries, started_at = self.entries, self.last_started_at
        if fresh:
            entries, started_at = entries + 1, snapshot.started_at
        return Past(entries, started_at, self.last_ended_at if snapshot.live else snapshot.ended_at)

    def ended(self, at: datetime) -> Past:
        return Past(self.entries, self.last_started_at, at)


NO_PAST: Final = Past()


@record
class Entry:
    """Somebody at the door of a workflow: `live` are the enrollments under the same entry key that have not ended.
    `trigger` is the one that matched, None for an entry by API."""

    workflow: Workflow
    event: Event
    key: str
    live: Sequence[Snapshot]
    past: Past
    paused: bool
    now: datetime
    usage: Usage = NO_USAGE
    rivals: Runs = ()
    raised: int = 0
    trigger: Trigger | None = None

    @property
    def open_at(self) -> datetime | None:
        """When the cooldown is over; None when there is none, or nothing to count it from."""
        rules = self.workflow.entry
        if rules.cooldown is None:
            return None
        since = self.past.last_started_at if rules.reentry == "always" else self.past.last_ended_at
        return since + rules.cooldown if since is not None else None


def _too_late(entry: Entry) -> bool:
    return entry.trigger is not None and late_by(entry.trigger.date, entry.event) is not None


def _reentry(entry: Entry) -> bool:
    rule = entry.workflow.entry.reentry
    return (rule == "never" and bool(entry.live or entry.past.entries)) or (rule == "after_exit" and bool(entry.live))


def _max_entries(entry: Entry) -> bool:
    most = entry.workflow.entry.max_entries
    return most is not None and entry.past.entries >= most


def _cooldown(entry: Entry) -> bool:
    open_at = entry.open_at
    return open_at is not None and entry.now < open_at


def _refused_by(limit: str) -> Callable[[Entry], bool]:
    def refuses(entry: Entry) -> bool:
        limits = entry.workflow.limits
        return limits.over_limit == "refuse" and full(limits, entry.usage) == limit

    return refuses


ENTRY_RULES: Final[Mapping[str, Callable[[Entry], bool]]] = {
    "workflow_paused": lambda entry: entry.paused,
    TOO_LATE: _too_late,
    "causation_own": lambda entry: entry.workflow.key in entry.event.chain,
    "causation_depth": lambda entry: len(entry.event.chain) >= MAX_CAUSATION_DEPTH,
    "flood": lambda entry: entry.raised > MAX_RAISED_PER_MINUTE,
    "max_entries": _max_entries,
    "reentry": _reentry,
    "cooldown": _cooldown,
    MAX_CONCURRENT: _refused_by(MAX_CONCURRENT),
    PER_MINUTE: _refused_by(PER_MINUTE),
    CONFLICT: lambda entry: not may_begin(entry.workflow, entry.rivals),
}
"""Each rule by its name, and whether it keeps somebody out; the first that does is the verdict."""

CAUSATION: Final = ("causation_own", "causation_depth", "flood")
"""The rules against workflows that keep starting each other."""


def entry_block(entry: Entry) -> str | None:
    """The rule that keeps the contact out of the workflow, or None."""
    for name, blocks in ENTRY_RULES.items():
        if blocks(entry):
            return name
    return None


def entry_queue(entry: Entry) -> dict[str, Any] | None:
    """Why somebody who may enter has to wait before the run begins; None when it begins at once."""
    if entry.rivals and entry.workflow.entry.conflict.policy == "queue":
        return behind(entry.rivals)
    limits = entry.workflow.limits
    rule = closed(limits, entry.usage)
    return None if rule is None else queue_data(rule, limits, entry.usage)
