"""Kin: what a child knows of its parent, and what a parent keeps of its children. Plain data, part of the snapshot.

A child is an enrollment of its own that a step of another one started: a branch of a `parallel` step or a round of a
parallel loop, which run a body of the same version, or a whole workflow (`sub_workflow`). A parent never looks at its
children: each tells it, when it has ended, what came of it, and the parent keeps that here until it goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from hashlib import blake2b
from typing import Any, Final, Protocol
from uuid import UUID

from statemachine.limits import size_up_to
from statemachine.record import record

MAX_WORKFLOWS_DEEP: Final = 8
"""How deep workflows may stand in each other; the outermost counts."""


class Knowing(Protocol):
    """A run, or what its steps read of it."""

    @property
    def trigger(self) -> Mapping[str, Any]: ...
    @property
    def variables(self) -> Mapping[str, Any]: ...
    @property
    def outputs(self) -> Mapping[str, Any]: ...


def size_known(run: Knowing, budget: int) -> int:
    """About how many bytes a run knows, which is what a child begins with; each part is counted up to `budget`."""
    return sum(size_up_to(part, budget) for part in (run.trigger, run.variables, run.outputs))


@record
class Origin:
    """What started a child: the parent's step, its visit of that step, and the name that tells siblings apart.

    `outcome` is the parent's way into the body that the child runs; "" for a child that runs a whole workflow.
    `awaited`: its parent waits for its end. `around` are the keys of the workflows around its own, the outermost first.
    """

    step: str
    visit: int
    name: str
    outcome: str = ""
    awaited: bool = True
    around: tuple[str, ...] = ()


@record
class Brood:
    """The children for which a run waits in the step where it rests.

    `open` names those that have not ended, in order of their start. `results` leads the names of the others to what
    they left, `failed` to {code, message}; `size` is about how many bytes that is. Of rounds: `left` are the items of
    those not begun (None when they are counted), `begun` how many were, `rounds` how many there are; `broken`: no
    further one begins.
    """

    open: tuple[str, ...] = ()
    results: Mapping[str, Any] = field(default_factory=dict)
    failed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    size: int = 0
    left: tuple[Any, ...] | None = None
    begun: int = 0
    rounds: int = 0
    broken: bool = False

    @property
    def ended(self) -> int:
        return len(self.results) + len(self.failed)


def child_id(parent_id: str, visit: int, name: str) -> str:
    """The id of a child, the same whenever its start is decided again.

    It is a UUIDv7 with the time of its parent's, so that a family's history lies together and expires together.
    """
    place = f"{parent_id}/{visit}/{name}"
    try:
        begun = UUID(parent_id).int >> 80
    except ValueError:
        return place
    tail = int.from_bytes(blake2b(place.encode(), digest_size=10).digest())
    high = 0x7000 | (tail >> 64) & 0xFFF
    low = 0x8000000000000000 | tail & 0x3FFFFFFFFFFFFFFF
    return str(UUID(int=begun << 80 | high << 64 | low))


def origin_to_data(origin: Origin) -> dict[str, Any]:
    """JSON-ready; what is at its default is left out."""
    data: dict[str, Any] = {"step": origin.step, "visit": origin.visit, "name": origin.name}
    if origin.outcome:
        data["outcome"] = origin.outcome
    if not origin.awaited:
        data["awaited"] = False
    if origin.around:
        data["around"] = list(origin.around)
    return data


def origin_from_data(data: Mapping[str, Any]) -> Origin:
    return Origin(**{**data, "around": tuple(data.get("around", ()))})


_BROOD_DEFAULTS: Final = Brood()


def brood_to_data(brood: Brood) -> dict[str, Any]:
    """JSON-ready; what is at its default is left out."""
    data: dict[str, Any] = {}
    for name in Brood.__dataclass_fields__:
        value = getattr(brood, name)
        if value != getattr(_BROOD_DEFAULTS, name):
            data[name] = list(value) if isinstance(value, tuple) else value
    return data


def brood_from_data(data: Mapping[str, Any]) -> Brood:
    brood = Brood(**{**data, "open": tuple(data.get("open", ()))})
    return brood if brood.left is None else replace(brood, left=tuple(brood.left))
