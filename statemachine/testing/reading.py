"""Tests as authors write them, in `tests:` of a workflow or in a file beside it; problems told at their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from statemachine.calendar import parse_time
from statemachine.duration import MAX_DURATION
from statemachine.keys import REQUIRED, Moment, Shape, about
from statemachine.part import Part, read_part
from statemachine.problem import Path, Problem, Problems
from statemachine.reader import Format
from statemachine.scalars import Duration, Label, kind_of
from statemachine.simulation.memory import START
from statemachine.simulation.reading import ScriptReader, Subject
from statemachine.simulation.script import EARLIEST, LATEST
from statemachine.source import read_source
from statemachine.testing.case import Case, Expectation
from statemachine.verdict import ADVANCED, BLOCKED, BUFFERED, DEBOUNCED, ENROLLED, EXITED, NOT_MATCHED
from statemachine.workflow import Workflow

StatusWord = Literal["pending", "running", "waiting", "paused", "completed", "failed", "exited", "cancelled"]
VERDICTS: Final = (ENROLLED, ADVANCED, EXITED, BUFFERED, DEBOUNCED, BLOCKED, NOT_MATCHED)
MAX_TESTS: Final = 500


class CasePart(Part):
    """A test: what happens on a virtual clock, and what must come of it."""

    name: Label = about("What it proves; no two tests have the same.", "silence means a cold lead", default=REQUIRED)
    at: Moment = about("When it begins.", "2026-01-01T09:00Z")
    contact: Annotated[Any, Shape("test_contact")] = about(
        "The contact, which exists beforehand.", {"first_name": "Ann", "tags": ["vip"]}
    )
    contacts: Annotated[Any, Shape("test_contacts")] = about("Several contacts, by their ids.", {"ann": {"score": 5}})
    events: Annotated[Any, Shape("test_events")] = about("What happens, in order.", [{"type": "contact_created"}])
    globals: dict[str, Any] | None = about("Global variables, by name.", {"support_hours": "9 to 5"})
    results: Annotated[Any, Shape("test_results")] = about(
        "What tasks answer, by step. Default: success.", {"welcome": {"error": "timeout", "times": 2}}
    )
    workflows: Annotated[Any, Shape("test_workflows")] = about("Files of other workflows.", ["nurture.yaml"])
    until: Duration | None = about("How long the simulation lasts at most.", "90d")
    expect: Annotated[Any, Shape("expectation")] = about(
        "What must come of it.", {"status": "completed"}, default=REQUIRED
    )


class ExpectPart(Part):
    """What must have come of an enrollment. What is not mentioned may be anything."""

    enrolled: bool | None = about("Whether there is an enrollment at all.", False)
    enrollments: Annotated[Any, Shape("expectations")] = about(
        "All enrollments, in order of entry.", [{"status": "exited"}, {"status": "waiting"}]
    )
    contact: Label | None = about("Whose enrollment it is.", "ann")
    status: StatusWord | None = about("Its status.", "completed")
    path: list[Label] | None = about("Every step that was done or rested in, in order.", ["welcome", "pause"])
    reason: str | None = about("Why it was left; null: no reason.", "unsubscribed")
    goal: str | None = about("The goal it reached; null: none.", "purchase")
    error: Annotated[Any, Shape("test_error")] = about("The last error's code, or its parts; null: none.", "timeout")
    tags: list[str] | None = about("Tags that the contact has.", ["cold_lead"])
    no_tags: list[str] | None = about("Tags that the contact has not.", ["warm_lead"])
    variables: dict[str, Any] | None = about("Some of its variables.", {"offer": "spring"})
    globals: dict[str, Any] | None = about("Some global variables.", {"sold": 3})
    outputs: dict[str, Any] | None = about("Some outputs of its steps, by step.", {"call": {"status": 200}})
    conversation: Annotated[Any, Shape("test_conversation")] = about(
        "How its conversation is; null: it has none.", {"status": "resolved", "tags": ["billing"]}
    )
    fields: dict[str, Any] | None = about("Some fields of the contact.", {"stage": "lead", "score": 10})
    messages: Annotated[Any, Shape("test_messages")] = about("Every message, in order.", [{"step": "welcome"}])
    messages_include: Annotated[Any, Shape("test_messages")] = about("Messages among others.", [{"channel": "sms"}])
    verdicts: Annotated[Any, Shape("test_verdicts")] = about("What each event was answered.", ["ENROLLED", None])
    started_at: Moment = about("When it began.", "2026-01-01T09:00Z")
    ended_at: Moment = about("When it ended.", "2026-01-03T09:00Z")
    ended_after: Duration | None = about("How long it took.", "2d")
    at: Annotated[Any, Shape("test_states")] = about(
        "How it was on the way.", [{"after": "1h", "status": "waiting", "step": "pause"}]
    )


class MessagePart(Part):
    """A message; what is not mentioned may be anything."""

    step: Label | None = about("The step that sent it.", "welcome")
    channel: str | None = about("By which way.", "sms")
    to: Annotated[Any, Shape("anything")] = about("To whom: one, or a list.", "+49151")
    subject: Annotated[Any, Shape("anything")] = about("The subject of an e-mail.", "Welcome")
    body: Annotated[Any, Shape("anything")] = about("The text.", "Hi Ann!")
    template: Annotated[Any, Shape("anything")] = about("The name of its template.", "welcome_sms")


class StatePart(Part):
    """How an enrollment was at a time."""

    after: Duration = about("How long after the beginning.", "1h", default=REQUIRED)
    status: StatusWord | None = about("Its status then.", "waiting")
    step: Label | None = about("The step it was in.", "pause")
    variables: dict[str, Any] | None = about("Some of its variables then.", {"round": 2})


class ErrorPart(Part):
    """The last error of an enrollment; what is not mentioned may be anything."""

    code: Label | None = about("Its code.", "timeout")
    step: Label | None = about("The step that failed.", "welcome")
    message: str | None = about("What it said.", "no answer within 30 s")


class ConversationPart(Part):
    """The conversation of an enrollment; what is not mentioned may be anything."""

    id: Label | None = about("Its id.", "chat-7")
    status: Literal["open", "resolved"] | None = about("Its status.", "resolved")
    channel: str | None = about("The channel of its first message.", "chat")
    tags: list[str] | None = about("Tags that it has.", ["billing"])
    no_tags: list[str] | None = about("Tags that it has not.", ["spam"])
    variables: dict[str, Any] | None = about("Some of its variables.", {"topic": "invoice"})


class VerdictPart(Part):
    """What an event did with regard to a workflow; what is not mentioned may be anything."""

    kind: str = about(
        "ENROLLED, ADVANCED, EXITED, BUFFERED, DEBOUNCED, BLOCKED or NOT_MATCHED.", "BLOCKED", default=REQUIRED
    )
    rule: str | None = about("The rule or condition that decided.", "cooldown")
    step: Label | None = about("The step concerned.", "welcome")
    workflow: Label | None = about("The workflow. Default: the one under test.", "nurture")


class TestFilePart(Part):
    """A file of tests beside a workflow."""

    workflow: str | None = about("The workflow's file. Default: of the same name.", "lead.yaml")
    tests: Annotated[Any, Shape("tests")] = about(
        "The tests.", [{"name": "it begins", "expect": {"enrolled": True}}], default=REQUIRED
    )


@dataclass(frozen=True, slots=True)
class TestFile:
    """`workflow` is the file that the tests are about when the file says so."""

    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]
    workflow: str | None = None

    @property
    def failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


def subject_of(workflow: Workflow) -> Subject:
    return Subject(workflow.key, tuple(workflow.steps), workflow.steps, workflow.timezone or "UTC")


def load_tests(text: str | bytes, workflow: Workflow | None, format: Format | None = None) -> TestFile:  # noqa: A002
    """Read a `*.test.yaml`: `{workflow?: file, tests: […]}`. Without the workflow only its name is read.

    Never raises for bad input.
    """
    source = read_source(text, format)
    if source.data is None and source.problems:
        return TestFile((), source.problems)
    problems = Problems(source.positions)
    part = read_part(TestFilePart, source.data, (), problems)
    cases: tuple[Case, ...] = ()
    if part is not None and workflow is not None:
        cases = read_tests(part.tests, ("tests",), subject_of(workflow), problems)
    found = (*source.problems, *problems.sorted())
    return TestFile(cases, found, part.workflow if part else None)


def read_tests(raw: Any, path: Path, subject: Subject, problems: Problems) -> tuple[Case, ...]:
    """All tests of a list; those with a mistake are reported and left out."""
    if raw is None:
        return ()
    if not isinstance(raw, list):
        problems.add("bad_value", path, f"`tests` is a list of tests, not {kind_of(raw)}")
        return ()
    if len(raw) > MAX_TESTS:
        problems.add("bad_value", path, f"there are {len(raw)} tests; at most {MAX_TESTS} are allowed")
        return ()
    reader = _CaseReader(subject, problems)
    cases = [reader.read(item, (*path, index)) for index, item in enumerate(raw)]
    return tuple(case for case in cases if case is not None)


class _CaseReader:
    def __init__(self, subject: Subject, problems: Problems) -> None:
        self._subject = subject
        self._problems = problems
        self._script = ScriptReader(subject, problems)
        self._names: set[str] = set()

    def read(self, raw: Any, path: Path) -> Case | None:
        part = read_part(CasePart, raw, path, self._problems)
        if part is None:
            return None
        if part.name in self._names:
            message = f"there are two tests with the name {part.name!r}"
            self._problems.add("duplicate_id", (*path, "name"), message)
        self._names.add(part.name)
        cast = self._script.cast(part.contact, part.contacts, path)
        return Case(
            name=part.name,
            expect=_ExpectationReader(self._script, self._problems, self._subject.zone).read(
                part.expect, (*path, "expect")
            ),
            path=path,
            place=self._problems.place(path),
            starts_at=self._instant(part.at, (*path, "at")) or START,
            lasts=part.until or MAX_DURATION,
            cast=cast,
            acts=self._script.acts(part.events, (*path, "events"), cast),
            global_variables=part.globals or {},
            results=self._script.results(part.results, (*path, "results")),
            workflows=self._others(part.workflows, (*path, "workflows")),
        )

    def _instant(self, raw: Any, path: Path) -> datetime | None:
        return read_instant(raw, self._subject.zone, path, self._problems)

    def _others(self, raw: Any, path: Path) -> tuple[str, ...]:
        names = raw if isinstance(raw, list) else [] if raw is None else [raw]
        if not all(isinstance(name, str) and name for name in names):
            self._problems.add("bad_value", path, "`workflows` is a list of file names")
            return ()
        return tuple(names)


def read_instant(raw: Any, zone: str, path: Path, problems: Problems) -> datetime | None:
    if raw is None:
        return None
    try:
        moment = parse_time(raw, zone)
    except ValueError as error:
        problems.add("bad_time", path, str(error))
        return None
    if not EARLIEST <= moment <= LATEST:
        problems.add("bad_time", path, f"{str(raw)[:60]!r} is not in the years {EARLIEST.year} to {LATEST.year}")
        return None
    return moment


class _ExpectationReader:
    def __init__(self, script: ScriptReader, problems: Problems, zone: str) -> None:
        self._script = script
        self._problems = problems
        self._zone = zone

    def read(self, raw: Any, path: Path, *, inner: bool = False) -> Expectation:
        part = read_part(ExpectPart, raw, path, self._problems)
        if part is None:
            return Expectation(path=path)
        given = [name for name in ExpectPart.model_fields if name in part.model_fields_set]
        if not raw and not inner:
            self._problems.add("bad_value", path, "a test that expects nothing proves nothing")
        self._check_combination(given, path, part, inner=inner)
        words = {name: self._word(name, getattr(part, name), (*path, name)) for name in given if name != "enrollments"}
        places = {name: place for name in given if (place := self._problems.place((*path, name)))}
        return Expectation(words, self._enrollments(part.enrollments, (*path, "enrollments")), path, places)

    def _check_combination(self, given: list[str], path: Path, part: ExpectPart, *, inner: bool) -> None:
        if inner:
            for name in ("enrolled", "enrollments", "verdicts"):
                if name in given:
                    self._problems.add("not_applicable", (*path, name), f"`{name}` is said once, outside the list")
        elif "enrolled" in given and part.enrolled is False:
            for name in given:
                if name not in ("enrolled", "contact", "tags", "no_tags", "fields", "verdicts"):
                    message = f"nobody is enrolled, so there is no `{name}`"
                    self._problems.add("conflicting_keys", (*path, name), message)

    def _enrollments(self, raw: Any, path: Path) -> tuple[Expectation, ...] | None:
        if raw is None:
            return None
        items = self._list(raw, path)
        return tuple(self.read(item, (*path, index), inner=True) for index, item in enumerate(items))

    def _word(self, name: str, value: Any, path: Path) -> Any:
        if name == "path":
            for index, step_id in enumerate(value or ()):
                self._script.check_step(step_id, (*path, index))
        elif name in ("started_at", "ended_at"):
            return read_instant(value, self._zone, path, self._problems)
        elif name in ("messages", "messages_include"):
            return self._parts(MessagePart, value, path)
        elif name == "at":
            return self._parts(StatePart, value, path)
        elif name == "error" and isinstance(value, Mapping):
            part = read_part(ErrorPart, value, path, self._problems)
            return _given(part) if part is not None else None
        elif name == "conversation" and value is not None:
            talk = read_part(ConversationPart, value, path, self._problems)
            return _given(talk) if talk is not None else {}
        elif name == "verdicts":
            return [self._verdicts(item, (*path, index)) for index, item in enumerate(self._list(value, path))]
        return value

    def _parts(self, model: type[Part], raw: Any, path: Path) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for index, item in enumerate(self._list(raw, path)):
            part = read_part(model, item, (*path, index), self._problems)
            words = {} if part is None else _given(part)
            if words.get("step") is not None:
                self._script.check_step(words["step"], (*path, index, "step"))
            found.append(words)
        return found

    def _verdicts(self, raw: Any, path: Path) -> list[dict[str, Any]]:
        """What one event is expected to be answered: nothing, one verdict or several."""
        items = raw if isinstance(raw, list) else [] if raw is None else [raw]
        found: list[dict[str, Any]] = []
        for item in items:
            part = read_part(VerdictPart, {"kind": item} if isinstance(item, str) else item, path, self._problems)
            if part is None:
                continue
            words = _given(part)
            words["kind"] = words["kind"].upper()
            if words["kind"] not in VERDICTS:
                hint = self._problems.guess(words["kind"], VERDICTS)
                options = ", ".join(VERDICTS)
                self._problems.add("bad_value", path, f"there is no verdict {part.kind!r}; they are {options}", hint)
            found.append(words)
        return found

    def _list(self, raw: Any, path: Path) -> list[Any]:
        if isinstance(raw, list):
            return raw
        self._problems.add("bad_value", path, f"a list has to stand here, not {kind_of(raw)}")
        return []


def _given(part: Part) -> dict[str, Any]:
    return {name: getattr(part, name) for name in type(part).model_fields if name in part.model_fields_set}
