"""What changed from one version of a workflow to another: as data, and in words.

Both are compared in canonical form, so that another spelling of the same thing is no change; what leads where is
compared on the compiled machines, so that an edge that moved because a step came in between is a change, and `next`
written out where it was implied is none. A step that went while one with the same content came was renamed.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from statemachine.definition import Loaded
from statemachine.machine import ERROR
from statemachine.step import END
from statemachine.workflow import Workflow

Part = Literal["setting", "trigger", "entry", "exit", "step", "edge"]
Kind = Literal["added", "removed", "changed", "renamed", "moved"]

SKIPPED: Final = "skipped"
"""The name of the edge past a step whose `when` is false."""
BEGIN: Final = "begin"
"""The name of the edge into the first step; it has no step."""
_WAYS: Final = ("next", "branches", "on_error")
_MOST_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    `name` is the step (as the newer version calls it where both have it), the trigger, or the top-level setting; an
    exit rule is named by its event. `path` is the place below that, dotted, e.g. `config.timeout`; for an edge it is
    the outcome. `old` and `new` are the values on both sides: of a renamed step the ids, of a moved one the steps it
    stood and stands behind (None: it is the first), of an edge the targets.
    """

    part: Part
    kind: Kind
    name: str
    path: str = ""
    old: Any = None
    new: Any = None

    @property
    def text(self) -> str:
        """The difference as a sentence."""
        return _WORDS.get((self.part, self.kind), _changed_words)(self)


def diff(before: Loaded, after: Loaded) -> tuple[Change, ...]:
    """Every difference, settings first, then triggers, entry, exits, steps and edges; () for equal definitions.

    Both must have compiled.
    """
    assert before.workflow is not None
    assert after.workflow is not None
    old, new = before.canonical, after.canonical
    old_steps, new_steps = steps_by_id(old), steps_by_id(new)
    renamed = renames(old_steps, new_steps)
    return (
        *_settings(old, new),
        *_triggers(old.get("triggers", ()), new.get("triggers", ())),
        *_objects("entry", "entry", (), old.get("entry", {}), new.get("entry", {})),
        *_exits(old.get("exit", ()), new.get("exit", ())),
        *_named("step", old_steps, new_steps),
        *_moves(list(old_steps), list(new_steps), renamed),
        *_edge_changes(before.workflow, after.workflow, renamed),
    )


def renames(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Old id → new id, for steps (or triggers) that went while an equal one came; equal ones are paired in order.

    `old` and `new` are their canonical forms by id.
    """
    came: dict[str, list[str]] = {}
    for step_id, step in new.items():
        if step_id not in old:
            came.setdefault(_content(step), []).append(step_id)
    found: dict[str, str] = {}
    for step_id, step in old.items():
        candidates = came.get(_content(step), []) if step_id not in new else []
        if candidates:
            found[step_id] = candidates.pop(0)
    return found


def steps_by_id(canonical: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The steps of a canonical document."""
    return _by_id(canonical.get("steps", ()))


def _by_id(parts: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(part["id"]): part for part in parts}


def _content(step: Mapping[str, Any]) -> str:
    """What a step does, whatever it is called and wherever it leads."""
    return json.dumps(_without(step, "id", *_WAYS), sort_keys=True, default=str)


def _without(part: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in names}


def _settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    parts = ("triggers", "entry", "exit", "steps")
    before, after = _without(old, *parts), _without(new, *parts)
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield Change("setting", "removed", name, old=before[name])
        elif name not in before:
            yield Change("setting", "added", name, new=after[name])
        else:
            yield from _values("setting", name, (), before[name], after[name])


def _triggers(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    yield from _named("trigger", _by_id(old), _by_id(new))


def _exits(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    """Exit rules have no ids: equal ones are the same, of the rest those on one event are paired in order."""
    gone, come = [rule for rule in old if rule not in new], [rule for rule in new if rule not in old]
    for rule in gone:
        partner = next((other for other in come if _exit_name(other) == _exit_name(rule)), None)
        if partner is None:
            yield Change("exit", "removed", _exit_name(rule), old=rule)
        else:
            come.remove(partner)
            yield from _objects("exit", _exit_name(rule), (), rule, partner)
    for rule in come:
        yield Change("exit", "added", _exit_name(rule), new=rule)


def _exit_name(rule: Mapping[str, Any]) -> str:
    return "on_mismatch" if rule.get("on_mismatch") else str(rule.get("on"))


def _named(part: Part, old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> Iterator[Change]:
    """Steps and triggers, which have ids; where a step leads is told by its edges."""
    renamed = renames(old, new)
    came_by_rename = frozenset(renamed.values())
    for name, one in old.items():
        if name in renamed:
            yield Change(part, "renamed", renamed[name], old=name, new=renamed[name])
        elif name not in new:
            yield Change(part, "removed", name, old=one)
        else:
            yield from _objects(part, name, (), _without(one, *_WAYS), _without(new[name], *_WAYS))
    for name, one in new.items():
        if name not in old and name not in came_by_rename:
            yield Change(part, "added", name, new=one)


def _moves(old: list[str], new: list[str], renamed: Mapping[str, str]) -> Iterator[Change]:
    """Steps that stand elsewhere in the list, as few as explain the new order."""
    names = [renamed.get(name, name) for name in old]
    common = [name for name in names if name in new]
    stayed = _longest_ascent([new.index(name) for name in common])
    for place, name in enumerate(common):
        if place not in stayed:
            yield Change("step", "moved", name, old=_before(names, name), new=_before(new, name))


def _before(names: Sequence[str], name: str) -> str | None:
    place = names.index(name)
    return names[place - 1] if place else None


def _longest_ascent(numbers: Sequence[int]) -> frozenset[int]:
    """The places of a longest ascending subsequence (patience sorting)."""
    tails: list[int] = []
    places: list[int] = []
    came_from: dict[int, int] = {}
    for place, number in enumerate(numbers):
        pile = bisect_left(tails, number)
        if pile == len(tails):
            tails.append(number)
            places.append(place)
        else:
            tails[pile], places[pile] = number, place
        if pile:
            came_from[place] = places[pile - 1]
    kept: set[int] = set()
    place_or_none = places[-1] if places else None
    while place_or_none is not None:
        kept.add(place_or_none)
        place_or_none = came_from.get(place_or_none)
    return frozenset(kept)


def _edge_changes(old: Workflow, new: Workflow, renamed: Mapping[str, str]) -> Iterator[Change]:
    before = {
        (renamed.get(step, step), outcome): renamed.get(target, target)
        for (step, outcome), target in edges_of(old).items()
    }
    after = edges_of(new)
    for step, outcome in dict.fromkeys((*before, *after)):
        was, goes = before.get((step, outcome)), after.get((step, outcome))
        if was is None:
            yield Change("edge", "added", step, outcome, new=goes)
        elif goes is None:
            yield Change("edge", "removed", step, outcome, old=was)
        elif was != goes:
            yield Change("edge", "changed", step, outcome, was, goes)


def edges_of(workflow: Workflow) -> dict[tuple[str, str], str]:
    """(step, outcome) → the step or `end` it leads to; the first step is where ("", "begin") leads."""
    edges = {("", BEGIN): workflow.first}
    for step in workflow.steps.values():
        for outcome, target in step.targets.items():
            edges[step.id, outcome] = target
        if step.on_error is not None and ERROR not in step.targets:
            edges[step.id, ERROR] = step.on_error
        if step.when is not None:
            edges[step.id, SKIPPED] = step.following
    return edges


def _objects(
    part: Part, name: str, path: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        place = (*path, str(key))
        if key not in new:
            yield Change(part, "removed", name, _dotted(place), old=old[key])
        elif key not in old:
            yield Change(part, "added", name, _dotted(place), new=new[key])
        else:
            yield from _values(part, name, place, old[key], new[key])


def _values(part: Part, name: str, path: tuple[str, ...], old: Any, new: Any) -> Iterator[Change]:
    """Objects key by key, lists of one length item by item, everything else whole; `1` and `true` are not equal."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _objects(part, name, path, old, new)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _values(part, name, (*path, str(index)), one, other)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Change(part, "changed", name, _dotted(path), old, new)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(path)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


def _subject(change: Change) -> str:
    where = f" {change.path}" if change.path else ""
    if change.part == "entry":
        return f"entry:{where}"
    separator = ":" if change.path else ""
    return f"{change.part} {change.name}{separator}{where}"


def _changed_words(change: Change) -> str:
    if change.kind == "added":
        return f"{_subject(change)} added: {_shown(change.new)}"
    if change.kind == "removed":
        return f"{_subject(change)} removed (it was {_shown(change.old)})"
    return f"{_subject(change)} changed from {_shown(change.old)} to {_shown(change.new)}"


def _step_words(change: Change) -> str:
    if change.path:
        return _changed_words(change)
    step = change.new if change.kind == "added" else change.old
    return f"step {change.name} {change.kind} ({step['type']})"


def _renamed_words(change: Change) -> str:
    return f"{change.part} {change.old} renamed to {change.new}"


def _moved_words(change: Change) -> str:
    return f"step {change.name} moved: {_behind(change.old)} before, {_behind(change.new)} now"


def _behind(step: str | None) -> str:
    return "first" if step is None else f"after {step}"


def _edge_words(change: Change) -> str:
    start = f"{change.name} --{change.path}-->" if change.name else "the run begins at"
    if change.kind == "changed":
        return f"edge {start} {_target(change.new)} (before: {_target(change.old)})"
    return f"edge {start} {_target(change.new if change.kind == 'added' else change.old)} {change.kind}"


def _target(step: str) -> str:
    return "the end" if step == END else step


_WORDS: Final = {
    ("step", "added"): _step_words,
    ("step", "removed"): _step_words,
    ("step", "renamed"): _renamed_words,
    ("trigger", "renamed"): _renamed_words,
    ("step", "moved"): _moved_words,
    ("edge", "added"): _edge_words,
    ("edge", "removed"): _edge_words,
    ("edge", "changed"): _edge_words,
}
