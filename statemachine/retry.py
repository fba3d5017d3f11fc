"""When a failed attempt is tried again: exponential backoff with a cap and full jitter.

Full jitter (a random share of the whole delay) spreads a herd best; see "Exponential Backoff And Jitter", AWS
Architecture Blog, 2015. What the other side asks for (Retry-After) is a floor.
"""

from __future__ import annotations

from statemachine.cause import TaskFailure
from statemachine.workflow import RetryPolicy

AMBIGUOUS = frozenset({"timeout", "connection_lost", "outcome_unknown", "lease_expired"})
"""Failures after which nobody knows whether the effect happened: never repeated for at-most-once steps."""


def may_retry(policy: RetryPolicy, failure: TaskFailure, attempt: int, *, at_most_once: bool) -> bool:
    """Whether attempt `attempt` (from 1), having failed so, is followed by another."""
    if not failure.retryable or attempt >= policy.max_attempts:
        return False
    return not (at_most_once and failure.code in AMBIGUOUS)


def delay_s(policy: RetryPolicy, attempt: int, failure: TaskFailure, random: float) -> float:
    """Seconds until the next attempt after attempt `attempt` failed; `random` is in [0, 1)."""
    full = min(policy.max_backoff.total_seconds(), policy.backoff.total_seconds() * policy.factor ** (attempt - 1))
    drawn = full if policy.jitter == "none" else full * random
    return max(drawn, failure.retry_after_s or 0.0)
