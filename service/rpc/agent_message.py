"""Agents, their assignments and notifications as the proto has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from statewright.v1 import Agent as AgentMessage
from statewright.v1 import AgentAvailability, AssignmentEnding, AssignmentReason, NotificationKind
from statewright.v1 import Assignment as AssignmentMessage
from statewright.v1 import Notification as NotificationMessage

from service.engine.commands import DEFAULT_TENANT
from service.rpc.fields import Violations
from service.rpc.moment import write_instant
from service.storage.agents import Agent, Notification
from service.storage.human_tasks import Assignment

_MOST_MEMBERS: Final = 100
_MOST_OPEN: Final = 10_000


def _words(enum: Any, prefix: str) -> Mapping[str, int]:
    return {name.removeprefix(prefix).lower(): number for name, number in enum.items() if number}


AVAILABILITIES: Final = _words(AgentAvailability, "AGENT_AVAILABILITY_")
AVAILABILITY_WORDS: Final = {number: word for word, number in AVAILABILITIES.items()}
_REASONS: Final = _words(AssignmentReason, "ASSIGNMENT_REASON_")
_ENDINGS: Final = _words(AssignmentEnding, "ASSIGNMENT_ENDING_")
_KINDS: Final = _words(NotificationKind, "NOTIFICATION_KIND_")


def read_agent(message: AgentMessage) -> tuple[Agent, str | None]:
    """The agent, and its availability if it is said. Raises InvalidInput with all that is wrong."""
    violations = Violations()
    violations.name("agent.id", message.id, required=True)
    violations.name("agent.name", message.name)
    violations.name("agent.email", message.email)
    for name in ("groups", "skills", "channels"):
        _check_members(violations, f"agent.{name}", getattr(message, name))
    if message.HasField("max_open"):
        violations.number("agent.max_open", message.max_open, 1, _MOST_OPEN)
    if message.availability and message.availability not in AVAILABILITY_WORDS:
        violations.add("agent.availability", f"one of {', '.join(AVAILABILITIES)}")
    violations.check()
    agent = Agent(
        DEFAULT_TENANT,
        message.id,
        message.name,
        message.email,
        _members(message.groups),
        _members(message.skills),
        _members(message.channels),
        max_open=message.max_open if message.HasField("max_open") else None,
    )
    return agent, AVAILABILITY_WORDS.get(message.availability)


def write_agent(agent: Agent, open_tasks: int, message: AgentMessage) -> None:
    message.id, message.name, message.email = agent.id, agent.name, agent.email
    message.groups.extend(agent.groups)
    message.skills.extend(agent.skills)
    message.channels.extend(agent.channels)
    message.availability = AVAILABILITIES[agent.availability]  # type: ignore[assignment]
    if agent.max_open is not None:
        message.max_open = agent.max_open
    message.open = open_tasks
    message.revision = agent.revision
    write_instant(agent.created_at, message.create_time)
    write_instant(agent.updated_at, message.update_time)


def write_assignment(assignment: Assignment, message: AssignmentMessage) -> None:
    for name in ("id", "agent_id", "task_id", "enrollment_id", "contact_id", "workflow", "step", "title"):
        setattr(message, name, getattr(assignment, name) or "")
    message.reason = _REASONS[assignment.reason]  # type: ignore[assignment]
    message.ending = _ENDINGS.get(assignment.ending or "", 0)  # type: ignore[assignment]
    write_instant(assignment.assigned_at, message.assign_time)
    write_instant(assignment.ended_at, message.end_time)


def write_notification(notification: Notification, message: NotificationMessage) -> None:
    for name in ("agent_id", "task_id", "enrollment_id", "contact_id", "workflow", "step", "title", "message"):
        setattr(message, name, getattr(notification, name) or "")
    message.sequence = notification.sequence
    message.kind = _KINDS[notification.kind]  # type: ignore[assignment]
    write_instant(notification.at, message.time)


def _check_members(violations: Violations, place: str, members: Sequence[str]) -> None:
    if len(members) > _MOST_MEMBERS:
        violations.add(place, f"at most {_MOST_MEMBERS} items")
    for index, member in enumerate(members):
        violations.name(f"{place}[{index}]", member, required=True)


def _members(members: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(members)))
