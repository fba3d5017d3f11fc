"""The statistics of experiments, against published and hand-reckoned figures."""

from __future__ import annotations

import pytest

from service.engine.significance import Sample, compare, interval_of, shares_kept


def test_a_rate_has_the_wilson_interval() -> None:
    interval = interval_of(Sample(10, 100), 0.95)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.0552, 0.1744)
    nobody = interval_of(Sample(0, 0), 0.95)
    assert (nobody.low, nobody.high) == (0.0, 1.0)


def test_a_difference_has_the_interval_of_newcombes_example() -> None:
    interval = compare(Sample(48, 80), Sample(56, 70), 0.95).interval
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.0524, 0.3339)


def test_a_difference_is_tested_by_the_two_proportion_z_test() -> None:
    found = compare(Sample(200, 1000), Sample(250, 1000), 0.95)
    assert round(found.difference, 4) == 0.05
    assert found.lift == pytest.approx(0.25)
    assert found.p_value == pytest.approx(0.00742, abs=5e-5)


@pytest.mark.parametrize(
    ("control", "variant", "lift"),
    [((0, 0), (3, 9), None), ((3, 9), (0, 0), -1.0), ((0, 9), (0, 9), None), ((9, 9), (9, 9), 0.0)],
)
def test_nothing_is_told_where_nothing_can_be_told(
    control: tuple[int, int], variant: tuple[int, int], lift: float | None
) -> None:
    found = compare(Sample(*control), Sample(*variant), 0.95)
    assert (found.p_value, found.lift) == (None, lift)


@pytest.mark.parametrize(
    ("counted", "periods", "p_value"),
    [
        ({"a": 1000, "b": 1100}, [(2100, {"a": 0.5, "b": 0.5})], 0.0582),
        ({"a": 1000, "b": 1000}, [(2000, {"a": 0.5, "b": 0.5})], 1.0),
        ({"a": 500, "b": 1500}, [(1000, {"a": 0.5, "b": 0.5}), (1000, {"a": 0.0, "b": 1.0})], 1.0),
        ({"a": 1, "b": 99}, [(100, {"a": 0.0, "b": 1.0})], 0.0),
        ({"a": 99, "c": 1}, [(100, {"a": 0.5, "b": 0.5})], 0.0),
    ],
)
def test_counts_are_held_against_the_shares_of_their_time(
    counted: dict[str, int], periods: list[tuple[int, dict[str, float]]], p_value: float
) -> None:
    assert shares_kept(counted, periods) == pytest.approx(p_value, abs=5e-5)
