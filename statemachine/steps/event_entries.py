"""The events that a wait listens for: the entries of `on`, read one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from statemachine.condition_tree import All, Condition
from statemachine.event_key import KeyIs
from statemachine.keys import REQUIRED, AnyCondition, EventType, Template, about
from statemachine.names import EventName, did_you_mean, event_group
from statemachine.path import Path, parse_path
from statemachine.step import Build, EventCase, StepConfig
from statemachine.steps.parts import Parts

if TYPE_CHECKING:
    from statemachine.steps.wait import WaitConfig

DONE: Final = "done"


class EventEntry(StepConfig):
    """One entry of `on`."""

    event: EventType = about("The event's type.", "email_opened", default=REQUIRED)
    when: AnyCondition = about("What must hold too; `event.*` is the event.", "event.data.total > 0")
    branch: str | None = about("The outcome that it leads to. Default: done.", "opened")
    key: Template = about("The key that the event has to carry. Default: that of the wait.", "{{variables.order_id}}")
    key_path: str | None = about("Where in the event's data the key stands. Default: its own key.", "order.id")


def event_cases(config: WaitConfig, parts: Parts, build: Build) -> tuple[EventCase, ...]:
    """The ways out that `on` (or one of its other names) lists, in order; one entry may stand for several types."""
    cases: list[EventCase] = []
    for path, entry in _entries(config, build):
        outcome = entry.branch or DONE
        if outcome == "error":
            build.problem("reserved_id", (*path, "branch"), "`error` is no branch of a wait")
        when = _asked(config, path, entry, parts, build)
        cases += [
            EventCase(kind.type, outcome, _filtered(path, kind, when, parts)) for kind in event_group(entry.event)
        ]
    return tuple(cases)


def _asked(config: WaitConfig, path: Path, entry: EventEntry, parts: Parts, build: Build) -> Condition | None:
    """What an entry asks of an event: its key, and `when`."""
    when = None if entry.when is None else parts.condition((*path, "when"), entry.when)
    key, place = (config.key, ("key",)) if entry.key is None else (entry.key, (*path, "key"))
    if key is None:
        if entry.key_path is not None:
            build.problem("missing_key", (*path, "key_path"), "`key_path` belongs to `key`")
        return when
    key_path, where = (config.key_path, ("key_path",)) if entry.key_path is None else (
        entry.key_path, (*path, "key_path")
    )  # fmt: skip
    part = None if key_path is None else parse_path(key_path)
    if key_path is not None and part is None:
        build.problem("bad_value", where, f"{key_path[:60]!r} is no path: write it like `order.id`")
    elif key_path is not None and part is not None and part[:2] == ("event", "data"):
        meant = ".".join(map(str, part[2:])) or "order.id"
        build.problem("unknown_name", where, f"`key_path` begins inside the event's data: write `{meant}`")
    same = KeyIs(parts.value(place, key), part)
    return same if when is None else All((same, when))


def broken_by(config: WaitConfig, parts: Parts, build: Build) -> tuple[EventCase, ...]:
    """The events that begin a silence anew: the entries of `of`, which lead nowhere."""
    if config.of is None:
        return ()
    cases: list[EventCase] = []
    for path, entry in _listed("of", config.of, build):
        if entry.branch is not None:
            build.problem("bad_value", (*path, "branch"), "an event of `of` begins the silence anew; it has no branch")
        when = _asked(config, path, entry, parts, build)
        cases += [EventCase(kind.type, "", _filtered(path, kind, when, parts)) for kind in event_group(entry.event)]
    return tuple(cases)


def _entries(config: WaitConfig, build: Build) -> list[tuple[Path, EventEntry]]:
    given = [key for key in ("on", "event", "wait_for_event") if getattr(config, key) is not None]
    if len(given) > 1:
        build.problem("conflicting_keys", (given[1],), f"`{given[0]}` and `{given[1]}` exclude each other")
    if not given:
        return []
    return _listed(given[0], getattr(config, given[0]), build)


def _listed(key: str, raw: Any, build: Build) -> list[tuple[Path, EventEntry]]:
    if not isinstance(raw, list):
        raws: list[tuple[Path, Any]] = [((key,), raw)]
    else:
        raws = [((key, index), item) for index, item in enumerate(raw)]
        if not raws:
            build.problem("bad_value", (key,), f"`{key}` is empty; name an event")
    entries = [(path, _entry(path, item, build)) for path, item in raws]
    return [(path, entry) for path, entry in entries if entry is not None]


def _entry(path: Path, raw: Any, build: Build) -> EventEntry | None:
    if isinstance(raw, str) and raw.strip():
        return EventEntry(event=raw)
    if not isinstance(raw, dict) or not isinstance(raw.get("event"), str) or not raw["event"].strip():
        build.problem("bad_value", path, "an entry is an event name or `{event, when?, branch?}`")
        return None
    for key in raw.keys() - set(EventEntry.model_fields):
        near = did_you_mean(str(key), EventEntry.model_fields)
        message = f"an event entry has no key {key!r}: {', '.join(EventEntry.model_fields)}"
        build.problem("unknown_key", (*path, str(key)), message, suggestion=near)
    branch = raw.get("branch")
    if branch is not None and (not isinstance(branch, str) or not branch):
        build.problem("bad_value", (*path, "branch"), "`branch` is the name of an outcome")
        branch = None
    key_path = raw.get("key_path")
    if key_path is not None and not isinstance(key_path, str):
        build.problem("bad_value", (*path, "key_path"), "`key_path` is a path into the event's data")
        key_path = None
    return EventEntry(event=raw["event"], when=raw.get("when"), branch=branch, key=raw.get("key"), key_path=key_path)


def _filtered(path: Path, kind: EventName, when: Condition | None, parts: Parts) -> Condition | None:
    """What an alias such as sms_received says about the event's data, and what the author asks of it."""
    if not kind.data_filter:
        return when
    implied = parts.condition(path, [
        {"field": f"event.data.{name}", "operator": "equals", "value": wanted}
        for name, wanted in kind.data_filter.items()
    ])  # fmt: skip
    return All(tuple(part for part in (implied, when) if part is not None))
