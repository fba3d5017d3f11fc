"""What workers, connectors and people do with the tasks of a stage."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import Final

from service.connectors.assignments import Assignments
from service.engine import claims, staffing
from service.engine.commands import DecideTask, FinishTask
from service.engine.engine import Engine
from service.storage.agents import Agent
from service.storage.tasks import LeasedTask, lease_tasks
from service.tasks.leases import TaskQueue
from statemachine.cause import TaskFailure
from tests.chaos.cast import LEASE, Hand
from tests.chaos.stage import Stage
from tests.chaos.words import AGENTS, ASSIGNING, HTTP, QUEUES

_HTTP_FAILURES: Final = (
    TaskFailure("http_503", "GET answered 503", retryable=True),
    TaskFailure("http_429", "GET answered 429", retryable=True, retry_after_s=90.0),
    TaskFailure("http_404", "GET answered 404", retryable=False),
    TaskFailure("connection_lost", "nobody knows", retryable=True),
)


async def work(stage: Stage) -> None:
    """A worker takes what is ready, and does with it what workers do."""
    stage.held += await lease(stage, QUEUES, stage.random.randint(1, 3))
    for task in list(stage.held):
        how = stage.pick("done", "done", "retry", "fail", "keep", "lose", "twice", "extend", "release")
        if how in ("keep", "extend"):
            if how == "extend":
                await stage.do(partial(_extend, task))
            continue
        stage.held.remove(task)
        if how == "release":
            await stage.do(partial(_release, task))
        elif how != "lose":
            await answer(stage, task, how)
        if how == "twice":
            await answer(stage, task, how)


async def _extend(task: LeasedTask, engine: Engine) -> None:
    await TaskQueue(engine).extend("default", task.id, task.lease_token)


async def _release(task: LeasedTask, engine: Engine) -> None:
    await TaskQueue(engine).release("default", task.id, task.lease_token)


async def answer(stage: Stage, task: LeasedTask, how: str) -> None:
    failure = TaskFailure("boom", "it failed", how == "retry") if how in ("retry", "fail") else None
    variables = {"n": stage.random.randint(0, 4)} if failure is None and stage.chance(0.2) else {}
    command = FinishTask("default", task.id, task.lease_token, output={"n": 1}, failure=failure, variables=variables)
    await stage.ask(command)


async def lease(stage: Stage, queues: tuple[str, ...], limit: int) -> list[LeasedTask]:
    now = stage.clock.now
    take = partial(
        lease_tasks,
        tenant="default", queues=list(queues), worker_id="w", limit=limit, now=now, until=now + LEASE,
    )  # fmt: skip
    return sorted(await stage.cast.surely(lambda engine: engine.write(take)), key=attrgetter("id"))


async def reclaim(stage: Stage) -> None:
    await stage.do(lambda engine: TaskQueue(engine).reclaim_expired())


async def connect(stage: Stage) -> None:
    """A replica does what was handed to it and what was left for its connectors; some of it is forgotten."""
    for queue, serve in _SERVED.items():
        tasks = [task for replica in stage.cast.replicas for task in taken(replica.hands[queue])]
        for task in [*tasks, *await lease(stage, (queue,), 2)]:
            if not stage.chance(0.15):
                await serve(stage, task)


def taken(hand: Hand) -> list[LeasedTask]:
    """What was handed over, which the hand is rid of."""
    tasks = list(hand.tasks)
    hand.tasks.clear()
    return tasks


async def call(stage: Stage, task: LeasedTask) -> None:
    """One HTTP call of a connector."""
    failure = stage.random.choice(_HTTP_FAILURES) if stage.chance(0.5) else None
    output = {"status": 200, "headers": {}, "data": {"count": 3}}
    await stage.ask(FinishTask("default", task.id, task.lease_token, output=output, failure=failure))


async def assign(stage: Stage, task: LeasedTask) -> None:
    """The connector itself, on a replica that may die between its two transactions."""

    async def execute(engine: Engine) -> FinishTask:
        done = await Assignments(engine).execute(task)
        return FinishTask("default", task.id, task.lease_token, outcome=done.outcome, output=done.output)

    told = await stage.do(execute)
    if isinstance(told, FinishTask):
        await stage.ask(told)


_SERVED: Final = {HTTP: call, ASSIGNING: assign}


# --- people ---


async def staff(stage: Stage) -> None:
    """An agent comes, goes, or changes."""
    name = stage.random.choice(list(AGENTS))
    now = stage.clock.now
    agent = Agent("default", name, groups=AGENTS[name], max_open=stage.pick(None, 1, 2))
    if stage.chance(0.7):
        availability = stage.pick("available", "available", "away", None)
        await stage.write(lambda transaction: staffing.put(transaction, now, agent, availability, None))
    elif stage.chance(0.7):
        await stage.write(
            lambda transaction: staffing.set_availability(
                transaction, now, "default", name, stage.pick("away", "available")
            )
        )
    else:
        await stage.write(lambda transaction: staffing.delete(transaction, now, "default", name))


async def decide(stage: Stage) -> None:
    """Somebody does something with a human task, mostly who holds it."""
    found = stage.rows("select task_id, agent_id from human_tasks order by task_id")
    if not found:
        return
    task, holder = stage.random.choice(found)
    agent = holder if holder and stage.chance(0.7) else stage.random.choice(list(AGENTS))
    now = stage.clock.now
    how = stage.pick("claim", "release", "reassign", "decide", "decide", "give")
    if how == "claim":
        await stage.write(lambda transaction: claims.claim(transaction, now, "default", task, agent))
    elif how == "release":
        await stage.write(lambda transaction: claims.release(transaction, now, "default", task, agent))
    elif how == "reassign":
        wanted = claims.wanted_of(*stage.pick((agent, ""), ("", "leads"), ("", "")))
        await stage.write(lambda transaction: claims.reassign(transaction, now, "default", task, wanted, "others"))
    elif how == "give":
        await stage.do(staffing.give_out_all)
    else:
        decision, data = stage.pick("approved", "rejected", "maybe"), stage.pick({"n": 4}, {"n": 4}, {}, {"n": 99})
        command = DecideTask("default", task, agent, decision, data, stage.id(), "h")
        await stage.ask(command)
        await stage.ask(command)
