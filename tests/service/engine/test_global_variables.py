"""Global variables that steps set, on both stores: with the transition, for every run that is decided after it."""

from __future__ import annotations

from typing import Any

from service.storage.variables import get_variable
from tests.service.engine.house import House, event

COUNTER = """
key: counter
trigger: {type: order}
steps:
  - id: count
    type: set_variable
    config:
      values: {global.orders: "{{ global.orders | default: 0 | plus: 1 }}", global.last.who: "{{contact.id}}"}
  - {id: keep, type: set_variable, config: {path: number, value: "{{global.orders}}"}}
  - {id: rest, type: wait, config: {for: 1h}}
  - {id: clear, type: set_variable, config: {path: global.last, value: null}}
"""


async def _value(house: House, name: str) -> tuple[Any, int]:
    stored = await house.engine.read(lambda transaction: get_variable(transaction, "default", name))
    assert stored is not None
    return stored.value, stored.revision


async def test_runs_of_one_batch_count_on_and_each_is_written_once(house: House) -> None:
    await house.publish(COUNTER)
    one = await house.replica("one", lanes=1)
    await house.ask_all([event("order", contact, id=contact) for contact in ("ann", "ben", "eve")], of=one)
    assert sorted(run.variables["number"] for run in house.runs()) == ["1", "2", "3"]
    assert (await _value(house, "orders"))[0] == "3"
    last, _ = await _value(house, "last")
    assert last["who"] in ("ann", "ben", "eve")


async def test_another_replica_decides_its_next_batch_with_the_new_value(house: House) -> None:
    await house.publish(COUNTER)
    other = await house.replica("r2")
    for number, engine in enumerate([house.engine, other, house.engine, other], 1):
        await house.ask(event("order", f"c{number}", id=str(number)), of=engine)
    assert sorted(run.variables["number"] for run in house.runs()) == ["1", "2", "3", "4"]
    assert (await _value(house, "orders"))[1] == 4


async def test_a_step_after_a_timer_sets_one_too_and_null_is_a_value(house: House) -> None:
    await house.publish(COUNTER)
    await house.trigger("order")
    await house.fire(3600)
    assert await _value(house, "last") == (None, 2)
    assert house.run().status == "completed"


async def test_a_try_of_an_enrolment_sets_nothing(house: House) -> None:
    await house.publish(COUNTER)
    await house.enroll("counter", dry_run=True)
    assert house.count("variables") == 0
