"""How a run begins and ends by events: triggers, entry rules, exit rules and limits of a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from statemachine.compiler import Compiler
from statemachine.condition import Condition
from statemachine.date_reading import DateReader, says_date
from statemachine.dates import DATE
from statemachine.document import ConflictPart, DocumentPart, EntryPart, ExitPart, LimitsPart, PausePart, TriggerPart
from statemachine.names import EventName, event_group
from statemachine.opening import Opening
from statemachine.part import read_part
from statemachine.problem import Path, Problems
from statemachine.spelling import respell, respell_all
from statemachine.workflow import Conflict, EntryRules, ExitRule, Limits, Trigger

_LATER: Final = {
    "schedule": (
        "schedules are not built yet",
        "let a scheduler of yours enrol, or send another event",
    ),
    "webhook": (
        "the config of a webhook is not built yet: this server takes no webhooks from outside",
        "without `config` it is for events of type webhook that you send",
    ),
}
"""What cannot be run yet of triggers, by type, and what to do instead. A webhook without a config can."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms runs begin and end; the policies of a pause are of their timers and events."""

    triggers: tuple[Trigger, ...]
    entry: EntryRules
    exits: tuple[ExitRule, ...]
    limits: Limits
    pause_timers: str
    pause_events: str


class Entrance:
    """Reads these parts of one document, and keeps their canonical spelling.

    `openings` say where the runs of each trigger begin; `written` are the triggers as the document has them. In a
    document that was `stored`, `date` is a word of its author's own where the config says of no date.
    """

    def __init__(self, compiler: Compiler, problems: Problems, *, stored: bool = False) -> None:
        self._compiler = compiler
        self._problems = problems
        self._stored = stored
        self._dates = DateReader(problems)
        self.canonical: dict[str, Any] = {}
        self.placed_triggers: list[tuple[Path, Trigger]] = []
        self.placed_exits: list[tuple[Path, ExitRule]] = []
        self.openings: list[Opening] = []
        self.written: list[dict[str, Any]] = []

    def terms(self, document: DocumentPart) -> Terms:
        """Read them all."""
        return Terms(
            self._triggers(document),
            self._entry(document.entry),
            self._exits(document.exit),
            self._limits(document.limits),
            *self._pause(document.pause),
        )

    def _triggers(self, document: DocumentPart) -> tuple[Trigger, ...]:
        found: dict[str, list[Trigger]] = {}
        for number, (path, raw) in enumerate(self._raw_triggers(document), 1):
            part = read_part(TriggerPart, raw, path, self._problems)
            if part is None:
                continue
            trigger_id = part.id or f"trigger_{number}"
            if trigger_id in found:
                self._problems.add("duplicate_id", (*path, "id"), f"there are two triggers with the id {trigger_id!r}")
            made = tuple(self._trigger(part, trigger_id, path))
            found.setdefault(trigger_id, []).extend(made)
            self.placed_triggers.extend((path, trigger) for trigger in made)
            self.openings.append(Opening(trigger_id, part.type, part.name or "", part.next, path))
            self.written.append({**respell(raw, (), Problems()), "id": trigger_id})
        if self.written:
            canonical = respell_all(self.written, ("triggers",), Problems(), ("config", "value", "right"))
            self.canonical["triggers"] = canonical
        return tuple(trigger for group in found.values() for trigger in group)

    def _entry(self, raw: Any) -> EntryRules:
        part = None if raw is None else read_part(EntryPart, raw, ("entry",), self._problems)
        if part is None:
            return EntryRules()
        self.canonical["entry"] = part.model_dump(exclude_unset=True, mode="json")
        key = None if part.key is None else self._compiler.value(("entry", "key"), part.key)
        conflict = self._conflict(part.conflict)
        return EntryRules(
            part.reentry, part.cooldown, part.max_entries, part.priority, key, conflict, part.grace or None
        )

    def _conflict(self, raw: Any) -> Conflict:
        path = ("entry", "conflict")
        part = None if raw is None else read_part(ConflictPart, raw, path, self._problems)
        if part is None:
            return Conflict()
        self.canonical["entry"]["conflict"] = part.model_dump(exclude_unset=True, mode="json")
        return Conflict(part.policy, frozenset(channel.lower() for channel in part.channels or ()))

    def _exits(self, raw: Any) -> tuple[ExitRule, ...]:
        for path, item in _items(raw, ("exit",)):
            part = read_part(ExitPart, item, path, self._problems)
            if part is None:
                continue
            self.placed_exits.extend((path, rule) for rule in self._exit(part, path))
        if raw is not None:
            self.canonical["exit"] = respell_all(raw, ("exit",), Problems())
        return tuple(rule for _, rule in self.placed_exits)

    def _limits(self, raw: Any) -> Limits:
        part = None if raw is None else read_part(LimitsPart, raw, ("limits",), self._problems)
        if part is None:
            return Limits()
        self.canonical["limits"] = part.model_dump(exclude_unset=True, mode="json")
        limits = Limits(
            part.max_duration,
            part.max_transitions,
            part.max_concurrent,
            part.per_minute,
            part.over_limit,
            part.max_execution,
        )
        if "over_limit" in part.model_fields_set and not limits.counted:
            message = "`over_limit` is for `max_concurrent` and `per_minute`, and neither is given"
            self._problems.add("not_applicable", ("limits", "over_limit"), message)
        return limits

    def _pause(self, raw: Any) -> tuple[str, str]:
        """The policies for timers and events."""
        part = None if raw is None else read_part(PausePart, raw, ("pause",), self._problems)
        if part is None:
            return "keep", "buffer"
        self.canonical["pause"] = part.model_dump(exclude_unset=True, mode="json")
        return part.timers, part.events

    def _raw_triggers(self, document: DocumentPart) -> Iterator[tuple[Path, Any]]:
        given = [key for key in ("trigger", "triggers", "trigger_type") if getattr(document, key) is not None]
        for extra in given[1:]:
            self._problems.add("conflicting_keys", (extra,), f"{given[0]!r} already names what starts the workflow")
        if not given:
            return
        raw = getattr(document, given[0])
        if given[0] == "trigger_type":
            self._problems.spelled(("trigger", "type"), self._problems.source_path(("trigger_type",)))
            yield ("trigger",), {"type": raw}
        else:
            yield from _items(raw, (given[0],))

    def _trigger(self, part: TriggerPart, trigger_id: str, path: Path) -> Iterator[Trigger]:
        config = part.config or {}
        raw = respell_all(part.conditions, (*path, "conditions"), self._problems)
        conditions = self._compiler.condition((*path, "conditions"), raw, "trigger")
        key = None if part.key is None else self._compiler.value((*path, "key"), part.key)
        for event in event_group(part.type):
            self._refuse_later(event, part, path)
            for name, value in event.data_filter.items():
                if config.get(name, value) != value:
                    message = f"{part.type!r} already means {name} {value!r}"
                    self._problems.add("conflicting_keys", (*path, "config", name), message)
            if event.type == DATE and not (self._stored and not says_date(config)):
                rule = self._dates.rule(config, (*path, "config"))
                yield Trigger(trigger_id, DATE, {"trigger": trigger_id}, conditions, key, part.enabled, rule)
                continue
            merged = {**config, **event.data_filter}
            yield Trigger(trigger_id, event.type, merged, conditions, key, part.enabled)

    def _refuse_later(self, event: EventName, part: TriggerPart, path: Path) -> None:
        if event.type == "schedule" or (event.type in _LATER and part.config):
            place = (*path, "config") if part.config else (*path, "type")
            message, instead = _LATER[event.type]
            self._problems.add("not_supported_yet", place, message, instead)

    def _exit(self, part: ExitPart, path: Path) -> Iterator[ExitRule]:
        if (part.on is None) == (not part.on_mismatch):
            message = "an exit rule has either `on: <event>` or `on_mismatch: true`"
            self._problems.add("missing_key" if part.on is None else "conflicting_keys", (*path, "on"), message)
            return
        raw = respell_all(part.when, (*path, "when"), self._problems)
        if part.on is None:
            yield ExitRule(None, self._compiler.condition((*path, "when"), raw), part.reason, part.goal, True)
            return
        for event in event_group(part.on):
            when = self._filtered(event, raw, (*path, "when"))
            yield ExitRule(event.type, when, part.reason, part.goal)

    def _filtered(self, event: EventName, raw: Any, path: Path) -> Condition | None:
        """The condition of an exit rule, with what the event's alias implies put in front of it."""
        if not event.data_filter:
            return self._compiler.condition(path, raw)
        own = self._compiler.condition(path, raw)
        if own is None and raw:
            return None
        return self._compiler.condition(path, filtered_condition(event, raw))


def filtered_condition(event: EventName, raw: Any) -> Any:
    """A raw condition that holds when the event's data are as its alias says and `raw` (if any) holds."""
    implied = [
        {"field": f"event.data.{name}", "operator": "equals", "value": value}
        for name, value in event.data_filter.items()
    ]
    if raw is None or raw == []:
        return implied
    return {"operator": "AND", "conditions": [*implied, *(raw if isinstance(raw, list) else [raw])]}


def _items(raw: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The items of a list that may also be one item on its own."""
    if isinstance(raw, list):
        for index, item in enumerate(raw):
            yield (*path, index), item
    elif raw is not None:
        yield path, raw
