"""Random plays: two replicas that die between any two transactions leave a sound store. `make fuzz` plays thousands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Final

import pytest

from service.storage.database import Database
from statemachine.errors import Unavailable
from tests.chaos import play
from tests.chaos.campaign import run
from tests.chaos.definitions import next_version, random_definition
from tests.chaos.faulty import FaultyDatabase
from tests.chaos.findings import keep
from tests.chaos.play import ACTS
from tests.chaos.stage import Stage
from tests.chaos.tally import Tally
from tests.chaos.theatre import Theatre
from tests.conftest import FreshDatabase
from tests.databases import Kind, migrated
from tests.faults import tell

BOTH: Final[tuple[Kind, ...]] = ("sqlite", "postgresql")
PLAYS = 100
"""On each store, of which every one is another's."""
FEWEST_DEATHS = 50
STEPS = {"task", "approval", "http_request", "assign_agent", "send_sms", "send_reply"}
"""Types that order tasks; their histories tell when they begin."""
CAUSES = {"event", "timer", "task", "child", "parent", "contact", "start", "op migrate", "op retry", "op pause"}
KINDS = {"held", "dropped", "debounced", "reminded", "escalated", "migrated", "rescheduled", "queued", "retrying",
         "date expected", "date entered", "date too_late"}  # fmt: skip


@pytest.fixture
def url(database_kind: Kind, fresh_database: FreshDatabase) -> str:
    return fresh_database(database_kind, migrated)


@pytest.mark.timeout(900)
def test_whatever_dies_every_event_is_applied_once_and_every_history_decides_again(
    url: str, database_kind: Kind, record_property: Callable[[str, object], None]
) -> None:
    seeds = range(database_kind == "postgresql", 2 * PLAYS, 2)
    tally = played(url, database_kind, seeds)
    tell(record_property, f"chaos, {database_kind}: {tally.line()}")
    assert min(tally.deaths["before commit"], tally.deaths["after commit"]) >= FEWEST_DEATHS
    assert tally.runs["completed"] > PLAYS
    assert not {act.__name__ for act in ACTS} - set(tally.acts)
    assert not STEPS - set(tally.steps)
    assert not CAUSES - set(tally.causes)
    assert not KINDS - set(tally.kinds)


def played(url: str, kind: Kind, seeds: Iterable[int]) -> Tally:
    """One actor at a time; a play that fails is kept."""
    tally, theatre = Tally(), Theatre(url)
    try:
        for seed in seeds:
            try:
                tally.add(theatre.play(seed))
            except BaseException as error:
                keep(error, seed, kind, alone=True)
                raise
    finally:
        theatre.close()
    return tally


def test_one_seed_is_one_story_on_every_store(fresh_database: FreshDatabase) -> None:
    sqlite, postgresql = (played(fresh_database(kind, migrated), kind, range(6)).story for kind in BOTH)
    assert sqlite == postgresql


def test_with_threads_the_same_is_true_whoever_is_faster(url: str) -> None:
    theatre = Theatre(url, alone=False)
    assert theatre.play(8).runs.total()
    theatre.close()


def test_a_play_that_fails_leaves_its_seed_and_all_that_is_known(
    url: str, database_kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disapprove(_: Stage) -> None:
        logging.getLogger("service.engine").warning("something odd")
        raise AssertionError("not sound")

    monkeypatch.setattr(play, "_finish", disapprove)
    report = run(3, seconds=0, plays=1, folder=tmp_path, kinds=(database_kind,))
    file = tmp_path / f"chaos.{database_kind}.3"
    assert str(file) in report.findings[0]
    text = file.read_text()
    assert text.startswith(f"python -m tests.chaos 3 --store {database_kind}\n")
    assert "AssertionError: not sound" in text
    assert "something odd" in text


@pytest.mark.parametrize("committed", [False, True])
def test_a_process_dies_on_the_side_of_the_commit_that_was_asked_for(url: str, committed: bool) -> None:
    database = FaultyDatabase(url, fuse=2, committed=committed)
    write = "insert into stamps (name, value) values (:name, 1)"
    with database.transaction() as transaction:
        transaction.write(write, name="first")
    with pytest.raises(Unavailable), database.transaction() as transaction:
        transaction.write(write, name="second")
    with pytest.raises(Unavailable), database.reading():
        pass
    database.close()
    plain = Database(url)
    with plain.reading() as transaction:
        assert transaction.rows("select count(*) from stamps") == [(2 if committed else 1,)]
    plain.close()


def test_the_same_seed_writes_the_same_definitions() -> None:
    first, again = (random_definition(Random(7), "flow") for _ in range(2))
    assert first == again
    assert next_version(Random(7), first) == next_version(Random(7), again)
