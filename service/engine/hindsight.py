"""Hindsight: the earlier events that decisions may read, each kind as far back as one of them looks, in one query."""

from __future__ import annotations

from datetime import datetime

from service.storage.contacts import ContactKey
from service.storage.database import Transaction
from service.storage.events import look_back
from statemachine.event import Event
from statemachine.reads import Reads
from statemachine.snapshot import Snapshot, Status
from statemachine.workflow import Workflow


class Hindsight:
    """See the module. What is wanted is gathered first."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str, str], datetime] = {}

    def want(self, key: ContactKey, reads: Reads, began: datetime, now: datetime) -> None:
        """The events that a run which `began` then may read: since then, or as far as a condition looks back."""
        for kind, span in reads.events.items():
            since = began if span is None else min(began, now - span)
            name = (*key, kind)
            if name not in self._since or since < self._since[name]:
                self._since[name] = since

    def load(self, transaction: Transaction) -> list[tuple[str, Event]]:
        """Those events, each with its tenant; no statement when none are wanted."""
        if not self._since:
            return []
        rows = [
            {"tenant_id": tenant, "contact_id": contact, "type": kind, "since": since}
            for (tenant, contact, kind), since in sorted(self._since.items())
        ]
        return look_back(transaction, rows)


def reads_of(workflow: Workflow, snapshot: Snapshot) -> Reads:
    """What may be read of a run that goes on by itself."""
    if snapshot.status is not Status.WAITING or snapshot.step is None:
        return workflow.reads
    return workflow.reads_ahead(snapshot.step)
