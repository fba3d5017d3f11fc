"""Which addresses a workflow may reach: public ones, and the private networks an operator allows.

The name is resolved once, every address it has is checked, and the connection goes to one of those: a name that
answers differently the next time gains nothing. The table is our own, because `ipaddress.is_global` calls several
ranges global that lead inside: NAT64 and 6to4 carry an IPv4 address, which is what counts; so do mapped addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from service.connectors.connector import TaskError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED: Final[tuple[Network, ...]] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NAT64: Final = tuple(map(IPv6Network, ("64:ff9b::/96",)))
_SIX_TO_FOUR: Final = IPv6Network("2002::/16")


class AddressGuard:
    """Decides about addresses. `allowed` networks may be reached although they are private."""

    def __init__(self, allowed: Iterable[str | Network] = (), *, allow_private: bool = False) -> None:
        self._allowed: tuple[Network, ...] = tuple(ip_network(network) for network in allowed)
        self._allow_private = allow_private

    def permits(self, address: str) -> bool:
        """Whether a connection to this address (text of an IPv4 or IPv6 address) may be made."""
        given = ip_address(address.split("%", 1)[0])
        carried = _carried(given)
        if self._allow_private or any(given in network or carried in network for network in self._allowed):
            return True
        return _is_public(carried)

    def check(self, host: str, addresses: Sequence[str]) -> None:
        """Raises TaskError `address_refused` when any of the host's addresses may not be reached."""
        refused = [address for address in addresses if not self.permits(address)]
        if refused:
            raise TaskError(
                "address_refused",
                f"{host!r} leads to {refused[0]}, which is not a public address; "
                "an operator can allow its network with `allowed_networks`",
            )

    def check_literal(self, host: str) -> None:
        """The same for a host that is itself an address; a name passes, to be checked when it is resolved."""
        try:
            ip_address(host.split("%", 1)[0])
        except ValueError:
            return
        self.check(host, [host])


def _carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it stands for one."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if any(address in network for network in _NAT64) or int(address) >> 32 == 0:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED)
    return address in _PUBLIC_V6 and not any(address in network for network in _REFUSED_V6)
