"""Whose turn it is in a world: timers, runs that wait for a place, dates, and events whose grace is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from statemachine.arbitration import Turn, turn_of
from statemachine.dates import wait_for_resume
from statemachine.places import CONFLICT, MINUTE, PER_MINUTE, full
from statemachine.simulation.kept import Record
from statemachine.simulation.sight import Sight
from statemachine.snapshot import Status
from statemachine.standstill import NO_STANDSTILL

LOOK: Final = "look of "
DATES: Final = "dates of "
"""Before the id of a contact: whose turn it is is no run."""


class Turns(Sight):
    """See the module."""

    def next_timer(self) -> tuple[datetime, str] | None:
        """The earliest timer, or pending run that may begin, and the run; runs of paused workflows are held."""
        dues = [
            (record.snapshot.due_at, -record.snapshot.priority, -record.workflow.entry.priority, name)
            for name, record in self.records.items()
            if record.snapshot.due_at is not None and record.workflow.key not in self.paused
            if name not in self.given_up
        ]
        dates = ((max(due, self.now), f"{DATES}{name}") for due, name in self.diary.coming(self._holding))
        waiting = [(due, 0, 0, name) for due, name in (*self._turns(), *self._ends_of_grace(), *dates)]
        first = min([*dues, *waiting], default=None)
        return (first[0], first[-1]) if first is not None else None

    def _turn(self, record: Record) -> Turn:
        contact_id, key = record.snapshot.contact_id, record.workflow.key
        runs = tuple(self._live_runs(contact_id).values()) if contact_id else ()
        return turn_of(record.workflow, record.snapshot, self._limits(record.workflow), self.usage(key), runs)

    @property
    def _holding(self) -> list[str]:
        """The workflows whose dates wait until they go on."""
        return [key for key in sorted(self.paused) if wait_for_resume(self.standstills.get(key, NO_STANDSTILL))]

    def _ends_of_grace(self) -> Iterator[tuple[datetime, str]]:
        for name, looks in self.looks.items():
            open_ones = (look for look in looks if look.workflow not in self.paused)
            yield from ((max(look.until_at, self.now), f"{LOOK}{name}") for look in open_ones)

    def _turns(self) -> Iterator[tuple[datetime, str]]:
        """When the first pending run of each workflow may begin, if that is known."""
        heads: dict[str, Record] = {}
        for record in self.records.values():
            key = record.workflow.key
            waits = record.snapshot.status is Status.PENDING and key not in self.paused
            if waits and record.snapshot.queued == CONFLICT:
                queue = self._turn(record).queue
                if queue is None or queue["rule"] != CONFLICT:
                    yield self.now, record.snapshot.id
            elif waits and (key not in heads or record.snapshot.priority > heads[key].snapshot.priority):
                heads[key] = record
        for key, record in heads.items():
            limits = self._limits(record.workflow)
            rule = full(limits, self.usage(key))
            if rule is None:
                yield self.now, record.snapshot.id
            elif rule == PER_MINUTE:
                assert limits.per_minute is not None
                latest = sorted(self._begun_at(key))[-limits.per_minute :]
                yield latest[0] + MINUTE, record.snapshot.id
