"""Remote workers of a storm: most of their results are good, some attempts fail, some are lost and told too late."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from typing import Final
from zlib import crc32

import grpc
from google.protobuf.duration_pb2 import Duration
from statewright.v1 import CompleteRequest, FailRequest, PollRequest, Task

from tests.storm.book import Book
from tests.storm.links import Links
from tests.storm.workflows import QUEUE

_LEASE: Final = Duration(seconds=3)
_TOO_LATE_S: Final = 6.0


class Worker(threading.Thread):
    """Works until `stopping` is set. What it does with a task depends on its key and attempt alone."""

    def __init__(self, name: str, links: Links, book: Book, stopping: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._links = links
        self._chance = random.Random(name)
        self._book = book
        self._stopping = stopping
        self._lost: deque[tuple[float, Task]] = deque()

    def run(self) -> None:
        while not self._stopping.is_set():
            for task in self._poll():
                self._work_on(task)
            while self._lost and self._lost[0][0] < time.monotonic():
                self._complete(self._lost.popleft()[1])

    def _poll(self) -> list[Task]:
        request = PollRequest(queues=[QUEUE], worker_id=self.name, max_tasks=10, wait=Duration(seconds=1), lease=_LEASE)
        try:
            with self._links.one(self._chance) as client:
                return list(client.tasks.Poll(request, timeout=5).tasks)
        except grpc.RpcError:
            self._stopping.wait(0.1)
            return []

    def _work_on(self, task: Task) -> None:
        self._book.executions[task.idempotency_key, task.attempt] += 1
        if task.workflow == "once":
            self._book.at_most_once.add(task.idempotency_key)
        chance = crc32(f"{task.idempotency_key}/{task.attempt}".encode()) % 100
        if chance < 10:
            self._book.count("tasks lost by workers")
            self._lost.append((time.monotonic() + _TOO_LATE_S, task))
        elif chance < 25:
            self._fail(task)
        else:
            self._complete(task)

    def _complete(self, task: Task) -> None:
        request = CompleteRequest(
            task_id=task.id, lease_token=task.lease_token, request_id=f"{task.id}/{task.lease_token}"
        )
        while not self._stopping.is_set():
            try:
                with self._links.one(self._chance) as client:
                    answer = client.tasks.Complete(request, timeout=5)
            except grpc.RpcError as error:
                if self._refused(task, error):
                    return
                continue
            self._book.completed[task.id] = answer.applied
            return

    def _fail(self, task: Task) -> None:
        self._book.failures.add((task.idempotency_key, task.attempt))
        request = FailRequest(
            task_id=task.id,
            lease_token=task.lease_token,
            code="storm",
            message="this attempt was to fail",
            request_id=f"{task.id}/{task.lease_token}",
        )
        while not self._stopping.is_set():
            try:
                with self._links.one(self._chance) as client:
                    client.tasks.Fail(request, timeout=5)
            except grpc.RpcError as error:
                if self._refused(task, error):
                    return
                continue
            return

    def _refused(self, task: Task, error: grpc.RpcError) -> bool:
        """Whether the lease is gone; what only failed on the way is tried again a little later."""
        if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
            self._book.count("stale results fenced off")
            return True
        if error.code() not in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        ):
            self._book.complain(f"the result of task {task.id} was answered {error.code()}: {error.details()}")
            return True
        self._stopping.wait(0.1)
        return False
