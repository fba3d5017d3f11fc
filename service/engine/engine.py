"""The engine: the only writer of enrollments and contacts. Commands come in, answers go out after the commit.

Callers live on the event loop, lanes on threads of their own. What is waiting is bounded: a saturated engine refuses at
once and stores nothing (promise P10).
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar

from service.engine.batch import Result
from service.engine.catalog import Catalog
from service.engine.clock import Clock
from service.engine.commands import Answer, Command, ContinueRun, DispatchEvent, LookAgain, StartPending, TriggerEvent
from service.engine.firing import NOTHING_FIRED, Fired
from service.engine.lanes import Lane
from service.engine.ledger import Ledger
from service.engine.loading import Room
from service.engine.local import LocalQueue
from service.engine.publishing import Publication, Published, activate, pause, prepare, problems_of, publish, resume
from service.engine.tickets import MAX_BATCH, FireTimers, Group, Ticket
from service.engine.turns import whose_turn
from service.storage.connections import KeyConflict
from service.storage.database import Database, Transaction
from service.storage.enrollments import next_due
from service.storage.looks import due_looks
from service.storage.parking import any_parked, unpark
from service.storage.pending_events import MAX_FAILURES, PendingEvent, left_pending, put_off
from service.storage.places import PendingRun, any_places, forget_places, put_off_pending
from service.storage.workflows import StoredWorkflow
from statemachine.definition import Loaded
from statemachine.errors import NotFound, Saturated, Unavailable, WorkflowError
from statemachine.problem import Problem
from statemachine.workflow import Workflow

log = logging.getLogger(__name__)
T = TypeVar("T")

_HELD_ELSEWHERE_S: Final = 0.02
"""When to look again at timers that are due but held by another replica."""
_FORGET_EVERY_S: Final = 10.0
"""How often the places of ended runs are cleared away."""
_TRY_LATER: Final = timedelta(seconds=30)
"""How long a pending run that could not be decided lets others go first."""
_LEFT_BEHIND: Final = timedelta(seconds=5)
"""How long a stored event may stay pending before any replica picks it up."""


class EngineMetrics(Protocol):
    def batch(self, items: int, seconds: float, statements: int) -> None: ...
    def answered(self, kind: str, result: str, count: int) -> None: ...
    def exited(self, workflow: str, goal: str, count: int) -> None: ...
    def ruled(self, channel: str, verdict: str, rule: str, count: int) -> None: ...
    def blocked(self, rule: str, count: int) -> None: ...
    def fired(self, count: int, lag_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class DueReport:
    """`next_in_s` is in wall seconds; None when no timer waits."""

    fired: int
    lag_s: float
    next_in_s: float | None


class Subscription:
    """Wakes when this replica commits something; several commits may be one wake-up."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float) -> None:
        """Return at the next commit, or after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()


class Feed:
    """Tells those who watch the database that it is worth a look."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Subscription]:
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def notify(self) -> None:
        for subscription in self._subscriptions:
            subscription.notify()


class Engine:
    """See the module. All `lanes` fire timers, the first `taking` of them (by default all) take commands; SQLite,
    which has one writer, has one lane. `zone` is the tenant's."""

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
        self._forget_at_s = 0.0
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
        (result,) = await self.ask_all([command])
        if isinstance(result, Exception):
            raise result
        return result

    async def ask_all(self, commands: Sequence[Command]) -> list[Result]:
        """One answer or refusal per command, in input order; events of one contact apply in input order."""
        if not commands:
            return []
        self._admit(len(commands))
        future: asyncio.Future[list[Result]] = self._loop.create_future()
        group = Group(len(commands), lambda answers: _resolve(future, answers))
        self._distribute([Ticket(command, group, index) for index, command in enumerate(commands)])
        results = await future
        self._count(commands, results)
        return results

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

    def _distribute(self, tickets: Sequence[Ticket]) -> None:
        if len(self._taking) == 1:
            return self._taking[0].put(tickets)
        by_lane: dict[int, list[Ticket]] = {}
        for ticket in tickets:
            by_lane.setdefault(_lane_number(ticket.command, len(self._taking)), []).append(ticket)
        for number, chosen in by_lane.items():
            self._taking[number].put(chosen)
        return None

    def _count(self, commands: Sequence[Command], results: Sequence[Result]) -> None:
        if self._metrics is None:
            return
        counts: dict[tuple[str, str], int] = {}
        for command, result in zip(commands, results, strict=True):
            name = (type(command).__name__, "ok" if not isinstance(result, Exception) else _reason(result))
            counts[name] = counts.get(name, 0) + 1
        for (kind, outcome), count in counts.items():
            self._metrics.answered(kind, outcome, count)

    # --- timers ---

    async def fire_due(self) -> DueReport:
        """Fire due timers, batch by batch, until none is due; says when the next one is."""
        fired = NOTHING_FIRED
        unparking = not self.draining and await self.read(any_parked)
        while not self.draining:
            unparking = unparking and bool(await self.write(unpark))
            fired = fired.plus(await self._fire())
            if not unparking:
                break
        await self._let_in()
        if self._metrics is not None:
            self._metrics.fired(fired.fired, fired.lag_s)
        next_in_s = await self.read(self._next_due_in)
        if not fired.fired and next_in_s is not None:
            next_in_s = max(next_in_s, _HELD_ELSEWHERE_S)
        return DueReport(fired.fired, fired.lag_s, next_in_s)

    async def _let_in(self) -> None:
        """Let pending runs begin for which there is a place by now, in their order; and look at events for the last
        time whose grace is over."""
        if self.draining:
            return
        kept, waiting, looking = await self.read(any_places)
        if looking:
            await self._look_again()
        if kept and time.monotonic() >= self._forget_at_s:
            self._forget_at_s = time.monotonic() + _FORGET_EVERY_S
            await self.write(lambda transaction: forget_places(transaction, self.clock.read(transaction).workflow))
        while waiting and not self.draining:
            found = await self.read(self._whose_turn)
            commands = [StartPending(one.tenant, one.enrollment_id, one.contact_id, one.workflow) for one in found]
            try:
                results = await self.ask_all(commands)
            except (Saturated, Unavailable):
                return
            failed = [one for one, result in zip(found, results, strict=True) if isinstance(result, Exception)]
            if failed:
                await self.write(lambda transaction, failed=failed: self._put_off_pending(transaction, failed))  # type: ignore[misc]
            waiting = len(found) >= MAX_BATCH and not failed

    async def _look_again(self) -> None:
        due = await self.read(
            lambda transaction: due_looks(transaction, self.clock.read(transaction).workflow, MAX_BATCH)
        )
        with suppress(Saturated, Unavailable):
            await self.ask_all([LookAgain(one.tenant, one.contact_id) for one in due])

    def _whose_turn(self, transaction: Transaction) -> list[PendingRun]:
        return whose_turn(transaction, self.catalog, self.clock.read(transaction).workflow, MAX_BATCH)

    def _put_off_pending(self, transaction: Transaction, failed: Sequence[PendingRun]) -> None:
        put_off_pending(transaction, failed, self.clock.read(transaction).workflow + _TRY_LATER * self.clock.rate)

    def on_due_earlier(self, callback: Callable[[float], None]) -> None:
        """`callback(seconds)` runs on the loop when a commit sets a timer due in that many wall seconds."""
        self._on_due_earlier = callback

    async def pick_up_pending(self) -> int:
        """Dispatch stored events that a process which died left behind, or whose first dispatch failed."""
        if self.draining:
            return 0
        left = (await self.read(self._left_pending))[: max(0, self._max_pending - self.pending)]
        results = await self.ask_all([DispatchEvent(one.tenant, one.row_id, one.event) for one in left])
        failed = [one for one, result in zip(left, results, strict=True) if _is_failure(result)]
        if failed:
            await self.write(lambda transaction: self._put_off(transaction, failed))
        return len(left)

    def _put_off(self, transaction: Transaction, failed: Sequence[PendingEvent]) -> None:
        now = self.clock.read(transaction)
        put_off(transaction, failed, now=now.workflow, wall=now.wall, rate=self.clock.rate)
        for one in failed:
            if one.failures + 1 >= MAX_FAILURES:
                log.error("a stored event is quarantined", extra={"event": one.event.id, "type": one.event.type})

    async def _fire(self) -> Fired:
        future: asyncio.Future[Fired] = self._loop.create_future()
        FireTimers(self._firing, lambda result: self._call(_resolve, future, result)).begin()
        return await future

    def _next_due_in(self, transaction: Transaction) -> float | None:
        due_at = next_due(transaction)
        if due_at is None:
            return None
        return self.clock.wall_delay(due_at - self.clock.read(transaction).workflow).total_seconds()

    def _left_pending(self, transaction: Transaction) -> list[PendingEvent]:
        now = self.clock.read(transaction).workflow
        return left_pending(transaction, now - _LEFT_BEHIND * self.clock.rate, now, MAX_BATCH)

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
        """Run a query in a thread of its own."""

        def reading() -> T:
            with self.database.reading() as transaction:
                return work(transaction)

        return await self._loop.run_in_executor(self._threads, reading)

    async def analyse(self, work: Callable[[Transaction], T]) -> T:
        """As `read`, for what counts many rows: in one snapshot, and never two at once."""

        def analysing() -> T:
            with self.database.analysing() as transaction:
                return work(transaction)

        async with self._analysis:
            return await self._loop.run_in_executor(self._threads, analysing)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a short transaction that touches neither enrollments nor contacts; again after a lost race."""
        return await self._loop.run_in_executor(self._threads, self.database.run, work)

    # --- what lanes tell (LaneOwner) ---

    def committed(self, ledger: Ledger) -> None:
        for task in ledger.local_tasks:
            self._room.local_queues[task.queue].offer(task)
        follow_ups: list[Command] = [DispatchEvent(one.tenant, one.row_id, one.event) for one in ledger.raised]
        follow_ups += [ContinueRun(tenant, name, number) for tenant, name, number in ledger.continues]
        delay_s = None
        if ledger.earliest_due is not None:
            delay_s = self.clock.wall_delay(ledger.earliest_due - ledger.times.workflow).total_seconds()
        self._call(self._follow_up, follow_ups, delay_s)
        if ledger.exits and self._metrics is not None:
            for (workflow, goal), count in ledger.exits.items():
                self._metrics.exited(workflow, goal, count)
        if ledger.rulings and self._metrics is not None:
            for (channel, verdict, rule), count in ledger.rulings.items():
                self._metrics.ruled(channel, verdict, rule, count)
        if ledger.blocked and self._metrics is not None:
            for rule, count in ledger.blocked.items():
                self._metrics.blocked(rule, count)

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
            self._distribute([Ticket(command, group, index) for index, command in enumerate(commands)])
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


def _resolve(future: asyncio.Future[Any], result: object) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _is_failure(result: Result) -> bool:
    """Whether a dispatch failed by its own fault; a lost race or a database that is away is nobody's."""
    if isinstance(result, Unavailable | Saturated):
        return isinstance(result.__cause__, KeyConflict)
    return isinstance(result, Exception)


def _ignored(results: Sequence[Result | None]) -> None:
    """Follow-ups have no caller; what they could not do is picked up again from the database."""
    for result in results:
        if isinstance(result, Exception):
            log.warning("a follow-up was not carried out and will be picked up again: %s", result)


def _lane_number(command: Command, lanes: int) -> int:
    contact_id: str | None = getattr(command, "contact_id", None)
    if isinstance(command, TriggerEvent | DispatchEvent):
        contact_id = command.event.contact_id
    name = contact_id or getattr(command, "enrollment_id", None) or getattr(command, "task_id", None) or ""
    return zlib.crc32(f"{command.tenant}/{name}".encode()) % lanes


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, WorkflowError) else "INTERNAL"
