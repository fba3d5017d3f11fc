"""What is written out is read again as the same data, in either format."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.source import Format, read_source
from statemachine.source_writer import write_source

TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


@pytest.mark.parametrize("kind", ["yaml", "json"])
@given(data=st.dictionaries(TEXT, DATA, min_size=1, max_size=3))
def test_any_document_survives(kind: Format, data: dict[str, Any]) -> None:
    source = read_source(write_source(data, kind), kind)
    assert (source.data, source.problems) == (data, ())


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "null", "~", "0o17", "0x1F", "1_000", "1e3", ".5", "2026-01-01", "-"]
)
def test_a_text_that_looks_like_something_else_stays_text(word: str) -> None:
    assert read_source(write_source({"a": word}, "yaml"), "yaml").data == {"a": word}


def test_texts_of_several_lines_stay_readable() -> None:
    text = write_source({"body": "Dear Ann,\nhello\n"}, "yaml")
    assert text == "body: |\n  Dear Ann,\n  hello\n"
