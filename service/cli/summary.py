"""`statewright summary`: an enrollment's history, step by step."""

from __future__ import annotations

import click

from service.cli.session import Session, Verb, pass_session


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="ID")
@pass_session
def summary(session: Session, enrollment_id: str) -> None:
    """Sum up what happened to an enrollment: how often it came to each step, how that went, how long it took."""
    from statewright.v1 import EnrollmentStatus, GetSummaryRequest

    from service.cli.output import instant, lasted, note, print_json, print_table
    from service.cli.shapes import plain, word

    response = session.call(session.client.enrollments.GetSummary, GetSummaryRequest(enrollment_id=enrollment_id))
    if session.json:
        print_json(plain(response))
        return
    status = word(EnrollmentStatus.DESCRIPTOR, response.enrollment.status)
    counts = f"{response.entries} entries, {response.warnings} warnings, {response.errors} errors"
    note(f"{response.enrollment.workflow} version {response.enrollment.version}: {status}; {counts}")
    print_table(
        ("step", "visits", "completed", "failed", "skipped", "retries", "took", "first", "last"),
        [
            (
                it.step,
                it.visits,
                it.completed,
                it.failed,
                it.skipped,
                it.retries,
                lasted(it.duration),
                instant(it.first_time),
                instant(it.last_time),
            )
            for it in response.steps
        ],
        empty="it came to no step yet",
    )
