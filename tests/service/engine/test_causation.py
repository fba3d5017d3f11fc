"""Workflows that their own steps set off: the chain, its length, and how many events a contact bears in a minute."""

from __future__ import annotations

import pytest

from service.storage.events import count_blocked
from tests.service.engine.house import House

FLOODING = """
    key: maker
    trigger: {type: go}
    steps:
      - id: each
        type: loop
        config:
          type: count
          count: 120
          body:
            - {id: tag, type: add_tag, config: {tag: "t{{loop.index}}"}}
"""
TAKER = """
    key: taker
    trigger: {type: tag_added}
    entry: {reentry: always}
    steps:
      - {id: note, type: set_variable, config: {path: seen, value: true}}
"""


async def test_what_steps_raise_enrols_a_contact_a_hundred_times_a_minute_and_the_rest_is_blocked_for_all_to_see(
    house: House,
) -> None:
    for source in (FLOODING, TAKER):
        await house.publish(source)
    await house.trigger("go")
    assert len(house.runs("taker")) == 100
    assert house.rows("select count(*) from events where blocked = 'flood'")[0][0] == 20
    with house.database.reading() as transaction:
        assert count_blocked(transaction, "default", house.clock.now) == {"flood": 20}
    house.clock.move(60)
    await house.publish(FLOODING.replace("key: maker", "key: more").replace("go}", "again}").replace('"t', '"u'))
    await house.trigger("again", contact="ann")
    assert len(house.runs("taker")) == 200


async def test_events_of_other_contacts_and_of_contact_writes_are_no_flood(house: House) -> None:
    for source in (FLOODING, TAKER):
        await house.publish(source)
    await house.trigger("go")
    await house.change("bob", add_tags=("x",))
    await house.change("ann", add_tags=("x",))
    assert len(house.runs("taker", "bob")) == 1
    assert len(house.runs("taker", "ann")) == 101


async def test_two_journeys_that_tag_each_other_come_to_an_end(house: House) -> None:
    for key, other in (("one", "two"), ("two", "one")):
        await house.publish(f"""
            key: {key}
            trigger: {{type: tag_added, config: {{tag: {key}}}}}
            entry: {{reentry: always}}
            steps:
              - {{id: forget, type: remove_tag, config: {{tag: {other}}}}}
              - {{id: tag, type: add_tag, config: {{tag: {other}}}}}
        """)
    await house.change(add_tags=("one",))
    assert [run.workflow for run in house.runs()] == ["one", "two"]
    assert [row[0] for row in house.rows("select blocked from events where blocked is not null")] == ["causation_own"]


async def test_a_chain_of_ten_workflows_is_the_longest(house: House) -> None:
    for number in range(12):
        await house.publish(f"""
            key: w{number:02}
            trigger: {{type: tag_added, config: {{tag: t{number}}}}}
            steps:
              - {{id: tag, type: add_tag, config: {{tag: t{number + 1}}}}}
        """)
    await house.change(add_tags=("t0",))
    assert len(house.runs()) == 10
    assert house.rows("select count(*) from events where blocked = 'causation_depth'")[0][0] == 1


@pytest.mark.parametrize("step", ["{type: update_field, config: {field: plan, value: pro}}",
                                  "{type: update_score, config: {value: 5}}"])  # fmt: skip
async def test_every_change_of_a_step_carries_the_chain(house: House, step: str) -> None:
    await house.publish(f"key: w\ntrigger: {{type: go}}\nsteps: [{step.replace('{type', '{id: a, type', 1)}]")
    await house.trigger("go")
    raised = [(kind, chain) for kind, _, chain in house.events() if kind in ("field_changed", "score_updated")]
    assert [chain for _, chain in raised] == [("w",)]
