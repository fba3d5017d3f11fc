"""A batch: load, decide, save. One transaction for everything that was waiting.

Deciding happens in memory, command by command, in order, on what `loading.py` found; a `clerk.py` keeps what comes of
it. A command that is refused, or whose decision fails, is answered so and leaves nothing behind; its neighbours go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from service.engine.changes import change_contact, change_conversation
from service.engine.clerk import Clerk
from service.engine.commands import (
    Answer,
    ChangeContact,
    ChangeConversation,
    Command,
    ContinueRun,
    DateArrived,
    DecideTask,
    DispatchEvent,
    EnrollContact,
    FinishTask,
    LookAgain,
    Operate,
    PlanDates,
    StartPending,
    TriggerEvent,
)
from service.engine.dating import date_arrived, plan_dates
from service.engine.household import BrokenFamily, tell_strays
from service.engine.ledger import MAX_BURDEN, Ledger
from service.engine.loading import Stock
from service.engine.operations import go_on, operate, start_pending
from service.engine.receptions import dispatch, enroll, look_once_more, trigger
from service.engine.repeats import first_answer
from service.engine.room import Room
from service.engine.task_outcomes import decide_task, finish
from service.storage.contacts import ContactKey
from service.storage.database import Transaction
from statemachine.errors import WorkflowError

log = logging.getLogger(__name__)
Result = Answer | Exception


class HeldElsewhere(Exception):  # noqa: N818 - nothing went wrong: come back in a moment
    """Another replica holds the contact; the command is put back."""


class NoRoom(HeldElsewhere):
    """The batch has enough to write already; the command is put back for the next one."""


class Batch:
    """See the module. `run` answers each command in order; `ledger` then says what must follow the commit. `locked`
    takes the locks of providers' lines before deciding."""

    ledger: Ledger

    def __init__(self, room: Room, commands: Sequence[Command], *, locked: bool = False) -> None:
        self._room = room
        self._locked = locked
        self._commands = commands

    def run(self, transaction: Transaction) -> list[Result]:
        """Raises Conflict or Unavailable when nothing of the batch happened."""
        stock = Stock(self._room, transaction, self._commands, locked=self._locked)
        clerk = Clerk(self._room, stock)
        self.ledger = clerk.ledger
        results = [_attempt(clerk, command, key) for command, key in zip(self._commands, stock.keys, strict=True)]
        tell_strays(transaction, clerk.strays, clerk.decide_alone, stock.versions, stock.seat)
        clerk.ledger.save(transaction)
        return results


def _attempt(clerk: Clerk, command: Command, key: ContactKey | None) -> Result:
    try:
        stock = clerk.stock
        if key is not None and key in stock.held:
            raise HeldElsewhere
        if clerk.ledger.burden > MAX_BURDEN:
            raise NoRoom
        repeat = first_answer(stock, command)
        if repeat is not None:
            return repeat
        answer = _CARRY_OUT[type(command)](clerk, command)
        desk = None if key is None else stock.desks.get(key)
        if desk is not None and desk.contact is not desk.told:
            clerk.tell_watchers(desk)
        return answer
    except (WorkflowError, HeldElsewhere) as refusal:
        return refusal
    except BrokenFamily:
        raise
    except Exception as error:
        log.exception("a %s could not be decided", type(command).__name__)
        return error


_CARRY_OUT: Final[Mapping[type, Callable[[Clerk, Any], Answer]]] = {
    TriggerEvent: trigger,
    DispatchEvent: dispatch,
    EnrollContact: enroll,
    Operate: operate,
    ContinueRun: go_on,
    StartPending: start_pending,
    LookAgain: look_once_more,
    DateArrived: date_arrived,
    PlanDates: plan_dates,
    FinishTask: finish,
    DecideTask: decide_task,
    ChangeContact: change_contact,
    ChangeConversation: change_conversation,
}
