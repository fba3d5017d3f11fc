"""Global variables that steps set: how large they may be. What one decision sets, the last to commit has set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statemachine.errors import StepFailed
from statemachine.limits import MAX_GLOBAL_BYTES, MAX_GLOBALS_BYTES, larger_than


def check_globals(name: str, changes: Mapping[str, Any], left: int | None) -> None:
    """Raises StepFailed where `name`, the last of `changes`, or all of these in `left` bytes are too large."""
    if larger_than(changes[name], MAX_GLOBAL_BYTES):
        limit = f"{MAX_GLOBAL_BYTES // 1024} KiB"
        raise StepFailed("variables_too_large", f"the global variable {name!r} would be over {limit}")
    if left is not None and larger_than(changes, left):
        limit = f"{MAX_GLOBALS_BYTES // 1024} KiB"
        raise StepFailed("variables_too_large", f"all global variables together would be over {limit}")
