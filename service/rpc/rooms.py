"""What the servicers may use: the rooms of the house behind this door."""

from __future__ import annotations

from dataclasses import dataclass
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
    """The engine is the only writer; the task queue leases to workers."""

    engine: Engine
    task_queue: TaskQueue
    facts: ServerFacts
