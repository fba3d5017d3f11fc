"""A simulation tells what the real engine does: the same script, played on both, leaves the same histories."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from statemachine.cause import TaskFailure
from statemachine.contact import contact_to_data
from statemachine.definition import compile_workflow
from statemachine.simulation.script import Act, Result, Script
from statemachine.simulation.simulate import simulate
from statemachine.simulation.trace import Answer
from tests.service.engine.house import START, House
from tests.service.engine.playing import Driver, data_of, of_store, of_world

TIMEOUT = Answer(failure=TaskFailure("timeout", "too slow", True))
GONE = Answer(failure=TaskFailure("http_404", "gone", False))
RETRY = "retry: {max_attempts: 3, backoff: 1h, factor: 3, max_backoff: 9h, jitter: none}\n"

NURTURE = (
    "key: nurture\ntriggers: [{type: go}]\nentry: {reentry: restart}\nexit: [{on: order_placed, goal: purchase}]\n"
    + RETRY
    + """
variables: {offer: "{{first_name}}"}
steps:
  - {id: hello, type: send_sms, config: {to: "+49", body: "Hi {{first_name}}"}, output: sent, on_error: sorry}
  - {id: reply, type: wait, config: {on: [{event: sms_received, branch: yes}], timeout: 2d}, branches: {yes: hot}}
  - {id: cold, type: add_tag, config: {tag: cold}}
  - {id: again, type: wait, config: {for: 3d}}
  - {id: call, type: http_request, config: {url: "https://example.org/{{contact.id}}"}, next: end}
  - {id: hot, type: update_score, config: {value: 5}}
  - {id: pick, type: condition, config: {field: score, operator: ">", value: 9}, branches: {true: call, false: reply}}
  - {id: sorry, type: update_field, config: {field: stage, value: "lost {{error.code}}"}, next: end}
"""
)
TAGGED = """
key: tagged
triggers: [{type: tag_added}]
steps: [{id: a, type: wait, config: {for: 1h}}, {id: b, type: add_tag, config: {tag: seen}}]
"""
TASKS = """
key: nurture
triggers: [{type: go}]
limits: {max_duration: 9d}
steps:
  - {id: ask, type: task, branches: {no: pause}, next: end}
  - {id: pause, type: wait, config: {for: 1d}}
  - {id: back, type: goto, config: {to: ask}}
"""

DATED = """
key: nurture
triggers: [{type: date, config: {field: due, offset: -1d, at: "09:00"}}]
entry: {reentry: always}
steps:
  - {id: note, type: update_field, config: {field: seen, value: "{{trigger.data.date}}"}}
  - {id: rest, type: wait, config: {for: 1d}}
"""
LEAVING = """
key: nurture
triggers: [{type: go, conditions: [{field: stage, operator: equals, value: lead}]}]
exit: [{on_mismatch: true}]
steps:
  - {id: turn, type: set_variable, config: {path: global.turn.of, value: "{{contact.id}}"}}
  - {id: mine, type: set_variable, config: {path: mine, value: "{{global.turn.of}}"}}
  - {id: ask, type: task}
"""


def act(hours: float, kind: str = "go", **words: Any) -> Act:
    return Act(timedelta(hours=hours), "event", "ann", "nurture", kind, id=f"{kind}-{hours}", **words)


def operate(hours: float, kind: Any, **data: Any) -> Act:
    return Act(timedelta(hours=hours), kind, "ann", "nurture", data=data)


SCRIPTS: Mapping[str, tuple[list[str], tuple[Act, ...], dict[str, tuple[Result, ...]]]] = {
    "silence": ([NURTURE, TAGGED], (act(0, contact_patch={"first_name": "Ann"}),), {}),
    "two answers": ([NURTURE], (act(0), act(1, "sms_received"), act(30, "sms_received")), {}),
    "a goal": ([NURTURE], (act(0), act(5, "order_placed")), {}),
    "a restart": ([NURTURE], (act(0), act(5), act(6, "sms_received"), act(9, "order_placed")), {}),
    "a slow provider": ([NURTURE], (act(0),), {"hello": (Result(TIMEOUT, 2),)}),
    "a provider that is down": ([NURTURE], (act(0),), {"hello": (Result(TIMEOUT),)}),
    "a permanent error": ([NURTURE], (act(0),), {"hello": (Result(GONE),)}),
    "an output": ([NURTURE], (act(0),), {"call": (Result(Answer(output={"status": 201})),)}),
    "a pause": ([NURTURE], (act(0), operate(5, "pause"), act(6, "sms_received"), operate(90, "resume")), {}),
    "a cancelled retry": ([NURTURE], (act(0), operate(0.5, "cancel", reason="x")), {"hello": (Result(TIMEOUT),)}),
    "an upsert": ([NURTURE, TAGGED], (Act(timedelta(0), "upsert", "ann", data={"tags": ["vip"]}), act(1)), {}),
    "a loop of tasks": ([TASKS], (act(0),), {"ask": (Result(Answer("no")), Result(Answer("no")), Result(Answer()))}),
    "a limit": ([TASKS], (act(0),), {"ask": (Result(Answer("no")),)}),
    "a slow worker": ([TASKS], (act(0), operate(1, "pause"), operate(9, "resume")),
                      {"ask": (Result(Answer("done", {"x": 1}, after=timedelta(hours=3))),)}),
    "dates": ([DATED, TAGGED], tuple(
        Act(timedelta(hours=hours), "upsert", "ann", data={"due": due, "tags": ["t"]})
        for hours, due in ((0, "2026-03-10"), (9, "2026-03-12"), (250, "2026-03-12"), (300, "2026-03-20"))
    ), {}),
    "a filter that stops matching": (
        [LEAVING], (act(0, contact_patch={"stage": "lead"}), Act(timedelta(1), "upsert", "ann", data={"stage": "won"})),
        {"ask": (Result(Answer(never=True)),)},
    ),
    "nobody answers": ([TASKS], (act(0),), {"ask": (Result(Answer(never=True)),)}),
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
async def test_what_is_simulated_is_what_the_engine_does(house: House, name: str) -> None:
    sources, acts, results = SCRIPTS[name]
    script = Script(
        tuple(compile_workflow(source, version=1) for source in sources),
        acts,
        results={("nurture", step): answers for step, answers in results.items()},
        starts_at=START,
        lasts=timedelta(days=40),
    )
    simulated = simulate(script)
    for source in sources:
        await house.publish(source)
    await Driver(house, script).play()
    assert of_store(house) == of_world(simulated)
    assert data_of(contact_to_data(house.contact())) == data_of(contact_to_data(simulated.world.contacts["ann"]))
