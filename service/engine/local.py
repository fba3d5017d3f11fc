"""Queues that are served inside this process: tasks go to them straight after the commit, already leased."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from service.storage.tasks import LeasedTask


class LocalQueue(Protocol):
    """A bounded pool of connectors. Called from lane threads."""

    @property
    def free(self) -> int:
        """How many tasks it takes now."""

    @property
    def lease(self) -> timedelta:
        """How long it holds a task without renewing it: the lease under which a task is offered."""

    def offer(self, task: LeasedTask) -> bool:
        """Take a task that is leased to this replica; False when it cannot, and the lease runs out by itself."""
