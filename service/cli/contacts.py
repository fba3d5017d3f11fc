"""Commands about contacts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import click

from service.cli.assignments import struct_of
from service.cli.options import Moment, assignments, guarded, paged, timestamp
from service.cli.session import Family, Session, pass_session

_TEXT_FIELDS: Final = (
    "first_name",
    "last_name",
    "name",
    "email",
    "phone",
    "company",
    "source",
    "timezone",
    "locale",
)


@click.group(cls=Family)
def contacts() -> None:
    """Read and write contacts."""


@contacts.command()
@click.argument("contact_id", metavar="ID")
@pass_session
def get(session: Session, contact_id: str) -> None:
    """Read one contact."""
    from statewright.v1 import ContactServiceGetRequest

    request = ContactServiceGetRequest(contact_id=contact_id)
    _answer(session, session.call(session.client.contacts.Get, request).contact)


@contacts.command("list")
@click.option("--tag", default="")
@click.option("--list", "list_name", default="", help="On this list.")
@click.option("--email", default="")
@click.option("--phone", default="")
@paged(default=50)
@pass_session
def list_(session: Session, list_name: str, **given: Any) -> None:
    """List contacts by id."""
    from statewright.v1 import ContactServiceListRequest

    from service.cli.paging import answer_page

    request = ContactServiceListRequest(list=list_name, **{key: given.pop(key) for key in ("tag", "email", "phone")})
    answer_page(
        session,
        session.client.contacts.List,
        request,
        "contacts",
        given,
        ("id", "name", "email", "phone", "source", "score", "tags", "lists"),
        lambda it: (
            it.id,
            it.name or f"{it.first_name} {it.last_name}".strip(),
            it.email,
            it.phone,
            it.source,
            f"{it.score:g}" if it.score else "",
            ", ".join(it.tags),
            ", ".join(it.lists),
        ),
        empty="no such contacts",
    )


@contacts.command()
@click.argument("contact_id", metavar="ID")
@assignments("--field", "A field; what is no standard field is a custom field, k:=null removes one.")
@click.option("--tag", "tags", multiple=True, help="Replaces its tags.")
@click.option("--list", "lists", multiple=True, help="Replaces its lists.")
@click.option("--emit/--no-emit", default=True, help="Whether changes raise events. Default yes.")
@guarded
@pass_session
def upsert(
    session: Session, contact_id: str, field: Any, tags: tuple[str, ...], lists: tuple[str, ...], **given: Any
) -> None:
    """Create a contact, or change the fields named."""
    from statewright.v1 import UpsertRequest

    from service.cli.output import note

    contact, cleared = _contact(contact_id, field)
    contact.tags.extend(tags)
    contact.lists.extend(lists)
    request = UpsertRequest(contact=contact, **given)
    if cleared:
        request.update_mask.paths.extend(_mask(contact, cleared))
    response = session.call(session.client.contacts.Upsert, request)
    if not session.json:
        what = "created" if response.created else "changed" if response.changed else "nothing to change in"
        note(f"{what} {contact_id}")
    _answer(session, response.contact, created=response.created, changed=response.changed)


def _contact(contact_id: str, fields: Any) -> tuple[Any, list[str]]:
    """The contact, and the standard fields to clear."""
    from statewright.v1 import Contact

    contact, custom, cleared = Contact(id=contact_id), [], []
    for path, value in fields:
        name = path[0] if len(path) == 1 else ""
        if name in (*_TEXT_FIELDS, "score") and value in (None, ""):
            cleared.append(name)
        elif name in _TEXT_FIELDS:
            setattr(contact, name, value if isinstance(value, str) else str(value))
        elif name == "score":
            contact.score = _score(value)
        else:
            custom.append((path[1:] if path[:1] == ("custom_fields",) else path, value))
    custom_fields = struct_of(custom)
    if custom_fields is not None:
        contact.custom_fields.CopyFrom(custom_fields)
    return contact, cleared


def _score(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise click.BadParameter(f"a score is a number, not {value!r}", param_hint="--field") from None


def _mask(contact: Any, cleared: list[str]) -> list[str]:
    """With a mask every field to write has to be named."""
    names = [
        descriptor.name for descriptor, _ in contact.ListFields() if descriptor.name not in ("id", "custom_fields")
    ]
    return [*names, *cleared, *(f"custom_fields.{key}" for key in contact.custom_fields.fields)]


@contacts.command()
@click.argument("contact_id", metavar="ID")
@click.option("--add", multiple=True, metavar="TAG")
@click.option("--remove", multiple=True, metavar="TAG")
@click.option("--emit/--no-emit", default=True, help="Whether changes raise events. Default yes.")
@guarded
@pass_session
def tag(session: Session, contact_id: str, add: tuple[str, ...], remove: tuple[str, ...], **given: Any) -> None:
    """Add and remove tags."""
    from statewright.v1 import ChangeTagsRequest

    if not add and not remove:
        raise click.UsageError("name tags to --add or --remove")
    request = ChangeTagsRequest(contact_id=contact_id, add=add, remove=remove, **given)
    response = session.call(session.client.contacts.ChangeTags, request)
    _answer(session, response.contact, changed=response.changed)


@contacts.command()
@click.argument("contact_id", metavar="ID")
@click.option("--grant", multiple=True, metavar="CHANNEL", help="It wants messages by this channel.")
@click.option("--deny", multiple=True, metavar="CHANNEL", help="It does not: they are skipped.")
@click.option("--unknown", multiple=True, metavar="CHANNEL", help="Forget what it said of this channel.")
@click.option("--do-not-contact/--may-contact", default=None, help="No message by any channel, or as channels say.")
@click.option("--source", default="", help="Where it said so.")
@click.option("--at", "said_at", type=Moment(), help="When it said so. Default now.")
@click.option("--emit/--no-emit", default=True, help="Whether changes raise events. Default yes.")
@guarded
@pass_session
def consent(
    session: Session,
    contact_id: str,
    grant: tuple[str, ...],
    deny: tuple[str, ...],
    unknown: tuple[str, ...],
    said_at: datetime | None,
    **given: Any,
) -> None:
    """Note by which channels a contact wants messages."""
    from statewright.v1 import ChannelConsent, ConsentStatus, SetConsentRequest

    statuses = (
        (grant, ConsentStatus.CONSENT_STATUS_GRANTED),
        (deny, ConsentStatus.CONSENT_STATUS_DENIED),
        (unknown, ConsentStatus.CONSENT_STATUS_UNKNOWN),
    )
    consents = [ChannelConsent(channel=name, status=status) for names, status in statuses for name in names]
    if not consents and given["do_not_contact"] is None:
        raise click.UsageError("name channels to --grant, --deny or --unknown, or say --do-not-contact")
    request = SetConsentRequest(contact_id=contact_id, consents=consents, said_time=timestamp(said_at), **given)
    response = session.call(session.client.contacts.SetConsent, request)
    _answer(session, response.contact, changed=response.changed)


@contacts.command()
@click.argument("contact_id", metavar="ID")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only of this type; may be repeated.")
@click.option("--source", default="", help="Only from this source; `statewright` for those that steps raised.")
@click.option("--conversation", default="", metavar="ID", help="Only of this conversation.")
@click.option("--since", type=Moment(), help="Accepted then or later.")
@click.option("--before", type=Moment(), help="Accepted before.")
@click.option("--count", "counting", is_flag=True, help="Only how many there are, by type.")
@paged(default=50)
@pass_session
def events(
    session: Session, contact_id: str, conversation: str, since: Any, before: Any, counting: bool, **given: Any
) -> None:
    """List what happened to a contact, the latest first."""
    from statewright.v1 import CountEventsRequest, ListEventsRequest

    from service.cli.output import instant, written
    from service.cli.paging import answer_page
    from service.cli.shapes import plain, struct_data

    filters = {
        "contact_id": contact_id,
        "types": given.pop("types"),
        "source": given.pop("source"),
        "conversation_id": conversation,
        "accept_time_from": timestamp(since),
        "accept_time_before": timestamp(before),
    }
    if counting:
        return _count(session, plain(session.call(session.client.contacts.CountEvents, CountEventsRequest(**filters))))
    return answer_page(
        session,
        session.client.contacts.ListEvents,
        ListEventsRequest(**filters),
        "events",
        given,
        ("accepted", "type", "source", "id", "data", "blocked"),
        lambda it: (
            instant(it.accept_time),
            it.event.type,
            it.event.source,
            it.event.id,
            ", ".join(f"{key}={written(value)}" for key, value in struct_data(it.event.data).items()),
            it.blocked_rule,
        ),
        empty="no such events",
    )


def _count(session: Session, shape: dict[str, Any]) -> None:
    from service.cli.output import note, print_json, print_table

    if session.json:
        print_json(shape)
        return
    note(f"{shape['total']} events")
    print_table(("type", "events"), [(one["type"], one["count"]) for one in shape["types"]], empty="no such events")


def _answer(session: Session, contact: Any, **more: bool) -> None:
    from service.cli.output import instant, print_facts, print_json
    from service.cli.shapes import plain

    shape = plain(contact)
    if session.json:
        print_json(shape | more)
        return
    facts = [(name.replace("_", " "), shape[name]) for name in ("id", *_TEXT_FIELDS)]
    print_facts(
        [
            *facts,
            ("score", f"{contact.score:g}" if contact.score else ""),
            ("tags", ", ".join(contact.tags)),
            ("lists", ", ".join(contact.lists)),
            ("custom fields", shape["custom_fields"]),
            ("consent", ", ".join(_consents(contact))),
            ("created", instant(contact.create_time)),
            ("changed", instant(contact.update_time)),
            ("revision", contact.revision),
        ]
    )


def _consents(contact: Any) -> Iterator[str]:
    from statewright.v1 import ConsentStatus

    if contact.HasField("do_not_contact"):
        yield "do not contact"
    for one in contact.consents:
        yield f"{one.channel} {ConsentStatus.Name(one.status).removeprefix('CONSENT_STATUS_').lower()}"
