"""Random plays: two replicas that die between any two transactions leave a sound store. `make fuzz` plays thousands."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from service.storage.database import Database
from statemachine.errors import Unavailable
from tests.chaos.definitions import random_definition
from tests.chaos.faulty import FaultyDatabase
from tests.chaos.stage import Tally, play, wipe
from tests.conftest import FreshDatabase
from tests.databases import Kind
from tests.faults import tell
from tests.service.engine.house import prepare

PLAYS = 12
"""On each store."""
FEWEST_DEATHS = 5


@pytest.fixture
def url(database_kind: Kind, fresh_database: FreshDatabase) -> str:
    return fresh_database(database_kind, prepare)


async def test_whatever_dies_every_event_is_applied_once_and_every_history_decides_again(
    url: str, record_property: Callable[[str, object], None]
) -> None:
    tally = Tally()
    for seed in range(PLAYS):
        wipe(url)
        try:
            tally.add(await play(url, seed))
        except BaseException as error:
            error.add_note(f"again: python -m tests.chaos {seed} --store {url.partition(':')[0].partition('+')[0]}")
            raise
    tell(record_property, f"chaos, {url.partition(':')[0]}: {tally.line()}")
    assert tally.deaths >= FEWEST_DEATHS
    assert tally.runs["completed"] > PLAYS


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


def test_the_same_seed_writes_the_same_definition() -> None:
    assert random_definition(Random(7), "flow") == random_definition(Random(7), "flow")
