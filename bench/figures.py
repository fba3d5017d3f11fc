"""What a run of a workload brings, and how several runs become one: always by the median."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds below which half and 99 % of the waits lay."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One run of one way of doing a workload. None is what this way cannot tell.

    `items` are workflows, timers or events; `cpu_s` is of the program and the database together; `written` are bytes of
    write-ahead log; `transitions` is how many each item makes; `floor` names the way that this one is compared with;
    `paced` says that the load set the rate, so that there is nothing to compare in it.
    """

    database: str
    workload: str
    way: str
    items: int
    seconds: float
    floor: str | None = None
    spread: Spread | None = None
    cpu_s: float | None = None
    rss_mib: float | None = None
    statements_per_batch: float | None = None
    items_per_batch: float | None = None
    written: int | None = None
    transitions: int = 1
    paced: bool = False

    @property
    def rate(self) -> float:
        """Items in a second."""
        return self.items / self.seconds

    @property
    def key(self) -> tuple[str, str, str]:
        return self.database, self.workload, self.way


@dataclass(frozen=True, slots=True)
class Summary:
    """The medians of the runs of one way. `ratio` is the rate, `cpu_ratio` the rate per CPU second and `p99_ratio` the
    p99, beside the floor's of the same round.
    """

    database: str
    workload: str
    way: str
    floor: str | None
    runs: int
    items: int
    rate: float
    ratio: float | None
    cpu_ratio: float | None
    p50_ms: float | None
    p99_ms: float | None
    p99_ratio: float | None
    cpu_s_per_1000: float | None
    rss_mib: float | None
    statements_per_batch: float | None
    items_per_batch: float | None
    bytes_per_transition: float | None


Rounds = Sequence[Sequence[Figure]]


def spread_of(seconds: Iterable[float]) -> Spread | None:
    """The spread of some waits, given in seconds; None when there are none."""
    ordered = sorted(seconds)
    if not ordered:
        return None
    return Spread(_rank(ordered, 0.50) * 1000, _rank(ordered, 0.99) * 1000)


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def summarise(rounds: Rounds) -> list[Summary]:
    """A summary of each way, by database and workload, the floor first."""
    keys = dict.fromkeys(figure.key for figures in rounds for figure in figures)
    places = {key[:2]: place for place, key in reversed(list(enumerate(keys)))}
    summaries = [_summary(key, rounds) for key in keys]
    return sorted(
        summaries, key=lambda one: (one.database, places[one.database, one.workload], one.floor is not None, one.way)
    )


def _summary(key: tuple[str, str, str], rounds: Rounds) -> Summary:
    runs = [figure for figures in rounds for figure in figures if figure.key == key]
    first = runs[0]
    return Summary(
        database=first.database,
        workload=first.workload,
        way=first.way,
        floor=first.floor,
        runs=len(runs),
        items=first.items,
        rate=median(figure.rate for figure in runs),
        ratio=None if first.paced else _beside_floor(key, rounds, lambda figure: figure.rate),
        cpu_ratio=_beside_floor(key, rounds, _rate_per_cpu_s),
        p50_ms=_median(_p50(figure) for figure in runs),
        p99_ms=_median(_p99(figure) for figure in runs),
        p99_ratio=_beside_floor(key, rounds, _p99),
        cpu_s_per_1000=_median(_per_item(figure, figure.cpu_s, 1000) for figure in runs),
        rss_mib=_median(figure.rss_mib for figure in runs),
        statements_per_batch=_median(figure.statements_per_batch for figure in runs),
        items_per_batch=_median(figure.items_per_batch for figure in runs),
        bytes_per_transition=_median(_per_item(figure, figure.written, 1 / figure.transitions) for figure in runs),
    )


def _beside_floor(key: tuple[str, str, str], rounds: Rounds, measure: Callable[[Figure], float | None]) -> float | None:
    ratios: list[float] = []
    for figures in rounds:
        by_key = {figure.key: figure for figure in figures}
        mine = by_key.get(key)
        floor = by_key.get((mine.database, mine.workload, mine.floor)) if mine and mine.floor else None
        if mine is None or floor is None:
            continue
        value, beside = measure(mine), measure(floor)
        if value is not None and beside:
            ratios.append(value / beside)
    return median(ratios) if ratios else None


def _rate_per_cpu_s(figure: Figure) -> float | None:
    return figure.items / figure.cpu_s if figure.cpu_s else None


def _p50(figure: Figure) -> float | None:
    return figure.spread.p50_ms if figure.spread else None


def _p99(figure: Figure) -> float | None:
    return figure.spread.p99_ms if figure.spread else None


def _per_item(figure: Figure, amount: float | None, factor: float) -> float | None:
    return None if amount is None else amount / figure.items * factor


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


FUSED: Final = "floor, all steps in one commit"
STEPWISE: Final = "floor, a commit per step"
FLOOR: Final = "floor"
TUNED: Final = "floor, tuned"
ECHO: Final = "empty unary echo"
