"""Migrations: they build exactly the tables, any number of times, whoever runs them."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.operations import BatchOperations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.storage import schema
from service.storage.database import Database
from service.storage.schema import current_revision, head_revision, migrate, require_schema
from service.storage.tables import metadata
from statemachine.errors import Unavailable


@pytest.fixture
def empty(database_url: str) -> Any:
    database = Database(database_url)
    yield database
    database.close()


def _differences(database: Database) -> list[Any]:
    """What alembic would still change.

    Partitions are made by their own job and are no tables of the model. Alembic cannot read back a descending index nor
    an empty default of SQLite.
    """

    def ours(_thing: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
        if kind == "table":
            return not str(name).startswith(("history_", "events_"))
        return not (database.kind == "sqlite" and name == "ix_tasks_ready")

    with database.plain_connection() as connection:
        defaults = database.kind == "postgresql"
        options = {"compare_type": True, "compare_server_default": defaults, "include_object": ours}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def _migrate(url: str) -> tuple[str | None, str]:
    database = Database(url)
    try:
        return migrate(database)
    finally:
        database.close()


def _columns(database: Database) -> dict[str, set[str]]:
    """The columns of each table. Partitions are left out: there are more of them when a new day begins."""
    if database.kind == "sqlite":
        sql = "select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table'"
    else:
        sql = (
            "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid "
            "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition "
            "and a.attnum > 0 and not a.attisdropped"
        )
    found: dict[str, set[str]] = {}
    with database.reading() as transaction:
        for table, column in transaction.rows(sql):
            found.setdefault(table, set()).add(column)
    return found


def test_the_migrations_build_the_tables_of_the_model(store: Database) -> None:
    assert _differences(store) == []


def test_every_column_of_the_model_is_there(store: Database) -> None:
    built = _columns(store)
    for table in metadata.sorted_tables:
        assert built[table.name] == {column.name for column in table.columns}


def test_ready_tasks_are_indexed_by_queue_and_falling_priority(store: Database) -> None:
    catalog = ("sqlite_master", "sql", "name") if store.kind == "sqlite" else ("pg_indexes", "indexdef", "indexname")
    with store.reading() as transaction:
        row = transaction.row(f"select {catalog[1]} from {catalog[0]} where {catalog[2]} = 'ix_tasks_ready'")
    assert row is not None
    text = str(row[0]).lower()
    assert "(queue, priority desc, available_at)" in text
    assert "where" in text


def test_a_migration_that_fails_leaves_nothing_behind(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(op, "create_index", broken)
        patched.setattr(BatchOperations, "create_index", broken)
        with pytest.raises(RuntimeError, match="power cut"):
            migrate(empty)
    assert _columns(empty) == {}
    assert migrate(empty) == (None, head_revision())


def test_migrating_again_changes_nothing(empty: Database) -> None:
    assert migrate(empty) == (None, head_revision())
    before = _columns(empty)
    assert migrate(empty) == (head_revision(), head_revision())
    assert _columns(empty) == before
    assert _differences(empty) == []


def test_several_processes_may_migrate_at_once(empty: Database) -> None:
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as processes:
        results = list(processes.map(_migrate, [empty.url] * 3))
    assert sorted(before or "" for before, _ in results) == ["", *[head_revision()] * 2]
    assert {after for _, after in results} == {head_revision()}
    assert _differences(empty) == []


def test_the_schema_wanted_is_that_of_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [head_revision()]
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(f"{script.revision}_")


def test_an_empty_database_is_refused_with_the_command_to_run(empty: Database) -> None:
    assert current_revision(empty) is None
    with pytest.raises(Unavailable, match=r"schema none, this version wants \w+; run `statewright migrate`"):
        require_schema(empty)


def test_a_migrated_database_is_accepted(store: Database) -> None:
    require_schema(store)
    assert current_revision(store) == head_revision()


def test_a_database_of_a_newer_version_is_accepted(store: Database) -> None:
    store.run(lambda transaction: transaction.write("update alembic_version set version_num = '9999'"))
    require_schema(store)


def test_migrating_a_database_of_a_newer_version_leaves_it_as_it_is(store: Database) -> None:
    before = _columns(store)
    store.run(lambda transaction: transaction.write("update alembic_version set version_num = '9999'"))
    assert migrate(store) == ("9999", "9999")
    assert (current_revision(store), _columns(store)) == ("9999", before)


def test_a_server_that_cannot_be_reached_is_unavailable_when_its_schema_is_asked_for() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable):
        require_schema(database)


def test_a_database_file_that_cannot_be_made_is_asked_about_its_folder(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/nowhere/statewright.db")
    with pytest.raises(Unavailable, match="unable to open database file; is its folder there, and may this user write"):
        migrate(database)
