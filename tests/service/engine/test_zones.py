"""Local times follow the contact, then the workflow, then the tenant, then UTC, whatever caused the decision."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from statemachine.snapshot import Snapshot
from tests.service.engine.house import House, event

TWICE = """
    key: w
    trigger: {type: go}
    steps:
      - {id: first, type: wait, config: {until: "2026-03-03T09:00"}}
      - {id: second, type: wait, config: {until: "2026-03-04T09:00"}}
"""
TOKYO = datetime(2026, 3, 3, 0, tzinfo=UTC)
BERLIN = datetime(2026, 3, 3, 8, tzinfo=UTC)
NEW_YORK = datetime(2026, 3, 3, 14, tzinfo=UTC)
LONDON = datetime(2026, 3, 3, 9, tzinfo=UTC)


def _deadline(run: Snapshot) -> datetime:
    return run.deadlines["wait"]


@pytest.mark.parametrize(
    ("contact", "workflow", "tenant", "nine"),
    [
        ("America/New_York", "Europe/Berlin", "Asia/Tokyo", NEW_YORK),
        ("nowhere", "Europe/Berlin", "Asia/Tokyo", BERLIN),
        (None, "Europe/Berlin", "Asia/Tokyo", BERLIN),
        (None, None, "Asia/Tokyo", TOKYO),
        (None, None, None, LONDON),
    ],
)
async def test_a_time_without_a_zone_is_local_to_the_nearest_that_names_one(
    house: House, contact: str | None, workflow: str | None, tenant: str | None, nine: datetime
) -> None:
    engine = await house.replica("r2", zone=tenant)
    await house.publish(TWICE.replace("trigger:", f"timezone: {workflow}\n    trigger:") if workflow else TWICE)
    await house.ask(event("go", contact_patch={"timezone": contact} if contact else {}), of=engine)
    assert _deadline(house.run()) == nine
    house.clock.now = nine
    await engine.fire_due()
    assert (house.run().step, _deadline(house.run())) == ("second", nine.replace(day=4))


async def test_a_run_without_a_contact_has_the_zone_of_the_tenant(house: House) -> None:
    engine = await house.replica("r2", zone="Asia/Tokyo")
    await house.publish(TWICE)
    await house.ask(event("go", None), of=engine)
    assert _deadline(house.run()) == TOKYO


async def test_conditions_of_triggers_follow_the_zone_of_the_tenant_too(house: House) -> None:
    engine = await house.replica("r2", zone="Asia/Tokyo")
    evening = '[{type: time, after: "18:00", before: "19:00"}]'
    await house.publish(TWICE.replace("{type: go}", f"{{type: go, conditions: {evening}}}"))
    await house.ask(event("go"), of=engine)  # 09:00 UTC is 18:00 in Tokyo
    assert house.run().status == "waiting"


async def test_templates_and_expressions_can_read_which_execution_they_are_part_of(house: House) -> None:
    await house.publish(
        """
        key: w
        trigger: {type: go}
        steps:
          - {id: before, type: set_variable, config: {path: text, value: "{{execution.tenant_id}}/{{execution.id}}"}}
          - {id: hold, type: wait, config: {for: 1h}}
          - id: after
            type: transform
            config: {expression: "execution.tenant_id + ' ' + execution.workflow_id + ' ' + execution.started_at"}
            output: told
        """
    )
    await house.trigger("go")
    await house.fire(3600)
    run = house.run()
    assert run.variables["text"] == f"default/{run.id}"
    assert run.variables["told"] == f"default w {run.started_at.isoformat()}"  # type: ignore[union-attr]
