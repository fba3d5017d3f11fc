"""Structs become plain data and back; what no store could hold is refused with its place."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from service.rpc.payload import read_struct, write_any, write_struct
from statemachine.errors import InvalidInput, LimitExceeded

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", codec="utf-8"))
)
NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def struct_of(data: dict[str, Any]) -> Struct:
    struct = Struct()
    write_struct(data, struct)
    return struct


def nested(depth: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(depth - 1):
        data = {"x": data}
    return data


@given(st.dictionaries(NAMES, DATA, max_size=5))
def test_what_is_written_is_read_again(data: dict[str, Any]) -> None:
    assert read_struct(struct_of(data), "data") == data


def test_whole_doubles_come_back_as_ints_and_others_do_not() -> None:
    read = read_struct(struct_of({"a": 3.0, "b": 1.5, "c": [2.0], "d": -0.0}), "data")
    assert [type(value) for value in (read["a"], read["b"], read["c"][0], read["d"])] == [int, float, int, int]


def test_a_number_beyond_what_a_double_counts_stays_a_float() -> None:
    struct = Struct()
    struct["big"] = 1e300
    assert type(read_struct(struct, "data")["big"]) is float


def test_a_whole_number_too_large_for_a_double_is_written_as_text() -> None:
    assert read_struct(struct_of({"id": 2**53 + 1}), "data") == {"id": str(2**53 + 1)}


def test_what_is_no_object_is_written_under_value() -> None:
    struct = Struct()
    write_any([1, "a"], struct)
    assert read_struct(struct, "output") == {"value": [1, "a"]}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"a": {"b": float("nan")}}, "data.a.b"),
        ({"a": [1, float("inf")]}, "data.a[1]"),
        ({"a": [{"b": float("-inf")}]}, "data.a[0].b"),
        ({"a": "x\0y"}, "data.a"),
        ({"a": ["x\0y"]}, "data.a[0]"),
        ({"a\0": 1}, "data"),
    ],
)
def test_nul_nan_and_infinities_are_refused_with_their_place(data: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_struct(struct_of(data), "data")
    assert refused.value.violations[0][0] == place


def test_every_fault_of_a_payload_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_struct(struct_of({"a": "\0", "b": {"c": float("nan")}}), "data")
    assert {place for place, _ in refused.value.violations} == {"data.a", "data.b.c"}


def test_depth_32_is_read_and_33_is_over_the_limit() -> None:
    assert read_struct(struct_of(nested(32)), "data") == nested(32)
    with pytest.raises(LimitExceeded) as refused:
        read_struct(struct_of(nested(33)), "data")
    assert refused.value.metadata == {"limit": "depth", "maximum": "32"}


def test_lists_count_as_depth_too() -> None:
    deep: Any = 1
    for _ in range(32):
        deep = [deep]
    with pytest.raises(LimitExceeded):
        read_struct(struct_of({"x": deep}), "data")
