"""The order of the steps: one flat list in which every step knows what follows it, nested bodies included.

A condition may carry the steps of its two ways (`true_steps`, `false_steps`): written in place, or as ids of the steps
that stand right below it. Those belong to their way: the list goes on without them, they follow one another as they are
named, and the last one leads back to what follows. An id of a step that stands anywhere else is only a target: that
step keeps its place and what follows it.

Other steps carry steps alike (`bodies.py`); the last of a body leads back to a loop, a `try` or a `fallback`.

An `error_handler` is left out of the order: it takes the errors of the steps above it in its list, those in bodies of
theirs too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from statemachine.bodies import Bodies, Body, first_of, id_of, take_bodies
from statemachine.document import StepPart
from statemachine.names import snake_case
from statemachine.problem import Path, Problems
from statemachine.scalars import kind_of
from statemachine.spelling import respell
from statemachine.steps.guards import ErrorHandler
from statemachine.steps.loop import KINDS
from statemachine.workflow import UNDONE, undo_body


@dataclass(slots=True)
class Entry:
    """A step of the document in its place; `following` is where its first outcome leads when nothing else is said.

    `within` are the steps in whose bodies it is, the outermost first, and `bodies` says in which body of each.
    `handler` is the error_handler that would take its error, "" for none; `undo` the first of the steps that undo it.
    `listed` steps stand in a list, whatever the rest of the document is.
    """

    id: str
    path: Path
    raw: Mapping[str, Any]
    following: str
    branches: dict[str, tuple[str, Path]] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()
    handler: str = ""
    undo: str = ""
    listed: bool = True


@dataclass(slots=True)
class Around:
    """What is around a list of steps: `after` is where its last step leads, the rest as in `Entry`."""

    after: str
    within: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()
    handler: str = ""
    listed: bool = True


@dataclass(slots=True)
class _Item:
    """A step of one list while the list is put in order."""

    id: str
    path: Path
    keys: dict[str, Any]
    bodies: Bodies
    following: str = ""
    owned: bool = False
    handler: str = ""

    @property
    def after_bodies(self) -> str:
        """Where the last step of its bodies leads."""
        return self.id if self.bodies.back else str(self.keys.get("next") or self.following)

    @property
    def takes_errors(self) -> bool:
        config = self.keys.get("config")
        named = isinstance(config, Mapping) and config.get("scope") == "named"
        return self.keys.get("type") == ErrorHandler.name and not named


class Layout:
    """Puts nested steps into one list, each knowing what follows it. Steps that are drawn and not `listed` stand in no
    list: error handlers among them take only the errors that are led to them."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def flatten(self, body: Body, around: Around) -> Iterator[Entry]:
        items = self._items(body)
        self._own(items)
        following, handler = around.after, around.handler
        for item in reversed(items):
            item.handler = handler
            handles = item.takes_errors and around.listed
            if handles:
                handler = item.id
            if not item.owned:
                item.following = following
                following = following if handles else item.id
        order = {item.id: item for item in items}
        for item in items:
            self._chain(item, order)
        for item in items:
            yield from self._one(item, around)

    def _items(self, body: Body) -> list[_Item]:
        items = []
        for index, step in enumerate(body.steps, body.first):
            place = (*body.place, index)
            if isinstance(step, Mapping):
                keys = respell(step, place, self._problems, also=StepPart.also)
                self._take_condition(keys, place)
                self._take_kind(keys, place)
                bodies = take_bodies(keys, place, self._problems)
                items.append(_Item(id_of(step, index, body.place), place, keys, bodies))
            else:
                self._problems.add("not_an_object", place, f"a step is an object, not {kind_of(step)}")
        return items

    def _own(self, items: Sequence[_Item]) -> None:
        """Steps right below a condition that it names as parts of a way leave the list's own order."""
        for number, item in enumerate(items):
            # what an owned condition names was looked at together with the one that owns it
            named = set() if item.owned else set(item.bodies.named())
            for index in range(number + 1, len(items) if named else 0):
                below = items[index]
                if below.id not in named:
                    break
                below.owned = True
                named.update(below.bodies.named())

    def _chain(self, item: _Item, order: Mapping[str, _Item]) -> None:
        """Let the steps that a condition names follow one another, and the last one lead back."""
        after = item.after_bodies
        for body in item.bodies.by_outcome.values():
            names, place = [str(name) for name in body.steps] if body.named else [], body.place
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
            message = (
                f"{name!r} does not stand right below the step that names it, so what follows it cannot be said here"
            )
            self._problems.add("bad_value", (*place, index), message, f"give {name!r} a `next`, and name it alone")

    def _one(self, item: _Item, around: Around) -> Iterator[Entry]:
        entry = Entry(
            item.id, item.path, item.keys, item.following,
            within=around.within, bodies=around.bodies, handler=item.handler, listed=around.listed,
        )  # fmt: skip
        yield entry
        for outcome, body in item.bodies.by_outcome.items():
            if not body.steps:
                continue
            entry.branches[outcome] = (first_of(body), body.place)
            if not body.named:
                yield from self.flatten(body, self._inside(item, outcome, around))

        yield from self._undo(entry)

    def _undo(self, entry: Entry) -> Iterator[Entry]:
        """The steps that undo a step: a list of its own, wherever the step stands."""
        raw = entry.raw.get("compensate")
        if raw is None:
            return
        body = Body(raw if isinstance(raw, list) else [raw], (*entry.path, "compensate"))
        if body.named:
            self._problems.add(
                "bad_value", body.place, "write the steps that undo this one in place: `compensate: [steps]`"
            )
            return
        entry.undo = first_of(body)
        yield from self.flatten(body, Around(UNDONE, (undo_body(entry.id),), ("compensate",)))

    def _inside(self, item: _Item, outcome: str, around: Around) -> Around:
        if not item.bodies.back:
            return Around(item.after_bodies, around.within, around.bodies, item.handler, around.listed)
        within, bodies = (*around.within, item.id), (*around.bodies, outcome)
        return Around(item.id, within, bodies, item.handler, around.listed)

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
