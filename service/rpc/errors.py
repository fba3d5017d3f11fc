"""The one table from errors to answers: a class, or the nearest class above it, to a status code and its details.

Details are `google.rpc` messages (AIP-193): always an ErrorInfo with a documented reason (`error_reason.proto`), and
what the code calls for besides. They travel in the trailing metadata, where clients take 8 KiB: a long list of
violations is cut there and says so, its total is in the metadata, and Validate answers all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NoReturn
from uuid import uuid4

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, RetryInfo
from google.rpc.status_pb2 import Status

from service.rpc.moment import write_span
from service.storage.connections import Conflict
from statemachine.errors import (
    AlreadyExists,
    DefinitionError,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    Saturated,
    StaleRevision,
    StepFailed,
    TransitionRefused,
    Unavailable,
    WorkflowError,
)
from statemachine.problem import Problem

DOMAIN: Final = "statewright"
DETAILS_KEY: Final = "grpc-status-details-bin"
_MAX_DETAILS_BYTES: Final = 5_000
_MAX_MESSAGE: Final = 500
_log: Final = logging.getLogger(__name__)


class DeadlinePassed(WorkflowError):  # noqa: N818 - a refusal, like the rest of the tree
    """The caller's deadline has passed, or is too near to do anything before it."""

    reason = "DEADLINE_EXCEEDED"


CODES: Final[Mapping[type[BaseException], grpc.StatusCode]] = {
    DefinitionError: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    StaleRevision: grpc.StatusCode.ABORTED,
    PreconditionFailed: grpc.StatusCode.FAILED_PRECONDITION,
    StepFailed: grpc.StatusCode.FAILED_PRECONDITION,
    Saturated: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Conflict: grpc.StatusCode.UNAVAILABLE,
    DeadlinePassed: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""Error class → status code. What has no entry here or above it is a defect: INTERNAL, logged, and nothing leaks."""

_NOT_FOUND_KEYS: Final = {
    "workflow": "workflow",
    "version": "version",
    "enrollment": "enrollment_id",
    "task": "task_id",
    "contact": "contact_id",
    "agent": "agent_id",
    "conversation": "conversation_id",
}


def code_of(error: BaseException) -> grpc.StatusCode:
    """The status code of the nearest class that has one."""
    for kind in type(error).__mro__:
        if kind in CODES:
            return CODES[kind]
    return grpc.StatusCode.INTERNAL


def status_of(error: BaseException) -> Status:
    """The whole answer. A defect is logged here, once, under the `error_id` that the caller gets."""
    code = code_of(error)
    if code is grpc.StatusCode.INTERNAL:
        return _defect(error)
    if isinstance(error, Conflict):
        error = Unavailable("too many writers at once; nothing was stored, repeat with the same id")
    assert isinstance(error, WorkflowError)
    reason, metadata = _reason_and_metadata(error)
    details: list[Message] = [ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)]
    for kind, detail in _DETAILS.items():
        if isinstance(error, kind):
            details.append(detail(error))
    return _status(code, error.message, details)


async def refuse(context: grpc.aio.ServicerContext[Any, Any], status: Status) -> NoReturn:
    """End the call with the answer that an error calls for."""
    code = _BY_NUMBER[status.code]
    await context.abort(code, status.message, trailing_metadata=((DETAILS_KEY, status.SerializeToString()),))


def _defect(error: BaseException) -> Status:
    error_id = uuid4().hex
    _log.error("a call failed inside the server", exc_info=error, extra={"error_id": error_id})
    info = ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"error_id": error_id})
    return _status(grpc.StatusCode.INTERNAL, f"the server failed; its log has the error_id {error_id}", [info])


def _status(code: grpc.StatusCode, message: str, details: Sequence[Message]) -> Status:
    status = Status(code=code.value[0], message=_shortened(message, _MAX_MESSAGE))
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _reason_and_metadata(error: WorkflowError) -> tuple[str, dict[str, str]]:
    metadata = {name: _shortened(text, 255) for name, text in error.metadata.items()}
    if isinstance(error, NotFound):
        return _not_found(metadata["kind"], metadata["name"])
    if isinstance(error, DefinitionError):
        metadata["problems"] = str(len(error.problems))
        metadata["errors"] = str(sum(problem.severity == "error" for problem in error.problems))
    reason = type(error).reason
    return ("FAILED_PRECONDITION" if isinstance(error, StepFailed) else reason), metadata


def _not_found(kind: str, name: str) -> tuple[str, dict[str, str]]:
    """A version is named `workflow@version`."""
    reason = f"{kind.upper()}_NOT_FOUND"
    if kind == "version" and "@" in name:
        workflow, _, version = name.rpartition("@")
        return reason, {"workflow": workflow, "version": version}
    return reason, {_NOT_FOUND_KEYS.get(kind, kind): name}


def _bad_request(violations: Sequence[tuple[str, str, str]]) -> BadRequest:
    """Field, reason and description of each, as many as fit."""
    request = BadRequest()
    used = 0
    for index, (field, reason, description) in enumerate(violations):
        used += len(field.encode()) + len(description.encode()) + len(reason) + 16
        if used > _MAX_DETAILS_BYTES:
            more = len(violations) - index
            request.field_violations.add(description=f"and {more} more that do not fit into this answer")
            break
        request.field_violations.add(field=field, reason=reason, description=description)
    return request


def _violations(error: InvalidInput) -> BadRequest:
    return _bad_request([(place, error.reason, _shortened(wanted, 400)) for place, wanted in error.violations])


def _problems(error: DefinitionError) -> BadRequest:
    """Errors before warnings: not all may fit."""
    ordered = sorted(error.problems, key=lambda problem: problem.severity)
    return _bad_request([_problem(problem) for problem in ordered])


def _problem(problem: Problem) -> tuple[str, str, str]:
    hint = f" ({problem.own_suggestion})" if problem.own_suggestion else ""
    where = f" at line {problem.line}, column {problem.column}" if problem.line is not None else ""
    kind = "warning: " if problem.severity == "warning" else ""
    return problem.path, problem.code.upper(), f"{kind}{_shortened(problem.message, 400)}{_shortened(hint, 200)}{where}"


def _precondition(error: TransitionRefused) -> PreconditionFailure:
    failure = PreconditionFailure()
    subject = error.metadata.get("enrollment_id") or error.metadata["step"]
    failure.violations.add(type="TRANSITION", subject=subject, description=_shortened(error.message, _MAX_MESSAGE))
    return failure


def _retry(error: Saturated | Unavailable) -> RetryInfo:
    info = RetryInfo()
    delay: timedelta = error.retry_after
    write_span(delay, info.retry_delay)
    return info


_DETAILS: Final[Mapping[type[WorkflowError], Callable[[Any], Message]]] = {
    DefinitionError: _problems,
    InvalidInput: _violations,
    TransitionRefused: _precondition,
    Saturated: _retry,
    Unavailable: _retry,
}

_BY_NUMBER: Final = {code.value[0]: code for code in grpc.StatusCode}


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
