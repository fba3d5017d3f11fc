"""`statewright explain`: why a run is where it is, what an event would do to somebody, whether `enroll` may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from service.cli.events import event_of
from service.cli.options import assignments
from service.cli.session import Session, Verb, pass_session

if TYPE_CHECKING:
    from rich.tree import Tree


@click.command(cls=Verb)
@click.argument("enrollment_id", metavar="[ID]", required=False)
@click.option("--event", "type_", metavar="TYPE", help="Instead of ID: what would such an event do to the contact?")
@click.option("--contact", default="", metavar="ID", help="Which contact.")
@click.option(
    "--workflow", default="", metavar="KEY", help="Only this workflow; without --event: would `enroll` be accepted?"
)
@assignments("--contact-field", "With --event: contact fields it would set.")
@assignments("--data", "With --event: its data.")
@click.option("--key", default="", help="With --event: its entry key.")
@click.option("--source", default="", help="With --event: its source.")
@pass_session
def explain(session: Session, enrollment_id: str | None, type_: str | None, workflow: str, **given: Any) -> None:
    """Say what a run waits for and what would move it, or what an event would do to a contact and why.

    With --workflow and no --event, say whether `enroll` would be accepted, whatever the triggers.

    Shows every condition with the values it read. Changes nothing.
    """
    from statewright.v1 import EntryQuestion, ExplainRequest

    from service.cli.output import print_json
    from service.cli.shapes import plain

    _check(enrollment_id, type_, workflow, given)
    if enrollment_id:
        request = ExplainRequest(enrollment_id=enrollment_id)
    else:
        question = EntryQuestion(workflow=workflow, contact_id=given["contact"])
        if type_:
            question.event.CopyFrom(event_of(type_, **given))
        request = ExplainRequest(entry=question)
    response = session.call(session.client.enrollments.Explain, request)
    if session.json:
        shape = plain(response)
        entry = {name: shape[name] for name in ("entries", "effects", "messages", "looks", "dates")}
        print_json(shape["run"] if enrollment_id else entry)
    elif enrollment_id:
        _show_run(response.run)
    else:
        _show_event(response)


def _check(enrollment_id: str | None, type_: str | None, workflow: str, given: dict[str, Any]) -> None:
    """Raises UsageError when the question is none, or two."""
    entry = [option for option, value in (("--event", type_), ("--workflow", workflow)) if value]
    if not enrollment_id and not entry:
        wanted = "--event TYPE --contact ID, or about an enrolment by hand with --workflow KEY --contact ID"
        raise click.UsageError(f"name an enrollment's ID, or ask about an entry with {wanted}")
    if enrollment_id and entry:
        raise click.UsageError(f"give ID to ask about a run, or {' and '.join(entry)} to ask about an entry, not both")
    described = [name for name in ("contact_field", "data", "key", "source") if given[name]]
    if described and not type_:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in described)
        hint = "" if enrollment_id else "; `enroll --dry-run` answers for an input and an entry key"
        raise click.UsageError(f"{options}: only with --event, which they describe{hint}")


def _show_run(run: Any) -> None:
    from service.cli.enrollments import workflow_now
    from service.cli.output import due, instant, note, print_facts

    note(run.reason)
    print_facts(
        [
            ("waits for", run.waiting_for),
            ("since", instant(run.since_time)),
            ("until", due(run.until_time, workflow_now(run.enrollment))),
            ("keeps", ", ".join(run.held)),
            ("queue", run.queue.name),
            ("last poll", _last_poll(run) if run.HasField("queue") and not run.HasField("human") else ""),
            ("held by", run.human.agent_id),
            ("held since", instant(run.human.assign_time)),
        ]
    )
    if run.moves:
        tree = _tree("what would move it")
        for move in run.moves:
            branch = tree.add(_text(_move_line(move)))
            if move.HasField("condition"):
                _grow(branch, [move.condition])
        _print(tree)


def _last_poll(run: Any) -> str:
    from service.cli.output import instant

    return instant(run.queue.last_poll_time) or "never: no worker has asked this queue"


def _move_line(move: Any) -> str:
    from service.cli.output import instant
    from service.cli.shapes import plain

    shape = plain(move)
    whither = move.target or shape["ends_as"]
    line = {
        "event": f"event {move.name}",
        "exit": f"exit on {move.name or 'a contact change'} ({move.outcome})",
        "timer": f"timer {move.name} at {instant(move.time)}",
        "task": f"task result {move.name}",
        "transition": f"advance {move.name}",
        "change": f"asked again: {move.name}",
    }.get(shape["kind"], move.name)
    through = move.outcome if shape["kind"] in ("event", "timer", "change") and move.outcome else ""
    return f"{line}{f': {through}' if through else ''}{f' → {whither}' if whither else ''}"


def _show_event(response: Any) -> None:
    from service.cli.output import note
    from service.cli.shapes import plain

    for entry in response.entries:
        _print(_entry_tree(entry))
    for effect in response.effects:
        _print(_effect_tree(effect))
    for message in response.messages:
        _print(_tree(_message_line(message), word=plain(message)["verdict"].upper()))
    for look in response.looks:
        _print(_tree(_look_line(look), word="BUFFERED"))
    for dated in response.dates:
        _print(_tree(_date_line(dated), word="COMING"))
    if not any((response.entries, response.effects, response.messages, response.looks, response.dates)):
        note("no workflow listens for such an event")


def _entry_tree(entry: Any) -> Tree:
    from service.cli.output import instant
    from service.cli.shapes import plain

    about = f"{entry.workflow} version {entry.version}: {entry.reason or entry.rule}"
    tree = _tree(about, word=plain(entry)["verdict"].upper())
    for trigger in entry.triggers:
        reason = "" if trigger.matches or trigger.checks else f": {trigger.reason}"
        _grow(tree.add(_text(f"trigger {trigger.id}{reason}", mark=trigger.matches)), trigger.checks)
    if entry.rules:
        under = f" under the key {entry.key!r}" if entry.key else ""
        rules = tree.add(_text(f"entry rules{under}"))
        for rule in entry.rules:
            until = f" (until {instant(rule.until_time)})" if rule.blocks and rule.HasField("until_time") else ""
            rules.add(_text(f"{rule.name}: {rule.detail}{until}", mark=not rule.blocks))
    if entry.blocking_enrollment_id:
        tree.add(_text(f"in the way: {entry.blocking_enrollment_id}"))
    if entry.step:
        tree.add(_text(f"would rest first in step {entry.step}"))
    return tree


def _message_line(message: Any) -> str:
    from service.cli.output import instant

    line = f"{message.workflow}: the message of step {message.step}, by {message.channel}"
    if message.enrollment_id:
        line += f", of {message.enrollment_id}"
    if message.HasField("until_time"):
        line += f", until {instant(message.until_time)}"
    return f"{line}: {message.reason}" if message.reason else line


def _look_line(look: Any) -> str:
    from service.cli.output import instant

    when = f"until {instant(look.until_time)}"
    if look.held:
        when += "; its workflow is paused, and looks when it goes on"
    return (
        f"{look.workflow}: {look.event_type} {look.event_id} of {instant(look.accept_time)} is looked at again {when}"
    )


def _date_line(dated: Any) -> str:
    from service.cli.output import instant

    when = f"by the date {dated.date} at {instant(dated.due_time)}"
    if dated.HasField("skip_time"):
        when += f", not after {instant(dated.skip_time)}"
    if dated.held:
        when += "; its workflow is paused, and dates that come meanwhile wait until it goes on"
    return f"{dated.workflow}: trigger {dated.trigger} enrols {when}"


def _effect_tree(effect: Any) -> Tree:
    from service.cli.shapes import plain

    verdict = plain(effect.verdict)["verdict"] if effect.HasField("verdict") else "UNTOUCHED"
    tree = _tree(f"{effect.workflow} version {effect.version}, {effect.enrollment_id} at {effect.step}", word=verdict)
    for title, cases in (("exit", effect.exits), ("case", effect.cases)):
        for case in cases:
            detail = f": {case.detail}" if case.detail else ""
            branch = tree.add(_text(f"{title} {case.name}{detail}", mark=case.applies))
            if case.HasField("condition"):
                _grow(branch, [case.condition])
    return tree


def _grow(tree: Tree, conditions: Sequence[Any]) -> None:
    for condition in conditions:
        _grow(tree.add(_text(_condition_line(condition), mark=condition.result)), condition.children)


def _condition_line(condition: Any) -> str:
    """`contact.plan equals "pro", is "free"`, with what an expression read, or why it has no answer."""
    from service.cli.shapes import plain

    shape = plain(condition)
    facts = []
    if condition.subject:
        facts.append(f"is {_shown(shape['actual'])}")
    if condition.reads:
        if condition.subject and shape["operator"] != "time":
            facts.append(f"wanted {_shown(shape['expected'])}")
        facts += [f"{read['name']} is {_shown(read['value'])}" for read in shape["reads"]]
    if condition.error:
        facts.append(condition.error)
    return ", ".join([condition.text, *facts])


def _shown(value: Any) -> str:
    import orjson

    return "missing" if value is None else orjson.dumps(value).decode()


def _tree(title: str, word: str = "") -> Tree:
    from rich.tree import Tree

    from service.cli.output import cell

    return Tree(cell(word).append(" ").append(_text(title)) if word else _text(title))


def _text(line: str, mark: bool | None = None) -> Any:
    from rich.text import Text

    if mark is None:
        return Text(line)
    return Text.assemble(("✓ ", "green") if mark else ("✗ ", "red"), line)


def _print(tree: Tree) -> None:
    from service.cli.output import console

    console().print(tree)
