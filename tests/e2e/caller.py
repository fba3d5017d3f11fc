"""Calls to a real server in a few words, for the tests of the promises.

caller = Caller(client)
caller.publish(SOURCE)
run = caller.trigger("signed_up", "ann", id="e1").verdicts[0].enrollment_id
assert refusal(lambda: caller.trigger("", "ann")).reason == "INVALID_ARGUMENT"
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from statewright.client import Client
from statewright.v1 import (
    CompleteRequest,
    CompleteResponse,
    ContactServiceGetRequest,
    CountRequest,
    Enrollment,
    EnrollmentServiceGetRequest,
    EnrollmentStatus,
    EnrollRequest,
    EnrollResponse,
    Event,
    ExtendRequest,
    ExtendResponse,
    FailRequest,
    FailResponse,
    GetHistoryRequest,
    HistoryEntry,
    PollRequest,
    PublishRequest,
    Task,
    TaskServiceGetRequest,
    TaskStatus,
    TriggerRequest,
    TriggerResponse,
)

from service.storage.database import Database, Row
from tests.audit import assert_sound

_PATIENT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Caller:
    """A client with the arguments that these tests vary. Every call has a deadline."""

    client: Client

    def answers(self) -> bool:
        """Whether the server can be reached."""
        try:
            self.client.enrollments.Count(CountRequest(), timeout=2)
        except grpc.RpcError:
            return False
        return True

    def publish(self, *sources: str) -> None:
        for source in sources:
            self.client.workflows.Publish(PublishRequest(source=source), timeout=10)

    def trigger(self, kind: str, contact: str = "ann", **given: Any) -> TriggerResponse:
        return self.send(event(kind, contact, **given))

    def send(self, message: Event) -> TriggerResponse:
        request = TriggerRequest(event=message, include_not_matched=True)
        return self.client.enrollments.Trigger(request, timeout=10)

    def start(self, kind: str, contact: str = "ann", **given: Any) -> str:
        """The id of the one run that the event started."""
        return started(self.trigger(kind, contact, **given))

    def enroll(self, workflow: str, contact: str = "ann", **given: Any) -> EnrollResponse:
        request = EnrollRequest(workflow=workflow, contact_id=contact, **given)
        return self.client.enrollments.Enroll(request, timeout=10)

    def run(self, run: str) -> Enrollment:
        return self.client.enrollments.Get(EnrollmentServiceGetRequest(enrollment_id=run), timeout=10).enrollment

    def status(self, run: str) -> str:
        """As `COMPLETED`."""
        return EnrollmentStatus.Name(self.run(run).status).removeprefix("ENROLLMENT_STATUS_")

    def history(self, run: str) -> Sequence[HistoryEntry]:
        request = GetHistoryRequest(enrollment_id=run, page_size=500)
        return self.client.enrollments.GetHistory(request, timeout=10).entries

    def field(self, contact: str, name: str) -> Any:
        """A custom field of a contact, as plain data."""
        request = ContactServiceGetRequest(contact_id=contact)
        fields = self.client.contacts.Get(request, timeout=10).contact.custom_fields
        return MessageToDict(fields)[name]

    # --- tasks ---

    def poll(self, queue: str = "work", *, lease_s: float = 30, wait_s: float = 10, worker: str = "w1") -> list[Task]:
        request = PollRequest(queues=[queue], worker_id=worker, max_tasks=10, wait=span(wait_s), lease=span(lease_s))
        return list(self.client.tasks.Poll(request, timeout=wait_s + 10).tasks)

    def take(self, queue: str = "work", **given: Any) -> Task:
        """The one task that is ready, or comes in a moment."""
        (task,) = self.poll(queue, **given)
        return task

    def complete(self, task: Task, output: Mapping[str, Any] | None = None) -> CompleteResponse:
        request = CompleteRequest(task_id=task.id, lease_token=task.lease_token)
        if output:
            request.output.update(output)
        return self.client.tasks.Complete(request, timeout=10)

    def fail(self, task: Task, *, retryable: bool) -> FailResponse:
        request = FailRequest(task_id=task.id, lease_token=task.lease_token, code="no", retryable=retryable)
        return self.client.tasks.Fail(request, timeout=10)

    def extend(self, task: Task, lease_s: float = 30) -> ExtendResponse:
        request = ExtendRequest(task_id=task.id, lease_token=task.lease_token, lease=span(lease_s))
        return self.client.tasks.Extend(request, timeout=10)

    def task_status(self, task: Task) -> str:
        """As `UNKNOWN_OUTCOME`."""
        found = self.client.tasks.Get(TaskServiceGetRequest(task_id=task.id), timeout=10).task
        return TaskStatus.Name(found.status).removeprefix("TASK_STATUS_")


def event(
    kind: str,
    contact: str = "ann",
    *,
    id: str = "",  # noqa: A002 - the event's own word
    data: Mapping[str, Any] | None = None,
    **given: Any,
) -> Event:
    """An event of source `shop`."""
    message = Event(id=id, type=kind, contact_id=contact, source="shop", **given)
    message.data.update(data or {})
    return message


def started(answer: TriggerResponse) -> str:
    (run,) = [verdict.enrollment_id for verdict in answer.verdicts if verdict.kind == 1]
    return str(run)


def span(seconds: float) -> Duration:
    return Duration(nanos=round(seconds * 1000) % 1000 * 1_000_000, seconds=int(seconds))


@dataclass(frozen=True, slots=True)
class Refusal:
    """`retry_s` is None without RetryInfo."""

    code: grpc.StatusCode
    reason: str
    retry_s: float | None


def refusal(call: Callable[[], object]) -> Refusal:
    """How a call was refused that must be refused."""
    try:
        call()
    except grpc.RpcError as error:
        return refusal_of(error)
    raise AssertionError("the call was not refused")


def refusal_of(error: grpc.RpcError) -> Refusal:
    info, retry = ErrorInfo(), RetryInfo()
    trailers: dict[str, Any] = dict(error.trailing_metadata() or ())  # type: ignore[arg-type]
    for packed in Status.FromString(trailers.get("grpc-status-details-bin", b"")).details:
        packed.Unpack(info)
        if packed.Unpack(retry):
            return Refusal(error.code(), info.reason, retry.retry_delay.ToTimedelta().total_seconds())
    return Refusal(error.code(), info.reason, None)


def eventually(condition: Callable[[], object], timeout_s: float = _PATIENT_S) -> float:
    """Returns when the condition holds, after how many seconds. Raises AssertionError when it takes too long."""
    began = time.monotonic()
    pause = threading.Event()
    while not condition():
        assert time.monotonic() - began < timeout_s, f"still not so after {timeout_s} s"
        pause.wait(0.02)
    return time.monotonic() - began


def rows(url: str, sql: str, **parameters: Any) -> Sequence[Row]:
    """A query past the server."""
    with _open(url) as database, database.reading() as transaction:
        return transaction.rows(sql, **parameters)


def audit(url: str) -> None:
    """Raises AssertionError when the store is not sound."""
    now = datetime.now(UTC)
    with _open(url) as database, database.reading() as transaction:
        assert_sound(transaction, workflow_now=now, wall_now=now)


@contextmanager
def _open(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()
