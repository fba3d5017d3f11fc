"""What is wrong with a definition is told by Validate and Publish alike, warnings too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from statewright.client import AsyncClient
from statewright.v1 import Problem, ProblemSeverity, PublishRequest, ValidateRequest

from tests.e2e.api.calls import refusal

CORPUS = Path("tests/workflows/bad")
WARNINGS = {file.name: file.read_text() for file in sorted(CORPUS.glob("*.warning.yaml"))}
WORKER = (CORPUS / "no_worker.warning.yaml").read_text()
LOST = """
key: x
steps:
  - {id: a, type: pass, next: end}
  - {id: b, type: send_sms, config: {body: "{{ x | y }}"}}
"""


def told(problems: Iterable[Problem]) -> list[tuple[Any, ...]]:
    return [(each.code, each.severity, each.path, each.line, each.column, each.suggestion) for each in problems]


BOOK_TRIP = """
key: book_trip
steps:
  - {id: room, type: task, config: {queue: bookings}, compensate: [{id: unroom, type: task, config: {queue: bookings}}]}
"""
"""Which one of them names."""


async def test_publish_answers_the_warnings_that_validate_answers(client: AsyncClient) -> None:
    await client.workflows.Publish(PublishRequest(source=BOOK_TRIP), timeout=10)
    for name, source in WARNINGS.items():
        validated = await client.workflows.Validate(ValidateRequest(source=source), timeout=10)
        published = await client.workflows.Publish(PublishRequest(source=source), timeout=10)
        assert validated.valid, name
        assert told(published.problems) == told(validated.problems), name
        assert name.partition(".")[0] in {problem.code for problem in published.problems}


async def test_every_problem_has_a_place_and_says_what_would_be_right(client: AsyncClient) -> None:
    (problem,) = (await client.workflows.Validate(ValidateRequest(source=WORKER), timeout=10)).problems
    assert (problem.code, problem.severity) == ("no_worker", ProblemSeverity.PROBLEM_SEVERITY_WARNING)
    assert (problem.path, problem.line, problem.column) == ("steps[0]", 2, 9)
    assert problem.suggestion == "start a worker for it"


async def test_a_refusal_lists_errors_before_warnings_and_counts_both(client: AsyncClient) -> None:
    refused = await refusal(client.workflows.Publish(PublishRequest(source=LOST), timeout=10))
    assert refused.places == ["steps[1].config.body", "steps[1]"]
    assert (refused.info.metadata["errors"], refused.info.metadata["problems"]) == ("1", "2")
