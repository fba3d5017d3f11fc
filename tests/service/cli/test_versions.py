"""Migrations and deletions from the command line while the server goes away and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from statewright.v1 import (
    ApplyMigrationRequest,
    ApplyMigrationResponse,
    CountResponse,
    MigrationGroup,
    MigrationTimers,
    PlanMigrationResponse,
    WorkflowServiceDeleteResponse,
)

from service.cli import versions
from tests.service.cli.conftest import Run, parsed
from tests.service.cli.fake_server import FakeServer, Refusal

GONE = Refusal(grpc.StatusCode.UNAVAILABLE, "draining", "UNAVAILABLE")
MIGRATE = ("migrate-runs", "w", "--from", "1")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_PAUSE_S", 0.0)


def _lost(*messages: ApplyMigrationResponse) -> list[ApplyMigrationResponse]:
    """A stream that ends before its last word."""
    return list(messages)


def test_a_migration_that_is_cut_short_goes_on_under_the_same_id(run: Run, server: FakeServer) -> None:
    streams: Iterator[Any] = iter(
        [
            _lost(ApplyMigrationResponse(migrated=1, total=3)),
            GONE,
            [ApplyMigrationResponse(request_id="m", to_version=2, migrated=3, total=3, done=True)],
        ]
    )
    server.answers["Workflow.ApplyMigration"] = lambda _: next(streams)
    shape = parsed(run(*MIGRATE, "--map", "a=b", "--timers", "recompute", "--include-failed", "--json"))
    assert (shape["migrated"], shape["done"]) == (3, True)
    first, *others = server.asked
    assert isinstance(first, ApplyMigrationRequest)
    assert (dict(first.mapping), first.rate, first.include_failed, len(others)) == ({"a": "b"}, 200, True, 2)
    assert first.timers == MigrationTimers.MIGRATION_TIMERS_RECOMPUTE
    assert first.request_id
    assert all(other == first for other in others)


def test_a_migration_that_cannot_go_on_says_with_what_it_would(
    run: Run, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_PATIENCE_S", 0.0)
    server.answers["Workflow.ApplyMigration"] = GONE
    result = run(*MIGRATE, "--request-id", "m1")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "go on with --request-id m1" in result.stderr


def test_a_plan_proposes_the_mapping_of_steps_that_were_only_renamed(run: Run, server: FakeServer) -> None:
    groups = [MigrationGroup(step="rest", count=2, suggested_step="listen"), MigrationGroup(step="work", count=1)]
    server.answers["Workflow.PlanMigration"] = PlanMigrationResponse(groups=groups, needs_mapping=3)
    shown = run(*MIGRATE, "--dry-run").stdout
    assert "perhaps only renamed: --map rest=listen\n" in shown
    assert "3 would stay (3 need a mapping)" in shown


def test_a_refused_migration_is_not_repeated(run: Run, server: FakeServer) -> None:
    server.answers["Workflow.ApplyMigration"] = Refusal(grpc.StatusCode.NOT_FOUND, "no", "WORKFLOW_NOT_FOUND")
    assert run(*MIGRATE).exit_code == 1
    assert len(server.asked) == 1


def test_a_deletion_is_asked_for_until_it_is_answered(run: Run, server: FakeServer) -> None:
    answers: Iterator[Any] = iter([GONE, WorkflowServiceDeleteResponse(cancelled=2)])
    server.answers["Workflow.Delete"] = lambda _: next(answers)
    server.answers["Enrollment.Count"] = CountResponse()
    assert run("delete", "w", "--force").stdout == "w is deleted, 2 enrollments cancelled\n"
    first, second = server.asked
    assert first == second
    assert first.request_id
