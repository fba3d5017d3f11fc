"""Operations: what is done to one run by name. Operators do it, and the engine itself where a run is to go on."""

from __future__ import annotations

from dataclasses import replace

from service.engine.clerk import Clerk
from service.engine.commands import ContinueRun, Operate, OperateAnswer, StartPending
from service.engine.desk import Desk
from service.engine.repeats import remember
from statemachine.arbitration import turn_of
from statemachine.cause import ContinueCause, EventCause, OperatorCause, StartCause
from statemachine.decide import decide
from statemachine.errors import StaleRevision, TransitionRefused
from statemachine.event import event_from_data
from statemachine.migration import migrate, route_of
from statemachine.places import NO_USAGE, Usage
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import CONTINUE
from statemachine.workflow import Limits, Workflow


def operate(clerk: Clerk, command: Operate) -> OperateAnswer:
    """Raises NotFound, StaleRevision, and as the rules refuse."""
    desk, workflow, snapshot = clerk.run_named(command.tenant, command.enrollment_id)
    if command.expected_revision is not None and command.expected_revision != snapshot.revision:
        raise StaleRevision(
            f"the enrollment is at revision {snapshot.revision}, not {command.expected_revision}; read it again",
            revision=str(snapshot.revision),
            expected_revision=str(command.expected_revision),
        )
    cause = OperatorCause(command.operation, command.request_id, command.data)
    try:
        if command.operation == "migrate":
            _migrate(clerk, desk, workflow, snapshot, cause)
        else:
            clerk.decide(desk, workflow, snapshot, cause)
    except TransitionRefused as refusal:
        refusal.metadata = {**refusal.metadata, "enrollment_id": command.enrollment_id}
        raise
    answer = OperateAnswer(desk.runs[snapshot.id][1])
    remember(clerk, command, answer)
    return answer


def _migrate(clerk: Clerk, desk: Desk, workflow: Workflow, snapshot: Snapshot, cause: OperatorCause) -> None:
    """Whoever asks has had the target version compiled."""
    target = clerk.room.catalog.known(desk.tenant, workflow.key, cause.data["to_version"])
    assert target is not None
    route = route_of(workflow, target, cause.data)
    decision = migrate(route, snapshot, cause, clerk.surroundings(desk, target, snapshot))
    clerk.keep(desk, target, decision, cause)
    clerk.follow(desk, snapshot, decision)


def go_on(clerk: Clerk, command: ContinueRun) -> OperateAnswer:
    """After a commit in the middle of a long way; nothing, when it has gone on."""
    desk, workflow, snapshot = clerk.run_named(command.tenant, command.enrollment_id)
    if snapshot.continues == command.number and CONTINUE in snapshot.deadlines:
        clerk.decide(desk, workflow, snapshot, ContinueCause(command.number))
    return OperateAnswer(desk.runs[snapshot.id][1])


def start_pending(clerk: Clerk, command: StartPending) -> OperateAnswer:
    """Let a run begin that waits outside, if it may by now."""
    desk, workflow, snapshot = clerk.run_named(command.tenant, command.enrollment_id)
    held = workflow.key in clerk.ledger.directory.paused_in(command.tenant)
    if snapshot.status is not Status.PENDING:
        clerk.ledger.queues.forget(command.tenant, snapshot)
    if snapshot.status is not Status.PENDING or held:
        return OperateAnswer(snapshot)
    turn = turn_of(workflow, snapshot, *_places_in(clerk, command.tenant, workflow), tuple(desk.runs.values()))
    if turn.queue is not None and turn.queue["rule"] == snapshot.queued:
        clerk.ledger.queues.requeue(command.tenant, snapshot)
        return OperateAnswer(snapshot)
    for flow, other in turn.interrupts:
        clerk.decide(desk, flow, other, EventCause(event_from_data(snapshot.trigger), "interrupt"))
    cause = StartCause(snapshot.sequence, turn.refused)
    surroundings = replace(clerk.surroundings(desk, workflow, snapshot), queue=turn.queue)
    decision = decide(workflow, snapshot, cause, surroundings)
    assert decision is not None
    clerk.keep(desk, workflow, decision, cause)
    clerk.follow(desk, snapshot, decision)
    return OperateAnswer(desk.runs[snapshot.id][1])


def _places_in(clerk: Clerk, tenant: str, workflow: Workflow) -> tuple[Limits, Usage]:
    """The limits of the active version, so that they can be raised for those who wait; and how full it is."""
    active = clerk.ledger.directory.active(tenant, workflow.key)
    known = clerk.room.catalog.known(tenant, workflow.key, active) if active is not None else None
    return (known or workflow).limits, clerk.stock.usages_of(tenant).get(workflow.key, NO_USAGE)
