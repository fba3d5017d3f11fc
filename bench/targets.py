"""What the first landing must reach. Ratios are to the floor of the same run, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench import w1_burst, w2_timers, w3_events, w4_open_loop
from bench.figures import ECHO, Summary

Measure = Callable[[Summary], float | None]


@dataclass(frozen=True, slots=True)
class Target:
    """`ways` is how the names of the ways it is about begin; the best of them counts."""

    name: str
    workload: str
    ways: tuple[str, ...]
    measure: Measure
    bound: float
    unit: str
    at_most: bool = False
    alternative: Target | None = None

    @property
    def wanted(self) -> str:
        own = f"{'≤' if self.at_most else '≥'} {self.bound:,g} {self.unit}".rstrip()
        return f"{own} or {self.alternative.wanted}" if self.alternative else own


@dataclass(frozen=True, slots=True)
class Verdict:
    """`measured` is in the unit of the target; `met` is None when this run did not measure it."""

    target: Target
    measured: float | None
    met: bool | None


def judge(summaries: Sequence[Summary]) -> list[Verdict]:
    """Every target, by what was measured on PostgreSQL."""
    on_postgresql = [summary for summary in summaries if summary.database == "postgresql"]
    return [_judge(target, on_postgresql) for target in TARGETS]


def _judge(target: Target, summaries: Sequence[Summary]) -> Verdict:
    values = [
        value
        for summary in summaries
        if summary.workload == target.workload and summary.way.startswith(target.ways)
        if (value := target.measure(summary)) is not None
    ]
    if not values:
        return Verdict(target, None, None)
    best = min(values) if target.at_most else max(values)
    met = best <= target.bound if target.at_most else best >= target.bound
    if not met and target.alternative is not None:
        met = bool(_judge(target.alternative, summaries).met)
    return Verdict(target, best, met)


def _ratio(summary: Summary) -> float | None:
    return summary.ratio


def _rate(summary: Summary) -> float | None:
    return summary.rate


def _p99_ms(summary: Summary) -> float | None:
    return summary.p99_ms


def _p99_ratio(summary: Summary) -> float | None:
    return summary.p99_ratio


def _statements(summary: Summary) -> float | None:
    return summary.statements_per_batch


_OF_ECHO: Final = Target("", w1_burst.NAME, ("Trigger,",), _ratio, 0.5, f"of an {ECHO}")

TARGETS: Final = (
    Target("W1, many in a call", w1_burst.NAME, ("TriggerBatch", "TriggerStream"), _ratio, 0.08, "of the fused floor"),
    Target("W1, one in a call", w1_burst.NAME, ("Trigger,",), _rate, 1500, "/s", alternative=_OF_ECHO),
    Target("W2 drain", w2_timers.DRAIN, (w2_timers.DRAINED,), _ratio, 0.30, "of the floor"),
    Target("W2 lateness p99", w2_timers.PACED, (w2_timers.TRICKLED,), _p99_ms, 250, "ms", at_most=True),
    Target("W3", w3_events.NAME, ("TriggerBatch", "TriggerStream"), _ratio, 0.12, "of the floor"),
    Target("W4 p99", w4_open_loop.NAME, ("Trigger",), _p99_ratio, 4, "× the floor's", at_most=True),
    Target("Statements a batch", w1_burst.NAME, ("TriggerBatch",), _statements, 12, "", at_most=True),
)
