"""`statewright explain`: why a run is where it is, or why an event would (not) enrol somebody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from service.cli.events import event_of
from service.cli.options import assignments
from service.cli.session import Session, Verb, pass_session


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="[ID]", required=False)
@click.option("--event", "type_", metavar="TYPE", help="Instead of ID: would such an event enrol the contact?")
@click.option("--contact", default="", metavar="ID", help="With --event: which contact.")
@click.option("--workflow", default="", metavar="KEY", help="With --event: only this workflow.")
@assignments("--contact-field", "With --event: contact fields it would set.")
@assignments("--data", "With --event: its data.")
@click.option("--key", default="", help="With --event: its entry key.")
@click.option("--source", default="", help="With --event: its source.")
@pass_session
def explain(session: Session, enrollment_id: str | None, type_: str | None, workflow: str, **given: Any) -> None:
    """Say why a run waits and until when, or whether an event would enrol a contact. Changes nothing."""
    from statewright.v1 import EntryQuestion, ExplainRequest

    from service.cli.output import print_json
    from service.cli.shapes import plain

    if bool(enrollment_id) == bool(type_):
        raise click.UsageError("name an enrollment's ID, or ask about an entry with --event TYPE --contact ID")
    request = ExplainRequest(enrollment_id=enrollment_id) if enrollment_id else ExplainRequest()
    if type_:
        question = EntryQuestion(workflow=workflow, contact_id=given["contact"], event=event_of(type_, **given))
        request.entry.CopyFrom(question)
    response = session.call(session.client.enrollments.Explain, request)
    if session.json:
        shape = plain(response)
        print_json(shape["run"] if enrollment_id else {"entries": shape["entries"]})
    elif enrollment_id:
        _show_run(response.run)
    else:
        _show_entries(response.entries)


def _show_run(run: Any) -> None:
    from service.cli.enrollments import workflow_now
    from service.cli.output import due, instant, note, print_facts

    note(run.reason)
    print_facts(
        [
            ("waits for", run.waiting_for),
            ("since", instant(run.since_time)),
            ("until", due(run.until_time, workflow_now(run.enrollment))),
            ("moved by", ", ".join(run.moved_by)),
            ("queue", run.queue.name),
            ("last poll", _last_poll(run) if run.HasField("queue") else ""),
        ]
    )
    _show_conditions(run.conditions)


def _last_poll(run: Any) -> str:
    from service.cli.output import instant

    return instant(run.queue.last_poll_time) or "never: no worker has asked this queue"


def _show_entries(entries: Sequence[Any]) -> None:
    from service.cli.output import cell, console, note
    from service.cli.shapes import plain

    for entry in entries:
        console().print(cell(plain(entry)["verdict"].upper()), end=" ")
        note(f"{entry.workflow} version {entry.version}: {entry.reason or entry.rule}")
        if entry.blocking_enrollment_id:
            note(f"  in the way: {entry.blocking_enrollment_id}")
        _show_conditions(entry.conditions)
    if not entries:
        note("no workflow listens for such an event")


def _show_conditions(conditions: Sequence[Any], depth: int = 1) -> None:
    from service.cli.output import note
    from service.cli.shapes import plain

    for condition in conditions:
        shape = plain(condition)
        actual = f", is {shape['actual']!r}" if condition.HasField("actual") else ""
        error = f", {condition.error}" if condition.error else ""
        note(f"{'  ' * depth}{'✓' if condition.result else '✗'} {condition.text}{actual}{error}")
        _show_conditions(condition.children, depth + 1)
