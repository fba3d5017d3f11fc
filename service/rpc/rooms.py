"""What the servicers may use: the rooms of the house behind this door."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.engine.engine import Engine
    from service.tasks.leases import TaskQueue


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What GetServerInfo tells of the process itself; `version` is the server's."""

    version: str
    dev: bool = False


@dataclass(frozen=True, slots=True)
class Rooms:
    """The engine is the only writer; the task queue leases to workers. `leaving` is set when the server drains: streams
    end then, so that their clients go on elsewhere. `waiting_workers` counts by queue, at this replica."""

    engine: Engine
    task_queue: TaskQueue
    facts: ServerFacts
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    waiting_workers: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def waiting_for(self, queues: Sequence[str]) -> Iterator[None]:
        """Counts a worker among those that wait for the work of these queues, for the length of the block."""
        self.waiting_workers.update(queues)
        try:
            yield
        finally:
            self.waiting_workers.subtract(queues)
