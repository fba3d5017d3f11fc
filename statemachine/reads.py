"""What names read: from the paths in templates, conditions and expressions to what has to be loaded for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from statemachine.path import Path
from statemachine.scope import ROOTS, contact_fields
from statemachine.step import Reads

_VARIABLES = frozenset({"variables", "workflow", "vars"})


def reads_of(paths: Iterable[Path], events: Mapping[str, timedelta | None] | None = None) -> Reads:
    """Everything that these paths may lead to; `events` are earlier events that are read besides."""
    known = tuple(paths)
    scoped = tuple(path[1:] if path[0] in _VARIABLES and len(path) > 1 else path for path in known)
    return Reads(
        contact_fields(known),
        events or {},
        conversation=any(path[0] == "conversation" for path in scoped),
        globals=frozenset(_global_name(path) for path in scoped if path[0] == "global" or path[0] not in ROOTS),
    )


def _global_name(path: Path) -> str:
    """The global variable that a path may lead to, bare or not; `*` for all of them."""
    if path[0] != "global":
        return str(path[0])
    return str(path[1]) if len(path) > 1 else "*"
