"""Every refusal has its code and its documented reason; a defect tells nothing but its id."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, RetryInfo
from google.rpc.status_pb2 import Status
from statewright.v1 import ErrorReason

import statemachine.errors
from service.rpc.errors import CODES, DeadlinePassed, code_of, status_of
from service.storage.connections import Conflict
from statemachine.errors import (
    DefinitionError,
    EventIdReused,
    InvalidInput,
    LimitExceeded,
    NotFound,
    PreconditionFailed,
    RequestIdReused,
    Saturated,
    StaleLease,
    StaleRevision,
    StepFailed,
    TransitionRefused,
    Unavailable,
    Undecodable,
    WorkflowError,
    WorkflowPaused,
)
from statemachine.problem import Problem

PROBLEM = Problem("unknown_step", "error", "there is no step 'x'", "steps[3].next", 12, 9, "did you mean 'y'?")
EXAMPLES: list[tuple[WorkflowError, grpc.StatusCode, str]] = [
    (DefinitionError([PROBLEM]), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_DEFINITION"),
    (InvalidInput("no", [("a", "b")]), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    (LimitExceeded("no", [("a", "b")]), grpc.StatusCode.INVALID_ARGUMENT, "LIMIT_EXCEEDED"),
    (Undecodable("no"), grpc.StatusCode.INVALID_ARGUMENT, "UNDECODABLE"),
    (NotFound("workflow", "w"), grpc.StatusCode.NOT_FOUND, "WORKFLOW_NOT_FOUND"),
    (NotFound("version", "w@2"), grpc.StatusCode.NOT_FOUND, "VERSION_NOT_FOUND"),
    (NotFound("enrollment", "e"), grpc.StatusCode.NOT_FOUND, "ENROLLMENT_NOT_FOUND"),
    (NotFound("task", "t"), grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND"),
    (NotFound("contact", "c"), grpc.StatusCode.NOT_FOUND, "CONTACT_NOT_FOUND"),
    (EventIdReused("no"), grpc.StatusCode.ALREADY_EXISTS, "EVENT_ID_REUSED"),
    (RequestIdReused("no"), grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"),
    (StaleRevision("no"), grpc.StatusCode.ABORTED, "STALE_REVISION"),
    (PreconditionFailed("no"), grpc.StatusCode.FAILED_PRECONDITION, "FAILED_PRECONDITION"),
    (TransitionRefused("x", status="waiting", step="s", allowed=["y"]), grpc.StatusCode.FAILED_PRECONDITION,
     "TRANSITION_REFUSED"),
    (StaleLease("no"), grpc.StatusCode.FAILED_PRECONDITION, "STALE_LEASE"),
    (WorkflowPaused("no"), grpc.StatusCode.FAILED_PRECONDITION, "WORKFLOW_PAUSED"),
    (StepFailed("no_contact", "no"), grpc.StatusCode.FAILED_PRECONDITION, "FAILED_PRECONDITION"),
    (Saturated("no"), grpc.StatusCode.RESOURCE_EXHAUSTED, "SATURATED"),
    (Unavailable("no"), grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    (DeadlinePassed("no"), grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
]  # fmt: skip


def detail(status: Status, kind: type[Any]) -> Any:
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            found = kind()
            packed.Unpack(found)
            return found
    return None


@pytest.mark.parametrize(("error", "code", "reason"), EXAMPLES, ids=lambda value: str(value)[:30])
def test_each_refusal_has_its_code_and_reason(error: WorkflowError, code: grpc.StatusCode, reason: str) -> None:
    status = status_of(error)
    info = detail(status, ErrorInfo)
    assert (status.code, info.reason, info.domain) == (code.value[0], reason, "statewright")


@pytest.mark.parametrize("reason", sorted({reason for _, _, reason in EXAMPLES} | {"INTERNAL"}))
def test_every_reason_sent_is_documented(reason: str) -> None:
    assert f"ERROR_REASON_{reason}" in set(ErrorReason.keys())


def test_every_class_of_the_tree_has_a_code_of_its_own_or_from_above() -> None:
    classes = [kind for kind in vars(statemachine.errors).values() if isinstance(kind, type)]
    refusals = [kind for kind in classes if issubclass(kind, WorkflowError) and kind is not WorkflowError]
    assert [kind for kind in refusals if not any(parent in CODES for parent in kind.__mro__)] == []


def test_a_definition_error_lists_every_problem_with_its_place() -> None:
    violation = detail(status_of(DefinitionError([PROBLEM])), BadRequest).field_violations[0]
    assert (violation.field, violation.reason) == ("steps[3].next", "UNKNOWN_STEP")
    assert violation.description.endswith("at line 12, column 9")


def test_more_problems_than_fit_into_metadata_are_counted_and_the_answer_stays_small() -> None:
    status = status_of(DefinitionError([PROBLEM] * 1000))
    assert status.ByteSize() < 7 * 1024
    assert detail(status, ErrorInfo).metadata["problems"] == "1000"
    assert detail(status, BadRequest).field_violations[-1].description.startswith("and ")


@pytest.mark.parametrize("error", [Saturated("no", timedelta(seconds=2)), Unavailable("no", timedelta(seconds=2))])
def test_what_may_succeed_later_says_when(error: WorkflowError) -> None:
    assert detail(status_of(error), RetryInfo).retry_delay.seconds == 2


def test_a_refused_transition_names_the_step_and_what_is_allowed() -> None:
    status = status_of(TransitionRefused("x", status="waiting", step="s", allowed=["y", "z"]))
    assert dict(detail(status, ErrorInfo).metadata) == {
        "transition": "x", "status": "waiting", "step": "s", "allowed": "y,z",
    }  # fmt: skip
    assert detail(status, PreconditionFailure).violations[0].type == "TRANSITION"


def test_a_missing_version_names_workflow_and_version() -> None:
    assert dict(detail(status_of(NotFound("version", "w@2")), ErrorInfo).metadata) == {"workflow": "w", "version": "2"}


def test_a_lost_race_is_told_as_unavailable_without_the_databases_words() -> None:
    status = status_of(Conflict("deadlock detected: process 17 waits for ShareLock"))
    assert status.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert "17" not in status.message


def test_a_defect_leaks_nothing_and_is_logged_once_under_its_id(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        status = status_of(ValueError("select password from users"))
    assert code_of(ValueError()) is grpc.StatusCode.INTERNAL
    assert "password" not in str(status)
    (record,) = caplog.records
    assert vars(record)["error_id"] == detail(status, ErrorInfo).metadata["error_id"]
