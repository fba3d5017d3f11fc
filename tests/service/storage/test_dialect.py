"""The statement dialect: what each mark becomes, and that values come back from both stores as they went in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from service.storage.database import Database
from service.storage.dialect import dump, dump_rows, instant, instant_text, load, render

AT = datetime(2026, 3, 2, 9, 0, 0, 5, tzinfo=UTC)


def test_parameters_are_named_as_each_driver_names_them() -> None:
    sql = "select :a, ':b::json' where x like '%y' and z::text = :c_2"
    assert render("sqlite", "select :a, x::text") == "select :a, x::text"
    assert render("postgresql", sql).startswith("select %(a)s")
    assert render("postgresql", sql).endswith("like '%%y' and z::text = %(c_2)s")


def test_locks_are_left_out_where_there_is_one_writer() -> None:
    sql = "select 1 from t {for update of c skip locked}"
    assert render("postgresql", sql) == "select 1 from t for update of c skip locked"
    assert render("sqlite", sql).strip() == "select 1 from t"


def test_a_set_of_rows_is_one_parameter_on_both() -> None:
    sql = "select a, b from {rows:p; a text, b int}"
    assert render("postgresql", sql) == ("select a, b from json_to_recordset(cast(%(p)s as json)) as r(a text, b int)")
    assert render("sqlite", sql).count(":p") == 1


def test_no_rows_are_no_rows(store: Database) -> None:
    with store.reading() as transaction:
        assert transaction.rows("select a from {rows:p; a text}", p=[]) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "quote ' \" \\ back",
        "percent % and :name {rows:x}",
        "ünïcødé 🦊",
        "line\nbreak\ttab",
        "null",
        "[1]",
    ],
)
def test_text_comes_back_as_it_was(store: Database, text: str) -> None:
    with store.reading() as transaction:
        assert transaction.rows("select a from {rows:p; a text}", p=[{"a": text}]) == [(text,)]
        assert transaction.row("select cast(:a as text)", a=text) == (text,)


@pytest.mark.parametrize("number", [0, -1, 2**31 - 1])
def test_whole_numbers_come_back_as_they_were(store: Database, number: int) -> None:
    with store.reading() as transaction:
        assert transaction.rows("select a from {rows:p; a int}", p=[{"a": number}]) == [(number,)]
        assert transaction.rows("select a from {rows:p; a bigint}", p=[{"a": number * 2**20}]) == [(number * 2**20,)]


def test_missing_and_null_are_null(store: Database) -> None:
    columns = "a text, b int, c json, d timestamptz, e bool"
    with store.reading() as transaction:
        rows = transaction.rows(f"select a, b, c, d, e from {{rows:p; {columns}}}", p=[{}, dict.fromkeys("abcde")])
    assert [tuple(row) for row in rows] == [(None,) * 5] * 2


@pytest.mark.parametrize("flag", [True, False])
def test_flags_come_back_true_or_false(store: Database, flag: bool) -> None:
    with store.reading() as transaction:
        ((value,),) = transaction.rows("select a from {rows:p; a bool}", p=[{"a": flag}])
    assert bool(value) is flag


@pytest.mark.parametrize(
    "value",
    [{}, [], {"a": [1, 2.5, None, True, {"b": "ü"}]}, "text", "", "12", "null", 12, 1.5, True, False, ["x"], 2**53],
)
def test_a_json_column_gives_back_the_value_whatever_its_type(store: Database, value: Any) -> None:
    """Through a table column, since SQLite has no type of its own for JSON."""
    row = {"tenant_id": "t", "source": "s", "event_id": "e", "body_hash": "h", "verdicts": value, "accepted_at": AT}
    columns = "tenant_id text, source text, event_id text, body_hash text, verdicts json, accepted_at timestamptz"
    names = "tenant_id, source, event_id, body_hash, verdicts, accepted_at"
    with store.transaction() as transaction:
        transaction.write(f"insert into event_keys ({names}) select {names} from {{rows:p; {columns}}}", p=[row])
        stored = transaction.row("select verdicts from event_keys")
    assert stored is not None
    assert load(stored[0]) == value
    assert type(load(stored[0])) is type(value)


@pytest.mark.parametrize(
    "at",
    [
        AT,
        AT.replace(microsecond=0),
        AT.replace(microsecond=999_999),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_instants_come_back_to_the_microsecond(store: Database, at: datetime) -> None:
    with store.reading() as transaction:
        ((value,),) = transaction.rows("select a from {rows:p; a timestamptz}", p=[{"a": at}])
    found = instant(value)
    assert found == at
    assert found is not None
    assert found.utcoffset() == timedelta(0)


def test_instants_as_text_sort_like_time_whatever_their_zone() -> None:
    zones = (UTC, timezone(timedelta(hours=-7)), timezone(timedelta(hours=5, minutes=30)))
    instants = [AT.replace(microsecond=0) + timedelta(microseconds=step * 250_000) for step in range(20)]
    texts = [instant_text(at.astimezone(zones[step % 3])) for step, at in enumerate(instants)]
    assert texts == sorted(texts)


def test_instants_in_rows_are_spelled_as_instants_in_parameters(store: Database) -> None:
    later = AT + timedelta(seconds=1)
    with store.reading() as transaction:
        rows = transaction.rows(
            "select a from {rows:p; a timestamptz} where a <= :now order by a",
            p=[{"a": later}, {"a": AT.replace(microsecond=0)}, {"a": AT}],
            now=instant_text(AT),
        )
    assert [instant(row[0]) for row in rows] == [AT.replace(microsecond=0), AT]


def test_mappings_sets_and_instants_inside_json_are_plain() -> None:
    value = {"a": MappingProxyType({"b": 1}), "c": frozenset({"y", "x"}), "d": AT, 5: "number"}
    assert load(dump(value)) == {"a": {"b": 1}, "c": ["x", "y"], "d": AT.isoformat(), "5": "number"}


def test_what_is_no_json_value_is_refused_before_it_reaches_the_store() -> None:
    with pytest.raises(TypeError):
        dump_rows([{"a": object()}])


def test_null_json_loads_as_none() -> None:
    assert load(None) is None
    assert instant(None) is None


def test_a_lookup_is_a_join_in_sqlite_and_lateral_in_postgresql() -> None:
    sql = "select e.x from {rows:p; a text} {look up: things as e where e.a = r.a\n and e.live}"
    assert render("sqlite", sql).endswith("join things as e on e.a = r.a\n and e.live")
    assert render("postgresql", sql).endswith(
        "cross join lateral (select * from things as e where e.a = r.a\n and e.live offset 0) as e"
    )


def test_a_lookup_of_the_latest_is_cut_by_the_index_in_both_stores() -> None:
    sql = "{look up: things as e where e.a = r.a latest 9 by at since r.since}"
    assert render("sqlite", sql) == (
        "join things as e on e.a = r.a and e.at >= coalesce((select x.at from things as x "
        "where x.a = r.a and x.at >= r.since order by x.at desc limit 1 offset 8), r.since)"
    )
    assert render("postgresql", sql) == (
        "cross join lateral (select * from things as e where e.a = r.a and e.at >= r.since "
        "order by e.at desc limit 9) as e"
    )
