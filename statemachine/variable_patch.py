"""Changes of a run's variables that somebody asks for: all of them or none; a null removes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from statemachine.errors import InvalidInput, LimitExceeded, StepFailed
from statemachine.limits import MAX_VARIABLES_BYTES
from statemachine.run import Run
from statemachine.variable_path import BadVariable, variable_path


def apply_patch(run: Run, patch: Mapping[str, Any], place: str) -> list[str]:
    """Change the variables; answers the names of those, sorted. `place` is the field of the request that says it.

    Raises InvalidInput with every name that is none or leads into another, and LimitExceeded."""
    changes = changes_of(patch, place)
    try:
        for path in [path for path, value in changes.items() if value is None]:
            run.remove_variable(path)
        for path, value in changes.items():
            if value is not None:
                run.set_variable(path, value)
    except StepFailed as failure:
        most = f"at most {MAX_VARIABLES_BYTES // 1024} KiB in all"
        raise LimitExceeded(
            failure.message, [(place, most)], limit="variables", maximum=str(MAX_VARIABLES_BYTES)
        ) from failure
    return sorted(".".join(path) for path in changes)


def changes_of(patch: Mapping[str, Any], place: str) -> dict[tuple[str, ...], Any]:
    """Path → value. Raises InvalidInput with every name that is none, or that leads into another."""
    changes: dict[tuple[str, ...], Any] = {}
    faults: list[tuple[str, str]] = []
    for name, value in patch.items():
        try:
            path = variable_path(name)
        except BadVariable as bad:
            faults.append((f"{place}[{name[:100]}]", bad.message))
            continue
        if path in changes:
            faults.append((f"{place}[{name[:100]}]", "a variable that is not named twice"))
        changes[path] = value
    ordered = sorted(changes)
    for before, after in pairwise(ordered):
        if after[: len(before)] == before:
            inner = ".".join(after)[:100]
            faults.append((f"{place}[{inner}]", f"either {'.'.join(before)[:100]!r} or what is in it, not both"))
    if not patch:
        faults.append((place, "at least one variable"))
    if faults:
        where, wanted = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InvalidInput(f"{where}: {wanted}{more}", faults)
    return changes
