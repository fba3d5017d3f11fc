"""VariableService."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from google.protobuf.message import Message
from statewright.v1 import (
    Variable,
    VariableScope,
    VariableServiceDeleteRequest,
    VariableServiceDeleteResponse,
    VariableServiceGetRequest,
    VariableServiceGetResponse,
    VariableServiceListRequest,
    VariableServiceListResponse,
    VariableServiceSetRequest,
    VariableServiceSetResponse,
)

from service.engine.commands import DEFAULT_TENANT, ChangeConversation, ConversationAnswer
from service.rpc.fields import Violations
from service.rpc.moment import write_instant
from service.rpc.pages import fill_page, make_token, read_page
from service.rpc.payload import read_value, write_value
from service.rpc.repeats import body_hash, once, request_key
from service.rpc.rooms import Rooms
from service.storage.conversations import find_conversation
from service.storage.database import Transaction
from service.storage.variables import (
    StoredVariable,
    delete_variable,
    get_variable,
    list_variables,
    set_variable,
    size_of_variables,
)
from statemachine.conversation import Conversation
from statemachine.errors import InvalidInput, LimitExceeded, NotFound
from statemachine.limits import MAX_GLOBAL_BYTES, MAX_GLOBALS_BYTES, larger_than
from statemachine.variable_path import CONVERSATION, BadVariable, scoped_path

_GLOBAL: Final = VariableScope.VARIABLE_SCOPE_GLOBAL
_CONVERSATION: Final = VariableScope.VARIABLE_SCOPE_CONVERSATION
_MOST_GLOBALS: Final = 1_000
M = TypeVar("M", bound=Message)


class VariableRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def get(self, request: VariableServiceGetRequest) -> VariableServiceGetResponse:
        _check(request).check()
        response = VariableServiceGetResponse()
        if request.scope == _GLOBAL:
            stored = await self._engine.read(lambda transaction: _found(transaction, request.name))
            _write_global(stored, response.variable)
        else:
            _write_of(await self._conversation(request.conversation_id), request.name, response.variable)
        return response

    async def set(self, request: VariableServiceSetRequest) -> VariableServiceSetResponse:
        value = _value(request)
        if request.scope == _GLOBAL:
            return await self._write(
                "set_variable", request, lambda transaction, now: _set(transaction, request.name, value, now),
                VariableServiceSetResponse,
            )  # fmt: skip
        answer = await self._change(request, values={request.name: value})
        response = VariableServiceSetResponse()
        _write_of(answer.conversation, request.name, response.variable)
        return response

    async def list(self, request: VariableServiceListRequest) -> VariableServiceListResponse:
        violations = _check(request)
        size, token = read_page(violations, request, str)
        violations.check()
        after = token[0] if token else ""
        response = VariableServiceListResponse()
        if request.scope == _GLOBAL:
            found = await self._engine.read(
                lambda transaction: list_variables(transaction, DEFAULT_TENANT, after=after, limit=size + 1)
            )
            last = fill_page(found, size, response.variables, _write_global, lambda one: (one.name,))
        else:
            talk = await self._conversation(request.conversation_id)
            names = sorted(name for name in talk.variables if name > after)[: size + 1]
            last = fill_page(
                names, size, response.variables, lambda name, target: _write_of(talk, name, target), lambda one: (one,)
            )
        response.next_page_token = make_token(request, last)
        return response

    async def delete(self, request: VariableServiceDeleteRequest) -> VariableServiceDeleteResponse:
        _check(request).check()
        if request.scope == _GLOBAL:
            return await self._write(
                "delete_variable", request, lambda transaction, _: _deleted(transaction, request.name),
                VariableServiceDeleteResponse,
            )  # fmt: skip
        response = VariableServiceDeleteResponse()
        answer = await self._change(request, remove=(request.name,))
        response.variable.MergeFrom(Variable(scope=_CONVERSATION, conversation_id=request.conversation_id))
        response.variable.name = request.name
        write_value(answer.removed[request.name], response.variable.value)
        write_instant(answer.conversation.updated_at, response.variable.update_time)
        return response

    async def _conversation(self, name: str) -> Conversation:
        return await self._engine.read(lambda transaction: find_conversation(transaction, DEFAULT_TENANT, name))

    async def _change(self, request: Any, **change: Any) -> ConversationAnswer:
        command = ChangeConversation(
            DEFAULT_TENANT,
            request.conversation_id,
            request_id=request_key(request.request_id),
            body_hash=body_hash(request),
            **change,
        )
        return cast(ConversationAnswer, await self._engine.ask(command))

    async def _write(
        self, method: str, request: Message, work: Callable[[Transaction, datetime], M], kind: type[M]
    ) -> M:
        """Once for each request_id."""
        clock = self._engine.clock

        def writing(transaction: Transaction) -> M:
            now = clock.read(transaction).workflow
            return once(transaction, clock, method, request, lambda: work(transaction, now), kind)

        return await self._engine.write(writing)


def _check(request: Any) -> Violations:
    """What is wrong with scope, conversation, name and request_id, whichever of them the request has."""
    violations = Violations()
    if request.scope not in (_GLOBAL, _CONVERSATION):
        violations.add("scope", "GLOBAL or CONVERSATION")
    of_conversation = request.scope == _CONVERSATION
    violations.name("conversation_id", request.conversation_id, required=of_conversation)
    if request.scope == _GLOBAL and request.conversation_id:
        violations.add("conversation_id", "only with scope CONVERSATION")
    if "name" in request.DESCRIPTOR.fields_by_name:
        _check_name(violations, request.name, of_conversation=of_conversation)
    if "request_id" in request.DESCRIPTOR.fields_by_name:
        violations.name("request_id", request.request_id)
    return violations


def _check_name(violations: Violations, name: str, *, of_conversation: bool) -> None:
    violations.name("name", name, required=True)
    try:
        path = scoped_path(f"{CONVERSATION if of_conversation else 'workflow'}.{name}")[1] if name else ("",)
    except BadVariable as bad:
        violations.add("name", bad.message.replace(f"{CONVERSATION}.", ""))
        return
    if len(path) != 1:
        violations.add("name", "one name, without dots; an object can be its value")


def _value(request: VariableServiceSetRequest) -> Any:
    violations = _check(request)
    value = violations.read(_read_value, request)
    violations.check()
    return value


def _read_value(request: VariableServiceSetRequest) -> Any:
    if not request.HasField("value") or request.value.WhichOneof("kind") is None:
        wanted = "required; null is a value"
        raise InvalidInput(f"value: {wanted}", [("value", wanted)])
    value = read_value(request.value, "value")
    if larger_than(value, MAX_GLOBAL_BYTES):
        raise _too_large("value", "variable", MAX_GLOBAL_BYTES)
    return value


def _too_large(what: str, limit: str, maximum: int) -> LimitExceeded:
    most = f"at most {maximum // 1024} KiB"
    return LimitExceeded(f"{what}: {most}", [("value", most)], limit=limit, maximum=str(maximum))


def _found(transaction: Transaction, name: str) -> StoredVariable:
    stored = get_variable(transaction, DEFAULT_TENANT, name)
    if stored is None:
        raise NotFound("variable", name)
    return stored


def _set(transaction: Transaction, name: str, value: Any, now: datetime) -> VariableServiceSetResponse:
    stored = set_variable(transaction, DEFAULT_TENANT, name, value, now)
    count, size = size_of_variables(transaction, DEFAULT_TENANT)
    if count > _MOST_GLOBALS:
        wanted = f"at most {_MOST_GLOBALS:,} global variables"
        raise LimitExceeded(f"name: {wanted}", [("name", wanted)], limit="variables", maximum=str(_MOST_GLOBALS))
    if size > MAX_GLOBALS_BYTES:
        raise _too_large("all global variables together", "variables", MAX_GLOBALS_BYTES)
    response = VariableServiceSetResponse()
    _write_global(stored, response.variable)
    return response


def _deleted(transaction: Transaction, name: str) -> VariableServiceDeleteResponse:
    stored = _found(transaction, name)
    delete_variable(transaction, DEFAULT_TENANT, name)
    response = VariableServiceDeleteResponse()
    _write_global(stored, response.variable)
    return response


def _write_global(stored: StoredVariable, message: Variable) -> None:
    message.scope = _GLOBAL
    message.name = stored.name
    write_value(stored.value, message.value)
    write_instant(stored.updated_at, message.update_time)


def _write_of(conversation: Conversation, name: str, message: Variable) -> None:
    if name not in conversation.variables:
        raise NotFound("variable", name)
    message.scope = _CONVERSATION
    message.conversation_id = conversation.id
    message.name = name
    write_value(conversation.variables[name], message.value)
    write_instant(conversation.updated_at, message.update_time)
