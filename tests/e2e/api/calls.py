"""A server in this process and a real client of it, for tests of the API; on either store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, RetryInfo
from google.rpc.status_pb2 import Status
from statewright.client import AsyncClient, connect_async
from statewright.v1 import Enrollment, EnrollmentServiceGetRequest, Event, PublishRequest, TriggerRequest

from service.app import Server, running
from service.settings import load_settings
from service.storage.database import Database
from service.storage.tables import metadata
from tests.audit import assert_history_dense, assert_no_early_or_double_timer, assert_replays

WELCOME = """
name: Welcome
key: welcome
triggers:
  - type: contact_created
    conditions:
      - {field: contact.plan, operator: equals, value: pro}
entry: {reentry: after_exit}
exit:
  - on: contact_unsubscribed
    reason: unsubscribed
steps:
  - id: greet
    type: set_variable
    config: {path: greeting, value: "Hello {{contact.first_name}}"}
  - id: reply
    type: wait
    config:
      on:
        - {event: message_received, branch: answered}
      timeout: 2d
    branches: {answered: thank, timeout: give_up}
  - id: thank
    type: add_tag
    config: {tag: replied}
    next: end
  - id: give_up
    type: add_tag
    config: {tag: silent}
    next: end
"""


@asynccontextmanager
async def api(url: str, client_options: Sequence[tuple[str, Any]] = (), **settings: Any) -> AsyncIterator[AsyncClient]:
    """A client of a server that lives for the length of the block."""
    flags = {"listen": "127.0.0.1:0", "database_url": url, "http_listen": "off", "unsafe": True, "drain_timeout_s": 2}
    async with (
        running(load_settings({**flags, **settings})) as server,
        connect_async(str(server.address), options=client_options) as client,
    ):
        yield client


def connect(server: Server) -> AsyncClient:
    return connect_async(str(server.address))


async def publish(client: AsyncClient, source: str = WELCOME) -> None:
    await client.workflows.Publish(PublishRequest(source=source), timeout=10)


def event(kind: str, contact: str = "ann", *, event_id: str = "", patch: Mapping[str, Any] | None = None,
          **data: Any) -> Event:  # fmt: skip
    message = Event(id=event_id, type=kind, contact_id=contact)
    message.data.update(data)
    if patch:
        message.contact_patch.update(patch)
    return message


class Refusal:
    """What a refused call answered, details unpacked."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.message = error.details() or ""
        self.status = Status()
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self.status = Status.FromString(value)

    def detail(self, kind: type[Any]) -> Any:
        for packed in self.status.details:
            if packed.Is(kind.DESCRIPTOR):
                found = kind()
                packed.Unpack(found)
                return found
        return None

    @property
    def info(self) -> ErrorInfo:
        return self.detail(ErrorInfo)

    @property
    def places(self) -> list[str]:
        return [violation.field for violation in self.detail(BadRequest).field_violations]

    @property
    def retry(self) -> RetryInfo:
        return self.detail(RetryInfo)

    @property
    def precondition(self) -> PreconditionFailure:
        return self.detail(PreconditionFailure)


async def refusal(call: Any) -> Refusal:
    """The refusal of a call that must be refused."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return Refusal(error)
    raise AssertionError("the call was not refused")


async def enrolled(client: AsyncClient, contact: str = "ann") -> str:
    """The id of a new enrollment in WELCOME, resting in `reply`."""
    message = event("contact_created", contact, patch={"plan": "pro", "first_name": contact.title()})
    answer = await client.enrollments.Trigger(TriggerRequest(event=message), timeout=10)
    return str(answer.verdicts[0].enrollment_id)


def everything_stored(url: str) -> dict[str, list[str]]:
    """Every row of every table, to show that a question changed nothing."""
    database = Database(url)
    with database.reading() as transaction:
        found = {
            table: sorted(repr(tuple(row)) for row in transaction.rows(f"select * from {table}"))
            for table in metadata.tables
        }
    database.close()
    return found


def assert_decided_again(url: str) -> None:
    """What is stored is what the histories decide, byte for byte."""
    database = Database(url)
    with database.reading() as transaction:
        assert_history_dense(transaction)
        assert_replays(transaction)
        assert_no_early_or_double_timer(transaction)
    database.close()


async def get(client: AsyncClient, enrollment_id: str) -> Enrollment:
    request = EnrollmentServiceGetRequest(enrollment_id=enrollment_id)
    answer = await client.enrollments.Get(request, timeout=10)
    return answer.enrollment
