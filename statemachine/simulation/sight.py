"""What a decision in a world may read: the same that an engine would load for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from statemachine.cause import (
    Surroundings,
    left_for_globals,
    named_globals,
)
from statemachine.contact import Contact
from statemachine.event import Event, latest
from statemachine.places import CONFLICT, MINUTE, Usage, holds_place
from statemachine.roster import Roster
from statemachine.shares import splits_of
from statemachine.simulation.memory import Memory
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import NO_STANDSTILL
from statemachine.workflow import Limits, Workflow


class Sight(Memory):
    """See the module."""

    def surroundings(self, run_id: str) -> Surroundings:
        """What a decision about the run may read now."""
        record = self.records[run_id]
        return self._surroundings(record.workflow, record.snapshot)

    def _surroundings(self, workflow: Workflow, snapshot: Snapshot) -> Surroundings:
        contact_id, reads = snapshot.contact_id, workflow.reads
        return Surroundings(
            self.now,
            self.contacts.get(contact_id) if contact_id else None,
            latest([event for event in self._log_of(contact_id) if event.type in reads.events]),
            tenant_zone=self.zone,
            held=workflow.key in self.paused,
            standstill=self.standstills.get(workflow.key, NO_STANDSTILL),
            conversation=self.conversations.get(snapshot.conversation_id or "") if reads.conversation else None,
            globals=named_globals(self.globals, workflow),
            globals_left=left_for_globals(self.globals, workflow),
            counted=self.counted,
            lines=self.lines,
            splits=splits_of(self.shares, workflow.key, workflow.version, self._kept(contact_id)),
        )

    def _roster(self, contact_id: str | None, candidates: Iterable[Workflow], events: Iterable[Event]) -> Roster:
        known = self.contacts.get(contact_id) if contact_id else None
        candidates = tuple(candidates)
        looks = self.looks.get(contact_id, ()) if contact_id else ()
        lookers = {look.workflow: self.workflows[look.workflow] for look in looks}
        return Roster(
            contact=(known or Contact(contact_id)) if contact_id else None,
            is_new=known is None and contact_id is not None,
            runs=self._live_runs(contact_id) if contact_id else {},
            candidates=candidates,
            paused=frozenset(self.paused),
            past={
                (flow, key): past for (who, flow, key), past in self.past.items() if contact_id and who == contact_id
            },
            events=tuple(events),
            tenant_zone=self.zone,
            standstills=self.standstills,
            conversations=self.conversations,
            globals=self.globals,
            usages={flow.key: self.usage(flow.key) for flow in (*candidates, *lookers.values()) if flow.limits.counted},
            versions=self._version,
            counted=self.counted,
            lines=self.lines,
            shares=self.shares,
            kept=self._kept(contact_id),
            looks=looks,
            lookers=lookers,
            stop_words=self.stop_words,
        )

    def _raised(self, event: Event) -> int:
        """How many events of its contact steps raised within a minute up to this one."""
        log = self._log_of(event.contact_id)
        since = (event.accepted_at or self.now) - MINUTE
        upto = next((number for number, known in enumerate(log, 1) if known is event), len(log))
        return sum(bool(known.chain) and (known.accepted_at or self.now) > since for known in log[:upto])

    def _kept(self, contact_id: str | None) -> dict[str, Mapping[str, str]]:
        """The variants that the contact was given first, by workflow."""
        kept: dict[str, Mapping[str, str]] = dict(self.kept) if contact_id else {}
        for record in self.records.values() if contact_id and self.shares else ():
            if record.snapshot.contact_id == contact_id:
                key = record.workflow.key
                kept[key] = {**record.snapshot.variants, **kept.get(key, {})}
        return kept

    def usage(self, key: str) -> Usage:
        """How full a workflow is."""
        records = [record.snapshot for record in self.records.values() if record.workflow.key == key]
        recent = sum(at > self.now - MINUTE for at in self._begun_at(key))
        queued = any(one.status is Status.PENDING and one.queued != CONFLICT for one in records)
        return Usage(sum(map(holds_place, records)), recent, queued)

    def _begun_at(self, key: str) -> list[datetime]:
        found = (record.snapshot.place_at for record in self.records.values() if record.workflow.key == key)
        return [at for at in found if at is not None]

    def _limits(self, workflow: Workflow) -> Limits:
        """Those of the published version."""
        return self.workflows.get(workflow.key, workflow).limits
