"""The shape of a definition: its parts as models, and how raw data becomes one of them, problem by problem.

Each part is checked on its own level only; what has a grammar of its own (conditions, templates, configs) stays raw
here. Keys may be camelCase; inside, everything is snake_case. A key the language has but this version cannot run is
refused by name (`not_supported_yet`), never accepted and ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from statemachine.calendar import find_zone, zone_names
from statemachine.duration import parse_duration
from statemachine.keys import REQUIRED, AnyCondition, EventType, Offset, Shape, Template, about
from statemachine.names import did_you_mean, snake_case
from statemachine.problem import CODES, Path, Problems

CONDITION_VALUES: Final = ("value", "right")
"""Keys of a condition under which the author's own data stand."""

NAME_PATTERN: Final = "[A-Za-z0-9_](?:[A-Za-z0-9_.:-]{0,98}[A-Za-z0-9_])?"
VARIABLE_PATTERN: Final = "[A-Za-z_][A-Za-z0-9_]{0,99}"
_NAME: Final = re.compile(NAME_PATTERN + r"\Z")
_VARIABLE: Final = re.compile(VARIABLE_PATTERN + r"\Z")


def _duration(raw: Any) -> Any:
    try:
        return parse_duration(raw)
    except ValueError as error:
        raise _custom("bad_duration", str(error)) from None


def _zone(raw: Any) -> Any:
    try:
        if isinstance(raw, str):
            find_zone(raw)
        return raw
    except ValueError as error:
        raise _custom("bad_timezone", str(error), did_you_mean(raw, zone_names())) from None


def _name(raw: Any) -> Any:
    """Ids may be written as numbers; they are text all the same."""
    text = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
    if isinstance(text, str) and not is_name(text):
        message = f"{text[:60]!r} is no name: use up to 100 letters, digits, _ - . :"
        raise _custom("bad_name", message)
    return text


def is_name(text: str) -> bool:
    """Whether a text may be the key of a workflow or the id of a step or trigger."""
    return _NAME.match(text) is not None


def _variable(raw: Any) -> Any:
    if isinstance(raw, str) and not _VARIABLE.match(raw):
        raise _custom("bad_name", f"{raw[:60]!r} is no variable name: use letters, digits and _")
    return raw


def _label(raw: Any) -> Any:
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw


def _custom(code: Literal["bad_duration", "bad_timezone", "bad_name"], message: str, hint: str = "") -> Exception:
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint})


Duration = Annotated[timedelta, BeforeValidator(_duration), Shape("duration")]
Zone = Annotated[str, BeforeValidator(_zone), Shape("zone")]
Name = Annotated[str, BeforeValidator(_name), Shape("name")]
Variable = Annotated[str, BeforeValidator(_variable), Shape("variable")]
Label = Annotated[str, BeforeValidator(_label), Shape("label")]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Target = Annotated[str, BeforeValidator(_label), Shape("target")]


class Part(BaseModel):
    """The parent of all parts. `later` are keys of the language that cannot be run yet; `also` are other spellings."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    later: ClassVar[tuple[str, ...]] = ()
    also: ClassVar[Mapping[str, str]] = {}


class TriggerPart(Part):
    """What lets a contact in: an event of this type."""

    type: EventType = about("The event's type; known aliases are understood.", "contact_created", default=REQUIRED)
    id: Name | None = about("The trigger's name. Default: trigger_1, trigger_2, …", "from_ads")
    name: str | None = about("What people call the trigger.", "Came by an ad")
    config: dict[str, Any] | None = about(
        "Words that the event's data must equal. `keyword`, `from` and `to` have a meaning of their own.",
        {"tag": "vip"},
        {"keyword": ["help", "call me"]},
    )
    conditions: AnyCondition = about(
        "What must hold for the contact and the event. A list means all of them.",
        [{"field": "source", "operator": "equals", "value": "facebook_ad"}],
    )
    key: Template = about("One live enrollment per value of this template instead of per contact.",
                          "{{trigger.data.order_id}}")  # fmt: skip
    enabled: bool = about("`false`: the trigger enrols nobody.", False, default=True)
    next: Target | None = about(
        "The step where its runs begin; the trigger then opens their path. Default: the first step.", "send_welcome"
    )


class DatePart(Part):
    """The config of a trigger of type `date`: the moment, by a date of the contact, at which it enrols."""

    field: str = about(
        "The field of the contact that holds the date: 2026-05-01, or a time.", "renewal_date", default=REQUIRED
    )
    offset: Offset = about("How long before (`-3d`) or after it.", "-3d")
    at: str | None = about("The local time of day; the offset is whole days then.", "09:00")
    every: Literal["year"] | None = about("`year`: the day comes again each year, as birthdays do.", "year")
    timezone: Zone | None = about("Whose clocks count. Default: the contact's, else the workflow's.", "Europe/Berlin")


class EntryPart(Part):
    """Who may enter, and how often."""

    reentry: Literal["never", "after_exit", "always", "restart"] = about(
        "Whether a contact may enter again: never; after the last run has ended; even beside a live run; or by ending "
        "the live run.",
        "never",
        default="after_exit",
    )
    cooldown: Duration | None = about("How long after the end of the last run a contact may enter again.", "7d")
    max_entries: Count | None = about("How often a contact may enter in all.", 3)
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = about(
        "The turn among workflows that take the same event: higher first.", 10, default=0
    )
    key: Template = about("A template for all triggers: the rules count per contact and key.",
                          "{{trigger.data.cart_id}}")  # fmt: skip
    grace: Duration | None = about(
        "How long after its event the conditions of a trigger are tested again while the contact changes.", "30m"
    )
    conflict: Annotated[Any, Shape("conflict")] = about(
        "What becomes of a contact that other runs write to already.", {"policy": "queue", "channels": ["sms"]}
    )


class ConflictPart(Part):
    """What becomes of a contact that other runs write to already."""

    policy: Literal["allow", "queue", "skip", "interrupt"] = about(
        "The newcomer begins beside them; waits until they have ended; is kept out; or ends them, unless one has a "
        "higher priority.",
        "queue",
        default="allow",
    )
    channels: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(min_length=1)] | None = about(
        "The channels that count. Default: those of the workflow's own message steps.", ["sms", "email"]
    )


class LimitsPart(Part):
    """How long and how far a run may go."""

    max_duration: Duration | None = about("A run older than this fails.", "90d")
    max_execution: Duration | None = about("A run whose tasks take longer in all fails; waits do not count.", "5m")
    max_transitions: Count | None = about("A run that makes more transitions fails.", 200)
    max_concurrent: Count | None = about("How many runs of the workflow may live at once.", 500)
    per_minute: Count | None = about("How many runs of the workflow may begin within any minute.", 600)
    over_limit: Literal["queue", "refuse"] = about(
        "What becomes of those beyond: they wait as pending, in order of priority and acceptance, or are kept out.",
        "refuse",
        default="queue",
    )


class PausePart(Part):
    """What becomes of timers and events while a run, or its workflow, is paused."""

    timers: Literal["keep", "remaining", "catch_up"] = about(
        "Deadlines stay, what was left of them runs on, or those that passed fire in order.",
        "remaining",
        default="keep",
    )
    events: Literal["buffer", "deliver", "drop"] = about(
        "What could move a run is kept until it goes on; or exits and waits take it at once, and the run stands before "
        "its next step; or it is gone for the run.",
        "deliver",
        default="buffer",
    )


class ExitPart(Part):
    """A rule by which a run leaves early: `on` an event, or `on_mismatch`."""

    on: EventType | None = about("The type of the event that ends the run.", "order_placed")
    reason: str | None = about("The run's exit reason. Default: goal:<goal>, else the event's type.", "unsubscribed")
    goal: str | None = about("The name of a goal that was reached.", "purchase")
    when: AnyCondition = about("A condition that must hold too; `event.*` is the event.", "event.data.total > 0")
    on_mismatch: bool = about(
        "`true`: leave when the trigger conditions by which the run entered hold no longer.", True, default=False
    )


class RetryPart(Part):
    """How failed attempts of a task are repeated."""

    max_attempts: Annotated[int, Field(ge=1, le=1000)] | None = about("Attempts in all, the first included.", 4)
    max_retries: Annotated[int, Field(ge=0, le=999)] | None = about("Attempts after the first one.", 3)
    backoff: Duration | None = about("The delay before the second attempt.", "1s")
    factor: Annotated[float, Field(ge=1, le=100)] | None = about("How the delay grows from attempt to attempt.", 2)
    max_backoff: Duration | None = about("The longest delay.", "5m")
    jitter: Literal["full", "none"] | None = about(
        "`full`: a random share of the delay; `none`: exactly the delay.", "full"
    )


class StepPart(Part):
    """One step of the workflow."""

    also: ClassVar[Mapping[str, str]] = {"output_variable": "output"}
    id: Name = about("The step's unique name. `end` is reserved.", "send_welcome", default=REQUIRED)
    type: Annotated[str, Shape("step_type")] = about("What the step does.", "send_sms", "wait", default=REQUIRED)
    name: str | None = about("What people call the step.", "Welcome message")
    config: Any = about("What the step's type needs.", {"for": "1d"})
    next: Target | None = about("The step that follows; `end` completes the run. Default: the step below.", "end")
    branches: Annotated[Any, Shape("branches")] = about(
        "Outcome → id of a step, for outcomes that lead elsewhere than `next`.", {"true": "call", "false": "end"}
    )
    when: AnyCondition = about("When this condition is false, the step is skipped.", "contact.score > 50")
    retry: Annotated[Any, Shape("retry")] = about(
        "How failed attempts are repeated. Only for steps with tasks.", {"max_attempts": 2}
    )
    timeout: Duration | None = about("The longest one attempt may take. Only for steps with tasks.", "30s")
    on_error: Target | None = about("The step to go to when this one fails for good.", "tell_the_team")
    output: Variable | None = about("The name of a variable that gets the step's output too.", "price")
    crash_policy: Literal["at_least_once", "at_most_once"] | None = about(
        "`at_most_once`: never repeated when nobody knows whether it happened. Only for steps with tasks.",
        "at_most_once",
    )
    compensate: Annotated[Any, Shape("inner_steps")] = about(
        "The steps that undo this one, when a `compensate` step asks. `undo.input` and `undo.output` are its own.",
        [{"id": "refund", "type": "task", "config": {"queue": "refunds", "input": {"id": "{{undo.output.id}}"}}}],
    )
    sending: Annotated[Any, Shape("sending")] = about(
        "For messages: rules that go before those of the workflow, key by key.", {"on_blocked": "skip"}
    )
    urgent: bool = about(
        "For messages: `true` passes all rules of messaging but consent and provider rates.", True, default=False
    )
    condition: AnyCondition = about("For conditions: the same as `config.condition`.", "contact.score > 50")
    true_steps: Annotated[Any, Shape("body")] = about(
        "For conditions: where `true` leads, as ids of steps or as steps written in place.", ["call"]
    )
    false_steps: Annotated[Any, Shape("body")] = about(
        "For conditions: where `false` leads, as ids of steps or as steps written in place.", ["end"]
    )
    body: Annotated[Any, Shape("body")] = about(
        "For loops: the steps of a round, as ids of steps or as steps written in place.", ["remind", "day"]
    )
    steps: Annotated[Any, Shape("alternatives")] = about(
        "For try: what to try; for fallback: the alternatives, each a step or a list of steps; for error_handler: what "
        "to do. As ids of steps or as steps written in place.",
        [{"id": "charge", "type": "task", "config": {"queue": "charges"}}],
    )
    catch: Annotated[Any, Shape("body")] = about("For try: what to do when one of its steps fails for good.", ["sorry"])
    finally_: Annotated[Any, Shape("body")] = about(
        "For try: what to do in any case, at the end.", ["release"], alias="finally"
    )


class DocumentPart(Part):
    """A workflow of Statewright."""

    also: ClassVar[Mapping[str, str]] = {"id": "key"}
    key: Name | None = about("The workflow's stable name. Default: made of `name`.", "new-lead-welcome")
    name: str | None = about("What people call the workflow.", "New lead welcome")
    description: str | None = about("What the workflow is for.", "Greets new leads and finds the warm ones.")
    version: Label | None = about("Your own label; the server numbers published versions itself.", 1, "2026-03")
    is_active: bool = about("`false`: publishing does not make the version active.", False, default=True)
    trigger_type: EventType | None = about("Short for `trigger: {type: …}`.", "contact_created")
    timezone: Zone | None = about("The zone of local times; a contact's own zone wins.", "Europe/Berlin")
    trigger: Annotated[Any, Shape("triggers")] = about("The event that enrols a contact.", {"type": "contact_created"})
    triggers: Annotated[Any, Shape("triggers")] = about(
        "The events that enrol a contact; the first that matches wins.", [{"type": "tag_added", "config": {"tag": "a"}}]
    )
    entry: Annotated[Any, Shape("entry")] = about("Who may enter, and how often.", {"reentry": "never"})
    limits: Annotated[Any, Shape("limits")] = about("How long and how far a run may go.", {"max_duration": "30d"})
    pause: Annotated[Any, Shape("pause")] = about(
        "What becomes of timers and events while runs are paused.", {"timers": "remaining"}
    )
    exit: Annotated[Any, Shape("exits")] = about(
        "What ends a run early, in every step: one rule or a list.", [{"on": "order_placed", "goal": "purchase"}]
    )
    retry: Annotated[Any, Shape("retry")] = about(
        "How failed attempts are repeated, for all steps.", {"max_attempts": 6, "backoff": "30s"}
    )
    sending: Annotated[Any, Shape("sending")] = about(
        "When, and how often, messages go out.", {"quiet_hours": {"from": "21:00", "to": "08:00"}}
    )
    on_missing: Literal["keep", "empty", "fail"] = about(
        "What a template does where a path leads nowhere: leave it as written, show nothing, or fail the step.",
        "empty",
        default="keep",
    )
    variables: Annotated[Any, Shape("object")] = about("First values of the run's variables.", {"offer": "spring"})
    steps: Annotated[Any, Shape("steps")] = about("The steps, in order.", [{"id": "a", "type": "end"}])
    on_failure: Annotated[Any, Shape("inner_steps")] = about(
        "What to do once when a run has failed; it ends as failed afterwards. `error` is what happened.",
        [{"id": "tell", "type": "send_notification", "config": {"message": "{{error.step}}: {{error.message}}"}}],
    )
    nodes: Annotated[Any, Shape("nodes")] = about(
        "Of a canvas, instead of `steps`: its nodes, in order.", [{"id": "n1", "type": "trigger", "label": "New Order"}]
    )
    edges: Annotated[Any, Shape("edges")] = about(
        "Of a canvas: what leads where.", [{"source": "n1", "target": "n2", "label": "yes"}]
    )
    canvas_data: Annotated[Any, Shape("canvas_data")] = about(
        "Of a canvas: `nodes` and `edges` in one object.", {"nodes": [{"id": "n1", "type": "exit"}], "edges": []}
    )
    viewport: Annotated[Any, Shape("anything")] = about(
        "Of a canvas: which part of it the editor shows. Kept, never run.", {"x": 0, "y": 0, "zoom": 1}
    )
    canvas: Annotated[Any, Shape("canvas")] = about(
        "Beside `steps`: what only a drawing of them shows. Kept, never run.",
        {"nodes": {"hello": {"position": {"x": 0, "y": 120}}}},
    )
    tests: Annotated[Any, Shape("tests")] = about(
        "Tests of the workflow, run on a virtual clock.",
        [{"name": "it begins", "events": [{"type": "contact_created"}], "expect": {"enrolled": True}}],
    )


PartType = TypeVar("PartType", bound=Part)


def read_part(model: type[PartType], raw: Any, path: Path, problems: Problems) -> PartType | None:
    """One part of a document. What is wrong is reported and left out; None when nothing usable is left."""
    if not isinstance(raw, Mapping):
        problems.add("not_an_object", path, f"an object has to stand here, not {kind_of(raw)}")
        return None
    known = _without_later(model, respell(raw, path, problems, also=model.also), path, problems)
    try:
        return model.model_validate(known)
    except ValidationError as error:
        report_invalid(error, model, known, path, problems)
        wrong = {detail["loc"][0] for detail in error.errors(include_url=False) if detail["loc"]}
    try:
        return model.model_validate({key: value for key, value in known.items() if key not in wrong})
    except ValidationError:
        return None


def is_canvas(raw: Mapping[str, Any]) -> bool:
    """Whether a document draws its workflow instead of listing steps."""
    return any(snake_case(str(key)) in ("nodes", "edges", "canvas_data") for key in raw)


def respell(
    raw: Mapping[Any, Any], path: Path, problems: Problems, *, also: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The keys of one object in snake_case; the problems learn how the source spells them."""
    spelled: dict[str, Any] = {}
    for source_key, value in raw.items():
        key = snake_case(str(source_key))
        key = (also or {}).get(key, key)
        if key != source_key:
            if key in spelled or key in raw:
                message = f"{source_key!r} and {key!r} are the same key"
                problems.add("conflicting_keys", (*path, source_key), message)
                continue
            problems.spelled((*path, key), (*problems.source_path(path), source_key))
        spelled[key] = value
    return spelled


def respell_all(raw: Any, path: Path, problems: Problems, free_form: Iterable[str] = CONDITION_VALUES) -> Any:
    """Like `respell`, all the way down; below a `free_form` key the author's keys stay as they are."""
    if isinstance(raw, list):
        return [respell_all(item, (*path, index), problems, free_form) for index, item in enumerate(raw)]
    if not isinstance(raw, Mapping):
        return raw
    return {
        key: value if key in free_form else respell_all(value, (*path, key), problems, free_form)
        for key, value in respell(raw, path, problems).items()
    }


def report_invalid(error: ValidationError, model: type[BaseModel], raw: Any, path: Path, problems: Problems) -> None:
    """Turn pydantic's errors about `raw` into problems."""
    found: dict[Path, ErrorDetails] = {}
    for detail in error.errors(include_url=False):
        found.setdefault(_real_path(detail, raw), detail)
    # a union reports every member that did not fit: the deepest complaint is about the member that was meant
    around = {loc[:length] for loc in found for length in range(len(loc))}
    for loc, detail in found.items():
        if loc not in around:
            _report_detail(loc, detail, model, path, problems)


def kind_of(value: Any) -> str:
    """What a value is, in the words of YAML and JSON."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "text", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)


def _without_later(model: type[Part], raw: Mapping[str, Any], path: Path, problems: Problems) -> dict[str, Any]:
    for key in model.later:
        if key in raw:
            written = problems.source_path((*path, key))[-1]
            problems.add("not_supported_yet", (*path, key), f"{written!r} is not supported by this version yet")
    return {key: value for key, value in raw.items() if key not in model.later}


def _real_path(detail: ErrorDetails, raw: Any) -> Path:
    """The path of an error without the segments that pydantic puts in for members of unions."""
    real: list[str | int] = []
    value = raw
    loc = detail["loc"]
    for number, segment in enumerate(loc):
        inside = isinstance(value, Mapping) and segment in value
        inside = inside or (isinstance(value, list) and isinstance(segment, int) and segment < len(value))
        if inside:
            value = value[segment]
            real.append(segment)
        elif number == len(loc) - 1 and detail["type"] == "missing":
            real.append(segment)
    return tuple(real)


def _report_detail(loc: Path, detail: ErrorDetails, model: type[BaseModel], path: Path, problems: Problems) -> None:
    kind, place = detail["type"], (*path, *loc)
    key = str(problems.source_path(place)[-1]) if place else ""
    if kind == "missing":
        problems.add("missing_key", place, f"the key {key!r} is missing")
    elif kind == "extra_forbidden":
        options = keys_at(model, loc[:-1])
        listed = f"; the keys here are {', '.join(options)}" if options else ""
        problems.add("unknown_key", place, f"there is no key {key!r} here{listed}", problems.guess(key, options))
    elif kind in CODES:
        context = detail.get("ctx", {})
        problems.add(kind, place, detail["msg"], str(context.get("hint", "")))
    else:
        message = detail["msg"].removeprefix("Value error, ")
        problems.add("bad_value", place, message[:1].lower() + message[1:], _literal_hint(detail, problems))


def _literal_hint(detail: ErrorDetails, problems: Problems) -> str:
    if detail["type"] != "literal_error" or not isinstance(detail["input"], str):
        return ""
    options = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
    return problems.guess(detail["input"], options)


def keys_at(model: type[BaseModel], loc: Path) -> tuple[str, ...]:
    """The keys that the model knows at `loc`; none when that is not an object of fixed keys."""
    current: type[BaseModel] | None = model
    for segment in loc:
        if isinstance(segment, int) or current is None:
            continue
        field = next((f for name, f in current.model_fields.items() if segment in (name, f.alias)), None)
        current = _model_in(field.annotation) if field else None
    return tuple(field.alias or name for name, field in current.model_fields.items()) if current else ()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found:
            return found
    return None
