"""What the server tells Prometheus.

The engine reports each batch as it commits; label children are kept, because looking one up costs more than counting.
Gauges of the database are read when somebody scrapes, at most once per `GAUGE_AGE_S`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from service.storage.gauges import Gauges
from statemachine.errors import Unavailable
from statemachine.sending.consent import CHANNELS

GAUGE_AGE_S: Final = 5.0
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_ITEMS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_STATEMENTS: Final = (2, 4, 6, 8, 10, 12, 16, 24, 50, 100, 500)


class Metrics:
    """The metrics of one server, in a registry of its own. The engine calls `batch`, `answered`,
    `exited` and `fired`."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._items = Histogram("statewright_batch_items", "Commands in one batch.", buckets=_ITEMS, registry=registry)
        self._seconds = Histogram(
            "statewright_batch_seconds", "Time to load, decide and commit a batch.", buckets=_SECONDS, registry=registry
        )
        self._statements = Histogram(
            "statewright_batch_statements", "SQL statements of a batch.", buckets=_STATEMENTS, registry=registry
        )
        self._commands = Counter("statewright_commands", "Commands answered.", ["kind", "result"], registry=registry)
        self._messages = Counter(
            "statewright_messages",
            "Messages that the rules of messaging sent, held or skipped.",
            ["channel", "verdict", "rule"],
            registry=registry,
        )
        self._exits = Counter("statewright_exits", "Enrollments that exited.", ["workflow", "goal"], registry=registry)
        self._blocked = Counter(
            "statewright_blocked_events",
            "Events of steps, and dates of contacts, kept from enrolling.",
            ["rule"],
            registry=registry,
        )
        self._fired = Counter("statewright_timers_fired", "Timers that fired.", registry=registry)
        self._command_children: dict[tuple[str, str], Counter] = {}
        self.stored = StoredGauges(registry)

    def batch(self, items: int, seconds: float, statements: int) -> None:
        """A batch committed."""
        self._items.observe(items)
        self._seconds.observe(seconds)
        self._statements.observe(statements)

    def answered(self, kind: str, result: str, count: int) -> None:
        """So many commands of a kind (TriggerEvent, …) got this result: ok, or the reason of the refusal."""
        child = self._command_children.get((kind, result))
        if child is None:
            child = self._command_children[kind, result] = self._commands.labels(kind, result)
        child.inc(count)

    def exited(self, workflow: str, goal: str, count: int) -> None:
        """So many enrollments of a workflow left early; `goal` is the goal that they reached, or ""."""
        self._exits.labels(workflow, goal).inc(count)

    def ruled(self, channel: str, verdict: str, rule: str, count: int) -> None:
        """So many messages the gate let out, held or skipped; channels that the language does not know are `other`."""
        self._messages.labels(channel if channel in CHANNELS else "other", verdict, rule).inc(count)

    def blocked(self, rule: str, count: int) -> None:
        """So many events that steps raised were kept from enrolling by causation_own, causation_depth or flood."""
        self._blocked.labels(rule).inc(count)

    def fired(self, count: int, lag_s: float) -> None:
        """So many timers fired, the latest of them `lag_s` seconds after it was due."""
        self._fired.inc(count)
        self.stored.lag.set(lag_s)

    def watch_pending(self, pending: Callable[[], int]) -> None:
        """Ask this for the queue depth at each scrape."""
        gauge = Gauge("statewright_pending_commands", "Commands waiting for the engine.", registry=self.registry)
        gauge.set_function(pending)

    def render(self) -> bytes:
        """Everything in the text format of Prometheus."""
        return generate_latest(self.registry)


class StoredGauges:
    """The gauges that come from the database; one scrape in `GAUGE_AGE_S` reads them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"statewright_{name}", text, labels, registry=registry)

        self._live = gauge("live_enrollments", "Enrollments that have not ended.")
        self._stuck = gauge("stuck_enrollments", "Live enrollments that nothing will ever move; must be 0.")
        self._overdue = gauge("overdue_timers", "Timers due for over a minute that nobody fired; must be 0.")
        self._expired = gauge("expired_leases", "Leases over for a minute that nobody took over; must be 0.")
        self._quarantined = gauge("quarantined_enrollments", "Enrollments set aside after failing repeatedly.")
        self._quarantined_events = gauge("quarantined_events", "Stored events set aside after failing repeatedly.")
        self.lag = gauge("due_timer_lag_seconds", "How long the oldest due timer has been due.")
        self._tasks = gauge("open_tasks", "Tasks ordered and not finished.", ("queue",))
        self._pending = gauge("pending_enrollments", "Enrollments that wait to begin.", ("rule",))
        self._people = gauge("open_human_tasks", "Tasks that wait for a person's decision.", ("queue", "held"))
        self._reachable = gauge("database_up", "Whether the database answered last.")
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def refresh(
        self, read: Callable[[], Awaitable[Gauges]], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Read the gauges again unless they are fresh. A database that cannot be reached is itself a gauge."""
        async with self._reading:
            if now() - self._read_at < GAUGE_AGE_S:
                return
            try:
                self._set(await read())
            except Unavailable:
                self._reachable.set(0)
            self._read_at = now()

    def _set(self, gauges: Gauges) -> None:
        self._reachable.set(1)
        self._live.set(gauges.live)
        self._stuck.set(gauges.liveness.stuck)
        self._overdue.set(gauges.liveness.overdue)
        self._expired.set(gauges.liveness.expired)
        self._quarantined.set(gauges.liveness.quarantined)
        self._quarantined_events.set(gauges.liveness.quarantined_events)
        self.lag.set(gauges.due_lag_s)
        self._pending.clear()
        for rule, waiting in gauges.pending.items():
            self._pending.labels(rule).set(waiting)
        self._tasks.clear()
        for queue, open_tasks in gauges.open_tasks.items():
            self._tasks.labels(queue).set(open_tasks)
        self._people.clear()
        for queue, (held, unheld) in gauges.human_tasks.items():
            self._people.labels(queue, "yes").set(held)
            self._people.labels(queue, "no").set(unheld)
