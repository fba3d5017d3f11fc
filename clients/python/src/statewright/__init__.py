"""The Statewright API for Python.

`statewright.v1` has the messages and stubs, `statewright.client` connects them to a server. This module itself is
light: `connect` and its companions are loaded when first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statewright.client import AsyncClient, Client, connect, connect_async

__all__ = ["AsyncClient", "Client", "connect", "connect_async"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'statewright' has no attribute {name!r}")
    from statewright import client

    return getattr(client, name)
