"""The order of the steps: one flat list in which every step knows what follows it, nested bodies included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from statemachine.document import StepPart, kind_of, respell
from statemachine.names import snake_case
from statemachine.problem import Path, Problems

_BODIES: Final = {"true_steps": "true", "false_steps": "false"}


@dataclass(slots=True)
class Entry:
    """A step of the document in its place; `following` is where its first outcome leads when nothing else is said."""

    id: str
    path: Path
    raw: Mapping[str, Any]
    following: str
    branches: dict[str, tuple[str, Path]] = field(default_factory=dict)


class Layout:
    """Puts nested steps (trueSteps, falseSteps) into one list, each knowing what follows it."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def flatten(self, raw: Sequence[Any], path: Path, after: str) -> Iterator[Entry]:
        ids = [_id_of(step, index, path) for index, step in enumerate(raw)]
        for index, step in enumerate(raw):
            following = ids[index + 1] if index + 1 < len(ids) else after
            yield from self._one(step, ids[index], (*path, index), following)

    def _one(self, raw: Any, step_id: str, path: Path, following: str) -> Iterator[Entry]:
        if not isinstance(raw, Mapping):
            self._problems.add("not_an_object", path, f"a step is an object, not {kind_of(raw)}")
            return
        keys = respell(raw, path, self._problems, also=StepPart.also)
        bodies = self._take_bodies(keys, path)
        entry = Entry(step_id, path, keys, following)
        after = str(keys.get("next") or following)
        yield entry
        for outcome, (body, place) in bodies.items():
            target, inner = self._body(body, place, after)
            if target is not None:
                entry.branches[outcome] = (target, place)
            yield from inner

    def _take_bodies(self, keys: dict[str, Any], path: Path) -> dict[str, tuple[Any, Path]]:
        """trueSteps and falseSteps stand beside the config or in it; they leave their place for `branches`."""
        bodies: dict[str, tuple[Any, Path]] = {}
        config = keys.get("config")
        if isinstance(config, Mapping) and any(snake_case(str(key)) in _BODIES for key in config):
            inside = respell(config, (*path, "config"), self._problems)
            for key, outcome in _BODIES.items():
                if key in inside:
                    bodies[outcome] = (inside.pop(key), (*path, "config", key))
            keys["config"] = inside
        for key, outcome in _BODIES.items():
            if key in keys:
                bodies[outcome] = (keys.pop(key), (*path, key))
        return bodies

    def _body(self, body: Any, path: Path, after: str) -> tuple[str | None, Iterator[Entry]]:
        """The first step of a body, and the steps that stand in it."""
        items = body if isinstance(body, list) else [] if body is None else [body]
        if all(isinstance(item, str) for item in items):
            if len(items) > 1:
                message = "name the first step only: the others follow by their own order or `next`"
                self._problems.add("not_supported_yet", path, message)
            return (items[0] if items else None), iter(())
        return _id_of(items[0], 0, path), self.flatten(items, path, after)


def _id_of(raw: Any, index: int, path: Path) -> str:
    """The id of a step; one without a usable id gets a name for messages, and is reported when it is read."""
    step_id = raw.get("id") if isinstance(raw, Mapping) else None
    if isinstance(step_id, str | int) and not isinstance(step_id, bool):
        return str(step_id)
    return f"{'.'.join(map(str, path))}[{index}]"
