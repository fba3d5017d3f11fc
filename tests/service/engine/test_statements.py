"""Statements per batch: a constant number, whatever the size of the batch."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from service.engine.commands import ChangeContact, Command, EnrollContact, FinishTask, Operate
from service.engine.engine import Engine
from service.storage.session import Parameters, PostgresSession, Session, SqliteSession
from tests.service.engine.house import House, event

BOUND = {"postgresql": 12, "sqlite": 20}
WORKFLOWS = (
    """
    key: worker
    trigger: {type: go}
    entry: {reentry: always, max_entries: 9}
    exit: [{on: left, reason: gone}]
    steps:
      - {id: first, type: task, config: {queue: work}, retry: {backoff: 1h, jitter: none}}
      - {id: second, type: task, config: {queue: next}}
    """,
    """
    key: waiter
    trigger: {type: begin}
    steps:
      - {id: hold, type: wait, config: {on: [answered], since: enrollment, timeout: 1d}}
      - {id: tag, type: add_tag, config: {tag: hot}}
      - {id: rest, type: wait, config: {for: 1d}}
    """,
)


@contextmanager
def _transactions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """The SQL that lanes hand to the driver, one list per commit, without BEGIN and COMMIT."""
    committed: list[list[str]] = []
    current: list[str] = []

    def watch(session: type[SqliteSession | PostgresSession]) -> None:
        execute: Callable[..., Any] = session.execute
        commit: Callable[..., None] = session.commit

        def executed(self: Session, sql: str, parameters: Parameters) -> Any:
            if threading.current_thread().name.startswith("lane"):
                current.append(sql)
            return execute(self, sql, parameters)

        def ended(self: Session) -> None:
            commit(self)
            if threading.current_thread().name.startswith("lane"):
                committed.append(current.copy())
                current.clear()

        patch.setattr(session, "execute", executed)
        patch.setattr(session, "commit", ended)

    with monkeypatch.context() as patch:
        watch(SqliteSession)
        watch(PostgresSession)
        yield committed


async def _mixed(house: House, engine: Engine, size: int) -> list[Command]:
    """Prepare contacts in every state, and answer one command for each in turn: ten kinds, `size` commands."""
    share = size // 10
    name = [f"{size}-{number:03}" for number in range(share)]
    working = [f"{kind}{one}" for one in name for kind in ("exit-", "done-", "fail-")]
    await house.ask_all([event("go", contact) for contact in working], of=engine)
    await house.ask_all([event("begin", f"{kind}{one}") for one in name for kind in ("move-", "stop-")], of=engine)
    await house.ask_all([event("here", f"{kind}{one}") for one in name for kind in ("old-", "patch-")], of=engine)
    tasks = {task.contact_id: task for task in await house.lease(limit=1000)}
    stopped = {run.contact_id: run.id for run in house.runs("waiter")}

    def finish(contact: str, **given: Any) -> FinishTask:
        task = tasks[contact]
        return FinishTask("default", task.id, task.lease_token, request_id=contact, body_hash="h", **given)

    commands: list[Command] = []
    for one in name:
        commands += [
            event("here", f"old-{one}"),
            event("go", f"enter-{one}", contact_patch={"plan": "pro"}),
            event("answered", f"move-{one}", data={"n": 1}),
            event("left", f"exit-{one}"),
            finish(f"done-{one}", output={"n": 1}),
            finish(f"fail-{one}", outcome="error"),
            ChangeContact("default", f"patch-{one}", {"n": 1}, ("a",), request_id=f"patch-{one}", body_hash="h"),
            ChangeContact("default", f"make-{one}", {"n": 1}, request_id=f"make-{one}", body_hash="h"),
            EnrollContact("default", "worker", f"old-{one}", f"enroll-{one}", "h", contact_patch={"n": 2}),
            Operate("default", stopped[f"stop-{one}"], "cancel", f"stop-{one}", "h"),
        ]
    return commands


async def test_a_mixed_batch_of_500_takes_as_many_statements_as_one_of_10(
    house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for source in WORKFLOWS:
        await house.publish(source)
    engine = await house.replica("counted", lanes=1)
    await engine.ask(event("warm", "warm"))
    counts: dict[int, int] = {}
    for size in (10, 500):
        commands = await _mixed(house, engine, size)
        assert len(commands) == size
        with _transactions(monkeypatch) as committed:
            answers = await house.ask_all(commands, of=engine)
        assert len(answers) == size
        assert len(committed) == 1, "the commands did not travel as one batch"
        counts[size] = len(committed[0])
    with capsys.disabled():
        print(f"\n{house.database.kind}: {counts[10]} statements for 10 items, {counts[500]} for 500")
    assert counts[10] == counts[500]
    assert counts[500] <= BOUND[house.database.kind]


async def test_a_batch_of_500_timers_takes_as_many_statements_as_one_of_10(
    house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(WORKFLOWS[1])
    engine = await house.replica("counted", lanes=1)
    counts: dict[int, int] = {}
    for size in (10, 499):
        await house.ask_all([event("begin", f"{size}-{number}") for number in range(size)], of=engine)
        house.clock.move(86_400)
        with _transactions(monkeypatch) as committed:
            await engine.fire_due()
        await house.settle()
        counts[size] = max(map(len, committed))
    with capsys.disabled():
        print(f"\n{house.database.kind}: {counts[10]} statements for 10 timers, {counts[499]} for 499")
    assert counts[10] == counts[499]
    assert counts[499] <= BOUND[house.database.kind]


async def test_what_commands_make_is_freed_without_the_garbage_collector(house: House) -> None:
    for source in WORKFLOWS:
        await house.publish(source)
    engine = await house.replica("counted", lanes=1)
    left: dict[int, int] = {}
    for size in (10, 300):
        commands = await _mixed(house, engine, size)
        with _uncollected() as found:
            await house.ask_all(commands, of=engine)
            del commands
        left[size] = found[0]
    assert left[300] - left[10] < 290, _RINGS


async def test_what_timers_make_is_freed_without_the_garbage_collector(house: House) -> None:
    await house.publish(WORKFLOWS[1])
    engine = await house.replica("counted", lanes=1)
    left: dict[int, int] = {}
    for size in (10, 300):
        await house.ask_all([event("begin", f"{size}-{number}") for number in range(size)], of=engine)
        house.clock.move(86_400)
        with _uncollected() as found:
            await engine.fire_due()
        left[size] = found[0]
    assert left[300] - left[10] < 290, _RINGS


_RINGS = "there are objects that lead back to each other"


@contextmanager
def _uncollected() -> Iterator[list[int]]:
    """How many objects of the block only the garbage collector could free."""
    found: list[int] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        found.append(gc.collect())
    finally:
        gc.enable()
