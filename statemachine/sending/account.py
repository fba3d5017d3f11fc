"""What became of the messages of a decision, for explanations: read from what it says in history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from statemachine.decision import Decision
from statemachine.sending.gate import SENT
from statemachine.steps.message import MessageStep
from statemachine.workflow import Workflow


@dataclass(frozen=True, slots=True)
class MessageAccount:
    """What the gate says of one message: `sent`, `held` until `until_at`, or `skipped`, by which `rule` and why.

    `enrollment_id` is "" for a run that does not exist yet.
    """

    workflow: str
    enrollment_id: str
    step: str
    channel: str
    verdict: str
    rule: str = ""
    reason: str = ""
    until_at: datetime | None = None


def message_accounts(workflow: Workflow, decision: Decision, enrollment_id: str) -> Iterator[MessageAccount]:
    """The messages of a decision, in the order in which the gate was asked."""
    channels = {order.step: str(order.input.get("channel", "")) for order in decision.orders}
    for entry in decision.history:
        step = workflow.steps.get(entry.step or "")
        if step is None or not isinstance(step.runner, MessageStep):
            continue
        said = entry.metadata
        verdict = said.get("verdict", SENT if entry.kind == "step_started" else "")
        if verdict:
            until_at = datetime.fromisoformat(said["until"]) if "until" in said else None
            yield MessageAccount(
                workflow.key,
                enrollment_id,
                step.id,
                said.get("channel") or channels.get(step.id, ""),
                verdict,
                said.get("rule", ""),
                said.get("reason", ""),
                until_at,
            )
