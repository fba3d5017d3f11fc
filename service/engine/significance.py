"""Whether two rates really differ, and whether a split gave what it should: on the normal distribution of `statistics`.

- A difference of rates is tested with the two-proportion z-test (pooled, two-sided).
- A rate has the Wilson score interval, a difference of two rates Newcombe's interval, which is made of those
  (R. Newcombe, Statistics in Medicine 17, 1998, method 10).
- Counts are held against shares by a z-test for each variant; the smallest p-value counts, times the number of variants
  (Bonferroni).

Approximations all: they want some conversions in each variant (see `small`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()
_ENOUGH: Final = 10
"""How many converted, and how many that did not, each variant should have."""
MISMATCH: Final = 0.001
"""The p-value below which shares are said not to be kept. They are looked at often, so it is small."""


@dataclass(frozen=True, slots=True)
class Sample:
    """So many of so many."""

    converted: int
    entered: int

    @property
    def rate(self) -> float:
        return self.converted / self.entered if self.entered else 0.0

    @property
    def small(self) -> bool:
        return min(self.converted, self.entered - self.converted) < _ENOUGH


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of a variant with the control. `lift` is relative to the control's rate, None where that is 0.

    `p_value` is None where nothing can be told: nobody in one of them, or everybody alike.
    """

    difference: float
    interval: Interval
    lift: float | None
    p_value: float | None


def interval_of(sample: Sample, confidence: float) -> Interval:
    """Where the true rate lies (Wilson); everything where there is nobody."""
    if not sample.entered:
        return Interval(0.0, 1.0)
    z = _NORMAL.inv_cdf(0.5 + confidence / 2)
    n, p = sample.entered, sample.rate
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def compare(control: Sample, variant: Sample, confidence: float) -> Comparison:
    difference = variant.rate - control.rate
    return Comparison(
        difference,
        _difference_interval(control, variant, confidence),
        difference / control.rate if control.converted else None,
        _p_value(control, variant),
    )


def _p_value(control: Sample, variant: Sample) -> float | None:
    if not control.entered or not variant.entered:
        return None
    pooled = (control.converted + variant.converted) / (control.entered + variant.entered)
    deviation = sqrt(pooled * (1 - pooled) * (1 / control.entered + 1 / variant.entered))
    return _two_sided((variant.rate - control.rate) / deviation) if deviation else None


def _difference_interval(control: Sample, variant: Sample, confidence: float) -> Interval:
    a, b = interval_of(control, confidence), interval_of(variant, confidence)
    difference = variant.rate - control.rate
    below = sqrt((variant.rate - b.low) ** 2 + (a.high - control.rate) ** 2)
    above = sqrt((b.high - variant.rate) ** 2 + (control.rate - a.low) ** 2)
    return Interval(max(-1.0, difference - below), min(1.0, difference + above))


def shares_kept(counted: Mapping[str, int], periods: Sequence[tuple[int, Mapping[str, float]]]) -> float:
    """The p-value of the counts, given the shares (0 to 1) that were in force for so many assignments each."""
    smallest = 1.0
    labels = {*counted, *(label for _, shares in periods for label in shares)}
    for label in labels:
        expected = sum(number * shares.get(label, 0.0) for number, shares in periods)
        variance = sum(number * shares.get(label, 0.0) * (1 - shares.get(label, 0.0)) for number, shares in periods)
        off = counted.get(label, 0) - expected
        if variance:
            smallest = min(smallest, _two_sided(off / sqrt(variance)))
        elif abs(off) > 0.5:
            smallest = 0.0
    return min(1.0, smallest * max(1, len(labels)))


def _two_sided(z: float) -> float:
    return 2 * _NORMAL.cdf(-abs(z))
