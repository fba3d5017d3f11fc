"""The http_request step: one HTTP call, made by the built-in connector as a task on the queue `http`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final

from statemachine.decision import TaskOrder
from statemachine.duration import parse_duration
from statemachine.errors import StepFailed
from statemachine.keys import REQUIRED, Shape, Status, Template, about
from statemachine.step import Build, Context, EffectStep, StepConfig
from statemachine.steps.parts import Parts, later, refuse_later, resolve
from statemachine.values import text

QUEUE: Final = "http"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_RANGE: Final = re.compile(r"([1-5])xx|([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?", re.IGNORECASE)
_SUCCESS: Final = ((200, 299),)


class HttpRequestConfig(StepConfig):
    url: Template = about("Where to: http:// or https://.", "https://example.com/{{contact.id}}", default=REQUIRED)
    method: Annotated[str, Shape("method")] | None = about("GET, POST, PUT, PATCH or DELETE.", "POST")
    headers: dict[str, Any] | None = about("Name → value; null leaves one out.", {"X-Source": "statewright"})
    query: dict[str, Any] | None = about("Name → value; a list gives several values.", {"page": 1})
    body: Any = about("Text goes as it is, everything else as JSON.", {"contact": "{{contact.id}}"})
    timeout: Annotated[Any, Shape("duration")] = about("The longest one attempt may take. Default: 30s.", "5s")
    success_status: Status = about(
        "What counts as success: a status, a class, a range, or a list. Default: 2xx.", "2xx"
    )
    connection: Any = later()


class HttpRequest(EffectStep):
    """One HTTP call.

    Its task's input: `{method, url, headers, query, body, timeout_s, success_status: [[from, to], …]}`.

    The output is `{status, headers, data}`. Errors here: `bad_url`, `bad_duration`.
    """

    name = "http_request"
    queue = QUEUE
    aliases: ClassVar[tuple[str, ...]] = ("api_call",)
    Config = HttpRequestConfig
    free_form: ClassVar[tuple[str, ...]] = ("headers", "query", "body")
    _method: ClassVar[str] = "GET"

    def __init__(self, config: HttpRequestConfig, build: Build) -> None:
        parts = Parts(build)
        refuse_later(config, build)
        self._verb = _method(config.method or self._method, build)
        self._url = parts.value(("url",), config.url)
        if self._url.constant and not _is_url(text(config.url)):
            build.problem(
                "bad_value", ("url",), f"{config.url!r} is no address; it must begin with http:// or https://"
            )
        self._headers = parts.optional(("headers",), config.headers)
        self._query = parts.optional(("query",), config.query)
        self._body = parts.optional(("body",), config.body)
        self._timeout_s = _timeout_s(config.timeout, build)
        self._success = [list(pair) for pair in _ranges(config.success_status, build)]
        self.reads = parts.reads

    def output_parts(self) -> frozenset[str] | None:
        return frozenset({"status", "headers", "data"})

    def order(self, context: Context) -> TaskOrder:
        order = TaskOrder(context.step_id, context.visit, "http_request", self.queue, self._input(context))
        return order if self._timeout_s is None else replace(order, timeout_s=self._timeout_s)

    def _input(self, context: Context) -> dict[str, Any]:
        scope = context.scope
        url = text(self._url.resolve(scope)).strip()
        if not _is_url(url):
            raise StepFailed("bad_url", f"{url!r} is no address; it must begin with http:// or https://")
        found: dict[str, Any] = {
            "method": self._verb,
            "url": url,
            "headers": _texts(resolve(self._headers, scope)),
            "query": _texts(resolve(self._query, scope)),
            "body": resolve(self._body, scope),
            "timeout_s": self._timeout_s,
            "success_status": self._success,
        }
        return {key: value for key, value in found.items() if value is not None}


class Webhook(HttpRequest):
    """http_request that sends POST unless told otherwise."""

    name = "webhook"
    aliases: ClassVar[tuple[str, ...]] = ()
    _method: ClassVar[str] = "POST"


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://")) and len(text.split("://", 1)[1]) > 0


def _method(name: str, build: Build) -> str:
    verb = name.strip().upper()
    if verb not in METHODS:
        build.problem("bad_value", ("method",), f"the method {name!r} is none of {', '.join(METHODS)}")
    return verb


def _timeout_s(raw: Any, build: Build) -> float | None:
    if raw is None:
        return None
    try:
        seconds = parse_duration(raw).total_seconds()
    except ValueError as error:
        build.problem("bad_duration", ("timeout",), str(error))
        return None
    if seconds <= 0:
        build.problem("bad_duration", ("timeout",), "the timeout must be longer than zero")
    return seconds


def _ranges(raw: Any, build: Build) -> list[tuple[int, int]]:
    """Half-written or impossible ranges are reported; bounds are inclusive."""
    if raw is None:
        return list(_SUCCESS)
    items = raw if isinstance(raw, list) else [raw]
    found = [pair for pair in map(_range, items) if pair is not None]
    if not items or len(found) != len(items):
        build.problem("bad_value", ("success_status",), 'write a status, e.g. 204, a class "2xx" or a range "200-299"')
        return list(_SUCCESS)
    return found


def _range(item: Any) -> tuple[int, int] | None:
    match = None if isinstance(item, bool) else _RANGE.fullmatch(text(item).strip())
    if match is None:
        return None
    if match[1]:
        return int(match[1]) * 100, int(match[1]) * 100 + 99
    low, high = int(match[2]), int(match[3] or match[2])
    return (low, high) if low <= high else None


def _texts(mapping: Any) -> dict[str, Any] | None:
    """Headers and query values as text; null leaves the entry out, a list gives several values."""
    if not mapping:
        return None
    return {
        str(name): [text(item) for item in value] if isinstance(value, list) else text(value)
        for name, value in mapping.items()
        if value is not None
    }
