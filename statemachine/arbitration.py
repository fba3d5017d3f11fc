"""One conversation at a time: which other runs of a contact write to it on a newcomer's channels (`entry.conflict`).

The newcomer's policy decides. A run counts by what its version could send, not by what it will; one that answers does
so on the channel by which it came.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from statemachine.places import CONFLICT, Usage, full, queue_data
from statemachine.record import record
from statemachine.snapshot import Snapshot, Status
from statemachine.step import REPLY
from statemachine.values import text
from statemachine.workflow import Limits, Workflow

Runs = Sequence[tuple[Workflow, Snapshot]]


def channels_of(workflow: Workflow, trigger: Mapping[str, Any]) -> frozenset[str]:
    """By which channels a run that came by this trigger may write to its contact."""
    if REPLY not in workflow.channels:
        return workflow.channels
    own = text((trigger.get("data") or {}).get("channel")).lower()
    return workflow.channels - {REPLY} | ({own} if own else {"sms", "email"})


def rivals(
    workflow: Workflow, trigger: Mapping[str, Any], runs: Iterable[tuple[Workflow, Snapshot]], but: Collection[str] = ()
) -> Runs:
    """The live runs that are on the newcomer's channels, but for those named. Of children their first parent."""
    conflict = workflow.entry.conflict
    if conflict.policy == "allow":
        return ()
    wanted = conflict.channels or channels_of(workflow, trigger)
    live = {pair[1].id: pair for pair in runs if pair[1].live}
    found: dict[str, tuple[Workflow, Snapshot]] = {}
    for flow, snapshot in live.values():
        if channels_of(flow, snapshot.trigger) & wanted:
            top = (flow, snapshot)
            while top[1].parent_id in live:
                top = live[top[1].parent_id]
            if top[1].id not in but:
                found[top[1].id] = top
    return tuple(found[name] for name in sorted(found))


def may_begin(workflow: Workflow, others: Runs) -> bool:
    """Whether they let the newcomer in, be it later."""
    conflict = workflow.entry.conflict
    if conflict.policy == "interrupt":
        return all(flow.entry.priority <= workflow.entry.priority for flow, _ in others)
    return conflict.policy != "skip" or not others


def behind(others: Runs) -> dict[str, Any]:
    """What the history of a run that waits for others says of them."""
    return {"rule": CONFLICT, "behind": [snapshot.id for _, snapshot in others]}


@record
class Turn:
    """What becomes of a pending run now: it waits on (`queue`), leaves (`refused`), or begins and ends others first."""

    queue: Mapping[str, Any] | None = None
    refused: str = ""
    interrupts: Runs = field(default_factory=tuple)


def turn_of(workflow: Workflow, snapshot: Snapshot, limits: Limits, usage: Usage, runs: Runs) -> Turn:
    """`limits` are those that count now, `runs` those of its contact."""
    begun = [pair for pair in runs if pair[1].status is not Status.PENDING]
    others = rivals(workflow, snapshot.trigger, begun, {snapshot.id})
    policy = workflow.entry.conflict.policy
    if others and policy == "queue":
        return Turn(behind(others))
    rule = full(limits, usage)
    if rule is not None:
        return Turn(queue_data(rule, limits, usage))
    if not may_begin(workflow, others):
        return Turn(refused=CONFLICT)
    return Turn(interrupts=others if policy == "interrupt" else ())
