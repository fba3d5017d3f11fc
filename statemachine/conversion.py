"""A definition written out in another spelling: steps in YAML or JSON, or a canvas in JSON.

What is written means the same and keeps ids, order, names, notes and positions. A first conversion may put spelling in
order (one list for steps that stood inside others, ways out that the order says already); from then on, going there and
back changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statemachine.canvas.drawing import draw
from statemachine.canvas.listing import display_of, list_steps
from statemachine.definition import Loaded
from statemachine.names import slug, snake_case
from statemachine.outline import Outline
from statemachine.reader import Format
from statemachine.source_writer import write_source
from statemachine.workflow import Workflow


def convert(loaded: Loaded, format: Format) -> str:  # noqa: A002
    """The text of a definition without errors in another spelling, with the key and name it was loaded by."""
    assert loaded.workflow is not None, "only a definition without errors can be written out"
    document = _identified(_document(loaded.outline, loaded.workflow, format), loaded.workflow)
    return write_source(document, "yaml" if format == "yaml" else "json")


def _document(outline: Outline, workflow: Workflow, format: Format) -> Mapping[str, Any]:  # noqa: A002
    if format == "canvas":
        return draw(outline, workflow, display_of(outline, workflow))
    return outline.data if outline.canvas is None else list_steps(outline, workflow)


def _identified(document: Mapping[str, Any], workflow: Workflow) -> dict[str, Any]:
    """The document under the key and name that were given beside it, where they are not its own."""
    own = {snake_case(key): key for key in document}
    name = document.get(own.get("name", ""))
    key = document.get(own.get("key", own.get("id", "")))
    kept = dict(document)
    identity: dict[str, Any] = {}
    if str(key or slug(str(name or ""))) != workflow.key:
        for spelling in ("key", "id"):
            kept.pop(own.get(spelling, ""), None)
        identity["key"] = workflow.key
    if (name or str(identity.get("key", key or ""))) != workflow.name:
        kept.pop(own.get("name", ""), None)
        identity["name"] = workflow.name
    return {**identity, **kept}
