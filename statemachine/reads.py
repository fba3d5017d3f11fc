"""What may be read: from the paths in templates, conditions and expressions to what has to be loaded for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import timedelta

from statemachine.path import Path
from statemachine.record import record
from statemachine.scope import ROOTS, contact_fields

_VARIABLES = frozenset({"variables", "workflow", "vars"})


@record
class Reads:
    """What a step may read, known when it is compiled, so that a batch can load it before deciding.

    `contact`: field names, or {"*"} for the whole contact (tags, lists and score are named `tags`, `lists`, `score`).
    `events`: canonical event type -> look-back; None means since the run began.
    `conversation`: whether it reads or changes the run's conversation. `globals`: the global variables that it names
    or, by bare names, may mean; {"*"} among them for all. `sets`: those that it may set.
    """

    contact: frozenset[str] = frozenset()
    events: Mapping[str, timedelta | None] = field(default_factory=dict)
    conversation: bool = False
    globals: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()

    def __or__(self, other: Reads) -> Reads:
        events = dict(self.events)
        for name, span in other.events.items():
            known = events.get(name)
            events[name] = max(known, span) if known is not None and span is not None else (known or span)
        return Reads(
            self.contact | other.contact,
            events,
            self.conversation or other.conversation,
            self.globals | other.globals,
            self.sets | other.sets,
        )


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
