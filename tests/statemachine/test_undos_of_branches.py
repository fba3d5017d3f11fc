"""compensate reaches into branches and rounds: what they have finished is undone with all else, in reverse order."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine import frame
from statemachine.cause import UndoCause, cause_from_data, cause_to_data
from statemachine.frame import Undo
from statemachine.snapshot import Snapshot, Status
from tests.statemachine.checked_world import Simulation
from tests.statemachine.test_guards import REST, attempt, bad, mark, started
from tests.statemachine.test_undos import BACK, Data, task, undoing


def parallel(config: Data | None = None, **branches: list[Data]) -> Data:
    return {"id": "p", "type": "parallel", "config": {**(config or {}), "branches": branches}}


def rounds(*body: Data, **config: Any) -> Data:
    given = {"count": 2, "parallel": True, **config}
    return {"id": "l", "type": "count", "config": given, "body": list(body)}


def root(simulation: Simulation) -> Snapshot:
    return next(iter(simulation.records.values())).snapshot


def done(simulation: Simulation) -> str:
    """The marks in order of time, whoever of the family made them: `mark` sets a variable by a step of its name."""
    lines = [one.entry for one in simulation.world.trace if one.entry is not None]
    return " ".join(one.step or "" for one in lines if one.kind == "step_completed" and one.step_type == "set_variable")


ALL = {**BACK, "id": "all"}
BOTH = parallel(a=[undoing("a"), mark("x")], b=[undoing("b")])


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([BOTH, undoing("c"), BACK], "a x b c unc unb una"),
        ([undoing("c"), BOTH, BACK, {**BACK, "id": "again"}], "c a x b unb una unc"),
        ([attempt(BOTH, bad(), catch=[BACK])], "a x b unb una"),
        ([attempt(parallel(a=[undoing("a"), REST], b=[undoing("b"), bad()]), catch=[BACK])], "a b unb una"),
        ([parallel({"join": "any"}, a=[undoing("a"), REST], b=[undoing("b")]), BACK], "a b unb una"),
        ([parallel(a=[undoing("a"), BACK, undoing("d")], b=[undoing("b")]), ALL], "a una d b unb und"),
        ([parallel(a=[undoing("a"), BACK], b=[mark("b")]), ALL], "a una b"),
        ([rounds(undoing("a"), undoing("b")), BACK], "a b a b unb una unb una"),
        ([parallel(a=[rounds(undoing("a"))], b=[undoing("b")]), BACK], "a a b unb una una"),
        ([parallel({"on_branch_error": "continue"}, a=[undoing("a"), bad()], b=[undoing("b")]), BACK], "a b unb una"),
    ],
)  # fmt: skip
def test_what_a_family_has_finished_is_undone_in_reverse_order_each_once(steps: list[Data], expected: str) -> None:
    simulation = started(*steps)
    assert (root(simulation).status, done(simulation), root(simulation).undos) == (Status.COMPLETED, expected, ())
    simulation.audit()


def test_the_undo_of_a_branch_sees_the_input_and_output_of_its_own_visit() -> None:
    refund = task("refund", config={"input": {"of": "{{undo.input.n}}", "id": "{{undo.output.id}}"}})
    book = task("book", config={"input": {"n": "{{loop.item}}"}}, compensate=[refund])
    each = {"id": "l", "type": "for_each", "config": {"items": "trigger.data.list", "parallel": True}, "body": [book]}
    simulation = started(each, BACK)
    for name in [name for name, one in simulation.records.items() if one.work is not None]:
        simulation.complete({"id": f"of {name[-1]}"}, run_id=name)
    asked = []
    parent = root(simulation).id
    while root(simulation).live:
        asked.append(simulation.records[parent].orders[-1].input)
        simulation.complete(run_id=parent)
    assert asked == [{"of": "b", "id": "of 1"}, {"of": "a", "id": "of 0"}]
    simulation.audit()


def test_a_failing_undo_of_a_branch_goes_on_at_a_retry_of_the_parent() -> None:
    refund = task("refund")
    simulation = started(parallel(a=[undoing("a", refund)], b=[undoing("b")]), BACK)
    parent = root(simulation).id
    simulation.fail("down", run_id=parent)
    assert (root(simulation).status, root(simulation).step, [one.step for one in root(simulation).undos]) == (
        Status.FAILED, "refund", ["a"],
    )  # fmt: skip
    simulation.operate("retry", parent)
    simulation.complete(run_id=parent)
    assert (root(simulation).status, root(simulation).outputs["back"]) == (Status.COMPLETED, {"undone": 2})


def test_a_held_parent_takes_note_of_what_its_children_finish() -> None:
    simulation = started(parallel(a=[REST, undoing("a")], b=[task("b")]), BACK)
    parent = root(simulation).id
    simulation.operate("pause", parent)
    child = f"{parent}/1/a"
    simulation.operate("resume", child)
    simulation.wait(days=1)
    assert [one.step for one in root(simulation).undos] == ["a"]
    simulation.operate("resume", parent)
    simulation.complete(run_id=f"{parent}/1/b")
    assert (root(simulation).status, done(simulation)) == (Status.COMPLETED, "a una")


def test_more_than_is_kept_fails_the_step_and_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "MAX_UNDOS", 3)
    simulation = started(attempt(rounds(undoing("a"), count=9, concurrency=1), catch=[BACK]))
    assert (root(simulation).status, root(simulation).outputs["back"]) == (Status.COMPLETED, {"undone": 3})
    failed = [entry for entry in simulation.records[root(simulation).id].history if entry.kind == "step_failed"]
    assert [entry.error_code for entry in failed] == ["too_many_undos"]


def test_news_of_undos_is_recorded_and_read_back() -> None:
    cause = UndoCause("c7", "a", 3, (Undo("s", 2, {"n": 1}, [2], True, "c7"),), (("c8", 4),))
    assert (cause_from_data(cause_to_data(cause)), cause.id) == (cause, "undo:c7/3")
