"""Definitions that are nearly right: the corpus, the examples and the pages, with parts exchanged, removed, added."""

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from statemachine.source import read_source
from tests.docs.pages import blocks, whole

ROOT = Path(__file__).parents[2]
FILES = ("tests/workflows/good", "tests/workflows/bad", "examples")
MAX_NODES = 400
"""Larger documents teach nothing more, and take long."""

STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, 2**53, 1e308, "", " ", "end", "error", "done", "true", "a" * 300,
    "\u0660\u0661", "\x7f", "é\u2028\u202e", "{{", "{{ x }}", "{% if x %}", "{{ x | upcase }}", "1d", "-3d", "PT1H",
    "09:00", "25:00", "2026-01-01", "Europe/Berlin", "x > 1", "x >", "^a(b",
    [], [[]], {}, [None], {"a": {}}, [1, "a"], {"duration": 1, "unit": "d"}, {"duration": "{{x}}"}, ["{{x}}"],
    {"field": "a", "operator": "exists"}, {"all": ["true"]}, {"type": "time"},
]  # fmt: skip
WORDS = ["id", "type", "config", "next", "when", "branches", "value", "operator", "type ", "Type", "maxEntries", "x-y"]

Path_ = tuple[str | int, ...]


@cache
def corpus() -> list[Any]:
    """The data of every definition that there is."""
    texts = [file.read_bytes() for folder in FILES for file in sorted((ROOT / folder).rglob("*.*")) if _is_text(file)]
    texts += [block.text.encode() for block in blocks("yaml")]
    texts += [whole(block.text).encode() for block in blocks("yaml fragment")]
    read = [read_source(text).data for text in texts]
    return [data for data in read if isinstance(data, dict) and len(list(places(data))) <= MAX_NODES]


def _is_text(file: Path) -> bool:
    return file.suffix in (".yaml", ".yml", ".json")


def places(data: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The path of every node below the root."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


@cache
def parts() -> list[Any]:
    """Every value that stands somewhere in the corpus, and strange ones."""
    found = [_at(data, path) for data in corpus() for path in places(data)]
    return [*{repr(part): part for part in found if len(repr(part)) < 400}.values(), *STRANGE]


@cache
def keys() -> list[str]:
    """Every key that stands somewhere in the corpus, and strange ones."""
    found = {key for data in corpus() for path in places(data) for key in path if isinstance(key, str)}
    return [*sorted(found), *WORDS]


@cache
def akin() -> dict[str, list[Any]]:
    """Key → every value that stands under it somewhere in the corpus."""
    found: dict[str, dict[str, Any]] = {}
    for data in corpus():
        for path in places(data):
            part = _at(data, path)
            found.setdefault(str(path[-1]), {})[repr(part)] = part
    return {key: list(values.values()) for key, values in found.items()}


@st.composite
def nearly_right(draw: st.DrawFn) -> Any:
    """A definition of the corpus, changed in one to three places."""
    data = copy.deepcopy(draw(st.sampled_from(corpus())))
    for _ in range(draw(st.integers(1, 3))):
        known = list(places(data))
        if known:
            _change(draw, data, draw(st.sampled_from(known)))
    return data


def _change(draw: st.DrawFn, data: Any, path: Path_) -> None:
    parent, key = _at(data, path[:-1]), path[-1]
    how = draw(st.sampled_from(["akin", "akin", "akin", "exchange", "take out", "put in", "rename", "wrap", "repeat"]))
    if how == "take out":
        del parent[key]
    elif how == "akin":
        parent[key] = copy.deepcopy(draw(st.sampled_from(akin()[str(key)]))) if str(key) in akin() else _part(draw)
    elif how == "wrap":
        parent[key] = draw(st.sampled_from([[parent[key]], {"x": parent[key]}, {"all": parent[key]}, str(parent[key])]))
    elif how == "rename" and isinstance(parent, dict):
        parent[draw(st.sampled_from(keys()))] = parent.pop(key)
    elif how == "put in" and isinstance(parent, dict):
        parent[draw(st.sampled_from(keys()))] = _part(draw)
    elif how == "repeat" and isinstance(parent, list) and isinstance(key, int):
        parent.insert(key, copy.deepcopy(parent[key]))
    else:
        parent[key] = _part(draw)


def _part(draw: st.DrawFn) -> Any:
    return copy.deepcopy(draw(st.sampled_from(parts())))


def _at(data: Any, path: Path_) -> Any:
    for key in path:
        data = data[key]
    return data


def texts_of(kind: str) -> list[str]:
    """Every text of the corpus that is a template, or may be an expression."""
    texts = [part for part in parts() if isinstance(part, str)]
    if kind == "template":
        return [text for text in texts if "{{" in text or "{%" in text]
    return [text for text in texts if "{{" not in text and any(sign in text for sign in "=<>.&(")]
