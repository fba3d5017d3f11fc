"""What really happened in plays: a fault that never hit proves nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256


def digest(told: Iterable[object]) -> str:
    whole = sha256()
    for one in told:
        whole.update(repr(one).encode())
    return whole.hexdigest()[:16]


@dataclass(slots=True)
class Tally:
    """`deaths` by the side of the commit, `acts` and `answers` by name, `causes` and `kinds` as histories have them,
    `steps` by type, `runs` by their last status. `story` is a digest of all histories, in the order of plays."""

    plays: int = 0
    story: str = ""
    commits: int = 0
    deaths: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.plays += other.plays
        self.story = digest([self.story, other.story])
        self.commits += other.commits
        for name in ("deaths", "acts", "answers", "causes", "kinds", "steps", "runs"):
            getattr(self, name).update(getattr(other, name))

    def line(self) -> str:
        runs = ", ".join(f"{count:,} {status}" for status, count in sorted(self.runs.items()))
        return (
            f"{self.plays:,} plays, {self.deaths.total():,} deaths, {self.commits:,} transactions, "
            f"{sum(self.answers.values()):,} commands, {self.causes.total():,} causes, runs: {runs}"
        )
