"""The demo's other processes, each in a thread: those who watch the workflows, and the worker for triage."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from service.cli.demo_story import TRIAGE_QUEUE, outcome_of_triage

if TYPE_CHECKING:
    from statewright import Client

_POLL_WAIT_S: Final = 1


class Watchers:
    """One watch per workflow; `next_event` answers what they see, in the order it arrives."""

    def __init__(self, client: Client, workflows: Iterable[str]) -> None:
        from statewright.v1 import EnrollmentServiceWatchRequest

        self._events: queue.Queue[Any] = queue.Queue()
        self._calls = [client.enrollments.Watch(EnrollmentServiceWatchRequest(workflow=key)) for key in workflows]
        for call in self._calls:
            # its first message says that the watch stands: nothing that happens from now on is missed
            next(iter(call))
            threading.Thread(target=self._follow, args=(call,), daemon=True).start()

    def _follow(self, call: Any) -> None:
        import grpc

        with suppress(grpc.RpcError):
            for response in call:
                self._events.put(response.event)

    def next_event(self, timeout_s: float) -> Any | None:
        """The next event; None when there is none in time."""
        try:
            return self._events.get(timeout=max(0.001, timeout_s))
        except queue.Empty:
            return None

    def close(self) -> None:
        for call in self._calls:
            call.cancel()


@contextmanager
def triage_worker(client: Client, tell: Callable[[str], None]) -> Iterator[None]:
    """A worker of another service: polls its queue and answers each task with an outcome."""
    stopping = threading.Event()
    worker = threading.Thread(target=_work, args=(client, tell, stopping), daemon=True)
    worker.start()
    try:
        yield
    finally:
        stopping.set()
        worker.join(timeout=_POLL_WAIT_S + 1)


def _work(client: Client, tell: Callable[[str], None], stopping: threading.Event) -> None:
    import grpc
    from google.protobuf.duration_pb2 import Duration
    from statewright.v1 import CompleteRequest, PollRequest

    request = PollRequest(queues=[TRIAGE_QUEUE], worker_id="demo-triage", wait=Duration(seconds=_POLL_WAIT_S))
    while not stopping.is_set():
        try:
            for task in client.tasks.Poll(request, timeout=_POLL_WAIT_S + 5).tasks:
                outcome = outcome_of_triage(task.input["message"])
                tell(f"a worker takes {task.contact_id}'s message and decides: {outcome}")
                answer = CompleteRequest(task_id=task.id, lease_token=task.lease_token, outcome=outcome)
                client.tasks.Complete(answer, timeout=5)
        except grpc.RpcError:
            stopping.wait(0.2)
        except ValueError:  # the channel was closed meanwhile
            return
