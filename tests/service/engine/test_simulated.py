"""A simulation tells what the real engine does: the same script, played on both, leaves the same histories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.storage.dialect import instant, load
from service.storage.tasks import LeasedTask, lease_tasks
from statemachine.cause import TaskFailure
from statemachine.contact import contact_to_data
from statemachine.definition import compile_workflow
from statemachine.errors import WorkflowError
from statemachine.simulation.script import Act, Result, Script, completed
from statemachine.simulation.simulate import Simulated, simulate
from statemachine.simulation.trace import Answer
from statemachine.snapshot import Snapshot
from tests.service.engine.house import START, House

QUEUES = ("messages", "http", "default")
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
    await _Driver(house, script).play()
    assert _of_store(house) == _of_world(simulated)
    assert _data(contact_to_data(house.contact())) == _data(contact_to_data(simulated.world.contacts["ann"]))


def _of_world(simulated: Simulated) -> list[Any]:
    return [
        {
            "status": record.snapshot.status.value,
            "variables": _data(record.snapshot.variables),
            "outputs": _data(_without_ids(record.snapshot.outputs)),
            "history": [
                (entry.at - START, entry.kind, entry.step, entry.outcome, entry.attempt, entry.error_code)
                for entry in record.history
            ],
        }
        for record in simulated.world.records.values()
    ]


def _of_store(house: House) -> list[Any]:
    return [
        {
            "status": run.status.value,
            "variables": _data(run.variables),
            "outputs": _data(_without_ids(run.outputs)),
            "history": _history(house, run),
        }
        for run in house.runs()
    ]


def _history(house: House, run: Snapshot) -> list[tuple[Any, ...]]:
    rows = house.rows(
        "select at, kind, step, entry from history where enrollment_id = :id order by sequence", id=run.id
    )
    found = []
    for at, kind, step, raw in rows:
        entry = load(raw)
        moment = instant(at)
        assert moment is not None
        details = (entry.get("outcome"), entry.get("attempt", 0), entry.get("error_code"))
        found.append((moment - START, kind, step, *details))
    return found


def _without_ids(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        step: {key: value for key, value in output.items() if key != "message_id"}
        for step, output in outputs.items()
        if isinstance(output, Mapping)
    }


def _data(value: Any) -> Any:
    return json.loads(json.dumps(value, default=dict, sort_keys=True))


class _Driver:
    """Plays a script on a house, in the order that simulations keep: answers, then timers, then the next act."""

    def __init__(self, house: House, script: Script) -> None:
        self._house = house
        self._script = script
        self._acts = sorted(script.acts, key=lambda one: one.after)
        self._visits: dict[str, int] = {}
        self._open: dict[str, tuple[datetime, LeasedTask, Answer]] = {}
        self._serial = 0

    async def play(self) -> None:
        house, ends_at = self._house, START + self._script.lasts
        for _ in range(1_000):
            await self._lease()
            options = [(at, 0) for at, _, _ in self._open.values()]
            options += [(at, 1) for at in self._dues()]
            options += [(START + self._acts[0].after, 2)] if self._acts else []
            if not options or min(options)[0] > ends_at:
                return
            at, kind = min(options)
            house.clock.now = max(house.clock.now, at)
            await (self._answer, house.fire, self._act)[kind]()
        raise AssertionError("the script has no end")

    def _dues(self) -> list[datetime]:
        rows = [
            *self._house.rows("select due_at from enrollments where due_at is not null"),
            *self._house.rows("select due_at from contact_dates where due_at is not null"),
        ]
        return [at for row in rows if (at := instant(row[0])) is not None] + self._retries()

    def _retries(self) -> list[datetime]:
        """A task that becomes ready later is looked at then: firing does nothing, and the lease finds it."""
        rows = self._house.rows("select available_at from tasks where status = 'ready'")
        return [at for row in rows if (at := instant(row[0])) is not None]

    async def _lease(self) -> None:
        now = self._house.clock.now
        taken = await self._house.engine.write(
            lambda transaction: lease_tasks(
                transaction, "default", QUEUES, worker_id="w", limit=9, now=now, until=now + timedelta(days=99)
            )
        )
        for task in taken:
            if task.attempt == 1:
                self._visits[task.step] = self._visits.get(task.step, 0) + 1
            results = self._script.results.get((task.workflow, task.step), (Result(Answer()),))
            answer = results[min(self._visits[task.step], len(results)) - 1].answer(task.attempt)
            if not answer.never:
                self._open[task.id] = (now + answer.after, task, answer)

    async def _answer(self) -> None:
        task_id = min(self._open, key=lambda name: self._open[name][0])
        _, task, answer = self._open.pop(task_id)
        self._serial += 1
        full = completed(answer, _Ordered(task), self._serial)  # type: ignore[arg-type]
        try:
            await self._house.finish(task, full.output, failure=full.failure, outcome=full.outcome)
        except WorkflowError:
            return

    async def _act(self) -> None:
        one = self._acts.pop(0)
        if one.kind == "event":
            given: dict[str, Any] = {"data": one.data, "contact_patch": one.contact_patch}
            kind = "message_received" if one.type == "sms_received" else one.type
            if kind != one.type:
                given["data"] = {**one.data, "channel": "sms"}
            await self._house.trigger(kind, "ann", id=one.id, **given)
        elif one.kind == "upsert":
            await self._house.change("ann", patch=one.data, request_id="upsert")
        else:
            live = [run for run in self._house.runs("nurture") if run.live]
            await self._house.operate(live[-1], one.kind, data=one.data)


class _Ordered:
    """A leased task, which no person does, in the words of its order."""

    human = None

    def __init__(self, task: LeasedTask) -> None:
        self.queue, self.type, self.input = task.queue, task.type, task.input
