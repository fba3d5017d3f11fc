"""Snapshots, causes, events and contacts as data: complete, small, and equal when read back."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from statemachine.cause import (
    Cause,
    ChildCause,
    ContinueCause,
    EventCause,
    OperatorCause,
    ParentCause,
    TaskCause,
    TaskFailure,
    TimerCause,
    cause_from_data,
    cause_to_data,
)
from statemachine.event import Event
from statemachine.failure import LastError
from statemachine.frame import Frame, Undo
from statemachine.kin import Brood, Origin
from statemachine.snapshot import OpenTask, Snapshot, Status, snapshot_from_data, snapshot_to_data
from statemachine.standing import Standing

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
PLAIN = Snapshot("e1", "flow", 3)
FULL = Snapshot(
    "e1", "flow", 3, "c1", "key", Status.PAUSED, "s", 4, 5, 6, 7, 8, "parent", 2, {"type": "go"}, {"v": 0}, {"s": None},
    {"split": "a"}, {"wait": AT}, AT, {"s": AT}, "before", OpenTask("s", 4, 2, AT, 1), AT, AT, AT, AT, AT, "remaining",
    ({"kind": "timer"},), ("a/1",), 1, 2, 3, 4, LastError("s", "boom", "it broke", AT), "why", "goal", 9, 1.5,
    {"s": AT}, (Frame("each", 1, ("a", None)), Frame("n", 0, None, 3, True)),
    "drop", {"outcome": "more", "events": [{"n": 1}]}, AT, "max_concurrent", (Undo("a", 1, {"x": 1}, 2, True),),
    Origin("p", 3, "a", "a", False, ("outer",)),
    Brood(("x",), {"y": 1}, {"z": {"code": "boom"}}, 9, (1, 2), 3, 5, True), ("v",), 2.5,
)  # fmt: skip


class TestSnapshots:
    def test_every_field_survives_the_way_through_json(self) -> None:
        assert all(getattr(FULL, spec.name) != getattr(PLAIN, spec.name) for spec in fields(FULL)[3:])
        assert snapshot_from_data(json.loads(json.dumps(snapshot_to_data(FULL)))) == FULL

    def test_what_is_at_its_default_takes_no_room(self) -> None:
        assert snapshot_to_data(PLAIN) == {"id": "e1", "workflow": "flow", "version": 3}
        assert snapshot_from_data(snapshot_to_data(PLAIN)) == PLAIN

    def test_a_run_that_does_nothing_stands_as_its_snapshot_says(self) -> None:
        later = AT + timedelta(hours=1)
        same = replace(FULL, revision=FULL.revision + 1, transition_at=later, open_children=1)
        assert Standing(FULL, later).next_snapshot() == same

    @pytest.mark.parametrize("status", list(Status))
    def test_a_run_is_live_until_it_has_ended(self, status: Status) -> None:
        ended = status in (Status.COMPLETED, Status.FAILED, Status.EXITED, Status.CANCELLED)
        assert replace(PLAIN, status=status).live is not ended

    @pytest.mark.parametrize(("status", "due"), [(Status.WAITING, AT), (Status.PAUSED, None), (Status.FAILED, None)])
    def test_the_earliest_deadline_wakes_a_run_unless_it_is_held_or_over(
        self, status: Status, due: datetime | None
    ) -> None:
        later = AT + timedelta(hours=1)
        assert replace(PLAIN, status=status, deadlines={"run": later, "wait": AT}).due_at == due


EVENT = Event(
    "1", "click", "shop", "c1", "conv", "", {"n": [1, {"a": None}]}, {}, AT, AT + timedelta(1), 3, ("w1", "w2")
)
CAUSES: list[tuple[Cause, str]] = [
    (EventCause(EVENT, "entry", "t1"), "event:shop/1#entry"),
    (EventCause(EVENT, "wait"), "event:shop/1#wait"),
    (EventCause(Event("2", "x"), "restart"), "event:/2#restart"),
    (TimerCause(4, 7), "timer:4/7"),
    (ParentCause("pause", 3, 7, {"timers": "keep"}), "parent:pause/7"),
    (ChildCause("c7", "p", 3, "a", "failed", {"v": 1}, {"s": 2}, "why", {"code": "x"}, True, ("a/1",)), "child:c7"),
    (TaskCause("t9", "s", 2, 3, "sold", {"a": 1}, {"v": 2}), "task:t9/3"),
    (TaskCause("t9", "s", 2, 1, failure=TaskFailure("busy", "later", True, 2.5)), "task:t9/1"),
    (OperatorCause("advance", "r1", {"transition": "done", "data": {"x": 1}}), "op:advance/r1"),
    (ContinueCause(2), "continue:2"),
]


@pytest.mark.parametrize(("cause", "name"), CAUSES, ids=[name for _, name in CAUSES])
class TestCauses:
    def test_a_cause_has_a_stable_id(self, cause: Cause, name: str) -> None:
        assert cause.id == name

    def test_a_cause_reads_back_equal(self, cause: Cause, name: str) -> None:
        assert cause_from_data(json.loads(json.dumps(cause_to_data(cause)))) == cause


@pytest.mark.parametrize(
    "part", [{"key": ""}, {"key": None}, {"conversation_id": ""}, {"priority": -1}, {"source": "s"}]
)
def test_an_event_tells_empty_from_absent(part: dict[str, Any]) -> None:
    cause = EventCause(Event("1", "x", **part), "wait")
    assert cause_from_data(json.loads(json.dumps(cause_to_data(cause)))) == cause
