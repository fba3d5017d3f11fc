"""Weights that are set while a version is live: in force at every replica, and nobody is moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.engine.splitting import set_shares
from service.storage.dialect import load
from service.storage.split_weights import Setting, settings_of
from statemachine.errors import InvalidInput, NotFound, StaleRevision
from tests.service.engine.house import House, event

FLOW = """
key: flow
trigger: {type: go}
entry: {reentry: always}
exit: [{on: stop, reason: asked}]
steps:
  - {id: rest, type: wait, config: {for: 1h}}
  - {id: ab, type: split, config: {variants: {a: 50, b: 50}}}
  - {id: tag, type: add_tag, config: {tag: x}}
  - {id: work, type: task, config: {queue: work}}
"""


def _set(
    house: House, expected: int | None = None, /, *, step: str = "ab", key: str = "flow", **weights: float
) -> Setting:
    engine = house.engine
    return house.database.run(
        lambda transaction: set_shares(
            transaction, engine.clock, engine.catalog, "default", key, None, step, weights, expected
        )
    )[1]


def _variants(house: House) -> dict[str, list[str]]:
    """By contact, in order of entry; of runs that have passed the split."""
    found: dict[str, list[str]] = {}
    for run in house.runs("flow"):
        if run.variants:
            found.setdefault(run.contact_id or "", []).append(run.variants["ab"])
    return found


async def _enter(house: House, names: list[str], wave: str, **of: Any) -> None:
    await house.ask_all([event("go", name, id=f"{wave}-{name}") for name in names], **of)


async def test_weights_count_from_the_next_contact_on_at_every_replica_and_move_nobody(house: House) -> None:
    await house.publish(FLOW)
    other = await house.replica("r2")
    names = [f"c{number:02}" for number in range(20)]
    await _enter(house, names, "first")
    await house.fire(timedelta(hours=1))
    before = {name: variants[0] for name, variants in _variants(house).items()}
    assert set(before.values()) == {"a", "b"}
    setting = _set(house, a=0, b=3)
    assert (setting.shares, setting.revision) == ({"a": 0, "b": 10_000}, 2)
    fresh = [f"n{number:02}" for number in range(10)]
    await _enter(house, names + fresh, "second", of=other)
    house.clock.move(timedelta(hours=1))
    await other.fire_due()
    await house.settle()
    assert _variants(house) == {name: [label] * 2 for name, label in before.items()} | {name: ["b"] for name in fresh}


async def test_a_contact_keeps_its_variant_also_when_an_event_brings_it_to_the_split(house: House) -> None:
    await house.publish(FLOW.replace("{for: 1h}", "{on: [heard], timeout: 1d}"))
    await house.trigger("go", "ann", id="g1")
    await house.trigger("heard", "ann", id="h1")
    label = house.run().variants["ab"]
    _set(house, a=float(label == "b"), b=float(label == "a"))
    await house.trigger("go", "ann", id="g2")
    await house.trigger("heard", "ann", id="h2")
    await house.enroll("flow", "ann")
    await house.trigger("heard", "ann", id="h3")
    assert _variants(house) == {"ann": [label] * 3}


async def test_every_setting_is_kept_and_a_new_version_begins_with_its_own_weights(house: House) -> None:
    await house.publish(FLOW)
    _set(house, a=0, b=1)
    _set(house, a=1, b=0)
    found = await house.engine.read(lambda transaction: settings_of(transaction, "default", "flow", "ab"))
    assert [(one.version, one.revision, one.shares["a"]) for one in found] == [(1, 2, 0), (1, 3, 10_000)]
    await house.publish(FLOW.replace("tag: x", "tag: y"))
    await _enter(house, [f"c{number:02}" for number in range(20)], "first")
    await house.fire(timedelta(hours=1))
    assert {label for labels in _variants(house).values() for label in labels} == {"a", "b"}


async def test_the_variant_is_on_the_task_and_on_later_events(house: House) -> None:
    await house.publish(FLOW)
    await house.trigger("go")
    await house.fire(timedelta(hours=1))
    variants = house.run().variants
    assert (await house.take()).variants == variants
    assert [data for kind, data, _ in house.events() if kind == "tag_added"] == [{"tag": "x", "variants": variants}]
    lines = [load(row[0]).get("variants") for row in house.rows("select entry from history order by sequence")]
    assert lines == [None] * 3 + [variants] * 3


async def test_a_run_without_a_variant_stores_not_a_byte_more(house: House) -> None:
    await house.publish("key: plain\ntrigger: {type: go}\nsteps: [{id: work, type: task, config: {queue: work}}]")
    await house.trigger("go")
    ((state, variants),) = house.rows("select e.state, t.variants from enrollments e join tasks t on t.id = e.task_id")
    assert (variants, "variants" in load(state)) == (None, False)
    assert not any("variants" in load(row[0]) for row in house.rows("select entry from history"))


async def test_what_cannot_be_set_is_refused_and_nothing_changes(house: House) -> None:
    await house.publish(FLOW)
    with pytest.raises(InvalidInput, match="'rest' is a wait step"):
        _set(house, step="rest", a=1, b=1)
    with pytest.raises(InvalidInput, match="version 1 has ab"):
        _set(house, step="nowhere", a=1, b=1)
    with pytest.raises(InvalidInput, match=r"weights\[b\]"):
        _set(house, a=1)
    with pytest.raises(StaleRevision):
        _set(house, 7, a=1, b=1)
    with pytest.raises(NotFound):
        _set(house, key="nowhere", a=1, b=1)
    assert house.count("split_weights") == 0
    assert _set(house, 1, step="", a=1, b=1).step == "ab"


@pytest.mark.parametrize("before", ["{id: rest, type: wait, config: {for: 1h}}", "{id: work, type: task}"])
async def test_whoever_comes_again_by_another_workflow_stays_with_their_variant(house: House, before: str) -> None:
    await house.publish(FLOW.replace("  - {id: rest, type: wait, config: {for: 1h}}\n", ""))
    sub = "{id: sub, type: sub_workflow, config: {workflow: flow, wait: false}}"
    await house.publish(f"{{key: outer, trigger: {{type: out}}, steps: [{before}, {sub}]}}")
    await house.trigger("go")
    label = house.run("flow").variants["ab"]
    _set(house, a=float(label == "b"), b=float(label == "a"))
    await house.trigger("out")
    for task in await house.lease("default"):
        await house.finish(task)
    await house.fire(timedelta(hours=1))
    assert _variants(house) == {"ann": [label] * 2}
