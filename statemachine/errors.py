"""Everything that can be refused, as one tree.

A refusal is normal: nothing changed, and the error says what would be right. `service/rpc/errors.py` maps these
classes to status codes; nothing in this package knows about gRPC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from statemachine.frame import Thrown
    from statemachine.problem import Problem


class WorkflowError(Exception):
    """The root of all refusals. `reason` is stable and documented; `metadata` names what the message speaks of."""

    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata: Mapping[str, str] = metadata


class DefinitionError(WorkflowError):
    """The definition has errors; `problems` holds all of them, warnings included."""

    reason = "INVALID_DEFINITION"

    def __init__(self, problems: Sequence[Problem]) -> None:
        errors = [problem for problem in problems if problem.severity == "error"]
        first = f": {errors[0]}" if errors else ""
        super().__init__(f"the definition has {len(errors)} error{'s' if len(errors) != 1 else ''}{first}")
        self.problems = tuple(problems)


class InvalidInput(WorkflowError):  # noqa: N818
    """A request says something that cannot be right; `violations` lists (field path, what would be right)."""

    reason = "INVALID_ARGUMENT"

    def __init__(self, message: str, violations: Sequence[tuple[str, str]] = (), **metadata: str) -> None:
        super().__init__(message, **metadata)
        self.violations = tuple(violations)


class LimitExceeded(InvalidInput):
    """A payload is over a published limit (promise P13)."""

    reason = "LIMIT_EXCEEDED"


class Undecodable(InvalidInput):
    """The bytes of a request are no message of its type."""

    reason = "UNDECODABLE"


class NotFound(WorkflowError):  # noqa: N818
    """The named thing does not exist, or is not the caller's: both look the same."""

    reason = "NOT_FOUND"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} does not exist", kind=kind, name=name)


class AlreadyExists(WorkflowError):  # noqa: N818
    """The same key was used before with another body."""

    reason = "ALREADY_EXISTS"


class EventIdReused(AlreadyExists):
    """An event id came again with another body; nothing changed."""

    reason = "EVENT_ID_REUSED"


class RequestIdReused(AlreadyExists):
    """A request id came again with another body; nothing changed."""

    reason = "REQUEST_ID_REUSED"


class StaleRevision(WorkflowError):  # noqa: N818
    """`expected_revision` is not the present one: read again, decide again."""

    reason = "STALE_REVISION"


class PreconditionFailed(WorkflowError):  # noqa: N818
    """The thing exists but its state does not allow this."""

    reason = "FAILED_PRECONDITION"


class TransitionRefused(PreconditionFailed):
    """The machine has no such transition where the enrollment stands; `allowed` lists those it has."""

    reason = "TRANSITION_REFUSED"

    def __init__(
        self, transition: str, *, status: str, step: str | None, allowed: Sequence[str], why: str = ""
    ) -> None:
        options = ", ".join(allowed) if allowed else "none"
        where = f"at step {step!r} ({status})" if step else f"while {status}"
        detail = f": {why}" if why else ""
        super().__init__(
            f"transition {transition!r} is not allowed {where}{detail}; allowed: {options}",
            transition=transition,
            status=status,
            step=step or "",
            allowed=",".join(allowed),
        )
        self.allowed = tuple(allowed)


class LiveEnrollments(PreconditionFailed):
    """The workflow has live enrollments, and may neither go nor come back before they have ended."""

    reason = "LIVE_ENROLLMENTS"


class MigrationRefused(PreconditionFailed):
    """The run does not fit into the other version; `code` says why (`statemachine.migration.Placement`)."""

    def __init__(self, code: str, message: str, *, step: str | None) -> None:
        super().__init__(message, code=code, step=step or "")
        self.code = code


class StaleLease(PreconditionFailed):
    """The lease token is not the current one: the task has been taken over, revoked or finished."""

    reason = "STALE_LEASE"


class TaskHeld(PreconditionFailed):
    """Somebody else holds the human task: only they may decide or release it."""

    reason = "TASK_HELD"


class TaskDecided(PreconditionFailed):
    """The human task was decided before, by one person, for good."""

    reason = "TASK_DECIDED"


class WorkflowPaused(PreconditionFailed):
    """The workflow is paused: it takes no new enrollments, and its runs do not move."""

    reason = "WORKFLOW_PAUSED"


class Saturated(WorkflowError):  # noqa: N818
    """The server is full; nothing was stored. `retry_after` says when to come back."""

    reason = "SATURATED"

    def __init__(self, message: str, retry_after: timedelta = timedelta(milliseconds=250)) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(WorkflowError):  # noqa: N818
    """The store cannot be reached or the server is draining; the same request may succeed later."""

    reason = "UNAVAILABLE"

    def __init__(self, message: str, retry_after: timedelta = timedelta(seconds=1)) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StepFailed(WorkflowError):  # noqa: N818
    """A step cannot do its work. The run follows `on_error`, or fails; `code` is what handlers and history show."""

    reason = "STEP_FAILED"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)
        self.code = code


class ErrorPassedOn(StepFailed):
    """A step lets an error of its bodies out."""

    def __init__(self, thrown: Thrown) -> None:
        super().__init__(thrown.error.code, thrown.error.message)
        self.thrown = thrown
