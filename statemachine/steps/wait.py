"""The wait step: rest for a while, until a time, until a time of day, or until an event comes.

With events the timer's outcome is `timeout`; without, it is `done`. A case without `branch` leads to `done`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final

from statemachine.condition_tree import All, Condition
from statemachine.keys import REQUIRED, AnyCondition, EventType, Moment, Offset, Shape, Span, about
from statemachine.names import EventName, did_you_mean, event_group
from statemachine.path import Path
from statemachine.step import Build, Context, EventCase, Outcome, Reads, Rest, Result, StepConfig, WaitingStep
from statemachine.steps.parts import Parts, later, refuse_later
from statemachine.steps.timers import least_rest, reckoning

DONE: Final = "done"
TIMEOUT: Final = "timeout"
_TIMERS: Final = ("for", "duration", "until", "at", "timeout")


class WaitConfig(StepConfig):
    for_: Span = about("How long to rest.", "2d", "90s", alias="for")
    duration: Span = about("How long to rest; a bare number counts `unit`s.", 2)
    unit: str | None = about("What a bare number counts. Default: seconds.", "days")
    until: Moment = about(
        "Rest until this time, or the time a template makes.", "2026-03-01T09:00", "{{contact.renewal}}"
    )
    offset: Offset = about("Moves `until`.", "-3d")
    at: Annotated[Any, Shape("time_of_day_on")] = about(
        "Rest until the local clock shows this time, on one of the days.",
        {"time": "09:00", "days": ["mon", "thu"], "timezone": "contact"},
        "09:00",
    )
    on: Annotated[Any, Shape("event_entries")] = about(
        "The events to wait for; the first that matches wins.", [{"event": "reply", "branch": "replied"}]
    )
    event: EventType | None = about("Another name for `on`, for one event.", "email_opened")
    wait_for_event: EventType | None = about("Another name for `on`, for one event.", "email_opened")
    timeout: Span = about("How long to wait for the events at most: the outcome `timeout`.", "3d")
    since: str | None = about(
        "From when on events count: `enrollment`, `wait` (now), or the latest start of a step.", "enrollment"
    )
    until_true: Any = later()
    on_change: Any = later()
    late: Any = later()
    debounce: Any = later()
    max_hold: Any = later()
    consume: Any = later()


class EventEntry(StepConfig):
    """One entry of `on`."""

    event: EventType = about("The event's type.", "email_opened", default=REQUIRED)
    when: AnyCondition = about("What must hold too; `event.*` is the event.", "event.data.total > 0")
    branch: str | None = about("The outcome that it leads to. Default: done.", "opened")


class Wait(WaitingStep):
    """Rest for a while, until a time, until a time of day, or until an event comes.

    Errors at run time: `bad_duration`, `bad_time` (a template that renders to no duration, no time)."""

    name = "wait"
    aliases: ClassVar[tuple[str, ...]] = ("delay",)
    Config = WaitConfig
    free_form: ClassVar[tuple[str, ...]] = ("value", "right")
    bare: ClassVar[str | None] = "for"

    def __init__(self, config: WaitConfig, build: Build) -> None:
        parts = Parts(build)
        refuse_later(config, build)
        self._cases = _event_cases(config, parts, build)
        self._deadline = reckoning(config, parts, build)
        self._least = least_rest(config)
        self._since = config.since
        _check(config, build)
        self.resting_reads = parts.reads
        self.reads = parts.reads | Reads(events={case.event: None for case in self._cases})

    def outcomes(self) -> tuple[str, ...]:
        labels = [case.outcome for case in self._cases]
        if self._deadline is not None or not labels:
            labels.append(self.timer_outcome())
        return tuple(dict.fromkeys(sorted(labels, key=lambda label: label != DONE)))

    def cases(self) -> tuple[EventCase, ...]:
        return self._cases

    def timer_outcome(self) -> str:
        return TIMEOUT if self._cases else DONE

    def gives_output(self, outcome: str) -> bool:
        """An event's data; after the timer there is nothing."""
        timed = self._deadline is not None and outcome == self.timer_outcome()
        return not timed and any(case.outcome == outcome for case in self._cases)

    def least_rest(self) -> timedelta | None:
        return self._least

    def run(self, context: Context) -> Result:
        deadline = self._deadline(context) if self._deadline is not None else None
        if self._cases:
            return Rest(deadline, self._anchor(context))
        if deadline is None or deadline <= context.now:
            return Outcome(DONE)
        return Rest(deadline)

    def _anchor(self, context: Context) -> datetime:
        """Since when events count; a step that has not run yet leaves the start of the wait."""
        if self._since == "enrollment":
            return context.enrolled_at
        step = self._since or context.previous_step
        if step is None or step == "wait":
            return context.now
        return context.started_at(step) or context.now


def _check(config: WaitConfig, build: Build) -> None:
    given = {name for name in config.model_fields_set if getattr(config, name) is not None}
    timers = [key for key in _TIMERS if ("for_" if key == "for" else key) in given]
    if len(timers) > 1:
        build.problem("conflicting_keys", (timers[1],), f"`{timers[0]}` and `{timers[1]}` exclude each other")
    waits_for_events = bool({"on", "event", "wait_for_event"} & given)
    if not timers and not waits_for_events and "until_true" not in given:
        forms = "`for: 2d`, `until: <time>`, `at: {time: 09:00}` or `on: [{event: …}]`"
        build.problem("missing_key", (), f"say how long: {forms}")
    if "timeout" in timers and not waits_for_events:
        build.problem("missing_key", ("timeout",), "`timeout` belongs to `on`; a plain wait is `for`")
    if config.offset is not None and config.until is None:
        build.problem("missing_key", ("offset",), "`offset` belongs to `until`")
    if config.since is not None and not waits_for_events:
        build.problem("missing_key", ("since",), "`since` belongs to `on`")
    if config.unit is not None and config.duration is None and config.for_ is None:
        build.problem("missing_key", ("unit",), "`unit` belongs to `duration`")


# --- events ---


def _event_cases(config: WaitConfig, parts: Parts, build: Build) -> tuple[EventCase, ...]:
    cases: list[EventCase] = []
    for path, entry in _entries(config, build):
        outcome = entry.branch or DONE
        if outcome == "error":
            build.problem("reserved_id", (*path, "branch"), "`error` is no branch of a wait")
        when = None if entry.when is None else parts.condition((*path, "when"), entry.when)
        cases += [
            EventCase(kind.type, outcome, _filtered(path, kind, when, parts)) for kind in event_group(entry.event)
        ]
    return tuple(cases)


def _entries(config: WaitConfig, build: Build) -> list[tuple[Path, EventEntry]]:
    given = [key for key in ("on", "event", "wait_for_event") if getattr(config, key) is not None]
    if len(given) > 1:
        build.problem("conflicting_keys", (given[1],), f"`{given[0]}` and `{given[1]}` exclude each other")
    if not given:
        return []
    key, raw = given[0], getattr(config, given[0])
    if not isinstance(raw, list):
        raws: list[tuple[Path, Any]] = [((key,), raw)]
    else:
        raws = [((key, index), item) for index, item in enumerate(raw)]
        if not raws:
            build.problem("bad_value", (key,), "`on` is empty; name an event")
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
        message = f"an event entry has no key {key!r}: event, when, branch"
        build.problem("unknown_key", (*path, str(key)), message, suggestion=near)
    branch = raw.get("branch")
    if branch is not None and (not isinstance(branch, str) or not branch):
        build.problem("bad_value", (*path, "branch"), "`branch` is the name of an outcome")
        branch = None
    return EventEntry(event=raw["event"], when=raw.get("when"), branch=branch)


def _filtered(path: Path, kind: EventName, when: Condition | None, parts: Parts) -> Condition | None:
    """What an alias such as sms_received says about the event's data, and what the author asks of it."""
    if not kind.data_filter:
        return when
    implied = parts.condition(path, [
        {"field": f"event.data.{name}", "operator": "equals", "value": wanted}
        for name, wanted in kind.data_filter.items()
    ])  # fmt: skip
    return All(tuple(part for part in (implied, when) if part is not None))
