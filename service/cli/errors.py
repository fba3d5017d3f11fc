"""What went wrong, for people and machines: a message, what exactly, what to do next, and the exit code.

Exit codes: 1 refused or not found, 2 usage (click's own), 3 unreachable.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

import click
import grpc
import orjson
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from statemachine.errors import InvalidInput, Unavailable, WorkflowError

if TYPE_CHECKING:
    from service.cli.session import Session

REFUSED: Final = 1
UNREACHABLE: Final = 3

_UNREACHABLE_CODES: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_NEXT: Final[Mapping[str, str]] = {
    "INVALID_DEFINITION": "correct the file; `statewright validate FILE` checks it without a server",
    "WORKFLOW_NOT_FOUND": "see `statewright workflows list`",
    "VERSION_NOT_FOUND": "see `statewright workflows versions KEY`, or activate one: `workflows activate KEY VERSION`",
    "ENROLLMENT_NOT_FOUND": "see `statewright list`",
    "TASK_NOT_FOUND": "see `statewright tasks list`",
    "CONTACT_NOT_FOUND": "see `statewright contacts list`",
    "EVENT_ID_REUSED": "give a new event another --id; repeat an old one unchanged",
    "REQUEST_ID_REUSED": "give a new request another --request-id; repeat an old one unchanged",
    "STALE_REVISION": "read it again and decide again; somebody changed it meanwhile",
    "TRANSITION_REFUSED": "`statewright advance ID` lists what is possible, `statewright explain ID` says why",
    "STALE_LEASE": "the task has another holder or is done; `statewright tasks poll` takes the next one",
    "WORKFLOW_PAUSED": "`statewright workflows resume KEY` lets it go on",
    "LIVE_ENROLLMENTS": "let them end, or cancel them all with `statewright delete KEY --force`",
    "SATURATED": "nothing was stored: send it again in a moment",
    "UNAVAILABLE": "is it running, and is --database-url right? then try again",
    "INTERNAL": "a defect: look for the error id in the server's log",
}
_LINE: Final = re.compile(r"line (\d+), column (\d+)")


class Complaint(click.ClickException):
    """A refusal, ready to be shown."""

    exit_code = REFUSED

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        reason: str = "",
        violations: Sequence[Mapping[str, Any]] = (),
        metadata: Mapping[str, str] | None = None,
        next_step: str = "",
        as_json: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        self.next_step = next_step
        self.as_json = as_json

    def show(self, file: IO[Any] | None = None) -> None:
        out = file or sys.stderr
        click.echo(self.as_document() if self.as_json else self.as_text(), file=out)

    def as_document(self) -> str:
        shape = {
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
            "violations": self.violations,
            "metadata": self.metadata,
            "next": self.next_step,
        }
        return orjson.dumps({"error": shape}).decode()

    def as_text(self) -> str:
        lines = [f"Error: {self.message}"]
        told = [_violation_line(violation) for violation in self.violations]
        lines += [f"  {line}" for line in told if line != self.message and "\n" not in self.message]
        if self.next_step:
            lines.append(f"  Next: {self.next_step}")
        return "\n".join(lines)


class Unreachable(Complaint):
    """No answer: nobody is there, or nobody who can serve."""

    exit_code = UNREACHABLE


def _violation_line(violation: Mapping[str, Any]) -> str:
    text: str = violation["description"]
    return f"{violation['path']}: {text}" if violation["path"] else text


def complaint_of(error: Exception, session: Session) -> Complaint | None:
    """The complaint that an exception amounts to; None when it is a defect."""
    if isinstance(error, grpc.RpcError):
        return of_call(error, session.address, as_json=session.json)
    if isinstance(error, WorkflowError):
        kind = Unreachable if isinstance(error, Unavailable) else Complaint
        return kind(
            error.message,
            reason=error.reason,
            violations=_own_violations(error) if isinstance(error, InvalidInput) else (),
            metadata=error.metadata,
            next_step=_NEXT.get(error.reason, ""),
            as_json=session.json,
        )
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return Complaint(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), as_json=session.json)
    return None


def _own_violations(error: InvalidInput) -> list[dict[str, Any]]:
    """Those that this program found, in the shape of a server's."""
    return [
        {"path": path, "code": error.reason.lower(), "description": wanted, "line": None, "column": None}
        for path, wanted in error.violations
    ]


def of_call(error: Any, address: str, *, as_json: bool) -> Complaint:
    """The complaint about a call that a server refused or never answered."""
    code: grpc.StatusCode = error.code()
    info, violations = _details(error)
    if code in _UNREACHABLE_CODES:
        return _unreachable(error, address, info, as_json)
    reason = info.reason if info else ""
    return Complaint(
        error.details() or code.name.lower().replace("_", " "),
        code=code.name,
        reason=reason,
        violations=violations,
        metadata=dict(info.metadata) if info else {},
        next_step=_next_step(code, reason, info, address),
        as_json=as_json,
    )


def _unreachable(error: Any, address: str, info: Any, as_json: bool) -> Complaint:
    code: grpc.StatusCode = error.code()
    if info is not None:
        message, next_step = error.details(), "the server is there but not ready: try again in a moment"
    elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
        message = f"the server at {address} did not answer in time"
        next_step = "look at it with `statewright doctor`, or wait longer with --timeout SECONDS"
    else:
        message = f"no server can be reached at {address}"
        next_step = "start one with `statewright serve --dev`, or name another with --address HOST:PORT"
    return Unreachable(
        message,
        code=code.name,
        reason=info.reason if info else "UNREACHABLE",
        next_step=next_step,
        as_json=as_json,
    )


def _details(error: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The ErrorInfo (or None) and every violation of an error."""
    try:
        status = rpc_status.from_call(error)
    except (ValueError, AttributeError):
        return None, []
    info, violations = None, []
    for detail in status.details if status else ():
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest.FromString(detail.value)
            violations += [_violation(each) for each in bad.field_violations]
    return info, violations


def _violation(violation: Any) -> dict[str, Any]:
    place = _LINE.search(violation.description)
    return {
        "path": violation.field,
        "code": violation.reason.lower(),
        "description": violation.description,
        "line": int(place[1]) if place else None,
        "column": int(place[2]) if place else None,
    }


def _next_step(code: grpc.StatusCode, reason: str, info: Any, address: str) -> str:
    if reason == "TRANSITION_REFUSED" and info.metadata.get("allowed"):
        return f"allowed now: {info.metadata['allowed'].replace(',', ', ')}"
    if code is grpc.StatusCode.UNIMPLEMENTED and not reason:
        return f"is {address} a Statewright server of this version? `statewright doctor` tells"
    return _NEXT.get(reason, "")
