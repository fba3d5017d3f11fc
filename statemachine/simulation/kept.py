"""What a world keeps of one enrollment: everything that an engine would have stored of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from statemachine.decision import PATH_KINDS, ChildOrder, HistoryEntry, TaskOrder
from statemachine.snapshot import Snapshot
from statemachine.workflow import Workflow


@dataclass(slots=True)
class OpenWork:
    """A task that may be attempted from `available_at` on; `answered` until a failure makes it ready again.

    `visit` counts the tasks of its step so far, those of all branches and rounds of the run.
    """

    order: TaskOrder
    available_at: datetime
    attempt: int = 1
    answered: bool = False
    visit: int = 1


@dataclass(slots=True)
class Record:
    """See the module. `states` are its snapshots in order of time."""

    workflow: Workflow
    snapshot: Snapshot
    history: list[HistoryEntry] = field(default_factory=list)
    orders: list[TaskOrder] = field(default_factory=list)
    children: list[ChildOrder] = field(default_factory=list)
    states: list[tuple[datetime, Snapshot]] = field(default_factory=list)
    work: OpenWork | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """The steps in order, once per visit, skipped ones left out."""
        visits = {(entry.visit, entry.step): entry.step for entry in self.history if entry.kind in PATH_KINDS}
        return tuple(step for step in visits.values() if step)
