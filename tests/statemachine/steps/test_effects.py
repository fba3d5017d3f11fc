"""http_request and task."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.decision import TaskOrder
from tests.statemachine.steps.fakes import Stay, build, failure, order, problems

URL = "https://example.org/x"


def test_a_request_is_resolved_when_it_is_ordered() -> None:
    step = build(
        "api_call",
        url="https://example.org/{{contact.plan}}",
        method="put",
        headers={"X-Plan": "{{contact.plan}}", "X-Count": 3, "X-None": None},
        query={"q": ["a", 1], "flag": True},
        body={"total": "{{variables.total}}", "items": [1]},
        timeout="10s",
        success_status=["2xx", 304, "400-404"],
    )
    stay = Stay(Contact("c1", custom_fields={"plan": "gold"}), variables={"total": 9.5})
    assert order(step, stay) == TaskOrder("here", 3, "http_request", "http", {
        "method": "PUT",
        "url": "https://example.org/gold",
        "headers": {"X-Plan": "gold", "X-Count": "3"},
        "query": {"q": ["a", "1"], "flag": "true"},
        "body": {"total": 9.5, "items": [1]},
        "timeout_s": 10.0,
        "success_status": [[200, 299], [304, 304], [400, 404]],
    }, timeout_s=10.0)  # fmt: skip
    assert step.reads.contact == {"plan"}


@pytest.mark.parametrize(("step_type", "method"), [("http_request", "GET"), ("webhook", "POST")])
def test_the_smallest_request(step_type: str, method: str) -> None:
    made = order(build(step_type, url=URL))
    assert made.type == "http_request"
    assert made.input == {"method": method, "url": URL, "success_status": [[200, 299]]}


@pytest.mark.parametrize("url", ["{{variables.none}}", "{{variables.missing}}", "ftp://{{variables.none}}x"])
def test_an_address_that_renders_to_none_fails_the_step(url: str) -> None:
    assert failure(build("http_request", url=url), Stay(variables={"none": None})) == "bad_url"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"url": "example.org"}, [("bad_value", ("url",))]),
        ({"url": "https://"}, [("bad_value", ("url",))]),
        ({"url": URL, "method": "BREW"}, [("bad_value", ("method",))]),
        ({"url": URL, "timeout": "soon"}, [("bad_duration", ("timeout",))]),
        ({"url": URL, "timeout": 0}, [("bad_duration", ("timeout",))]),
        ({"url": URL, "success_status": "6xx"}, [("bad_value", ("success_status",))]),
        ({"url": URL, "success_status": "299-200"}, [("bad_value", ("success_status",))]),
        ({"url": URL, "success_status": [True]}, [("bad_value", ("success_status",))]),
        ({"url": URL, "success_status": []}, [("bad_value", ("success_status",))]),
        ({"url": URL, "connection": "crm"}, [("not_supported_yet", ("connection",))]),
        ({"url": URL, "body": {"a": "{{"}}, [("bad_template", ("body",))]),
    ],
)
def test_what_is_wrong_with_a_request_is_said(config: dict[str, Any], expected: list[Any]) -> None:
    assert problems("http_request", **config) == expected


def test_a_task_may_answer_with_the_branches_of_its_step() -> None:
    step = build("task", ("approved", "error", "done", "rejected"), queue="people", input={"who": "{{contact.email}}"})
    assert step.outcomes() == ("done", "approved", "rejected")
    assert order(step, Stay(Contact("c1", {"email": "a@b.c"}))) == TaskOrder(
        "here", 3, "task", "people", {"who": "a@b.c"}, outcomes=("done", "approved", "rejected")
    )


def test_a_task_without_anything_goes_to_the_default_queue() -> None:
    assert order(build("task")) == TaskOrder("here", 3, "task", "default", {})


@pytest.mark.parametrize("queue", ["", "{{variables.queue}}"])
def test_a_queue_has_a_plain_name(queue: str) -> None:
    assert problems("task", queue=queue) == [("bad_value", ("queue",))]
