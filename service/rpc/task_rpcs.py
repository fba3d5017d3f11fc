"""TaskService, streaming aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar, cast

from statewright.v1 import (
    CompleteBatchRequest,
    CompleteBatchResponse,
    CompleteRequest,
    CompleteResponse,
    ExtendRequest,
    ExtendResponse,
    FailRequest,
    FailResponse,
    PollRequest,
    PollResponse,
    Task,
    TaskKind,
    TaskServiceGetRequest,
    TaskServiceGetResponse,
    TaskServiceListRequest,
    TaskServiceListResponse,
    ThrowRequest,
    ThrowResponse,
)

from service.engine.commands import DEFAULT_TENANT, FinishAnswer, FinishTask
from service.rpc.errors import status_of
from service.rpc.fields import Violations, all_chosen, check_batch, chosen, required_id
from service.rpc.moment import read_span
from service.rpc.pages import fill_page, make_token, read_page
from service.rpc.rooms import Rooms
from service.rpc.task_message import (
    STATUS_WORDS,
    read_complete,
    read_extend,
    read_fail,
    read_lease,
    read_throw,
    write_task,
)
from service.storage.database import Transaction
from service.storage.human_tasks import HumanTask, human_tasks_by_id
from service.storage.tasks import LeasedTask, TaskFilter, get_task, list_tasks, tasks_by_id
from service.tasks.leases import DEFAULT_LEASE, DEFAULT_WAIT, MAX_QUEUES, MAX_TASKS, MAX_WAIT
from statemachine.errors import InvalidInput, WorkflowError

_KINDS: Final[Mapping[int, str]] = {TaskKind.TASK_KIND_WORKER: "worker", TaskKind.TASK_KIND_HUMAN: "human"}
R = TypeVar("R", CompleteResponse, FailResponse, ThrowResponse)


class TaskRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._queue = rooms.task_queue
        self._rooms = rooms

    async def poll(self, request: PollRequest) -> PollResponse:
        violations = Violations()
        check_queues(violations, "", request.queues, request.worker_id)
        if not 0 <= request.max_tasks <= MAX_TASKS:
            violations.add("max_tasks", f"1 to {MAX_TASKS}, or nothing for 1")
        wait = DEFAULT_WAIT
        if request.HasField("wait"):
            wait = violations.read(read_span, request.wait, "wait", least=timedelta(0), most=MAX_WAIT)
        lease = violations.read(read_lease, request, "lease", DEFAULT_LEASE)
        violations.check()
        queues = list(request.queues)
        with self._rooms.waiting_for(queues):
            tasks = await self._queue.lease(
                DEFAULT_TENANT, queues, request.worker_id, request.max_tasks or 1, lease, wait
            )
        response = PollResponse()
        for task in tasks:
            write_task(task, response.tasks.add(), for_holder=True)
        return response

    async def complete(self, request: CompleteRequest) -> CompleteResponse:
        return await self._finish(read_complete(request), CompleteResponse())

    async def complete_batch(self, request: CompleteBatchRequest) -> CompleteBatchResponse:
        check_batch("requests", request.requests)
        commands = _completions(request)
        good = [command for command in commands if not isinstance(command, WorkflowError)]
        answers = iter(await self._engine.ask_all(good) if good else ())
        tasks = await self._read_tasks([command.task_id for command in good])
        response = CompleteBatchResponse()
        for item, command in zip(request.requests, commands, strict=True):
            answer = command if isinstance(command, WorkflowError) else next(answers)
            result = response.results.add(task_id=item.task_id)
            if isinstance(answer, Exception):
                result.error.CopyFrom(status_of(answer))
            else:
                finished = cast(FinishAnswer, answer)
                result.completed.applied = finished.applied
                write_task(tasks[finished.task_id], result.completed.task, for_holder=False)
        return response

    async def fail(self, request: FailRequest) -> FailResponse:
        return await self._finish(read_fail(request), FailResponse())

    async def throw(self, request: ThrowRequest) -> ThrowResponse:
        return await self._finish(read_throw(request), ThrowResponse())

    async def extend(self, request: ExtendRequest) -> ExtendResponse:
        extension = await self._queue.extend(DEFAULT_TENANT, *read_extend(request, "", DEFAULT_LEASE))
        response = ExtendResponse(cancelled=extension.cancelled)
        write_task(extension.task, response.task, for_holder=not extension.cancelled)
        return response

    async def get(self, request: TaskServiceGetRequest) -> TaskServiceGetResponse:
        task_id = required_id("task_id", request.task_id)

        def work(transaction: Transaction) -> TaskServiceGetResponse:
            response = TaskServiceGetResponse()
            write_stored(transaction, task_id, response.task)
            return response

        return await self._engine.read(work)

    async def list(self, request: TaskServiceListRequest) -> TaskServiceListResponse:
        names = ("queue", "workflow", "enrollment_id", "contact_id", "type", "agent_id")
        violations = Violations()
        for name in names:
            violations.name(name, getattr(request, name))
        if request.unassigned and request.agent_id:
            violations.add("unassigned", "only without agent_id")
        kind = violations.read(chosen, "kind", request.kind, _KINDS) if request.kind else None
        statuses = violations.read(all_chosen, "status", request.status, STATUS_WORDS)
        size, before = read_page(violations, request, str)
        violations.check()
        wanted = TaskFilter(
            statuses=statuses,
            human=None if kind is None else kind == "human",
            unassigned=request.unassigned,
            **{name: getattr(request, name) or None for name in names},
        )

        def work(transaction: Transaction) -> tuple[list[LeasedTask], dict[tuple[str, str], HumanTask]]:
            start = before[0] if before else None
            found = list_tasks(transaction, DEFAULT_TENANT, wanted, limit=size + 1, before=start)
            return found, human_tasks_by_id(transaction, [(task.tenant_id, task.id) for task in found])

        tasks, people = await self._engine.read(work)
        response = TaskServiceListResponse()
        last = fill_page(
            tasks,
            size,
            response.tasks,
            lambda task, message: write_task(
                task, message, for_holder=False, human=people.get((task.tenant_id, task.id))
            ),
            lambda task: (task.id,),
        )
        response.next_page_token = make_token(request, last)
        return response

    async def _finish(self, command: FinishTask, response: R) -> R:
        answer = cast(FinishAnswer, await self._engine.ask(command))
        response.applied = answer.applied
        write_task(await self._read_task(answer.task_id), response.task, for_holder=False)
        return response

    async def _read_task(self, task_id: str) -> LeasedTask:
        return await self._engine.read(lambda transaction: get_task(transaction, DEFAULT_TENANT, task_id))

    async def _read_tasks(self, task_ids: Sequence[str]) -> dict[str, LeasedTask]:
        ids = [{"tenant_id": DEFAULT_TENANT, "id": task_id} for task_id in task_ids]
        found = await self._engine.read(lambda transaction: tasks_by_id(transaction, ids))
        return {task.id: task for task in found.values()}


def write_stored(transaction: Transaction, task_id: str, message: Task) -> None:
    """A task as it is stored, with what one for people has besides. Raises NotFound."""
    task = get_task(transaction, DEFAULT_TENANT, task_id)
    human = human_tasks_by_id(transaction, [(task.tenant_id, task.id)]).get((task.tenant_id, task.id))
    write_task(task, message, for_holder=False, human=human)


def check_queues(violations: Violations, place: str, queues: Any, worker_id: str) -> None:
    """1 to MAX_QUEUES queues and a worker's name."""
    if not 1 <= len(queues) <= MAX_QUEUES:
        violations.add(f"{place}queues", f"1 to {MAX_QUEUES} queues")
    for index, queue in enumerate(queues):
        violations.name(f"{place}queues[{index}]", queue, required=True)
    violations.name(f"{place}worker_id", worker_id, required=True)


def _completions(request: CompleteBatchRequest) -> list[FinishTask | WorkflowError]:
    commands: list[FinishTask | WorkflowError] = []
    for index, item in enumerate(request.requests):
        try:
            commands.append(read_complete(item, f"requests[{index}]."))
        except InvalidInput as error:
            commands.append(error)
    return commands
