"""What the pages show works: definitions load and run, Python compiles against the API, commands and links exist."""

import ast
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
import statewright
from click.testing import CliRunner
from statewright import v1

from service.cli.main import COMMANDS, Commands, cli
from service.cli.session import Session
from statemachine.contact import Contact
from statemachine.definition import Loaded, load_workflow
from statemachine.simulation.script import Act, Script
from statemachine.simulation.simulate import simulate
from statemachine.snapshot import Status
from statemachine.testing.trial import run_tests
from tests.docs.pages import PAGES, ROOT, Block, anchor, blocks, headings, links, prose, published, whole

_STUBS = {
    "admin": "AdminService",
    "agents": "AgentService",
    "contacts": "ContactService",
    "enrollments": "EnrollmentService",
    "outbox": "OutboxService",
    "tasks": "TaskService",
    "variables": "VariableService",
    "workflows": "WorkflowService",
}
_ANN = Contact(
    "ann",
    {"first_name": "Ann", "email": "ann@example.com", "phone": "+49151", "source": "web"},
    {
        "plan": "pro",
        "renewal_date": "2026-03-01",
        "birthday_at": "2026-05-04T08:00Z",
        "invoices": [{"number": 7, "paid": False}],
    },
)
_DATA = {
    "content": "hi", "channel": "sms", "total": 120, "net": 10, "offer": "spring", "order_id": "o1", "sku": "s1",
    "prices": [1, 2], "items": [{"name": "lamp", "price": 3}], "orders": [{"name": "tea", "total": 20}],
    "at": "2026-01-01T09:00:00Z",
}  # fmt: skip
"""What the definitions that are shown read of the event that enrols."""
_COMMAND = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?statewright((?: [a-z][a-z-]*)*)(.*)$")
_NEEDS_NOBODY = re.compile(r"statewright (?:validate|simulate|render|convert) examples/")


@pytest.mark.parametrize("block", list(blocks("yaml", "yaml fragment")), ids=str)
def test_a_definition_shown_loads_without_a_problem(block: Block) -> None:
    loaded = load_workflow(whole(block.text) if block.info == "yaml fragment" else block.text)
    assert [str(problem) for problem in loaded.problems] == []


def _place(shown: object) -> str:
    return str(shown) if isinstance(shown, Block) else ""


def _shown() -> Iterator[tuple[Block, Loaded]]:
    for block in blocks("yaml", "yaml fragment"):
        yield block, load_workflow(whole(block.text) if block.info == "yaml fragment" else block.text)


@pytest.mark.parametrize(("block", "loaded"), [shown for shown in _shown() if shown[1].tests], ids=_place)
def test_a_definition_shown_passes_the_tests_shown_with_it(block: Block, loaded: Loaded) -> None:
    assert loaded.workflow is not None
    trials = run_tests(loaded.workflow, loaded.tests, published()).trials
    assert [(trial.case.name, str(difference)) for trial in trials for difference in trial.differences] == []


@pytest.mark.parametrize("block", list(blocks("yaml", "yaml fragment")), ids=str)
def test_a_definition_shown_runs_without_a_failure(block: Block) -> None:
    workflow = load_workflow(whole(block.text) if block.info == "yaml fragment" else block.text).workflow
    assert workflow is not None
    enroll = Act(timedelta(0), "enroll", _ANN.id, workflow.key, data=_DATA, conversation_id="k1")
    others = [other for other in published().values() if other.key != workflow.key]
    script = Script((workflow, *others), (enroll,), (_ANN,), lasts=timedelta(days=90))
    run = next(iter(simulate(script).world.records.values()))
    assert run.snapshot.status in (Status.COMPLETED, Status.EXITED, Status.WAITING)
    assert [(entry.step, entry.error) for entry in run.history if entry.error or entry.level != "info"] == []


@pytest.mark.parametrize("block", list(blocks("python")), ids=str)
def test_python_shown_calls_what_exists(block: Block) -> None:
    tree = ast.parse(block.text)
    messages = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("statewright", "statewright.v1"):
            home: Any = statewright if node.module == "statewright" else v1
            assert [alias.name for alias in node.names if not hasattr(home, alias.name)] == []
            messages |= {alias.name for alias in node.names if hasattr(getattr(home, alias.name), "DESCRIPTOR")}
        elif isinstance(node, ast.Call):
            _check_call(node, messages)


def _check_call(node: ast.Call, messages: set[str]) -> None:
    """A message made by keyword has those fields; `client.<service>.<Method>` is an RPC."""
    called = node.func
    if isinstance(called, ast.Name) and called.id in messages:
        fields = getattr(v1, called.id).DESCRIPTOR.fields_by_name
        assert [word.arg for word in node.keywords if word.arg not in fields] == []
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Attribute):
        service = _STUBS.get(called.value.attr)
        if service is not None and ast.unparse(called.value.value) == "client":
            module = getattr(v1, f"{service.removesuffix('Service').lower()}_service_pb2")
            assert called.attr in module.DESCRIPTOR.services_by_name[service].methods_by_name


def _commands() -> Iterator[tuple[str, str]]:
    """(page, command line) for each `statewright …` in a shell block or between backticks."""
    for block in blocks("sh"):
        for line in block.text.splitlines():
            if _COMMAND.match(line):
                yield str(block), line
    for page in PAGES:
        for text in re.findall(r"`([^`\n]+)`", prose(page)):
            if text.startswith(("statewright ", ".venv/bin/statewright ")):
                yield page.name, text


@pytest.mark.parametrize(("page", "line"), sorted(set(_commands())))
def test_a_command_shown_exists_with_its_options(page: str, line: str) -> None:
    words = line.split("#")[0].split()[1:]
    command: click.Command = Commands("statewright", commands={})
    if words and not words[0].startswith("-"):
        assert words[0] in COMMANDS
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"{page}: there is no command {line!r}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given - known - {"--help", "--version", "--json"} == set()


_OFFLINE = sorted({line.split("#")[0].strip() for _, line in _commands() if _NEEDS_NOBODY.match(line)})


@pytest.mark.parametrize("line", _OFFLINE)
def test_a_command_shown_that_needs_no_server_works(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(cli, shlex.split(line)[1:], obj=Session())
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in links(page) if "://" not in link and not _leads_somewhere(page, link)]
    assert broken == []


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, place = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    return target.exists() and (not place or place in {anchor(heading) for heading in headings(target)})
