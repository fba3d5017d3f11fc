"""Bulk control: one operation for every enrollment that a filter chooses, each at most once under the bulk's id.

The cause `op:<operation>/batch/<id>` in a history says that the bulk has been there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from service.engine.commands import Operate
from service.engine.engine import Engine
from service.engine.rounds import Pace, Progress, Work, in_rounds
from service.storage.chosen_runs import ChosenPlace, chosen_ids, chosen_places, count_caused
from service.storage.database import Transaction
from service.storage.enrollment_queries import EnrollmentFilter
from statemachine.cause import Operation, OperatorCause
from statemachine.errors import TransitionRefused, WorkflowPaused
from statemachine.snapshot import LIVE, Status

_LIVE: Final = tuple(status for status in Status if status in LIVE)
CONCERNED: Final[Mapping[Operation, tuple[Status, ...]]] = {
    "cancel": _LIVE,
    "exit": _LIVE,
    "pause": (Status.RUNNING, Status.WAITING),
    "resume": (Status.PAUSED,),
    "retry": (Status.FAILED,),
    "advance": (Status.WAITING,),
}
"""In which status an enrollment is for each operation; the others are not looked at."""
_HELD_BY_PAUSE: Final = ("retry", "advance")


@dataclass(frozen=True, slots=True)
class Bulk:
    """`wanted` names only statuses that the operation concerns. `id` names the bulk for ever."""

    id: str
    wanted: EnrollmentFilter
    operation: Operation
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def request_id(self) -> str:
        return f"batch/{self.id}"

    @property
    def cause_id(self) -> str:
        return OperatorCause(self.operation, self.request_id).id


@dataclass(frozen=True, slots=True)
class Reach:
    """When a call of a bulk began: how many were done by calls before, and where those stand that are left."""

    done: int
    places: tuple[ChosenPlace, ...]

    @property
    def total(self) -> int:
        return self.done + sum(place.count for place in self.places)

    @property
    def until(self) -> str:
        return max((place.last for place in self.places), default="")


def survey(transaction: Transaction, bulk: Bulk) -> Reach:
    """What a bulk has to do that begins, or goes on, now."""
    done = count_caused(transaction, bulk.wanted, bulk.cause_id)
    return Reach(done, tuple(chosen_places(transaction, bulk.wanted, bulk.cause_id)))


def carry_on(engine: Engine, bulk: Bulk, reach: Reach, pace: Pace) -> AsyncIterator[Progress]:
    """Do what is left, and tell after every page; the last word has `done`. Raises Unavailable."""
    work = Work(
        partial(_page, bulk, reach.until),
        lambda one: Operate(bulk.wanted.tenant, one, bulk.operation, bulk.request_id, data=bulk.data),
        f"some enrollments are busy; repeat with request_id {bulk.id!r} to go on",
    )
    return in_rounds(engine, work, Progress(reach.done), pace)


def _page(bulk: Bulk, until: str, transaction: Transaction, after: str, limit: int) -> list[str]:
    return chosen_ids(transaction, bulk.wanted, bulk.cause_id, after=after, until=until, limit=limit)


async def rehearse(engine: Engine, bulk: Bulk, reach: Reach) -> Progress:
    """What would be done, as far as places tell: the transitions of the version, and whether its workflow is paused."""
    progress = Progress(reach.done, done=True)
    for place in reach.places:
        refusal = await _refusal(engine, bulk, place)
        if refusal is None:
            progress.changed += place.count
            continue
        name = (place.step, refusal.reason)
        progress.left[name] += place.count
        progress.examples.setdefault(name, (place.example, refusal.message))
    return progress


async def _refusal(engine: Engine, bulk: Bulk, place: ChosenPlace) -> TransitionRefused | WorkflowPaused | None:
    if bulk.operation == "advance":
        workflow = await engine.version(bulk.wanted.tenant, place.workflow, place.version)
        allowed = tuple(workflow.machine.outcomes(place.step))
        transition = bulk.data["transition"]
        if transition not in allowed:
            return TransitionRefused(transition, status=Status.WAITING, step=place.step, allowed=allowed)
    if place.paused and bulk.operation in _HELD_BY_PAUSE:
        return WorkflowPaused(f"workflow {place.workflow!r} is paused; resume it first", workflow=place.workflow)
    return None
