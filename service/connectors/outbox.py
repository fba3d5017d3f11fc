"""The local outbox: in development, messages go into a table instead of to a provider.

It serves the queue `messages`. One message is kept per idempotency key, so an attempt that is repeated after a crash
answers the message of the one before. What is waiting is stored together: one transaction, however many.

To show what a failing provider does, it can refuse the *first attempt* to a reserved recipient, transiently
(`flaky_recipient`): an address at `flaky.invalid` (no such domain can exist, RFC 2606) or a phone number that begins
with `+000` (no such country code).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from service.connectors.connector import Finished, TaskError
from service.engine.ids import new_id
from service.storage.database import Transaction
from service.storage.messages import NewMessage, store_messages
from service.storage.tasks import LeasedTask
from service.tasks.port import TaskEngine

QUEUE: Final = "messages"
TYPES: Final = ("send_sms", "send_email", "send_reply", "send_notification")
FLAKY_DOMAIN: Final = "@flaky.invalid"
FLAKY_PREFIX: Final = "+000"

_Waiting = tuple[NewMessage, asyncio.Future[str]]


class Outbox:
    """Keeps messages. Output of a step: `{message_id, channel}`."""

    def __init__(self, engine: TaskEngine, *, refuse_flaky: bool = True) -> None:
        self._engine = engine
        self._refuse_flaky = refuse_flaky
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    def destination(self, task: LeasedTask) -> str:
        return ""

    async def execute(self, task: LeasedTask) -> Finished:
        """Raises TaskError `flaky_recipient` for the first attempt to a reserved recipient; Unavailable."""
        if self._refuse_flaky and task.attempt == 1 and any(map(_is_flaky, _texts(task.input.get("to")))):
            raise TaskError("flaky_recipient", "this recipient refuses every first attempt", retryable=True)
        message_id = await self._store(_message_of(task))
        return Finished({"message_id": message_id, "channel": task.input.get("channel")})

    async def _store(self, message: NewMessage) -> str:
        stored: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, stored))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return await stored

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[_Waiting]) -> None:
        clock = self._engine.clock
        messages = [message for message, _ in batch]

        def work(transaction: Transaction) -> dict[tuple[str, str], str]:
            return store_messages(transaction, messages, clock.read(transaction).workflow)

        try:
            ids = await self._engine.write(work)
        except Exception as error:  # every sender of the batch is told, each decides for itself
            for _, stored in batch:
                if not stored.done():
                    stored.set_exception(error)
            return
        for message, stored in batch:
            if not stored.done():
                stored.set_result(ids[message.tenant_id, message.idempotency_key])


def _message_of(task: LeasedTask) -> NewMessage:
    return NewMessage(
        tenant_id=task.tenant_id,
        id=new_id(),
        enrollment_id=task.enrollment_id,
        contact_id=task.contact_id,
        workflow=task.workflow,
        step=task.step,
        idempotency_key=task.idempotency_key,
        message={**task.input, "variants": task.variants} if task.variants else task.input,
    )


def _texts(to: Any) -> Iterable[str]:
    return [str(entry) for entry in to] if isinstance(to, list) else [str(to or "")]


def _is_flaky(to: str) -> bool:
    return to.lower().endswith(FLAKY_DOMAIN) or to.startswith(FLAKY_PREFIX)
