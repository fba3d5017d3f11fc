"""A whole house in one process: a store, a clock moved by hand, replicas, and the words tests speak to them in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from textwrap import dedent
from typing import Any

from service.engine.clock import Times
from service.engine.commands import (
    Answer,
    ChangeContact,
    Command,
    ContactAnswer,
    EnrollAnswer,
    EnrollContact,
    EventAnswer,
    FinishAnswer,
    FinishTask,
    Operate,
    OperateAnswer,
    TriggerEvent,
)
from service.engine.due import DueReport
from service.engine.engine import Engine
from service.engine.publishing import Publication, Published
from service.storage.contacts import ask_contacts
from service.storage.database import Database, Row, Transaction
from service.storage.dialect import load
from service.storage.enrollments import SNAPSHOT_COLUMNS, snapshot_of
from service.storage.tasks import LeasedTask, get_task, lease_tasks
from statemachine.cause import TaskFailure
from statemachine.contact import Contact
from statemachine.event import Event
from statemachine.snapshot import Snapshot
from tests.audit import assert_sound

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """Both times of the clock port, moved by hand."""

    def __init__(self, now: datetime = START) -> None:
        self.rate = 1.0
        self.now = now

    def read(self, transaction: Transaction) -> Times:
        return Times(self.now, self.now)

    def ask(self, transaction: Transaction) -> Callable[[], Times]:
        return lambda: self.read(transaction)

    def wall_delay(self, span: timedelta) -> timedelta:
        return span

    def move(self, span: float | timedelta) -> None:
        """Later by a span, or by seconds."""
        self.now += span if isinstance(span, timedelta) else timedelta(seconds=span)


def event(
    type: str,  # noqa: A002 - the event's own word
    contact: str | None = "ann",
    *,
    id: str | None = None,  # noqa: A002 - the event's own word
    body: str = "h",
    **given: Any,
) -> TriggerEvent:
    """A command with an event of source `shop`; without an id it is named by its type and contact."""
    name = id if id is not None else f"{type}-{contact}"
    return TriggerEvent("default", Event(name, type, "shop", contact, **given), body)


@dataclass
class House:
    """`audited` False leaves out the auditor at the end, for scenarios that break the rules of decision on purpose."""

    database: Database
    clock: FakeClock
    engine: Engine
    engines: list[Engine] = field(default_factory=list)
    databases: list[Database] = field(default_factory=list)
    answers: list[EventAnswer] = field(default_factory=list)
    audited: bool = True

    # --- life ---

    async def replica(self, name: str, *, lanes: int = 2, **options: Any) -> Engine:
        """Another started replica with connections of its own on the same store and clock."""
        database = Database(self.database.url)
        engine = Engine(database, self.clock, replica_id=name, lanes=lanes, **options)
        await engine.start()
        self.databases.append(database)
        self.engines.append(engine)
        return engine

    async def close(self) -> None:
        for engine in (self.engine, *self.engines):
            await engine.stop()
        for database in (self.database, *self.databases):
            database.close()

    def audit(self) -> None:
        """Raises AssertionError when the store is not sound."""
        with self.database.reading() as transaction:
            assert_sound(transaction, workflow_now=self.clock.now, wall_now=self.clock.now, acknowledged=self.answers)

    async def settle(self) -> None:
        """Return when every follow-up of what was asked so far has been carried out."""
        engines = (self.engine, *self.engines)
        while any(engine.pending for engine in engines):
            async with self.engine.feed.subscribe() as subscription:
                await subscription.wait(0.005)

    # --- commands ---

    async def publish(self, source: str, *, of: Engine | None = None, **options: Any) -> Published:
        return await (of or self.engine).publish(Publication("default", dedent(source), **options))

    async def ask(self, command: Command, *, of: Engine | None = None) -> Answer:
        answer = await (of or self.engine).ask(command)
        if isinstance(answer, EventAnswer):
            self.answers.append(answer)
        await self.settle()
        return answer

    async def ask_all(self, commands: Sequence[Command], *, of: Engine | None = None) -> list[Answer]:
        """Answers only: a refusal among them fails the test."""
        results = await (of or self.engine).ask_all(commands)
        answers = [result for result in results if not isinstance(result, Exception)]
        assert len(answers) == len(results), [result for result in results if isinstance(result, Exception)][:3]
        self.answers += [answer for answer in answers if isinstance(answer, EventAnswer)]
        await self.settle()
        return answers

    async def trigger(self, type: str, contact: str | None = "ann", **given: Any) -> EventAnswer:  # noqa: A002
        answer = await self.ask(event(type, contact, **given))
        assert isinstance(answer, EventAnswer)
        return answer

    async def enroll(self, workflow: str, contact: str | None = "ann", **given: Any) -> EnrollAnswer:
        given = {"request_id": f"enroll-{workflow}-{contact}", **given}
        answer = await self.ask(EnrollContact("default", workflow, contact, **given))
        assert isinstance(answer, EnrollAnswer)
        return answer

    async def operate(self, run: Snapshot, operation: Any, **given: Any) -> Snapshot:
        given = {"request_id": f"{operation}-{run.id}-{run.revision}", **given}
        answer = await self.ask(Operate("default", run.id, operation, **given))
        assert isinstance(answer, OperateAnswer)
        return answer.snapshot

    async def change(self, contact: str = "ann", **given: Any) -> ContactAnswer:
        answer = await self.ask(ChangeContact("default", contact, **given))
        assert isinstance(answer, ContactAnswer)
        return answer

    async def fire(self, after: float | timedelta = 0) -> DueReport:
        """Move the clock, fire what is due, and let the follow-ups happen."""
        self.clock.move(after)
        report = await self.engine.fire_due()
        await self.settle()
        return report

    # --- tasks ---

    async def lease(self, queue: str = "work", limit: int = 1) -> list[LeasedTask]:
        now = self.clock.now
        return await self.engine.write(
            lambda transaction: lease_tasks(
                transaction, "default", [queue], worker_id="w", limit=limit, now=now, until=now + timedelta(seconds=30)
            )
        )

    async def take(self, queue: str = "work") -> LeasedTask:
        """Lease the one task that is ready."""
        (task,) = await self.lease(queue)
        return task

    async def finish(
        self, task: LeasedTask, output: Any = None, *, failure: TaskFailure | None = None, **given: Any
    ) -> FinishAnswer:
        command = FinishTask("default", task.id, task.lease_token, output=output, failure=failure, **given)
        answer = await self.ask(command)
        assert isinstance(answer, FinishAnswer)
        return answer

    async def task(self, task_id: str) -> LeasedTask:
        return await self.engine.read(lambda transaction: get_task(transaction, "default", task_id))

    # --- what is stored ---

    def rows(self, sql: str, **parameters: Any) -> Sequence[Row]:
        with self.database.reading() as transaction:
            return transaction.rows(sql, **parameters)

    def count(self, table: str) -> int:
        return int(self.rows(f"select count(*) from {table}")[0][0])

    def runs(self, workflow: str | None = None, contact: str | None = None) -> list[Snapshot]:
        """Enrollments in order of entry."""
        rows = self.rows(f"select {SNAPSHOT_COLUMNS} from enrollments e order by e.id")
        snapshots = map(snapshot_of, rows)
        return [one for one in snapshots if workflow in (None, one.workflow) and contact in (None, one.contact_id)]

    def run(self, workflow: str | None = None, contact: str | None = None) -> Snapshot:
        """The only such enrollment."""
        (snapshot,) = self.runs(workflow, contact)
        return snapshot

    def kinds(self, run: Snapshot) -> list[str]:
        """What its history says, as `kind` or `kind step`."""
        sql = "select kind, step from history where enrollment_id = :id order by sequence"
        return [f"{kind} {step}" if step else kind for kind, step in self.rows(sql, id=run.id)]

    def contact(self, contact_id: str = "ann") -> Contact:
        def read(transaction: Transaction) -> Contact:
            found = ask_contacts(transaction, [("default", contact_id)])()
            return found["default", contact_id].contact

        return self.database.run(read)

    def events(self) -> list[tuple[str, Any, tuple[str, ...]]]:
        """(type, data, chain) of every event in the log, in order."""
        rows = self.rows("select type, data, chain from events order by accepted_at, id")
        return [(row[0], load(row[1]), tuple(load(row[2]) or ())) for row in rows]


async def all_of(*waiting: Any) -> list[Any]:
    """Run several at once, on one loop."""
    return list(await asyncio.gather(*waiting))
