"""How a payload is measured against the published limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.limits import larger_than, size_up_to

values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=9), inner, max_size=5)),
)


@given(values)
def test_the_measure_is_never_far_below_the_compact_text(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    escapes = text.count("\\") * 6
    digits = sum(char.isdigit() or char == "-" for char in text)
    assert size_up_to(value, 10**9) >= len(text.encode(errors="surrogatepass")) - escapes - digits


@pytest.mark.parametrize(("length", "over"), [(98, False), (99, True)])
def test_the_limit_itself_still_fits(length: int, over: bool) -> None:
    assert larger_than("x" * length, 100) is over


def test_characters_count_as_the_bytes_they_take() -> None:
    assert larger_than("ü" * 50, 100)


def test_names_count_as_the_bytes_they_take() -> None:
    assert larger_than({"ü" * 50: 1}, 100)


def test_counting_stops_soon_after_the_limit() -> None:
    class Counted(list[int]):
        seen = 0

        def __iter__(self) -> Any:
            for item in super().__iter__():
                Counted.seen += 1
                yield item

    assert larger_than(Counted(range(100_000)), 900)
    assert Counted.seen <= 101
