"""Tasks as the proto has them, and what workers say about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from statewright.v1 import CompleteRequest, ExtendRequest, FailRequest, TaskStatus, ThrowRequest
from statewright.v1 import HumanTask as HumanTaskMessage
from statewright.v1 import Task as TaskMessage

from service.engine.commands import DEFAULT_TENANT, FinishTask
from service.rpc.fields import Violations
from service.rpc.moment import read_span, write_instant
from service.rpc.payload import read_payload, write_any
from service.rpc.repeats import body_hash, request_key
from service.storage.human_tasks import HumanTask
from service.storage.tasks import LeasedTask
from service.tasks.leases import MAX_LEASE, MIN_LEASE
from statemachine.cause import TaskFailure
from statemachine.errors import InvalidInput
from statemachine.limits import MAX_OUTPUT_BYTES, MAX_VARIABLES_BYTES

STATUSES: Final[Mapping[str, int]] = {
    name.removeprefix("TASK_STATUS_").lower(): number for name, number in TaskStatus.items() if number
}
STATUS_WORDS: Final[Mapping[int, str]] = {number: word for word, number in STATUSES.items()}
_MAX_CODE_BYTES: Final = 128
_MAX_MESSAGE_BYTES: Final = 2048
_MAX_BACKOFF: Final = timedelta(hours=24)
_MAX_TOKEN: Final = 2**63


def write_task(task: LeasedTask, message: TaskMessage, *, for_holder: bool, human: HumanTask | None = None) -> None:
    """Fill a message; only the holder of the lease gets its token. `human` is what a task for people has besides."""
    message.id = task.id
    message.queue = task.queue
    message.type = task.type
    message.workflow = task.workflow
    message.version = task.version
    message.enrollment_id = task.enrollment_id
    message.step = task.step
    message.visit = task.visit
    message.contact_id = task.contact_id or ""
    write_any(task.input, message.input)
    message.idempotency_key = task.idempotency_key
    message.attempt = task.attempt
    message.max_attempts = task.max_attempts
    message.status = STATUSES[task.status]  # type: ignore[assignment]
    message.priority = task.priority
    if human is None:
        message.worker_id = task.worker_id or ""
    else:
        _write_human(human, task.outcomes, message)
    if for_holder:
        message.lease_token = str(task.lease_token)
    if task.status == "leased":
        write_instant(task.lease_until, message.lease_expire_time)
    write_instant(task.created_at, message.create_time)
    write_instant(task.available_at, message.available_time)
    if task.last_error:
        _write_last_error(task, message)
    if task.variants:
        message.variants.update(task.variants)


def read_lease(message: Any, place: str, default: timedelta) -> timedelta:
    """The `lease` of a request: 1 s to 1 h. Raises InvalidInput."""
    if not message.HasField("lease"):
        return default
    return read_span(message.lease, place, least=MIN_LEASE, most=MAX_LEASE)


def read_token(text: str, place: str = "lease_token") -> int:
    """The token as it was handed out. Raises InvalidInput."""
    if not (text.isascii() and text.isdigit() and int(text) < _MAX_TOKEN):
        raise InvalidInput(
            f"{place} must be the one of the task as leased", [(place, "the token of the task as leased")]
        )
    return int(text)


def read_complete(request: CompleteRequest, place: str = "") -> FinishTask:
    """Raises InvalidInput; LimitExceeded for an output over 64 KiB."""
    violations = Violations()
    token = _read_answer(violations, request, place)
    output = violations.read(_payload, request, "output", place, MAX_OUTPUT_BYTES)
    variables = violations.read(_payload, request, "variables", place, MAX_VARIABLES_BYTES)
    violations.check()
    return FinishTask(
        DEFAULT_TENANT,
        request.task_id,
        token,
        request.outcome or "done",
        output,
        variables or {},
        request_id=request_key(request.request_id),
        body_hash=body_hash(request),
    )


def read_extend(request: ExtendRequest, place: str, default: timedelta) -> tuple[str, int, timedelta]:
    """Which task, under which token, and for how long from now. Raises InvalidInput."""
    violations = Violations()
    task_id = violations.required_id(f"{place}task_id", request.task_id)
    token = violations.read(read_token, request.lease_token, f"{place}lease_token")
    lease = violations.read(read_lease, request, f"{place}lease", default)
    violations.check()
    return task_id, token, lease


def read_fail(request: FailRequest) -> FinishTask:
    violations = Violations()
    token = _read_answer(violations, request, "")
    backoff = None
    if request.HasField("backoff"):
        backoff = violations.read(read_span, request.backoff, "backoff", least=timedelta(0), most=_MAX_BACKOFF)
    violations.check()
    backoff_s = None if backoff is None else backoff.total_seconds()
    retryable = request.retryable if request.HasField("retryable") else True
    return FinishTask(
        DEFAULT_TENANT,
        request.task_id,
        token,
        failure=TaskFailure(request.code, request.message, retryable, backoff_s),
        request_id=request_key(request.request_id),
        body_hash=body_hash(request),
    )


def read_throw(request: ThrowRequest) -> FinishTask:
    """A business error takes an outcome, its code and message in the output beside the data; or `error`, as a failure
    that is never repeated."""
    violations = Violations()
    token = _read_answer(violations, request, "")
    data = violations.read(_payload, request, "data", "", MAX_OUTPUT_BYTES) or {}
    violations.check()
    outcome = request.outcome or "error"
    return FinishTask(
        DEFAULT_TENANT,
        request.task_id,
        token,
        outcome,
        {"code": request.code, "message": request.message, **data},
        failure=TaskFailure(request.code, request.message, retryable=False) if outcome == "error" else None,
        request_id=request_key(request.request_id),
        body_hash=body_hash(request),
    )


def _read_answer(violations: Violations, request: Any, place: str) -> int:
    """The lease token of an answer, whose other parts are looked at too."""
    violations.name(f"{place}task_id", request.task_id, required=True)
    if hasattr(request, "outcome"):
        violations.name(f"{place}outcome", request.outcome)
    if hasattr(request, "code"):
        violations.name(f"{place}code", request.code, required=True, most=_MAX_CODE_BYTES)
        violations.name(f"{place}message", request.message, most=_MAX_MESSAGE_BYTES)
    violations.name(f"{place}request_id", request.request_id)
    return violations.read(read_token, request.lease_token, f"{place}lease_token")


def _payload(request: Any, name: str, place: str, most: int) -> dict[str, Any] | None:
    if not request.HasField(name):
        return None
    payload = getattr(request, name)
    return read_payload(f"{place}{name}", payload, most, name)


def _write_human(human: HumanTask, decisions: tuple[str, ...], message: TaskMessage) -> None:
    about = message.human
    write_human(human, about)
    about.decisions.extend(decisions)
    message.queue = human.queue


def write_human(human: HumanTask, about: HumanTaskMessage) -> None:
    about.title, about.message = human.title, human.message
    about.agent_id = human.agent_id or ""
    about.wanted_agent_id, about.wanted_group = human.wanted.agent, human.wanted.group
    about.wanted_skills.extend(human.wanted.skills)
    about.decision, about.decided_by = human.decision or "", human.decided_by or ""
    write_instant(human.assigned_at, about.assign_time)
    write_instant(human.closed_at, about.close_time)


def _write_last_error(task: LeasedTask, message: TaskMessage) -> None:
    error = task.last_error or {}
    message.last_error.step = task.step
    message.last_error.code = str(error.get("code") or "")
    message.last_error.message = str(error.get("message") or "")
    at = error.get("at")
    write_instant(datetime.fromisoformat(at) if isinstance(at, str) else None, message.last_error.time)
