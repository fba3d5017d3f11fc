"""Entry rules asked of the store: whoever was in before, live or ended, in this batch or years ago."""

from __future__ import annotations

import pytest

from service.engine.commands import EnrollAnswer, EnrollContact, EventAnswer
from statemachine.errors import NotFound
from tests.service.engine.house import House, event


def _workflow(entry: str, wait: str = "1h") -> str:
    return f"""
        key: w
        trigger: {{type: go}}
        entry: {entry}
        steps: [{{id: hold, type: wait, config: {{for: {wait}}}}}]
    """


async def _go(house: House, number: int) -> tuple[str, str]:
    answer = await house.trigger("go", id=f"go{number}")
    return answer.verdicts[-1].kind, answer.verdicts[-1].rule


async def test_never_again_means_never_though_the_first_run_is_long_over(house: House) -> None:
    await house.publish(_workflow("{reentry: never}"))
    assert await _go(house, 1) == ("ENROLLED", "")
    assert await _go(house, 2) == ("BLOCKED", "reentry")
    await house.fire(3600)
    assert await _go(house, 3) == ("BLOCKED", "reentry")
    house.clock.move(10**8)
    assert await _go(house, 4) == ("BLOCKED", "reentry")


async def test_after_exit_is_the_rule_where_none_is_given(house: House) -> None:
    await house.publish(_workflow("{}"))
    assert await _go(house, 1) == ("ENROLLED", "")
    assert await _go(house, 2) == ("BLOCKED", "reentry")
    await house.fire(3600)
    assert await _go(house, 3) == ("ENROLLED", "")


async def test_a_cooldown_counts_from_the_end_of_the_last_run(house: House) -> None:
    await house.publish(_workflow("{cooldown: 1d}"))
    await _go(house, 1)
    await house.fire(3600)
    house.clock.move(86_399)
    assert await _go(house, 2) == ("BLOCKED", "cooldown")
    house.clock.move(1)
    assert await _go(house, 3) == ("ENROLLED", "")


async def test_a_cooldown_counts_from_the_start_where_runs_may_overlap(house: House) -> None:
    await house.publish(_workflow("{reentry: always, cooldown: 1h}", wait="30d"))
    await _go(house, 1)
    house.clock.move(3599)
    assert await _go(house, 2) == ("BLOCKED", "cooldown")
    house.clock.move(1)
    assert await _go(house, 3) == ("ENROLLED", "")
    assert len(house.runs()) == 2


async def test_a_cooldown_counts_for_each_entry_key_on_every_replica(house: House) -> None:
    rules = "{reentry: always, cooldown: 1h}"
    await house.publish(_workflow(rules, wait="30d").replace("{type: go}", '{type: go, key: "{{trigger.data.order}}"}'))
    other = await house.replica("r2")
    told = []
    for number, (order, after) in enumerate([("a", 0), ("a", 3599), ("b", 0), ("a", 1), ("b", 3598), ("b", 1)]):
        house.clock.move(after)
        answer = await house.ask(event("go", id=f"go{number}", data={"order": order}), of=other if number % 2 else None)
        assert isinstance(answer, EventAnswer)
        told.append((order, answer.verdicts[-1].kind, answer.verdicts[-1].rule))
    assert told == [
        ("a", "ENROLLED", ""), ("a", "BLOCKED", "cooldown"), ("b", "ENROLLED", ""),
        ("a", "ENROLLED", ""), ("b", "BLOCKED", "cooldown"), ("b", "ENROLLED", ""),
    ]  # fmt: skip


async def test_max_entries_counts_across_batches_and_replicas(house: House) -> None:
    await house.publish(_workflow("{reentry: always, max_entries: 3}"))
    other = await house.replica("r2")
    kinds = []
    for number in range(5):
        answer = await house.ask(event("go", id=f"go{number}"), of=other if number % 2 else None)
        assert isinstance(answer, EventAnswer)
        kinds.append(answer.verdicts[0].kind)
    assert kinds == ["ENROLLED"] * 3 + ["BLOCKED"] * 2


async def test_max_entries_counts_within_a_batch(house: House) -> None:
    await house.publish(_workflow("{reentry: always, max_entries: 3}"))
    await _go(house, 0)
    answers = await house.ask_all([event("go", id=f"again{number}") for number in range(4)])
    kinds = [answer.verdicts[0].kind for answer in answers if isinstance(answer, EventAnswer)]
    assert kinds == ["ENROLLED", "ENROLLED", "BLOCKED", "BLOCKED"]


async def test_rules_count_per_key(house: House) -> None:
    source = _workflow("{reentry: never}").replace("{type: go}", '{type: go, key: "{{trigger.data.order}}"}')
    await house.publish(source)
    orders = ["a", "b", "a", "b", "c"]
    answers = await house.ask_all([event("go", id=f"g{n}", data={"order": o}) for n, o in enumerate(orders)])
    kinds = [answer.verdicts[0].kind for answer in answers if isinstance(answer, EventAnswer)]
    assert kinds == ["ENROLLED", "ENROLLED", "BLOCKED", "BLOCKED", "ENROLLED"]
    assert sorted(run.entry_key for run in house.runs()) == ["a", "b", "c"]


async def test_restart_ends_the_live_run_and_begins_another(house: House) -> None:
    await house.publish(_workflow("{reentry: restart}"))
    await _go(house, 1)
    house.clock.move(60)
    answer = await house.trigger("go", id="go2")
    assert [(verdict.kind, verdict.rule) for verdict in answer.verdicts] == [("EXITED", "restarted"), ("ENROLLED", "")]
    first, second = house.runs()
    assert (first.status, first.exit_reason, second.status) == ("exited", "restarted", "waiting")
    await house.fire(3600)
    assert [run.status.value for run in house.runs()] == ["exited", "completed"]


async def test_restart_by_api_and_within_one_batch(house: House) -> None:
    await house.publish(_workflow("{reentry: restart}"))
    answers = await house.ask_all([EnrollContact("default", "w", "ann", f"r{number}", "h") for number in range(3)])
    assert [answer.verdict.kind for answer in answers if isinstance(answer, EnrollAnswer)] == ["ENROLLED"] * 3
    assert [run.status.value for run in house.runs()] == ["exited", "exited", "waiting"]


async def test_enrolling_by_api_obeys_the_same_rules(house: House) -> None:
    await house.publish(_workflow("{reentry: never}"))
    first = await house.enroll("w", input={"a": 1})
    assert first.snapshot is not None
    assert (first.verdict.kind, first.snapshot.step) == ("ENROLLED", "hold")
    again = await house.enroll("w", request_id="another")
    assert (again.verdict.kind, again.verdict.rule, again.snapshot) == ("BLOCKED", "reentry", None)
    assert again.verdict.enrollment_id == first.snapshot.id


async def test_a_dry_run_tells_what_would_happen_and_changes_nothing(house: House) -> None:
    await house.publish(_workflow("{reentry: never}"))
    dry = EnrollContact("default", "w", "ann", "dry", "h", contact_patch={"plan": "pro"}, dry_run=True)
    real = EnrollContact("default", "w", "ann", "real", "h")
    first, _, third = await house.ask_all([dry, real, dry])
    assert isinstance(first, EnrollAnswer)
    assert isinstance(third, EnrollAnswer)
    assert first.verdict.kind == "ENROLLED"
    assert first.snapshot is not None
    assert (third.verdict.kind, third.verdict.rule) == ("BLOCKED", "reentry")
    assert len(house.runs()) == 1
    assert house.contact().get("plan") is None


async def test_an_unknown_workflow_or_version_is_not_found(house: House) -> None:
    await house.publish(_workflow("{}"))
    with pytest.raises(NotFound, match="workflow 'nope'"):
        await house.enroll("nope")
    with pytest.raises(NotFound, match="version 'w@9'"):
        await house.enroll("w", version=9)


async def test_an_older_version_may_be_enrolled_by_a_replica_that_never_ran_it(house: House) -> None:
    await house.publish(_workflow("{}", wait="1h"))
    await house.publish(_workflow("{}", wait="2h"))
    other = await house.replica("r2")
    answer = await other.ask(EnrollContact("default", "w", "ann", "r1", "h", version=1))
    assert isinstance(answer, EnrollAnswer)
    assert answer.verdict.kind == "ENROLLED"
    assert house.run().version == 1


async def test_an_enrolment_without_a_contact_runs_without_one(house: House) -> None:
    await house.publish(_workflow("{}"))
    await house.enroll("w", None, request_id="a")
    await house.enroll("w", None, request_id="b")
    report = await house.fire(3600)
    assert report.fired == 2
    assert {(run.contact_id, run.status.value) for run in house.runs()} == {(None, "completed")}
