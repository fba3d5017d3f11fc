"""When a failed attempt is tried again, and after how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.cause import TaskFailure
from statemachine.retry import AMBIGUOUS, MAX_RETRY_AFTER_S, delay_s, may_retry
from statemachine.workflow import RetryPolicy

EXACT = RetryPolicy(jitter="none")
TRANSIENT = TaskFailure("boom", "", True)


def delays(policy: RetryPolicy, attempts: int) -> list[float]:
    return [delay_s(policy, attempt, TRANSIENT, 0.5) for attempt in range(1, attempts + 1)]


def test_without_jitter_the_delays_are_exactly_one_two_four_seconds() -> None:
    assert delays(EXACT, 3) == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (RetryPolicy(backoff=timedelta(seconds=5), factor=3, jitter="none"), [5, 15, 45, 135]),
        (RetryPolicy(backoff=timedelta(seconds=2), factor=1, jitter="none"), [2, 2, 2, 2]),
        (RetryPolicy(max_backoff=timedelta(seconds=3), jitter="none"), [1, 2, 3, 3]),
        (RetryPolicy(backoff=timedelta(0), factor=100, jitter="none"), [0, 0, 0, 0]),
        (RetryPolicy(backoff=timedelta(seconds=9), max_backoff=timedelta(seconds=4), jitter="none"), [4, 4, 4, 4]),
    ],
)
def test_delays_grow_by_the_factor_up_to_the_cap(policy: RetryPolicy, expected: list[float]) -> None:
    assert delays(policy, 4) == expected


def test_full_jitter_draws_from_the_whole_delay() -> None:
    drawn = [delay_s(RetryPolicy(), 3, TRANSIENT, random) for random in (0.0, 0.25, 0.75)]
    assert drawn == [0.0, 1.0, 3.0]


@given(
    st.integers(1, 1000),
    st.floats(1, 100),
    st.floats(0, 0.999),
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
)
def test_no_attempt_number_and_no_retry_after_breaks_the_arithmetic(
    attempt: int, factor: float, random: float, asked: float | None
) -> None:
    delay = delay_s(RetryPolicy(factor=factor), attempt, TaskFailure("boom", "", True, asked), random)
    assert 0 <= delay <= max(300, MAX_RETRY_AFTER_S)


def test_what_the_other_side_asks_for_is_a_floor() -> None:
    assert delay_s(EXACT, 1, TaskFailure("busy", "", True, 30.0), 0.0) == 30.0


def test_a_shorter_retry_after_does_not_shorten_the_delay() -> None:
    assert delay_s(EXACT, 3, TaskFailure("busy", "", True, 0.5), 0.0) == 4.0


@pytest.mark.parametrize(("attempt", "again"), [(1, True), (3, True), (4, False), (5, False)])
def test_four_attempts_are_the_first_try_and_three_retries(attempt: int, again: bool) -> None:
    assert may_retry(RetryPolicy(), TRANSIENT, attempt, at_most_once=False) is again


def test_a_permanent_failure_is_not_tried_again() -> None:
    assert not may_retry(RetryPolicy(), TaskFailure("bad_url", "", False), 1, at_most_once=False)


@pytest.mark.parametrize("code", sorted(AMBIGUOUS))
def test_at_most_once_is_not_repeated_when_nobody_knows_whether_it_happened(code: str) -> None:
    assert not may_retry(RetryPolicy(), TaskFailure(code, "", True), 1, at_most_once=True)


def test_at_most_once_is_repeated_when_it_is_known_not_to_have_happened() -> None:
    assert may_retry(RetryPolicy(), TaskFailure("rate_limited", "", True), 1, at_most_once=True)
