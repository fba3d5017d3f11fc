"""Answers as stored data: what a repeated request is told again, word for word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from service.engine.commands import (
    Answer,
    ChangeContact,
    ChangeConversation,
    Command,
    ContactAnswer,
    ConversationAnswer,
    DecideTask,
    EnrollAnswer,
    EnrollContact,
    FinishAnswer,
    FinishTask,
    Operate,
    OperateAnswer,
)
from statemachine.contact import contact_from_data, contact_to_data
from statemachine.conversation import conversation_from_data, conversation_to_data
from statemachine.snapshot import Snapshot, snapshot_from_data, snapshot_to_data
from statemachine.verdict import Verdict


def method_of(command: Command) -> str:
    """The name under which a command's request id is remembered."""
    if isinstance(command, Operate):
        return command.operation
    return _METHODS[type(command)]


_METHODS: Final[Mapping[type, str]] = {
    EnrollContact: "enroll",
    FinishTask: "finish_task",
    DecideTask: "decide_task",
    ChangeContact: "change_contact",
    ChangeConversation: "change_conversation",
}


def answer_to_data(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, EnrollAnswer):
        return {"verdict": verdict_to_data(answer.verdict), "snapshot": _snapshot_data(answer.snapshot)}
    if isinstance(answer, OperateAnswer):
        return {"snapshot": _snapshot_data(answer.snapshot)}
    if isinstance(answer, FinishAnswer):
        return {"task_id": answer.task_id, "applied": answer.applied}
    if isinstance(answer, ConversationAnswer):
        talk = conversation_to_data(answer.conversation)
        return {"conversation": talk, "changed": answer.changed, "removed": dict(answer.removed)}
    assert isinstance(answer, ContactAnswer)
    return {
        "id": answer.contact.id,
        "contact": contact_to_data(answer.contact),
        "revision": answer.contact.revision,
        "created": answer.created,
        "changed": answer.changed,
        "created_at": answer.created_at.isoformat(),
        "updated_at": answer.updated_at.isoformat(),
    }


def verdict_to_data(verdict: Verdict) -> dict[str, Any]:
    """`Verdict(**data)` reads it back. Not `asdict`: that copies deep, and every event passes here."""
    return {
        "workflow": verdict.workflow,
        "version": verdict.version,
        "kind": verdict.kind,
        "enrollment_id": verdict.enrollment_id,
        "rule": verdict.rule,
        "step": verdict.step,
    }


def answer_from_data(command: Command, data: Mapping[str, Any]) -> Answer:
    if isinstance(command, EnrollContact):
        return EnrollAnswer(Verdict(**data["verdict"]), _snapshot(data["snapshot"]))
    if isinstance(command, Operate):
        snapshot = _snapshot(data["snapshot"])
        assert snapshot is not None
        return OperateAnswer(snapshot)
    if isinstance(command, FinishTask | DecideTask):
        return FinishAnswer(data["task_id"], data["applied"])
    if isinstance(command, ChangeConversation):
        return ConversationAnswer(conversation_from_data(data["conversation"]), data["changed"], data["removed"])
    return ContactAnswer(
        contact_from_data(data["id"], data["contact"], data["revision"]),
        data["created"],
        data["changed"],
        datetime.fromisoformat(data["created_at"]),
        datetime.fromisoformat(data["updated_at"]),
    )


def _snapshot_data(snapshot: Snapshot | None) -> dict[str, Any] | None:
    return None if snapshot is None else snapshot_to_data(snapshot)


def _snapshot(data: Mapping[str, Any] | None) -> Snapshot | None:
    return None if data is None else snapshot_from_data(data)
