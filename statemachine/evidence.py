"""What history keeps of a cause, so that it can be decided again: the cause itself, when it was, and what was read.

`replay.py` reads it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statemachine.cause import DEFAULT_TENANT, Surroundings, cause_to_data
from statemachine.contact import Contact, contact_to_data
from statemachine.conversation import conversation_to_data
from statemachine.event import Event, event_to_data
from statemachine.shares import splits_to_data
from statemachine.snapshot import identity_of
from statemachine.standstill import NO_STANDSTILL, standstill_to_data

if TYPE_CHECKING:
    from statemachine.run import Run


def keep_evidence(run: Run, evidence: dict[str, Any]) -> None:
    """Of a decision that is complete, JSON-ready; the first line of its history was given the dictionary empty."""
    evidence["cause"] = cause_to_data(run.cause)
    evidence["now"] = run.now.isoformat()
    evidence["seed"] = run.seed
    reads = _values_read(run)
    if reads:
        evidence["reads"] = reads
    if run.before.revision == 0:
        evidence["enrollment"] = identity_of(run.before)


def _values_read(run: Run) -> dict[str, Any]:
    around = run.surroundings
    reads: dict[str, Any] = {}
    if run.contact_read and around.contact is not None:
        reads["contact"] = _contact_subset(around.contact, run.workflow_version.reads.contact)
    if around.events:
        events = [event_to_data(event) for event in around.events if _was_read(run, event)]
        if events:
            reads["events"] = events
    if run.conversation_read and around.conversation is not None:
        reads["conversation"] = conversation_to_data(around.conversation)
    if around.globals:
        reads["globals"] = dict(around.globals)
    if around.globals_left is not None:
        reads["globals_left"] = around.globals_left
    if around.tenant_zone:
        reads["tenant_zone"] = around.tenant_zone
    if around.tenant_id != DEFAULT_TENANT:
        reads["tenant_id"] = around.tenant_id
    return reads | _circumstances(run, around)


def _circumstances(run: Run, around: Surroundings) -> dict[str, Any]:
    """What was so at the time, besides contact, events and variables; nothing mostly."""
    reads: dict[str, Any] = {}
    if around.held:
        reads["held"] = True
    if around.queue is not None:
        reads["queue"] = dict(around.queue)
    if around.crowded:
        reads["crowded"] = True
    if run.holidays is not None:
        reads["holidays"] = run.holidays
    if run.sent and around.counted is not None:
        reads["counted_s"] = around.counted.total_seconds()
    if run.slots:
        reads["slots"] = [slot.isoformat() for slot in run.slots]
    if run.splits_read:
        splits = splits_to_data(around.splits, run.splits_read)
        if splits:
            reads["splits"] = splits
    if around.standstill is not NO_STANDSTILL:
        told = standstill_to_data(around.standstill, with_end=run.lateness_asked)
        if told:
            reads["standstill"] = told
    return reads


def _was_read(run: Run, event: Event) -> bool:
    if run.events_read:
        return event.type in run.workflow_version.reads.events
    return bool(run.examined) and event.name in run.examined


def _contact_subset(contact: Contact, names: frozenset[str]) -> dict[str, Any]:
    if "*" in names:
        data = contact_to_data(contact)
    else:
        data = {
            "attributes": {name: value for name, value in contact.attributes.items() if name in names},
            "custom_fields": {name: value for name, value in contact.custom_fields.items() if name in names},
            "tags": "tags" in names and list(contact.tags),
            "lists": "lists" in names and list(contact.lists),
            "score": "score" in names and contact.score,
            "consent": "consent" in names and contact.consent,
            "sends": "sends" in names and contact.sends,
        }
    data = {part: value for part, value in data.items() if value}
    if contact.revision and ("*" in names or "revision" in names):
        data["revision"] = contact.revision
    return {"id": contact.id, **data}
