"""Runs a target for a time or a number of inputs, keeps count, and writes down what broke a promise."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.targets import MAX_SECONDS, Target

_ROUND = 250
"""Inputs between two looks at the clock."""
_KILOBYTE = 1 if sys.platform == "darwin" else 1024


@dataclass(slots=True)
class Report:
    target: str
    inputs: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    seconds: float = 0.0
    memory_grown: int = 0
    finding: str = ""

    def line(self) -> str:
        share = 100 * self.endings["accepted"] / max(self.inputs, 1)
        return (
            f"{self.target:<11}{self.inputs:>9,} inputs in {self.seconds:4.0f} s, {share:3.0f} % accepted, "
            f"slowest {1000 * self.slowest_s:4.0f} ms, memory +{self.memory_grown // 2**20} MB: "
            f"{self.finding or 'nothing found'}"
        )


def run(target: Target, number: int, *, seconds: float, inputs: int, folder: Path | None) -> Report:
    """Until the time is over or so many inputs are done (0: no limit), or a promise is broken."""
    report = Report(target.name)
    before, started = _peak(), time.monotonic()
    last: list[Any] = [None]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    while not report.finding:
        left = inputs - report.inputs if inputs else _ROUND
        report.seconds = time.monotonic() - started
        if left <= 0 or (seconds and report.seconds >= seconds):
            break
        _round(target, report, last, number + report.inputs, min(left, _ROUND), folder)
    report.seconds = time.monotonic() - started
    report.memory_grown = _peak() - before
    if folder is not None:
        _running(target, folder).unlink(missing_ok=True)
    return report


def _round(target: Target, report: Report, last: list[Any], number: int, inputs: int, folder: Path | None) -> None:
    @seed(number)
    @settings(
        max_examples=inputs, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], print_blob=False,
    )  # fmt: skip
    @given(target.inputs)
    def one(drawn: Any) -> None:
        last[0] = drawn
        if folder is not None:
            _running(target, folder).write_bytes(_raw(target, drawn))
        report.inputs += 1
        report.endings[_timed(target.judge, drawn, report)] += 1

    try:
        one()
    except Exception as error:
        report.finding = f"{type(error).__name__}: {str(error)[:200]}"
        if folder is not None:
            report.finding += f" -> {_keep(target, last[0], folder)}"


def _timed(judge: Callable[[Any], str], drawn: Any, report: Report) -> str:
    started = time.process_time()
    ended = judge(drawn)
    taken = time.process_time() - started
    report.slowest_s = max(report.slowest_s, taken)
    if taken > MAX_SECONDS:
        raise AssertionError(f"{taken:.1f} s of work")
    return ended


def _keep(target: Target, drawn: Any, folder: Path) -> Path:
    """Write down the smallest input found; in `regressions` a test reads it."""
    raw = _raw(target, drawn)
    file = folder / f"{target.name}.{sha256(raw).hexdigest()[:8]}"
    file.write_bytes(raw)
    return file


def _raw(target: Target, drawn: Any) -> bytes:
    text = json.dumps(drawn) if target.name == "definition" else drawn
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)


def _running(target: Target, folder: Path) -> Path:
    """Where the input under way is, should this process not outlive it."""
    return folder / f"{target.name}.running"


def _peak() -> int:
    """The most memory this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTE
