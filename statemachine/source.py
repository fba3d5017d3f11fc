"""Text → plain data, with the place of every node. YAML 1.2 (core scalars) or strict JSON.

The text comes from strangers, so everything that can blow up is refused before it is built: size, depth, number of
nodes, aliases (they grow exponentially), tags, merge keys, duplicate keys. YAML is read from parser *events*: composing
a deep document first would crash libyaml's caller before any limit could be checked.
"""

from __future__ import annotations

import re
from typing import Final

from statemachine.json_reader import JsonReader
from statemachine.reader import FORBIDDEN, MAX_BYTES, Format, Source, SourceError, TextFormat
from statemachine.yaml_reader import YamlReader

__all__ = ["Format", "Source", "detect_format", "read_source"]

_JSON_START: Final = re.compile(r"\s*(?:\[|\{\s*[\"}])")


def read_source(text: str | bytes, format: Format | None = None) -> Source:  # noqa: A002
    """Read a definition. Never raises: what cannot be read comes back as a problem.

    The text of a canvas, as one of unknown format, is YAML or JSON: found out by itself.
    """
    known: TextFormat = "yaml" if format is None or format == "canvas" else format
    try:
        decoded = _decode(text)
        known = detect_format(decoded) if format is None or format == "canvas" else format
        return (JsonReader if known == "json" else YamlReader)(decoded).read()
    except SourceError as error:
        return Source(None, known, problems=(error.problem(),))


def detect_format(text: str) -> TextFormat:
    """JSON when the text opens as JSON does (`[`, `{"` or `{}`), else YAML."""
    return "json" if _JSON_START.match(text[:10_000]) else "yaml"


def _decode(text: str | bytes) -> str:
    if len(text) > MAX_BYTES:
        raise SourceError("too_large", f"the text has {len(text):,} bytes; at most {MAX_BYTES:,} are read", (1, 1))
    if isinstance(text, bytes):
        text = _from_utf8(text)
    bad = FORBIDDEN.search(text)
    if bad:
        place = (text.count("\n", 0, bad.start()) + 1, bad.start() - text.rfind("\n", 0, bad.start()))
        raise SourceError("not_text", f"the character U+{ord(bad[0]):04X} may not stand in a text", place)
    if not text.isascii() and len(text.encode()) > MAX_BYTES:
        raise SourceError("too_large", f"the text is longer than {MAX_BYTES:,} bytes", (1, 1))
    return text.removeprefix("\ufeff")


def _from_utf8(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise SourceError("not_text", f"byte {error.start} is not UTF-8", (line, 1)) from None
