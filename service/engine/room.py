"""The room in which every batch of a replica works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from service.engine.catalog import Catalog
from service.engine.clock import Clock
from service.engine.local import LocalQueue
from statemachine.record import record


@record
class Room:
    """What every batch of this replica works with."""

    catalog: Catalog
    clock: Clock
    replica_id: str
    local_queues: Mapping[str, LocalQueue] = field(default_factory=dict)
