"""When a failed attempt is tried again: exponential backoff with a cap and full jitter.

Full jitter (a random share of the whole delay) spreads a herd best; see "Exponential Backoff And Jitter", AWS
Architecture Blog, 2015. What the other side asks for (Retry-After) is a floor.
"""

from __future__ import annotations

import math
from typing import Final

from statemachine.cause import TaskFailure
from statemachine.workflow import RetryPolicy

AMBIGUOUS = frozenset({"timeout", "connection_lost", "outcome_unknown", "lease_expired"})
"""Failures after which nobody knows whether the effect happened: never repeated for at-most-once steps."""

MAX_RETRY_AFTER_S: Final = 7 * 86_400.0
"""The longest Retry-After that is obeyed."""

_MOST_DOUBLINGS: Final = 64
"""More than that is beyond every cap, and soon beyond what a float can hold."""


def may_retry(policy: RetryPolicy, failure: TaskFailure, attempt: int, *, at_most_once: bool) -> bool:
    """Whether attempt `attempt` (from 1), having failed so, is followed by another."""
    if not failure.retryable or attempt >= policy.max_attempts:
        return False
    return not (at_most_once and failure.code in AMBIGUOUS)


def delay_s(policy: RetryPolicy, attempt: int, failure: TaskFailure, random: float) -> float:
    """Seconds until the next attempt after attempt `attempt` failed; `random` is in [0, 1)."""
    full = _backoff_s(policy, attempt)
    drawn = full if policy.jitter == "none" else full * random
    return max(drawn, min(failure.retry_after_s or 0.0, MAX_RETRY_AFTER_S))


def _backoff_s(policy: RetryPolicy, attempt: int) -> float:
    ceiling = policy.max_backoff.total_seconds()
    first = policy.backoff.total_seconds()
    if first <= 0:
        return 0.0
    if (attempt - 1) * math.log2(policy.factor) > _MOST_DOUBLINGS:
        return ceiling
    return min(ceiling, first * policy.factor ** (attempt - 1))
