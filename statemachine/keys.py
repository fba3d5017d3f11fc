"""What the models say of their keys beyond types: a description, examples, and the shape of what has its own grammar.

Reading a definition does not look at any of it. `schema/` makes the JSON Schema of it, for editors.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

SHAPE: Final = "x-shape"
"""In a model's own JSON Schema: the name of the shape in `schema/shapes.py` that stands here."""

REQUIRED: Final = ...


class Shape:
    """An annotation: what stands here is checked elsewhere, and looks as the shape of this name says."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {SHAPE: self._name}


def about(description: str, *examples: Any, default: Any = None, **limits: Any) -> Any:
    """A key of the language: what it means in a sentence, and values as an author would write them."""
    return Field(default=default, description=description, examples=list(examples), **limits)


AnyCondition = Annotated[Any, Shape("condition")]
EventType = Annotated[str, Shape("event_type")]
Late = Annotated[Any, Shape("late")]
Moment = Annotated[Any, Shape("moment")]
OneOrMore = Annotated[Any, Shape("one_or_more")]
Offset = Annotated[Any, Shape("offset")]
Span = Annotated[Any, Shape("span")]
Status = Annotated[Any, Shape("status")]
Template = Annotated[Any, Shape("template")]
Weight = Annotated[Any, Shape("weight")]
