"""The gRPC server: every service, health, reflection and the limits of the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from statewright.v1 import (
    admin_service_pb2,
    agent_service_pb2,
    contact_service_pb2,
    enrollment_service_pb2,
    outbox_service_pb2,
    task_service_pb2,
    variable_service_pb2,
    workflow_service_pb2,
)

from service.rpc.admin_rpcs import AdminRpcs
from service.rpc.agent_rpcs import AgentRpcs
from service.rpc.border import Border
from service.rpc.bulk_rpcs import BulkRpcs
from service.rpc.contact_rpcs import ContactRpcs
from service.rpc.conversation_rpcs import ConversationRpcs
from service.rpc.enroll_rpcs import EnrollRpcs
from service.rpc.enrollment_rpcs import EnrollmentRpcs
from service.rpc.event_log_rpcs import EventLogRpcs
from service.rpc.experiment_rpcs import ExperimentRpcs
from service.rpc.explain_rpcs import ExplainRpcs
from service.rpc.forecast_rpcs import ForecastRpcs
from service.rpc.human_task_rpcs import HumanTaskRpcs
from service.rpc.insight_rpcs import InsightRpcs
from service.rpc.outbox_rpcs import OutboxRpcs
from service.rpc.render_rpcs import RenderRpcs
from service.rpc.rooms import Rooms
from service.rpc.simulate_rpcs import SimulateRpcs
from service.rpc.split_rpcs import SplitRpcs
from service.rpc.summary_rpcs import SummaryRpcs
from service.rpc.task_rpcs import TaskRpcs
from service.rpc.task_stream import TaskStreamRpcs
from service.rpc.trigger_rpcs import TriggerRpcs
from service.rpc.variable_rpcs import VariableRpcs
from service.rpc.version_rpcs import VersionRpcs
from service.rpc.watch_rpcs import WatchRpcs
from service.rpc.workflow_rpcs import WorkflowRpcs
from statemachine.errors import Unavailable
from statemachine.limits import MAX_MESSAGE_BYTES

_OPTIONS: Final[Sequence[tuple[str, Any]]] = (
    # A little over the published limit, so that the border can say which limit it was.
    ("grpc.max_receive_message_length", 2 * MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", 8 * MAX_MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", 1_000),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024),
    # Dead peers are noticed; clients may ask for signs of life every 10 s, also while nothing is under way.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)

_MAX_CALLS: Final = 10_000
"""How many calls may be under way, over all connections."""
_LAST_CALLS_S: Final = 0.2


class RpcServer:
    """A bound server. `port` is the one really taken. Start it, and stop it once."""

    def __init__(
        self,
        server: grpc.aio.Server,
        port: int,
        checks: health.aio.HealthServicer,
        border: Border,
        leaving: asyncio.Event,
    ) -> None:
        self.port = port
        self._server = server
        self._checks = checks
        self._border = border
        self._leaving = leaving
        self._farewell: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._server.start()
        for name in ("", *(service.full_name for service in _SERVICES)):
            await self._checks.set(name, health_pb2.HealthCheckResponse.SERVING)

    def stop_serving(self) -> None:
        """Health says NOT_SERVING from now on and streams end; other calls are still taken."""
        self._leaving.set()
        if self._farewell is None:
            self._farewell = asyncio.create_task(self._checks.enter_graceful_shutdown())

    async def stop(self, grace_s: float) -> None:
        """Take no new calls, let those under way finish for `grace_s`, then cancel them.

        gRPC itself answers a call that meets the closing door with CANCELLED, which clients do not repeat. So the door
        first says UNAVAILABLE for a moment, until word has got around.
        """
        self.stop_serving()
        self._border.closed = True
        await asyncio.sleep(min(_LAST_CALLS_S, grace_s))
        await self._server.stop(grace_s)
        if self._farewell is not None:
            await self._farewell


def build_server(
    rooms: Rooms,
    address: str,
    *,
    reflection_on: bool = True,
    reuse_port: bool = False,
) -> RpcServer:
    """A server bound to `host:port` (port 0: any), not yet started. Call it inside the running loop.

    `reuse_port` lets several processes share the port. Raises Unavailable when the address is taken.
    """
    server = grpc.aio.server(options=[*_OPTIONS, ("grpc.so_reuseport", int(reuse_port))])
    border = Border(max_calls=_MAX_CALLS)
    for service, kinds in _SERVICES.items():
        server.add_generic_rpc_handlers((border.handler(service, tuple(kind(rooms) for kind in kinds)),))
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    if reflection_on:
        names = [service.full_name for service in _SERVICES]
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    return RpcServer(server, _bound_port(server, address), checks, border, rooms.leaving)


def _bound_port(server: grpc.aio.Server, address: str) -> int:
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise Unavailable(f"cannot listen on {address}: {error}") from error


def _service(module: Any, name: str) -> ServiceDescriptor:
    descriptor: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]
    return descriptor


_SERVICES: Final[dict[ServiceDescriptor, tuple[type[Any], ...]]] = {
    _service(enrollment_service_pb2, "EnrollmentService"): (
        TriggerRpcs,
        EnrollRpcs,
        EnrollmentRpcs,
        WatchRpcs,
        ExplainRpcs,
        ForecastRpcs,
        BulkRpcs,
        SummaryRpcs,
    ),
    _service(workflow_service_pb2, "WorkflowService"): (
        WorkflowRpcs,
        RenderRpcs,
        SimulateRpcs,
        VersionRpcs,
        InsightRpcs,
        SplitRpcs,
        ExperimentRpcs,
    ),
    _service(task_service_pb2, "TaskService"): (TaskRpcs, TaskStreamRpcs, HumanTaskRpcs),
    _service(contact_service_pb2, "ContactService"): (ContactRpcs, ConversationRpcs, EventLogRpcs),
    _service(variable_service_pb2, "VariableService"): (VariableRpcs,),
    _service(agent_service_pb2, "AgentService"): (AgentRpcs,),
    _service(outbox_service_pb2, "OutboxService"): (OutboxRpcs,),
    _service(admin_service_pb2, "AdminService"): (AdminRpcs,),
}
"""What each service is made of."""
