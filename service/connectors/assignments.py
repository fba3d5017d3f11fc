"""Assignments of contacts: the server is asked whose turn it is, by the step `assign_agent`.

It serves the queue `agents`. An attempt that is repeated after a crash answers as the one before: the assignment has
the id of its task.
"""

from __future__ import annotations

from typing import Final

from service.connectors.connector import Finished
from service.engine.staffing import assign_contact
from service.storage.database import Transaction
from service.storage.tasks import LeasedTask
from service.tasks.port import TaskEngine
from statemachine.steps.assign import NOBODY, QUEUE

TYPES: Final = ("assign_agent",)
__all__ = ["QUEUE", "TYPES", "Assignments"]


class Assignments:
    """Output of the step: `{agent, name}`, both null when nobody may have the contact now."""

    def __init__(self, engine: TaskEngine) -> None:
        self._engine = engine

    def destination(self, task: LeasedTask) -> str:
        return ""

    async def execute(self, task: LeasedTask) -> Finished:
        """Raises Unavailable."""
        clock = self._engine.clock

        def work(transaction: Transaction) -> Finished:
            agent = assign_contact(transaction, clock.read(transaction).workflow, task)
            if agent is None:
                return Finished({"agent": None, "name": None}, NOBODY)
            return Finished({"agent": agent.id, "name": agent.name or agent.id})

        return await self._engine.write(work)
