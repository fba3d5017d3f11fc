"""Workflows, versions and problems as the protos have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from statewright.v1 import DefinitionFormat, ProblemSeverity, Workflow, WorkflowStatus, WorkflowVersion

from service.rpc.enrollment_message import PAUSE_EVENTS, PAUSE_TIMERS, write_counts
from service.rpc.moment import write_instant
from service.rpc.payload import write_struct
from service.storage.enrollment_queries import Counts
from service.storage.workflows import StoredVersion, StoredWorkflow
from statemachine.problem import Problem

FORMATS: Final[Mapping[str, int]] = {
    "yaml": DefinitionFormat.DEFINITION_FORMAT_YAML,
    "json": DefinitionFormat.DEFINITION_FORMAT_JSON,
    "canvas": DefinitionFormat.DEFINITION_FORMAT_CANVAS,
}
FORMAT_WORDS: Final[Mapping[int, Literal["", "yaml", "json", "canvas"]]] = {
    DefinitionFormat.DEFINITION_FORMAT_UNSPECIFIED: "",
    DefinitionFormat.DEFINITION_FORMAT_YAML: "yaml",
    DefinitionFormat.DEFINITION_FORMAT_JSON: "json",
    DefinitionFormat.DEFINITION_FORMAT_CANVAS: "canvas",
}
STATUSES: Final[Mapping[str, int]] = {
    "active": WorkflowStatus.WORKFLOW_STATUS_ACTIVE,
    "paused": WorkflowStatus.WORKFLOW_STATUS_PAUSED,
}
_PAUSE_TIMERS: Final = {word: number for number, word in PAUSE_TIMERS.items()}
_PAUSE_EVENTS: Final = {word: number for number, word in PAUSE_EVENTS.items()}
STATUS_WORDS: Final[Mapping[int, str]] = {number: word for word, number in STATUSES.items()}
"""What lists can ask for; a deleted workflow is in no list."""
_DELETED: Final = WorkflowStatus.WORKFLOW_STATUS_DELETED


def write_workflow(stored: StoredWorkflow, counts: Counts | None, message: Workflow) -> None:
    message.key = stored.key
    message.name = stored.name
    message.description = stored.description
    message.active_version = stored.active_version or 0
    message.status = STATUSES.get(stored.status, _DELETED)  # type: ignore[assignment]
    message.latest_version = stored.latest_version
    message.revision = stored.revision
    write_instant(stored.created_at, message.create_time)
    write_instant(stored.updated_at, message.update_time)
    if stored.paused:
        write_instant(stored.paused_at, message.pause_time)
        message.pause_timers = _PAUSE_TIMERS[stored.pause_timers]  # type: ignore[assignment]
        message.pause_events = _PAUSE_EVENTS[stored.pause_events]  # type: ignore[assignment]
    if counts is not None:
        message.counts.SetInParent()
        write_counts(counts, message.counts)


def write_version(
    stored: StoredVersion,
    message: WorkflowVersion,
    *,
    active: bool,
    definition: Mapping[str, Any] | None = None,
) -> None:
    """`definition` is the canonical form; with it the source goes too."""
    message.workflow = stored.workflow
    message.number = stored.version
    message.format = FORMATS[stored.format]  # type: ignore[assignment]
    message.label = stored.label
    message.active = active
    write_instant(stored.published_at, message.publish_time)
    if definition is not None:
        message.source = stored.source
        write_struct(definition, message.definition)


def write_problems(problems: Iterable[Problem], target: Any) -> None:
    for problem in problems:
        severity = f"PROBLEM_SEVERITY_{problem.severity.upper()}"
        target.add(
            code=problem.code,
            severity=ProblemSeverity.Value(severity),
            message=problem.message,
            path=problem.path,
            line=problem.line or 0,
            column=problem.column or 0,
            suggestion=problem.suggestion,
        )
