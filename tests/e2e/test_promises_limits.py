"""P10 and P13 through a real server: what is too much or malformed is refused fast and clearly, and not stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import grpc
import psutil
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from statewright import v1
from statewright.v1 import (
    Event,
    PublishRequest,
    TriggerBatchRequest,
    TriggerBatchResponse,
    TriggerRequest,
    TriggerStreamRequest,
)

from service.storage.database import Database
from tests.databases import Databases, Kind, migrated
from tests.e2e.caller import Caller, Refusal, audit, event, eventually, refusal, refusal_of, rows
from tests.e2e.conftest import Serve
from tests.e2e.servers import Server
from tests.faults import tell

KIB = 1024

WORK = """
key: work
name: Work
triggers: [{type: work_wanted}]
steps:
  - {id: work, type: task, output: result, config: {queue: work}}
  - {id: rest, type: wait, config: {for: 1h}}
"""

GROW = """
key: grow
name: Grow
triggers: [{type: growing}]
variables: {text: TEXT}
steps:
  - {id: a, type: set_variable, config: {path: a, value: "{{variables.text}}"}}
  - {id: b, type: set_variable, config: {path: b, value: "{{variables.text}}"}}
  - {id: c, type: set_variable, config: {path: c, value: "{{variables.text}}"}}
  - {id: d, type: set_variable, config: {path: d, value: "{{variables.text}}"}}
"""

ENDLESS = """
key: endless
name: Endless
triggers: [{type: endless_wanted}]
limits: {max_transitions: 1000000}
variables: {n: 0}
steps:
  - {id: rest, type: wait, config: {until: "2026-01-01T00:00:00Z"}}
  - {id: again, type: goto, config: {to: rest}}
"""


# --- P10 ---


MOST = 5


@contextmanager
def a_store_that_stands(url: str) -> Iterator[None]:
    """Nothing can be saved in it meanwhile, so that a server saves what it took when this is over."""
    with closing(Database(url)) as database, database.transaction() as transaction:
        if database.kind == "postgresql":
            transaction.write("set local idle_in_transaction_session_timeout = 0")
            transaction.write("lock table event_keys in access exclusive mode")
        yield


@dataclass(frozen=True, slots=True)
class Flood:
    """Many calls at once: how many were taken, how the others were refused, and within how many seconds."""

    taken: int
    refused: list[Refusal]
    took_s: float


def flood(server: Server, events: list[Event], *, taken: int) -> Flood:
    """The store stands until all but so many have been refused."""
    done: SimpleQueue[Any] = SimpleQueue()
    with server.client() as client:
        with a_store_that_stands(server.database_url):
            began = time.monotonic()
            calls = [client.enrollments.Trigger.future(TriggerRequest(event=one), timeout=60) for one in events]
            for call in calls:
                call.add_done_callback(done.put)
            refused = [refusal_of(done.get(timeout=60).exception()) for _ in range(len(events) - taken)]
            took_s = time.monotonic() - began
        answered = [call for call in calls if call.exception() is None]
    return Flood(len(answered), refused, took_s)


def test_p10_a_saturated_server_says_so_and_stores_nothing_of_what_it_refuses(
    serve: Serve, database_url: str, record_property: Callable[[str, object], None]
) -> None:
    server = serve(database_url, max_pending=MOST)
    events = [event("unheard_of", f"c{number}", id=f"e{number}") for number in range(300)]
    found = flood(server, events, taken=MOST)
    assert (found.taken, len(found.refused)) == (MOST, 300 - MOST)
    assert {(one.code, one.reason) for one in found.refused} == {(grpc.StatusCode.RESOURCE_EXHAUSTED, "SATURATED")}
    assert all(one.retry_s for one in found.refused)
    assert len(rows(database_url, "select 1 from event_keys")) == MOST
    assert len(rows(database_url, "select 1 from events where type = 'unheard_of'")) == MOST
    with server.client() as client:
        assert not Caller(client).trigger("unheard_of", "late").duplicate
    tell(record_property, f"P10: {MOST} of 300 calls at once taken, the others refused in {found.took_s:.1f} s")


def test_p10_a_batch_that_does_not_fit_is_refused_as_a_whole(serve: Serve, database_url: str) -> None:
    server = serve(database_url, max_pending=5)
    request = TriggerBatchRequest(events=[event("unheard_of", f"c{number}") for number in range(6)])
    with server.client() as client:
        refused = refusal(lambda: client.enrollments.TriggerBatch(request, timeout=10))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SATURATED")
    assert rows(database_url, "select 1 from events") == []


def test_p10_a_saturated_server_stops_reading_a_stream_instead_of_refusing(serve: Serve, database_url: str) -> None:
    server = serve(database_url, max_pending=20)
    requests = [
        TriggerStreamRequest(sequence=number, events=[event("unheard_of", f"c{number}")]) for number in range(500)
    ]
    with server.client() as client:
        answers = list(client.enrollments.TriggerStream(iter(requests), timeout=60))
    assert [answer.sequence for answer in answers] == list(range(500))
    assert all(answer.results[0].HasField("accepted") for answer in answers)


def test_p10_memory_stays_bounded_under_a_flood(
    serve: Serve, database_url: str, record_property: Callable[[str, object], None]
) -> None:
    """10 floods of 200 calls of 100 KiB each, at a server that takes 5: five floods add less than they brought."""
    server = serve(database_url, max_pending=MOST)
    process = psutil.Process(server.pid)
    padding = "x" * (100 * KIB)
    peaks = []
    for turn in range(10):
        events = [event("unheard_of", "ann", id=f"{turn}-{n}", data={"padding": padding}) for n in range(200)]
        assert flood(server, events, taken=MOST).taken == MOST
        peaks.append(process.memory_info().rss // KIB**2)
    assert max(peaks) < 400
    assert max(peaks[5:]) - max(peaks[:5]) < 5 * 18, f"memory grows with what is refused: {peaks} MiB"
    tell(record_property, f"P10: memory after each of 10 floods of 20 MiB: {peaks} MiB")


# --- P13 ---


@dataclass(frozen=True, slots=True)
class Door:
    """A server at whose door everything malformed is turned away."""

    server: Server
    caller: Caller

    def stored(self) -> int:
        return len(rows(self.server.database_url, "select 1 from events"))

    def refuses(self, message: Event, reason: str = "INVALID_ARGUMENT") -> None:
        """Alone, in a batch and in a stream; nothing is stored, and the neighbours in the batch go on."""
        before = self.stored()
        refused = refusal(lambda: self.caller.send(message))
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
        batch = TriggerBatchRequest(events=[message])
        (result,) = self.caller.client.enrollments.TriggerBatch(batch, timeout=10).results
        assert result.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        stream = iter([TriggerStreamRequest(events=[message])])
        (answer,) = self.caller.client.enrollments.TriggerStream(stream, timeout=10)
        assert answer.results[0].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert self.stored() == before


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def door(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    url = databases.create(kind, folder, migrated)
    with Server(url, folder) as server, server.client() as client:
        caller = Caller(client)
        caller.publish(WORK, ENDLESS)
        yield Door(server, caller)
        audit(url)


def of_size(size: int) -> Event:
    """An event of exactly so many bytes on the wire."""
    message = event("unheard_of", id=f"size-{size}", data={"text": ""})
    for _ in range(4):
        missing = size - message.ByteSize()
        message.data["text"] = "x" * (len(message.data["text"]) + missing)  # type: ignore[arg-type]
    assert message.ByteSize() == size
    return message


def nested(depth: int) -> Event:
    """An event whose data is nested so deep, the data itself counting as 1."""
    message = event("unheard_of")
    inner: Struct = message.data
    for _ in range(depth - 1):
        inner = inner.get_or_create_struct("a")
    inner["a"] = 1
    return message


def patched(name: str, value: Any) -> Event:
    message = event("unheard_of")
    message.contact_patch[name] = value
    return message


def test_p13_an_event_has_at_most_256_kib(door: Door) -> None:
    assert not door.caller.send(of_size(256 * KIB)).duplicate
    door.refuses(of_size(256 * KIB + 1), "LIMIT_EXCEEDED")


def test_p13_a_message_has_at_most_1_mib(door: Door) -> None:
    request = TriggerBatchRequest(events=[event("unheard_of", data={"text": "x" * 200 * KIB}) for _ in range(6)])
    before = door.stored()
    unlimited = (("grpc.max_send_message_length", -1),)
    with grpc.insecure_channel(door.server.address, unlimited) as channel:
        send = channel.unary_unary(
            "/statewright.v1.EnrollmentService/TriggerBatch",
            request_serializer=TriggerBatchRequest.SerializeToString,
            response_deserializer=TriggerBatchResponse.FromString,
        )
        refused = refusal(lambda: send(request, timeout=10))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "LIMIT_EXCEEDED")
    assert door.stored() == before


def test_p13_payloads_are_at_most_32_deep(door: Door) -> None:
    assert not door.caller.send(nested(32)).duplicate
    door.refuses(nested(33), "LIMIT_EXCEEDED")
    patch = event("unheard_of")
    patch.contact_patch.CopyFrom(nested(33).data)
    door.refuses(patch, "LIMIT_EXCEEDED")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_p13_numbers_that_are_none_are_refused(door: Door, number: float) -> None:
    door.refuses(event("unheard_of", data={"n": number}))
    door.refuses(event("unheard_of", data={"n": [1, {"n": number}]}))
    door.refuses(patched("score", number))


@pytest.mark.parametrize(
    "message",
    [
        event("unheard_of", data={"text": "a\0b"}),
        event("unheard_of", data={"a\0b": 1}),
        event("unheard_of", data={"list": [{"text": "\0"}]}),
        event("unheard\0of"),
        event("unheard_of", "an\0n"),
        event("unheard_of", id="e\0"),
        event("unheard_of", key="k\0"),
        patched("first_name", "An\0n"),
    ],
    ids=["value", "name", "nested", "type", "contact", "id", "key", "patch"],
)
def test_p13_nul_is_refused_wherever_it_is(door: Door, message: Event) -> None:
    door.refuses(message)


@pytest.mark.parametrize(
    "message",
    [
        event(""),
        event("  "),
        event("x" * 256),
        event("unheard_of", "c" * 256),
        event("unheard_of", id="i" * 256),
        event("unheard_of", priority=101),
        event("unheard_of", "", contact_patch={"score": 1}),
    ],
    ids=["no type", "blank type", "long type", "long contact", "long id", "priority", "patch of nobody"],
)
def test_p13_malformed_events_are_refused(door: Door, message: Event) -> None:
    door.refuses(message)


def test_p13_a_batch_has_at_most_1000_events(door: Door) -> None:
    request = TriggerBatchRequest(events=[event("unheard_of")] * 1001)
    before = door.stored()
    refused = refusal(lambda: door.caller.client.enrollments.TriggerBatch(request, timeout=10))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert door.stored() == before


def methods() -> list[MethodDescriptor]:
    modules = [module for name, module in vars(v1).items() if name.endswith("_service_pb2")]
    return [
        method
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.full_name.removeprefix("statewright.v1."))
def test_p13_undecodable_bytes_are_an_invalid_argument(door: Door, method: MethodDescriptor) -> None:
    path, garbage = f"/{method.containing_service.full_name}/{method.name}", b"\xff\xfe\x00garbage"
    with grpc.insecure_channel(door.server.address) as opened:
        channel: Any = opened
        if method.client_streaming:
            refused = refusal(lambda: list(channel.stream_stream(path)(iter([garbage]), timeout=10)))
        elif method.server_streaming:
            refused = refusal(lambda: list(channel.unary_stream(path)(garbage, timeout=10)))
        else:
            refused = refusal(lambda: channel.unary_unary(path)(garbage, timeout=10))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UNDECODABLE")


def test_p13_an_output_has_at_most_64_kib(door: Door) -> None:
    run = door.caller.start("work_wanted", "ann")
    task = door.caller.take()
    refused = refusal(lambda: door.caller.complete(task, {"text": "x" * 64 * KIB}))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "LIMIT_EXCEEDED")
    assert door.caller.status(run) == "WAITING"
    assert door.caller.complete(task, {"text": "x" * 60 * KIB}).applied
    assert len(MessageToDict(door.caller.run(run).variables)["result"]["text"]) == 60 * KIB


def test_p13_variables_are_at_most_256_kib(door: Door) -> None:
    """Four times 60 KiB fit, five times do not; the step that would make them fails, and nothing is cut."""
    door.caller.publish(GROW.replace("TEXT", "x" * 60 * KIB))
    run = door.caller.start("growing", "bea")
    failed = door.caller.run(run)
    assert door.caller.status(run) == "FAILED"
    assert (failed.step, failed.last_error.code) == ("d", "variables_too_large")
    assert {name: len(text) for name, text in MessageToDict(failed.variables).items()} == dict.fromkeys(
        ("text", "a", "b", "c"), 60 * KIB
    )


def test_p13_a_history_has_at_most_10_000_entries(door: Door) -> None:
    """And one more that says so."""
    run = door.caller.start("endless_wanted", "cem")
    eventually(lambda: door.caller.status(run) == "FAILED", 60)
    assert door.caller.run(run).last_error.code == "history_limit"
    sql = "select count(*) from history where enrollment_id = :run and kind <> 'failed'"
    ((entries,),) = rows(door.server.database_url, sql, run=run)
    assert 9_990 < entries <= 10_000


@pytest.mark.parametrize(
    "source",
    [
        "name: X\nsteps:\n" + "".join(f"  - {{id: s{n}, type: pass}}\n" for n in range(501)),
        "{" * 100_000,
        "a: &a [x]\nb: &b [*a, *a]\nname: X\nsteps: [*b, *b]",
        "name: 'X\0'\nsteps: [{id: a, type: pass}]",
        "name: X\nsteps: [{id: a, type: wait, config: {for: .nan}}]",
        "\tname: X",
        "",
    ],
    ids=["501 steps", "deep", "aliases", "NUL", "NaN", "tab", "empty"],
)
def test_p13_malformed_definitions_are_refused(door: Door, source: str) -> None:
    request = PublishRequest(source=source)
    refused = refusal(lambda: door.caller.client.workflows.Publish(request, timeout=10))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert door.caller.answers()
