"""Data → text: a definition written out in YAML or JSON, such that reading it gives the same data."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import yaml

from statemachine.source import Format

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./-]*[A-Za-z0-9_]|[A-Za-z_]")


def write_source(data: Any, format: Format) -> str:  # noqa: A002
    """The text of a document, keys in the order of `data`."""
    if format == "json":
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever YAML 1.2 might take for something else than text; pyyaml itself thinks of YAML 1.1."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if "\n" in text.strip("\n") and text.replace("\n", "").isprintable():
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _PLAIN.fullmatch(text) else '"')


_Dumper.add_representer(str, _text)
