"""What a batch does to the appointments of contacts: made anew for those that changed, settled when their time came.

Nothing while no active workflow has a date trigger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.engine.catalog import Directory
from service.engine.rows import Section
from service.storage.contact_dates import KEEP, SETTLE, slot_row
from service.storage.contacts import ContactKey
from statemachine.contact import Contact
from statemachine.dates import DATE, DateRule, Slot, planned, rules_of
from statemachine.workflow import Workflow


@dataclass(slots=True)
class DateLedger:
    """See the module."""

    _wanted: dict[tuple[str, str, str], tuple[Contact, datetime]] = field(default_factory=dict)
    _settled: dict[tuple[str, ...], tuple[Contact, Slot, Workflow | None]] = field(default_factory=dict)

    def plan(self, tenant: str, contact: Contact, workflow: str, since: datetime) -> None:
        """Make the appointments of a contact although it has not changed, as of when the workflow became active."""
        self._wanted[tenant, contact.id, workflow] = (contact, since)

    def settle(self, tenant: str, contact: Contact, slot: Slot, workflow: Workflow | None) -> None:
        """The slot has been looked at: what follows is made of what the contact will be at the end of the batch.

        `workflow` None: there is no such trigger any more.
        """
        self._settled[tenant, contact.id, *slot.name] = (contact, slot, workflow)

    def sections(
        self, directory: Directory, contacts: Mapping[ContactKey, tuple[Contact, int]], now: datetime
    ) -> list[Section]:
        """What is to be written; `contacts` are those that changed."""
        if not directory.dated and not self._settled and not self._wanted:
            return []
        latest = {key: contact for key, (contact, _) in contacts.items()}
        for (tenant, contact_id, _), (contact, _) in self._wanted.items():
            latest.setdefault((tenant, contact_id), contact)
        keep = [
            slot_row(key, _planned(directory, workflow, trigger, rule, contact, since), now)
            for key, contact in sorted(latest.items(), key=lambda item: item[0])
            for workflow, since in self._planners(directory, key, now, changed=key in contacts)
            for trigger, rule in rules_of(workflow).items()
            if (*key, workflow.key, trigger) not in self._settled
        ]
        settle = [self._settled_row(directory, latest, name, now) for name in sorted(self._settled)]
        return [(KEEP, sorted(keep, key=_by_name), False), (SETTLE, settle, False)]

    def _planners(
        self, directory: Directory, key: ContactKey, now: datetime, *, changed: bool
    ) -> Iterator[tuple[Workflow, datetime]]:
        """The workflows by whose dates the contact is planned, and from when on."""
        for workflow in directory.candidates(key[0], DATE):
            wanted = self._wanted.get((*key, workflow.key))
            if wanted is not None or changed:
                yield workflow, now if wanted is None else wanted[1]

    def _settled_row(
        self, directory: Directory, latest: Mapping[ContactKey, Contact], name: tuple[str, ...], now: datetime
    ) -> dict[str, Any]:
        contact, slot, workflow = self._settled[name]
        key = (name[0], name[1])
        rule = rules_of(workflow).get(slot.trigger) if workflow is not None else None
        if workflow is None or rule is None:
            return slot_row(key, Slot(*slot.name, spent=slot.spent), now)
        contact = latest.get(key, contact)
        return slot_row(key, _planned(directory, workflow, slot.trigger, rule, contact, now, slot.spent), now)


def _planned(
    directory: Directory,
    workflow: Workflow,
    trigger: str,
    rule: DateRule,
    contact: Contact,
    now: datetime,
    spent: str = "",
) -> Slot:
    found = planned(workflow, rule, contact, now, directory.zone, spent)
    if found is None:
        return Slot(workflow.key, trigger, spent=spent)
    return Slot(workflow.key, trigger, found.date, found.due_at, spent)


def _by_name(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["tenant_id"], row["contact_id"], row["workflow"], row["trigger_id"]
