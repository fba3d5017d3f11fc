"""What happens to the runs of a drawn definition: calls of a `Simulation`, as (method, arguments, keys)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st

from statemachine.errors import WorkflowError
from tests.statemachine.checked_world import Simulation
from tests.statemachine.drawn.steps import EVENTS

Course = Sequence[tuple[str, tuple[Any, ...], dict[str, Any]]]
_WITHOUT_RUNS = frozenset({"trigger", "enroll", "change", "upsert", "consent", "weigh", "wait", "pause_workflow"})


def play(simulation: Simulation, course: Course, before: Callable[[int], None] = lambda number: None) -> None:
    """Let all of it happen that can, whatever is refused; `before(number)` comes before each call."""
    for number, (name, arguments, keys) in enumerate(course):
        before(number)
        if not simulation.records and name not in _WITHOUT_RUNS:
            continue
        if name in ("complete", "fail") and not simulation.orders:
            continue
        with suppress(WorkflowError):
            getattr(simulation, name)(*arguments, **keys)


def _do(name: str, *arguments: st.SearchStrategy[Any], **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(name), st.tuples(*arguments), st.fixed_dictionaries(keys))


DATES = ("2026-01-01T10:00Z", "2026-01-02", "2026-01-04T09:00", "2025-12-30", None, "soon")
"""Around the beginning of a simulation."""
payloads = st.fixed_dictionaries(
    {"n": st.sampled_from((1, 2, "2", None, "lead"))},
    optional={"channel": st.just("sms"), "content": st.just("STOP please")},
)
actions = st.lists(
    st.one_of(
        _do("trigger", st.sampled_from(EVENTS), data=payloads),
        _do("trigger", st.sampled_from(EVENTS), data=payloads, key=st.sampled_from(("", "k"))),
        _do(
            "trigger",
            st.just("go"),
            data=payloads,
            contact_patch=st.sampled_from(({}, {"stage": "lead"}, {"tags": ["hot"]})),
        ),
        _do("enroll", contact_id=st.sampled_from(("c1", None))),
        _do("trigger", st.just("click"), data=payloads, key=st.sampled_from(("k", "2"))),
        _do("wait", hours=st.sampled_from((1, 25, 60))),
        _do("wait", seconds=st.sampled_from((1, 15, 30, 90))),
        _do(
            "complete",
            st.sampled_from((None, {"x": 1}, "text")),
            outcome=st.sampled_from(("done", "other", "odd", "error", "approved", "rejected")),
        ),
        _do("complete", st.just({"x": 2}), variables=st.just({"v": 5, "w": [1]})),
        _do(
            "fail",
            st.sampled_from(("boom", "timeout")),
            retryable=st.booleans(),
            retry_after_s=st.sampled_from((None, 90.0)),
        ),
        _do("operate", st.sampled_from(("resume", "cancel", "exit", "retry", "pause"))),
        _do("operate", st.just("pause"), timers=st.sampled_from(("keep", "remaining", "catch_up"))),
        _do("operate", st.just("resume")),
        _do("operate", st.just("retry"), input=st.sampled_from(({}, {"x": "edited", "v": 3}))),
        _do(
            "operate",
            st.just("advance"),
            transition=st.sampled_from(("done", "left", "timeout", "error", "true", "approved")),
            data=st.sampled_from(({}, {"x": 1})),
        ),
        _do(
            "operate",
            st.just("set_variables"),
            variables=st.sampled_from(
                ({"v": 4}, {"v": None}, {"vars.o.p": [1], "word": "x"}, {"v": "y" * 300_000}, {})
            ),
        ),
        _do("operate", st.just("reschedule"), by_s=st.sampled_from((3600.0, -7200.0, 1e9, 1e15))),
        _do(
            "operate",
            st.just("reschedule"),
            until=st.just("2026-03-01T00:00:00+00:00"),
        ),
        _do(
            "pause_workflow",
            timers=st.sampled_from(("keep", "remaining", "catch_up")),
            events=st.sampled_from((None, "buffer", "deliver", "drop")),
        ),
        _do("operate", st.just("pause"), events=st.sampled_from(("buffer", "deliver", "drop"))),
        _do("resume_workflow"),
        _do("change", stage=st.sampled_from(("lead", "lost", "2026-01-02")), score=st.integers(0, 5)),
        _do(
            "change",
            first_name=st.sampled_from(("Ann", "Bob")),
            timezone=st.sampled_from(("Europe/Berlin", "Asia/Tokyo")),
        ),
        _do("upsert", due=st.sampled_from(DATES)),
        _do("upsert", stage=st.sampled_from(("lead", "lost")), score=st.integers(0, 9), timezone=st.just("Asia/Tokyo")),
        _do("consent", sms=st.sampled_from(("granted", "denied"))),
        _do("weigh", st.lists(st.sampled_from((0, 1, 5)), min_size=3, max_size=3)),
        _do("fire"),
    ),
    min_size=6,
    max_size=24,
)
