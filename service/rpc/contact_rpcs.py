"""ContactService."""

from __future__ import annotations

from typing import Any, cast

from statewright.v1 import (
    ChangeTagsRequest,
    ChangeTagsResponse,
    ContactServiceGetRequest,
    ContactServiceGetResponse,
    ContactServiceListRequest,
    ContactServiceListResponse,
    SetConsentRequest,
    SetConsentResponse,
    UpsertBatchRequest,
    UpsertBatchResponse,
    UpsertRequest,
    UpsertResponse,
)

from service.engine.commands import DEFAULT_TENANT, ChangeContact, ContactAnswer
from service.rpc.contact_message import check_members, read_consents, read_patch, write_contact
from service.rpc.errors import status_of
from service.rpc.fields import Violations, check_batch, required_id
from service.rpc.moment import read_instant
from service.rpc.pages import fill_page, make_token, read_page
from service.rpc.repeats import body_hash, request_key
from service.rpc.rooms import Rooms
from service.storage.contact_queries import find_contact, list_contacts
from service.storage.contacts import StoredContact
from statemachine.errors import InvalidInput, WorkflowError


class ContactRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def upsert(self, request: UpsertRequest) -> UpsertResponse:
        answer = cast(ContactAnswer, await self._engine.ask(_upsert(request, "")))
        response = UpsertResponse()
        _write_upserted(answer, response)
        return response

    async def upsert_batch(self, request: UpsertBatchRequest) -> UpsertBatchResponse:
        check_batch("requests", request.requests)
        commands = _upserts(request)
        good = [command for command in commands if not isinstance(command, WorkflowError)]
        answers = iter(await self._engine.ask_all(good) if good else ())
        response = UpsertBatchResponse()
        for command in commands:
            answer = command if isinstance(command, WorkflowError) else next(answers)
            result = response.results.add()
            if isinstance(answer, Exception):
                result.error.CopyFrom(status_of(answer))
            else:
                _write_upserted(cast(ContactAnswer, answer), result.upserted)
        return response

    async def get(self, request: ContactServiceGetRequest) -> ContactServiceGetResponse:
        contact_id = required_id("contact_id", request.contact_id)
        stored = await self._engine.read(lambda transaction: find_contact(transaction, DEFAULT_TENANT, contact_id))
        response = ContactServiceGetResponse()
        _write_stored(stored, response.contact)
        return response

    async def list(self, request: ContactServiceListRequest) -> ContactServiceListResponse:
        violations = Violations()
        for name in ("tag", "list", "email", "phone"):
            violations.name(name, getattr(request, name))
        size, after = read_page(violations, request, str)
        violations.check()
        found = await self._engine.read(
            lambda transaction: list_contacts(
                transaction,
                DEFAULT_TENANT,
                tag=request.tag,
                list_name=request.list,
                email=request.email,
                phone=request.phone,
                after=after[0] if after else "",
                limit=size + 1,
            )
        )
        response = ContactServiceListResponse()
        last = fill_page(found, size, response.contacts, _write_stored, lambda stored: (stored.contact.id,))
        response.next_page_token = make_token(request, last)
        return response

    async def change_tags(self, request: ChangeTagsRequest) -> ChangeTagsResponse:
        answer = cast(ContactAnswer, await self._engine.ask(_tag_change(request)))
        response = ChangeTagsResponse(changed=answer.changed)
        write_contact(answer.contact, answer.created_at, answer.updated_at, response.contact)
        return response

    async def set_consent(self, request: SetConsentRequest) -> SetConsentResponse:
        answer = cast(ContactAnswer, await self._engine.ask(_consent_change(request)))
        response = SetConsentResponse(changed=answer.changed)
        write_contact(answer.contact, answer.created_at, answer.updated_at, response.contact)
        return response


def _upserts(request: UpsertBatchRequest) -> list[ChangeContact | WorkflowError]:
    commands: list[ChangeContact | WorkflowError] = []
    for index, item in enumerate(request.requests):
        try:
            commands.append(_upsert(item, f"requests[{index}]."))
        except InvalidInput as error:
            commands.append(error)
    return commands


def _upsert(request: UpsertRequest, place: str) -> ChangeContact:
    violations = Violations()
    patch: dict[str, Any] = {}
    if request.HasField("contact"):
        patch = violations.read(read_patch, request, place)
    else:
        violations.add(f"{place}contact", "required")
    violations.name(f"{place}request_id", request.request_id)
    violations.check()
    return ChangeContact(
        DEFAULT_TENANT,
        request.contact.id,
        patch,
        emit=request.emit if request.HasField("emit") else True,
        expected_revision=request.expected_revision if request.HasField("expected_revision") else None,
        request_id=request_key(request.request_id),
        body_hash=body_hash(request),
    )


def _tag_change(request: ChangeTagsRequest) -> ChangeContact:
    violations = Violations()
    violations.name("contact_id", request.contact_id, required=True)
    check_members(violations, "add", request.add)
    check_members(violations, "remove", request.remove)
    for tag in sorted(set(request.add) & set(request.remove)):
        violations.add("remove", f"{tag!r} is in add too")
    violations.name("request_id", request.request_id)
    violations.check()
    return ChangeContact(
        DEFAULT_TENANT,
        request.contact_id,
        add_tags=tuple(request.add),
        remove_tags=tuple(request.remove),
        emit=request.emit if request.HasField("emit") else True,
        must_exist=True,
        expected_revision=request.expected_revision if request.HasField("expected_revision") else None,
        request_id=request_key(request.request_id),
        body_hash=body_hash(request),
    )


def _consent_change(request: SetConsentRequest) -> ChangeContact:
    violations = Violations()
    violations.required_id("contact_id", request.contact_id)
    consents = violations.read(read_consents, request)
    for name in ("source", "request_id"):
        violations.name(name, getattr(request, name))
    said_at = violations.read(read_instant, request.said_time, "said_time") if request.HasField("said_time") else None
    violations.check()
    return ChangeContact(
        DEFAULT_TENANT,
        request.contact_id,
        consent=consents,
        consent_source=request.source,
        consent_at=said_at,
        emit=request.emit if request.HasField("emit") else True,
        must_exist=True,
        expected_revision=request.expected_revision if request.HasField("expected_revision") else None,
        request_id=request_key(request.request_id),
        body_hash=body_hash(request),
    )


def _write_upserted(answer: ContactAnswer, response: UpsertResponse) -> None:
    response.created = answer.created
    response.changed = answer.changed
    write_contact(answer.contact, answer.created_at, answer.updated_at, response.contact)


def _write_stored(stored: StoredContact, message: Any) -> None:
    write_contact(stored.contact, stored.created_at, stored.updated_at, message)
