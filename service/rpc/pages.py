"""Pages: how many items a page has, and the opaque token that leads to the next one (AIP-158).

A token holds where the page ended, and a hash of the filters it belongs to: with other filters it is refused rather
than silently wrong. A page also ends at 1 MiB.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final, TypeVar

import orjson
from google.protobuf.message import Message

from service.rpc.fields import Violations
from statemachine.errors import InvalidInput
from statemachine.limits import MAX_MESSAGE_BYTES

MAX_PAGE: Final = 500
DEFAULT_PAGE: Final = 50
_PAGE_BYTES: Final = MAX_MESSAGE_BYTES - 16 * 1024
T = TypeVar("T")


def page_size(wanted: int, default: int = DEFAULT_PAGE) -> int:
    """How many items a page has. Raises InvalidInput."""
    if not 0 <= wanted <= MAX_PAGE:
        raise InvalidInput("page_size must be 1 to 500", [("page_size", "1 to 500, or nothing for the default")])
    return wanted or default


def filter_hash(request: Message) -> str:
    """What a token is bound to: the request's type and everything in it but page size and token."""
    filters = type(request)()
    filters.CopyFrom(request)
    for name in ("page_size", "page_token", "view", "resume_token", "after_sequence"):
        if name in filters.DESCRIPTOR.fields_by_name:
            filters.ClearField(name)
    body = request.DESCRIPTOR.full_name.encode() + b"\0" + filters.SerializeToString(deterministic=True)
    return blake2b(body, digest_size=9).hexdigest()


def make_token(request: Message, position: Sequence[Any] | None) -> str:
    """The opaque token for a position (texts and numbers); empty for None: nothing follows."""
    if position is None:
        return ""
    return urlsafe_b64encode(orjson.dumps([filter_hash(request), *position])).decode().rstrip("=")


def read_token(request: Message, token: str, *shape: type, field: str = "page_token") -> list[Any] | None:
    """The position of a token, None without one.

    Raises InvalidInput for a token that is not of these filters, or whose position is not of this shape.
    """
    if not token:
        return None
    try:
        parts = orjson.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        raise _foreign(field) from None
    if not isinstance(parts, list) or [type(part) for part in parts] != [str, *shape]:
        raise _foreign(field)
    if parts[0] != filter_hash(request):
        raise _foreign(field)
    return parts[1:]


def read_page(
    violations: Violations, request: Any, *shape: type, default: int = DEFAULT_PAGE
) -> tuple[int, list[Any] | None]:
    """The size of the page that is asked for, and the position that its token stands for."""
    size = violations.read(page_size, request.page_size, default)
    return size, violations.read(read_token, request, request.page_token, *shape)


def fill_page(
    rows: Sequence[T], size: int, target: Any, write: Callable[[T, Any], None], position: Callable[[T], Sequence[Any]]
) -> Sequence[Any] | None:
    """Write up to `size` rows into a repeated field, fewer when 1 MiB is reached.

    `rows` has one more than the page when there are more. Answers the position of the last one written, or None when
    nothing follows.
    """
    used = 0
    for index, row in enumerate(rows[:size]):
        message = target.add()
        write(row, message)
        used += message.ByteSize() + 8
        if used > _PAGE_BYTES and index:
            del target[-1]
            return position(rows[index - 1])
    return position(rows[size - 1]) if len(rows) > size else None


def _foreign(field: str) -> InvalidInput:
    return InvalidInput(f"{field} is not of these filters", [(field, "the token of the page before, unchanged")])
