"""Commands: everything that can change an enrollment or a contact, as data. Every way in becomes one of these.

The engine answers each with its `…Answer`, or with the WorkflowError that refused it. A command with a `request_id` (or
an event id) may be repeated: the same body gets the same answer, another body is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from statemachine.cause import DEFAULT_TENANT as DEFAULT_TENANT
from statemachine.cause import Operation, TaskFailure
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.event import Event
from statemachine.record import record
from statemachine.snapshot import Snapshot
from statemachine.verdict import Verdict


@record
class TriggerEvent:
    """An event from another service. An empty id is minted. `body_hash` tells a repeat from a reuse of the id."""

    tenant: str
    event: Event
    body_hash: str


@record
class EventAnswer:
    event_id: str
    duplicate: bool
    verdicts: tuple[Verdict, ...]
    accepted_at: datetime


@record
class DispatchEvent:
    """An event that steps or contact writes raised, stored as pending with row id `row_id`."""

    tenant: str
    row_id: str
    event: Event


@record
class EnrollContact:
    """Enrol a contact, or none, by API. `version` None means the active one; `dry_run` changes nothing."""

    tenant: str
    workflow: str
    contact_id: str | None
    request_id: str
    body_hash: str = ""
    key: str | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    contact_patch: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0
    version: int | None = None
    dry_run: bool = False
    conversation_id: str | None = None


@record
class EnrollAnswer:
    """`snapshot` is None when entry rules refused (verdict BLOCKED)."""

    verdict: Verdict
    snapshot: Snapshot | None


@record
class Operate:
    """advance {transition, data}, pause {timers}, resume, cancel {reason}, exit {reason}, retry {input},
    set_variables {variables} or reschedule {until or by_s} one enrollment."""

    tenant: str
    enrollment_id: str
    operation: Operation
    request_id: str
    body_hash: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    expected_revision: int | None = None


@record
class OperateAnswer:
    snapshot: Snapshot


@record
class ContinueRun:
    """A run that made its share of transitions for one cause goes on."""

    tenant: str
    enrollment_id: str
    number: int


@record
class StartPending:
    """A pending run of `contact_id` is looked at: whether there is a place for it by now."""

    tenant: str
    enrollment_id: str
    contact_id: str | None
    workflow: str


@record
class LookAgain:
    """The time of a look at an earlier event of the contact is over (`entry.grace`): take it once more."""

    tenant: str
    contact_id: str


@record
class DateArrived:
    """A date of the contact has come, or seems to: what is due of its appointments is looked at."""

    tenant: str
    contact_id: str


@record
class PlanDates:
    """Make the appointments of a contact that was there before the active version of `workflow`, which is active since
    then (workflow time)."""

    tenant: str
    contact_id: str
    workflow: str
    since: datetime


@record
class FinishTask:
    """The result of one attempt, told by the holder of lease `token`: a failure, or an outcome with its output."""

    tenant: str
    task_id: str
    token: int
    outcome: str = "done"
    output: Any = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    failure: TaskFailure | None = None
    request_id: str = ""
    body_hash: str = ""


@record
class FinishAnswer:
    """`applied` is False when the enrollment had left the step meanwhile: recorded, but nothing moved."""

    task_id: str
    applied: bool


@record
class DecideTask:
    """What a person decides in a human task: one of its decisions, with the answers to its form."""

    tenant: str
    task_id: str
    agent_id: str
    decision: str
    data: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""
    body_hash: str = ""


@record
class ChangeContact:
    """Create or patch a contact, add or remove tags, and note what it said of messages.

    `consent` leads channels to statuses (see `statemachine.sending.consent`), said at `consent_at` (None: now) to
    `consent_source`. `emit` False raises no events.
    """

    tenant: str
    contact_id: str
    patch: Mapping[str, Any] = field(default_factory=dict)
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    consent: Mapping[str, str] = field(default_factory=dict)
    consent_source: str = ""
    consent_at: datetime | None = None
    emit: bool = True
    must_exist: bool = False
    expected_revision: int | None = None
    request_id: str = ""
    body_hash: str = ""


@record
class ContactAnswer:
    contact: Contact
    created: bool
    changed: bool
    created_at: datetime
    updated_at: datetime


@record
class ChangeConversation:
    """Set and remove variables of a conversation, by name, or resolve it (`close`). Names are checked before; what
    is to be removed has to be there."""

    tenant: str
    conversation_id: str
    values: Mapping[str, Any] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    close: bool = False
    expected_revision: int | None = None
    request_id: str = ""
    body_hash: str = ""


@record
class ConversationAnswer:
    """`removed` are the variables that were removed, with their values."""

    conversation: Conversation
    changed: bool
    removed: Mapping[str, Any] = field(default_factory=dict)


Command = (
    TriggerEvent
    | DispatchEvent
    | EnrollContact
    | Operate
    | ContinueRun
    | StartPending
    | LookAgain
    | DateArrived
    | PlanDates
    | FinishTask
    | DecideTask
    | ChangeContact
    | ChangeConversation
)
Answer = EventAnswer | EnrollAnswer | OperateAnswer | FinishAnswer | ContactAnswer | ConversationAnswer
