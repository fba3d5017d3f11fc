"""Every example, and every definition in the docs, on a server: published, and its tests pass there."""

from __future__ import annotations

from statewright.client import AsyncClient
from statewright.v1 import ProblemSeverity, PublishRequest, PublishResponse, RunTestsRequest

from tests.docs.pages import blocks, whole
from tests.examples import WORKFLOWS, name_of


async def publish(client: AsyncClient, source: str) -> PublishResponse:
    return await client.workflows.Publish(PublishRequest(source=source), timeout=30)


async def test_every_example_publishes_and_its_tests_pass_on_the_server(client: AsyncClient) -> None:
    for file in WORKFLOWS:
        published = await publish(client, file.read_text(encoding="utf-8"))
        assert published.created, name_of(file)
        errors = [one for one in published.problems if one.severity == ProblemSeverity.PROBLEM_SEVERITY_ERROR]
        assert errors == [], name_of(file)
        beside = file.with_name(f"{file.stem}.test.yaml")
        tests = beside.read_text(encoding="utf-8") if beside.exists() else ""
        ran = await client.workflows.RunTests(RunTestsRequest(key=published.version.workflow, tests=tests), timeout=30)
        assert ran.passed, name_of(file)
        assert (list(ran.coverage.missing_steps), list(ran.coverage.missing_branches)) == ([], []), name_of(file)


async def test_every_definition_in_the_docs_publishes(client: AsyncClient) -> None:
    for block in blocks("yaml", "yaml fragment"):
        source = whole(block.text) if block.info == "yaml fragment" else block.text
        published = await publish(client, source)
        assert published.version.number, str(block)
        if "\ntests:" in source:
            ran = await client.workflows.RunTests(RunTestsRequest(key=published.version.workflow), timeout=30)
            assert ran.passed, str(block)
