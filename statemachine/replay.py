"""Deciding again: from an enrollment's history alone to its snapshot, tasks and history.

Every cause's first entry recorded the cause, now, and the values that were read. Nothing stored is folded: each cause
is decided anew, and the audit compares what comes out with what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from statemachine.cause import DEFAULT_TENANT, OperatorCause, Surroundings, cause_from_data
from statemachine.contact import Contact, contact_from_data
from statemachine.conversation import conversation_from_data
from statemachine.decide import decide
from statemachine.decision import ChildOrder, Decision, HistoryEntry, TaskOrder
from statemachine.event import event_from_data
from statemachine.migration import migrate, route_of
from statemachine.shares import splits_from_data
from statemachine.snapshot import Snapshot, snapshot_from_data
from statemachine.standstill import standstill_from_data
from statemachine.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Replayed:
    snapshot: Snapshot
    history: tuple[HistoryEntry, ...]
    orders: tuple[TaskOrder, ...]
    children: tuple[ChildOrder, ...] = ()


class ReplayDiverged(Exception):  # noqa: N818 - says what happened, like the others
    """A recorded cause no longer moves the enrollment: history and rules do not belong together."""


Versions = Workflow | Callable[[int], Workflow]
"""The compiled versions of a workflow by number; one of them for a run that never left it."""


def replay(versions: Versions, recorded: Iterable[Mapping[str, Any]]) -> Replayed:
    """Decide every recorded cause again, in order. `recorded` are the `cause` objects of the first entries."""
    snapshot: Snapshot | None = None
    history: list[HistoryEntry] = []
    orders: list[TaskOrder] = []
    children: list[ChildOrder] = []
    for record in recorded:
        before = snapshot or snapshot_from_data(record["enrollment"])
        decision = _decide_again(versions, before, record)
        snapshot = decision.snapshot
        history.extend(decision.history)
        orders.extend(decision.orders)
        children.extend(decision.children)
    if snapshot is None:
        raise ReplayDiverged("the history records no cause")
    return Replayed(snapshot, tuple(history), tuple(orders), tuple(children))


def _decide_again(versions: Versions, snapshot: Snapshot, record: Mapping[str, Any]) -> Decision:
    cause = cause_from_data(record["cause"])
    surroundings = _surroundings(record)
    workflow = _version(versions, snapshot.version)
    if isinstance(cause, OperatorCause) and cause.operation == "migrate":
        target = _version(versions, cause.data["to_version"])
        return migrate(route_of(workflow, target, cause.data), snapshot, cause, surroundings)
    decision = decide(workflow, snapshot, cause, surroundings)
    if decision is None:
        raise ReplayDiverged(f"cause {cause.id!r} does not move the enrollment any more")
    return decision


def _version(versions: Versions, number: int) -> Workflow:
    return versions if isinstance(versions, Workflow) else versions(number)


def _surroundings(record: Mapping[str, Any]) -> Surroundings:
    reads = record.get("reads", {})
    return Surroundings(
        now=datetime.fromisoformat(record["now"]),
        contact=_contact(reads.get("contact")),
        events=tuple(event_from_data(event) for event in reads.get("events", ())),
        globals=reads.get("globals", {}),
        globals_left=reads.get("globals_left"),
        tenant_zone=reads.get("tenant_zone"),
        tenant_id=reads.get("tenant_id", DEFAULT_TENANT),
        held=reads.get("held", False),
        crowded=reads.get("crowded", False),
        counted=timedelta(seconds=reads["counted_s"]) if "counted_s" in reads else None,
        holidays=reads.get("holidays"),
        standstill=standstill_from_data(reads.get("standstill")),
        conversation=conversation_from_data(reads["conversation"]) if "conversation" in reads else None,
        queue=reads.get("queue"),
        splits=splits_from_data(reads.get("splits")),
        slots=tuple(map(datetime.fromisoformat, reads["slots"])) if "slots" in reads else None,
    )


def _contact(data: Mapping[str, Any] | None) -> Contact | None:
    return None if data is None else contact_from_data(data["id"], data, data.get("revision", 0))
