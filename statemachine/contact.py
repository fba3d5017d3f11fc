"""A contact: whom events and enrollments are about. Immutable; every change makes a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Final

from statemachine.record import record

STANDARD_FIELDS: Final = (
    "first_name", "last_name", "name", "email", "phone", "company", "source", "timezone", "locale",
)  # fmt: skip
FIELD_ALIASES: Final = {"company_name": "company"}
_NONE: Final[Mapping[str, Any]] = {}
_OWN_WORDS: Final = {"id", "score", "tags", "lists", "custom_fields", "metadata", "revision"}


def standard_field(name: str) -> str | None:
    """The standard field a name means, or None for a custom field. `last_<channel>_reply…` count as standard."""
    name = FIELD_ALIASES.get(name, name)
    if name in STANDARD_FIELDS or (name.startswith("last_") and name.endswith(("_reply", "_reply_at"))):
        return name
    return None


def reserved_field(name: str) -> bool:
    """Whether a name is no field but a part of the contact itself (its tags, its score, …)."""
    return name in _OWN_WORDS


@record
class Contact:
    """`attributes` hold the standard fields that are set; everything else the owner of the contact named is custom.

    `consent` leads a channel to what the contact said of it, as `statemachine.sending.consent` has it, `sends` to when
    messages were ordered for it, as `statemachine.sending.caps` has it.
    """

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    score: float | int = 0
    revision: int = 0
    consent: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    sends: Mapping[str, Any] = field(default_factory=lambda: _NONE)

    def get(self, name: str) -> Any:
        """A field by its bare name: standard first, then custom; None when it is not set."""
        standard = standard_field(name)
        if standard is not None:
            value = self.attributes.get(standard)
            return self._full_name() if value is None and standard == "name" else value
        return self.custom_fields.get(name)

    def has(self, name: str) -> bool:
        """Whether the field is set (a set null counts)."""
        standard = standard_field(name)
        return standard in self.attributes if standard is not None else name in self.custom_fields

    def with_field(self, name: str, value: Any) -> Contact:
        standard = standard_field(name)
        if standard is not None:
            return self._with_attributes({**self.attributes, standard: value})
        return self._with_custom_fields({**self.custom_fields, name: value})

    def without_field(self, name: str) -> Contact:
        standard = standard_field(name)
        if standard is not None:
            return self._with_attributes({k: v for k, v in self.attributes.items() if k != standard})
        return self._with_custom_fields({k: v for k, v in self.custom_fields.items() if k != name})

    def with_tags(self, tags: tuple[str, ...]) -> Contact:
        return self._with(self.attributes, self.custom_fields, tags, self.lists, self.score)

    def with_lists(self, lists: tuple[str, ...]) -> Contact:
        return self._with(self.attributes, self.custom_fields, self.tags, lists, self.score)

    def with_score(self, score: float) -> Contact:
        return self._with(self.attributes, self.custom_fields, self.tags, self.lists, score)

    def _with_attributes(self, attributes: Mapping[str, Any]) -> Contact:
        return self._with(attributes, self.custom_fields, self.tags, self.lists, self.score)

    def _with_custom_fields(self, fields: Mapping[str, Any]) -> Contact:
        return self._with(self.attributes, fields, self.tags, self.lists, self.score)

    def _with(
        self,
        attributes: Mapping[str, Any],
        fields: Mapping[str, Any],
        tags: tuple[str, ...],
        lists: tuple[str, ...],
        score: float,
    ) -> Contact:
        return Contact(self.id, attributes, fields, tags, lists, score, self.revision, self.consent, self.sends)

    def differs_from(self, other: Contact) -> bool:
        """Whether anything but its messages is different; of two that one was made of the other."""
        return (
            self.attributes is not other.attributes
            or self.custom_fields is not other.custom_fields
            or self.tags is not other.tags
            or self.lists is not other.lists
            or self.score is not other.score
            or self.consent is not other.consent
        )

    def _full_name(self) -> str | None:
        parts = [self.attributes.get("first_name"), self.attributes.get("last_name")]
        return " ".join(str(part) for part in parts if part) or None


def following(changed: Contact, before: Contact) -> Contact:
    """The contact that comes after another: one revision later, unless only messages to it were counted."""
    if before.revision and not changed.differs_from(before):
        return replace(changed, revision=before.revision)
    return replace(changed, revision=before.revision + 1)


def contact_to_data(contact: Contact) -> dict[str, Any]:
    """The stored form: everything but id and revision, which are columns."""
    data: dict[str, Any] = {
        "attributes": dict(contact.attributes),
        "custom_fields": dict(contact.custom_fields),
        "tags": list(contact.tags),
        "lists": list(contact.lists),
        "score": contact.score,
    }
    if contact.consent:
        data["consent"] = contact.consent
    if contact.sends:
        data["sends"] = contact.sends
    return data


def contact_from_data(contact_id: str, data: Mapping[str, Any], revision: int = 0) -> Contact:
    return Contact(
        contact_id,
        data.get("attributes", {}),
        data.get("custom_fields", {}),
        tuple(data.get("tags", ())),
        tuple(data.get("lists", ())),
        data.get("score", 0),
        revision,
        data.get("consent", _NONE),
        data.get("sends", _NONE),
    )
