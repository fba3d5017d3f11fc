"""Publishing: immutable versions, one active, and runs that stay on theirs."""

from __future__ import annotations

import pytest

from service.engine.commands import EventAnswer
from service.engine.publishing import Published
from statemachine.errors import DefinitionError, NotFound, StaleRevision
from tests.service.engine.house import House, all_of, event


def _source(tag: str, hours: int = 1) -> str:
    return f"""
        key: w
        name: W
        trigger: {{type: go}}
        entry: {{reentry: always}}
        steps:
          - {{id: hold, type: wait, config: {{for: {hours}h}}}}
          - {{id: tag, type: add_tag, config: {{tag: {tag}}}}}
    """


async def test_the_first_source_becomes_version_one_and_is_active(house: House) -> None:
    published = await house.publish(_source("a"))
    assert published.created
    assert (published.version.version, published.workflow.active_version, published.workflow.revision) == (1, 1, 1)
    assert (published.workflow.key, published.workflow.name) == ("w", "W")


async def test_the_identical_source_again_is_the_same_version(house: House) -> None:
    first = await house.publish(_source("a"))
    again = await house.publish(_source("a"))
    assert not again.created
    assert (again.version, again.workflow) == (first.version, first.workflow)
    assert house.count("workflow_versions") == 1


async def test_an_older_source_again_becomes_active_again_without_a_new_version(house: House) -> None:
    await house.publish(_source("a"))
    await house.publish(_source("b"))
    back = await house.publish(_source("a"))
    assert not back.created
    assert (back.version.version, back.workflow.active_version, back.workflow.latest_version) == (1, 1, 2)


async def test_runs_stay_on_the_version_they_began_with(house: House) -> None:
    await house.publish(_source("old"))
    await house.trigger("go", "ann")
    await house.publish(_source("new"))
    await house.trigger("go", "bob")
    await house.fire(3600)
    assert [run.version for run in house.runs()] == [1, 2]
    assert (house.contact("ann").tags, house.contact("bob").tags) == (("old",), ("new",))


async def test_a_version_published_without_activation_takes_nobody_in_until_it_is_activated(house: House) -> None:
    await house.publish(_source("a"))
    published = await house.publish(_source("b"), activate=False)
    assert (published.version.version, published.workflow.active_version) == (2, 1)
    assert (await house.trigger("go", id="1")).verdicts[0].version == 1
    activated = await house.engine.activate("default", "w", 2, expected_revision=published.workflow.revision)
    assert activated.active_version == 2
    assert (await house.trigger("go", id="2")).verdicts[0].version == 2
    await house.engine.activate("default", "w", 1)
    assert (await house.trigger("go", id="3")).verdicts[0].version == 1


async def test_a_source_that_says_it_is_inactive_stays_so_however_often_it_is_published(house: House) -> None:
    source = _source("a").replace("name: W", "name: W\n        isActive: false")
    for _ in range(2):
        assert (await house.publish(source)).workflow.active_version is None
    assert (await house.trigger("go")).verdicts == ()


async def test_another_replica_enrols_into_what_was_published_last(house: House) -> None:
    other = await house.replica("r2")
    for number, tag in enumerate("abc", 1):
        await house.publish(_source(tag))
        answer = await house.ask(event("go", id=f"go{number}"), of=other)
        assert isinstance(answer, EventAnswer)
        assert answer.verdicts[0].version == number


async def test_concurrent_publishes_of_one_workflow_get_numbers_without_a_gap(house: House) -> None:
    other = await house.replica("r2")
    published: list[Published] = await all_of(
        *(house.publish(_source(f"t{number}"), of=other if number % 2 else None) for number in range(8))
    )
    assert sorted(one.version.version for one in published) == list(range(1, 9))
    assert sorted(one.workflow.revision for one in published) == list(range(1, 9))
    assert house.rows("select latest_version, revision from workflows") == [(8, 8)]


async def test_concurrent_publishes_of_one_source_make_one_version(house: House) -> None:
    other = await house.replica("r2")
    published: list[Published] = await all_of(
        *(house.publish(_source("same"), of=other if number % 2 else None) for number in range(6))
    )
    assert {one.version.version for one in published} == {1}
    assert [one.created for one in published].count(True) == 1


async def test_only_one_of_two_who_expect_the_same_revision_publishes(house: House) -> None:
    await house.publish(_source("a"))

    async def attempt(tag: str) -> str:
        try:
            await house.publish(_source(tag), expected_revision=1)
        except StaleRevision:
            return "stale"
        return "published"

    assert sorted(await all_of(attempt("b"), attempt("c"))) == ["published", "stale"]
    assert house.count("workflow_versions") == 2


async def test_a_publication_that_expects_no_workflow_is_refused_where_there_is_one(house: House) -> None:
    await house.publish(_source("a"), expected_revision=0)
    with pytest.raises(StaleRevision):
        await house.publish(_source("b"), expected_revision=0)


async def test_a_definition_with_errors_is_refused_with_all_of_them_and_stores_nothing(house: House) -> None:
    with pytest.raises(DefinitionError) as raised:
        await house.publish("key: w\ntrigger: {type: go}\nsteps: [{id: a, type: nope}, {id: a, type: pass}]")
    assert len([problem for problem in raised.value.problems if problem.severity == "error"]) == 2
    assert (house.count("workflows"), house.count("workflow_versions")) == (0, 0)


async def test_an_unknown_workflow_or_version_is_not_found(house: House) -> None:
    with pytest.raises(NotFound):
        await house.engine.activate("default", "w", 1)
    with pytest.raises(NotFound):
        await house.engine.version("default", "w")
    await house.publish(_source("a"))
    with pytest.raises(NotFound):
        await house.engine.activate("default", "w", 2)
    with pytest.raises(NotFound):
        await house.engine.version("default", "w", 2)
    assert (await house.engine.version("default", "w")).version == 1


async def test_a_restarted_engine_knows_every_version(house: House) -> None:
    await house.publish(_source("old"))
    await house.trigger("go")
    await house.publish(_source("new"))
    other = await house.replica("r2")
    house.clock.move(3600)
    assert (await other.fire_due()).fired == 1
    await house.settle()
    assert house.contact().tags == ("old",)
