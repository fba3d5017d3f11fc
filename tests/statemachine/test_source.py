"""Reading text: what each spelling becomes, where it stands, and what is refused before it can hurt."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.source import detect_format, read_source

SCALARS: list[tuple[str, Any]] = [
    ("1", 1),
    ("-7", -7),
    ("+7", 7),
    ("0", 0),
    ("0x1F", 31),
    ("0o17", 15),
    ("1.5", 1.5),
    ("-.5", -0.5),
    ("2.", 2.0),
    ("1e3", 1000.0),
    ("9007199254740992", 2**53),
    ("true", True),
    ("False", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("no", "no"),
    ("yes", "yes"),
    ("on", "on"),
    ("off", "off"),
    ("12:30", "12:30"),
    ("017", "017"),
    ("1_000", "1_000"),
    ("2026-01-01", "2026-01-01"),
    ("0b1", "0b1"),
    ("1.2.3", "1.2.3"),
    ("-", "-"),
    ('"1"', "1"),
    ("'true'", "true"),
]


@pytest.mark.parametrize(("written", "value"), [case for case in SCALARS if case[0] != "-"])
def test_a_yaml_scalar_means_what_the_core_schema_says(written: str, value: Any) -> None:
    data = read_source(f"a: {written}\n").data
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


@pytest.mark.parametrize("key", ["true", "no", "1", "~", "null", "1.5"])
def test_a_yaml_key_is_always_text(key: str) -> None:
    assert read_source(f"{key}: 1\n").data == {key: 1}


REFUSED = {
    "nul": ("a\0b", "not_text"),
    "escaped nul in YAML": ('a: "\\0"', "not_text"),
    "escaped nul in JSON": ('{"a": "\\u0000"}', "not_text"),
    "lone surrogate in JSON": ('{"a": "\\ud800"}', "not_text"),
    "surrogate in the text": ("a: \ud800", "not_text"),
    "UTF-16": ("a: 1".encode("utf-16"), "not_text"),
    "broken UTF-8": (b"a: \xff", "not_text"),
    "nothing": ("", "empty"),
    "white space": (" \n ", "empty"),
    "ten megabytes": ("a" * 10_000_000, "too_large"),
    "a megabyte of umlauts": ("ü" * 600_000, "too_large"),
    "deep YAML": ("x: " + "[" * 100_000, "too_deep"),
    "deep JSON": ("[" * 100_000, "too_deep"),
    "deep JSON objects": ('{"a":' * 100_000, "too_deep"),
    "deep blocks": ("- " * 30_000, "too_deep"),
    "many nodes": ("[" + "1," * 20_000 + "1]", "too_many_nodes"),
    "many nodes in YAML": ("- 1\n" * 20_001, "too_many_nodes"),
    "an alias as key": ("a: 1\n*x : 1", "bad_key"),
    "a list as key": ("? [a]\n: 1", "bad_key"),
    "two documents": ("a: 1\n---\nb: 2", "bad_syntax"),
    "an open quote": ('a: "x\nb: 1', "bad_syntax"),
    "a tab": ("\ta: 1", "bad_syntax"),
    "a comma too many": ('{"a": 1,}', "bad_syntax"),
    "text behind JSON": ('{"a": 1} x', "bad_syntax"),
    "NaN": ('{"a": NaN}', "bad_syntax"),
    "a leading zero in JSON": ('{"a": 017}', "bad_syntax"),
    "a comment in JSON": ('{"a": 1 /* no */}', "bad_syntax"),
    "a line break in JSON text": ('{"a": "x\ny"}', "bad_syntax"),
}


@pytest.mark.parametrize(("text", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_read_gives_one_problem_and_no_data(text: str | bytes, code: str) -> None:
    started = time.process_time()
    source = read_source(text)
    assert [problem.code for problem in source.problems] == [code]
    assert source.data is None
    assert time.process_time() - started < 1


NOTED = {
    "a repeated key": ("a: 1\nb: 2\na: 3", "duplicate_key", "a", (3, 1)),
    "a repeated key in JSON": ('{"a": 1,\n "a": 2}', "duplicate_key", "a", (2, 2)),
    "a repeated boolean key": ('x: {true: 1, "true": 2}', "duplicate_key", "x.true", (1, 14)),
    "an anchor": ("a: &x 1", "alias_refused", "a", (1, 4)),
    "an anchor on a list": ("a: &x [1]", "alias_refused", "a", (1, 4)),
    "an alias": ("a: *x", "alias_refused", "a", (1, 4)),
    "an alias in a list": ("a: [1, *x]", "alias_refused", "a[1]", (1, 8)),
    "a tag": ("a: !!python/object:os.system x", "tag_refused", "a", (1, 4)),
    "a tag on an object": ("a: !x {b: 1}", "tag_refused", "a", (1, 4)),
    "a merge key": ("<<: {a: 1}", "merge_key_refused", '["<<"]', (1, 1)),
    "infinity": ("a: .inf", "bad_number", "a", (1, 4)),
    "a number too large to be exact": ("a: 9007199254740993", "bad_number", "a", (1, 4)),
    "a negative one": ('{"a": -9007199254740993}', "bad_number", "a", (1, 7)),
    "a number of 100,000 digits": ("a: " + "9" * 100_000, "bad_number", "a", (1, 4)),
    "a fraction without end": ('{"a": 1e999}', "bad_number", "a", (1, 7)),
}


@pytest.mark.parametrize(("text", "code", "path", "place"), NOTED.values(), ids=NOTED.keys())
def test_a_wrong_entry_is_noted_and_reading_goes_on(text: str, code: str, path: str, place: tuple[int, int]) -> None:
    source = read_source(text)
    (problem,) = source.problems
    assert (problem.code, problem.path, (problem.line, problem.column)) == (code, path, place)
    assert source.data is not None


def test_all_wrong_entries_are_noted_at_once() -> None:
    assert len(read_source("a: 1\na: 2\nb: .nan\nc: 99999999999999999").problems) == 3


def test_thirty_two_levels_are_read() -> None:
    text = "[" * 32 + "1" + "]" * 32
    assert read_source(text, "json").data == json.loads(text)
    assert read_source(text, "yaml").data == json.loads(text)
    assert [problem.code for problem in read_source(f"[{text}]", "yaml").problems] == ["too_deep"]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("name",), (1, 7)),
        (("steps",), (2, 1)),
        (("steps", 0), (3, 5)),
        (("steps", 0, "config"), (4, 5)),
        (("steps", 0, "config", "body"), (5, 7)),
        (("steps", 0, "config", "missing"), (4, 5)),
    ],
)
def test_every_yaml_node_has_a_place(path: tuple[str | int, ...], place: tuple[int, int]) -> None:
    text = "name: X\nsteps:\n  - id: a\n    config:\n      body:\n        - Hi\n"
    assert read_source(text).positions.find(path) == place


def test_every_json_node_has_a_place() -> None:
    positions = read_source('{\n  "name": "X",\n  "steps": [\n    {"id": 1}]}').positions
    assert positions.find(("name",)) == (2, 11)
    assert positions.find(("steps", 0, "id")) == (4, 12)
    assert positions.find(("steps", 0, "id"), key=True) == (4, 6)


@pytest.mark.parametrize(
    ("text", "known"),
    [('{"a": 1}', "json"), (" {}", "json"), ("[1]", "json"), ("{a: 1}", "yaml"), ("a: 1", "yaml"), ("# c\n{}", "yaml")],
)
def test_the_format_is_found_out(text: str, known: str) -> None:
    assert detect_format(text) == known


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab<~ \n\"'", max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_is_read_as_the_standard_library_reads_it(data: Any) -> None:
    for text in (json.dumps(data), json.dumps(data, indent=1, ensure_ascii=False)):
        source = read_source(text, "json")
        assert source.problems == ()
        assert source.data == json.loads(text)


@given(st.text() | st.binary(), st.sampled_from(["yaml", "json", None]))
def test_no_text_makes_reading_raise(text: str | bytes, known: Any) -> None:
    source = read_source(text, known)
    assert source.data is not None or source.problems or source.format
