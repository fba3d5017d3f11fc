"""Changes from outside: of a contact, and of a conversation."""

from __future__ import annotations

from typing import Final

from service.engine.clerk import Clerk
from service.engine.commands import ChangeContact, ChangeConversation, ContactAnswer, ConversationAnswer
from service.engine.desk import Desk
from service.engine.repeats import remember
from statemachine.decision import EmittedEvent
from statemachine.errors import NotFound, StaleRevision
from statemachine.patch import apply_patch, change_tags, close_conversation, raised_of_new, with_variables
from statemachine.sending.consent import set_consent

_CREATED: Final = EmittedEvent("contact_created", {})


def change_contact(clerk: Clerk, command: ChangeContact) -> ContactAnswer:
    """Raises NotFound, StaleRevision, InvalidInput."""
    desk = clerk.stock.desks[command.tenant, command.contact_id]
    contact = desk.contact
    assert contact is not None
    if command.must_exist and desk.is_new:
        raise NotFound("contact", command.contact_id)
    _check_revision("contact", command.expected_revision, contact.revision)
    created = desk.is_new
    changed, events = apply_patch(contact, command.patch)
    changed, tag_events = change_tags(changed, command.add_tags, command.remove_tags)
    now = clerk.ledger.times.workflow
    at = min(command.consent_at or now, now)
    changed, consent_events = set_consent(changed, command.consent, command.consent_source, at)
    if created or changed is not contact:
        if command.emit:
            said = (*events, *tag_events, *consent_events)
            raised = (_CREATED, *raised_of_new(said)) if created else said
            clerk.ledger.emit(command.tenant, contact.id, raised, ())
        clerk.keep_contact(desk, changed)
    answer = _contact_answer(clerk, desk, created=created, changed=created or changed is not contact)
    remember(clerk, command, answer)
    return answer


def _contact_answer(clerk: Clerk, desk: Desk, *, created: bool, changed: bool) -> ContactAnswer:
    assert desk.contact is not None
    now = clerk.ledger.times.workflow
    updated_at = now if changed or desk.updated_at is None else desk.updated_at
    return ContactAnswer(desk.contact, created, changed, desk.created_at or now, updated_at)


def change_conversation(clerk: Clerk, command: ChangeConversation) -> ConversationAnswer:
    """Raises NotFound, StaleRevision, LimitExceeded."""
    known = clerk.stock.talks.get(command.tenant, command.conversation_id)
    if known is None:
        raise NotFound("conversation", command.conversation_id)
    _check_revision("conversation", command.expected_revision, known.revision)
    missing = next((name for name in command.remove if name not in known.variables), None)
    if missing is not None:
        raise NotFound("variable", missing)
    now = clerk.ledger.times.workflow
    changed = with_variables(known, command.values, command.remove, now)
    if command.close:
        changed, raised = close_conversation(changed, now)
        clerk.ledger.emit(command.tenant, known.contact_id, raised, ())
    kept = clerk.keep_conversation(command.tenant, changed) if changed is not known else known
    removed = {name: known.variables[name] for name in command.remove}
    answer = ConversationAnswer(kept, changed is not known, removed)
    remember(clerk, command, answer)
    return answer


def _check_revision(what: str, expected: int | None, revision: int) -> None:
    if expected is not None and expected != revision:
        raise StaleRevision(
            f"the {what} is at revision {revision}, not {expected}; read it again",
            revision=str(revision),
            expected_revision=str(expected),
        )
