"""The stand on which both sides of a comparison run in turn, and what is watched while they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.figures import Figure, Spread, spread_of
from bench.floor import Floor
from bench.floor_postgresql import PostgresFloor
from bench.floor_sqlite import SqliteFloor
from bench.processes import Meter, Place, Store, Talker, echo, rss_mib, served

VISIBLE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each workload does, from one number."""

    n: int = 6_000

    @property
    def floor(self) -> int:
        """The floor is quick, and needs more to be timed."""
        return 2 * self.n

    @property
    def unary(self) -> int:
        return max(1, self.n // 2)

    @property
    def tasks(self) -> int:
        return max(1, self.n // 4)

    @property
    def paced(self) -> int:
        """At 1,000 in a second."""
        return max(1, self.n // 3)

    @property
    def open_loop(self) -> int:
        """At 50 in a second; of fewer than some hundreds one late write to the disk is the slowest percent."""
        return max(5, self.n // 10)


@dataclass(slots=True)
class Watch:
    """What a span of time cost."""

    cpu_s: float = 0.0
    written: int | None = None
    statements_per_batch: float | None = None
    items_per_batch: float | None = None


@dataclass(slots=True)
class Stand:
    """One database of one kind with a floor, a server and its load."""

    place: Place
    store: Store
    floor: Floor
    load: Talker
    server_pid: int
    echo_address: str
    echo_pid: int
    through: str
    sizes: Sizes
    round: int
    _runs: int = field(default=0)

    @property
    def database(self) -> str:
        return self.place.kind

    def in_turn(self, ways: Sequence[Callable[[], list[Figure]]]) -> list[Figure]:
        """Run all, forward in odd rounds and backward in even ones, so that drift falls on both sides."""
        order = ways if self.round % 2 else list(reversed(ways))
        return [figure for way in order for figure in way()]

    def run_name(self) -> str:
        """A name that makes the ids of one run unlike those of every other."""
        self._runs += 1
        return f"r{self.round}-{self._runs}"

    def publish(self, source: str) -> None:
        self.load.ask("publish", source=source)

    def beside(self, workload: str, way: str, items: int, work: Callable[[], float | list[float]]) -> Figure:
        """Run the floor. `work` answers seconds, or how long each item waited."""
        meter = Meter(self.place.database_pid)
        cpu_s = time.process_time() + meter.cpu_s()
        started = time.perf_counter()
        answer = work()
        seconds = time.perf_counter() - started
        return Figure(
            self.database,
            workload,
            way,
            items,
            answer if isinstance(answer, float) else seconds,
            spread=None if isinstance(answer, float) else spread_of(answer),
            cpu_s=time.process_time() + meter.cpu_s() - cpu_s,
        )

    def ours(
        self,
        workload: str,
        way: str,
        items: int,
        /,
        *,
        floor: str | None,
        transitions: int,
        paced: bool = False,
        **load: Any,
    ) -> Figure:
        """Prepare the load, then send it while everything is watched. `load` is what `bench.load` prepares."""
        self.load.ask("prepare", items=items, **load)
        with self.watched() as watch:
            answer = self.load.ask("go")
        return self.figure(
            workload,
            way,
            items,
            answer["seconds"],
            watch,
            floor=floor,
            transitions=transitions,
            paced=paced,
            spread=Spread(answer["p50_ms"], answer["p99_ms"]) if "p50_ms" in answer else None,
        )

    def figure(
        self,
        workload: str,
        way: str,
        items: int,
        seconds: float,
        watch: Watch,
        *,
        floor: str | None,
        transitions: int = 1,
        paced: bool = False,
        spread: Spread | None = None,
    ) -> Figure:
        return Figure(
            self.database,
            workload,
            way,
            items,
            seconds,
            floor,
            spread,
            watch.cpu_s,
            rss_mib(self.server_pid),
            watch.statements_per_batch,
            watch.items_per_batch,
            watch.written,
            transitions,
            paced,
        )

    @contextmanager
    def watched(self) -> Iterator[Watch]:
        """Fills the watch when the block ends."""
        watch = Watch()
        meter = Meter(self.server_pid, self.place.database_pid)
        before, written = self.load.ask("statistics"), self.store.written()
        cpu_s = meter.cpu_s()
        yield watch
        watch.cpu_s = meter.cpu_s() - cpu_s
        after, written_after = self.load.ask("statistics"), self.store.written()
        batches = after["batches"] - before["batches"]
        if batches:
            watch.statements_per_batch = (after["statements"] - before["statements"]) / batches
            watch.items_per_batch = (after["items"] - before["items"]) / batches
        if written is not None and written_after is not None:
            watch.written = written_after - written

    def expect_completed(self, workflow: str, wanted: int) -> None:
        """A figure counts only when the work was done. Raises AssertionError."""
        deadline = time.monotonic() + VISIBLE_S
        while (found := self.store.completed(workflow)) < wanted:
            assert time.monotonic() < deadline, f"{found} of {wanted} runs of {workflow} are completed"
            time.sleep(0.05)
        assert found == wanted, f"{found} runs of {workflow} are completed, {wanted} were started"


@contextmanager
def stand(place: Place, through: str, sizes: Sizes, number: int) -> Iterator[Stand]:
    """A stand for one round."""
    with ExitStack() as stack:
        load, server_pid = stack.enter_context(served(place, through))
        echo_address, echo_pid = stack.enter_context(echo())
        store = place.store()
        stack.callback(store.close)
        floor: Floor = PostgresFloor(place.floor) if place.kind == "postgresql" else SqliteFloor(Path(place.floor))
        stack.callback(floor.close)
        yield Stand(place, store, floor, load, server_pid, echo_address, echo_pid, through, sizes, number)
