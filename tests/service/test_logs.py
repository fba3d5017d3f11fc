"""Logs: a line per happening, with its fields."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from service.logs import Format, set_up_logs


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(log_format: Format, message: str, level: int = logging.INFO, **fields: object) -> str:
    stream = io.StringIO()
    set_up_logs("info", log_format, stream)
    logging.getLogger("service.engine").log(level, message, extra=fields)
    return stream.getvalue()


def test_a_json_line_has_time_level_logger_message_and_fields() -> None:
    line = json.loads(logged("json", "batch committed", items=3))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "logger": "service.engine", "message": "batch committed", "items": 3}


def test_a_line_of_text_has_the_fields_behind_the_message() -> None:
    assert logged("text", "batch committed", items=3).endswith("info    batch committed items=3\n")


def test_what_is_no_terminal_gets_json() -> None:
    assert json.loads(logged("auto", "batch committed"))["message"] == "batch committed"


def test_an_error_brings_its_traceback_in_the_same_line() -> None:
    stream = io.StringIO()
    set_up_logs("info", "json", stream)
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("service").exception("failed")
    assert "ValueError: odd" in json.loads(stream.getvalue())["error"]


def test_what_is_below_the_level_is_not_logged() -> None:
    assert logged("json", "detail", logging.DEBUG) == ""
