"""What those do who publish, pause, and move workflows of a stage."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Final

from service.engine.deleting import cancel_live
from service.engine.engine import Engine
from service.engine.migrating import begin
from service.engine.migrating import carry_on as migrate_on
from service.engine.publishing import delete
from service.engine.splitting import set_shares
from service.storage.database import Transaction
from service.storage.workflows import StoredWorkflow
from statemachine.errors import LiveEnrollments, NotFound, WorkflowError
from statemachine.migration import Route
from statemachine.steps.split import Split
from tests.chaos.callers import unhurried
from tests.chaos.definitions import Definition, next_version, publication, random_definition
from tests.chaos.stage import Stage

_ALIKE: Final = 4
"""So many neighbouring seeds draw the same definitions, which are compiled once for all of them."""


async def publish(stage: Stage, key: str, definition: Definition) -> int:
    """Answers the version, which may be an old one; 0 while runs of a deleted workflow are left."""
    published = await stage.do(lambda engine: engine.publish(publication(definition)))
    if isinstance(published, WorkflowError):
        assert isinstance(published, LiveEnrollments), published
        return 0
    version = published.version.version
    stage.definitions.setdefault(key, {})[version] = definition
    return version


async def first(stage: Stage, key: str) -> None:
    await publish(stage, key, random_definition(Random(f"{stage.seed // _ALIKE} {key}"), key))


async def again(stage: Stage) -> None:
    """The next version of a workflow, or something else under its name."""
    await revise(stage, stage.workflow())


async def revise(stage: Stage, key: str) -> None:
    known = stage.definitions[key]
    latest = max(known)
    random = Random(f"{stage.seed // _ALIKE} {key} {latest}")
    if stage.chance(0.8):
        definition, mapping = next_version(random, known[latest])
    else:
        definition, mapping = random_definition(random, key), {}
    version = await publish(stage, key, definition)
    if version > latest:
        stage.mappings[key, version] = mapping


async def migrate(stage: Stage) -> None:
    """Runs of a version to the one after it, carried on by others when who began it dies."""
    found = stage.rows(
        "select distinct workflow, version from enrollments where status in ('waiting', 'paused', 'failed')"
    )
    if not found:
        return
    key, version = stage.random.choice(sorted((row[0], row[1]) for row in found))
    if version == max(stage.definitions[key]):
        await revise(stage, key)
    to = min((known for known in stage.definitions[key] if known > version), default=None)
    if to is None:
        return
    name, timers, failed = stage.id(), stage.pick("keep", "recompute"), stage.chance(0.3)

    async def all_of_it(engine: Engine) -> int:
        source, target = await engine.version("default", key, version), await engine.version("default", key, to)
        route = Route(source, target, stage.mappings.get((key, to), {}), timers)
        migration = await engine.read(lambda transaction: begin(transaction, "default", name, route, failed=failed))
        told = [one async for one in migrate_on(engine, migration, unhurried())]
        assert told[-1].done
        return told[-1].changed

    moved = await stage.do(all_of_it)
    assert isinstance(moved, int | NotFound), moved


async def remove(stage: Stage) -> None:
    """A workflow goes, and its runs with it, cancelled by whoever is there."""
    key, force = stage.workflow(), stage.chance(0.7)

    def away(transaction: Transaction) -> StoredWorkflow:
        gone, _ = delete(transaction, stage.clock, "default", key, force=force, expected_revision=None)
        return gone

    gone = await stage.write(away)
    if isinstance(gone, StoredWorkflow) and stage.chance(0.7):
        await stage.do(partial(cancel_live, workflow=gone))


async def activate(stage: Stage) -> None:
    key = stage.workflow()
    version = stage.random.choice(list(stage.definitions[key]))
    await stage.do(lambda engine: engine.activate("default", key, version))


async def weigh(stage: Stage) -> None:
    """Other weights for a split that is live."""
    key = stage.workflow()
    version = stage.random.choice(list(stage.definitions[key]))
    weights = [stage.random.randint(0, 5) for _ in range(3)]

    async def set_them(engine: Engine) -> None:
        workflow = await engine.version("default", key, version)
        for name, step in workflow.steps.items():
            if isinstance(step.runner, Split):
                chosen = dict(zip(step.runner.shares, weights, strict=False))
                put = partial(set_shares, clock=stage.clock, catalog=engine.catalog, tenant="default", key=key)
                await engine.write(partial(put, version=version, step=name, weights=chosen, expected_revision=None))

    await stage.do(set_them)


async def pause(stage: Stage) -> None:
    key, timers = stage.workflow(), stage.pick("keep", "remaining", "catch_up", None)
    events = stage.pick("buffer", "deliver", "drop", None)
    await stage.do(lambda engine: engine.pause_workflow("default", key, timers=timers, events=events))


async def resume(stage: Stage) -> None:
    key = stage.workflow()
    await stage.do(lambda engine: engine.resume_workflow("default", key))
