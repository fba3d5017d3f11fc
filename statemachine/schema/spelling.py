"""Spellings as patterns: keys in camelCase, words in any case."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]


def camel_pattern(key: str) -> str | None:
    """A pattern for the camelCase spellings of a key: `max_entries` → `^max(?:Entries|ENTRIES)$`; None without any."""
    first, *others = key.split("_")
    if not others:
        return None
    return f"^{first}{''.join(f'(?:{word.capitalize()}|{word.upper()})' for word in others)}$"


def given(*keys: str) -> Schema:
    """One of these keys is there, in whichever spelling."""
    spelled = [name for key in keys for name in dict.fromkeys((key, _camel(key)))]
    return {"anyOf": [{"required": [name]} for name in spelled]}


def _camel(key: str) -> str:
    first, *others = key.split("_")
    return first + "".join(word.capitalize() for word in others)


def any_case(words: Iterable[str], separator: str = "[ _-]?") -> str:
    """A pattern for any of these words in any case; where a word has `_`, `separator` may stand."""
    return "|".join(separator.join(map(_letters, word.split("_"))) for word in words)


def _letters(word: str) -> str:
    return "".join(f"[{char.lower()}{char.upper()}]" if char.isalpha() else re.escape(char) for char in word)


def words(choices: Iterable[str], meaning: str) -> Schema:
    """One of these words: offered as they are, accepted in any case and with spaces around them."""
    listed = list(choices)
    pattern = rf"^\s*(?:{any_case(listed)})\s*$"
    return {"type": "string", "anyOf": [{"enum": listed}, {"pattern": pattern, "patternErrorMessage": meaning}]}


def closed(properties: Schema, **more: Any) -> Schema:
    """An object with these keys alone, in snake_case (which editors offer) or camelCase (which they accept)."""
    patterns = {pattern: schema for key, schema in properties.items() if (pattern := camel_pattern(key))}
    spelled: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if patterns:
        spelled["patternProperties"] = patterns
    return spelled | more
