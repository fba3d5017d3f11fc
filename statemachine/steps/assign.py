"""The assign_agent step: whose contact it is from now on.

Who that is depends on who is there, so a task asks the server itself (`service/connectors/assignments.py`); its answer
is recorded like any other, and the step then changes the contact, and the conversation if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from statemachine.contact import Contact
from statemachine.decision import TaskOrder
from statemachine.errors import StepFailed
from statemachine.patch import apply_patch
from statemachine.people import wanted_to_data
from statemachine.step import Build, Context, EffectStep
from statemachine.steps.approval import AssignConfig, compiled_assign
from statemachine.steps.parts import Parts

QUEUE: Final = "agents"
NOBODY: Final = "nobody"
FIELD: Final = "agent"
"""The contact's field that names its agent."""


class AssignAgent(EffectStep):
    """Give the contact, and its conversation, an agent.

    The outcome is `nobody` when nobody may have it now; nothing changes then. Error: `no_contact`."""

    name = "assign_agent"
    Config = AssignConfig
    queue = QUEUE

    def __init__(self, config: AssignConfig, build: Build) -> None:
        parts = Parts(build)
        self._wanted = compiled_assign((), config, parts, build)
        parts.field(FIELD)
        self.reads = parts.reads

    def outcomes(self) -> tuple[str, ...]:
        return ("done", NOBODY)

    def output_parts(self) -> frozenset[str]:
        return frozenset({"agent", "name"})

    def order(self, context: Context) -> TaskOrder:
        contact = context.contact
        told: dict[str, Any] = {"contact_id": contact.id, "wanted": wanted_to_data(self._wanted(context))}
        return TaskOrder(context.step_id, context.visit, self.name, self.queue, told, outcomes=self.outcomes())

    def finish(self, context: Context) -> None:
        """The task has said who it is."""
        output = context.scope.outputs.get(context.step_id)
        agent = output.get("agent") if isinstance(output, Mapping) else None
        if agent:
            _assign(context, context.contact, str(agent))


def _assign(context: Context, contact: Contact, agent: str) -> None:
    changed, events = apply_patch(contact, {FIELD: agent})
    if changed is not contact:
        context.change_contact(changed, [(event.type, event.data) for event in events])
    try:
        conversation = context.conversation
    except StepFailed:
        return
    if conversation.agent_id != agent:
        data = {"agent": agent, "before": conversation.agent_id}
        context.change_conversation(replace(conversation, agent_id=agent), [("conversation_assigned", data)])
