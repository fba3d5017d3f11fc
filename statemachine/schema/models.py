"""From a model to a schema: its keys with their words, in both spellings, shapes in their places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from statemachine.keys import SHAPE
from statemachine.schema.shapes import or_null, ref
from statemachine.schema.spelling import Schema, closed

_NOISE: Final = ("title", "additionalProperties", "not_supported_yet")


def model_schema(model: type[BaseModel], also: Mapping[str, str] | None = None) -> tuple[Schema, Schema]:
    """The schema of a model and, by name, of the models in it. `also` are other names of its keys.

    A key that cannot be used yet has no place in it.
    """
    made = model.model_json_schema(ref_template="#/$defs/{model}")
    inner = {name: _object(schema) for name, schema in made.pop("$defs", {}).items()}
    whole = _object(made)
    named = {
        other: whole["properties"][key] | {"description": f"Another name for `{key}`."}
        for other, key in (also or {}).items()
    }
    return whole | closed(named | whole["properties"]), inner


def _object(schema: Schema) -> Schema:
    required = schema.get("required", [])
    properties = {
        key: _key(spec, optional=key not in required)
        for key, spec in schema.get("properties", {}).items()
        if not spec.get("not_supported_yet")
    }
    made = closed(properties)
    if schema.get("description"):
        made = {"description": schema["description"].split("\n")[0]} | made
    return made | ({"required": required} if required else {})


def _key(spec: Schema, *, optional: bool) -> Schema:
    made: Schema = _placed(spec)
    if SHAPE in spec and optional:
        about = {key: made.pop(key) for key in ("description", "examples") if key in made}
        made = about | or_null({key: value for key, value in made.items() if key != "default"})
    return {key: value for key, value in made.items() if (key, value) != ("default", None)}


def _placed(spec: Any) -> Any:
    """The same with every shape named where it stands, and without what says nothing to an author."""
    if isinstance(spec, list):
        return [_placed(item) for item in spec]
    if not isinstance(spec, dict):
        return spec
    kept = {key: _placed(value) if key not in ("examples", "default") else value for key, value in spec.items()}
    if "type" in kept and kept["type"] == "object" and isinstance(spec.get("additionalProperties"), dict):
        return {key: value for key, value in kept.items() if key != "title"}
    shape = kept.pop(SHAPE, None)
    cleaned = {key: value for key, value in kept.items() if key not in _NOISE}
    return cleaned | ref(shape) if shape else cleaned
