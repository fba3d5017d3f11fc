"""Which addresses a workflow may reach."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from service.connectors.addresses import AddressGuard
from service.connectors.connector import TaskError
from service.connectors.resolver import GuardedResolver

REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001::1",
    "2001:db8::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_leads_inside_is_refused(address: str) -> None:
    assert not AddressGuard().permits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted(address: str) -> None:
    assert AddressGuard().permits(address)


def test_an_allowed_network_is_permitted_and_no_other() -> None:
    guard = AddressGuard(["10.20.0.0/16", "::1/128"])
    permitted = [guard.permits(address) for address in ("10.20.1.1", "::ffff:10.20.1.1", "::1", "10.21.0.1", "fe80::1")]
    assert permitted == [True, True, True, False, False]


def test_every_private_network_can_be_allowed() -> None:
    assert AddressGuard(allow_private=True).permits("127.0.0.1")


def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(TaskError) as refused:
        AddressGuard().check("rebind.example", ["8.8.8.8", "10.0.0.1"])
    assert (refused.value.code, refused.value.retryable) == ("address_refused", False)
    assert "10.0.0.1" in refused.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1%eth0"])
def test_a_host_that_is_an_address_is_checked_as_one(host: str) -> None:
    with pytest.raises(TaskError):
        AddressGuard().check_literal(host)


def test_a_name_passes_until_it_is_resolved() -> None:
    AddressGuard().check_literal("localhost")


class Names(AbstractResolver):
    """Answers for every name what the test says."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


async def test_a_name_that_leads_inside_is_not_resolved() -> None:
    with pytest.raises(TaskError):
        await GuardedResolver(AddressGuard(), Names("192.168.0.7")).resolve("inside.example", 80)


async def test_the_addresses_that_were_checked_are_those_connected_to() -> None:
    found = await GuardedResolver(AddressGuard(), Names("8.8.8.8", "8.8.4.4")).resolve("example.com", 443)
    assert [(result["host"], result["port"]) for result in found] == [("8.8.8.8", 443), ("8.8.4.4", 443)]
