"""Whom the commands of a batch concern: the contact, the task and the runs of each, and under which id it may have
been seen before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from service.engine.answers import method_of
from service.engine.commands import (
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
from service.engine.deciding import NOBODY_KNOWN, load_people
from service.storage.contacts import ContactKey
from service.storage.conversations import contacts_of_conversations
from service.storage.database import Transaction
from service.storage.events import Repeat, RepeatKey, ask_repeats
from service.storage.task_batch import contacts_of_runs
from service.storage.tasks import LeasedTask, tasks_by_id
from statemachine.places import MINUTE

_WITHOUT_CONTACT: Final = frozenset({FinishTask, DecideTask, Operate, ContinueRun, ChangeConversation})
"""They name a task, an enrollment or a conversation instead."""
_WITH_ALL_RUNS = TriggerEvent | DispatchEvent | EnrollContact | StartPending | LookAgain | DateArrived
_UNREPEATED = ContinueRun | StartPending | LookAgain | DateArrived | PlanDates


class Addressees:
    """`keys` names each command's contact, `tasks` are those that commands report on or decide, with the `people` who
    do; `run_contacts` has the contacts of runs that commands name, None for a run without one."""

    def __init__(self, transaction: Transaction, commands: Sequence[Command], kinds: frozenset[type[Command]]) -> None:
        self._commands = commands
        self._talkers: dict[tuple[str, str], str] = {}
        self.tasks: dict[tuple[str, str], LeasedTask] = {}
        self.run_contacts: dict[tuple[str, str], str | None] = {}
        self.people = NOBODY_KNOWN
        if not kinds.isdisjoint(_WITHOUT_CONTACT):
            self._resolve(transaction)
        self.keys = [self._contact_key(command) for command in commands]

    def _resolve(self, transaction: Transaction) -> None:
        """Find the (immutable) contact of commands that know only a task, an enrollment or a conversation."""
        task_ids = [
            {"tenant_id": command.tenant, "id": command.task_id}
            for command in self._commands
            if isinstance(command, FinishTask | DecideTask)
        ]
        run_ids = [
            {"tenant_id": command.tenant, "id": command.enrollment_id}
            for command in self._commands
            if isinstance(command, Operate | ContinueRun)
        ]
        talks = [
            (command.tenant, command.conversation_id)
            for command in self._commands
            if isinstance(command, ChangeConversation)
        ]
        if talks:
            self._talkers = contacts_of_conversations(transaction, talks)
        if task_ids:
            self.tasks = tasks_by_id(transaction, task_ids)
        decided = [command for command in self._commands if isinstance(command, DecideTask)]
        if decided:
            self.people = load_people(transaction, decided)
        if run_ids:
            self.run_contacts = contacts_of_runs(transaction, run_ids)

    def _contact_key(self, command: Command) -> ContactKey | None:
        contact_id: str | None
        if isinstance(command, TriggerEvent | DispatchEvent):
            contact_id = command.event.contact_id
        elif isinstance(command, FinishTask | DecideTask):
            task = self.tasks.get((command.tenant, command.task_id))
            contact_id = task.contact_id if task else None
        elif isinstance(command, Operate | ContinueRun):
            contact_id = self.run_contacts.get((command.tenant, command.enrollment_id))
        elif isinstance(command, ChangeConversation):
            contact_id = self._talkers.get((command.tenant, command.conversation_id))
        else:
            contact_id = command.contact_id
        return (command.tenant, contact_id) if contact_id else None

    def ask_repeats(self, transaction: Transaction) -> Callable[[], dict[RepeatKey, Repeat]]:
        """Ask what is known of the ids under which the commands were sent."""
        keys: list[dict[str, Any]] = []
        requests: list[dict[str, Any]] = []
        pending: list[dict[str, Any]] = []
        for command in self._commands:
            if isinstance(command, TriggerEvent):
                event = command.event
                keys.append({"tenant_id": command.tenant, "source": event.source, "event_id": event.id})
            elif isinstance(command, DispatchEvent):
                at = command.event.accepted_at
                since = at - MINUTE if at is not None and command.event.chain else None
                name = {"tenant_id": command.tenant, "id": command.row_id}
                pending.append({**name, "accepted_at": at, "since": since})
            elif not isinstance(command, _UNREPEATED) and command.body_hash:
                method = method_of(command)
                requests.append({"tenant_id": command.tenant, "method": method, "request_id": command.request_id})
        return ask_repeats(transaction, keys, requests, pending)

    def runs(self) -> tuple[dict[ContactKey, None], dict[tuple[str, str], None]]:
        """The contacts of which all live runs are wanted, and the runs that are wanted by their ids."""
        contacts: dict[ContactKey, None] = {}
        ids: dict[tuple[str, str], None] = {}
        for command, key in zip(self._commands, self.keys, strict=True):
            if isinstance(command, _WITH_ALL_RUNS):
                if key is not None:
                    contacts[key] = None
                if isinstance(command, StartPending):
                    ids[command.tenant, command.enrollment_id] = None
            elif isinstance(command, Operate | ContinueRun):
                ids[command.tenant, command.enrollment_id] = None
            elif isinstance(command, FinishTask | DecideTask):
                task = self.tasks.get((command.tenant, command.task_id))
                if task is not None:
                    ids[command.tenant, task.enrollment_id] = None
        return contacts, ids

    def conversations(self) -> set[tuple[str, str]]:
        """Those that events and commands name."""
        named: set[tuple[str, str]] = set()
        for command in self._commands:
            if isinstance(command, TriggerEvent | DispatchEvent):
                event = command.event
                if event.conversation_id and event.contact_id:
                    named.add((command.tenant, event.conversation_id))
            elif isinstance(command, EnrollContact):
                if command.conversation_id and command.contact_id:
                    named.add((command.tenant, command.conversation_id))
            elif isinstance(command, ChangeConversation):
                named.add((command.tenant, command.conversation_id))
        return named
