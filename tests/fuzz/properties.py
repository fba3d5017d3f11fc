"""The property tests of the tree, round after round with fresh examples: what `make fuzz` does with `properties`.

`make test` draws the same examples each time; here they are others. What fails is told as hypothesis tells it, smallest
example first, and written to `tests/fuzz/found` with its seed. Once mended it becomes an `@example` of its test, or a
test of its own.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import hypothesis.core
import pytest

from tests.properties import FRESH, settle_properties

_TOLD_EVERY_S: Final = 60.0
_TESTS: Final = Path(__file__).parents[1]


@dataclass(slots=True)
class PropertyReport:
    """`findings` name the tests that failed, each once."""

    tests: int = 0
    runs: int = 0
    seconds: float = 0.0
    findings: dict[str, Path] = field(default_factory=dict)

    def line(self) -> str:
        found = "; ".join(f"{name} -> {file}" for name, file in self.findings.items()) or "nothing found"
        rounds = self.runs / max(self.tests, 1)
        return f"{'properties':<11}{self.tests:>9,} tests, {rounds:.1f} rounds in {self.seconds:.0f} s: {found}"


class Rounds:
    """A plugin of pytest that runs what was collected again and again, each time from another seed."""

    def __init__(self, number: int, seconds: float, rounds: int, folder: Path) -> None:
        self.report = PropertyReport()
        self._number = number
        self._seconds = seconds
        self._rounds = rounds
        self._folder = folder
        self._told_at = 0.0

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.report.tests = len(session.items)
        started = time.monotonic()
        turn = 0
        while session.items and not (self._rounds and turn >= self._rounds):
            setattr(hypothesis.core, "global_force_seed", self._number + turn)  # noqa: B010 - it is typed as None
            turn += 1
            for number, item in enumerate(session.items):
                self.report.seconds = time.monotonic() - started
                if self._seconds and self.report.seconds >= self._seconds:
                    return True
                if self.report.seconds - self._told_at >= _TOLD_EVERY_S:
                    self._told_at = self.report.seconds
                    print(self.report.line(), flush=True)
                following = session.items[(number + 1) % len(session.items)]
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                self.report.runs += 1
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        told = yield
        if told.failed and item.nodeid not in self.report.findings:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._folder / f"properties.{item.name}"
            seed = f"again: --hypothesis-profile {FRESH} --hypothesis-seed {hypothesis.core.global_force_seed}"
            file.write_text(f"{item.nodeid}\n{seed}\n\n{told.longreprtext}\n")
            self.report.findings[item.nodeid] = file
            print(told.longreprtext, flush=True)
        return told


def run(number: int, *, seconds: float, rounds: int, folder: Path, tests: Path = _TESTS) -> PropertyReport:
    """Until the time is over or so many rounds are done (0: no limit). Raises RuntimeError when pytest cannot begin."""
    settle_properties()
    plugin = Rounds(number, seconds, rounds, folder)
    words = [str(tests), "-m", "hypothesis", "--hypothesis-profile", FRESH, "--timeout", "0"]
    words += ["-o", "addopts=--import-mode=importlib", "-p", "no:terminal", "-p", "no:xdist", "-p", "no:cacheprovider"]
    ended = pytest.main(words, plugins=[plugin])
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"the property tests were not run: pytest ended with {ended!r}")
    return plugin.report
