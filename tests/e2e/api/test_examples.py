"""Every example, and every definition in the docs, on a server: published, and its tests pass there."""

from __future__ import annotations

import re

from statewright.client import AsyncClient
from statewright.v1 import ProblemSeverity, PublishRequest, PublishResponse, RunTestsRequest

from tests.docs.pages import blocks, whole
from tests.examples import WORKFLOWS, name_of

KINDS = ("yaml", "yaml fragment")
KEY = re.compile(r"^key: (\w+)", re.MULTILINE)


def asked_for(source: str) -> list[str]:
    """The other workflows that tests ask for, by the names of their files."""
    return [name.strip() for names in re.findall(r"workflows: \[(.*?)\]", source) for name in names.split(",")]


async def publish(client: AsyncClient, source: str) -> PublishResponse:
    return await client.workflows.Publish(PublishRequest(source=source), timeout=30)


async def test_every_example_publishes_and_its_tests_pass_on_the_server(client: AsyncClient) -> None:
    for file in WORKFLOWS:
        source = file.read_text(encoding="utf-8")
        published = await publish(client, source)
        assert published.created, name_of(file)
        errors = [one for one in published.problems if one.severity == ProblemSeverity.PROBLEM_SEVERITY_ERROR]
        assert errors == [], name_of(file)
        beside = file.with_name(f"{file.stem}.test.yaml")
        tests = beside.read_text(encoding="utf-8") if beside.exists() else ""
        others = {name: (file.parent / name).read_text(encoding="utf-8") for name in asked_for(source + tests)}
        request = RunTestsRequest(key=published.version.workflow, tests=tests, workflows=others)
        ran = await client.workflows.RunTests(request, timeout=30)
        assert ran.passed, name_of(file)
        assert (list(ran.coverage.missing_steps), list(ran.coverage.missing_branches)) == ([], []), name_of(file)


async def test_every_definition_in_the_docs_publishes(client: AsyncClient) -> None:
    shown = {block: whole(block.text) if block.info == "yaml fragment" else block.text for block in blocks(*KINDS)}
    by_file = {f"{found[1]}.yaml": source for source in shown.values() if (found := KEY.search(source))}
    for block, source in shown.items():
        published = await publish(client, source)
        assert published.version.number, str(block)
        if "\ntests:" in source:
            others = {name: by_file[name] for name in asked_for(source)}
            request = RunTestsRequest(key=published.version.workflow, workflows=others)
            ran = await client.workflows.RunTests(request, timeout=30)
            assert ran.passed, str(block)
