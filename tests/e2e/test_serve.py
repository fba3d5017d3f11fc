"""`statewright serve`: how a server starts, what it refuses, and how it ends."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import psutil
import pytest
from google.protobuf.duration_pb2 import Duration
from statewright.client import Client
from statewright.v1 import (
    EnrollmentServiceGetRequest,
    Event,
    PollRequest,
    PublishRequest,
    TriggerRequest,
    WorkflowServiceGetRequest,
)

from service.app import running
from service.settings import load_settings
from service.storage.database import Database
from tests.conftest import FreshDatabase
from tests.databases import Kind, driver_dsn, migrated
from tests.e2e.conftest import Serve
from tests.e2e.servers import Server

WELCOME = """
name: Welcome
key: welcome
triggers: [{type: contact_created}]
steps:
  - id: hello
    type: send_sms
    config: {to: "+1555010100", body: "Hello {{contact.first_name}}"}
  - id: rest
    type: wait
    config: {duration: 1h}
"""


def publish(client: Client) -> None:
    client.workflows.Publish(PublishRequest(source=WELCOME), timeout=10)


def trigger(client: Client, event_id: str = "e1") -> str:
    event = Event(id=event_id, type="contact_created", contact_id="ann")
    answer = client.enrollments.Trigger(TriggerRequest(event=event), timeout=10)
    return str(answer.verdicts[0].enrollment_id)


def send(client: Client, event: Event) -> grpc.StatusCode:
    try:
        client.enrollments.Trigger(TriggerRequest(event=event), timeout=10)
    except grpc.RpcError as refused:
        code: grpc.StatusCode = refused.code()
        return code
    return grpc.StatusCode.OK


def has_polled(server: Server, queue: str) -> bool:
    """Whether a worker has asked this queue for work, by the server's own record."""
    database = Database(server.database_url)
    try:
        with database.reading() as transaction:
            return transaction.row("select 1 from queues where queue = :queue", queue=queue) is not None
    finally:
        database.close()


def step_of(client: Client, enrollment_id: str) -> str:
    answer = client.enrollments.Get(EnrollmentServiceGetRequest(enrollment_id=enrollment_id), timeout=10)
    return str(answer.enrollment.step)


def wait_until(true, timeout_s: float = 20.0) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


# --- serving ---


def test_a_server_on_an_empty_database_serves(serve: Serve, database_kind: Kind, fresh_database: FreshDatabase) -> None:
    server = serve(fresh_database(database_kind), dev=True)
    assert server.health() == "SERVING"
    assert server.get("/healthz")[0] == 200
    assert server.get("/readyz")[0] == 200


def test_an_event_runs_a_workflow_through_the_local_outbox(client: Client) -> None:
    publish(client)
    enrollment_id = trigger(client)
    wait_until(lambda: step_of(client, enrollment_id) == "rest")


def test_metrics_show_what_is_alive(server: Server, client: Client) -> None:
    publish(client)
    trigger(client)
    _, text = server.get("/metrics")
    assert "statewright_live_enrollments 1.0" in text
    assert "statewright_stuck_enrollments 0.0" in text
    assert 'statewright_commands_total{kind="TriggerEvent",result="ok"} 1.0' in text
    assert "statewright_batch_items_bucket" in text


def test_what_was_answered_is_there_after_kill_9(server: Server) -> None:
    with server.client() as client:
        publish(client)
        enrollment_id = trigger(client)
        wait_until(lambda: step_of(client, enrollment_id) == "rest")
    server.restart()
    with server.client() as client:
        assert client.workflows.Get(WorkflowServiceGetRequest(key="welcome"), timeout=10).workflow.key == "welcome"
        assert client.enrollments.Trigger(
            TriggerRequest(event=Event(id="e1", type="contact_created", contact_id="ann")), timeout=10
        ).duplicate
        assert step_of(client, enrollment_id) == "rest"


async def test_a_whole_server_runs_inside_a_test(database_url: str) -> None:
    settings = load_settings(
        {
            "database_url": driver_dsn(database_url),
            "listen": "127.0.0.1:0",
            "http_listen": "off",
            "dev": True,
            "auto_migrate": True,
            "unsafe": True,
        }
    )
    async with running(settings) as server:
        async with grpc.aio.insecure_channel(str(server.address)) as channel:
            await channel.channel_ready()
        assert not server.engine.draining
    assert server.engine.draining


# --- P11: the drain ---


def test_sigterm_ends_an_idle_server_with_0(server: Server) -> None:
    assert server.stop() == 0


def test_sigterm_answers_the_polls_that_wait_and_ends_with_0(server: Server) -> None:
    """P11: a worker that waits for work is told there is none, and does not hold the server up."""
    with server.client() as client, ThreadPoolExecutor() as threads:
        poll = PollRequest(queues=["idle"], worker_id="w1", wait=Duration(seconds=50))
        waiting = threads.submit(client.tasks.Poll, poll, timeout=60)
        wait_until(lambda: has_polled(server, "idle"))
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 20
        assert not waiting.result(timeout=5).tasks


def test_nothing_acknowledged_is_lost_in_a_drain(server: Server) -> None:
    """P11: events keep coming through SIGTERM; each is either answered and kept, or refused.

    A call that reaches the server in the moment its door closes is cancelled by gRPC itself.
    """
    events = [Event(id=f"e{number}", type="contact_created", contact_id=f"c{number}") for number in range(2000)]
    answered: list[Event] = []
    with server.client() as client:
        publish(client)
        while (code := send(client, events[len(answered)])) is grpc.StatusCode.OK:
            answered.append(events[len(answered)])
            if len(answered) == 50:
                server.terminate()
    assert code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    assert server.wait() == 0
    server.start()
    with server.client() as client:
        assert all(client.enrollments.Trigger(TriggerRequest(event=event), timeout=10).duplicate for event in answered)


def test_a_second_signal_ends_the_server_at_once(server: Server) -> None:
    server.terminate()
    server.terminate()
    started = time.monotonic()
    server.wait()
    assert time.monotonic() - started < 10


# --- refusals to start ---


def refusal(server: Server) -> str:
    assert server.wait() != 0
    return server.output


def test_a_port_that_is_taken_is_named(serve: Serve, fresh_database: FreshDatabase) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        server = serve(fresh_database("sqlite"), start=False)
        server.port = other.getsockname()[1]
        assert f"cannot listen on {server.address}" in refusal(server.start(wait=False))


def test_listening_beyond_this_machine_is_refused(serve: Serve, fresh_database: FreshDatabase) -> None:
    server = serve(fresh_database("sqlite"), start=False, listen="0.0.0.0:50051")
    assert "--insecure-listen" in refusal(server.start(wait=False))


def test_several_workers_on_sqlite_are_refused(serve: Serve, fresh_database: FreshDatabase) -> None:
    server = serve(fresh_database("sqlite"), start=False, workers=2)
    assert "SQLite has one writer" in refusal(server.start(wait=False))


def test_a_postgresql_without_our_schema_is_refused_with_what_to_run(
    serve: Serve, fresh_database: FreshDatabase
) -> None:
    server = serve(fresh_database("postgresql"), start=False, auto_migrate=False)
    assert "statewright migrate" in refusal(server.start(wait=False))


def test_a_database_that_cannot_be_reached_is_named(serve: Serve) -> None:
    server = serve("postgresql://nobody:s3cret@127.0.0.1:1/none", start=False)
    output = refusal(server.start(wait=False))
    assert "cannot be reached" in output
    assert "s3cret" not in output


def test_another_clock_rate_than_the_database_has_is_refused(serve: Serve, database_url: str) -> None:
    serve(database_url, dev=True, clock_rate=60).stop()
    other = serve(database_url, start=False, dev=True, clock_rate=30)
    assert "runs at clock rate 60, not 30" in refusal(other.start(wait=False))


def test_a_postgresql_without_fsync_is_refused_unless_told_so(
    serve: Serve, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_database("postgresql")
    database = Database(url)
    with database.reading() as transaction:
        row = transaction.row("show fsync")
    database.close()
    if row is None or row[0] == "on":
        pytest.skip("this PostgreSQL has fsync on")
    server = serve(url, start=False, unsafe=False)
    assert "fsync" in refusal(server.start(wait=False))


# --- several workers ---


@pytest.fixture
def crew(serve: Serve, fresh_database: FreshDatabase) -> Server:
    server = serve(fresh_database("postgresql", migrated), dev=True, workers=2)
    wait_until(lambda: server.output.count('"message":"serving"') == 2)
    return server


def test_a_worker_that_dies_is_started_again(crew: Server) -> None:
    first, second = crew.workers()
    first.kill()
    wait_until(lambda: crew.output.count('"message":"serving"') == 3)
    assert second.is_running()
    assert crew.health() == "SERVING"


def test_sigterm_ends_all_workers(crew: Server) -> None:
    workers = crew.workers()
    assert crew.stop() == 0
    assert psutil.wait_procs(workers, timeout=1)[1] == []


def test_workers_end_when_their_supervisor_is_killed(crew: Server) -> None:
    workers = crew.workers()
    psutil.Process(crew.pid).kill()
    assert psutil.wait_procs(workers, timeout=20)[1] == []


def test_each_worker_has_metrics_of_its_own(crew: Server) -> None:
    assert crew.get("/readyz")[0] == 200
    crew.http_port += 1
    assert crew.get("/readyz")[0] == 200


def test_workers_that_cannot_start_end_the_server(serve: Serve, fresh_database: FreshDatabase) -> None:
    server = serve(fresh_database("postgresql"), start=False, workers=2, auto_migrate=False)
    assert "statewright migrate" in refusal(server.start(wait=False))
