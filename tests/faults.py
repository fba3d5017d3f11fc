"""What fault tests say at the end of a run: how many faults really hit. A run that hit too few is invalid, not passed.

A test records lines with `tell(record_property, ...)`; they are shown in the terminal summary, with `-q` and with
`-n` too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from _pytest.terminal import TerminalReporter

_NAME: Final = "faults"


def tell(record_property: Callable[[str, object], None], text: str) -> None:
    """Have a line shown in the summary of the run."""
    record_property(_NAME, text)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Shows what was told, whether its tests passed or failed."""
    reports = [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]
    lines = [str(value) for report in reports for name, value in report.user_properties if name == _NAME]
    if lines:
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.line(line)
