"""Migrations and deletions with real servers: killed in the middle, drained, carried on; nothing twice or lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from statewright.v1 import (
    ApplyMigrationRequest,
    ApplyMigrationResponse,
    TriggerBatchRequest,
    WorkflowServiceDeleteRequest,
)

from service.storage.database import Row
from tests.databases import PostgresCluster
from tests.e2e.caller import Caller, audit, event, eventually, refusal_of, rows
from tests.e2e.conftest import Serve
from tests.e2e.servers import Server

OLD = """
key: long
name: Long
triggers: [{type: joined}]
steps:
  - {id: rest, type: wait, config: {on: [{event: heard}], timeout: 30d}}
  - {id: work, type: task, config: {queue: work}}
"""
NEW = OLD.replace("id: rest", "id: listen").replace("30d", "60d")
RUNS = 120


@pytest.fixture
def crowded(serve: Serve, database_url: str) -> Iterator[Server]:
    """A server with 120 runs on version 1, every fourth with an open task, and a version 2; audited at the end."""
    server = serve(database_url)
    _crowd(server)
    yield server
    audit(database_url)


def _crowd(server: Server) -> None:
    with server.client() as client:
        caller = Caller(client)
        caller.publish(OLD)
        people = [f"c{number}" for number in range(RUNS)]
        for kind, wanted in (("joined", people), ("heard", people[::4])):
            batch = TriggerBatchRequest(events=[event(kind, one, id=f"{kind}-{one}") for one in wanted])
            client.enrollments.TriggerBatch(batch, timeout=30)
        caller.publish(NEW)


def _migration(**given: Any) -> ApplyMigrationRequest:
    return ApplyMigrationRequest(
        key="long", from_version=1, mapping={"rest": "listen"}, request_id="m1", **{"rate": 10_000, **given}
    )


def _moves(url: str) -> list[Row]:
    return list(rows(url, "select enrollment_id from history where cause_id = 'op:migrate/m1'"))


def _finish(server: Server, request: ApplyMigrationRequest) -> ApplyMigrationResponse:
    with server.client() as client:
        return list(client.workflows.ApplyMigration(request, timeout=60))[-1]


def _finished(server: Server, request: ApplyMigrationRequest) -> bool:
    """Whether a repeat got to the end; connections that broke are found out one by one."""
    try:
        return _finish(server, request).migrated == RUNS
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False


def _begin(server: Server, request: ApplyMigrationRequest, most: int) -> grpc.RpcError | None:
    """Follow a migration until so many have moved, then let it be; or until it breaks."""
    with server.client() as client:
        try:
            for message in client.workflows.ApplyMigration(request, timeout=60):
                if message.migrated >= most:
                    return None
        except grpc.RpcError as error:
            return error
    raise AssertionError("the migration ended before it could be disturbed")


def _assert_moved_once(url: str) -> None:
    moved = [row[0] for row in _moves(url)]
    assert len(moved) == len(set(moved)) == RUNS
    assert rows(url, "select version, count(*) from enrollments group by version") == [(2, RUNS)]


def test_a_migration_whose_server_is_killed_goes_on_after_the_restart(crowded: Server) -> None:
    request = _migration(rate=60)
    with crowded.client() as client:
        stream = client.workflows.ApplyMigration(request, timeout=60)
        next(message for message in stream if message.migrated >= 30)
        crowded.kill()
        with pytest.raises(grpc.RpcError) as broken:
            list(stream)
    assert broken.value.code() is grpc.StatusCode.UNAVAILABLE
    left = len(_moves(crowded.database_url))
    assert 30 <= left < RUNS
    crowded.start()
    last = _finish(crowded, _migration(rate=60))
    assert (last.migrated, last.total, last.left, last.done) == (RUNS, RUNS, 0, True)
    _assert_moved_once(crowded.database_url)


def test_a_migration_whose_caller_went_away_stops_and_goes_on_when_it_is_asked_for_again(crowded: Server) -> None:
    assert _begin(crowded, _migration(rate=60), most=24) is None
    assert 24 <= len(_moves(crowded.database_url)) < RUNS
    assert _finish(crowded, _migration(rate=60)).migrated == RUNS
    _assert_moved_once(crowded.database_url)


def test_a_migration_whose_database_is_stopped_goes_on_when_it_is_back(
    serve: Serve, postgres_cluster: PostgresCluster
) -> None:
    server = serve(postgres_cluster.url(), unsafe=False)
    _crowd(server)
    with server.client() as client:
        stream = client.workflows.ApplyMigration(_migration(rate=60), timeout=60)
        next(message for message in stream if message.migrated >= 24)
        postgres_cluster.stop("immediate")
        with pytest.raises(grpc.RpcError) as broken:
            list(stream)
    assert refusal_of(broken.value).reason == "UNAVAILABLE"
    postgres_cluster.start()
    assert 24 <= len(_moves(server.database_url)) < RUNS
    eventually(lambda: _finished(server, _migration(rate=60)))
    _assert_moved_once(server.database_url)
    audit(server.database_url)


def test_a_draining_server_sends_a_migration_elsewhere(crowded: Server) -> None:
    request = _migration(rate=60)
    with crowded.client() as client:
        stream = client.workflows.ApplyMigration(request, timeout=60)
        next(message for message in stream if message.migrated)
        crowded.terminate()
        with pytest.raises(grpc.RpcError) as broken:
            list(stream)
    assert refusal_of(broken.value).reason in ("UNAVAILABLE", "")
    assert crowded.wait() == 0
    crowded.start()
    assert _finish(crowded, _migration(rate=60)).migrated == RUNS
    _assert_moved_once(crowded.database_url)


def test_a_forced_deletion_whose_server_is_killed_is_finished_by_the_next(
    crowded: Server,
) -> None:
    request = WorkflowServiceDeleteRequest(key="long", force=True, request_id="d1")
    with crowded.client() as client:
        call = client.workflows.Delete.future(request, timeout=30)
        eventually(lambda: rows(crowded.database_url, "select 1 from workflows where status = 'deleting'"))
        crowded.kill()
        call.exception()
    crowded.start()
    with crowded.client() as client:
        answer = client.workflows.Delete(request, timeout=30)
    assert answer.cancelled == RUNS
    ended = rows(crowded.database_url, "select status, exit_reason, count(*) from enrollments group by 1, 2")
    assert ended == [("cancelled", "workflow_deleted", RUNS)]
    cancels = rows(crowded.database_url, "select enrollment_id from history where kind = 'cancelled'")
    assert len(cancels) == len(set(cancels)) == RUNS
