"""HTTP calls of tasks against a real server on this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from service.connectors.addresses import AddressGuard
from service.connectors.connector import Finished, TaskError
from service.connectors.http_client import MAX_BODY, HttpClient
from service.connectors.resolver import GuardedResolver
from service.storage.tasks import LeasedTask
from tests.service.tasks.stores import leased_row

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Server:
    """Answers what a test sets, and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.answers: dict[str, web.Response] = {}
        self.release = asyncio.Event()
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        if request.path == "/slow":
            await self.release.wait()
        if request.path == "/cut":
            assert request.transport is not None
            request.transport.close()
        if request.path == "/loop":
            return web.Response(status=302, headers={"Location": "/loop"})
        return self.answers.get(request.path, web.Response(text="hello"))

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    @property
    def last(self) -> web.Request:
        return self.requests[-1]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    made.release.set()
    await runner.cleanup()


class Names(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0),
        ]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    guard = AddressGuard(["127.0.0.0/8"])
    async with HttpClient(guard, now=lambda: NOW, resolver=GuardedResolver(guard, Names())) as connector:
        yield connector


def request(url: str, method: str = "GET", **given: Any) -> LeasedTask:
    fields = leased_row(type="http_request", queue="http", input={"method": method, "url": url, **given})
    return LeasedTask(**{**fields, "outcomes": ("done",)})


async def output(http: HttpClient, url: str, method: str = "GET", **given: Any) -> dict[str, Any]:
    finished = await http.execute(request(url, method, **given))
    assert isinstance(finished, Finished)
    found: dict[str, Any] = finished.output
    return found


async def failure(http: HttpClient, url: str, method: str = "GET", **given: Any) -> TaskError:
    with pytest.raises(TaskError) as raised:
        await http.execute(request(url, method, **given))
    return raised.value


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_is_sent(http: HttpClient, server: Server, method: str) -> None:
    await output(http, server.url(), method)
    assert server.last.method == method


async def test_headers_query_and_idempotency_key_are_sent(http: HttpClient, server: Server) -> None:
    await output(http, server.url("/a?x=1"), headers={"X-Who": "ada"}, query={"y": "2", "tag": ["b", "c"]})
    assert server.last.headers["X-Who"] == "ada"
    assert server.last.headers["Idempotency-Key"] == "default/e-t1/send/1"
    assert list(server.last.query.items()) == [("x", "1"), ("y", "2"), ("tag", "b"), ("tag", "c")]


async def test_an_idempotency_key_of_the_workflow_is_kept(http: HttpClient, server: Server) -> None:
    await output(http, server.url(), headers={"idempotency-key": "mine"})
    assert server.last.headers.getall("Idempotency-Key") == ["mine"]


@pytest.mark.parametrize(
    ("body", "sent", "content_type"),
    [
        ({"n": 1}, b'{"n":1}', "application/json"),
        ([1, 2], b"[1,2]", "application/json"),
        ("plain é", "plain é".encode(), "text/plain"),
    ],
)
async def test_objects_are_sent_as_json_and_text_as_it_is(
    http: HttpClient, server: Server, body: Any, sent: bytes, content_type: str
) -> None:
    await output(http, server.url(), "POST", body=body)
    assert (server.bodies[-1], server.last.content_type) == (sent, content_type)


async def test_a_content_type_of_the_workflow_is_kept(http: HttpClient, server: Server) -> None:
    await output(http, server.url(), "POST", body="a=1", headers={"content-type": "application/x-www-form-urlencoded"})
    assert server.last.headers.getall("Content-Type") == ["application/x-www-form-urlencoded"]


async def test_json_comes_back_decoded_with_status_and_headers(http: HttpClient, server: Server) -> None:
    server.answers["/"] = web.json_response({"ok": True}, status=201, headers={"X-Trace": "t-1"})
    found = await output(http, server.url())
    assert (found["status"], found["data"], found["headers"]["x-trace"]) == (201, {"ok": True}, "t-1")


@pytest.mark.parametrize(
    ("response", "data"),
    [
        ({"text": "hello"}, "hello"),
        ({"status": 204}, None),
        ({"text": "{broken", "content_type": "application/json"}, "{broken"),
        ({"text": '{"a":1}', "content_type": "application/problem+json"}, {"a": 1}),
        ({"body": b"caf\xe9", "headers": {"Content-Type": "text/plain; charset=latin-1"}}, "café"),
        ({"body": b"caf\xe9", "headers": {"Content-Type": "text/plain; charset=nonsense"}}, "caf\ufffd"),
    ],
)
async def test_everything_else_is_text(http: HttpClient, server: Server, response: dict[str, Any], data: Any) -> None:
    server.answers["/"] = web.Response(**response)
    assert (await output(http, server.url()))["data"] == data


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_worth_another_attempt(http: HttpClient, server: Server, status: int) -> None:
    server.answers["/"] = web.Response(status=status)
    error = await failure(http, server.url())
    assert (error.code, error.retryable) == (f"http_{status}", True)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 304])
async def test_a_refusal_is_final(http: HttpClient, server: Server, status: int) -> None:
    server.answers["/"] = web.Response(status=status)
    error = await failure(http, server.url())
    assert (error.code, error.retryable) == (f"http_{status}", False)


async def test_a_status_the_workflow_calls_success_is_one(http: HttpClient, server: Server) -> None:
    server.answers["/"] = web.Response(status=404, text="none")
    found = await output(http, server.url(), success_status=[[200, 299], [404, 404]])
    assert found["status"] == 404


async def test_a_status_the_workflow_does_not_call_success_is_none(http: HttpClient, server: Server) -> None:
    assert (await failure(http, server.url(), success_status=[[202, 202]])).code == "http_200"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Mon, 02 Mar 2026 09:00:30 GMT", 30.0),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 0.0),
        ("999999999", 86_400.0),
        ("soon", None),
    ],
)
async def test_retry_after_is_read_as_seconds_or_date(
    http: HttpClient, server: Server, value: str, seconds: float | None
) -> None:
    server.answers["/"] = web.Response(status=429, headers={"Retry-After": value})
    assert (await failure(http, server.url())).retry_after_s == seconds


async def test_a_server_that_does_not_answer_in_time_is_transient(http: HttpClient, server: Server) -> None:
    error = await failure(http, server.url("/slow"), timeout_s=0.05)
    assert (error.code, error.retryable) == ("timeout", True)


async def test_a_connection_that_breaks_is_transient(http: HttpClient, server: Server) -> None:
    error = await failure(http, server.url("/cut"), "POST")
    assert (error.code, error.retryable) == ("connection_lost", True)


async def test_a_port_nobody_listens_on_is_transient(http: HttpClient) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        error = await failure(http, f"http://127.0.0.1:{closed.getsockname()[1]}/")
    assert (error.code, error.retryable) == ("connection_failed", True)


@pytest.mark.parametrize("size", [MAX_BODY + 1, MAX_BODY - 10])
async def test_a_response_over_64_kib_is_refused_for_good(http: HttpClient, server: Server, size: int) -> None:
    server.answers["/"] = web.Response(text="x" * size)
    error = await failure(http, server.url())
    assert (error.code, error.retryable) == ("output_too_large", False)


async def test_a_compressed_response_is_measured_unpacked(http: HttpClient, server: Server) -> None:
    packed = web.Response(text="x" * 5_000_000)
    packed.enable_compression()
    server.answers["/"] = packed
    assert (await failure(http, server.url())).code == "output_too_large"


@pytest.mark.parametrize(
    "text", ['{"a": "\\u0000"}', "[" * 40 + "]" * 40, '{"\\u0000": 1}'], ids=["nul", "deep", "nul key"]
)
async def test_what_the_store_may_not_keep_is_refused_for_good(http: HttpClient, server: Server, text: str) -> None:
    server.answers["/"] = web.Response(text=text, content_type="application/json")
    error = await failure(http, server.url())
    assert (error.code, error.retryable) == ("bad_response", False)


async def test_a_redirect_is_followed(http: HttpClient, server: Server) -> None:
    server.answers["/old"] = web.Response(status=302, headers={"Location": "/new?x=1"})
    assert (await output(http, server.url("/old")))["data"] == "hello"
    assert server.last.path_qs == "/new?x=1"


@pytest.mark.parametrize(
    ("status", "method", "body"), [(301, "GET", b""), (303, "GET", b""), (307, "POST", b"hi"), (308, "POST", b"hi")]
)
async def test_a_redirect_keeps_or_changes_the_method_as_http_says(
    http: HttpClient, server: Server, status: int, method: str, body: bytes
) -> None:
    server.answers["/old"] = web.Response(status=status, headers={"Location": "/new"})
    await output(http, server.url("/old"), "POST", body="hi")
    assert (server.last.method, server.bodies[-1]) == (method, body)


async def test_credentials_stay_with_their_origin(http: HttpClient, server: Server) -> None:
    server.answers["/same"] = web.Response(status=307, headers={"Location": "/new"})
    server.answers["/other"] = web.Response(status=307, headers={"Location": server.url("/new", "other.example")})
    for path in ("/same", "/other"):
        await output(http, server.url(path), headers={"Authorization": "Bearer s", "X-Who": "ada"})
    kept, moved = (asked for asked in server.requests if asked.path == "/new")
    assert kept.headers["Authorization"] == "Bearer s"
    assert ("Authorization" in moved.headers, moved.headers["X-Who"]) == (False, "ada")


async def test_endless_redirects_end(http: HttpClient, server: Server) -> None:
    assert (await failure(http, server.url("/loop"))).code == "too_many_redirects"
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest", "http://[::1]/", "http://10.0.0.1/", "http://2130706433/"]
)
async def test_a_redirect_to_a_private_address_is_refused(http: HttpClient, server: Server, location: str) -> None:
    server.answers["/"] = web.Response(status=302, headers={"Location": location})
    assert (await failure(http, server.url())).code in ("address_refused", "bad_request")


async def test_a_redirect_to_another_scheme_is_refused(http: HttpClient, server: Server) -> None:
    server.answers["/"] = web.Response(status=302, headers={"Location": "file:///etc/passwd"})
    assert (await failure(http, server.url())).code == "bad_request"


@pytest.fixture
async def strict() -> AsyncIterator[HttpClient]:
    """The connector with nothing private allowed, and the names of this machine."""
    async with HttpClient(AddressGuard()) as connector:
        yield connector


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "017700000001", "0.0.0.0", "[::1]", "[::ffff:7f00:1]"],
)
async def test_this_machine_is_out_of_reach_unless_allowed(strict: HttpClient, server: Server, host: str) -> None:
    error = await failure(strict, server.url("/", host))
    assert (error.code, error.retryable) in (("address_refused", False), ("bad_request", False))
    assert server.requests == []


async def test_a_name_that_leads_to_a_private_address_is_out_of_reach(server: Server) -> None:
    guard = AddressGuard()
    async with HttpClient(guard, resolver=GuardedResolver(guard, Names())) as connector:
        assert (await failure(connector, server.url("/", "public.example"))).code == "address_refused"
    assert server.requests == []


@pytest.mark.parametrize("url", ["ftp://example.org/", "gopher://x/", "http://", "http://[broken/", "http://a:b:c/"])
async def test_an_address_that_is_none_is_refused_for_good(http: HttpClient, url: str) -> None:
    error = await failure(http, url)
    assert (error.code, error.retryable) == ("bad_request", False)


async def test_a_header_cannot_smuggle_another(http: HttpClient, server: Server) -> None:
    assert (await failure(http, server.url(), headers={"X-A": "1\r\nX-B: 2"})).code == "bad_request"


async def test_cookies_are_not_kept_between_calls(http: HttpClient, server: Server) -> None:
    server.answers["/"] = web.Response(headers={"Set-Cookie": "session=1"})
    await output(http, server.url())
    await output(http, server.url("/again"))
    assert "Cookie" not in server.last.headers
