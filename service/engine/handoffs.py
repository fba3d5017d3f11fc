"""Handoffs: what a batch does to human tasks, settled when it is saved.

Deciding only says that somebody is asked, reminded, relieved or no longer needed; who that is is found out here, at the
end of the batch and in its transaction, with two or three statements however many there are. A batch without human
tasks asks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from service.engine.claims import move
from service.engine.people import Office, Sections, people_for
from service.storage.agents import ANYBODY
from service.storage.database import Transaction
from service.storage.human_tasks import HumanTask, Key, human_tasks_by_id
from service.storage.tasks import LeasedTask
from statemachine.decision import HumanChange, HumanWork


@dataclass(slots=True)
class Handoffs:
    """See the module. `_known` are tasks read before deciding: if they changed since, the batch runs again."""

    _new: list[HumanTask] = field(default_factory=list)
    _changes: list[tuple[Key, HumanChange]] = field(default_factory=list)
    _known: dict[Key, HumanTask] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        return bool(self._new or self._changes)

    def open(self, task: LeasedTask, work: HumanWork) -> None:
        """A task for people was ordered."""
        self._new.append(
            HumanTask(
                task.tenant_id,
                task.id,
                task.enrollment_id,
                task.contact_id,
                task.workflow,
                task.step,
                task.queue,
                task.priority,
                work.title,
                work.message,
                work.wanted,
            )
        )

    def change(self, tenant: str, task_id: str, change: HumanChange) -> None:
        """Something happened to one that was ordered before."""
        self._changes.append(((tenant, task_id), change))

    def closing(self, key: Key) -> HumanChange | None:
        """What this batch has closed it with, if it has."""
        return next((change for name, change in self._changes if name == key and change.kind == "closed"), None)

    def knows(self, task: HumanTask) -> None:
        """A task on whose state a decision relies."""
        self._known[task.key] = task

    def settle(self, transaction: Transaction, now: datetime) -> Sections:
        """Lock the people concerned, and say what is to be written."""
        tasks = {task.key: task for task in self._new} | self._load(transaction)
        office = Office(now)
        office.lock(transaction, self._concerned(tasks))
        for task in self._new:
            office.open(task)
        for key, change in self._changes:
            task = tasks[key]
            if task.closed_at is None:
                _DO[change.kind](office, task, change)
        return office.sections()

    def _load(self, transaction: Transaction) -> dict[Key, HumanTask]:
        missing = {key for key, _ in self._changes} - self._known.keys() - {task.key for task in self._new}
        return self._known | human_tasks_by_id(transaction, missing)

    def _concerned(self, tasks: Mapping[Key, HumanTask]) -> set[Key]:
        """Whom to lock: whoever may be given something, or told."""
        keys = {key for task in self._new for key in people_for(task)}
        for name, change in self._changes:
            task = tasks[name]
            if task.agent_id is not None:
                keys.add((task.tenant_id, task.agent_id))
            if change.kind == "escalated":
                keys.add((task.tenant_id, change.wanted.agent or ANYBODY))
            elif change.kind == "reminded" and task.agent_id is None:
                keys.add((task.tenant_id, ANYBODY))
        return keys


def _remind(office: Office, task: HumanTask, change: HumanChange) -> None:
    if task.agent_id is not None:
        office.tell_holder(task, "reminder")
    else:
        office.tell_group(task, "reminder")


def _escalate(office: Office, task: HumanTask, change: HumanChange) -> None:
    move(office, task, change.wanted, change.queue, "escalated")
    if task.agent_id is None:
        office.tell_group(task, "escalated")


def _close(office: Office, task: HumanTask, change: HumanChange) -> None:
    office.close(task, change.ending, change.decision, change.by)


_DO: Final[Mapping[str, Callable[[Office, HumanTask, HumanChange], None]]] = {
    "reminded": _remind,
    "escalated": _escalate,
    "closed": _close,
}
