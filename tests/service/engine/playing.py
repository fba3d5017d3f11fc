"""Playing a script on the real engine, in the order that simulations keep, and what came of it on either side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from service.storage.dialect import instant, load
from service.storage.tasks import LeasedTask, lease_tasks
from statemachine.errors import WorkflowError
from statemachine.names import canonical_event
from statemachine.simulation.script import Result, Script, completed
from statemachine.simulation.simulate import Simulated
from statemachine.simulation.trace import Answer
from statemachine.snapshot import Snapshot
from tests.service.engine.house import START, House

_MINTED: Final = ("message_id", "enrollment_id")
"""What outputs have that is another on each side."""


def of_world(simulated: Simulated) -> list[Any]:
    return [
        {
            "status": record.snapshot.status.value,
            "variables": data_of(record.snapshot.variables),
            "outputs": data_of(_without_ids(record.snapshot.outputs)),
            "history": [
                (entry.at - START, entry.kind, entry.step, entry.outcome, entry.attempt, entry.error_code)
                for entry in record.history
            ],
        }
        for record in simulated.world.records.values()
    ]


def of_store(house: House) -> list[Any]:
    return [
        {
            "status": run.status.value,
            "variables": data_of(run.variables),
            "outputs": data_of(_without_ids(run.outputs)),
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
        step: {key: value for key, value in output.items() if key not in _MINTED}
        for step, output in outputs.items()
        if isinstance(output, Mapping)
    }


def data_of(value: Any) -> Any:
    return json.loads(json.dumps(value, default=dict, sort_keys=True))


class Driver:
    """Plays a script on a house, in the order that simulations keep: answers, then timers, then the next act."""

    def __init__(self, house: House, script: Script) -> None:
        self._house = house
        self._script = script
        self._acts = sorted(script.acts, key=lambda one: one.after)
        self._visits: dict[str, int] = {}
        self._open: dict[str, tuple[datetime, LeasedTask, Answer]] = {}
        self._serial = 0
        self._acts_done = 0

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
        queues = [row[0] for row in self._house.rows("select distinct queue from tasks where status = 'ready'")]
        if not queues:
            return
        taken = await self._house.engine.write(
            lambda transaction: lease_tasks(
                transaction, "default", queues, worker_id="w", limit=9, now=now, until=now + timedelta(days=99)
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
        self._acts_done += 1
        request = f"act-{self._acts_done}"
        if one.kind == "event":
            known = canonical_event(one.type)
            given: dict[str, Any] = {"data": {**one.data, **known.data_filter}, "contact_patch": one.contact_patch}
            if one.conversation_id:
                given["conversation_id"] = one.conversation_id
            await self._house.trigger(known.type, one.contact_id, id=one.id or request, **given)
        elif one.kind == "upsert":
            assert one.contact_id is not None
            await self._house.change(one.contact_id, patch=one.data, request_id=request)
        elif one.kind == "enroll":
            await self._house.enroll(one.workflow, one.contact_id, input=one.data, request_id=request)
        else:
            live = [run for run in self._house.runs(one.workflow) if run.live]
            await self._house.operate(live[-1], one.kind, data=one.data)


class _Ordered:
    """A leased task, which no person does, in the words of its order."""

    human = None

    def __init__(self, task: LeasedTask) -> None:
        self.queue, self.type, self.input = task.queue, task.type, task.input
