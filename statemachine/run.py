"""A run: one enrollment while it is being decided. Mutable, short-lived, never shared.

It is the model of the version's machine (`state`), the context that steps see (`seeing.py`, `keeping.py`), and the
ledger of what the decision will say. `freeze` turns it back into plain data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from statemachine.cause import Cause, ParentCause, Surroundings
from statemachine.decision import ChildOrder, Decision, HistoryEntry, HumanChange, TaskOrder, TaskRetry
from statemachine.evidence import keep_evidence
from statemachine.farewell import farewell, left_to_undo
from statemachine.keeping import Keeping
from statemachine.limits import MAX_HISTORY
from statemachine.machine import CANCELLED, COMPLETED, EXITED, FAILED, START
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import CONTINUE, moved
from statemachine.workflow import Workflow

TERMINAL_STATES: Final = {
    Status.COMPLETED: COMPLETED,
    Status.FAILED: FAILED,
    Status.EXITED: EXITED,
    Status.CANCELLED: CANCELLED,
}
"""The machine's state for each status in which a run has ended."""
_NOTHING: Final[Mapping[str, Any]] = {}
_RESTING: Final = frozenset({Status.WAITING, Status.PAUSED})


class Run(Keeping):
    """See the module. Attributes are the snapshot's, plus the ledger (`history`, `orders`, `emitted`, …)."""

    __slots__ = (
        "_evidence", "_position", "broke", "cause", "children", "continuing", "edited_input", "history", "holidays",
        "human", "lateness_asked", "lines", "orders", "resting", "retries", "revoked", "rulings", "sent", "slots",
        "state", "told",
    )  # fmt: skip

    def __init__(self, workflow: Workflow, snapshot: Snapshot, cause: Cause, surroundings: Surroundings) -> None:
        super().__init__(workflow, snapshot, surroundings, f"{snapshot.id}/{cause.id}")
        self._evidence: dict[str, Any] = {}
        self._position = 0
        self.cause = cause
        self.make_up()
        self.state = TERMINAL_STATES.get(self.status) or self.step_id or START
        self.resting = bool(self.step_id) and self.status in _RESTING and CONTINUE not in self.deadlines
        self.continuing = False
        self.holidays: dict[str, str] | None = None
        self.sent = False
        self.rulings: tuple[tuple[str, str, str], ...] = ()
        self.edited_input: Mapping[str, Any] | None = None
        self.lateness_asked = False
        self.lines = surroundings.lines
        self.slots: tuple[datetime, ...] = ()
        self.history: list[HistoryEntry] = []
        self.orders: list[TaskOrder] = []
        self.retries: list[TaskRetry] = []
        self.revoked: list[tuple[str, int]] = []
        self.told: list[ParentCause] = []
        self.children: list[ChildOrder] = []
        self.broke = False
        self.human: list[HumanChange] = []

    # --- standing still ---

    @property
    def held_back(self) -> bool:
        """Whether the run must not move now: it is paused, or its workflow is."""
        return self.status is Status.PAUSED or self.surroundings.held

    @property
    def event_policy(self) -> str:
        """What becomes of events while it is held: as its own pause says, else that of its workflow."""
        return self.pause_events if self.status is Status.PAUSED else self.surroundings.standstill.events

    def make_up(self) -> None:
        """Move the deadlines by what the workflow stood still since they were moved last; not while it is paused."""
        missed_s = self.surroundings.standstill.total_s - self.standstill_s
        if missed_s and self.status is not Status.PAUSED:
            self.deadlines = moved(self.deadlines, missed_s)
            self.standstill_s = self.surroundings.standstill.total_s

    @property
    def made_up(self) -> bool:
        """Whether this cause found deadlines that had to be moved."""
        return self.standstill_s != self.before.standstill_s

    # --- history ---

    def note(
        self,
        kind: str,
        *,
        step: str | None = None,
        step_type: str | None = None,
        outcome: str | None = None,
        attempt: int = 0,
        duration_ms: int | None = None,
        level: str = "info",
        task_input: Any = None,
        output: Any = None,
        error_code: str | None = None,
        error: str | None = None,
        metadata: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """Add a line to the history. The first line of a cause carries the cause and what was read."""
        position = self._position
        self.history.append(
            HistoryEntry(
                self.sequence,
                position,
                self.now,
                kind,
                step,
                step_type,
                self.visit,
                outcome,
                attempt,
                duration_ms,
                level,
                task_input,
                output,
                error_code,
                error,
                metadata,
                None if position else self._evidence,
                self.variants,
            )
        )
        self.sequence += 1
        self._position = position + 1

    @property
    def history_full(self) -> bool:
        return self.sequence >= MAX_HISTORY

    # --- the end of the decision ---

    def freeze(self) -> Decision:
        """The decision as plain data."""
        keep_evidence(self, self._evidence)
        return Decision(
            self.next_snapshot(),
            tuple(self.history),
            tuple(self.orders),
            tuple(self.retries),
            tuple(self.revoked),
            self.person if self._contact_changed else None,
            self.alone,
            tuple(self.emitted),
            tuple(self.human),
            self.continuing,
            self._variables_changed,
            self._outputs_changed,
            self.rulings,
            self.talk if self._conversation_changed else None,
            tuple(self.told),
            tuple(self.children),
            farewell(self),
            self.global_changes,
            self.lines if self.lines is not self.surroundings.lines else None,
            left_to_undo(self) if self.origin is not None else None,
        )

    def let_go(self) -> None:
        """Nobody reads from it any more. The view leads back here: a ring would be left to the garbage collector."""
        self._scope = None
