"""The steps that a step carries: under which keys they stand, to which of its outcomes they belong, where they lead.

Some lead back to the step that carries them (the body of a loop, the bodies of `try` and `fallback`, the branches of
`parallel`), the others to what follows it (the ways of a condition, the steps of an `error_handler`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from statemachine.problem import Path, Problems
from statemachine.scalars import is_name
from statemachine.spelling import respell
from statemachine.steps.guards import CATCH, DONE, FINALLY, STEPS, ErrorHandler, Fallback, Try
from statemachine.steps.loop import BODY, Loop
from statemachine.steps.parallel import BRANCHES, RESERVED, Parallel

BODIES: Final = {"true_steps": "true", "false_steps": "false"}
"""Keys of a condition that hold steps → the outcome that leads to them."""
ALTERNATIVES: Final = "alternatives"
_KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    **{name: {BODY: BODY} for name in (Loop.name, *Loop.aliases)},
    Try.name: {STEPS: STEPS, CATCH: CATCH, FINALLY: FINALLY},
    Fallback.name: {STEPS: ALTERNATIVES},
    ErrorHandler.name: {STEPS: DONE},
}
_LEADING_BACK: Final = frozenset({Loop.name, *Loop.aliases, Try.name, Fallback.name})


@dataclass(slots=True)
class Body:
    """A list of steps, or of ids of steps. `place` is where the list stands, `first` the place of its first in it."""

    steps: Sequence[Any]
    place: Path
    first: int = 0

    @property
    def named(self) -> bool:
        """Whether it holds ids; an empty one holds nothing else either."""
        return all(_is_id(step) for step in self.steps)


@dataclass(slots=True)
class Bodies:
    """What one step carries, by outcome. `back`: their ends lead back to the step."""

    by_outcome: dict[str, Body] = field(default_factory=dict)
    back: bool = False

    def named(self) -> Iterator[str]:
        """The ids of steps that they name."""
        for body in self.by_outcome.values():
            if body.named:
                yield from map(str, body.steps)


def take_bodies(keys: dict[str, Any], path: Path, problems: Problems) -> Bodies:
    """The bodies of a step; they stand beside the config or in it, and leave their place for `branches`."""
    kind = keys.get("type") if isinstance(keys.get("type"), str) else ""
    if kind == Parallel.name:
        return _take_branches(keys, path, problems)
    known = _KEYS.get(str(kind), BODIES)
    found = Bodies(back=kind in _LEADING_BACK)
    config = keys.get("config")
    if isinstance(config, Mapping):
        inside = respell(config, (*path, "config"), problems)
        if not inside.keys().isdisjoint(known):
            for key, outcome in known.items():
                if key in inside:
                    _put(found, outcome, inside.pop(key), (*path, "config", key), problems)
            keys["config"] = inside
    for key, outcome in known.items():
        if key in keys:
            if any(body.place[-2:] == ("config", key) for body in found.by_outcome.values()):
                problems.add("conflicting_keys", (*path, key), f"the config has `{key}` already")
            _put(found, outcome, keys.pop(key), (*path, key), problems)
    return found


def _put(found: Bodies, outcome: str, raw: Any, place: Path, problems: Problems) -> None:
    steps = _listed(raw)
    if outcome == ALTERNATIVES:
        for index, step in enumerate(steps):
            inner = isinstance(step, list)
            body = Body(step, (*place, index)) if inner else Body([step], place, index)
            _put_one(found, str(index + 1), body, problems)
    else:
        _put_one(found, outcome, Body(steps, place), problems)


def _listed(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else [] if raw is None else [raw]


def _put_one(found: Bodies, outcome: str, body: Body, problems: Problems) -> None:
    if not body.steps and outcome in (CATCH, FINALLY, *map(str, range(1, 500))):
        problems.add("bad_value", body.place, "no steps stand here: a `pass` does nothing")
    found.by_outcome[outcome] = body


def _take_branches(keys: dict[str, Any], path: Path, problems: Problems) -> Bodies:
    """The branches of a parallel step stand in its config or beside it; a text beside it is a target like any."""
    found = Bodies(back=True)
    config, beside = keys.get("config"), keys.get(BRANCHES)
    if isinstance(config, Mapping):
        inside = respell(config, (*path, "config"), problems)
        if isinstance(inside.get(BRANCHES), Mapping):
            for name, raw in inside.pop(BRANCHES).items():
                found.by_outcome[str(name)] = Body(_listed(raw), (*path, "config", BRANCHES, name))
        keys["config"] = inside
    if isinstance(beside, Mapping):
        for name, raw in beside.items():
            if isinstance(raw, list | Mapping) and str(name) not in found.by_outcome:
                found.by_outcome[str(name)] = Body(_listed(raw), (*path, BRANCHES, name))
        keys[BRANCHES] = {name: raw for name, raw in beside.items() if not isinstance(raw, list | Mapping)}
    for name, body in found.by_outcome.items():
        _check_branch(name, body, problems)
    return found


def _check_branch(name: str, body: Body, problems: Problems) -> None:
    if name in RESERVED:
        message = f"no branch can be called {name!r}: that is where the step itself leads"
        problems.add("reserved_id", body.place, message)
    elif not is_name(name):
        message = f"{name[:60]!r} is no name for a branch: use up to 100 letters, digits, _ - . :"
        problems.add("bad_name", body.place, message)
    elif not body.steps:
        problems.add("missing_key", body.place, f"the branch {name!r} has no steps")


def _is_id(raw: Any) -> bool:
    return isinstance(raw, str | int) and not isinstance(raw, bool)


def id_of(raw: Any, index: int, path: Path) -> str:
    """The id of a step; one without a usable id gets a name for messages, and is reported when it is read."""
    step_id = raw.get("id") if isinstance(raw, Mapping) else None
    return str(step_id) if _is_id(step_id) else f"{'.'.join(map(str, path))}[{index}]"


def first_of(body: Body) -> str:
    """The step with which a body begins."""
    return str(body.steps[0]) if body.named else id_of(body.steps[0], body.first, body.place)
