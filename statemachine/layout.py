"""The order of the steps: one flat list in which every step knows what follows it, nested bodies included.

A condition may carry the steps of its two ways (`true_steps`, `false_steps`): written in place, or as ids of the steps
that stand right below it. Those belong to their way: the list goes on without them, they follow one another as they are
named, and the last one leads back to what follows. An id of a step that stands anywhere else is only a target: that
step keeps its place and what follows it.

A loop carries the steps of its round (`body`) alike; the last of them leads back to the loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from statemachine.document import StepPart, kind_of, respell
from statemachine.names import snake_case
from statemachine.problem import Path, Problems
from statemachine.steps.loop import BODY, KINDS, Loop

BODIES: Final = {"true_steps": "true", "false_steps": "false"}
"""Keys that hold steps → the outcome that leads to them."""
_LOOP_BODIES: Final = {BODY: BODY}
_LOOPS: Final = (Loop.name, *Loop.aliases)


@dataclass(slots=True)
class Entry:
    """A step of the document in its place; `following` is where its first outcome leads when nothing else is said.

    `within` are the loops whose body it is part of, the outermost first.
    """

    id: str
    path: Path
    raw: Mapping[str, Any]
    following: str
    branches: dict[str, tuple[str, Path]] = field(default_factory=dict)
    within: tuple[str, ...] = ()


@dataclass(slots=True)
class _Item:
    """A step of one list while the list is put in order. `bodies` are (items, place) by outcome."""

    id: str
    path: Path
    keys: dict[str, Any]
    bodies: dict[str, tuple[list[Any], Path]]
    following: str = ""
    owned: bool = False

    @property
    def after_bodies(self) -> str:
        """Where the last step of its bodies leads."""
        return self.id if BODY in self.bodies else str(self.keys.get("next") or self.following)

    def named(self) -> Iterator[str]:
        """The ids of steps that its ways name."""
        for body, _ in self.bodies.values():
            if _are_ids(body):
                yield from map(str, body)


class Layout:
    """Puts nested steps (trueSteps, falseSteps, body) into one list, each knowing what follows it."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def flatten(self, raw: Sequence[Any], path: Path, after: str, within: tuple[str, ...] = ()) -> Iterator[Entry]:
        items = self._items(raw, path)
        self._own(items)
        following = after
        for item in reversed(items):
            if not item.owned:
                item.following = following
                following = item.id
        order = {item.id: item for item in items}
        for item in items:
            self._chain(item, order)
        for item in items:
            yield from self._one(item, within)

    def _items(self, raw: Sequence[Any], path: Path) -> list[_Item]:
        items = []
        for index, step in enumerate(raw):
            place = (*path, index)
            if isinstance(step, Mapping):
                keys = respell(step, place, self._problems, also=StepPart.also)
                self._take_condition(keys, place)
                self._take_kind(keys, place)
                items.append(_Item(_id_of(step, index, path), place, keys, self._take_bodies(keys, place)))
            else:
                self._problems.add("not_an_object", place, f"a step is an object, not {kind_of(step)}")
        return items

    def _own(self, items: Sequence[_Item]) -> None:
        """Steps right below a condition that it names as parts of a way leave the list's own order."""
        for number, item in enumerate(items):
            # what an owned condition names was looked at together with the one that owns it
            named = set() if item.owned else set(item.named())
            for index in range(number + 1, len(items) if named else 0):
                below = items[index]
                if below.id not in named:
                    break
                below.owned = True
                named.update(below.named())

    def _chain(self, item: _Item, order: Mapping[str, _Item]) -> None:
        """Let the steps that a condition names follow one another, and the last one lead back."""
        after = item.after_bodies
        for body, place in item.bodies.values():
            names = [str(name) for name in body] if _are_ids(body) else []
            for index, name in enumerate(names):
                named = order.get(name)
                follower = names[index + 1] if index + 1 < len(names) else after
                if named is None or not named.owned:
                    self._expect_last(name, index, len(names), place)
                elif named.following not in ("", follower):
                    message = f"{name!r} is followed by {named.following!r} in one list and by {follower!r} in this one"
                    self._problems.add("conflicting_keys", (*place, index), message, f"give {name!r} a `next`")
                else:
                    named.following = follower
                    self._lead_away(named, names, index, order, place)

    def _lead_away(
        self, named: _Item, names: Sequence[str], index: int, order: Mapping[str, _Item], place: Path
    ) -> None:  # fmt: skip
        """What follows by name and stands in no place of this list is a target like any other: it has to exist."""
        if index + 1 < len(names) and names[index + 1] not in order and named.keys.get("next") is None:
            named.keys["next"] = names[index + 1]
            self._problems.spelled((*named.path, "next"), self._problems.source_path((*place, index + 1)))

    def _expect_last(self, name: str, index: int, count: int, place: Path) -> None:
        if index + 1 < count:
            message = f"{name!r} does not stand right below the condition, so what follows it cannot be said here"
            self._problems.add("bad_value", (*place, index), message, f"give {name!r} a `next`, and name it alone")

    def _one(self, item: _Item, within: tuple[str, ...]) -> Iterator[Entry]:
        entry = Entry(item.id, item.path, item.keys, item.following, within=within)
        after = item.after_bodies
        yield entry
        for outcome, (body, place) in item.bodies.items():
            if not body:
                continue
            if _are_ids(body):
                entry.branches[outcome] = (str(body[0]), place)
            else:
                entry.branches[outcome] = (_id_of(body[0], 0, place), place)
                inside = (*within, item.id) if outcome == BODY else within
                yield from self.flatten(body, place, after, inside)

    def _take_condition(self, keys: dict[str, Any], path: Path) -> None:
        """`condition` may stand beside the config; it belongs in it."""
        if keys.get("condition") is None:
            return
        config = keys.get("config")
        if config is None or (isinstance(config, Mapping) and "condition" not in config):
            self._problems.spelled((*path, "config", "condition"), self._problems.source_path((*path, "condition")))
            keys["config"] = {**(config or {}), "condition": keys.pop("condition")}
        elif isinstance(config, Mapping):
            self._problems.add("conflicting_keys", (*path, "condition"), "the config has a `condition` already")

    def _take_kind(self, keys: dict[str, Any], path: Path) -> None:
        """`type: for_each` is a loop whose config says so."""
        kind, config = keys.get("type"), keys.get("config")
        if kind in KINDS and isinstance(config, Mapping | None):
            said = (config or {}).get("type", kind)
            keys["config"] = {**(config or {}), "type": kind}
            if snake_case(str(said)) != kind:
                message = f"the step is a {kind} loop, and its config says {said!r}"
                self._problems.add("conflicting_keys", (*path, "config", "type"), message)

    def _take_bodies(self, keys: dict[str, Any], path: Path) -> dict[str, tuple[list[Any], Path]]:
        """trueSteps, falseSteps and body stand beside the config or in it; they leave their place for `branches`."""
        bodies: dict[str, tuple[list[Any], Path]] = {}
        known = _LOOP_BODIES if keys.get("type") in _LOOPS else BODIES
        config = keys.get("config")
        if isinstance(config, Mapping) and any(snake_case(str(key)) in known for key in config):
            inside = respell(config, (*path, "config"), self._problems)
            for key, outcome in known.items():
                if key in inside:
                    bodies[outcome] = (_list(inside.pop(key)), (*path, "config", key))
            keys["config"] = inside
        for key, outcome in known.items():
            if key in keys:
                if outcome in bodies:
                    self._problems.add("conflicting_keys", (*path, key), f"the config has `{key}` already")
                bodies[outcome] = (_list(keys.pop(key)), (*path, key))
        return bodies


def _list(body: Any) -> list[Any]:
    return body if isinstance(body, list) else [] if body is None else [body]


def _are_ids(body: Sequence[Any]) -> bool:
    return all(isinstance(item, str | int) and not isinstance(item, bool) for item in body)


def _id_of(raw: Any, index: int, path: Path) -> str:
    """The id of a step; one without a usable id gets a name for messages, and is reported when it is read."""
    step_id = raw.get("id") if isinstance(raw, Mapping) else None
    if isinstance(step_id, str | int) and not isinstance(step_id, bool):
        return str(step_id)
    return f"{'.'.join(map(str, path))}[{index}]"
