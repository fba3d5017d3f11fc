"""The wait step: rest for a while, until a time, until a time of day, until an event comes, or until none has come.

Where the wait is for something else the timer's outcome is `timeout`; a plain timer's is `done`. A case without
`branch`, and a silence, lead to `done`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from statemachine.keys import AnyCondition, EventType, Late, Moment, Offset, Shape, Span, Template, about
from statemachine.late_reading import late_limit
from statemachine.reads import Reads
from statemachine.scalars import Duration
from statemachine.scope import contact_fields
from statemachine.step import (
    CONTACT_CHANGED,
    LATE,
    VARIABLES_CHANGED,
    Build,
    Burst,
    Context,
    EventCase,
    StepConfig,
    WaitingStep,
)
from statemachine.step_result import Outcome, Rest, Result
from statemachine.steps.event_entries import DONE, broken_by, event_cases
from statemachine.steps.parts import Parts, refuse_later
from statemachine.steps.timers import least_rest, reckoning
from statemachine.steps.wait_keys import check_keys

if TYPE_CHECKING:
    from statemachine.condition import Condition

TIMEOUT: Final = "timeout"
_VARIABLES: Final = frozenset({"variables", "workflow", "vars"})
_NEVER_AGAIN: Final = (
    "`until_true` reads neither the contact, nor variables, nor events: it is asked once, when the wait begins"
)


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
    timeout: Span = about("How long to wait at most: the outcome `timeout`.", "3d")
    since: str | None = about(
        "From when on events count: `enrollment`, `wait` (now), or the latest start of a step.", "enrollment"
    )
    ttl: Duration | None = about("How old an event that came before the wait may be to count.", "1h")
    key: Template = about("The key that an event has to carry; compared as text.", "{{variables.order_id}}")
    key_path: str | None = about("Where in an event's data the key stands. Default: the event's own key.", "order.id")
    debounce: Duration | None = about(
        "Gather the events of a burst: the wait ends when none has come for so long. Output: `events` and `count`.",
        "5s",
    )
    max_hold: Duration | None = about("How long a burst is gathered at most.", "30s")
    quiet: Duration | None = about("Rest until none of the events of `of` has come for so long.", "2d")
    of: Annotated[Any, Shape("heard_events")] = about(
        "The events that begin the silence anew.", "reply", ["reply", "email_clicked"]
    )
    until_true: AnyCondition = about(
        "Rest until this holds; asked again when the contact or the variables change.", "contact.score > 50"
    )
    on_change: Literal["keep", "recompute"] | None = about(
        "Whether `until` or `at` moves when its data change. Default: `recompute` for an `until` that is made of the "
        "contact or of variables.",
        "keep",
    )
    late: Late = about(
        "What becomes of a timer that is overdue, after an outage mostly: `fire`, or skip what is older than a span.",
        {"skip_if_older_than": "2d"},
        "fire",
    )
    consume: Literal["one", "all"] = about(
        "Whether an event that it takes wakes other runs of the contact too. `one`: it is gone for those after it.",
        "one",
        default="all",
    )


class Wait(WaitingStep):
    """Rest for a while, until a time, until a time of day, until an event comes, or until none has come for a while.

    Errors at run time: `bad_duration`, `bad_time` (a template that renders to no duration, no time)."""

    name = "wait"
    aliases: ClassVar[tuple[str, ...]] = ("delay",)
    Config = WaitConfig
    undoable = False
    free_form: ClassVar[tuple[str, ...]] = ("value", "right")
    bare: ClassVar[str | None] = "for"

    def __init__(self, config: WaitConfig, build: Build) -> None:
        parts = Parts(build)
        refuse_later(config, build)
        self._cases = event_cases(config, parts, build)
        self._resets = broken_by(config, parts, build)
        asked = Parts(build)
        raw = config.until_true
        self._until_true = None if raw is None else asked.condition(("until_true",), raw)
        timed = Parts(build)
        self._deadline = reckoning(config, timed, build)
        self._recomputes = _recomputes(config, timed)
        self._watches = frozenset((*(_changing(timed) if self._recomputes else ()), *_changing(asked)))
        parts.reads |= asked.reads | timed.reads
        self._least = least_rest(config)
        self._since = config.since
        self.alone = config.consume == "one"
        self._ttl = config.ttl
        self._quiet = config.quiet
        self._burst = None if config.debounce is None else Burst(config.debounce, config.max_hold)
        self._late = late_limit(config.late, build.problem)
        self._leads_late = self._late is not None and LATE in build.branches()
        check_keys(config, build)
        if self._until_true is not None and not self._watches and not asked.reads.events:
            build.problem("wait_never_ends", ("until_true",), _NEVER_AGAIN)
        looked_back = (*self._cases, *(self._resets if self._since else ()))
        self.resting_reads = parts.reads
        self.reads = parts.reads | Reads(events={case.event: None for case in looked_back})

    def outcomes(self) -> tuple[str, ...]:
        labels = [case.outcome for case in self._cases]
        if self._quiet is not None or self._until_true is not None:
            labels.append(DONE)
        if self._deadline is not None or not labels:
            labels.append(self.timer_outcome())
        if self._leads_late:
            labels.append(LATE)
        return tuple(dict.fromkeys(sorted(labels, key=lambda label: label != DONE)))

    def cases(self) -> tuple[EventCase, ...]:
        return self._cases

    def resets(self) -> tuple[EventCase, ...]:
        return self._resets

    def burst(self) -> Burst | None:
        return self._burst

    def quiet(self) -> timedelta | None:
        return self._quiet

    def timer_outcome(self) -> str:
        return TIMEOUT if self._cases or self._quiet is not None or self._until_true is not None else DONE

    def anchor(self) -> str | None:
        return self._since

    def late_after(self) -> timedelta | None:
        return self._late

    def leads_late(self) -> bool:
        return self._leads_late

    def may_end(self) -> bool:
        """By a timer that is too late, when nothing is said of what follows then."""
        return self._late is not None and not self._leads_late

    def until_true(self) -> Condition | None:
        return self._until_true

    def watches(self) -> frozenset[str]:
        return self._watches

    def recomputes(self) -> bool:
        return self._recomputes

    def reckon(self, context: Context) -> datetime | None:
        return self._deadline(context) if self._deadline is not None else None

    def gives_output(self, outcome: str) -> bool:
        """An event's data, or those of a burst; after a timer there is nothing."""
        timed = self._deadline is not None and outcome == self.timer_outcome()
        silent = (self._quiet is not None or self._until_true is not None) and outcome == DONE
        return not timed and not silent and any(case.outcome == outcome for case in self._cases)

    def output_parts(self) -> frozenset[str] | None:
        return frozenset({"events", "count"}) if self._burst is not None else None

    def least_rest(self) -> timedelta | None:
        return self._least

    def run(self, context: Context) -> Result:
        deadline = self.reckon(context)
        if self._recomputes and deadline is not None:
            context.aim_at(deadline)
        if not self._cases and self._until_true is not None and self._until_true.test(context.scope):
            return Outcome(DONE)
        if self._quiet is not None:
            return Rest(deadline, self._anchor(context), self._anchor(context) if self._since else context.now)
        if self._cases:
            return Rest(deadline, self._anchor(context))
        if self._until_true is not None:
            return Rest(deadline)
        if deadline is None or deadline <= context.now:
            late = timedelta(0) if deadline is None else context.now - deadline
            return Outcome(DONE) if self._late is None or late <= self._late else self.end_late(late)
        return Rest(deadline)

    def _anchor(self, context: Context) -> datetime:
        """Since when events count: since the anchor, and none that is older than `ttl`."""
        since = self._since_when(context)
        return since if self._ttl is None else max(since, context.now - self._ttl)

    def _since_when(self, context: Context) -> datetime:
        """A step that has not run yet leaves the start of the wait."""
        if self._since == "enrollment":
            return context.enrolled_at
        step = self._since or context.previous_step
        if step is None or step == "wait":
            return context.now
        return context.started_at(step) or context.now


def _recomputes(config: WaitConfig, timed: Parts) -> bool:
    """A time that is made of data which may move, moves with them unless the author says otherwise."""
    if config.on_change is not None:
        return config.on_change == "recompute"
    return config.until is not None and (bool(contact_fields(timed.paths)) or _reads_variables(timed))


def _changing(parts: Parts) -> Iterator[str]:
    if parts.reads.contact:
        yield CONTACT_CHANGED
    if _reads_variables(parts):
        yield VARIABLES_CHANGED


def _reads_variables(parts: Parts) -> bool:
    return any(path[0] in _VARIABLES for path in parts.paths)
