"""The engine: the only writer of enrollments and contacts. Commands come in, answers go out after the commit.

Callers live on the event loop, lanes on threads of their own. What is waiting is bounded: a saturated engine refuses at
once and stores nothing (promise P10).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from service.engine.batch import Result
from service.engine.catalog import Catalog
from service.engine.clock import Clock
from service.engine.commands import Answer, Command, ContinueRun, DispatchEvent
from service.engine.counting import EngineMetrics, count_answers, count_commit
from service.engine.due import Due, DueReport
from service.engine.feed import Feed
from service.engine.firing import Fired
from service.engine.lanes import Lane
from service.engine.ledger import Ledger
from service.engine.local import LocalQueue
from service.engine.publishing import Publication, Published, activate, pause, prepare, problems_of, publish, resume
from service.engine.reading import Reading
from service.engine.room import Room
from service.engine.tickets import FireTimers, Group, Ticket, lane_number
from service.storage.database import Database, Transaction
from service.storage.workflows import StoredWorkflow
from statemachine.definition import Loaded
from statemachine.errors import NotFound, Saturated, Unavailable
from statemachine.problem import Problem
from statemachine.workflow import Workflow

log = logging.getLogger(__name__)
T = TypeVar("T")
_READ_WITHIN_S: Final = 30.0
_ANALYSED_WITHIN_S: Final = 60.0
"""After which a query is broken off; PostgreSQL gives up single statements after 15 s, and 60 when many are counted."""


class Engine:
    """See the module. All `lanes` fire timers and share the commands of a call that brings many; those that come alone
    go to the first `taking` of them (by default all), where they gather into batches. SQLite, which has one writer, has
    one lane. `zone` is the tenant's."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        replica_id: str,
        lanes: int = 2,
        taking: int | None = None,
        max_pending: int = 10_000,
        local_queues: Mapping[str, LocalQueue] | None = None,
        metrics: EngineMetrics | None = None,
        zone: str | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.catalog = Catalog(zone)
        self.replica_id = replica_id
        self.feed = Feed()
        self.pending = 0
        self.draining = False
        self._max_pending = max_pending
        self._metrics = metrics
        self._room = Room(self.catalog, clock, replica_id, local_queues if local_queues is not None else {})
        count = 1 if database.kind == "sqlite" else lanes
        self._lanes = [Lane(f"lane-{number}", database, self._room, self) for number in range(count)]
        self._taking = self._lanes[:taking]
        self._firing = self._lanes[::-1]
        self._threads = ThreadPoolExecutor(4, "reader")
        self._room_made = asyncio.Event()
        self._idle = asyncio.Event()
        self._analysis = asyncio.Semaphore(1)
        self._on_due_earlier: Callable[[float], None] | None = None
        self._due = Due(self, metrics)
        self._loop: asyncio.AbstractEventLoop

    # --- life ---

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.read(self.catalog.refresh)
        for lane in self._lanes:
            lane.start()

    async def drain(self, timeout_s: float) -> None:
        """Take nothing new and finish what is waiting."""
        self.draining = True
        self._idle.clear()
        if self.pending:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._idle.wait()
            except TimeoutError:
                log.warning("%d commands were still waiting when the drain time ended", self.pending)

    async def stop(self) -> None:
        self.draining = True
        for lane in self._lanes:
            lane.stop()
        for lane in self._lanes:
            await asyncio.to_thread(lane.join, 5.0)
        self._threads.shutdown(wait=True)

    # --- commands ---

    async def ask(self, command: Command) -> Answer:
        """The answer, once it is durable. Raises the WorkflowError that refused the command."""
        (result,) = await self._ask([command], self._taking)
        if isinstance(result, Exception):
            raise result
        return result

    async def ask_all(self, commands: Sequence[Command]) -> list[Result]:
        """One answer or refusal per command, in input order; events of one contact apply in input order."""
        return await self._ask(commands, self._lanes) if commands else []

    async def _ask(self, commands: Sequence[Command], lanes: Sequence[Lane]) -> list[Result]:
        self._admit(len(commands))
        future: asyncio.Future[list[Result]] = self._loop.create_future()
        group = Group(len(commands), lambda answers: _resolve(future, answers))
        _distribute([Ticket(command, group, index) for index, command in enumerate(commands)], lanes)
        results = await future
        if self._metrics is not None:
            count_answers(self._metrics, commands, results)
        return results

    @property
    def room(self) -> int:
        """How many commands more may wait now."""
        return max(0, self._max_pending - self.pending)

    async def capacity(self) -> None:
        """Wait until there is room for more; a saturated stream simply stops being read."""
        while self.pending >= self._max_pending // 2 and not self.draining:
            self._room_made.clear()
            await self._room_made.wait()

    def _admit(self, count: int) -> None:
        if self.draining:
            raise Unavailable("the server is shutting down; ask another replica")
        if self.pending + count > self._max_pending:
            raise Saturated(f"{self.pending} commands are waiting; nothing was stored, try again")
        self.pending += count

    # --- timers ---

    async def fire_due(self) -> DueReport:
        """Do what is due: timers fire, pending runs begin. Says when the next timer is due."""
        return await self._due.fire()

    async def fire_lanes(self) -> Fired:
        """Let the lanes fire what is due, batch by batch, until a batch is not full."""
        future: asyncio.Future[Fired] = self._loop.create_future()
        FireTimers(self._firing, lambda result: self._call(_resolve, future, result)).begin()
        return await future

    def on_due_earlier(self, callback: Callable[[float], None]) -> None:
        """`callback(seconds)` runs on the loop when a commit sets a timer due in that many wall seconds."""
        self._on_due_earlier = callback

    async def pick_up_pending(self) -> int:
        """Dispatch stored events that nobody has dispatched; how many."""
        return await self._due.pick_up()

    # --- workflows ---

    async def publish(self, request: Publication) -> Published:
        """Compile, store and activate a source. Raises DefinitionError with every problem, or StaleRevision."""
        loaded = await self._loop.run_in_executor(self._threads, prepare, request)
        return await self.write(lambda transaction: self.publish_within(transaction, request, loaded))

    def publish_within(self, transaction: Transaction, request: Publication, loaded: Loaded) -> Published:
        """Publish as a part of a transaction that writes more."""
        return publish(transaction, self.clock, request, loaded, self._room.local_queues.keys())

    async def problems_of(self, tenant: str, loaded: Loaded) -> tuple[Problem, ...]:
        """What publishing would tell of a source that has been read."""
        served = self._room.local_queues.keys()
        return await self.read(lambda transaction: problems_of(transaction, self.clock, tenant, loaded, served))

    async def activate(
        self, tenant: str, key: str, version: int, expected_revision: int | None = None
    ) -> StoredWorkflow:
        return await self.write(
            lambda transaction: activate(transaction, self.clock, tenant, key, version, expected_revision)
        )

    async def pause_workflow(
        self,
        tenant: str,
        key: str,
        expected_revision: int | None = None,
        *,
        timers: str | None = None,
        events: str | None = None,
    ) -> StoredWorkflow:
        return await self.write(
            lambda transaction: self.pause_within(transaction, tenant, key, timers, events, expected_revision)
        )

    def pause_within(
        self,
        transaction: Transaction,
        tenant: str,
        key: str,
        timers: str | None,
        events: str | None,
        expected_revision: int | None,
    ) -> StoredWorkflow:
        """Pause a workflow as a part of a transaction that writes more. None: as its definition says."""
        return pause(transaction, self.clock, self.catalog, tenant, key, timers, events, expected_revision)

    async def resume_workflow(self, tenant: str, key: str, expected_revision: int | None = None) -> StoredWorkflow:
        resumed = await self.write(lambda transaction: resume(transaction, self.clock, tenant, key, expected_revision))
        self.fire_soon()
        return resumed

    def fire_soon(self) -> None:
        """Have timers looked at now; a workflow that goes on has some that waited."""
        if self._on_due_earlier is not None:
            self._on_due_earlier(0.0)

    async def version(self, tenant: str, key: str, version: int | None = None) -> Workflow:
        """A compiled version, by default the active one. Raises NotFound."""
        return await self.read(lambda transaction: self._version(transaction, tenant, key, version))

    def _version(self, transaction: Transaction, tenant: str, key: str, version: int | None) -> Workflow:
        if version is None:
            row = self.catalog.refresh(transaction).workflows.get((tenant, key))
            if row is None:
                raise NotFound("workflow", key)
            version = row.active_version or row.latest_version
        return self.catalog.version(transaction, tenant, key, version)

    # --- the database, for everybody else ---

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run a query in a thread of its own. It is broken off when its caller is cancelled or it takes too long."""
        return await self._read(Reading(self.database.reading, work), _READ_WITHIN_S)

    async def analyse(self, work: Callable[[Transaction], T]) -> T:
        """As `read`, for what counts many rows: in one snapshot, and never two at once."""
        async with self._analysis:
            return await self._read(Reading(self.database.analysing, work), _ANALYSED_WITHIN_S)

    async def _read(self, reading: Reading[T], within_s: float) -> T:
        limit = self._loop.call_later(within_s, self._give_up, reading)
        try:
            return await self._loop.run_in_executor(self._threads, reading.run)
        except asyncio.CancelledError:
            self._give_up(reading)
            raise
        finally:
            limit.cancel()

    def _give_up(self, reading: Reading[Any]) -> None:
        self._loop.run_in_executor(None, reading.give_up)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a short transaction that touches neither enrollments nor contacts; again after a lost race."""
        return await self._loop.run_in_executor(self._threads, self.database.run, work)

    # --- what lanes tell (LaneOwner) ---

    def committed(self, ledger: Ledger) -> None:
        for task in ledger.tasks.local:
            self._room.local_queues[task.queue].offer(task)
        follow_ups: list[Command] = [DispatchEvent(one.tenant, one.row_id, one.event) for one in ledger.raised]
        follow_ups += [ContinueRun(tenant, name, number) for tenant, name, number in ledger.continues]
        delay_s = None
        if ledger.earliest_due is not None:
            delay_s = self.clock.wall_delay(ledger.earliest_due - ledger.times.workflow).total_seconds()
        self._call(self._follow_up, follow_ups, delay_s)
        if self._metrics is not None:
            count_commit(self._metrics, ledger)

    def measured(self, items: int, seconds: float, statements: int) -> None:
        if self._metrics is not None:
            self._metrics.batch(items, seconds, statements)

    def settled(self, commands: int, complete: Sequence[Group]) -> None:
        self._call(self._settled, commands, complete)

    def _follow_up(self, commands: Sequence[Command], delay_s: float | None) -> None:
        """What a commit asks for goes in at once; it is durable, so it may be left to the pick-up when draining."""
        if commands and not self.draining:
            self.pending += len(commands)
            group = Group(len(commands), _ignored)
            _distribute([Ticket(command, group, index) for index, command in enumerate(commands)], self._taking)
        if delay_s is not None and self._on_due_earlier is not None:
            self._on_due_earlier(max(0.0, delay_s))
        self.feed.notify()

    def _settled(self, commands: int, complete: Sequence[Group]) -> None:
        self.pending -= commands
        for group in complete:
            group.complete(group.results)
        self._room_made.set()
        if not self.pending:
            self._idle.set()

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        """Run something on the loop, from any thread; nobody is left to tell once the loop is closed."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            log.debug("the loop is closed; an answer had no one to go to")


def _distribute(tickets: Sequence[Ticket], lanes: Sequence[Lane]) -> None:
    """Give each ticket to the lane of its contact."""
    if len(lanes) == 1:
        return lanes[0].put(tickets)
    by_lane: dict[int, list[Ticket]] = {}
    for ticket in tickets:
        by_lane.setdefault(lane_number(ticket.command, len(lanes)), []).append(ticket)
    for number, chosen in by_lane.items():
        lanes[number].put(chosen)
    return None


def _resolve(future: asyncio.Future[Any], result: object) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _ignored(results: Sequence[Result | None]) -> None:
    """Follow-ups have no caller; what they could not do is picked up again from the database."""
    for result in results:
        if isinstance(result, Exception):
            log.warning("a follow-up was not carried out and will be picked up again: %s", result)
