"""One edge of a canvas: from which node to which, and which outcome of its source it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from statemachine.canvas.labels import same_type
from statemachine.canvas.node import Node
from statemachine.names import snake_case
from statemachine.problem import Path, Problems
from statemachine.scalars import kind_of
from statemachine.spelling import respell

ERROR: Final = "error"
_PREFIX: Final = re.compile(r"(?:branch|variant)[ _-]+")
_YES_NO: Final = {"yes": "true", "no": "false", "y": "true", "n": "false"}
_PLAIN: Final = frozenset({"", "next", "source", "output", "out", "default_output", "bottom", "right", "top", "left"})
"""Handles and labels that say no more than "out of here"."""


@dataclass(slots=True)
class Edge:
    """`outcome` is None for an edge that says nothing, the way that falls through. `raw` is the edge as written.

    An *implied* edge is one that a list of steps did not spell out when it was drawn.
    """

    source: str
    target: str
    outcome: str | None
    path: Path
    outcome_path: Path
    implied: bool
    raw: Mapping[str, Any] = field(default_factory=dict)


def read_edge(raw: Any, path: Path, nodes: Mapping[str, Node], problems: Problems) -> Edge | None:
    """An edge; None after a problem that leaves nothing of it. `nodes` are the nodes that it may join."""
    if not isinstance(raw, Mapping):
        problems.add("not_an_object", path, f"an edge is an object, not {kind_of(raw)}")
        return None
    keys = respell(raw, path, problems)
    source, target = (_end(keys, key, path, problems) for key in ("source", "target"))
    if source is None or target is None:
        return None
    outcome, key = outcome_of(keys, nodes.get(source))
    data = keys.get("data")
    implied = isinstance(data, Mapping) and data.get("implied") is True
    return Edge(source, target, outcome, path, (*path, key) if key else path, implied, raw)


def outcome_of(keys: Mapping[str, Any], source: Node | None) -> tuple[str | None, str]:
    """The outcome an edge out of this node is, and the key that says so; (None, "") when none does.

    `data.outcome` says it plainly. The handle goes before the label; what names an outcome of the node goes before
    what does not.
    """
    if source is not None and source.is_trigger:
        return None, ""
    data = keys.get("data")
    if isinstance(data, Mapping) and isinstance(data.get("outcome"), str):
        return data["outcome"], "data"
    said = [(str(keys[key]).strip(), key) for key in ("source_handle", "label") if _is_text(keys.get(key))]
    known = _known_outcomes(source) if source is not None else {}
    for text, key in said:
        outcome = _find(text, known)
        if outcome is not None:
            return outcome, key
    for text, key in said:
        if text.lower() not in _PLAIN:
            return text, key
    return None, ""


def _end(keys: Mapping[str, Any], key: str, path: Path, problems: Problems) -> str | None:
    value = keys.get(key)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    problems.add("missing_key" if value is None else "bad_value", (*path, key), f"an edge needs a `{key}`, a node's id")
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and value != ""


def _find(text: str, known: Mapping[str, str]) -> str | None:
    for form in (text, _plain(text)):
        if form in known:
            return known[form]
    return None


def _plain(text: str) -> str:
    """`Branch_True`, `yes` and `TRUE` are one word."""
    word = _PREFIX.sub("", text.strip().lower())
    return _YES_NO.get(word, word)


def _known_outcomes(node: Node) -> Mapping[str, str]:
    """Spelling → outcome, for what the node's config shows of its outcomes; found out once for all its edges."""
    if node.outcomes is None:
        node.outcomes = dict(_spellings(node))
    return node.outcomes


def _spellings(node: Node) -> Iterator[tuple[str, str]]:
    """(spelling, outcome), exact spellings last so that they win."""
    plain: list[tuple[str, str]] = [(ERROR, ERROR), ("on_error", ERROR)]
    exact: list[tuple[str, str]] = []
    for outcome, name in _shown_outcomes(node):
        exact.append((outcome, outcome))
        plain.append((_plain(outcome), outcome))
        if name:
            plain.append((_plain(name), outcome))
    yield from reversed(plain)
    yield from exact


def _shown_outcomes(node: Node) -> Iterator[tuple[str, str]]:
    """(outcome, the author's name for it)."""
    config = node.config if isinstance(node.config, Mapping) else {}
    keys = {snake_case(str(key)): value for key, value in config.items()}
    if same_type(node.type, "condition"):
        yield from _of_condition(keys)
    elif same_type(node.type, "split"):
        yield from _of_split(keys)
    elif same_type(node.type, "wait"):
        yield from _of_wait(keys)
    else:
        yield "done", ""


def _of_condition(keys: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    cases = next((keys[key] for key in ("cases", "branches") if isinstance(keys.get(key), list)), None)
    if cases is None:
        yield "true", ""
        yield "false", ""
        return
    for number, case in enumerate(cases, 1):
        if isinstance(case, Mapping):
            fallback = "default" if case.get("default") is True else f"case_{number}"
            yield str(case.get("id") or fallback), str(case.get("name") or "")
    if not any(isinstance(case, Mapping) and case.get("default") is True for case in cases):
        yield "default", "else"


def _of_split(keys: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    variants = keys.get("variants")
    if isinstance(variants, Mapping):
        yield from ((str(label), "") for label in variants)
    elif isinstance(variants, list):
        yield from ((str(v.get("id")), str(v.get("name") or "")) for v in variants if isinstance(v, Mapping))
    elif isinstance(keys.get("paths"), list):
        yield from ((str(label), "") for label in keys["paths"])


def _of_wait(keys: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    entries = keys.get("on")
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, Mapping) and entry.get("branch"):
            yield str(entry["branch"]), str(entry.get("event") or "")
    yield "done", ""
    yield "timeout", ""
