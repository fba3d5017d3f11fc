"""A connection to a Statewright server: one channel and a stub per service.

    with connect("localhost:50051") as client:
        client.enrollments.Trigger(TriggerRequest(event=Event(type="contact_created", contact_id="ann")), timeout=5)

Messages are those of `statewright.v1`; a refused call raises `grpc.RpcError`. Calls have no deadline of their own: pass
`timeout` in seconds. While there is no connection a call raises UNAVAILABLE at once; repeat it with the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import grpc
import grpc.aio

from statewright import v1

if TYPE_CHECKING:
    from statewright.v1.admin_service_pb2_grpc import AdminServiceAsyncStub
    from statewright.v1.agent_service_pb2_grpc import AgentServiceAsyncStub
    from statewright.v1.contact_service_pb2_grpc import ContactServiceAsyncStub
    from statewright.v1.enrollment_service_pb2_grpc import EnrollmentServiceAsyncStub
    from statewright.v1.outbox_service_pb2_grpc import OutboxServiceAsyncStub
    from statewright.v1.task_service_pb2_grpc import TaskServiceAsyncStub
    from statewright.v1.variable_service_pb2_grpc import VariableServiceAsyncStub
    from statewright.v1.workflow_service_pb2_grpc import WorkflowServiceAsyncStub

MAX_MESSAGE_BYTES = 1024 * 1024
"""The largest message a server takes."""

CHANNEL_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Pages end at 1 MiB, but a published version comes back with its text and its canonical form.
    ("grpc.max_receive_message_length", 8 * MAX_MESSAGE_BYTES),
    # A dead peer is noticed within 40 s during a call, however quiet a watch is; idle connections are left alone.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)
"""What `connect` and `connect_async` set on a channel unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Client:
    """The services of one server, for threads. Safe to share between threads; close it, or use it as a context."""

    channel: grpc.Channel
    admin: v1.AdminServiceStub = field(init=False)
    agents: v1.AgentServiceStub = field(init=False)
    contacts: v1.ContactServiceStub = field(init=False)
    enrollments: v1.EnrollmentServiceStub = field(init=False)
    outbox: v1.OutboxServiceStub = field(init=False)
    tasks: v1.TaskServiceStub = field(init=False)
    variables: v1.VariableServiceStub = field(init=False)
    workflows: v1.WorkflowServiceStub = field(init=False)

    def __post_init__(self) -> None:
        _attach_stubs(self, self.channel)

    def close(self) -> None:
        """Ends the connection; calls under way are cancelled."""
        self.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class AsyncClient:
    """The services of one server, for asyncio. Belongs to the loop it was made in; close it, or use it as a context."""

    channel: grpc.aio.Channel
    admin: AdminServiceAsyncStub = field(init=False)
    agents: AgentServiceAsyncStub = field(init=False)
    contacts: ContactServiceAsyncStub = field(init=False)
    enrollments: EnrollmentServiceAsyncStub = field(init=False)
    outbox: OutboxServiceAsyncStub = field(init=False)
    tasks: TaskServiceAsyncStub = field(init=False)
    variables: VariableServiceAsyncStub = field(init=False)
    workflows: WorkflowServiceAsyncStub = field(init=False)

    def __post_init__(self) -> None:
        _attach_stubs(self, self.channel)

    async def close(self) -> None:
        """Ends the connection; calls under way are cancelled."""
        await self.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def connect(
    address: str,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    options: Sequence[tuple[str, Any]] = (),
) -> Client:
    """A client of the server at `address` (`host:port`). Returns at once; the first call connects.

    Without `credentials` the connection is not encrypted. `options` are gRPC channel options; they win over
    `CHANNEL_OPTIONS`.
    """
    settings = _merged(options)
    if credentials is None:
        return Client(grpc.insecure_channel(address, settings))
    return Client(grpc.secure_channel(address, credentials, settings))


def connect_async(
    address: str,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    options: Sequence[tuple[str, Any]] = (),
) -> AsyncClient:
    """As `connect`, for asyncio; call it inside the running loop."""
    settings = _merged(options)
    if credentials is None:
        return AsyncClient(grpc.aio.insecure_channel(address, settings))
    return AsyncClient(grpc.aio.secure_channel(address, credentials, settings))


def _merged(options: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return list((dict(CHANNEL_OPTIONS) | dict(options)).items())


def _attach_stubs(client: Client | AsyncClient, channel: grpc.Channel | grpc.aio.Channel) -> None:
    for name, stub in _STUBS.items():
        object.__setattr__(client, name, stub(channel))


_STUBS: dict[str, Any] = {
    "admin": v1.AdminServiceStub,
    "agents": v1.AgentServiceStub,
    "contacts": v1.ContactServiceStub,
    "enrollments": v1.EnrollmentServiceStub,
    "outbox": v1.OutboxServiceStub,
    "tasks": v1.TaskServiceStub,
    "variables": v1.VariableServiceStub,
    "workflows": v1.WorkflowServiceStub,
}
