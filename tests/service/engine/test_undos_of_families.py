"""What branches have finished is stored with their parent, which undoes it; what workflows inside do is warned of."""

from __future__ import annotations

import pytest

from service.engine.commands import FinishTask
from statemachine.cause import TaskFailure
from tests.service.engine.house import House

TRIP = """
    key: trip
    steps:
      - id: try
        type: try
        steps:
          - id: both
            type: parallel
            config:
              branches:
                flight:
                  - {id: flight, type: task, config: {queue: work}, compensate: [UNDO]}
                  - {id: rest, type: wait, config: {for: 1d}}
                room:
                  - {id: room, type: task, config: {queue: rooms}, compensate: [UNDO]}
                  - {id: pay, type: task, config: {queue: pay}}
        catch: [{id: back, type: compensate}]
"""


def trip() -> str:
    undo = "{id: unNAME, type: task, config: {queue: undos, input: {of: '{{undo.output.id}}'}}}"
    first, second, third = TRIP.split("UNDO")
    return undo.replace("NAME", "flight").join((first, second)) + undo.replace("NAME", "room") + third


@pytest.mark.parametrize("contact", ["ann", None])
async def test_what_branches_have_finished_is_undone_by_their_parent_also_when_they_are_cancelled(
    house: House, contact: str | None
) -> None:
    await house.publish(trip())
    await house.enroll("trip", contact)
    await house.finish(await house.take("work"), {"id": "f1"})
    other, task = await house.replica("r2"), await house.take("rooms")
    await house.ask(FinishTask("default", task.id, task.lease_token, output={"id": "r1"}), of=other)
    root = next(run for run in house.runs() if run.origin is None)
    assert [(undo.step, undo.done) for undo in root.undos] == [("flight", True), ("room", True)]
    await house.finish(await house.take("pay"), failure=TaskFailure("declined", "no", False))
    for expected in ("r1", "f1"):
        undo = await house.take("undos")
        assert undo.input == {"of": expected}
        await house.finish(undo)
    ended = {run.origin.name if run.origin else "": str(run.status) for run in house.runs()}
    assert ended == {"": "completed", "flight": "cancelled", "room": "failed"}


async def test_publishing_warns_of_inner_workflows_whose_steps_nobody_undoes(house: House) -> None:
    task = "{id: b, type: task, config: {queue: q}, compensate: [{id: c, type: pass}]}"
    await house.publish(f"{{key: inner, steps: [{task}]}}")
    for undo, warned in (("", True), (", compensate: [{id: unsub, type: pass}]", False)):
        sub = f"{{id: sub, type: sub_workflow, config: {{workflow: inner}}{undo}}}"
        published = await house.publish(f"{{key: outer, steps: [{sub}, {{id: back, type: compensate}}]}}")
        assert ("undo_out_of_reach" in [problem.code for problem in published.warnings]) is warned
