"""`statewright outbox`: the messages that a development server keeps instead of sending."""

from __future__ import annotations

from typing import Any

import click

from service.cli.options import paged
from service.cli.session import Session, Verb, pass_session


@click.command(cls=Verb)
@click.option("--contact", default="", metavar="ID")
@click.option("--workflow", default="", metavar="KEY")
@click.option("--enrollment", default="", metavar="ID")
@paged(default=50)
@pass_session
def outbox(session: Session, contact: str, workflow: str, enrollment: str, **page: Any) -> None:
    """List the messages kept by a development server, newest first."""
    from statewright.v1 import OutboxServiceListRequest

    from service.cli.paging import answer_page

    answer_page(
        session,
        session.client.outbox.List,
        OutboxServiceListRequest(contact_id=contact, workflow=workflow, enrollment_id=enrollment),
        "messages",
        page,
        COLUMNS,
        message_row,
        empty="no messages; a server keeps them when started with --dev",
    )


COLUMNS = ("time", "channel", "to", "contact", "subject", "text", "workflow", "step")


def message_row(message: Any) -> tuple[str, ...]:
    """A message as a row under COLUMNS."""
    from service.cli.output import instant

    text = message.body or f"template {message.template}"
    return (
        instant(message.create_time),
        message.channel,
        message.to,
        message.contact_id,
        message.subject,
        text if len(text) <= 80 else f"{text[:79]}…",
        message.workflow,
        message.step,
    )
