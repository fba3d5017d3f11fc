"""Matching: whether an event is one that a trigger wants, and the names that its conditions and keys can read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from statemachine.calendar import first_zone
from statemachine.condition_tree import ALL_OF, Trace
from statemachine.contact import Contact
from statemachine.conversation import Conversation, conversation_names
from statemachine.dates import SOURCE
from statemachine.errors import StepFailed
from statemachine.event import Event, event_to_data
from statemachine.roster import Roster
from statemachine.scope import Scope
from statemachine.values import text
from statemachine.wording import shown
from statemachine.workflow import Trigger, Workflow

_OF_TAGS: Final = frozenset({"tag_added", "tag_removed"})
"""They are about tags of the contact unless their `target` says otherwise, and so are the triggers for them."""


def mismatch(trigger: Trigger, event: Event, scope: Scope) -> str | None:
    """Why a trigger does not match an event, in words; None when it does."""
    if not trigger.enabled:
        return "the trigger is disabled"
    if trigger.type != event.type:
        return f"the event is {event.type}, the trigger wants {trigger.type}"
    if trigger.date is not None and event.source != SOURCE:
        return "the trigger wants dates of the contact, and no event from outside"
    if event.type in _OF_TAGS:
        whose, wanted = event.data.get("target", "contact"), trigger.config.get("target", "contact")
        if whose != wanted:
            return f"it is a tag of the {whose}, the trigger wants those of the {wanted}"
    for name, wanted in trigger.config.items():
        if not config_matches(name, wanted, event.data):
            return f"{name} is {config_value(name, event.data)!r}, the trigger wants {wanted!r}"
    if trigger.conditions is not None and not trigger.conditions.test(scope):
        return _why(trigger.conditions.explain(scope))
    return None


def _why(trace: Trace) -> str:
    """The first part that does not hold, down to where it is one comparison."""
    failing = next((child for child in trace.children if not child.result), None)
    if failing is not None and trace.text == ALL_OF:
        return _why(failing)
    if trace.error:
        return f"{trace.text}: {trace.error}"
    return f"{trace.text} does not hold{_found(trace)}"


def _found(trace: Trace) -> str:
    """What a comparison found, where that is short."""
    if not trace.subject or isinstance(trace.actual, Mapping | list | tuple):
        return ""
    return ": it is missing" if trace.actual is None else f": it is {shown(trace.actual)}"


def entry_scope(
    workflow: Workflow,
    event: Event,
    contact: Contact | None,
    roster: Roster,
    now: datetime,
    conversation: Conversation | None = None,
) -> Scope:
    """The names that trigger conditions and entry keys of a workflow can read."""
    scope = Scope()
    scope.contact = contact
    scope.event = event
    scope.trigger = trigger_data(event, "")
    scope.events = roster.events
    scope.now = now
    scope.on_missing = "empty"
    scope.globals = roster.globals
    if conversation is not None:
        scope.conversation = conversation_names(conversation)
    scope.zone = first_zone(contact.get("timezone") if contact else None, workflow.timezone, roster.tenant_zone)
    return scope


def trigger_data(event: Event, trigger_id: str) -> dict[str, Any]:
    """What a run keeps as `trigger.*`."""
    data = event_to_data(event)
    if trigger_id:
        data["trigger_id"] = trigger_id
    return data


def entry_key_of(workflow: Workflow, trigger: Trigger | None, event: Event, scope: Scope) -> str:
    template = (trigger.key if trigger else None) or workflow.entry.key
    if template is None:
        return event.key or ""
    try:
        return text(template.resolve(scope))
    except StepFailed:
        return ""


def config_matches(name: str, wanted: Any, data: Mapping[str, Any]) -> bool:
    if name == "keyword":
        return _has_keyword(wanted, data)
    return bool(config_value(name, data) == wanted)


def config_value(name: str, data: Mapping[str, Any]) -> Any:
    """The event's value for a word of a trigger's config; `from` and `to` mean the old and new value of a field."""
    if name in ("from", "to") and name not in data:
        return data.get("old_value" if name == "from" else "new_value")
    if name == "keyword":
        return next((data[part] for part in ("content", "message", "body") if data.get(part)), None)
    if name == "target" and "tag" in data:
        return data.get(name, "contact")
    return data.get(name)


def _has_keyword(wanted: Any, data: Mapping[str, Any]) -> bool:
    """Whole words, case-insensitive; any of a list."""
    text = str(config_value("keyword", data) or "").casefold()
    words = "".join(char if char.isalnum() else " " for char in text).split()
    phrases = wanted if isinstance(wanted, list | tuple) else [wanted]
    padded = f" {' '.join(words)} "
    return any(f" {' '.join(str(phrase).casefold().split())} " in padded for phrase in phrases)
