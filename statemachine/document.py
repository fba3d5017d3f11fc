"""The shape of a definition: its parts as models.

Each part is checked on its own level only (`part.py`); what has a grammar of its own (conditions, templates, configs)
stays raw here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from statemachine.keys import REQUIRED, AnyCondition, EventType, Late, Offset, Shape, Template, about
from statemachine.names import snake_case
from statemachine.part import Part
from statemachine.scalars import Count, Duration, Label, Name, Target, Variable, Zone


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
    late: Late = about(
        "What becomes of a date that is looked at too late, after an outage or a pause. Default: it enrols.",
        {"skip_if_older_than": "2d"},
    )


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
    stop_words: Annotated[Any, Shape("stop_words")] = about(
        "By which channels a contact ends messages with a word such as STOP, and starts them again.", "sms"
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


def is_canvas(raw: Mapping[str, Any]) -> bool:
    """Whether a document draws its workflow instead of listing steps."""
    return any(snake_case(str(key)) in ("nodes", "edges", "canvas_data") for key in raw)
