"""WorkflowService.Simulate and RunTests: what would happen, without any of it happening.

Both only read. The playing runs in a thread, one at a time: it is bounded by transitions, and must not take the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from statewright.v1 import RunTestsRequest, RunTestsResponse, SimulateRequest, SimulateResponse

from service.engine.catalog import load_stored
from service.engine.commands import DEFAULT_TENANT
from service.rpc.fields import Violations
from service.rpc.rooms import Rooms
from service.rpc.script_message import by_key, check_script, read_script
from service.rpc.simulated_message import write_simulated, write_trials
from service.rpc.workflow_message import write_problems
from service.storage.contact_queries import find_contact
from service.storage.database import Transaction
from service.storage.workflow_queries import find_version
from statemachine.contact import Contact
from statemachine.definition import Loaded, compile_workflow, load_workflow
from statemachine.errors import DefinitionError, LimitExceeded, NotFound
from statemachine.problem import Problem
from statemachine.simulation.simulate import simulate
from statemachine.testing.case import Case
from statemachine.testing.reading import load_tests
from statemachine.testing.trial import run_tests
from statemachine.workflow import Workflow

MAX_OTHERS: Final = 20
MAX_TEST_TRANSITIONS: Final = 50_000
MAX_ANSWER_BYTES: Final = 7 * 1024 * 1024
R = TypeVar("R", bound=Message)


class SimulateRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._one_at_a_time = asyncio.Semaphore(1)

    async def simulate(self, request: SimulateRequest) -> SimulateResponse:
        violations = _about(request, "contact_id")
        _check_others(violations, {"with_keys": request.with_keys, "with_sources": request.with_sources})
        for index, key in enumerate(request.with_keys):
            violations.name(f"with_keys[{index}]", key)
        violations.read(check_script, request)
        violations.check()
        published, stored = await self._engine.read(lambda transaction: self._subjects(transaction, request))
        known = (await self._engine.read(self._engine.catalog.refresh)).globals_of(DEFAULT_TENANT)
        return await self._alone(lambda: simulate_with(request, published, stored, known))

    async def run_tests(self, request: RunTestsRequest) -> RunTestsResponse:
        violations = _about(request, "name")
        _check_others(violations, {"workflows": request.workflows})
        violations.check()
        stored = None
        if request.WhichOneof("target") == "key":
            stored = await self._engine.read(lambda transaction: self._source(transaction, request))
        loaded = await asyncio.to_thread(_loaded, request, stored)
        cases, problems = await asyncio.to_thread(_cases, request, loaded)
        others = await self._others(request, cases)
        return await self._alone(lambda: _tried(loaded, cases, others, problems))

    async def _alone(self, work: Callable[[], R]) -> R:
        return await played(self._one_at_a_time, work)

    def _subjects(self, transaction: Transaction, request: SimulateRequest) -> tuple[list[Workflow], Contact | None]:
        """The published workflows that the request names, the one under simulation first, and its stored contact."""
        published = []
        if request.WhichOneof("target") == "key":
            wanted = request.version if request.HasField("version") else None
            published.append(self._published(transaction, request.key, wanted))
        published += [self._published(transaction, key, None) for key in request.with_keys]
        stored = request.WhichOneof("subject") == "contact_id"
        contact = find_contact(transaction, DEFAULT_TENANT, request.contact_id).contact if stored else None
        return published, contact

    def _published(self, transaction: Transaction, key: str, version: int | None) -> Workflow:
        _, stored = find_version(transaction, DEFAULT_TENANT, key, version)
        return self._engine.catalog.version(transaction, DEFAULT_TENANT, key, stored.version)

    def _source(self, transaction: Transaction, request: RunTestsRequest) -> Any:
        wanted = request.version if request.HasField("version") else None
        return find_version(transaction, DEFAULT_TENANT, request.key, wanted)[1]

    async def _others(self, request: RunTestsRequest, cases: Iterable[Case]) -> dict[str, Workflow]:
        """The workflows that the cases ask for: given in the request, or else published under that key."""
        names = {name for case in cases for name in case.workflows}
        given = {name: text for name, text in request.workflows.items() if name in names}
        found = {name: await asyncio.to_thread(compile_workflow, text) for name, text in sorted(given.items())}

        def published(transaction: Transaction) -> None:
            for name in sorted(names - set(given)):
                try:
                    found[name] = self._published(transaction, name, None)
                except NotFound:
                    continue

        await self._engine.read(published)
        return found


async def played(turn: asyncio.Semaphore, work: Callable[[], R]) -> R:
    """The answer that a thread works out in its turn. Raises LimitExceeded when it is too large to send."""
    async with turn:
        response = await asyncio.to_thread(work)
    if response.ByteSize() > MAX_ANSWER_BYTES:
        wanted = f"an answer of at most {MAX_ANSWER_BYTES:,} bytes"
        raise LimitExceeded(f"the answer is too large: ask for {wanted}", [("events", wanted)], limit="answer",
                            maximum=str(MAX_ANSWER_BYTES))  # fmt: skip
    return response


def simulate_with(
    request: SimulateRequest,
    published: list[Workflow],
    stored: Contact | None,
    global_variables: Mapping[str, Any] | None = None,
) -> SimulateResponse:
    """Play a request whose published workflows and stored contact have been found, with the tenant's variables.

    Raises DefinitionError, InvalidInput.
    """
    workflows = list(published)
    if request.WhichOneof("target") == "source":
        workflows.insert(0, compile_workflow(request.source, lenient=request.lenient, version=1))
    workflows += [compile_workflow(source, version=1) for source in request.with_sources]
    workflow, *others = workflows
    by_key(workflow, others)
    response = SimulateResponse()
    script = replace(read_script(request, workflow, others, stored), global_variables=global_variables or {})
    write_simulated(simulate(script), response)
    return response


def _about(request: SimulateRequest | RunTestsRequest, name: str) -> Violations:
    """What is wrong with the workflow that is named, and with one part besides."""
    violations = Violations()
    violations.name("key", request.key)
    violations.name(name, getattr(request, name))
    if not (request.key or request.source):
        violations.add("target", "key or source")
    if request.WhichOneof("target") == "source" and request.HasField("version"):
        violations.add("version", "only with key")
    return violations


def _check_others(violations: Violations, given: dict[str, Any]) -> None:
    for name, values in given.items():
        if len(values) > MAX_OTHERS:
            violations.add(name, f"at most {MAX_OTHERS} workflows")


def _loaded(request: RunTestsRequest, stored: Any) -> Loaded:
    """The workflow with its own tests. Raises DefinitionError."""
    if stored is None:
        loaded = load_workflow(request.source, lenient=request.lenient, version=1)
    else:
        loaded = load_stored(stored)
    if loaded.workflow is None:
        raise DefinitionError(loaded.problems)
    return loaded


def _cases(request: RunTestsRequest, loaded: Loaded) -> tuple[list[Case], tuple[Problem, ...]]:
    """The tests to run, and warnings. Raises DefinitionError for a test file with mistakes."""
    cases, problems = loaded.tests, loaded.problems
    if request.tests:
        read = load_tests(request.tests, loaded.workflow)
        if read.failed:
            raise DefinitionError(read.problems)
        cases, problems = read.cases, (*loaded.problems, *read.problems)
    name = request.name.casefold()
    return [case for case in cases if name in case.name.casefold()], problems


def _tried(
    loaded: Loaded, cases: list[Case], others: dict[str, Workflow], problems: tuple[Problem, ...]
) -> RunTestsResponse:
    assert loaded.workflow is not None
    response = RunTestsResponse()
    write_trials(run_tests(loaded.workflow, cases, others, max_transitions=MAX_TEST_TRANSITIONS), response)
    write_problems(problems, response.problems)
    return response
