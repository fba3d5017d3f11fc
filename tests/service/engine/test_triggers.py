"""Triggers that are switched off, on both stores."""

from __future__ import annotations

from tests.service.engine.house import House

TWO = """
    key: w
    triggers:
      - {id: ads, type: lead, config: {source: ads}, enabled: %s}
      - {id: shop, type: lead, config: {source: shop}}
    entry: {reentry: always}
    steps: [{id: hold, type: wait, config: {for: 1h}}]
"""


async def _lead(house: House, number: int, source: str) -> tuple[str, str]:
    answer = await house.trigger("lead", id=f"lead{number}", data={"source": source})
    return answer.verdicts[0].kind, answer.verdicts[0].rule


async def test_a_trigger_that_is_switched_off_enrols_nobody_and_the_others_go_on(house: House) -> None:
    await house.publish(TWO % "false")
    assert (await _lead(house, 1, "ads"))[0] == "NOT_MATCHED"
    assert await _lead(house, 2, "shop") == ("ENROLLED", "")
    assert [run.trigger["data"]["source"] for run in house.runs()] == ["shop"]


async def test_a_version_that_switches_a_trigger_off_leaves_its_runs_alone(house: House) -> None:
    await house.publish(TWO % "true")
    assert await _lead(house, 1, "ads") == ("ENROLLED", "")
    await house.publish(TWO % "false")
    assert (await _lead(house, 2, "ads"))[0] == "NOT_MATCHED"
    await house.fire(3600)
    assert [(run.version, run.status.value) for run in house.runs()] == [(1, "completed")]
    await house.publish(TWO % "true")
    assert await _lead(house, 3, "ads") == ("ENROLLED", "")


async def test_where_every_trigger_is_off_contacts_enter_by_api_alone(house: House) -> None:
    await house.publish(
        "key: w\ntrigger: {type: go, enabled: false}\nsteps: [{id: a, type: add_tag, config: {tag: in}}]"
    )
    answer = await house.trigger("go")
    assert [(one.kind, one.rule) for one in answer.verdicts] == [("NOT_MATCHED", "the trigger is disabled")]
    await house.enroll("w")
    assert house.contact().tags == ("in",)
