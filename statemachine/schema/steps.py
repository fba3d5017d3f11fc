"""Steps as a schema: the keys that all of them have, and by type what `config` may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from statemachine.document import StepPart
from statemachine.duration import MAX_DURATION
from statemachine.schema.conditions import condition_forms
from statemachine.schema.models import model_schema
from statemachine.schema.shapes import or_null, ref
from statemachine.schema.spelling import Schema, camel_pattern, closed, given
from statemachine.step import END, StepType
from statemachine.steps import STEP_TYPES
from statemachine.steps.branch import Branch
from statemachine.steps.guards import CATCH, FINALLY, STEPS, Try
from statemachine.steps.message import MessageStep
from statemachine.steps.split import Split

_EFFECT_KEYS: Final = ("retry", "timeout", "crash_policy")
_NO_MESSAGE_WHY: Final[Schema] = {"description": "Only for messages to the contact."}
_NO_MESSAGE: Final[Schema] = {"type": "null"} | _NO_MESSAGE_WHY
_BODIES: Final = ("true_steps", "false_steps")
_BESIDE: Final[Schema] = {**dict.fromkeys(_BODIES, ref("body")), "output_variable": ref("variable")}
"""Keys of a step that its config may hold too."""
_SOME_BRANCH: Final[Schema] = {
    "required": ["branches"],
    "properties": {"branches": {"type": "object", "minProperties": 1}},
}
_TEXT: Final = ("body", "message", "template", "template_id")
_NEEDED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "wait": (("for", "duration", "until", "at", "on", "event", "wait_for_event", "quiet", "until_true"),),
    "set_variable": (("path", "values"),),
    "transform": (("expression", "mapping", "output"),),
    "split": (("variants", "paths"),),
    **dict.fromkeys(("add_tag", "remove_tag"), (("tag", "tags"),)),
    **dict.fromkeys(("add_to_list", "remove_from_list", "segment"), (("list", "segment"),)),
    **dict.fromkeys(("send_sms", "send_email", "send_reply", "send_notification", "slack", "teams"), (_TEXT,)),
}
"""Type → groups of config keys of which one has to be given."""

_TOGETHER: Final[Mapping[str, Mapping[str, list[str]]]] = {
    "set_variable": {"path": ["value"], "value": ["path"]},
    "wait": {"offset": ["until"], "max_hold": ["debounce"], "key_path": ["key"], "quiet": ["of"], "of": ["quiet"]},
}


def step_schemas() -> Schema:
    """`step`, the type's names, and each type's config, by name."""
    whole, inner = model_schema(StepPart, StepPart.also)
    classes = sorted(set(STEP_TYPES.values()), key=lambda each: list(STEP_TYPES).index(each.name))
    made: Schema = {"step_type": _types(), **inner}
    for step_type in classes:
        config, parts = _config(step_type)
        made |= {f"{step_type.name}_config": config, **parts}
    whole["properties"]["id"] |= {"not": {"const": END}}
    return made | {"step": whole | {"allOf": [_by_type(step_type) for step_type in classes]}}


def _types() -> Schema:
    said = [_sentence(step_type) for step_type in STEP_TYPES.values()]
    return {"type": "string", "enum": list(STEP_TYPES), "enumDescriptions": said}


def _sentence(step_type: type[StepType]) -> str:
    return (step_type.__doc__ or "").split("\n")[0]


def _by_type(step_type: type[StepType]) -> Schema:
    """What holds for a step of this type alone."""
    names = [step_type.name, *step_type.aliases]
    here = {"required": ["type"], "properties": {"type": {"enum": names}}}
    config = f"{step_type.name}_config"
    needed = _needs_config(step_type)
    alone = _bare(step_type)
    keys = {"config": {"anyOf": [ref(config), alone]} if alone else ref(config) if needed else or_null(ref(config))}
    then: Schema = {"description": _sentence(step_type), "properties": keys}
    if step_type is Branch:
        beside = {"properties": {"config": or_null({"type": "object"})}}
        inside = {"properties": then.pop("properties"), "required": ["config"]}
        then |= {"properties": {}, "allOf": [{"if": {"required": ["condition"]}, "then": beside, "else": inside}]}
    elif needed:
        then["required"] = ["config"]
    if step_type.human or not step_type.effect:
        then = _without_effect_keys(then)
    if not issubclass(step_type, MessageStep):
        then["properties"] |= {"sending": _NO_MESSAGE, "urgent": {"const": False} | _NO_MESSAGE_WHY}
    if step_type is Branch:
        then["anyOf"] = _ways_out()
    if not step_type.undoable:
        then.setdefault("properties", {})["compensate"] = {"type": "null", "description": "There is nothing to undo."}
    if step_type.needs_body:
        then["anyOf"] = _carried(STEPS if step_type.guards else step_type.needs_body)
    if step_type is Try:
        then["allOf"] = [{"anyOf": _carried(CATCH, FINALLY)}]
    return {"if": here, "then": then}


def _carried(*keys: str) -> list[Schema]:
    """One of these bodies, beside the config or in it, or led to by name."""
    return [given(*keys), _SOME_BRANCH, {"required": ["config"], "properties": {"config": given(*keys)}}]


def _bare(step_type: type[StepType]) -> Schema | None:
    """A config that is nothing but the number for one of its keys."""
    if step_type.bare is None:
        return None
    meaning = f"The same as `{step_type.bare}`: that many seconds."
    return {"type": "number", "minimum": 0, "maximum": MAX_DURATION.total_seconds(), "description": meaning}


def _needs_config(step_type: type[StepType]) -> bool:
    keys = step_type.Config.model_fields.values()
    return step_type is Branch or step_type.name in _NEEDED or any(key.is_required() for key in keys)


def _without_effect_keys(then: Schema) -> Schema:
    refused = {"type": "null", "description": "Only for steps with tasks."}
    then["properties"] |= dict.fromkeys(_EFFECT_KEYS, refused)
    patterns = {pattern: refused for key in _EFFECT_KEYS if (pattern := camel_pattern(key))}
    return then | {"patternProperties": patterns}


def _ways_out() -> list[Schema]:
    """A condition has to lead somewhere."""
    inside = given("cases", "branches", "default", *_BODIES)
    return [_SOME_BRANCH, given(*_BODIES), {"required": ["config"], "properties": {"config": inside}}]


def _config(step_type: type[StepType]) -> tuple[Schema, Schema]:
    whole, inner = model_schema(step_type.Config)
    if step_type is Branch:
        return _branch(whole), inner
    groups = [given(*(key for key in group if key in whole["properties"])) for group in _NEEDED.get(step_type.name, ())]
    if groups:
        whole = whole | {"allOf": groups}
    if step_type.name in _TOGETHER:
        whole = whole | {"dependentRequired": dict(_TOGETHER[step_type.name])}
    if step_type.name == "update_field":
        removes = {"properties": {"operation": {"const": "remove"}}, "required": ["operation"]}
        whole = whole | {"anyOf": [{"required": ["value"]}, removes]}
    if step_type is Split:
        whole["properties"] |= {key: _at_least_two(whole["properties"][key]) for key in ("variants", "paths")}
    return _with_bodies(whole), inner


def _at_least_two(key: Schema) -> Schema:
    limits = {"object": {"minProperties": 2}, "array": {"minItems": 2}}
    return key | {"anyOf": [kind | limits.get(kind["type"], {}) for kind in key["anyOf"]]}


def _with_bodies(schema: Schema) -> Schema:
    """Steps written in place and the name of a variable for the output may stand in the config too."""
    beside = {key: schema | {"doNotSuggest": True} for key, schema in _BESIDE.items()}
    return schema | closed(beside | schema["properties"])


def _branch(whole: Schema) -> Schema:
    """Cases, or one condition in any of its forms."""
    keys, bodies = whole["properties"], _BESIDE
    several = [closed(keys | bodies, required=[key]) for key in ("cases", "branches")]
    unused = {key: {"type": "null"} for key in keys}
    lists = closed(unused | {"conditions": ref("condition")} | bodies, required=["conditions"])
    forms = condition_forms(unused | bodies).values()
    return {"type": "object", "anyOf": [*several, lists, *forms]}
