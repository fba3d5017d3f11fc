"""Commands about variables that runs share: those of the tenant, and those of a conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from service.cli.assignments import Assignment, struct_of
from service.cli.options import paged
from service.cli.session import Family, Session, pass_session

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN = 120


def _scoped(command: F) -> F:
    return click.option(
        "--conversation", default="", metavar="ID", help="Of this conversation. Default: global variables."
    )(command)


def _repeatable(command: F) -> F:
    return click.option("--request-id", default="", help="A repeat with the same id changes nothing.")(command)


@click.group(cls=Family)
def variables() -> None:
    """Read and set variables that runs share."""


@variables.command()
@click.argument("name")
@_scoped
@pass_session
def get(session: Session, name: str, conversation: str) -> None:
    """Read one variable."""
    from statewright.v1 import VariableServiceGetRequest

    request = VariableServiceGetRequest(name=name, **_scope(conversation))
    _answer(session, session.call(session.client.variables.Get, request).variable)


@variables.command("set")
@click.argument("assignment", metavar="NAME=VALUE", type=Assignment())
@_scoped
@_repeatable
@pass_session
def set_(session: Session, assignment: tuple[tuple[str, ...], Any], conversation: str, request_id: str) -> None:
    """Set one variable: `hours=9-17` is text, `limit:=5` any JSON."""
    from statewright.v1 import VariableServiceSetRequest

    path, value = assignment
    holder = struct_of([(("value",), value)])
    assert holder is not None
    request = VariableServiceSetRequest(
        name=".".join(path), value=holder.fields["value"], request_id=request_id, **_scope(conversation)
    )
    _answer(session, session.call(session.client.variables.Set, request).variable)


@variables.command("list")
@_scoped
@paged(default=50)
@pass_session
def list_(session: Session, conversation: str, **given: Any) -> None:
    """List variables by name."""
    from statewright.v1 import VariableServiceListRequest

    from service.cli.output import instant
    from service.cli.paging import answer_page

    answer_page(
        session,
        session.client.variables.List,
        VariableServiceListRequest(**_scope(conversation)),
        "variables",
        given,
        ("name", "value", "set"),
        lambda it: (it.name, _shortened(it.value), instant(it.update_time)),
        empty="no variables",
    )


@variables.command()
@click.argument("name")
@_scoped
@_repeatable
@pass_session
def delete(session: Session, name: str, conversation: str, request_id: str) -> None:
    """Remove one variable; prints it as it was."""
    from statewright.v1 import VariableServiceDeleteRequest

    request = VariableServiceDeleteRequest(name=name, request_id=request_id, **_scope(conversation))
    _answer(session, session.call(session.client.variables.Delete, request).variable)


def _scope(conversation: str) -> dict[str, Any]:
    from statewright.v1 import VariableScope

    if conversation:
        return {"scope": VariableScope.VARIABLE_SCOPE_CONVERSATION, "conversation_id": conversation}
    return {"scope": VariableScope.VARIABLE_SCOPE_GLOBAL}


def _answer(session: Session, variable: Any) -> None:
    from service.cli.output import instant, print_facts, print_json
    from service.cli.shapes import plain

    shape = plain(variable)
    if session.json:
        print_json(shape)
        return
    print_facts(
        [
            ("name", variable.name),
            ("scope", shape["scope"]),
            ("conversation", variable.conversation_id),
            ("value", _shown(variable.value)),
            ("set", instant(variable.update_time)),
        ]
    )


def _shown(value: Any) -> str:
    import json

    from service.cli.shapes import value_data

    data = value_data(value)
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


def _shortened(value: Any) -> str:
    text = _shown(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
