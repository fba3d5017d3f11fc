"""A play: random workflows and causes on two replicas that keep dying; then all is driven to its end and audited.

Callers behave as the guide of the API tells them to: after any answer but a refusal they send the same thing again with
the same id, to whichever replica is there. So what was sent must be there once in the end, whatever died on the way.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final

from service.engine.commands import (
    Answer,
    ChangeContact,
    Command,
    EnrollContact,
    EventAnswer,
    FinishTask,
    Operate,
    TriggerEvent,
)
from service.engine.engine import Engine
from service.engine.publishing import Publication
from service.storage.database import Database, Transaction
from service.storage.dialect import load
from service.storage.enrollments import SNAPSHOT_COLUMNS, snapshot_of
from service.storage.tables import metadata
from service.storage.tasks import LeasedTask, lease_tasks
from service.storage.variables import set_variable
from service.tasks.leases import TaskQueue
from statemachine.cause import TaskFailure
from statemachine.errors import Unavailable, WorkflowError
from statemachine.event import Event
from statemachine.snapshot import Snapshot
from tests.audit import assert_sound
from tests.chaos.definitions import EVENTS, LEAF, QUEUES, TAGS, random_definition
from tests.chaos.faulty import FaultyDatabase
from tests.service.engine.house import FakeClock

CONTACTS: Final = ("ann", "bob", "cyd")
ROUNDS: Final = 30
WORKFLOWS: Final = 3
_LEASE: Final = timedelta(seconds=30)
_MOST_ENDINGS: Final = 400
_TRIES: Final = 60
_KEPT: Final = frozenset({"alembic_version"})


@dataclass(slots=True)
class Tally:
    """What really happened in plays: a fault that never hit proves nothing."""

    plays: int = 0
    deaths: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.plays += other.plays
        self.deaths += other.deaths
        self.answers += other.answers
        self.runs += other.runs

    def line(self) -> str:
        runs = ", ".join(f"{count} {status}" for status, count in sorted(self.runs.items()))
        return f"{self.plays} plays, {self.deaths} deaths, {sum(self.answers.values())} commands, runs: {runs}"


async def play(url: str, seed: int) -> Tally:
    """One play on an empty, migrated store. Raises AssertionError when a promise is broken."""
    stage = Stage(url, Random(seed))
    logging.disable(logging.CRITICAL)
    try:
        await stage.open()
        await stage.perform()
        await stage.finish()
        stage.audit()
        return stage.tally
    finally:
        await stage.close()
        logging.disable(logging.NOTSET)


def wipe(url: str) -> None:
    """Empty every table, for the next play."""
    database = Database(url)
    with database.transaction() as transaction:
        for table in metadata.sorted_tables:
            if table.name not in _KEPT:
                transaction.write(f"delete from {table.name}")
    database.close()


class Stage:
    """See the module."""

    def __init__(self, url: str, random: Random) -> None:
        self._url = url
        self._random = random
        self._clock = FakeClock()
        self._plain = Database(url)
        self._cast: list[tuple[Engine, FaultyDatabase]] = []
        self._count = 0
        self._sent: list[TriggerEvent] = []
        self._answers: list[EventAnswer] = []
        self._held: list[LeasedTask] = []
        self._workflows: list[str] = []
        self._mortal = True
        self.tally = Tally(plays=1)

    # --- life and death ---

    async def open(self) -> None:
        for _ in range(2):
            self._cast.append(await self._born())
        await self._publish(LEAF)
        for number in range(WORKFLOWS):
            await self._publish(f"flow{number}")

    async def close(self) -> None:
        for engine, database in self._cast:
            await engine.stop()
            database.close()
        self._plain.close()

    async def _born(self) -> tuple[Engine, FaultyDatabase]:
        self._count += 1
        fuse = self._random.randint(2, 25) if self._mortal and self._chance(0.7) else None
        database = FaultyDatabase(self._url, fuse=fuse, committed=self._chance(0.5))
        engine = Engine(database, self._clock, replica_id=f"r{self._count}", lanes=2)
        try:
            await engine.start()
        except Unavailable:
            await engine.stop()
            database.close()
            return await self._born()
        return engine, database

    async def _replace_dead(self) -> None:
        for index, (engine, database) in enumerate(self._cast):
            if database.dead:
                self.tally.deaths += 1
                await engine.stop()
                database.close()
                self._cast[index] = await self._born()

    async def _surely(self, work: Any) -> Any:
        """What `work(engine)` answers, asked of one replica after another until one lives long enough."""
        for _ in range(_TRIES):
            engine, _ = self._random.choice(self._cast)
            try:
                return await work(engine)
            except Unavailable:
                await self._replace_dead()
        raise AssertionError("no replica answers")

    async def _ask(self, command: Command) -> Answer | WorkflowError:
        """The answer or the refusal. A defect fails the play."""
        try:
            answer: Answer = await self._surely(lambda engine: engine.ask(command))
        except WorkflowError as refusal:
            self.tally.answers[f"{type(command).__name__} refused"] += 1
            return refusal
        self.tally.answers[type(command).__name__] += 1
        if isinstance(answer, EventAnswer):
            self._answers.append(answer)
        await self._settle()
        return answer

    async def _settle(self) -> None:
        """Until every follow-up is carried out, or has died with its replica."""
        while any(engine.pending for engine, _ in self._cast):
            async with self._cast[0][0].feed.subscribe() as subscription:
                await subscription.wait(0.002)
        await self._replace_dead()

    # --- what happens ---

    async def perform(self) -> None:
        for _ in range(ROUNDS):
            await self._random.choices(_ACTS, _WEIGHTS)[0](self)

    async def _event(self) -> None:
        if self._sent and self._chance(0.15):
            await self._ask(self._random.choice(self._sent))
            return
        await self._ask(self._new_event())

    async def _burst(self) -> None:
        """Several at once, to one replica."""
        commands = [self._new_event() for _ in range(self._random.randint(2, 6))]
        try:
            results = await self._random.choice(self._cast)[0].ask_all(commands)
        except Unavailable:
            results = [Unavailable("gone")] * len(commands)
        await self._replace_dead()
        for command, result in zip(commands, results, strict=True):
            if isinstance(result, Unavailable):
                await self._ask(command)
            elif isinstance(result, EventAnswer):
                self._answers.append(result)
            else:
                assert isinstance(result, WorkflowError), f"a defect: {result!r}"
        await self._settle()

    def _new_event(self) -> TriggerEvent:
        contact = self._random.choice(CONTACTS)
        data: dict[str, Any] = {"text": self._random.choice(["hi", "stop", "yes"]), "channel": "sms"}
        kind = self._random.choice(EVENTS)
        if kind == "tag_added":
            data = {"tag": self._random.choice(TAGS)}
        patch = {"score": self._random.randint(0, 60)} if self._chance(0.2) else {}
        conversation = f"talk-{contact}" if self._chance(0.4) else None
        event = Event(self._id(), kind, "shop", contact, conversation, data=data, contact_patch=patch)
        command = TriggerEvent("default", event, "h")
        self._sent.append(command)
        return command

    async def _enroll(self) -> None:
        contact = self._random.choice((*CONTACTS, None))
        await self._ask(EnrollContact("default", self._workflow(), contact, self._id(), "h"))

    async def _change(self) -> None:
        patch = {"score": self._random.randint(0, 60), "seen": self._random.randint(0, 3)}
        tags = (self._random.choice(TAGS),) if self._chance(0.5) else ()
        command = ChangeContact(
            "default", self._random.choice(CONTACTS), patch, tags, request_id=self._id(), body_hash="h"
        )
        await self._ask(command)

    async def _operate(self) -> None:
        runs = self._runs()
        if not runs:
            return
        run = self._random.choice(runs)
        operation, data = self._random.choice(_OPERATIONS)
        if operation == "advance":
            data = {"transition": self._random.choice(["done", "timeout", "heard", "true", "a"])}
        await self._ask(Operate("default", run.id, operation, self._id(), "h", data))  # type: ignore[arg-type]

    async def _pass_time(self) -> None:
        self._clock.move(self._random.choice([1, 15, 31, 600, 3600, 3 * 3600]))
        await self._surely(lambda engine: engine.fire_due())
        await self._settle()

    async def _work(self) -> None:
        """A worker takes what is ready, and does with it what workers do."""
        self._held += await self._lease(self._random.randint(1, 3))
        for task in list(self._held):
            how = self._random.choice(["done", "done", "retry", "fail", "keep", "lose", "twice"])
            if how == "keep":
                continue
            self._held.remove(task)
            if how != "lose":
                await self._answer(task, how)
            if how == "twice":
                await self._answer(task, how)

    async def _answer(self, task: LeasedTask, how: str) -> None:
        failure = None
        if how in ("retry", "fail"):
            failure = TaskFailure("boom", "it failed", how == "retry")
        await self._ask(FinishTask("default", task.id, task.lease_token, output={"n": 1}, failure=failure))

    async def _lease(self, limit: int) -> list[LeasedTask]:
        now = self._clock.now
        found: list[LeasedTask] = await self._surely(
            lambda engine: engine.write(
                lambda transaction: lease_tasks(
                    transaction, "default", list(QUEUES), worker_id="w", limit=limit, now=now, until=now + _LEASE
                )
            )
        )
        return found

    async def _reclaim(self) -> None:
        await self._surely(lambda engine: TaskQueue(engine).reclaim_expired())
        await self._settle()

    async def _pick_up(self) -> None:
        self._clock.move(6)
        await self._surely(lambda engine: engine.pick_up_pending())
        await self._settle()

    async def _pause(self) -> None:
        timers, events = (
            self._random.choice(["keep", "remaining", "catch_up"]),
            self._random.choice([None, "deliver", "drop"]),
        )
        await self._workflow_command(
            lambda engine, key: engine.pause_workflow("default", key, timers=timers, events=events), self._workflow()
        )

    async def _resume(self) -> None:
        await self._workflow_command(lambda engine, key: engine.resume_workflow("default", key), self._workflow())

    async def _workflow_command(self, work: Any, key: str) -> None:
        with suppress(WorkflowError):
            await self._surely(lambda engine: work(engine, key))
        await self._settle()

    async def _publish(self, key: str) -> None:
        source = json.dumps(random_definition(self._random, key))
        await self._surely(lambda engine: engine.publish(Publication("default", source)))
        if key not in self._workflows:
            self._workflows.append(key)

    async def _publish_again(self) -> None:
        await self._publish(self._workflow())

    async def _globals(self) -> None:
        now, value = self._clock.now, self._random.randint(0, 9)
        await self._surely(
            lambda engine: engine.write(lambda transaction: set_variable(transaction, "default", "shop", value, now))
        )

    # --- the end ---

    async def finish(self) -> None:
        """Nobody dies any more; what is held goes on, and what is open is done, until nothing is left to do."""
        self._mortal = False
        for index, (engine, database) in enumerate(self._cast):
            await engine.stop()
            database.close()
            self._cast[index] = await self._born()
        for key in self._workflows:
            await self._workflow_command(lambda engine, name: engine.resume_workflow("default", name), key)
        for run in self._runs():
            if run.status.value == "paused":
                await self._ask(Operate("default", run.id, "resume", self._id(), "h"))
        for _ in range(_MOST_ENDINGS):
            if not await self._once_more():
                return
        raise AssertionError("it does not come to rest")

    async def _once_more(self) -> bool:
        """Do what is left to do now; whether there was anything."""
        await self._pick_up()
        await self._reclaim()
        report = await self._surely(lambda engine: engine.fire_due())
        await self._settle()
        tasks = await self._lease(100)
        for task in tasks:
            await self._answer(task, "done")
        if tasks or report.fired:
            return True
        if self._open("tasks", "status in ('ready', 'leased')"):
            self._clock.move(600)
            return True
        if report.next_in_s is not None:
            self._clock.move(report.next_in_s + 0.001)
            return True
        return bool(self._open("events", "pending"))

    def _open(self, table: str, condition: str) -> int:
        with self._plain.reading() as transaction:
            return int(transaction.rows(f"select count(*) from {table} where {condition}")[0][0])

    def audit(self) -> None:
        now = self._clock.now
        self.tally.runs.update(run.status.value for run in self._runs())
        with self._plain.reading() as transaction:
            assert_sound(transaction, workflow_now=now, wall_now=now, acknowledged=self._answers)
            known = {(row[0], row[1]) for row in transaction.rows("select source, event_id from event_keys")}
            answered = {answer.event_id for answer in self._answers}
            assert {name for _, name in known} == answered, "what was answered is stored, and nothing else"
            self._assert_tags(transaction)
        assert not self._open("events", "pending"), "every raised event has been dispatched"
        for run in self._runs():
            assert not run.live or run.due_at is None or run.due_at > now, f"{run.id} is still to be moved"

    def _assert_tags(self, transaction: Transaction) -> None:
        """Whoever has a tag was given it once more than it was taken, by the events that the changes raised."""
        sql = "select type, contact_id, data from events where source = 'statewright' and type like 'tag_%'"
        counts: Counter[tuple[str, str]] = Counter()
        for kind, contact, data in transaction.rows(sql):
            told = load(data)
            if told.get("target", "contact") == "contact":
                counts[contact, told["tag"]] += 1 if kind == "tag_added" else -1
        has = {
            (contact, tag)
            for contact, profile in transaction.rows("select id, profile from contacts")
            for tag in load(profile).get("tags", ())
        }
        assert {pair for pair, count in counts.items() if count} == has
        assert not has or {counts[pair] for pair in has} == {1}

    # --- helpers of the acts ---

    def _runs(self) -> list[Snapshot]:
        with self._plain.reading() as transaction:
            rows = transaction.rows(f"select {SNAPSHOT_COLUMNS} from enrollments e order by e.id")
        return [snapshot_of(row) for row in rows]

    def _workflow(self) -> str:
        return self._random.choice(self._workflows)

    def _id(self) -> str:
        self._count += 1
        return f"id{self._count}"

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


_OPERATIONS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("pause", {}), ("pause", {"timers": "remaining"}), ("resume", {}), ("resume", {}), ("advance", {}), ("advance", {}),
    ("cancel", {"reason": "no"}), ("retry", {}), ("set_variables", {"variables": {"n": 3}}),
    ("reschedule", {"by_s": 60}),
)  # fmt: skip
_WEIGHTED: Final = (
    (Stage._event, 8), (Stage._burst, 3), (Stage._enroll, 2), (Stage._change, 2), (Stage._operate, 4),
    (Stage._pass_time, 6), (Stage._work, 6), (Stage._reclaim, 1), (Stage._pick_up, 1), (Stage._pause, 1),
    (Stage._resume, 1.5), (Stage._publish_again, 0.7), (Stage._globals, 0.3),
)  # fmt: skip
_ACTS: Final = [act for act, _ in _WEIGHTED]
_WEIGHTS: Final = [weight for _, weight in _WEIGHTED]
