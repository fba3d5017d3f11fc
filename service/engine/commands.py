"""Commands: everything that can change an enrollment or a contact, as data. Every way in becomes one of these.

The engine answers each with its `…Answer`, or with the WorkflowError that refused it. A command with a `request_id` (or
an event id) may be repeated: the same body gets the same answer, another body is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from statemachine.cause import Operation, TaskFailure
from statemachine.contact import Contact
from statemachine.event import Event
from statemachine.intake import Verdict
from statemachine.snapshot import Snapshot

DEFAULT_TENANT = "default"


@dataclass(frozen=True, slots=True)
class TriggerEvent:
    """An event from another service. An empty id is minted. `body_hash` tells a repeat from a reuse of the id."""

    tenant: str
    event: Event
    body_hash: str


@dataclass(frozen=True, slots=True)
class EventAnswer:
    event_id: str
    duplicate: bool
    verdicts: tuple[Verdict, ...]
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class DispatchEvent:
    """An event that steps or contact writes raised, stored as pending with row id `row_id`."""

    tenant: str
    row_id: str
    event: Event


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class EnrollAnswer:
    """`snapshot` is None when entry rules refused (verdict BLOCKED)."""

    verdict: Verdict
    snapshot: Snapshot | None


@dataclass(frozen=True, slots=True)
class Operate:
    """advance {transition, data}, pause {timers}, resume, cancel {reason} or retry {input} one enrollment."""

    tenant: str
    enrollment_id: str
    operation: Operation
    request_id: str
    body_hash: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    expected_revision: int | None = None


@dataclass(frozen=True, slots=True)
class OperateAnswer:
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class ContinueRun:
    """A run that made its share of transitions for one cause goes on."""

    tenant: str
    enrollment_id: str
    number: int


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class FinishAnswer:
    """`applied` is False when the enrollment had left the step meanwhile: recorded, but nothing moved."""

    task_id: str
    applied: bool


@dataclass(frozen=True, slots=True)
class ChangeContact:
    """Create or patch a contact, and add or remove tags. `emit` False raises no events."""

    tenant: str
    contact_id: str
    patch: Mapping[str, Any] = field(default_factory=dict)
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    emit: bool = True
    must_exist: bool = False
    expected_revision: int | None = None
    request_id: str = ""
    body_hash: str = ""


@dataclass(frozen=True, slots=True)
class ContactAnswer:
    contact: Contact
    created: bool
    changed: bool
    created_at: datetime
    updated_at: datetime


Command = TriggerEvent | DispatchEvent | EnrollContact | Operate | ContinueRun | FinishTask | ChangeContact
Answer = EventAnswer | EnrollAnswer | OperateAnswer | FinishAnswer | ContactAnswer
