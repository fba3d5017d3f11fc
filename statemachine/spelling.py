"""How authors spell the keys of a definition: `camelCase` or `snake_case`; inside, every key is snake_case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from statemachine.names import snake_case
from statemachine.problem import Path, Problems

CONDITION_VALUES: Final = ("value", "right")
"""Keys of a condition under which the author's own data stand."""


def respell(
    raw: Mapping[Any, Any], path: Path, problems: Problems, *, also: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The keys of one object in snake_case; the problems learn how the source spells them."""
    spelled: dict[str, Any] = {}
    for source_key, value in raw.items():
        key = snake_case(str(source_key))
        key = (also or {}).get(key, key)
        if key != source_key:
            if key in spelled or key in raw:
                message = f"{source_key!r} and {key!r} are the same key"
                problems.add("conflicting_keys", (*path, source_key), message)
                continue
            problems.spelled((*path, key), (*problems.source_path(path), source_key))
        spelled[key] = value
    return spelled


def respell_all(raw: Any, path: Path, problems: Problems, free_form: Iterable[str] = CONDITION_VALUES) -> Any:
    """Like `respell`, all the way down; below a `free_form` key the author's keys stay as they are."""
    if isinstance(raw, list):
        return [respell_all(item, (*path, index), problems, free_form) for index, item in enumerate(raw)]
    if not isinstance(raw, Mapping):
        return raw
    return {
        key: value if key in free_form else respell_all(value, (*path, key), problems, free_form)
        for key, value in respell(raw, path, problems).items()
    }
