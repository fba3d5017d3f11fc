"""The bars of a funnel."""

import pytest

from service.cli.insight import bar

CASES = [
    ({"entered": 0}, 10, ""),
    ({"entered": 10, "passed": 10}, 10, "█" * 8),
    ({"entered": 10, "passed": 5, "waiting": 5}, 10, "████▒▒▒▒"),
    ({"entered": 5, "passed": 5}, 10, "████"),
    ({"entered": 1000, "passed": 999, "failed": 1}, 1000, "███████×"),
    ({"entered": 4, "passed": 1, "waiting": 1, "failed": 1, "exited": 1}, 1000, "█▒×·"),
]


@pytest.mark.parametrize(("step", "most", "drawn"), CASES)
def test_a_bar_is_as_long_as_its_share_and_shows_whatever_there_is(step: dict[str, int], most: int, drawn: str) -> None:
    whole = {"passed": 0, "waiting": 0, "failed": 0, "exited": 0, **step}
    assert bar(whole, most, width=8) == drawn
