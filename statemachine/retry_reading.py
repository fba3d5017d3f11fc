"""Reading `retry`: of the workflow, for all steps, or of one of them."""

from __future__ import annotations

from typing import Any

from statemachine.document import RetryPart
from statemachine.part import read_part
from statemachine.problem import Path, Problems
from statemachine.workflow import RetryPolicy


def read_retry(raw: Any, path: Path, base: RetryPolicy, problems: Problems) -> RetryPolicy:
    """A retry policy; what it leaves open is as in `base`."""
    part = None if raw is None else read_part(RetryPart, raw, path, problems)
    if part is None:
        return base
    attempts = part.max_attempts
    if part.max_retries is not None:
        if attempts is not None:
            problems.add("conflicting_keys", (*path, "max_retries"), "use max_attempts or max_retries, not both")
        attempts = part.max_retries + 1
    return RetryPolicy(
        max_attempts=base.max_attempts if attempts is None else attempts,
        backoff=base.backoff if part.backoff is None else part.backoff,
        factor=base.factor if part.factor is None else part.factor,
        max_backoff=base.max_backoff if part.max_backoff is None else part.max_backoff,
        jitter=part.jitter or base.jitter,
    )
