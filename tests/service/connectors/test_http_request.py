"""The http_request connector: whom it calls, and when its client is there."""

from __future__ import annotations

import asyncio

import pytest

from service.connectors import http_client
from service.connectors.addresses import AddressGuard
from service.connectors.connector import TaskError
from service.connectors.http_client import HttpClient
from service.connectors.http_request import HttpRequest
from service.storage.tasks import LeasedTask
from tests.service.tasks.stores import leased_row


def request(url: object) -> LeasedTask:
    fields = leased_row(type="http_request", queue="http", input={"method": "GET", "url": url})
    return LeasedTask(**{**fields, "outcomes": ("done",)})


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://API.example.com:8443/a?b=c", "api.example.com"),
        ("http://user@[2001:db8::1]/", "2001:db8::1"),
        ("http://[broken/", ""),
        ("nothing", ""),
        (17, ""),
    ],
)
async def test_the_destination_of_a_call_is_its_host(url: object, host: str) -> None:
    async with HttpRequest(AddressGuard()) as connector:
        assert connector.destination(request(url)) == host


async def test_first_calls_at_once_share_one_client_which_is_closed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Watched] = []

    class Watched(HttpClient):
        closed = False

        def __init__(self, guard: AddressGuard) -> None:
            super().__init__(guard)
            opened.append(self)

        async def close(self) -> None:
            self.closed = True
            await super().close()

    monkeypatch.setattr(http_client, "HttpClient", Watched)
    async with HttpRequest(AddressGuard()) as connector:
        assert opened == []
        calls = [connector.execute(request("http://127.0.0.1:1/")) for _ in range(3)]
        refusals = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(refused, TaskError) and refused.code for refused in refusals] == ["address_refused"] * 3
    assert [client.closed for client in opened] == [True]
