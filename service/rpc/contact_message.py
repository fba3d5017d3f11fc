"""Contacts as the proto has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from statewright.v1 import ConsentStatus, SetConsentRequest, UpsertRequest
from statewright.v1 import Contact as ContactMessage

from service.rpc.fields import Violations
from service.rpc.moment import write_instant
from service.rpc.payload import read_payload, write_struct
from statemachine.contact import STANDARD_FIELDS, Contact
from statemachine.limits import MAX_VARIABLES_BYTES
from statemachine.sending.consent import DENIED, EVERY, GRANTED, MAX_CHANNELS, UNKNOWN, is_channel

_STATUSES: Final = {
    GRANTED: ConsentStatus.CONSENT_STATUS_GRANTED,
    DENIED: ConsentStatus.CONSENT_STATUS_DENIED,
    UNKNOWN: ConsentStatus.CONSENT_STATUS_UNKNOWN,
}
_WORDS: Final = {number: word for word, number in _STATUSES.items()}
_A_CHANNEL: Final = "a channel: up to 50 of a-z, 0-9 and _, a letter first; do_not_contact stands for all of them"
_MAX_TEXT_BYTES: Final = 1024
_MAX_MEMBERS: Final = 1_000
_SETS: Final = ("tags", "lists")
_WRITABLE: Final = frozenset({*STANDARD_FIELDS, *_SETS, "score", "custom_fields"})


def write_contact(
    contact: Contact, created_at: datetime | None, updated_at: datetime | None, message: ContactMessage
) -> None:
    message.id = contact.id
    for name in STANDARD_FIELDS:
        value = contact.attributes.get(name)
        if value is not None:
            setattr(message, name, str(value))
    extra = {name: value for name, value in contact.attributes.items() if name not in STANDARD_FIELDS}
    message.score = contact.score
    message.tags.extend(sorted(contact.tags))
    message.lists.extend(sorted(contact.lists))
    message.custom_fields.SetInParent()
    write_struct({**extra, **contact.custom_fields}, message.custom_fields)
    message.revision = contact.revision
    write_instant(created_at, message.create_time)
    write_instant(updated_at, message.update_time)
    if contact.consent:
        _write_consent(contact, message)


def _write_consent(contact: Contact, message: ContactMessage) -> None:
    for channel, said in sorted(contact.consent.items()):
        told: Any = message.do_not_contact
        if channel != EVERY:
            told = message.consents.add(channel=channel, status=_STATUSES[said["status"]])
        elif said["status"] != DENIED:
            continue
        told.source = said.get("source", "")
        write_instant(datetime.fromisoformat(said["at"]), told.said_time)


def read_consents(request: SetConsentRequest) -> dict[str, str]:
    """The statuses by channel that SetConsent means. Raises InvalidInput."""
    violations = Violations()
    statuses: dict[str, str] = {}
    if len(request.consents) > MAX_CHANNELS:
        violations.add("consents", f"at most {MAX_CHANNELS} items")
    for index, consent in enumerate(request.consents[:MAX_CHANNELS]):
        place = f"consents[{index}]"
        if not is_channel(consent.channel):
            violations.add(f"{place}.channel", _A_CHANNEL)
        elif consent.channel in statuses:
            violations.add(f"{place}.channel", f"{consent.channel!r} is there twice")
        if consent.status not in _WORDS:
            violations.add(f"{place}.status", f"one of {', '.join(_WORDS.values())}")
        statuses[consent.channel] = _WORDS.get(consent.status, "")
    if not statuses and not request.HasField("do_not_contact"):
        violations.add("consents", "at least one channel, or do_not_contact")
    violations.check()
    if request.HasField("do_not_contact"):
        statuses[EVERY] = DENIED if request.do_not_contact else UNKNOWN
    return statuses


def read_patch(request: UpsertRequest, place: str) -> dict[str, Any]:
    """The patch that an Upsert means: what is named in the mask, or without one what is set. Raises InvalidInput."""
    contact = request.contact
    violations = Violations()
    _check(violations, contact, f"{place}contact.")
    where = f"{place}contact.custom_fields"
    custom = violations.read(read_payload, where, contact.custom_fields, MAX_VARIABLES_BYTES, "event")
    masked = request.HasField("update_mask")
    if masked:
        _check_mask(violations, request.update_mask.paths, f"{place}update_mask")
    violations.check()
    return _masked_fields(contact, custom, request.update_mask.paths) if masked else _set_fields(contact, custom)


def check_members(violations: Violations, place: str, members: Sequence[str]) -> None:
    """Tags or lists: at most 1,000, each 1 to 255 bytes."""
    if len(members) > _MAX_MEMBERS:
        violations.add(place, f"at most {_MAX_MEMBERS:,} items")
    for index, member in enumerate(members):
        violations.name(f"{place}[{index}]", member, required=True)


def _set_fields(contact: ContactMessage, custom: dict[str, Any]) -> dict[str, Any]:
    patch: dict[str, Any] = {name: getattr(contact, name) for name in STANDARD_FIELDS if getattr(contact, name)}
    patch.update({name: list(getattr(contact, name)) for name in _SETS if getattr(contact, name)})
    if contact.score:
        patch["score"] = _score(contact)
    if custom:
        patch["custom_fields"] = custom
    return patch


def _check_mask(violations: Violations, paths: Sequence[str], place: str) -> None:
    for path in paths:
        name, _, rest = path.partition(".")
        if name not in _WRITABLE or (rest and name != "custom_fields"):
            violations.add(place, f"{path!r} is no field that can be written")


def _masked_fields(contact: ContactMessage, custom: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    chosen_custom: dict[str, Any] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        if name in _SETS:
            patch[name] = list(getattr(contact, name))
        elif name == "score":
            patch[name] = _score(contact)
        elif name == "custom_fields":
            chosen_custom.update({rest: custom.get(rest)} if rest else custom)
        else:
            patch[name] = getattr(contact, name) or None
    return {**patch, "custom_fields": chosen_custom} if chosen_custom else patch


def _check(violations: Violations, contact: ContactMessage, place: str) -> None:
    violations.name(f"{place}id", contact.id, required=True)
    for name in STANDARD_FIELDS:
        violations.name(f"{place}{name}", getattr(contact, name), most=_MAX_TEXT_BYTES)
    for name in _SETS:
        check_members(violations, f"{place}{name}", getattr(contact, name))
    if not abs(contact.score) <= 1e15:
        violations.add(f"{place}score", "a finite number up to 10^15")


def _score(contact: ContactMessage) -> float | int:
    return int(contact.score) if contact.score.is_integer() else contact.score
