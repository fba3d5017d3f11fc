"""Identifiers: valid, ordered, and never twice, whoever makes them."""

from __future__ import annotations

import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.engine import ids
from service.engine.ids import new_id


def test_every_id_is_a_uuid_of_version_7_and_greater_than_those_before() -> None:
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(set(made))
    read = [uuid.UUID(one) for one in made]
    assert {(one.version, one.variant) for one in read} == {(7, uuid.RFC_4122)}
    assert [str(one) for one in read] == made


def test_an_id_tells_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    assert before <= uuid.UUID(new_id()).int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_a_clock_that_is_set_back_does_not_turn_the_order_round(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    later = [new_id() for _ in range(5_000)]
    assert [first, *later] == sorted({first, *later})


def test_threads_never_make_the_same() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = [one for some in threads.map(lambda _: [new_id() for _ in range(2_000)], range(8)) for one in some]
    assert len(set(made)) == len(made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are of Unix")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_process_goes_on_with_randomness_of_its_own() -> None:
    new_id()
    assert ids._tails
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"left" if ids._tails else b"none")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 4) == b"none"
