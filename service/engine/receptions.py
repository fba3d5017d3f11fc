"""Receptions: what events and entries by API do to a contact, decided by `statemachine/intake.py` and kept here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial

from service.engine.answers import verdict_to_data
from service.engine.clerk import Clerk
from service.engine.commands import (
    DispatchEvent,
    EnrollAnswer,
    EnrollContact,
    EventAnswer,
    LookAgain,
    TriggerEvent,
)
from service.engine.desk import Desk
from service.engine.ids import new_id
from service.engine.repeats import remember
from service.storage.events import Repeat
from statemachine.admission import CAUSATION
from statemachine.cause import EventCause, cause_from_data
from statemachine.errors import NotFound
from statemachine.event import Event
from statemachine.grace import Look
from statemachine.intake import enter, look_again, receive
from statemachine.limits import MAX_RAISED_PER_MINUTE
from statemachine.roster import Reception, Roster
from statemachine.snapshot import Snapshot
from statemachine.verdict import BLOCKED, ENROLLED, Verdict
from statemachine.workflow import Workflow


def trigger(clerk: Clerk, command: TriggerEvent) -> EventAnswer:
    ledger, tenant = clerk.ledger, command.tenant
    event = _accepted(command.event, ledger.times.workflow)
    reception = _receive(clerk, tenant, event)
    verdicts = [verdict_to_data(verdict) for verdict in reception.verdicts]
    ledger.log_event(tenant, event)
    ledger.remember_event(tenant, event, command.body_hash, verdicts)
    repeat = Repeat(command.body_hash, verdicts, ledger.times.wall)
    clerk.stock.repeats["event", tenant, event.source, event.id] = repeat
    return EventAnswer(event.id, False, reception.verdicts, ledger.times.wall)


def dispatch(clerk: Clerk, command: DispatchEvent) -> EventAnswer:
    """An event that is stored already; nothing, when another replica has dispatched it."""
    event = command.event
    name = ("pending", command.tenant, "", command.row_id)
    pending = clerk.stock.repeats.get(name)
    verdicts: tuple[Verdict, ...] = ()
    if pending is not None:
        verdicts = _receive(clerk, command.tenant, event, pending.raised).verdicts
        blocked = next((one.rule for one in verdicts if one.kind == BLOCKED and one.rule in CAUSATION), None)
        clerk.ledger.handled(command.tenant, command.row_id, event.accepted_at, blocked)
        del clerk.stock.repeats[name]
    return EventAnswer(event.id, pending is None, verdicts, clerk.ledger.times.wall)


def enroll(clerk: Clerk, command: EnrollContact) -> EnrollAnswer:
    """Raises NotFound."""
    workflow = clerk.stock.enrolled_workflow(command)
    if workflow is None:
        if command.version and (command.tenant, command.workflow) in clerk.ledger.directory.workflows:
            raise NotFound("version", f"{command.workflow}@{command.version}")
        raise NotFound("workflow", command.workflow)
    now = clerk.ledger.times.workflow
    event = _entry(command, now)
    desk = clerk.desk(command.tenant, command.contact_id)
    roster = _roster(clerk, desk, command.conversation_id, (), tuple(desk.events))
    reception = enter(workflow, event, roster, now, new_id, entry_key=command.key)
    answer = _answer_to_entry(reception)
    if command.dry_run:
        return answer
    _keep(clerk, desk, event, reception)
    remember(clerk, command, answer)
    return answer


def look_once_more(clerk: Clerk, command: LookAgain) -> EventAnswer:
    """The time is over of an event that was to be looked at again."""
    desk = clerk.desk(command.tenant, command.contact_id)
    now, wall = clerk.ledger.times.workflow, clerk.ledger.times.wall
    paused = clerk.ledger.directory.paused_in(command.tenant)
    over = next((look for look in desk.looks if look.until_at <= now and look.workflow not in paused), None)
    if over is None:
        return EventAnswer("", True, (), wall)
    roster = _roster(clerk, desk, over.event.conversation_id, (), tuple(desk.events))
    reception = look_again(over, roster, now, new_id)
    _keep(clerk, desk, over.event, reception)
    return EventAnswer(over.event.id, False, reception.verdicts, wall)


# --- deciding ---


def _receive(clerk: Clerk, tenant: str, event: Event, raised: int = 0) -> Reception:
    return receive_for(clerk, tenant, event, clerk.ledger.directory.candidates(tenant, event.type), raised)


def receive_for(clerk: Clerk, tenant: str, event: Event, candidates: Iterable[Workflow], raised: int = 0) -> Reception:
    """An event that may enrol into these workflows."""
    desk = clerk.desk(tenant, event.contact_id)
    events = tuple(known for known in desk.events if known.id != event.id or known.source != event.source)
    roster = _roster(clerk, desk, event.conversation_id, candidates, (*events, event))
    if raised > MAX_RAISED_PER_MINUTE:
        roster = replace(roster, raised=raised)
    reception = receive(event, roster, clerk.ledger.times.workflow, new_id)
    _keep(clerk, desk, event, reception)
    desk.events = [*events, event]
    for decision in reception.decisions:
        desk.mark_taken(decision)
    return reception


def _roster(
    clerk: Clerk, desk: Desk, conversation_id: str | None, candidates: Iterable[Workflow], events: tuple[Event, ...]
) -> Roster:
    stock, tenant = clerk.stock, desk.tenant
    talks, versions = stock.talks.around(desk, conversation_id), partial(stock.versions.find, tenant)
    usages, lines = stock.usages_of(tenant), clerk.ledger.lines.of(tenant)
    return desk.roster(clerk.ledger.directory, candidates, events, talks, usages, versions, lines)


def _entry(command: EnrollContact, at: datetime) -> Event:
    """The call itself, as an event."""
    return Event(
        id=command.request_id,
        type="api",
        source="api",
        contact_id=command.contact_id,
        conversation_id=command.conversation_id,
        key=command.key,
        data=command.input,
        contact_patch=command.contact_patch,
        accepted_at=at,
        priority=command.priority,
    )


def _answer_to_entry(reception: Reception) -> EnrollAnswer:
    verdict = next(one for one in reversed(reception.verdicts) if one.kind in (ENROLLED, BLOCKED))
    last = reversed(reception.decisions)
    snapshot = next((one.snapshot for one in last if one.snapshot.id == verdict.enrollment_id), None)
    return EnrollAnswer(verdict, snapshot if verdict.kind == ENROLLED else None)


def _accepted(event: Event, at: datetime) -> Event:
    """`replace`, spelled out at half its cost: every event passes here."""
    return Event(
        event.id,
        event.type,
        event.source,
        event.contact_id,
        event.conversation_id,
        event.key,
        event.data,
        event.contact_patch,
        event.occurred_at,
        at,
        event.priority,
        event.chain,
    )


# --- keeping ---


def _keep(clerk: Clerk, desk: Desk, event: Event, reception: Reception) -> None:
    for decision in reception.decisions:
        workflow = _workflow_of(clerk, desk, decision.snapshot)
        record = decision.history[0].cause
        assert record is not None
        known = record["cause"]
        own = known["kind"] == "event" and known["event"]["id"] == event.id
        cause = EventCause(event, known["phase"]) if own else cause_from_data(known)
        clerk.record(desk, workflow, decision, cause)
    if reception.looks != desk.looks:
        _keep_looks(clerk, desk, reception.looks)
    if reception.raised:
        clerk.ledger.emit(desk.tenant, event.contact_id, reception.raised, event.chain)
    if desk.contact is not None and (desk.is_new or reception.contact is not desk.contact):
        assert reception.contact is not None
        clerk.keep_contact(desk, reception.contact)
        desk.told = desk.contact
    for conversation in reception.conversations:
        clerk.keep_conversation(desk.tenant, conversation)


def _keep_looks(clerk: Clerk, desk: Desk, looks: tuple[Look, ...]) -> None:
    before, after = ({look.id: look for look in some} for some in (desk.looks, looks))
    for name in before.keys() - after.keys():
        clerk.ledger.keep_look(desk.tenant, before[name], kept=False)
    for name in after.keys() - before.keys():
        clerk.ledger.keep_look(desk.tenant, after[name], kept=True)
        clerk.stock.seat_looker(desk, after[name])
    desk.looks = looks


def _workflow_of(clerk: Clerk, desk: Desk, snapshot: Snapshot) -> Workflow:
    """The version of a run that the reception may just have begun."""
    known = desk.runs.get(snapshot.id)
    if known is None and snapshot.part:
        known = desk.runs.get(snapshot.parent_id or "")
    if known is not None:
        return known[0]
    workflow = clerk.room.catalog.known(desk.tenant, snapshot.workflow, snapshot.version)
    assert workflow is not None
    return workflow
