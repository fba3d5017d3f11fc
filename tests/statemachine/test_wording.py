"""How sentences say instants, spans and values."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from statemachine.wording import instant, shown, span


def test_an_instant_is_said_in_utc_to_the_second() -> None:
    here = datetime(2026, 3, 1, 10, 30, 5, 999, timezone(timedelta(hours=2)))
    assert instant(here) == instant(here.astimezone(UTC)) == "2026-03-01 08:30:05 UTC"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(), "0s"),
        (timedelta(days=7), "7d"),
        (timedelta(seconds=90), "1m 30s"),
        (timedelta(days=1, hours=2, milliseconds=3), "1d 2h 3ms"),
    ],
)
def test_a_span_is_said_as_a_definition_writes_it(length: timedelta, words: str) -> None:
    assert span(length) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [("Zoë", '"Zoë"'), (5, "5"), (True, "true"), (["a", 1], '["a", 1]'), ("x" * 500, f'"{"x" * 59}…')],
)
def test_a_value_is_said_as_json_and_not_at_length(value: Any, words: str) -> None:
    assert shown(value) == words
