"""HTTP calls of tasks, by aiohttp: one call per attempt.

Worth another attempt: time-outs, connections that fail or break, 408, 429 (after the Retry-After it names) and 5xx.
Everything else fails for good: `http_<status>`, `address_refused`, `bad_request`, `bad_certificate`,
`too_many_redirects`, `output_too_large`, `bad_response`. Codes of the transient ones: `timeout`, `connection_failed`
(nothing was sent), `connection_lost` (nobody knows), `http_<status>`.

Redirects are followed by hand, five at most, each checked like the first address; credentials do not go along to
another origin. Proxies of the environment are not used, cookies are not kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final

import aiohttp
import orjson
from yarl import URL

from service.connectors.addresses import AddressGuard
from service.connectors.connector import Finished, TaskError
from service.connectors.resolver import GuardedResolver
from service.storage.tasks import LeasedTask

MAX_BODY: Final = 64 * 1024
MAX_REDIRECTS: Final = 5
MAX_RETRY_AFTER_S: Final = 24 * 3600.0

_CONNECT_TIMEOUT_S: Final = 5.0
_FOLLOWED: Final = frozenset({301, 302, 303, 307, 308})
_TRANSIENT: Final = frozenset({408, 429})
_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_MAX_DEPTH: Final = 32


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an attempt; a redirect makes the next one of it."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None = None

    def redirected(self, status: int, location: URL) -> Call:
        """The call a redirect asks for (RFC 9110, 15.4): 303, and 301 or 302 after POST, become a GET."""
        headers = self.headers
        if location.origin() != self.url.origin():
            headers = {name: value for name, value in headers.items() if name.lower() not in _CREDENTIALS}
        if status == 303 or (status in (301, 302) and self.method == "POST"):
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
            return Call("GET", location, headers)
        return replace(self, url=location, headers=headers)


class HttpClient:
    """Makes the calls, over one session. Output: `{status, headers, data}`; header names are lower case."""

    def __init__(
        self,
        guard: AddressGuard,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        resolver: GuardedResolver | None = None,
        max_connections: int = 64,
    ) -> None:
        self._guard = guard
        self._now = now
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver or GuardedResolver(guard), limit=max_connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "statewright"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S),
            trust_env=False,
            requote_redirect_url=False,
        )

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._session.close()

    async def execute(self, task: LeasedTask) -> Finished:
        """Raises TaskError as this module says."""
        call = _call_of(task)
        timeout_s = float(task.input.get("timeout_s") or task.timeout_s)
        accepted = [(low, high) for low, high in task.input.get("success_status") or [[200, 299]]]
        try:
            async with asyncio.timeout(timeout_s):
                for _ in range(MAX_REDIRECTS + 1):
                    answer = await self._send(call, accepted)
                    if isinstance(answer, Finished):
                        return answer
                    call = answer
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(error, call.url, timeout_s) from error
        raise TaskError("too_many_redirects", f"{task.input['url']} redirects more than {MAX_REDIRECTS} times")

    async def _send(self, call: Call, accepted: list[tuple[int, int]]) -> Finished | Call:
        """The output, or the call that a redirect asks for."""
        self._check(call.url)
        async with self._session.request(
            call.method, call.url, headers=call.headers, data=call.body, allow_redirects=False
        ) as response:
            if any(low <= response.status <= high for low, high in accepted):
                return Finished(await _output(response))
            location = response.headers.get("Location")
            if response.status in _FOLLOWED and location:
                return call.redirected(response.status, call.url.join(URL(location)))
            raise await self._refusal(call, response)

    def _check(self, url: URL) -> None:
        if url.scheme not in ("http", "https") or not url.host:
            raise TaskError("bad_request", f"{url} is no address this server calls; only http:// and https:// are")
        self._guard.check_literal(url.host)

    async def _refusal(self, call: Call, response: aiohttp.ClientResponse) -> TaskError:
        text = (await response.content.read(200)).decode(errors="replace").replace("\0", " ").strip()
        message = f"{call.method} {call.url.with_query(None)} answered {response.status} {response.reason}"
        transient = response.status in _TRANSIENT or response.status >= 500
        return TaskError(
            f"http_{response.status}",
            f"{message}: {text}" if text else message,
            retryable=transient,
            retry_after_s=self._retry_after(response.headers.get("Retry-After")) if transient else None,
        )

    def _retry_after(self, value: str | None) -> float | None:
        """Seconds, or an HTTP date (RFC 9110, 10.2.3), at most a day. Anything else is as if nothing was said."""
        if value is None:
            return None
        if value.strip().isdecimal():
            seconds = float(value)
        else:
            try:
                moment = parsedate_to_datetime(value)
            except (ValueError, OverflowError):
                return None
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - self._now()).total_seconds()
        return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _call_of(task: LeasedTask) -> Call:
    wanted = task.input
    try:
        url = URL(str(wanted["url"]))
        if query := wanted.get("query"):
            url = url.extend_query(query)
    except (ValueError, TypeError) as error:
        raise TaskError("bad_request", f"{wanted.get('url')!r} is no address: {error}") from error
    headers = {name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in _pairs(wanted)}
    given = {name.lower() for name in headers}
    body, content_type = _body(wanted.get("body"))
    if content_type and "content-type" not in given:
        headers["Content-Type"] = content_type
    if "idempotency-key" not in given:
        headers["Idempotency-Key"] = task.idempotency_key
    return Call(str(wanted.get("method") or "GET").upper(), url, headers, body)


def _pairs(wanted: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list((wanted.get("headers") or {}).items())


def _body(body: Any) -> tuple[bytes | None, str | None]:
    """Text goes as it is, everything else as JSON."""
    if body is None:
        return None, None
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return orjson.dumps(body), "application/json"


async def _output(response: aiohttp.ClientResponse) -> dict[str, Any]:
    data = _decoded(response, await _read(response))
    headers = {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}
    output = {"status": response.status, "headers": headers, "data": data}
    if len(orjson.dumps(output)) > MAX_BODY:
        raise _too_large()
    return output


async def _read(response: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > MAX_BODY:
            raise _too_large()
    return bytes(found)


def _decoded(response: aiohttp.ClientResponse, body: bytes) -> Any:
    """JSON where the content type says so and it is; otherwise text. No body is None. Raises TaskError `bad_response`
    for what promise P13 keeps out of the store."""
    if not body:
        return None
    data = _parsed(response, body)
    _check_storable(data)
    return data


def _parsed(response: aiohttp.ClientResponse, body: bytes) -> Any:
    if response.content_type == "application/json" or response.content_type.endswith("+json"):
        with contextlib.suppress(orjson.JSONDecodeError):
            return orjson.loads(body)
    return _text(body, response.charset)


def _text(body: bytes, charset: str | None) -> str:
    """The body in the charset it claims, or else in UTF-8; what cannot be decoded becomes U+FFFD."""
    try:
        return body.decode(charset or "utf-8", errors="replace").encode(errors="replace").decode()
    except (LookupError, ValueError):
        return body.decode(errors="replace")


def _check_storable(data: Any, depth: int = 0) -> None:
    if depth > _MAX_DEPTH:
        raise TaskError("bad_response", f"the response is nested deeper than {_MAX_DEPTH} levels")
    if isinstance(data, str) and "\0" in data:
        raise TaskError("bad_response", "the response contains NUL characters")
    children = [*data, *data.values()] if isinstance(data, dict) else data if isinstance(data, list) else ()
    for child in children:
        _check_storable(child, depth + 1)


def _too_large() -> TaskError:
    return TaskError("output_too_large", f"the response is larger than {MAX_BODY // 1024} KiB")


def _failure(error: Exception, url: URL, timeout_s: float) -> TaskError:
    """What an exception of the client means for the attempt."""
    where = url.origin() if url.host else url
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return TaskError("connection_failed", f"{where} takes no connection", retryable=True)
    if isinstance(error, TimeoutError):
        return TaskError("timeout", f"{where} did not answer within {timeout_s:g} s", retryable=True)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return TaskError("bad_certificate", f"{where}: {error}")
    if isinstance(error, aiohttp.ClientConnectorError):
        return TaskError("connection_failed", f"{where} cannot be reached: {error}", retryable=True)
    if isinstance(error, aiohttp.InvalidURL | ValueError) and not isinstance(error, aiohttp.ClientConnectionError):
        return TaskError("bad_request", f"the request to {where} cannot be made: {error}")
    return TaskError("connection_lost", f"the connection to {where} broke: {error}", retryable=True)
