"""Experiments: who counts under which variant, and what converts them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.engine.experiment import Question, Result, ask_experiment
from service.engine.splitting import set_shares
from service.storage.funnel_queries import Cohort
from statemachine.errors import InvalidInput
from statemachine.shares import WHOLE
from statemachine.steps.split import sticky_point
from tests.service.engine.house import House, event

FLOW = """
key: flow
trigger: {type: go}
entry: {reentry: always}
exit: [{on: bought, goal: purchase}, {on: subscribed, goal: newsletter}]
steps:
  - {id: ab, type: split, config: {variants: {a: 40, b: 40, holdout: 20}}}
  - {id: rest, type: wait, config: {for: 30d}}
"""


def _ask(house: House, **given: Any) -> Result:
    with house.database.analysing() as transaction:
        return ask_experiment(transaction, house.engine.catalog, Question(Cohort("default", "flow"), **given))


def _drawn(label: str, count: int) -> list[str]:
    """Contacts that the definition gives this variant."""
    bounds = {"a": range(4000), "b": range(4000, 8000), "holdout": range(8000, WHOLE)}
    names = (f"c{number}" for number in range(1000))
    return [name for name in names if int(sticky_point("flow", "ab", name) * WHOLE) in bounds[label]][:count]


async def _enter(house: House, names: list[str], wave: str = "1") -> None:
    await house.ask_all([event("go", name, id=f"{wave}-{name}") for name in names])


def _counts(result: Result) -> dict[str, tuple[int, int]]:
    return {one.label: (one.sample.entered, one.sample.converted) for one in result.variants}


async def test_a_contact_counts_once_under_its_first_variant_and_converts_by_any_later_run(house: House) -> None:
    await house.publish(FLOW)
    a, b, held = _drawn("a", 5), _drawn("b", 4), _drawn("holdout", 3)
    await _enter(house, a + b + held)
    await _enter(house, a, "2")
    house.clock.move(timedelta(hours=1))
    await house.ask_all([event("bought", name) for name in (*a[:3], *b[:1])])
    await house.trigger("subscribed", b[1])
    result = _ask(house)
    assert _counts(result) == {"a": (5, 3), "b": (4, 2), "holdout": (3, 0)}
    assert {one.label: dict(one.goals) for one in result.variants if one.goals} == {
        "a": {"purchase": 3},
        "b": {"purchase": 1, "newsletter": 1},
    }
    assert [one.share for one in result.variants] == [4000, 4000, 2000]
    assert _counts(_ask(house, goal="purchase"))["b"] == (4, 1)
    assert any("holdout" in warning for warning in result.warnings)
    assert any("too early" in warning for warning in result.warnings)


async def test_an_event_as_goal_counts_within_its_time_for_the_holdout_too(house: House) -> None:
    await house.publish(FLOW)
    names = {label: _drawn(label, 2) for label in ("a", "b", "holdout")}
    await house.trigger("paid", names["b"][0], id="before")
    house.clock.move(timedelta(hours=1))
    await _enter(house, [name for each in names.values() for name in each])
    house.clock.move(timedelta(days=1))
    await house.trigger("paid", names["a"][0])
    house.clock.move(timedelta(days=1))
    await house.trigger("paid", names["holdout"][0])
    assert _counts(_ask(house, goal_event="paid")) == {"a": (2, 1), "b": (2, 0), "holdout": (2, 1)}
    soon = _ask(house, goal_event="paid", within=timedelta(days=1))
    assert _counts(soon) == {"a": (2, 1), "b": (2, 0), "holdout": (2, 0)}


async def test_numbers_are_held_against_the_shares_of_their_time(house: House) -> None:
    await house.publish(FLOW)
    await _enter(house, [f"c{number}" for number in range(200)])
    fair = _ask(house)
    assert fair.shares_p_value is not None
    assert fair.shares_p_value > 0.01
    house.clock.move(timedelta(hours=1))
    engine, weights = house.engine, {"a": 1.0, "b": 0.0, "holdout": 0.0}
    house.database.run(
        lambda transaction: set_shares(
            transaction, engine.clock, engine.catalog, "default", "flow", None, "ab", weights, None
        )
    )
    await _enter(house, [f"n{number}" for number in range(200)])
    moved = _ask(house)
    assert moved.shares_p_value == pytest.approx(fair.shares_p_value)
    assert [one.share for one in moved.variants] == [WHOLE, 0, 0]
    await house.publish(FLOW.replace("key: flow", "key: other"))
    names = [f"x{n}" for n in range(400) if sticky_point("other", "ab", f"x{n}") < 0.4][:60]
    await house.ask_all([event("go", name, id=f"o-{name}") for name in names])
    with house.database.analysing() as transaction:
        broken = ask_experiment(transaction, engine.catalog, Question(Cohort("default", "other")))
    assert broken.shares_p_value is not None
    assert broken.shares_p_value < 0.001
    assert any("do not fit" in warning for warning in broken.warnings)


async def test_a_variant_that_the_version_has_no_more_is_shown_as_removed(house: House) -> None:
    await house.publish(FLOW)
    await _enter(house, _drawn("b", 2))
    await house.publish(FLOW.replace("b: 40", "c: 40"))
    result = _ask(house, control="c")
    assert [(one.label, one.removed, one.comparison is None) for one in result.variants] == [
        ("a", False, False),
        ("c", False, True),
        ("holdout", False, False),
        ("b", True, False),
    ]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"step": "rest"}, "step"),
        ({"step": "nowhere"}, "step"),
        ({"goal": "fame"}, "goal"),
        ({"goal_event": "unheard"}, "goal_event"),
        ({"control": "z"}, "control"),
    ],
)
async def test_what_there_is_not_is_refused_with_what_there_is(house: House, given: dict[str, str], place: str) -> None:
    await house.publish(FLOW)
    with pytest.raises(InvalidInput) as refused:
        _ask(house, **given)
    assert [where for where, _ in refused.value.violations] == [place]
