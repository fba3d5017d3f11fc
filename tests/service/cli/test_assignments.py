"""`k=v`, `k:=json`, `{…}`."""

from __future__ import annotations

from typing import Any

import pytest
from statewright.v1 import TriggerResponse

from service.cli.shapes import struct_data
from tests.service.cli.conftest import Run
from tests.service.cli.fake_server import FakeServer


@pytest.mark.parametrize(
    ("given", "data"),
    [
        (["a=1"], {"a": "1"}),
        (["a:=1"], {"a": 1}),
        (["a=x=y"], {"a": "x=y"}),
        (["a="], {"a": ""}),
        (["a:=null"], {"a": None}),
        (["a:=[1, 2.5]", "b:=true"], {"a": [1, 2.5], "b": True}),
        (["city.name=Rome", "city.zip:=1"], {"city": {"name": "Rome", "zip": 1}}),
        (["a=1", "a=2"], {"a": "2"}),
        (['{"a": {"b": 1}}', "c=2"], {"a": {"b": 1}, "c": "2"}),
        (["a=äöü ✓"], {"a": "äöü ✓"}),
    ],
)
def test_assignments_make_an_object(run: Run, server: FakeServer, given: list[str], data: dict[str, Any]) -> None:
    server.answers["Enrollment.Trigger"] = TriggerResponse(event_id="e")
    arguments = [text for assignment in given for text in ("--data", assignment)]
    assert run("trigger", "order", *arguments).exit_code == 0
    assert struct_data(server.asked[-1].event.data) == data


@pytest.mark.parametrize("given", ["a", "=1", "a:=", "a:={", "a:=nope", "a:=NaN", ".a=1", "a..b=1", "{", "{}x"])
def test_what_is_no_assignment_is_a_usage_error(run: Run, server: FakeServer, given: str) -> None:
    result = run("trigger", "order", "--data", given)
    assert result.exit_code == 2
    assert "k=text" in result.stderr
    assert server.asked == []


def test_a_path_through_a_text_is_a_usage_error(run: Run) -> None:
    result = run("trigger", "order", "--data", "a=1", "--data", "a.b=2")
    assert result.exit_code == 2
    assert "which is no object" in result.stderr
