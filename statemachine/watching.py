"""Runs that look again when their contact changes: `until_true`, timers that move with the data they were made of, and
runs that leave when their entry filter stops matching.

Nobody polls. Whatever changes a contact tells the runs that watch it, in the same transaction, as a `ContactCause`;
variables are the run's own. What these runs change is told in further rounds, at most `MAX_ROUNDS` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from statemachine.cause import ContactCause
from statemachine.contact import Contact
from statemachine.errors import StepFailed
from statemachine.listening import SILENT, WAIT
from statemachine.run import Run
from statemachine.snapshot import Snapshot
from statemachine.step import WaitingStep
from statemachine.step_result import End, Outcome
from statemachine.workflow import Workflow

MAX_ROUNDS: Final = 10
"""How often runs that watch a contact may move each other by changing it; beyond, it is noted and no more is done."""

Told = Callable[[Workflow, Snapshot, ContactCause], None]


def tell_watchers(
    seen: Contact | None,
    contact: Callable[[], Contact | None],
    runs: Callable[[], Iterable[tuple[Workflow, Snapshot]]],
    tell: Told,
    revision: int,
) -> None:
    """Let every run that watches its contact look at what it has become since it was `seen`, round by round.

    `contact` and `runs` answer with the state of the moment; `tell` decides the cause and keeps what comes of it.
    `revision` is that of the change.
    """
    if not _changed(seen, contact()):
        return
    for number in range(MAX_ROUNDS + 1):
        seen = contact()
        for workflow, snapshot in watching(runs()):
            tell(workflow, snapshot, ContactCause(revision, number))
        if not _changed(seen, contact()):
            return


def _changed(seen: Contact | None, contact: Contact | None) -> bool:
    """Whether a contact is another than was seen; that messages to it were counted does not matter to anybody."""
    if seen is None or contact is None:
        return contact is not seen
    return contact is not seen and contact.differs_from(seen)


def watching(runs: Iterable[tuple[Workflow, Snapshot]]) -> list[tuple[Workflow, Snapshot]]:
    """Those for which their contact matters where they stand, in the order in which events move them."""
    found = [
        pair for pair in runs if pair[1].live and pair[0].watches_contact_in(pair[1].step, part=bool(pair[1].part))
    ]
    return sorted(found, key=lambda pair: (-pair[0].entry.priority, pair[0].key, pair[1].id))


def look_again(run: Run) -> Outcome | End | bool:
    """What the wait reads may have changed: how it ends, or whether its timer has moved.

    Raises StepFailed where the data do not make a time any more.
    """
    if not run.resting or run.gathered:
        return False
    runner = run.step.runner
    if not isinstance(runner, WaitingStep):
        return False
    condition = runner.until_true()
    if condition is not None and condition.test(run.scope):
        return Outcome(SILENT, metadata={"until_true": True})
    return _move_timer(run, runner)


def _move_timer(run: Run, runner: WaitingStep) -> Outcome | End | bool:
    """A timer that was moved by hand stays where it was put until its data move again."""
    if WAIT not in run.deadlines or not runner.recomputes():
        return False
    before = run.moment
    planned = runner.reckon(run)
    if planned is None or planned == before:
        return False
    if run.history_full:
        raise StepFailed("history_limit", "the history is full")
    run.aim_at(planned)
    told = {"from": run.deadlines[WAIT].isoformat(), "until": planned.isoformat(), "by": "data"}
    run.deadlines[WAIT] = planned
    run.note("rescheduled", step=run.step_id, step_type=run.step.type, metadata=told)
    if planned > run.now:
        return True
    late, limit = run.now - planned, runner.late_after()
    return runner.end_late(late) if limit is not None and late > limit else Outcome(runner.timer_outcome())
