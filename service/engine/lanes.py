"""Lanes: one lane is one thread with one connection and one queue.

A lane takes everything that is waiting (up to 500 commands) as one batch and answers all of it after the commit. There
is no artificial delay: while one batch commits, the next gathers. Commands of one contact always share a lane, so they
keep their order. A batch that loses a race runs again; one that fails is run item by item, so that a bad item never
sinks its neighbours.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from service.engine.batch import Batch, HeldElsewhere, NoRoom, Result
from service.engine.commands import Command
from service.engine.firing import NOTHING_FIRED, Fired, Firing
from service.engine.ledger import Ledger
from service.engine.provider_lines import LineMoved
from service.engine.room import Room
from service.engine.tickets import MAX_BATCH, FireTimers, Group, Ticket
from service.storage.connections import BrokenKey, Conflict, TooMuch, come_again
from service.storage.database import Database
from statemachine.errors import Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")

_RERUNS: Final = 4
_PUT_BACK_S: Final = 0.005
_PATIENCE_S: Final = 5.0
"""How long a command is put back before its caller is told to come again."""


class LaneOwner(Protocol):
    """What a lane tells the engine, and asks it."""

    draining: bool

    def committed(self, ledger: Ledger) -> None:
        """A batch is durable; follow it up (raised events, continuing runs, tasks for local queues)."""

    def measured(self, items: int, seconds: float, statements: int) -> None: ...

    def settled(self, commands: int, complete: Sequence[Group]) -> None:
        """So many commands have been answered, and with them these groups."""


class Lane:
    """See the module."""

    def __init__(self, name: str, database: Database, room: Room, owner: LaneOwner) -> None:
        self._database = database
        self._room = room
        self._owner = owner
        self._waiting: deque[Ticket] = deque()
        self._firings: deque[FireTimers] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, tickets: Sequence[Ticket]) -> None:
        self._waiting.extend(tickets)
        self._wake.set()

    def fire(self, request: FireTimers) -> None:
        self._firings.append(request)
        self._wake.set()

    def stop(self) -> None:
        """Finish what is waiting, then end the thread."""
        self._stopping = True
        self._wake.set()

    def join(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._waiting or self._firings:
                if self._waiting:
                    self._run_commands(self._take())
                if self._firings:
                    self._fire_once(self._firings[0])
            if self._stopping and not self._waiting and not self._firings:
                return

    def _take(self) -> list[Ticket]:
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(len(waiting), MAX_BATCH))]

    # --- commands ---

    def _run_commands(self, tickets: list[Ticket]) -> None:
        put_back = self._answered(tickets)
        if put_back:
            self._waiting.extendleft(reversed(put_back))
            if len(put_back) == len(tickets):
                time.sleep(_PUT_BACK_S)

    def _answered(self, tickets: list[Ticket]) -> list[Ticket]:
        """Run and answer commands; gives back, in order, those whose contacts another replica holds."""
        try:
            return self._settle(tickets, self._run_together([ticket.command for ticket in tickets]))
        except Exception as error:
            if _is_away(error):
                return self._settle(tickets, [error] * len(tickets))
            if len(tickets) == 1:
                log.exception("a %s failed", type(tickets[0].command).__name__)
                return self._settle(tickets, [_as_answer(error)])
            log.warning("a batch of %d failed and runs item by item: %s", len(tickets), error)
            return [held for ticket in tickets for held in self._answered([ticket])]

    def _run_together(self, commands: list[Command]) -> list[Result]:
        """One batch, again after a lost race. Raises what it could not get over."""

        def once(locked: bool) -> list[Result]:
            batch = Batch(self._room, commands, locked=locked)
            started = time.perf_counter()
            with self._database.transaction() as transaction:
                results = batch.run(transaction)
            self._owner.measured(len(commands), time.perf_counter() - started, transaction.statements)
            self._follow_up(batch.ledger)
            return results

        return _until_won(once)

    def _settle(self, tickets: list[Ticket], results: Sequence[Result]) -> list[Ticket]:
        answered = 0
        complete: list[Group] = []
        put_back: list[Ticket] = []
        for ticket, result in zip(tickets, results, strict=True):
            if isinstance(result, NoRoom) or (isinstance(result, HeldElsewhere) and _patient(ticket)):
                put_back.append(ticket)
                continue
            busy = isinstance(result, HeldElsewhere)
            if ticket.group.answer(ticket.index, Unavailable("the contact is busy; try again") if busy else result):
                complete.append(ticket.group)
            answered += 1
        self._owner.settled(answered, complete)
        return put_back

    def _follow_up(self, ledger: Ledger) -> None:
        """What follows a commit cannot undo it: the rows say what is left to do, and any replica does it."""
        try:
            self._owner.committed(ledger)
        except Exception:
            log.exception("the follow-up of a commit failed and will be picked up again")

    # --- timers ---

    def _fire_once(self, call: FireTimers) -> None:
        """One batch of timers; between two batches the commands that wait get their turn."""
        error: Exception | None = None
        full = False
        try:
            fired = self._fire_batch(call, alone=False)
            full = fired.claimed >= MAX_BATCH
            call.fired(fired if full else fired.plus(self._fire_batch(call, alone=True)))
        except Exception as failure:
            error = failure
        if not full or error or self._owner.draining:
            self._firings.popleft()
            call.finished(error)

    def _fire_batch(self, call: FireTimers, *, alone: bool) -> Fired:
        try:
            return self._fire_together(call.claimed, alone=alone, most=MAX_BATCH)
        except Exception as error:
            if _is_away(error):
                raise
            log.warning("a batch of timers failed and runs one by one: %s", error)
            return self._fire_one_by_one(alone=alone)

    def _fire_together(self, claimed: Callable[[int], None], *, alone: bool, most: int) -> Fired:
        def once(locked: bool) -> Fired:
            firing = Firing(self._room, most, alone=alone, on_claimed=claimed, locked=locked)
            started = time.perf_counter()
            with self._database.transaction() as transaction:
                fired = firing.run(transaction)
            if fired.claimed:
                self._owner.measured(fired.claimed, time.perf_counter() - started, transaction.statements)
            self._follow_up(firing.ledger)
            return fired

        return _until_won(once)

    def _fire_one_by_one(self, *, alone: bool) -> Fired:
        total = NOTHING_FIRED
        for _ in range(MAX_BATCH):
            try:
                fired = self._fire_together(_unheard, alone=alone, most=1)
            except Conflict as conflict:
                log.warning("a timer cannot be saved now: %s", conflict)
                fired = self._back_off_first(alone=alone, failed=isinstance(conflict, BrokenKey))
            except Exception as error:
                if _is_away(error):
                    raise
                log.exception("a timer cannot be saved; it backs off")
                fired = self._back_off_first(alone=alone)
            total = total.plus(fired)
            if not fired.claimed:
                break
        return total

    def _back_off_first(self, *, alone: bool, failed: bool = True) -> Fired:
        firing = Firing(self._room, 1, alone=alone, on_claimed=_unheard)
        with self._database.transaction() as transaction:
            return firing.postpone_only(transaction, failed=failed)


def _until_won(attempt: Callable[[bool], T]) -> T:
    """Try a transaction again while it loses races; `attempt` is told whether to lock the lines before the providers
    first, since one has moved under it. Raises the last Conflict."""
    locked, before = False, None
    for _ in range(_RERUNS):
        try:
            return attempt(locked)
        except Conflict as conflict:
            before = conflict.with_traceback(None)
            locked = locked or isinstance(conflict, LineMoved)
    try:
        return attempt(locked)
    except Conflict as conflict:
        raise come_again(conflict, before) from None


def _patient(ticket: Ticket) -> bool:
    now = time.monotonic()
    if ticket.held_since is None:
        ticket.held_since = now
    return now - ticket.held_since < _PATIENCE_S


def _is_away(error: Exception) -> bool:
    """Whether the database cannot be reached, so that nobody needs to be tried one by one."""
    return isinstance(error, Unavailable) and not isinstance(error, TooMuch)


def _unheard(_claimed: int) -> None:
    """For claims that nobody needs to know of."""


def _as_answer(error: Exception) -> Exception:
    if not isinstance(error, Conflict):
        return error
    busy = Unavailable("the database kept refusing the transaction; try again")
    busy.__cause__ = error
    return busy
