"""The whole house: everything one server process runs, built in order and stopped in reverse.

    database → schema → clock → engine → task queue → local pools → gRPC → http → metronome

On SIGTERM or SIGINT the health turns NOT_SERVING at once, nothing new is taken, what is in flight gets
`drain_timeout_s` to finish, leases go back, and the process ends with 0 (promise P11). Nobody imports this module but
`launch.py` and tests.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from starlette.applications import Starlette

from service.connectors import assignments, http_request, outbox
from service.connectors.addresses import AddressGuard
from service.connectors.connector import Connector
from service.connectors.pool import LocalPool
from service.engine.clock import open_clock
from service.engine.engine import Engine
from service.engine.ids import new_id
from service.engine.local import LocalQueue
from service.engine.staffing import give_out_all
from service.garbage import Garbage
from service.housekeeping import Housekeeping
from service.http.server import HttpServer, build_http, open_listener
from service.metrics import CONTENT_TYPE, Metrics
from service.rpc.rooms import Rooms, ServerFacts
from service.rpc.server import RpcServer, build_server
from service.settings import Address, Settings, SettingsError
from service.signals import stopped_by_signals
from service.storage.database import Database, Transaction
from service.storage.durability import unsafe_parameters
from service.storage.gauges import Gauges, read_gauges
from service.storage.schema import migrate, require_schema
from service.tasks.leases import TaskQueue
from service.timers.loops import build_metronome
from service.timers.metronome import Metronome
from statemachine.errors import PreconditionFailed, Unavailable, WorkflowError

_log = logging.getLogger(__name__)

_LEAST_LANES: Final = 2
"""Timers, and calls that bring many, have at least two: one decides while the database works for the other."""


async def serve(settings: Settings, on_serving: Callable[[], object] = lambda: None) -> int:
    """Serve until a signal comes, or until the supervisor of this worker is gone; answers the exit code."""
    stop = asyncio.Event()
    with stopped_by_signals(stop):
        try:
            server = await Server.start(settings)
        except WorkflowError as refused:
            _log.error("cannot start: %s", refused, extra={"database": settings.database})
            return 1
        on_serving()
        _announce(server)
        await stop.wait()
        _log.info("draining")
        await server.stop()
    _log.info("stopped")
    return 0


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Server]:
    """A whole server in this process for the length of the block, signals and logs left alone: for tests."""
    server = await Server.start(settings)
    try:
        yield server
    finally:
        await server.stop()


@dataclass(slots=True)
class Server:
    """One running replica. `address` and `http_address` have the ports that were really taken."""

    settings: Settings
    database: Database
    engine: Engine
    task_queue: TaskQueue
    pools: dict[str, LocalPool]
    metrics: Metrics
    rpc: RpcServer
    metronome: Metronome
    http: HttpServer | None
    address: Address
    http_address: Address | None
    _releases: AsyncExitStack

    @classmethod
    async def start(cls, settings: Settings) -> Server:
        """Build everything and serve. Raises WorkflowError, saying what to do, when it cannot."""
        async with AsyncExitStack() as stack:
            server = await _build(settings, stack)
            server._releases = stack.pop_all()
        await server._open()
        return server

    async def _open(self) -> None:
        """Nothing of this can fail any more; the gRPC door comes last, so that who gets in finds everything running."""
        for pool in self.pools.values():
            pool.start()
        if self.http is not None:
            await self.http.start()
        self.metronome.start()
        await self.rpc.start()

    async def stop(self) -> None:
        """Take nothing new, finish what is in flight within the drain time, and release everything."""
        deadline = time.monotonic() + self.settings.drain_timeout_s
        self.rpc.stop_serving()
        await self.metronome.stop()
        self.task_queue.close()
        await asyncio.gather(
            self.rpc.stop(_left(deadline)),
            *(pool.drain(_left(deadline)) for pool in self.pools.values()),
        )
        await self.engine.drain(_left(deadline))
        if self.http is not None:
            await self.http.stop()
        await self._releases.aclose()


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _announce(server: Server) -> None:
    _log.info(
        "serving",
        extra={
            "address": str(server.address),
            "http": str(server.http_address or "off"),
            "database": server.settings.database,
            "replica": server.engine.replica_id,
        },
    )


async def _build(settings: Settings, releases: AsyncExitStack) -> Server:
    """What is pushed on `releases` is undone in reverse, also when a later part cannot be built."""
    listener = _http_listener(settings)
    if listener is not None:
        releases.callback(listener.close)
    database = Database(settings.database_url)
    releases.push_async_callback(asyncio.to_thread, database.close)
    await asyncio.to_thread(_prepare, database, settings)
    metrics = Metrics()
    local_queues: dict[str, LocalQueue] = {}
    engine = await _start_engine(settings, database, metrics, local_queues)
    releases.push_async_callback(engine.stop)
    task_queue = TaskQueue(engine)
    pools = await _open_pools(settings, engine, task_queue, releases)
    local_queues.update(pools)
    rooms = Rooms(engine, task_queue, ServerFacts(version("statewright"), dev=settings.dev))
    rpc = build_server(rooms, str(settings.listen), reflection_on=settings.reflection, reuse_port=settings.workers > 1)
    http = HttpServer(_http_app(engine, metrics), listener) if listener else None
    housekeeping = Housekeeping(engine, settings.dedup_window)
    metronome = build_metronome(
        engine,
        task_queue,
        audit=housekeeping.round,
        collect=Garbage().collect,
        assign=lambda: give_out_all(engine),
    )
    return Server(
        settings=settings,
        database=database,
        engine=engine,
        task_queue=task_queue,
        pools=pools,
        metrics=metrics,
        rpc=rpc,
        metronome=metronome,
        http=http,
        address=Address(settings.listen.host, rpc.port),
        http_address=_taken(listener),
        _releases=AsyncExitStack(),
    )


def _http_listener(settings: Settings) -> socket.socket | None:
    """The socket of the side door. Where nobody asked for it and its port is taken, there is none."""
    address = settings.http_listen
    if address is None:
        return None
    try:
        return open_listener(address.host, address.port)
    except OSError as error:
        problem = f"http_listen: cannot listen on {address}: {error.strerror}"
        if "http_listen" in settings.model_fields_set:
            raise SettingsError(problem) from error
        _log.warning("no metrics and no health over HTTP: %s", problem)
        return None


def _taken(listener: socket.socket | None) -> Address | None:
    return Address(*listener.getsockname()[:2]) if listener else None


def _prepare(database: Database, settings: Settings) -> None:
    """Raises WorkflowError when the store cannot be reached, has another schema, or forgets what it acknowledged."""
    database.ping()
    off = () if settings.unsafe else unsafe_parameters(database)
    if off:
        raise PreconditionFailed(
            f"this PostgreSQL runs with {' and '.join(off)} off and may forget acknowledged events in a crash; switch "
            "it on, or accept the risk with --unsafe"
        )
    if settings.is_sqlite or settings.auto_migrate:
        migrate(database)
    else:
        require_schema(database)


async def _start_engine(
    settings: Settings, database: Database, metrics: Metrics, local_queues: dict[str, LocalQueue]
) -> Engine:
    clock = await asyncio.to_thread(open_clock, database, settings.clock_rate)
    engine = Engine(
        database,
        clock,
        replica_id=_replica_id(),
        lanes=max(settings.lanes, _LEAST_LANES),
        taking=settings.lanes,
        max_pending=settings.max_pending,
        local_queues=local_queues,
        metrics=metrics,
        zone=None if settings.timezone == "UTC" else settings.timezone,
    )
    metrics.watch_pending(lambda: engine.pending)
    await engine.start()
    return engine


def _replica_id() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{new_id()[-6:]}"


async def _open_pools(
    settings: Settings, engine: Engine, task_queue: TaskQueue, releases: AsyncExitStack
) -> dict[str, LocalPool]:
    """The queues served by this process: http_request and agents always, messages only in development."""
    guard = AddressGuard(settings.allowed_networks, allow_private=settings.allow_private_networks)
    requests = await releases.enter_async_context(http_request.HttpRequest(guard))
    connectors: dict[str, dict[str, Connector]] = {http_request.QUEUE: dict.fromkeys(http_request.TYPES, requests)}
    connectors[assignments.QUEUE] = dict.fromkeys(assignments.TYPES, assignments.Assignments(engine))
    if settings.dev:
        connectors[outbox.QUEUE] = dict.fromkeys(outbox.TYPES, outbox.Outbox(engine))
    return {
        queue: LocalPool(engine, task_queue, queue, by_type, worker_id=engine.replica_id)
        for queue, by_type in connectors.items()
    }


def _http_app(engine: Engine, metrics: Metrics) -> Starlette:
    async def readiness() -> str | None:
        if engine.draining:
            return "draining"
        try:
            await engine.read(lambda transaction: transaction.row("select 1"))
        except Unavailable as error:
            return error.message
        return None

    def read(transaction: Transaction) -> Gauges:
        now = engine.clock.read(transaction)
        return read_gauges(transaction, workflow_now=now.workflow, wall_now=now.wall, rate=engine.clock.rate)

    async def exposition() -> bytes:
        await metrics.stored.refresh(lambda: engine.read(read))
        return metrics.render()

    return build_http(readiness, exposition, CONTENT_TYPE)
