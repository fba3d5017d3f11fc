"""P7 and P8 through a real server: effects come after the commit, and only the holder of a lease changes anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from statewright.v1 import RetryRequest

from tests.databases import Databases, Kind, migrated
from tests.e2e.caller import Caller, audit, eventually, refusal, rows
from tests.e2e.servers import Server
from tests.site import Site

CALL = """
key: call
name: Call
triggers: [{type: call_wanted}]
retry: {max_attempts: 5, backoff: 20ms, jitter: none}
steps:
  - {id: tag, type: add_tag, config: {tag: called}}
  - {id: call, type: http_request, config: {url: "SITE/{{contact.id}}", method: POST, body: {run: "{{enrollment.id}}"}}}
"""

WORK = """
key: work
name: Work
triggers: [{type: work_wanted}]
exit: [{on: work_cancelled, reason: cancelled}]
retry: {max_attempts: 5, backoff: 10ms, jitter: none}
steps:
  - {id: work, type: task, config: {queue: "work"}}
"""

ONCE = """
key: once
name: Once
triggers: [{type: once_wanted}]
retry: {max_attempts: 5, backoff: 10ms, jitter: none}
steps:
  - {id: once, type: task, crash_policy: at_most_once, config: {queue: once}}
"""


@dataclass(slots=True)
class Visits:
    """What the called site saw: keys by path, and the run as the API showed it during the call."""

    keys: dict[str, list[str]] = field(default_factory=dict)
    seen: dict[str, tuple[str, str]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    caller: Caller | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def visit(self, path: str, key: str, body: Any) -> int:
        assert self.caller is not None
        run = self.caller.run(body["run"])
        with self.lock:
            self.keys.setdefault(path, []).append(key)
            self.seen[path] = (run.id, run.step)
            self.failures[path] = self.failures.get(path, 0) - 1
            return 503 if self.failures[path] >= 0 else 200


@dataclass(frozen=True, slots=True)
class Works:
    server: Server
    caller: Caller
    visits: Visits


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def works(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Works]:
    """One server per store for all tests here; each works with contacts of its own. Audited at the end."""
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    url = databases.create(kind, folder, migrated)
    visits = Visits()
    with Site(visits.visit) as site, Server(url, folder, allow_private_networks=True) as server:
        with server.client() as client:
            visits.caller = Caller(client)
            visits.caller.publish(CALL.replace("SITE", site.url), WORK, ONCE)
            yield Works(server, visits.caller, visits)
        audit(url)


@pytest.fixture
def caller(works: Works) -> Iterator[Caller]:
    """The caller, with no task left over from the test before."""
    yield works.caller
    for task in works.caller.poll(wait_s=0):
        works.caller.complete(task)


# --- P7 ---


def test_p7_an_effect_starts_only_after_its_transition_is_durable(works: Works, caller: Caller) -> None:
    """The called site finds the run through the API, resting in the step that calls it."""
    run = caller.start("call_wanted", "ann")
    eventually(lambda: caller.status(run) == "COMPLETED")
    assert works.visits.seen["/ann"] == (run, "call")


def test_p7_every_attempt_carries_the_same_idempotency_key(works: Works, caller: Caller) -> None:
    works.visits.failures["/bea"] = 3
    run = caller.start("call_wanted", "bea")
    eventually(lambda: caller.status(run) == "COMPLETED")
    keys = works.visits.keys["/bea"]
    assert len(keys) == 4
    assert len(set(keys)) == 1
    ordered = rows(works.server.database_url, "select idempotency_key from tasks where enrollment_id = :run", run=run)
    assert [row[0] for row in ordered] == [keys[0]]
    assert run in keys[0]


def test_p7_no_attempt_follows_a_recorded_success(works: Works, caller: Caller) -> None:
    run = caller.start("call_wanted", "cem")
    eventually(lambda: caller.status(run) == "COMPLETED")
    works.server.restart()
    eventually(caller.answers)
    other = caller.start("call_wanted", "dan")
    eventually(lambda: caller.status(other) == "COMPLETED")
    assert len(works.visits.keys["/cem"]) == 1


def test_p7_an_at_most_once_step_is_not_repeated_after_a_crash(works: Works, caller: Caller) -> None:
    """Worker and server die with the task under way: nobody knows, so it ends as unknown, for a human to decide."""
    run = caller.start("once_wanted", "eva")
    lost = caller.take("once", lease_s=1, worker="dead")
    works.server.restart()
    eventually(caller.answers)
    eventually(lambda: caller.status(run) == "FAILED")
    assert caller.run(run).last_error.code == "outcome_unknown"
    assert caller.task_status(lost) == "UNKNOWN_OUTCOME"
    assert caller.poll("once", wait_s=1.5) == []
    assert refusal(lambda: caller.complete(lost)).reason == "STALE_LEASE"


def test_p7_an_at_most_once_step_that_is_known_to_have_failed_is_tried_again(caller: Caller) -> None:
    run = caller.start("once_wanted", "fay")
    caller.fail(caller.take("once"), retryable=True)
    again = caller.take("once")
    assert again.attempt == 2
    caller.complete(again)
    assert caller.status(run) == "COMPLETED"


# --- P8 ---


def test_p8_a_stale_lease_changes_nothing(caller: Caller) -> None:
    run = caller.start("work_wanted", "gil")
    stale = caller.take(lease_s=1, worker="slow")
    eventually(lambda: caller.run(run).attempt == 2)
    current = caller.take(worker="quick")
    for use in (caller.complete, caller.extend, lambda task: caller.fail(task, retryable=False)):
        refused = refusal(lambda use=use: use(stale))  # type: ignore[misc]
        assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STALE_LEASE")
    assert caller.status(run) == "WAITING"
    assert caller.complete(current).applied
    assert caller.status(run) == "COMPLETED"


def test_p8_a_forged_token_changes_nothing(caller: Caller) -> None:
    run = caller.start("work_wanted", "hal")
    held = caller.take()
    token, held.lease_token = held.lease_token, "forged"
    assert refusal(lambda: caller.complete(held)).code in (
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INVALID_ARGUMENT,
    )
    assert caller.status(run) == "WAITING"
    held.lease_token = token
    assert caller.complete(held).applied


def test_p8_an_exit_revokes_the_task_and_its_late_result_is_recorded_but_not_applied(caller: Caller) -> None:
    run = caller.start("work_wanted", "ida")
    held = caller.take()
    assert not caller.extend(held).cancelled
    caller.trigger("work_cancelled", "ida")
    ended = caller.run(run)
    assert caller.extend(held).cancelled
    assert not caller.complete(held, {"done": True}).applied
    assert caller.run(run) == ended
    assert caller.task_status(held) == "CANCELLED"


def test_p8_a_lease_that_is_extended_is_kept(caller: Caller) -> None:
    """Longer than the lease was, with nobody taking it over."""
    run = caller.start("work_wanted", "jan")
    held = caller.take(lease_s=3)
    pause = threading.Event()
    for _ in range(11):
        pause.wait(0.3)
        assert not caller.extend(held, lease_s=3).cancelled
    assert caller.run(run).attempt == 1
    assert caller.complete(held).applied


def test_p8_an_operators_retry_has_a_new_key(caller: Caller) -> None:
    run = caller.start("work_wanted", "kim")
    failed = caller.take()
    caller.fail(failed, retryable=False)
    assert caller.status(run) == "FAILED"
    caller.client.enrollments.Retry(RetryRequest(enrollment_id=run), timeout=10)
    again = caller.take()
    assert (again.step, again.attempt) == (failed.step, 1)
    assert again.idempotency_key != failed.idempotency_key
    assert refusal(lambda: caller.complete(failed)).code is grpc.StatusCode.FAILED_PRECONDITION
    assert caller.complete(again).applied
