"""Steps that change the contact: tags, fields, score, lists. An event is raised only for what really changed."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from statemachine.contact import Contact, reserved_field, standard_field
from statemachine.errors import StepFailed
from statemachine.keys import REQUIRED, OneOrMore, Shape, about
from statemachine.step import Build, Context, PureStep, StepConfig
from statemachine.step_result import Outcome, Result
from statemachine.steps.parts import Parts, resolve, texts_of
from statemachine.values import number, text

if TYPE_CHECKING:
    from statemachine.template import Value

_MISSING: Final = object()
_MAX_WHOLE: Final = 2**53
"""The largest whole number that every reader of JSON holds exactly."""
_PREFIXES: Final = ("contact.", "customer.")
_CUSTOM_PREFIXES: Final = ("custom_fields.", "metadata.")

Number = int | float


class TagConfig(StepConfig):
    tag: OneOrMore = about("The tag.", "warm")
    tags: OneOrMore = about("Several tags.", ["warm", "from_{{contact.source}}"])
    target: Literal["contact", "conversation"] = about("Whose tags.", "conversation", default="contact")


class _TagStep(PureStep):
    Config = TagConfig
    silent = True

    def __init__(self, config: TagConfig, build: Build) -> None:
        parts = Parts(build)
        self._of_conversation = config.target == "conversation"
        self._tags = _one_of({"tag": config.tag, "tags": config.tags}, parts, build)
        if self._of_conversation:
            parts.conversation()
        else:
            parts.field("tags")
        self.reads = parts.reads

    def run(self, context: Context) -> Result:
        names = _names(self._tags, context, "empty_tag", "the tag is empty")
        if self._of_conversation:
            self._change_conversation(context, names)
        else:
            self._change_contact(context, names)
        return Outcome("done")

    def _change_contact(self, context: Context, names: list[str]) -> None:
        contact = context.contact
        tags, kind, real = self._changed(contact.tags, names)
        if real:
            context.change_contact(contact.with_tags(tags), [(kind, {"tag": tag}) for tag in real])

    def _change_conversation(self, context: Context, names: list[str]) -> None:
        conversation = context.conversation
        tags, kind, real = self._changed(conversation.tags, names)
        if real:
            raised = [(kind, {"tag": tag, "target": "conversation"}) for tag in real]
            context.change_conversation(replace(conversation, tags=tags), raised)

    @abstractmethod
    def _changed(self, present: tuple[str, ...], names: list[str]) -> tuple[tuple[str, ...], str, list[str]]:
        """The tags afterwards, the event to raise, and the tags for which it is raised."""


class AddTag(_TagStep):
    """Add tags that the contact, or the conversation, does not have. Error: `no_conversation`."""

    name = "add_tag"
    aliases: ClassVar[tuple[str, ...]] = ("tag_add",)

    def _changed(self, present: tuple[str, ...], names: list[str]) -> tuple[tuple[str, ...], str, list[str]]:
        new = [tag for tag in names if tag not in present]
        return (*present, *new), "tag_added", new


class RemoveTag(_TagStep):
    """Remove tags that the contact, or the conversation, has. Error: `no_conversation`."""

    name = "remove_tag"
    aliases: ClassVar[tuple[str, ...]] = ("tag_remove",)

    def _changed(self, present: tuple[str, ...], names: list[str]) -> tuple[tuple[str, ...], str, list[str]]:
        gone = [tag for tag in names if tag in present]
        return tuple(tag for tag in present if tag not in gone), "tag_removed", gone


class ListConfig(StepConfig):
    list: OneOrMore = about("One list, or several.", "customers")
    segment: OneOrMore = about("Another name for `list`.", "customers")


class SegmentConfig(ListConfig):
    operation: Literal["add", "remove"] = about("Put the contact on, or take it off.", "remove", default="add")


def _add_to_lists(context: Context, names: list[str]) -> None:
    contact = context.contact
    new = [name for name in names if name not in contact.lists]
    if new:
        changed = contact.with_lists((*contact.lists, *new))
        context.change_contact(changed, [("list_added", {"list": name}) for name in new])


def _remove_from_lists(context: Context, names: list[str]) -> None:
    contact = context.contact
    gone = [name for name in names if name in contact.lists]
    if gone:
        changed = contact.with_lists(tuple(name for name in contact.lists if name not in gone))
        context.change_contact(changed, [("list_removed", {"list": name}) for name in gone])


class _ListStep(PureStep):
    Config: ClassVar[type[StepConfig]] = ListConfig
    silent = True
    _change: Callable[[Context, list[str]], None]

    def __init__(self, config: ListConfig, build: Build) -> None:
        parts = Parts(build)
        self._lists = _one_of({"list": config.list, "segment": config.segment}, parts, build)
        parts.field("lists")
        self.reads = parts.reads

    def run(self, context: Context) -> Result:
        self._change(context, _names(self._lists, context, "empty_list", "the list name is empty"))
        return Outcome("done")


class AddToList(_ListStep):
    """Put the contact on lists (segments)."""

    name = "add_to_list"
    aliases: ClassVar[tuple[str, ...]] = ("add_to_segment", "list_add", "segment_add")
    _change = staticmethod(_add_to_lists)


class RemoveFromList(_ListStep):
    """Take the contact off lists (segments)."""

    name = "remove_from_list"
    aliases: ClassVar[tuple[str, ...]] = ("remove_from_segment", "list_remove", "segment_remove")
    _change = staticmethod(_remove_from_lists)


class Segment(_ListStep):
    """Put the contact on lists (segments), or take it off: `operation: add | remove`."""

    name = "segment"
    Config = SegmentConfig

    def __init__(self, config: SegmentConfig, build: Build) -> None:
        super().__init__(config, build)
        self._change = _add_to_lists if config.operation == "add" else _remove_from_lists


class UpdateFieldConfig(StepConfig):
    field: str = about("The field's name, standard or custom.", "lifecycle_stage", default=REQUIRED)
    value: Any = about("The value, of any type.", "customer")
    operation: Literal["set", "append", "increment", "remove"] = about(
        "`append` to a list or text; `increment` a number; `remove` the field, or a value of a list.",
        "increment",
        default="set",
    )


class UpdateField(PureStep):
    """Change one field, standard or custom.

    append: on a missing field makes a list, on a list adds to it, on text joins. increment: a missing field starts at
    0. remove: without `value` unsets the field, with it takes that value out of a list. Errors: `not_a_number`,
    `not_appendable`, both permanent.
    """

    name = "update_field"
    aliases: ClassVar[tuple[str, ...]] = ("field_update", "update_contact")
    Config = UpdateFieldConfig
    silent = True
    free_form: ClassVar[tuple[str, ...]] = ("value",)

    def __init__(self, config: UpdateFieldConfig, build: Build) -> None:
        parts = Parts(build)
        given = "value" in config.model_fields_set
        if not given and config.operation != "remove":
            build.problem("missing_key", (), f"`operation: {config.operation}` needs a `value`")
        self._field = _field_name(config.field, build)
        self._value = parts.value(("value",), config.value) if given else None
        self._operation = config.operation
        parts.field(self._field)
        self.reads = parts.reads

    def run(self, context: Context) -> Result:
        contact = context.contact
        value = _MISSING if self._value is None else resolve(self._value, context.scope)
        old = _stored(contact, self._field)
        new = _OPERATIONS[self._operation](old, value)
        if not _same(old, new):
            context.change_contact(_with(contact, self._field, new), [_field_changed(self._field, old, new)])
        return Outcome("done")


class UpdateScoreConfig(StepConfig):
    value: Annotated[Any, Shape("number")] = about("A number; a negative one subtracts.", 10, default=REQUIRED)
    operation: Literal["add", "set"] = about("Add to the score, or set it.", "set", default="add")


class UpdateScore(PureStep):
    """Add to the score (a negative value subtracts) or set it. Error: `not_a_number`."""

    name = "update_score"
    aliases: ClassVar[tuple[str, ...]] = ("score",)
    Config = UpdateScoreConfig
    silent = True

    def __init__(self, config: UpdateScoreConfig, build: Build) -> None:
        parts = Parts(build)
        self._value = parts.value(("value",), config.value)
        self._adds = config.operation == "add"
        if (self._value.constant or not isinstance(config.value, str)) and _number(config.value) is None:
            build.problem("bad_value", ("value",), f"{config.value!r} is no number")
        parts.field("score")
        self.reads = parts.reads

    def run(self, context: Context) -> Result:
        contact = context.contact
        change = _require_number(self._value.resolve(context.scope), "the value")
        score = _finite(contact.score + change) if self._adds else change
        if score != contact.score:
            data = {"old_value": contact.score, "new_value": score}
            context.change_contact(contact.with_score(score), [("score_updated", data)])
        return Outcome("done")


def _one_of(options: Mapping[str, Any], parts: Parts, build: Build) -> Value | None:
    """Compile the one key that is given; none or both is a problem."""
    given = [key for key, raw in options.items() if raw is not None]
    names = " or ".join(f"`{key}`" for key in options)
    if len(given) != 1:
        build.problem("missing_key" if not given else "conflicting_keys", tuple(given[1:]), f"give either {names}")
        return None
    key = given[0]
    if options[key] in ("", []):
        build.problem("bad_value", (key,), f"`{key}` is empty")
    return parts.value((key,), options[key])


def _names(value: Value | None, context: Context, code: str, message: str) -> list[str]:
    names = list(dict.fromkeys(texts_of(resolve(value, context.scope))))
    if not names:
        raise StepFailed(code, message)
    return names


def _field_name(name: str, build: Build) -> str:
    """The field a name means: `contact.` is ignored, `custom_fields.x` is x, `company_name` is company."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    bare = name
    for prefix in _CUSTOM_PREFIXES:
        bare = bare.removeprefix(prefix)
    if reserved_field(bare):
        hints = {"tags": "use add_tag", "lists": "use add_to_list", "score": "use update_score"}
        message = f"{bare!r} is part of the contact itself and no field"
        build.problem("reserved_field", ("field",), message, suggestion=hints.get(bare, ""))
    elif not bare or "." in bare or "{{" in bare:
        build.problem("bad_name", ("field",), f"{name!r} is no field name; write one name, e.g. lifecycle_stage")
    return standard_field(bare) or bare


def _stored(contact: Contact, name: str) -> Any:
    """What is stored, without the full name that `name` falls back to."""
    return contact.get(name) if contact.has(name) else _MISSING


def _with(contact: Contact, name: str, value: Any) -> Contact:
    return contact.without_field(name) if value is _MISSING else contact.with_field(name, value)


def _field_changed(name: str, old: Any, new: Any) -> tuple[str, dict[str, Any]]:
    return "field_changed", {"field": name, "old_value": _or_none(old), "new_value": _or_none(new)}


def _or_none(value: Any) -> Any:
    return None if value is _MISSING else value


def _same(old: Any, new: Any) -> bool:
    """Whether nothing changed; 1 and true differ, unset and null do not."""
    old, new = _or_none(old), _or_none(new)
    return bool(isinstance(old, bool) == isinstance(new, bool) and old == new)


def _appended(old: Any, value: Any) -> Any:
    more = list(value) if isinstance(value, (list, tuple)) else [value]
    if _or_none(old) is None:
        return more
    if isinstance(old, (list, tuple)):
        return [*old, *more]
    if isinstance(old, str):
        return old + "".join(text(item) for item in more)
    raise StepFailed("not_appendable", f"cannot append to {old!r}: it is neither a list nor text")


def _incremented(old: Any, value: Any) -> Any:
    start = 0 if _or_none(old) is None else _require_number(old, "the field")
    return _finite(start + _require_number(value, "the value"))


def _removed(old: Any, value: Any) -> Any:
    if value is _MISSING or _or_none(old) is None:
        return _MISSING
    unwanted = list(value) if isinstance(value, (list, tuple)) else [value]
    if isinstance(old, (list, tuple)):
        return [item for item in old if not any(_same(item, other) for other in unwanted)]
    return _MISSING if any(_same(old, other) for other in unwanted) else old


_OPERATIONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "set": lambda old, value: value,
    "append": _appended,
    "increment": _incremented,
    "remove": _removed,
}


def _number(value: Any) -> Number | None:
    """A number, also when it is written as text (`+5` included); None when it is none. Whole floats become ints."""
    found = number(value.strip().removeprefix("+") if isinstance(value, str) else value)
    if found is None or not math.isfinite(found):
        return None
    return int(found) if found == int(found) and abs(found) <= _MAX_WHOLE else found


def _require_number(value: Any, what: str) -> Number:
    found = _number(value)
    if found is None:
        raise StepFailed("not_a_number", f"{what} is {_or_none(value)!r}, not a number")
    return found


def _finite(result: Number) -> Number:
    checked = _number(result)
    if checked is None or (isinstance(checked, int) and abs(checked) > _MAX_WHOLE):
        raise StepFailed("not_a_number", "the result is too large to be a number")
    return checked
