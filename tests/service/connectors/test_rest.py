"""How long a pool rests between two looks."""

from __future__ import annotations

import asyncio

import pytest

from service.connectors.rest import Rest


@pytest.mark.parametrize(
    ("took_s", "due_in_s", "rests_s"),
    [
        (0.0, None, 1.0),
        (0.0, 0.3, 0.3),
        (0.0, 0.001, 0.05),
        (0.0, 0.0, 0.05),
        (0.0, 90.0, 1.0),
        (0.02, 0.1, 0.18),
        (0.02, 0.5, 0.5),
        (3.0, 0.1, 1.0),
        (3.0, None, 1.0),
    ],
    ids=str,
)
def test_a_rest_ends_when_a_task_falls_due_but_looking_is_a_tenth_of_the_time(
    took_s: float, due_in_s: float | None, rests_s: float
) -> None:
    assert Rest().span(took_s, due_in_s) == pytest.approx(rests_s)


async def test_a_rest_is_ended_by_whoever_says_so() -> None:
    rest = Rest()
    resting = asyncio.create_task(rest.take(3600))
    await asyncio.wait([resting], timeout=0)
    assert not resting.done()
    rest.end()
    await resting


async def test_an_end_that_is_told_during_a_look_ends_the_next_rest_and_only_that() -> None:
    rest = Rest()
    rest.end()
    await rest.take(3600)
    resting = asyncio.create_task(rest.take(3600))
    await asyncio.wait([resting], timeout=0)
    assert not resting.done()
    resting.cancel()


async def test_many_who_ask_for_a_look_soon_get_one() -> None:
    rest = Rest()
    for _ in range(100):
        rest.end_soon()
    await rest.take(3600)
    rest.end_soon()
    await rest.take(3600)
