"""The appointments of a world's contacts by their dates, as an engine would keep them in rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from statemachine.contact import Contact
from statemachine.dates import Arrival, DateRule, Slot, kept, planned, rules_of
from statemachine.workflow import Workflow


class Diary:
    def __init__(self, workflows: Iterable[Workflow], zone: str | None) -> None:
        self._zone = zone
        self._rules = {
            (workflow.key, trigger): (workflow, rule)
            for workflow in workflows
            for trigger, rule in rules_of(workflow).items()
        }
        self._slots: dict[str, dict[tuple[str, str], Slot]] = {}

    def plan(self, contact: Contact, now: datetime) -> None:
        """The contact is new, or has changed; what is due stays until it has been looked at."""
        if not self._rules:
            return
        slots = self._slots.setdefault(contact.id, {})
        for name, (workflow, rule) in self._rules.items():
            slot = slots.get(name, Slot(*name))
            if slot.due_at is None or slot.due_at > now:
                slots[name] = self._next(workflow, rule, contact, slot, now)

    def coming(self, held: Collection[str]) -> Iterator[tuple[datetime, str]]:
        """When something is due, and the contact; dates of the workflows `held` wait until these go on."""
        for contact_id, slots in self._slots.items():
            for slot in slots.values():
                if slot.due_at is not None and slot.workflow not in held:
                    yield slot.due_at, contact_id

    def arrive(self, contact: Contact, now: datetime, held: Collection[str]) -> Iterator[tuple[Workflow, Arrival]]:
        """What is due and enrols the contact, the earliest first; each date is spent, and what follows is planned."""
        slots = self._slots[contact.id]
        due = [(slot.due_at, name) for name, slot in slots.items() if slot.due_at is not None and slot.due_at <= now]
        for _, name in sorted(one for one in due if one[1][0] not in held):
            (workflow, rule), slot = self._rules[name], slots[name]
            found = kept(workflow, rule, contact, slot, self._zone)
            arrival = Arrival(slot, rule, found.due_at) if found is not None and found.due_at <= now else None
            spent = slot if arrival is None else replace(slot, spent=slot.date)
            slots[name] = self._next(workflow, rule, contact, spent, now)
            if arrival is not None:
                yield workflow, arrival

    def _next(self, workflow: Workflow, rule: DateRule, contact: Contact, slot: Slot, now: datetime) -> Slot:
        found = planned(workflow, rule, contact, now, self._zone, slot.spent)
        if found is None:
            return Slot(*slot.name, spent=slot.spent)
        return Slot(*slot.name, found.date, found.due_at, slot.spent)
