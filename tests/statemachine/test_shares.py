"""Shares: exact in basis points, set while a version is live, and on everything that happens after the split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import InvalidInput
from statemachine.shares import WHOLE, SetShares, basis_points, label_at
from statemachine.steps.split import Split, sticky_point
from tests.statemachine.checked_world import Simulation, compiled


@pytest.mark.parametrize(
    ("weights", "points"),
    [
        ((50, 50), (5000, 5000)),
        ((1, 1, 1), (3334, 3333, 3333)),
        ((1, 2), (3333, 6667)),
        ((0.1, 0.2, 0.7), (1000, 2000, 7000)),
        ((33.3, 33.3, 33.4), (3330, 3330, 3340)),
        ((1, 1, 1, 1, 1, 1, 1), (1429, 1429, 1429, 1429, 1428, 1428, 1428)),
        ((0, 3), (0, 10_000)),
        ((1e300, 1e300), (5000, 5000)),
        ((100_000, 1), (10_000, 0)),
    ],
)
def test_proportions_become_whole_basis_points(weights: tuple[float, ...], points: tuple[int, ...]) -> None:
    assert basis_points(weights) == points


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=9).filter(any))
def test_shares_are_never_a_basis_point_off_and_sum_to_all(weights: list[int]) -> None:
    points = basis_points(weights)
    assert sum(points) == WHOLE
    assert all(abs(point - weight * WHOLE / sum(weights)) < 1 for point, weight in zip(points, weights, strict=True))


def test_every_point_of_the_line_has_its_label_and_each_label_exactly_its_share() -> None:
    shares = {"a": 3334, "none": 0, "b": 3333, "c": 3333}
    found = [label_at((number + 0.5) / WHOLE, shares) for number in range(WHOLE)]
    assert {label: found.count(label) for label in shares} == shares
    assert label_at(1 - 2**-53, shares) == "c"


FLOW: tuple[Mapping[str, Any], ...] = (
    {"id": "ab", "type": "split", "config": {"variants": {"a": 50, "b": 50}}},
    {"id": "tag", "type": "add_tag", "config": {"tag": "x"}},
    {"id": "rest", "type": "wait", "config": {"for": "1d"}},
)


def _split(**variants: float) -> Split:
    runner = compiled({"id": "ab", "type": "split", "config": {"variants": variants}}).steps["ab"].runner
    assert isinstance(runner, Split)
    return runner


@pytest.mark.parametrize(
    ("weights", "places"),
    [
        ({"a": 1}, ["weights[b]"]),
        ({"a": 1, "b": 1, "c": 1}, ["weights[c]"]),
        ({"a": -1, "b": 1}, ["weights[a]"]),
        ({"a": float("nan"), "b": float("inf")}, ["weights[a]", "weights[b]"]),
        ({"a": 0, "b": 0}, ["weights"]),
    ],
)
def test_weights_that_cannot_be_set_are_refused_with_their_places(weights: dict[str, float], places: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        _split(a=1, b=1).share(weights)
    assert [place for place, _ in refused.value.violations] == places


def test_weights_are_set_in_the_order_of_the_definition() -> None:
    assert list(_split(b=1, a=1).share({"a": 3, "b": 1}).items()) == [("b", 2500), ("a", 7500)]


def _flow(*, mode: str = "sticky") -> Simulation:
    split = {**FLOW[0], "config": {**FLOW[0]["config"], "mode": mode}}
    return Simulation(compiled(split, *FLOW[1:], entry={"reentry": "always"}))


def _set(simulation: Simulation, revision: int, **shares: int) -> None:
    simulation.world.shares = {"flow": {1: {"ab": SetShares(revision, shares)}}}


def _variant(simulation: Simulation, contact: str) -> str:
    simulation.trigger("go", contact)
    return simulation.run.variants["ab"]


@pytest.mark.parametrize("mode", ["sticky", "random"])
def test_shares_that_were_set_decide_and_are_on_record(mode: str) -> None:
    simulation = _flow(mode=mode)
    _set(simulation, 2, a=0, b=10_000)
    assert {_variant(simulation, f"c{number}") for number in range(30)} == {"b"}
    cause = simulation.history[0].cause
    assert cause is not None
    assert cause["reads"]["splits"] == {"shares": {"ab": {"revision": 2, "shares": {"a": 0, "b": 10_000}}}}
    simulation.world.shares = {}
    simulation.audit()


def test_a_contact_that_was_given_a_variant_keeps_it_when_it_comes_again() -> None:
    simulation = _flow()
    names = [f"c{number}" for number in range(40)]
    before = {name: _variant(simulation, name) for name in names}
    assert set(before.values()) == {"a", "b"}
    _set(simulation, 2, a=0, b=10_000)
    assert {name: _variant(simulation, name) for name in names} == before
    assert _variant(simulation, "new") == "b"
    _set(simulation, 3, a=10_000, b=0)
    assert _variant(simulation, "new") == "b"
    simulation.audit()


def test_without_shares_that_were_set_nothing_more_is_on_record() -> None:
    simulation = _flow()
    _variant(simulation, "c1")
    cause = simulation.history[0].cause
    assert cause is not None
    assert "splits" not in cause.get("reads", {})


def test_the_variant_is_on_every_later_line_of_history_and_event() -> None:
    simulation = Simulation(
        compiled({"id": "early", "type": "add_tag", "config": {"tag": "early"}}, *FLOW),
        compiled({"id": "last", "type": "pass"}, key="other", triggers=[{"type": "tag_added"}]),
    )
    simulation.trigger("go")
    flow = next(record for record in simulation.records.values() if record.workflow.key == "flow")
    variants = flow.snapshot.variants
    seen = [(entry.kind, entry.step, dict(entry.variants)) for entry in flow.history]
    assert seen == [
        ("started", None, {}),
        ("step_completed", "early", {}),
        ("step_completed", "ab", variants),
        ("step_completed", "tag", variants),
        ("waiting", "rest", variants),
    ]
    raised = [record.snapshot.trigger["data"] for record in simulation.records.values() if record is not flow]
    assert raised == [{"tag": "early"}, {"tag": "x", "variants": variants}]


def test_the_draw_of_a_share_follows_the_formula() -> None:
    simulation = _flow()
    _set(simulation, 2, a=6000, b=4000)
    for number in range(50):
        name = f"p{number}"
        drawn = "a" if int(sticky_point("flow", "ab", name) * WHOLE) < 6000 else "b"
        assert _variant(simulation, name) == drawn
