"""The book that a storm's parent process keeps: what was sent, what was acknowledged, and what still lacks an answer.

It lives outside the server, so that it survives whatever happens there. Safe to use from several threads.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from google.protobuf.timestamp_pb2 import Timestamp
from statewright.v1 import Event, EventAcceptance, TriggerResponse, Verdict

SOURCE = "storm"

Judged = frozenset[tuple[int, str, str]]
"""The verdicts of an event: (kind, workflow, enrollment)."""


@dataclass(slots=True)
class Book:
    """`wrong` collects answers that break a promise; it must stay empty.

    `verdicts` by acknowledged event; `enrolled` and `advanced` runs by contact; `levels` and `ticks` count what was
    sent per contact; `completed` says per task whether its result was applied; `executions` and `failures` are those
    of remote workers, by (key, attempt); `calls` of the endpoint, by (path, key); `called_by` is the run a call named.
    `in_flight` and `acknowledged_since_start` count calls by the address of the server.
    """

    events: dict[str, Event] = field(default_factory=dict)
    verdicts: dict[str, Judged] = field(default_factory=dict)
    unanswered: deque[Event] = field(default_factory=deque)
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    enrolled: dict[str, str] = field(default_factory=dict)
    advanced: dict[str, str] = field(default_factory=dict)
    levels: Counter[str] = field(default_factory=Counter)
    ticks: Counter[str] = field(default_factory=Counter)
    completed: dict[str, bool] = field(default_factory=dict)
    executions: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: set[tuple[str, int]] = field(default_factory=set)
    at_most_once: set[str] = field(default_factory=set)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    called_by: dict[str, str] = field(default_factory=dict)
    in_flight: Counter[str] = field(default_factory=Counter)
    acknowledged_since_start: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def calling(self, address: str) -> Iterator[None]:
        """Counts a call as in flight while it lasts, and as answered when it does not fail."""
        with self._lock:
            self.in_flight[address] += 1
        try:
            yield
            self.acknowledge(address)
        finally:
            with self._lock:
                self.in_flight[address] -= 1

    def count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1

    def acknowledge(self, address: str) -> None:
        with self._lock:
            self.acknowledged_since_start[address] += 1

    def born(self, address: str) -> None:
        """A server has started; nothing was acknowledged by it."""
        with self._lock:
            self.acknowledged_since_start[address] = 0

    def so_far(self) -> Book:
        """What was acknowledged until now, whatever comes while it is looked at."""
        with self._lock:
            told = dict(self.verdicts), dict(self.enrolled), dict(self.completed)
        return replace(self, verdicts=told[0], enrolled=told[1], completed=told[2])

    def complain(self, text: str) -> None:
        with self._lock:
            self.wrong.append(text)

    # --- events ---

    def write_down(self, event: Event) -> None:
        with self._lock:
            self.events[event.id] = event
            if event.type == "tick":
                self.ticks[event.contact_id] += 1

    def put_back(self, events: Iterable[Event]) -> None:
        """These got no answer: they may have been applied, or not."""
        with self._lock:
            self.unanswered.extend(events)
            self.counts["calls without an answer"] += 1

    def take_unanswered(self, most: int) -> list[Event]:
        with self._lock:
            return [restamped(self.unanswered.popleft()) for _ in range(min(most, len(self.unanswered)))]

    def accepted(self, event: Event, answer: TriggerResponse | EventAcceptance) -> None:
        """An event was acknowledged; one that was acknowledged before must be told the same."""
        judged = judgement(answer.verdicts)
        with self._lock:
            self.counts["answers lost though applied"] += answer.duplicate and event.id not in self.verdicts
            before = self.verdicts.setdefault(event.id, judged)
        if before != judged:
            self.complain(f"{event.id} was told {sorted(before)} and then {sorted(judged)}")

    def repeated(self, event: Event, answer: TriggerResponse | EventAcceptance) -> None:
        """As `accepted`, for an event that had been acknowledged when it was sent."""
        if not answer.duplicate:
            self.complain(f"{event.id} was acknowledged, and its repeat was taken for new")
        self.accepted(event, answer)


def judgement(verdicts: Iterable[Verdict]) -> Judged:
    return frozenset((verdict.kind, verdict.workflow, verdict.enrollment_id) for verdict in verdicts)


def restamped(event: Event) -> Event:
    """The same event as an honest repeat sends it: with a time of its own."""
    again = Event()
    again.CopyFrom(event)
    again.occurred_time.CopyFrom(_now())
    return again


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now
