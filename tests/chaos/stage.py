"""The stage of a play: its clock, its cast, and what callers remember of what they sent and were told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, TypeVar

from service.engine.commands import Answer, Command, EventAnswer, TriggerEvent
from service.engine.engine import Engine
from service.storage.database import Database, Row, Transaction
from service.storage.enrollments import SNAPSHOT_COLUMNS, snapshot_of
from service.storage.tasks import LeasedTask
from statemachine.errors import WorkflowError
from statemachine.snapshot import Snapshot
from tests.chaos.cast import Cast
from tests.chaos.definitions import Definition
from tests.chaos.faulty import Connections, FaultyDatabase
from tests.chaos.tally import Tally
from tests.service.engine.house import FakeClock

T = TypeVar("T")


class Stage:
    """`definitions` are the published ones by key and version (from 1), `mappings` what leads from one to another."""

    def __init__(self, url: str, seed: int, connections: Connections, *, alone: bool) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.clock = FakeClock()
        self.tally = Tally(plays=1)
        turns = Random(f"{seed} turns") if alone else None
        self.cast = Cast(url, self.clock, self.random, self.tally, connections, turns)
        self.sent: list[TriggerEvent] = []
        self.answers: list[EventAnswer] = []
        self.held: list[LeasedTask] = []
        self.definitions: dict[str, dict[int, Definition]] = {}
        self.mappings: dict[tuple[str, int], dict[str, str]] = {}
        self._plain: Database = FaultyDatabase(url, connections)
        self._ids = 0

    async def close(self) -> None:
        await self.cast.leave()
        self._plain.close()

    # --- asking ---

    async def ask(self, command: Command) -> Answer | WorkflowError:
        """The answer or the refusal, from whoever lives long enough. A defect fails the play."""
        try:
            answer = await self.cast.surely(lambda engine: engine.ask(command))
        except WorkflowError as refusal:
            self.tally.answers[f"{type(command).__name__} refused"] += 1
            return refusal
        self.note(command, answer)
        await self.cast.settle()
        return answer

    def note(self, command: Command, answer: Answer) -> None:
        self.tally.answers[type(command).__name__] += 1
        if isinstance(answer, EventAnswer):
            self.answers.append(answer)

    async def do(self, work: Callable[[Engine], Awaitable[T]]) -> T | WorkflowError:
        """The same for what is no command; then everything that follows of it happens."""
        done: T | WorkflowError
        try:
            done = await self.cast.surely(work)
        except WorkflowError as refusal:
            done = refusal
        await self.cast.settle()
        return done

    async def write(self, work: Callable[[Transaction], T]) -> T | WorkflowError:
        return await self.do(lambda engine: engine.write(work))

    # --- looking ---

    def rows(self, sql: str) -> Sequence[Row]:
        with self._plain.reading() as transaction:
            return transaction.rows(sql)

    def read(self, work: Callable[[Transaction], T]) -> T:
        with self._plain.reading() as transaction:
            return work(transaction)

    def runs(self) -> list[Snapshot]:
        return [snapshot_of(row) for row in self.rows(f"select {SNAPSHOT_COLUMNS} from enrollments e order by e.id")]

    def open(self, table: str, condition: str) -> int:
        return int(self.rows(f"select count(*) from {table} where {condition}")[0][0])

    # --- drawing ---

    def pick(self, *options: Any) -> Any:
        return self.random.choice(options)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def workflow(self) -> str:
        return self.random.choice(list(self.definitions))

    def id(self) -> str:
        self._ids += 1
        return f"id{self._ids}"
