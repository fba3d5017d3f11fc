"""Families in the store: children are enrollments of their own, and end together with what their parent makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.engine.commands import FinishTask
from statemachine.cause import TaskFailure
from statemachine.errors import DefinitionError
from statemachine.snapshot import Snapshot
from tests.service.engine.house import House, event

BOTH = """
    key: both
    trigger: {type: go}
    exit: [{on: bought, goal: purchase}]
    steps:
      - id: par
        type: parallel
        config:
          branches:
            mail: [{id: mail, type: task, config: {queue: work}}, {id: tag, type: add_tag, config: {tag: mailed}}]
            rest: [{id: day, type: wait, config: {for: 1d}}]
            hear: [{id: answer, type: wait, config: {on: reply, timeout: 5d}}]
      - {id: after, type: add_tag, config: {tag: after}}
"""


def children(house: House) -> dict[str, Snapshot]:
    return {run.origin.name: run for run in house.runs() if run.origin is not None}


def parent(house: House) -> Snapshot:
    return next(run for run in house.runs() if run.origin is None)


async def test_branches_are_enrollments_of_their_own_and_the_last_to_end_lets_the_run_go_on(house: House) -> None:
    await house.publish(BOTH)
    await house.trigger("go")
    assert (parent(house).open_children, {name: one.step for name, one in children(house).items()}) == (
        3, {"mail": "mail", "rest": "day", "hear": "answer"},
    )  # fmt: skip
    await house.finish(await house.take(), {"n": 1})
    await house.fire(timedelta(days=1))
    assert (parent(house).open_children, parent(house).outputs) == (1, {"mail": {"n": 1}})
    await house.trigger("message_received")
    assert (parent(house).status, house.contact().tags) == ("completed", ("mailed", "after"))
    assert house.kinds(parent(house)).count("child_ended par") == 3


@pytest.mark.parametrize("operation", ["cancel", "exit"])
async def test_the_end_of_a_run_takes_its_children_with_their_timers_and_tasks_along(
    house: House, operation: str
) -> None:
    await house.publish(BOTH)
    await house.trigger("go")
    await house.operate(parent(house), operation)
    assert {run.status for run in house.runs() if run.origin} == {"cancelled"}
    assert await house.lease() == []
    assert (await house.fire(timedelta(days=9))).fired == 0


async def test_an_exit_rule_takes_the_children_along(house: House) -> None:
    await house.publish(BOTH)
    await house.trigger("go")
    await house.trigger("bought")
    assert (parent(house).goal, {one.status for one in children(house).values()}) == ("purchase", {"cancelled"})


async def test_pause_and_resume_reach_the_children(house: House) -> None:
    await house.publish(BOTH)
    await house.trigger("go")
    await house.operate(parent(house), "pause")
    assert {run.status for run in house.runs()} == {"paused"}
    await house.operate(parent(house), "resume")
    assert {run.status for run in house.runs()} == {"waiting"}


ASKING = """
    key: asking
    trigger: {type: go}
    steps:
      - {id: ask, type: sub_workflow, config: {workflow: answering}}
      - {id: after, type: add_tag, config: {tag: after}}
"""
ANSWERING = """
    key: answering
    trigger: {type: never}
    steps: [{id: answer, type: wait, config: {on: reply, timeout: 5d}}]
"""


@pytest.mark.parametrize("events", ["buffer", "deliver", "drop"])
@pytest.mark.parametrize("end", ["answered", "cancelled", "both cancelled"])
async def test_the_end_of_a_child_while_its_parents_workflow_is_paused_is_told_when_that_goes_on(
    house: House, events: str, end: str
) -> None:
    await house.publish(ANSWERING)
    await house.publish(ASKING)
    await house.trigger("go")
    await house.engine.pause_workflow("default", "asking", events=events)
    if end == "answered":
        await house.trigger("message_received")
    else:
        await house.operate(house.run("answering"), "cancel")
    assert (parent(house).open_children, house.kinds(parent(house))[-1]) == (1, "held ask")
    house.audit()
    if end == "both cancelled":
        await house.operate(parent(house), "cancel")
    await house.engine.resume_workflow("default", "asking")
    await house.fire()
    expected = {"answered": "completed", "cancelled": "failed", "both cancelled": "cancelled"}
    assert (parent(house).status, parent(house).open_children) == (expected[end], 0)


async def test_a_failing_branch_cancels_branches_that_were_not_loaded(house: House) -> None:
    await house.publish(BOTH)
    await house.trigger("go")
    await house.finish(await house.take(), failure=TaskFailure("boom", "no", retryable=False))
    assert (parent(house).status, parent(house).last_error.code) == ("failed", "boom")  # type: ignore[union-attr]
    assert {name: one.status for name, one in children(house).items()} == {
        "mail": "failed", "rest": "cancelled", "hear": "cancelled",
    }  # fmt: skip


async def test_a_retry_of_the_step_starts_new_children(house: House) -> None:
    await house.publish(BOTH)
    await house.trigger("go")
    await house.finish(await house.take(), failure=TaskFailure("boom", "no", retryable=False))
    await house.operate(parent(house), "retry")
    assert (parent(house).open_children, len(house.runs())) == (3, 7)


async def test_branches_count_towards_no_entry_rule(house: House) -> None:
    await house.publish(BOTH.replace("exit:", "entry: {reentry: after_exit, max_entries: 2}\n    exit:"))
    for number in range(3):
        await house.trigger("go", id=f"go-{number}")
        await house.trigger("bought", id=f"bought-{number}")
    assert len([run for run in house.runs() if run.origin is None]) == 2


async def test_a_run_without_a_contact_has_children_too(house: House) -> None:
    alone = """
        key: alone
        steps:
          - id: par
            type: parallel
            config:
              join: any
              branches:
                mail: [{id: mail, type: task, config: {queue: work}}]
                rest: [{id: day, type: wait, config: {for: 1d}}]
          - {id: after, type: wait, config: {for: 1d}}
    """
    await house.publish(alone)
    await house.enroll("alone", None, request_id="a")
    await house.enroll("alone", None, request_id="b")
    first, second = await house.lease(limit=2)
    await house.finish(first)
    await house.fire(timedelta(days=1))
    await house.fire(timedelta(days=1))
    assert {run.status for run in house.runs() if run.origin is None} == {"completed"}
    task = await house.task(second.id)
    assert task.status == "cancelled"


async def test_ends_of_siblings_in_one_batch_let_the_run_go_on_once(house: House) -> None:
    race = """
        key: race
        trigger: {type: go}
        steps:
          - id: par
            type: parallel
            config:
              join: any
              branches:
                a: [{id: one, type: task, config: {queue: work}}, {id: ta, type: add_tag, config: {tag: a}}]
                b: [{id: two, type: task, config: {queue: work}}, {id: tb, type: add_tag, config: {tag: b}}]
    """
    await house.publish(race)
    await house.trigger("go")
    tasks = sorted(await house.lease(limit=2), key=lambda task: task.step)
    commands = [FinishTask("default", task.id, task.lease_token) for task in tasks]
    await house.ask_all(commands)
    (winner,) = house.contact().tags
    assert {name: one.status for name, one in children(house).items()} == {
        name: "completed" if name == winner else "cancelled" for name in ("a", "b")
    }


async def test_a_due_parent_and_its_due_child_fire_in_one_batch(house: House) -> None:
    limited = BOTH.replace("exit:", "limits: {max_duration: 1d}\n    exit:")
    await house.publish(limited)
    await house.trigger("go")
    await house.fire(timedelta(days=1))
    assert parent(house).status == "failed"
    assert {one.status for one in children(house).values()} <= {"cancelled", "completed"}


async def test_a_family_without_siblings_at_hand_costs_one_statement_more(house: House) -> None:
    await house.publish(BOTH)
    await house.trigger("go")
    measured: list[Any] = []
    house.engine.measured = lambda items, seconds, statements: measured.append(statements)  # type: ignore[method-assign]
    await house.finish(await house.take())
    assert measured[0] <= 12


ROUNDS = """
    key: rounds
    trigger: {type: go}
    steps:
      - id: each
        type: for_each
        config: {items: trigger.data.list, parallel: true, concurrency: 2}
        body:
          - {id: work, type: task, config: {queue: work, input: {item: "{{loop.item}}"}}, output: got}
      - {id: after, type: add_tag, config: {tag: after}}
"""
INNER = """
    key: inner
    steps:
      - {id: work, type: task, config: {queue: work}}
      - {id: keep, type: set_variable, config: {path: got, value: "{{input.n}}"}}
"""
OUTER = """
    key: outer
    trigger: {type: go}
    steps:
      - {id: sub, type: sub_workflow, config: {workflow: inner, input: {n: 7}}}
      - {id: after, type: add_tag, config: {tag: "got_{{steps.sub.output.got}}"}}
"""


async def test_rounds_of_a_parallel_loop_are_stored_side_by_side_and_their_results_in_order(house: House) -> None:
    await house.publish(ROUNDS)
    await house.trigger("go", data={"list": list("abc")})
    first, second = sorted(await house.lease(limit=5), key=lambda task: str(task.input["item"]))
    await house.finish(second, {"of": "b"})
    await house.finish(await house.take(), {"of": "c"})
    await house.finish(first, {"of": "a"})
    results = [{"got": {"of": letter}} for letter in "abc"]
    assert parent(house).outputs["each"] == {"rounds": 3, "broken": False, "results": results}
    assert house.contact().tags == ("after",)


async def test_a_thousand_rounds_without_a_rest_are_several_transactions(house: House) -> None:
    pure = ROUNDS.replace(
        '{id: work, type: task, config: {queue: work, input: {item: "{{loop.item}}"}}, output: got}',
        '{id: work, type: set_variable, config: {path: n, value: "{{loop.item}}"}}',
    )
    await house.publish(pure)
    await house.trigger("go", data={"list": list(range(400))})
    assert (parent(house).status, house.contact().tags) == ("completed", ("after",))
    assert house.rows("select count(*) from history where cause_id like 'continue:%'")[0][0] >= 1


async def test_a_workflow_runs_inside_another_and_the_parent_goes_on_with_what_it_left(house: House) -> None:
    await house.publish(INNER)
    await house.publish(OUTER)
    await house.trigger("go")
    assert (house.run("outer").step, house.run("inner").parent_id) == ("sub", house.run("outer").id)
    await house.finish(await house.take())
    assert (house.run("outer").status, house.contact().tags) == ("completed", ("got_7",))


async def test_a_workflow_that_is_not_published_is_a_warning_at_publish_and_an_error_of_the_step(house: House) -> None:
    published = await house.publish(OUTER)
    assert "unknown_workflow" in [problem.code for problem in published.warnings]
    await house.trigger("go")
    error = house.run("outer").last_error
    assert error is not None
    assert error.code == "unknown_workflow"


async def test_workflows_that_would_run_each_other_are_refused_at_publish(house: House) -> None:
    await house.publish(OUTER)
    with pytest.raises(DefinitionError) as refused:
        await house.publish(
            INNER.replace("type: task, config: {queue: work}", "type: sub_workflow, config: {workflow: outer}")
        )
    assert [problem.code for problem in refused.value.problems if problem.severity == "error"] == ["recursive_workflow"]


async def test_pausing_the_workflow_of_a_parent_keeps_the_end_of_its_child_for_later(house: House) -> None:
    await house.publish(INNER)
    await house.publish(OUTER)
    await house.trigger("go")
    await house.engine.pause_workflow("default", "outer")
    await house.finish(await house.take())
    assert (house.run("inner").status, house.run("outer").status) == ("completed", "waiting")
    await house.engine.resume_workflow("default", "outer")
    await house.fire()
    assert house.run("outer").status == "completed"


async def test_a_second_replica_goes_on_with_a_family_that_the_first_one_began(house: House) -> None:
    await house.publish(BOTH)
    await house.trigger("go")
    other = await house.replica("r2")
    task = await house.take()
    await house.ask(FinishTask("default", task.id, task.lease_token), of=other)
    await house.ask(event("message_received"), of=other)
    await house.fire(timedelta(days=1))
    assert (parent(house).status, parent(house).open_children) == ("completed", 0)
