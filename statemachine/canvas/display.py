"""What a list of steps keeps of a drawing: its `canvas`. It is for the eye; only its shape is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statemachine.problem import Path, Problems
from statemachine.scalars import kind_of


def check_display(raw: Any, problems: Problems) -> None:
    """Report what has another shape than `{nodes: {id: {…}}, edges: [{…}], …}`."""
    if raw is None:
        return
    if not isinstance(raw, Mapping):
        problems.add("not_an_object", ("canvas",), f"`canvas` is an object, not {kind_of(raw)}")
        return
    nodes, edges = raw.get("nodes", {}), raw.get("edges", [])
    if isinstance(nodes, Mapping):
        _check_objects(nodes.items(), ("canvas", "nodes"), problems)
    else:
        message = f"`nodes` holds by id how each node looks; this is {kind_of(nodes)}"
        problems.add("bad_value", ("canvas", "nodes"), message)
    if isinstance(edges, list):
        _check_objects(enumerate(edges), ("canvas", "edges"), problems)
    else:
        problems.add("bad_value", ("canvas", "edges"), f"`edges` has to be a list, not {kind_of(edges)}")
    inner = raw.get("canvas_data", raw.get("canvasData", {}))
    if not isinstance(inner, Mapping):
        problems.add("not_an_object", ("canvas", "canvas_data"), f"this is an object, not {kind_of(inner)}")


def _check_objects(items: Any, path: Path, problems: Problems) -> None:
    for key, item in items:
        if not isinstance(item, Mapping):
            problems.add("not_an_object", (*path, key), f"an object has to stand here, not {kind_of(item)}")
