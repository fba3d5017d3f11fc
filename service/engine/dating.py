"""Dates of contacts: what a batch does when one has come, and for contacts that were there before a version."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from service.engine.clerk import Clerk
from service.engine.commands import DateArrived, EventAnswer, PlanDates
from service.engine.desk import Desk
from service.engine.ids import new_id
from service.engine.receptions import receive_for
from statemachine.admission import ENTRY_RULES
from statemachine.dates import DATE, Arrival, Slot, date_event, kept, rules_of
from statemachine.verdict import BLOCKED, Verdict


def plan_dates(clerk: Clerk, command: PlanDates) -> EventAnswer:
    desk = clerk.desk(command.tenant, command.contact_id)
    if desk.contact is not None and not desk.is_new:
        clerk.ledger.dates.plan(command.tenant, desk.contact, command.workflow, command.since)
    return EventAnswer("", False, (), clerk.ledger.times.wall)


def date_arrived(clerk: Clerk, command: DateArrived) -> EventAnswer:
    """Enrol by what is due, the earliest first; a slot that the contact has no such date for any more moves on.

    Those of a paused workflow stay as they are, and are looked at when it goes on.
    """
    desk = clerk.desk(command.tenant, command.contact_id)
    now = clerk.ledger.times.workflow
    verdicts: list[Verdict] = []
    due, desk.slots = [slot for slot in desk.slots if slot.due_at is None or slot.due_at <= now], []
    for slot in due:
        if clerk.ledger.directory.keeps_dates(command.tenant, slot.workflow):
            continue
        verdicts += _keep_appointment(clerk, desk, slot, now)
    return EventAnswer("", False, tuple(verdicts), clerk.ledger.times.wall)


def _keep_appointment(clerk: Clerk, desk: Desk, slot: Slot, now: datetime) -> tuple[Verdict, ...]:
    ledger, tenant, contact = clerk.ledger, desk.tenant, desk.contact
    assert contact is not None
    wanted = ledger.directory.candidates(tenant, DATE)
    workflow = next((flow for flow in wanted if flow.key == slot.workflow), None)
    rule = rules_of(workflow).get(slot.trigger) if workflow is not None else None
    if workflow is None or rule is None or desk.is_new:
        ledger.dates.settle(tenant, contact, slot, None)
        return ()
    found = kept(workflow, rule, contact, slot, ledger.directory.zone)
    if found is None or found.due_at > now or slot.is_spent:
        ledger.dates.settle(tenant, contact, slot, workflow)
        return ()
    ledger.dates.settle(tenant, contact, replace(slot, spent=slot.date), workflow)
    event = date_event(new_id(), contact.id, Arrival(slot, rule, found.due_at), now)
    verdicts = receive_for(clerk, tenant, event, (workflow,)).verdicts
    rules = (one.rule for one in verdicts if one.kind == BLOCKED and one.workflow == workflow.key)
    ledger.log_event(tenant, event, next((rule for rule in rules if rule in ENTRY_RULES), None))
    return verdicts
