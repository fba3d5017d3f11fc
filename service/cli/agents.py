"""Commands about agents: who is there, what they have, what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from service.cli.options import guarded, paged
from service.cli.session import Family, Session, pass_session

_AVAILABILITIES: Final = ("available", "busy", "away")


@click.group(cls=Family)
def agents() -> None:
    """The people who do human tasks."""


@agents.command()
@click.argument("agent_id", metavar="ID")
@click.option("--name", default="")
@click.option("--email", default="")
@click.option("--group", "groups", multiple=True, help="One of their groups; repeat it.")
@click.option("--skill", "skills", multiple=True, help="One of their skills; repeat it.")
@click.option("--channel", "channels", multiple=True, help="Where they can be reached; repeat it.")
@click.option("--availability", type=click.Choice(_AVAILABILITIES), help="Default: available, or as it is.")
@click.option("--max-open", type=click.IntRange(1, 10_000), help="How many open tasks they are given at most.")
@guarded
@pass_session
def put(session: Session, agent_id: str, availability: str | None, max_open: int | None, **given: Any) -> None:
    """Create an agent, or replace what is known of one."""
    from statewright.v1 import Agent, AgentServicePutRequest

    guard = {name: given.pop(name) for name in ("request_id", "expected_revision")}
    agent = Agent(id=agent_id, availability=_number(availability), **given)
    if max_open is not None:
        agent.max_open = max_open
    response = session.call(session.client.agents.Put, AgentServicePutRequest(agent=agent, **guard))
    _answer(session, response.agent, created=response.created)


@agents.command()
@click.argument("agent_id", metavar="ID")
@pass_session
def get(session: Session, agent_id: str) -> None:
    """Read one agent."""
    from statewright.v1 import AgentServiceGetRequest

    _answer(session, session.call(session.client.agents.Get, AgentServiceGetRequest(agent_id=agent_id)).agent)


@agents.command("list")
@click.option("--group", default="", help="Members of this group.")
@click.option("--skill", default="", help="Those with this skill.")
@click.option("--availability", type=click.Choice(_AVAILABILITIES))
@paged(default=50)
@pass_session
def list_(session: Session, group: str, skill: str, availability: str | None, **given: Any) -> None:
    """List agents by id."""
    from statewright.v1 import AgentServiceListRequest

    from service.cli.paging import answer_page

    request = AgentServiceListRequest(group=group, skill=skill, availability=_number(availability))
    answer_page(
        session,
        session.client.agents.List,
        request,
        "agents",
        given,
        ("id", "name", "availability", "open", "groups", "skills", "email"),
        lambda it: (
            it.id,
            it.name,
            _availability(it),
            f"{it.open} of {it.max_open}" if it.HasField("max_open") else it.open,
            ", ".join(it.groups),
            ", ".join(it.skills),
            it.email,
        ),
        empty="no such agents",
    )


@agents.command()
@click.argument("agent_id", metavar="ID")
@click.option("--request-id", default="", help="A repeat with the same id does nothing more.")
@pass_session
def delete(session: Session, agent_id: str, request_id: str) -> None:
    """Delete an agent; what they hold is given to others, or waits."""
    from statewright.v1 import AgentServiceDeleteRequest

    request = AgentServiceDeleteRequest(agent_id=agent_id, request_id=request_id)
    response = session.call(session.client.agents.Delete, request)
    _answer(session, response.agent, returned=response.returned, reassigned=response.reassigned)


@agents.command()
@click.argument("agent_id", metavar="ID")
@click.argument("availability", type=click.Choice(_AVAILABILITIES))
@click.option("--request-id", default="", help="A repeat with the same id does nothing more.")
@pass_session
def availability(session: Session, agent_id: str, availability: str, request_id: str) -> None:
    """Say whether an agent may be given work; who becomes available is given what waits."""
    from statewright.v1 import SetAvailabilityRequest

    request = SetAvailabilityRequest(agent_id=agent_id, availability=_number(availability), request_id=request_id)
    response = session.call(session.client.agents.SetAvailability, request)
    _answer(session, response.agent, assigned=response.assigned)


@agents.command()
@click.argument("agent_id", metavar="[ID]", default="")
@click.option("--contact", "contact_id", default="", metavar="ID", help="About this contact.")
@click.option("--task", "task_id", default="", metavar="ID", help="Who had this human task.")
@click.option("--open", "open_only", is_flag=True, help="Only those that last.")
@paged(default=50)
@pass_session
def assignments(session: Session, agent_id: str, contact_id: str, task_id: str, open_only: bool, **given: Any) -> None:
    """List who had what, the latest first: of an agent, a contact or a task."""
    from statewright.v1 import ListAssignmentsRequest

    from service.cli.output import instant
    from service.cli.paging import answer_page
    from service.cli.shapes import plain

    request = ListAssignmentsRequest(agent_id=agent_id, contact_id=contact_id, task_id=task_id, open_only=open_only)
    answer_page(
        session,
        session.client.agents.ListAssignments,
        request,
        "assignments",
        given,
        ("agent", "task", "contact", "workflow", "step", "title", "why", "since", "until", "ended"),
        lambda it: (
            it.agent_id,
            it.task_id,
            it.contact_id,
            it.workflow,
            it.step,
            it.title,
            plain(it)["reason"],
            instant(it.assign_time),
            instant(it.end_time),
            plain(it)["ending"] or "",
        ),
        empty="no such assignments",
    )


@agents.command()
@click.argument("agent_id", metavar="ID")
@click.option("--after", "after_sequence", type=click.IntRange(min=0), default=0, help="Only what came after it.")
@paged(default=50)
@pass_session
def notifications(session: Session, agent_id: str, after_sequence: int, **given: Any) -> None:
    """List what an agent was told, oldest first."""
    from statewright.v1 import ListNotificationsRequest

    from service.cli.output import instant
    from service.cli.paging import answer_page
    from service.cli.shapes import plain

    answer_page(
        session,
        session.client.agents.ListNotifications,
        ListNotificationsRequest(agent_id=agent_id, after_sequence=after_sequence),
        "notifications",
        given,
        ("number", "time", "kind", "task", "contact", "title", "message"),
        lambda it: (
            it.sequence, instant(it.time), plain(it)["kind"], it.task_id, it.contact_id, it.title, it.message,
        ),
        empty="nothing was told",
    )  # fmt: skip


@agents.command()
@click.argument("agent_id", metavar="ID")
@click.option("--after", "after_sequence", type=click.IntRange(min=0), help="Go on after it; 0: from the beginning.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many.")
@pass_session
def watch(session: Session, agent_id: str, after_sequence: int | None, limit: int | None) -> None:
    """Follow what an agent is told, until Ctrl-C. With --json one object per line."""
    from service.cli.output import console, instant, print_json_line
    from service.cli.shapes import plain

    try:
        for number, told in enumerate(_told(session, agent_id, after_sequence), 1):
            shape = plain(told)
            if session.json:
                print_json_line(shape)
            else:
                line = f"{instant(told.time)}  {shape['kind']:10}  {told.title}  {told.message}  {told.task_id}"
                console().print(line, soft_wrap=True, markup=False, highlight=False)
            if number == limit:
                return
    except KeyboardInterrupt:
        return


def _told(session: Session, agent_id: str, after: int | None) -> Iterator[Any]:
    """What an agent is told. When the server goes away it is asked again, from the last on, for half a minute."""
    from statewright.v1 import AgentServiceWatchRequest

    from service.cli.watch import resumed

    request = AgentServiceWatchRequest(agent_id=agent_id, after_sequence=after)
    for response in resumed(lambda: session.client.agents.Watch(request)):
        if response.HasField("notification"):
            request.after_sequence = response.notification.sequence
            yield response.notification


def _number(availability: str | None) -> Any:
    from statewright.v1 import AgentAvailability

    from service.cli.shapes import number_of

    return number_of(AgentAvailability.DESCRIPTOR, availability) if availability else 0


def _availability(agent: Any) -> str:
    from statewright.v1 import AgentAvailability

    from service.cli.shapes import word

    return word(AgentAvailability.DESCRIPTOR, agent.availability)


def _answer(session: Session, agent: Any, **more: bool | int) -> None:
    from service.cli.output import instant, print_facts, print_json
    from service.cli.shapes import plain

    if session.json:
        print_json(plain(agent) | more)
        return
    print_facts(
        [
            ("id", agent.id),
            *((name, str(value).lower()) for name, value in more.items()),
            ("name", agent.name),
            ("email", agent.email),
            ("availability", _availability(agent)),
            ("open tasks", f"{agent.open} of {agent.max_open}" if agent.HasField("max_open") else str(agent.open)),
            ("groups", ", ".join(agent.groups)),
            ("skills", ", ".join(agent.skills)),
            ("channels", ", ".join(agent.channels)),
            ("created", instant(agent.create_time)),
            ("changed", instant(agent.update_time)),
            ("revision", agent.revision),
        ]
    )
