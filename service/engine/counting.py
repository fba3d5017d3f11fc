"""What the engine counts for those who watch over it, and how: `service/metrics.py` keeps the figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from service.engine.batch import Result
from service.engine.commands import Command
from service.engine.ledger import Ledger
from statemachine.errors import WorkflowError


class EngineMetrics(Protocol):
    def batch(self, items: int, seconds: float, statements: int) -> None: ...
    def answered(self, kind: str, result: str, count: int) -> None: ...
    def exited(self, workflow: str, goal: str, count: int) -> None: ...
    def ruled(self, channel: str, verdict: str, rule: str, count: int) -> None: ...
    def blocked(self, rule: str, count: int) -> None: ...
    def fired(self, count: int, lag_s: float) -> None: ...


def count_answers(metrics: EngineMetrics, commands: Sequence[Command], results: Sequence[Result]) -> None:
    """How many commands of each kind were answered, and how."""
    counts: dict[tuple[str, str], int] = {}
    for command, result in zip(commands, results, strict=True):
        name = (type(command).__name__, "ok" if not isinstance(result, Exception) else _reason(result))
        counts[name] = counts.get(name, 0) + 1
    for (kind, outcome), count in counts.items():
        metrics.answered(kind, outcome, count)


def count_commit(metrics: EngineMetrics, ledger: Ledger) -> None:
    """Which runs left by an exit, what the gate said of messages, and which entries were blocked."""
    for (workflow, goal), count in ledger.exits.items():
        metrics.exited(workflow, goal, count)
    for (channel, verdict, rule), count in ledger.rulings.items():
        metrics.ruled(channel, verdict, rule, count)
    for rule, count in ledger.blocked.items():
        metrics.blocked(rule, count)


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, WorkflowError) else "INTERNAL"
