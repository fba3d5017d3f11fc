"""Rows of a batch: what a run, a contact and an event come to when they are written, and in which order.

Sets of rows are written in key order, so that replicas that write the same rows never wait for each other in a ring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.storage.enrollments import state_of
from statemachine.contact import Contact, contact_to_data
from statemachine.event import Event
from statemachine.snapshot import Snapshot
from statemachine.workflow import Workflow

Section = tuple[str, list[Any], bool]
"""A statement, its rows, and whether it must touch each of them."""


@dataclass(slots=True)
class RunWrite:
    """One run in a batch: as it was found, and as the batch leaves it. `expected` is the revision found, 0 for none."""

    tenant: str
    before: Snapshot | None
    snapshot: Snapshot
    workflow: Workflow
    expected: int
    task_id: str | None
    variables: bool = False
    outputs: bool = False


def inserted_run(run: RunWrite) -> dict[str, Any]:
    snapshot = run.snapshot
    return {
        **_shared_columns(run),
        "workflow": snapshot.workflow,
        "version": snapshot.version,
        "contact_id": snapshot.contact_id,
        "entry_key": snapshot.entry_key,
        "priority": snapshot.priority,
        "parent_id": snapshot.parent_id,
        "trigger": snapshot.trigger,
        "variables": snapshot.variables or None,
        "outputs": snapshot.outputs or None,
        "started_at": snapshot.started_at,
    }


def updated_run(run: RunWrite) -> dict[str, Any]:
    return {
        **_shared_columns(run),
        "expected": run.expected,
        "version": run.snapshot.version,
        "variables": run.snapshot.variables if run.variables else None,
        "outputs": run.snapshot.outputs if run.outputs else None,
    }


def _shared_columns(run: RunWrite) -> dict[str, Any]:
    snapshot = run.snapshot
    return {
        "tenant_id": run.tenant,
        "id": snapshot.id,
        "status": snapshot.status.value,
        "step": snapshot.step,
        "due_at": snapshot.due_at,
        "waiting_for": (run.workflow.awaited(snapshot.step) or None) if snapshot.live else None,
        "revision": snapshot.revision,
        "task_id": run.task_id,
        "open_children": snapshot.open_children,
        "state": state_of(snapshot),
        "exit_reason": snapshot.exit_reason,
        "transition_at": snapshot.transition_at,
        "ended_at": snapshot.ended_at,
    }


def contact_row(tenant: str, contact: Contact, expected: int, now: datetime) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "id": contact.id,
        "profile": contact_to_data(contact),
        "revision": contact.revision,
        "expected": expected,
        "now": now,
    }


def event_row(tenant: str, row_id: str, event: Event, *, pending: bool) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "accepted_at": event.accepted_at,
        "id": row_id,
        "source": event.source,
        "event_id": event.id,
        "type": event.type,
        "contact_id": event.contact_id,
        "conversation_id": event.conversation_id,
        "key": event.key,
        "data": event.data,
        "occurred_at": event.occurred_at,
        "priority": event.priority,
        "chain": event.chain or None,
        "pending": pending,
    }


def by_id(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["tenant_id"], row["id"]


def by_enrollment(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["tenant_id"], row["enrollment_id"]


def by_event(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["tenant_id"], row["source"], row["event_id"]


def by_request(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["tenant_id"], row["method"], row["request_id"]
