"""What leases and connectors need of the engine; `service.engine.engine.Engine` has it all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from service.engine.clock import Clock
from service.engine.commands import Answer, Command
from service.storage.database import Transaction

T = TypeVar("T")


class News(Protocol):
    """One subscription to what this replica commits."""

    async def wait(self, timeout_s: float, /) -> None:
        """Return when something was committed since the last call, or when the time is up."""


class NewsFeed(Protocol):
    def subscribe(self) -> AbstractAsyncContextManager[News]: ...


class TaskEngine(Protocol):
    """The engine as tasks see it."""

    @property
    def clock(self) -> Clock: ...

    @property
    def feed(self) -> NewsFeed: ...

    async def ask(self, command: Command, /) -> Answer:
        """Raises WorkflowError when it refuses."""

    async def ask_all(self, commands: Sequence[Command], /) -> list[Answer | Exception]: ...

    async def read(self, work: Callable[[Transaction], T], /) -> T: ...

    async def write(self, work: Callable[[Transaction], T], /) -> T: ...
