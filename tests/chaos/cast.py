"""The cast of a play: two replicas on one store that die at some transaction, and others that take their place.

Callers behave as the guide of the API tells them to: without an answer they send the same thing again with the same id,
to whichever replica is there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import Final, TypeVar

from service.engine.engine import Engine
from service.storage.tasks import LeasedTask
from statemachine.errors import Unavailable
from tests.chaos.faulty import Connections, FaultyDatabase
from tests.chaos.tally import Tally
from tests.chaos.turns import WithTurns
from tests.chaos.words import ASSIGNING, HTTP
from tests.service.engine.house import FakeClock

T = TypeVar("T")
LEASE: Final = timedelta(seconds=30)
REPLICAS: Final = 2
_TRIES: Final = 60
_LIVES: Final = 0.7
"""How many of the replicas will die."""


@dataclass(slots=True)
class Hand:
    """A local queue: tasks that were handed over with the commit that ordered them, and are lost with the replica."""

    lease: timedelta = LEASE
    tasks: deque[LeasedTask] = field(default_factory=deque)

    @property
    def free(self) -> int:
        return max(0, 3 - len(self.tasks))

    def offer(self, task: LeasedTask) -> bool:
        self.tasks.append(task)
        return True


@dataclass(slots=True)
class Replica:
    """`callers` are those who wait for it now."""

    engine: Engine
    database: FaultyDatabase
    hands: Mapping[str, Hand]
    callers: int = 0

    async def end(self, tally: Tally) -> None:
        await self.engine.stop()
        self.database.close()
        tally.commits += self.database.commits


class Cast:
    """See the module. `mortal` False: who is born from now on lives for ever. `turns` draws who comes first; None: who
    is faster."""

    def __init__(
        self,
        url: str,
        clock: FakeClock,
        random: Random,
        tally: Tally,
        connections: Connections,
        turns: Random | None,
    ) -> None:
        self.mortal = True
        self._turns = turns
        self.replicas: list[Replica] = []
        self._url = url
        self._clock = clock
        self._random = random
        self._tally = tally
        self._connections = connections
        self._born = 0
        self._burying = asyncio.Lock()

    @property
    def _engine(self) -> Callable[..., Engine]:
        return Engine if self._turns is None else partial(WithTurns, self._turns)

    async def enter(self) -> None:
        for _ in range(REPLICAS):
            self.replicas.append(await self._next())

    async def leave(self) -> None:
        for replica in self.replicas:
            await replica.end(self._tally)
        self.replicas.clear()

    async def renew(self) -> None:
        """All of them anew, as after a deployment."""
        await self.leave()
        await self.enter()

    def one(self) -> Replica:
        return self._random.choice(self.replicas)

    async def surely(self, work: Callable[[Engine], Awaitable[T]]) -> T:
        """What `work(engine)` answers, asked of one replica after another until one lives long enough."""
        for _ in range(_TRIES):
            replica = self.one()
            replica.callers += 1
            try:
                return await work(replica.engine)
            except Unavailable:
                pass
            finally:
                replica.callers -= 1
            await self.bury()
        raise AssertionError("no replica answers")

    async def settle(self) -> None:
        """Until every follow-up is carried out, or has died with its replica."""
        while any(replica.engine.pending for replica in self.replicas):
            await self._let_others(self.replicas[0])
        await self.bury()

    async def _let_others(self, replica: Replica) -> None:
        """Until it commits something, at most for a moment; with turns, until everybody had one."""
        if self._turns is not None:
            await asyncio.sleep(0)
            return
        async with replica.engine.feed.subscribe() as subscription:
            await subscription.wait(0.002)

    async def bury(self) -> None:
        """Others for those who died, as soon as they have said their last to everybody who waits for them."""
        async with self._burying:
            for index, replica in enumerate(self.replicas):
                if replica.database.dead:
                    self._tally.deaths["after commit" if replica.database.committed else "before commit"] += 1
                    while replica.callers or replica.engine.pending:
                        await self._let_others(replica)
                    await replica.end(self._tally)
                    self.replicas[index] = await self._next()

    async def _next(self) -> Replica:
        self._born += 1
        dies, committed = self._random.random() < _LIVES, self._random.random() < 0.5
        fuse = self._random.randint(2, 25) if self.mortal and dies else None
        database = FaultyDatabase(self._url, self._connections, fuse=fuse, committed=committed)
        hands = {HTTP: Hand(), ASSIGNING: Hand()}
        engine = self._engine(database, self._clock, replica_id=f"r{self._born}", local_queues=hands)
        await engine.start()
        return Replica(engine, database, hands)
