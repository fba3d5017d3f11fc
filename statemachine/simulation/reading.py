"""Scripts as authors write them, in tests and in Simulate: contacts, events and results; problems at their place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, Literal

from statemachine.cause import TaskFailure
from statemachine.contact import Contact
from statemachine.errors import InvalidInput
from statemachine.keys import EventType, Shape, about
from statemachine.machine import ERROR
from statemachine.names import one_slip
from statemachine.part import Part, read_part
from statemachine.patch import apply_patch
from statemachine.problem import Path, Problems
from statemachine.scalars import Count, Duration, Label, kind_of
from statemachine.sending.consent import EVERY, is_channel
from statemachine.simulation.script import EARLIEST, USUAL, Act, Result
from statemachine.simulation.trace import Answer
from statemachine.steps.approval import TIMEOUT, Approval
from statemachine.workflow import Step

DEFAULT_CONTACT: Final = "contact"
"""The contact of a script that names none."""

MAX_ACTS: Final = 1_000
_TRANSIENT: Final = frozenset(
    {"timeout", "connection_lost", "connection_failed", "lease_expired", "unavailable", "http_408", "http_429"}
)
_OPERATIONS: Final = ("advance", "pause", "resume", "cancel", "retry")
_ACTS: Final = ("type", "op", "upsert", "consent", "outage")
OUTAGE: Final = "outage"
_ONLY_ERROR: Final = ("message", "retryable", "retry_after", "times", "then")
_ONLY_OUTCOME: Final = ("data", "variables", "by")
_FORMS: Final = ("error", "outcome", "never")
_OUTPUT_WORDS: Final = frozenset({"date", "when", "timer", "fever", "lever", "tiles", "tires"})
"""Words that outputs have, one letter away from a key of a result."""


class EventPart(Part):
    """Something that happens: exactly one of `type`, `op`, `upsert`, `consent` and `outage`."""

    also: ClassVar[Mapping[str, str]] = {"patch": "contact_patch", "input": "data"}
    after: Duration = about("How long after the beginning.", "2h", default=timedelta(0))
    type: EventType | None = about("The event's type.", "contact_created", min_length=1, max_length=255)
    op: Literal["enroll", "advance", "pause", "resume", "cancel", "retry"] | None = about(
        "What an operator does: enrol the contact, or something with its latest enrollment.", "pause"
    )
    upsert: dict[str, Any] | None = about("Fields to write to the contact.", {"stage": "lead", "tags": ["vip"]})
    consent: dict[str, Literal["granted", "denied", "unknown"]] | None = about(
        "What the contact says of messages, by channel; `all: denied` is do-not-contact.", {"sms": "denied"}
    )
    outage: Duration | None = about("No server is there for so long: what falls due meanwhile comes at its end.", "2d")
    contact: Label | None = about("The id of the contact it is about.", "ann")
    workflow: Label | None = about("The workflow that an operation is about. Default: the one under test.", "nurture")
    id: Label | None = about("The event's id.", "e1")
    key: Label | None = about("The event's key: one live enrollment per key.", "order-7")
    source: Label | None = about("Where the event comes from.", "shop")
    conversation: Label | None = about("The id of the conversation it belongs to.", "chat-7")
    data: dict[str, Any] | None = about("What the event says.", {"total": 99.5})
    contact_patch: dict[str, Any] | None = about("Changes of the contact that come with the event.", {"plan": "pro"})
    transition: str | None = about("With `op: advance`: the transition to fire.", "timeout")
    timers: Literal["keep", "remaining", "catch_up"] | None = about("With `op: pause`: what becomes of timers.", "keep")
    events: Literal["buffer", "deliver", "drop"] | None = about("With `op: pause`: what becomes of events.", "drop")
    reason: str | None = about("With `op: cancel`: why.", "duplicate")


_OWN_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "type": ("id", "key", "source", "conversation", "data", "contact_patch"),
    "upsert": (),
    "consent": (),
    "outage": (),
    "enroll": ("workflow", "key", "conversation", "data", "contact_patch"),
    "advance": ("workflow", "transition", "data"),
    "retry": ("workflow", "data"),
    "pause": ("workflow", "timers", "events"),
    "resume": ("workflow",),
    "cancel": ("workflow", "reason"),
}
"""The keys that each form of an event has besides `after` and `contact`."""


class ResultPart(Part):
    """How a task is answered: one of `error`, `outcome` and `never`."""

    error: Label | None = about("The task fails with this code.", "timeout")
    message: str | None = about("What the error says.", "no answer within 30 s")
    retryable: bool | None = about("Whether the error is transient. Default: as it is in production.", False)
    retry_after: Duration | None = about("The shortest time to the next attempt.", "10m")
    times: Count | None = about("How many attempts fail so. Default: all.", 2)
    then: Annotated[Any, Shape("test_result")] = about("The answer after that. Default: success.", {"message_id": "m1"})
    outcome: Label | None = about("The task is done, with this outcome.", "approved")
    data: Annotated[Any, Shape("anything")] = about("The output that goes with the outcome.", {"by": "Bob"})
    variables: dict[str, Any] | None = about("Variables that the answer sets.", {"plan": "pro"})
    by: Label | None = about("The agent who decides, where people do.", "ann")
    never: Literal[True] | None = about("The task is never answered: it stays open.", True)
    after: Duration = about("How long the answer takes.", "2h", default=timedelta(0))


@dataclass(frozen=True, slots=True)
class Subject:
    """The workflow that a script is about. `known` are all step ids; `steps` the sound ones among them."""

    key: str
    known: Collection[str] = ()
    steps: Mapping[str, Step] = field(default_factory=dict)
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Cast:
    """The contacts that exist beforehand, and the one that an event is about when it names none."""

    contacts: tuple[Contact, ...] = ()
    default: str | None = DEFAULT_CONTACT


class ScriptReader:
    """Reads the parts of one script. What is wrong is reported and left out."""

    def __init__(self, subject: Subject, problems: Problems) -> None:
        self._subject = subject
        self._problems = problems

    def cast(self, contact: Any, contacts: Any, path: Path) -> Cast:
        """`contact` is one contact, with or without an `id`; `contacts` several by their ids."""
        found: dict[str, Contact] = {}
        default: str | None = DEFAULT_CONTACT
        if contact is not None:
            default = self._add(None, contact, (*path, "contact"), found)
        if contacts is not None and not isinstance(contacts, Mapping):
            self._wrong((*path, "contacts"), f"`contacts` are objects by their ids, not {kind_of(contacts)}")
        elif contacts:
            for name, raw in contacts.items():
                self._add(str(name), raw, (*path, "contacts", name), found)
            if contact is None:
                default = next(iter(found)) if len(found) == 1 else None
        return Cast(tuple(found.values()), default)

    def acts(self, raw: Any, path: Path, cast: Cast) -> tuple[Act, ...]:
        if raw is None:
            return ()
        if not isinstance(raw, list):
            self._wrong(path, f"`events` is a list, not {kind_of(raw)}")
            return ()
        if len(raw) > MAX_ACTS:
            self._wrong(path, f"a script has at most {MAX_ACTS:,} events, not {len(raw):,}")
            return ()
        acts = (self._act(item, (*path, index), cast) for index, item in enumerate(raw))
        return tuple(act for act in acts if act is not None)

    def results(self, raw: Any, path: Path) -> dict[tuple[str, str], tuple[Result, ...]]:
        """Keys are step ids; `other_workflow/step` names a step of another workflow."""
        found: dict[tuple[str, str], tuple[Result, ...]] = {}
        if raw is not None and not isinstance(raw, Mapping):
            self._wrong(path, f"`results` are answers by step, not {kind_of(raw)}")
            return found
        for name, answers in (raw or {}).items():
            place = (*path, name)
            workflow, _, step_id = str(name).rpartition("/")
            step = None if workflow else self._step(step_id, place)
            visits = answers if isinstance(answers, list) else [answers]
            if not visits:
                self._wrong(place, "the list is empty; give one answer per visit")
                continue
            places = [(*place, index) for index in range(len(visits))] if isinstance(answers, list) else [place]
            read = (self._result(one, where, step) for one, where in zip(visits, places, strict=True))
            found[workflow or self._subject.key, step_id] = tuple(read)
        return found

    def check_step(self, step_id: str, place: Path) -> None:
        """Report a step that the workflow does not have."""
        if step_id not in self._subject.known:
            hint = self._problems.guess(step_id, self._subject.known)
            self._problems.add("unknown_step", place, f"there is no step {step_id!r}", hint)

    def _add(self, name: str | None, raw: Any, path: Path, found: dict[str, Contact]) -> str:
        if not isinstance(raw, Mapping):
            self._problems.add("not_an_object", path, f"a contact is an object of its fields, not {kind_of(raw)}")
            return name or DEFAULT_CONTACT
        own = {key: value for key, value in raw.items() if key != "id"}
        contact_id = name or str(raw.get("id") or DEFAULT_CONTACT)
        if name and raw.get("id", name) != name:
            self._problems.add("conflicting_keys", (*path, "id"), f"the contact is named {name!r} already")
        self._check_patch(own, path)
        if contact_id in found:
            self._problems.add("duplicate_id", path, f"there are two contacts with the id {contact_id!r}")
        found[contact_id] = _patched(contact_id, own)
        return contact_id

    def _check_patch(self, patch: Mapping[str, Any], path: Path) -> None:
        for name, value in patch.items():
            try:
                apply_patch(Contact(DEFAULT_CONTACT), {name: value})
            except InvalidInput as error:
                self._wrong((*path, name), error.message)

    def _act(self, raw: Any, path: Path, cast: Cast) -> Act | None:
        part = read_part(EventPart, raw, path, self._problems)
        if part is None:
            return None
        forms = [form for form in _ACTS if getattr(part, form) is not None]
        if len(forms) != 1:
            if forms or not set(_ACTS) & set(raw):
                code, place = ("conflicting_keys", (*path, forms[1])) if forms else ("missing_key", path)
                self._problems.add(
                    code, place, "an event has exactly one of `type`, `op`, `upsert`, `consent` and `outage`"
                )
            return None
        form = part.op or forms[0]
        self._check_words(part, form, path)
        contact_id = part.contact or cast.default
        if contact_id is None and form not in (*_OPERATIONS, OUTAGE):
            self._problems.add("missing_key", path, "there are several contacts: say which one by `contact`")
        self._check_patch(part.contact_patch or {}, (*path, "contact_patch"))
        self._check_patch(part.upsert or {}, (*path, "upsert"))
        for channel in part.consent or ():
            if channel != EVERY and not is_channel(channel):
                self._wrong((*path, "consent", channel), f"{channel!r} is no channel: use up to 50 of a-z, 0-9 and _")
        return _made(part, form, contact_id, self._subject.key)

    def _check_words(self, part: EventPart, form: str, path: Path) -> None:
        allowed = {"after", "op", *_ACTS, *_OWN_WORDS[form]} | ({"contact"} if form != OUTAGE else set())
        for key in sorted(part.model_fields_set - allowed):
            what = "an event" if form == "type" else f"`{form}`"
            self._problems.add("not_applicable", (*path, key), f"{what} has no `{key}`")
        if form == "advance" and not part.transition:
            self._problems.add("missing_key", (*path, "transition"), "`advance` needs the `transition` to fire")

    def _step(self, step_id: str, place: Path) -> Step | None:
        self.check_step(step_id, place)
        step = self._subject.steps.get(step_id)
        if step is not None and not step.runner.effect:
            message = f"the step {step_id!r} ({step.type}) asks nothing of the outside, so nothing can be its result"
            self._problems.add("not_applicable", place, message)
        return step

    def _result(self, raw: Any, path: Path, step: Step | None) -> Result:
        if not isinstance(raw, Mapping) or raw.keys().isdisjoint(_FORMS):
            self._check_output(raw, path)
            if step is not None and isinstance(step.runner, Approval):
                self._check_answers(step.runner.decisions[0], raw, path, step.runner)
            return Result(Answer(output=raw))
        part = read_part(ResultPart, raw, path, self._problems)
        if part is None:
            return Result(USUAL)
        self._check_result(part, path, step)
        then = USUAL if part.then is None else self._result(part.then, (*path, "then"), step).first
        return Result(_answer(part), part.times, then)

    def _check_output(self, output: Any, path: Path) -> None:
        """Refuse an output that looks like a result with a slip of the pen."""
        for key in output if isinstance(output, Mapping) else ():
            meant = _meant(str(key))
            if meant is not None:
                message = (
                    f"a result has no key {key!r}; an output with that key is {{outcome: done, data: {{{key}: …}}}}"
                )
                self._problems.add("unknown_key", (*path, key), message, f"did you mean {meant!r}?")

    def _check_result(self, part: ResultPart, path: Path, step: Step | None) -> None:
        given = part.model_fields_set
        forms = [form for form in _FORMS if form in given]
        for extra in forms[1:]:
            self._problems.add("conflicting_keys", (*path, extra), f"`{forms[0]}` and `{extra}` exclude each other")
        for keys, home in ((_ONLY_ERROR, "error"), (_ONLY_OUTCOME, "outcome")):
            for key in keys:
                if key in given and home not in given:
                    self._problems.add("not_applicable", (*path, key), f"`{key}` belongs to `{home}`")
        if "then" in given and "times" not in given:
            self._problems.add("missing_key", (*path, "times"), "`then` needs `times`: after how many failures?")
        if step is not None and isinstance(step.runner, Approval):
            return self._check_decision(part, path, step.runner)
        if part.by is not None:
            self._problems.add("not_applicable", (*path, "by"), "`by` is for steps in which people decide")
        if part.outcome is not None and step is not None:
            self._check_outcome(part.outcome, (*path, "outcome"), step)
        return None

    def _check_decision(self, part: ResultPart, path: Path, runner: Approval) -> None:
        """What people answer: a decision, as the form wants it."""
        if part.error is not None:
            message = "people do not fail: script a decision by `outcome`, or `{never: true}` for the time-out"
            return self._problems.add("not_applicable", (*path, "error"), message)
        if part.outcome == TIMEOUT:
            message = "a time-out is no decision: `{never: true}` leads to it"
            return self._problems.add("unknown_outcome", (*path, "outcome"), message)
        if part.outcome is not None and part.outcome not in runner.decisions:
            message = f"there is no decision {part.outcome!r}: {', '.join(runner.decisions)}"
            hint = self._problems.guess(part.outcome, runner.decisions)
            return self._problems.add("unknown_outcome", (*path, "outcome"), message, hint)
        if part.outcome is not None:
            self._check_answers(part.outcome, part.data, (*path, "data"), runner)
        return None

    def _check_answers(self, decision: str, data: Any, path: Path, runner: Approval) -> None:
        if data is not None and not isinstance(data, Mapping):
            return self._wrong(path, f"what people answer is an object, not {kind_of(data)}")
        try:
            runner.answer(decision, data or {}, None, EARLIEST)
        except InvalidInput as error:
            for place, wanted in error.violations:
                self._wrong((*path, *place.split(".")[1:]) if data else path[:-1], f"{place}: {wanted}")
        return None

    def _check_outcome(self, outcome: str, place: Path, step: Step) -> None:
        options = (*step.targets, ERROR)
        if step.runner.effect and outcome not in options:
            message = f"the step {step.id!r} has no outcome {outcome!r}; it has {', '.join(options)}"
            self._problems.add("unknown_outcome", place, message, self._problems.guess(outcome, options))

    def _wrong(self, path: Path, message: str) -> None:
        self._problems.add("bad_value", path, message)


def _meant(key: str) -> str | None:
    """The key of a result that this one is a slip of; None for one that is right, or nothing like any."""
    if key.lower() in _OUTPUT_WORDS | ResultPart.model_fields.keys():
        return key.lower() if key != key.lower() and key.lower() in _FORMS else None
    return next((name for name in ResultPart.model_fields if one_slip(key.lower(), name)), None)


def _patched(contact_id: str, patch: Mapping[str, Any]) -> Contact:
    """The contact as written; of what is wrong (and reported) nothing."""
    try:
        return apply_patch(Contact(contact_id, revision=1), patch)[0]
    except InvalidInput:
        return Contact(contact_id, revision=1)


def _made(part: EventPart, form: str, contact_id: str | None, workflow: str) -> Act:
    words = dict(_operation_words(part, form))
    return Act(
        after=part.after,
        kind="event" if form == "type" else form,  # type: ignore[arg-type]
        contact_id=part.contact if form in (*_OPERATIONS, OUTAGE) else contact_id,
        workflow=part.workflow or workflow,
        type=part.type or "",
        data=words if form in _OPERATIONS else (part.upsert or part.consent or part.data or {}),
        key=part.key,
        id=part.id or "",
        source=part.source or "",
        conversation_id=part.conversation,
        contact_patch=part.contact_patch or {},
        lasts=part.outage or timedelta(0),
    )


def _operation_words(part: EventPart, form: str) -> Iterator[tuple[str, Any]]:
    """What the core wants to know of an operation; see OperatorCause."""
    if form == "advance":
        yield "transition", part.transition
    if part.data is not None:
        yield ("input" if form == "retry" else "data"), part.data
    for name in ("timers", "events", "reason"):
        if getattr(part, name) is not None:
            yield name, getattr(part, name)


def _answer(part: ResultPart) -> Answer:
    if part.never:
        return Answer(never=True)
    if part.error is None:
        return Answer(part.outcome or "done", part.data, part.variables or {}, after=part.after, by=part.by or "")
    retryable = part.retryable if part.retryable is not None else (part.times is not None or _transient(part.error))
    seconds = part.retry_after.total_seconds() if part.retry_after else None
    failure = TaskFailure(part.error, part.message or f"scripted: {part.error}", retryable, seconds)
    return Answer(failure=failure, after=part.after)


def _transient(code: str) -> bool:
    return code in _TRANSIENT or code.startswith("http_5")
