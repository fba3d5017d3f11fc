"""Requests that come again: the same body gets the same answer, another body is refused, and nothing happens twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.engine.commands import ChangeContact, Command, EnrollContact, FinishTask, Operate
from statemachine.errors import NotFound, RequestIdReused, StaleRevision, TransitionRefused
from tests.service.engine.house import House, event

WORKER = """
    key: w
    trigger: {type: go}
    entry: {reentry: always}
    limits: {max_duration: 30d}
    steps:
      - {id: work, type: task, config: {queue: work}, branches: {refused: end}}
"""


async def _commands(house: House) -> dict[str, Command]:
    """One command of every kind with a request id, each about a run of its own."""
    await house.publish(WORKER)
    kinds = ("finish", "advance", "pause", "resume", "cancel", "retry")
    await house.ask_all([event("go", kind) for kind in kinds])
    runs = {str(run.contact_id): run for run in house.runs()}
    await house.operate(runs["resume"], "pause")
    tasks = {task.contact_id: task for task in await house.lease(limit=6)}
    failing = tasks["retry"]
    await house.ask(FinishTask("default", failing.id, failing.lease_token, outcome="error"))
    operations: dict[str, Command] = {
        kind: Operate("default", runs[kind].id, kind, f"r-{kind}", "h", {"transition": "refused"})  # type: ignore[arg-type]
        for kind in kinds[1:]
    }
    return operations | {
        "enroll": EnrollContact("default", "w", "new", "r-enroll", "h", input={"a": 1}),
        "finish": FinishTask(
            "default", tasks["finish"].id, tasks["finish"].lease_token, request_id="r-finish", body_hash="h"
        ),
        "change": ChangeContact("default", "changed", {"n": 1}, ("a",), request_id="r-change", body_hash="h"),
    }


KINDS = ("finish", "advance", "pause", "resume", "cancel", "retry", "enroll", "change")


def _written(house: House) -> list[int]:
    return [house.count(table) for table in ("history", "enrollments", "tasks", "events", "contacts", "requests")]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_command_that_comes_again_gets_its_first_answer_and_nothing_happens(house: House, kind: str) -> None:
    command = (await _commands(house))[kind]
    first = await house.ask(command)
    written = _written(house)
    house.clock.move(60)
    assert await house.ask(command) == first
    assert _written(house) == written


@pytest.mark.parametrize("kind", KINDS)
async def test_a_command_that_comes_twice_in_a_batch_is_carried_out_once(house: House, kind: str) -> None:
    command = (await _commands(house))[kind]
    one_lane = await house.replica("r2", lanes=1)
    first, again = await house.ask_all([command, command], of=one_lane)
    assert again == first


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_id_with_another_body_is_refused(house: House, kind: str) -> None:
    command = (await _commands(house))[kind]
    await house.ask(command)
    written = _written(house)
    with pytest.raises(RequestIdReused):
        await house.ask(replace(command, body_hash="other"))  # type: ignore[arg-type]
    assert _written(house) == written


async def test_a_refused_request_is_not_remembered(house: House) -> None:
    commands = await _commands(house)
    cancel = commands["cancel"]
    assert isinstance(cancel, Operate)
    with pytest.raises(StaleRevision):
        await house.ask(replace(cancel, expected_revision=99))
    await house.ask(replace(cancel, body_hash="other"))


async def test_an_operation_for_another_revision_is_refused(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    run = house.run()
    paused = await house.operate(run, "pause", expected_revision=run.revision)
    assert paused.revision == run.revision + 1
    with pytest.raises(StaleRevision, match=f"revision {paused.revision}, not {run.revision}"):
        await house.operate(run, "resume", expected_revision=run.revision)
    assert house.run().status == "paused"


async def test_an_operation_that_the_state_does_not_allow_names_what_is(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    with pytest.raises(TransitionRefused) as raised:
        await house.operate(house.run(), "advance", data={"transition": "nope"})
    assert {"done", "refused"} <= set(raised.value.allowed)
    assert house.run().revision == 1


async def test_an_operation_on_an_unknown_enrollment_is_not_found(house: House) -> None:
    with pytest.raises(NotFound):
        await house.ask(Operate("default", "nope", "cancel", "r1", "h"))


async def test_a_run_that_ended_cannot_be_cancelled(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    await house.finish(await house.take())
    with pytest.raises(TransitionRefused):
        await house.operate(house.run(), "cancel")
