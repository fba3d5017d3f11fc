"""Lists that come in pages: one page, or all of them, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from service.cli.output import note, print_json, print_table
from service.cli.session import Session
from service.cli.shapes import plain


def pages(session: Session, method: Callable[..., Any], request: Any, *, every: bool) -> tuple[Any, list[Any]]:
    """The last page read, and all pages read."""
    response = session.call(method, request)
    read = [response]
    while every and response.next_page_token:
        request.page_token = response.next_page_token
        response = session.call(method, request)
        read.append(response)
    return response, read


def answer_page(
    session: Session,
    method: Callable[..., Any],
    request: Any,
    field: str,
    page: dict[str, Any],
    columns: Sequence[str],
    row: Callable[[Any], Sequence[Any]],
    *,
    empty: str,
) -> None:
    """Asks for a page (all of them with `--all`) and prints what is in `field`: {"<field>": […], "next_page_token"}."""
    request.page_size, request.page_token = page["limit"], page["page_token"]
    last, read = pages(session, method, request, every=page["every"])
    found = [item for response in read for item in getattr(response, field)]
    if session.json:
        print_json({field: [plain(item) for item in found], "next_page_token": last.next_page_token})
        return
    print_table(columns, [row(item) for item in found], empty=empty)
    if last.next_page_token:
        note(f"There are more: --all, or --page-token {last.next_page_token}")
