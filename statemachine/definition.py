"""Text → compiled workflow: the one way in for definitions.

`load_workflow` never raises for bad input: it reports every problem at once, each with its code and place, and gives a
workflow when none of them is an error. `compile_workflow` is the same for callers that want an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import reduce
from typing import Any, Final

from statemachine.assembly import Assembly, assemble
from statemachine.canonical import canonical_lists
from statemachine.canvas.display import check_display
from statemachine.canvas.reading import Canvas, read_canvas
from statemachine.checks.draft import Draft
from statemachine.checks.inspection import inspect
from statemachine.compiler import Compiler
from statemachine.document import DocumentPart, is_canvas
from statemachine.entrance import Entrance, Terms
from statemachine.errors import DefinitionError
from statemachine.machine import WorkflowMachine
from statemachine.meter import TooComplex, metered
from statemachine.names import slug
from statemachine.opening import beginning, opening_steps
from statemachine.outline import Outline, outline_of
from statemachine.part import read_part
from statemachine.problem import Place, Problem, Problems, in_order
from statemachine.reads import Reads, reads_of
from statemachine.retry_reading import read_retry
from statemachine.scalars import is_name, kind_of
from statemachine.sending.reading import read_sending
from statemachine.sending.stop_words import read_stop_words
from statemachine.simulation.reading import Subject
from statemachine.source import Format, read_source
from statemachine.spelling import respell_all
from statemachine.steps.loop import item_names
from statemachine.steps.sub_workflow import SubWorkflow, inner_workflows
from statemachine.template import Value
from statemachine.testing.case import Case
from statemachine.testing.reading import read_tests
from statemachine.workflow import ExitRule, RetryPolicy, Step, Trigger, Workflow

_TOO_COMPLEX: Final = "expressions, templates and patterns are too many, or too long, taken together"


@dataclass(frozen=True, slots=True)
class Loaded:
    """`workflow` is None when a problem is an error. `canonical` is the document in the language's own spelling.

    `tests` are the document's own tests, those without a mistake. `places` say where each step stands: its path as the
    source spells it, and line and column.
    `outline` is the document as its author spells it, taken apart: what it is written out from in another format.
    """

    workflow: Workflow | None
    problems: tuple[Problem, ...]
    source_format: Format
    canonical: dict[str, Any] = field(default_factory=dict)
    tests: tuple[Case, ...] = ()
    places: Mapping[str, tuple[str, Place | None]] = field(default_factory=dict)
    outline: Outline = field(default_factory=Outline)

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")


def load_workflow(
    text: str | bytes,
    *,
    format: Format | None = None,  # noqa: A002
    key: str | None = None,
    name: str | None = None,
    lenient: bool = False,
    version: int = 0,
    stored: bool = False,
) -> Loaded:
    """Read, check and compile a definition.

    `format` is found out when None; `key` and `name` win over the document's; with `lenient`, a target that names no
    step is a warning and completes the run. `stored` is for a text that was published, perhaps long ago: words that
    have got a meaning since then keep the one they had. Never raises for bad input.
    """
    source = read_source(text, format)
    if source.data is None and source.problems:
        return Loaded(None, source.problems, source.format)
    problems = Problems(source.positions)
    loader = _Loader(problems, lenient=lenient, stored=stored)
    first = source.problems
    try:
        with metered():
            workflow = loader.load(source.data, key, name, drawn=format == "canvas")
    except TooComplex:
        workflow, first = None, (*first, Problem("too_complex", "error", _TOO_COMPLEX, "", 1, 1))
    found = in_order((*first, *problems.sorted()))
    known: Format = source.format if loader.canvas is None else "canvas"
    if workflow is None or any(problem.severity == "error" for problem in found):
        return Loaded(None, found, known, loader.canonical)
    numbered = replace(workflow, version=version, warnings=found)
    return Loaded(numbered, found, known, loader.canonical, loader.tests, loader.places, loader.outline)


def compile_workflow(
    text: str | bytes,
    *,
    format: Format | None = None,  # noqa: A002
    key: str | None = None,
    name: str | None = None,
    lenient: bool = False,
    version: int = 0,
) -> Workflow:
    """Like `load_workflow`; raises DefinitionError with all problems when one of them is an error."""
    loaded = load_workflow(text, format=format, key=key, name=name, lenient=lenient, version=version)
    if loaded.workflow is None:
        raise DefinitionError(loaded.problems)
    return loaded.workflow


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a workflow is made of: its steps, those of triggers among them, and where runs begin, as in `Workflow`."""

    terms: Terms
    steps: Mapping[str, Step]
    first: str
    entries: Mapping[str, str]
    variables: Value | None


class _Loader:
    """Loads one document. `canvas` is what was drawn, None for a list of steps."""

    def __init__(self, problems: Problems, *, lenient: bool, stored: bool) -> None:
        self._problems = problems
        self._lenient = lenient
        self._stored = stored
        self._compiler = Compiler(problems)
        self.tests: tuple[Case, ...] = ()
        self.places: dict[str, tuple[str, Place | None]] = {}
        self.canonical: dict[str, Any] = {}
        self.canvas: Canvas | None = None
        self.outline = Outline()
        self._opened: dict[str, Step] = {}
        self._whole = True

    def load(self, data: Any, key: str | None, name: str | None, *, drawn: bool) -> Workflow | None:
        if not isinstance(data, Mapping):
            self._problems.add("not_an_object", (), f"a definition is an object with `steps`, not {kind_of(data)}")
            return None
        if drawn or is_canvas(data):
            self.canvas = read_canvas(data, self._problems)
            self._whole = not self._problems.failed
            data = self.canvas.document
        document = read_part(DocumentPart, data, (), self._problems)
        if document is None:
            return None
        name = name or document.name or key or document.key or ""
        key = key or document.key or slug(name)
        if not key and "key" not in data:
            self._problems.add(
                "missing_key", ("key",), "a workflow needs a `key`, or a `name` with Latin letters in it"
            )
        elif key and not is_name(key):
            self._problems.add("bad_name", ("key",), f"{key[:60]!r} is no key: use up to 100 letters, digits, _ - . :")
        self.canonical.update({"key": key, "name": name}, **_plain(document))
        made = self._assemble(document)
        workflow = self._workflow(document, made, data, key, name)
        self._read_tests(document, made, key)
        return workflow

    def _read_tests(self, document: DocumentPart, made: Assembly, key: str) -> None:
        if document.tests is not None:
            self.canonical["tests"] = document.tests
            ids = (*self._opened, *made.known)
            subject = Subject(key, ids, {**self._opened, **made.steps}, document.timezone or "UTC")
            self.tests = read_tests(document.tests, ("tests",), subject, self._problems)

    def _assemble(self, document: DocumentPart) -> Assembly:
        retry = read_retry(document.retry, ("retry",), RetryPolicy(), self._problems)
        if self.canvas is not None and not document.steps:
            return Assembly()
        if document.steps is None:
            self._problems.add("no_steps", ("steps",), "the workflow has no steps")
            return Assembly()
        drawn = self.canvas is not None
        sending = read_sending(document.sending, ("sending",), self._problems)
        return assemble(
            document.steps,
            ("steps",),
            retry,
            self._problems,
            on_failure=document.on_failure,
            sending=sending,
            lenient=self._lenient,
            drawn=drawn,
        )

    def _workflow(
        self, document: DocumentPart, made: Assembly, data: Mapping[str, Any], key: str, name: str
    ) -> Workflow | None:
        entrance = Entrance(self._compiler, self._problems, stored=self._stored)
        terms = entrance.terms(document)
        self._opened = opening_steps(entrance.openings, made.known, self._problems, lenient=self._lenient)
        made.places.update((opening.id, opening.path) for opening in entrance.openings if opening.id in self._opened)
        first, entries = beginning(entrance.openings, made.first)
        parts = _Parts(terms, {**self._opened, **made.steps}, first, entries, self._variables(document.variables))
        check_display(document.canvas, self._problems)
        stop_words = read_stop_words(document.stop_words, ("stop_words",), self._problems)
        self.canonical.update(entrance.canonical, **canonical_lists(made.entries, made.canonical))
        self._check_recursion(made, key)
        self._check(document, made, parts, entrance)
        if self._problems.failed or first not in parts.steps:
            return None
        self.outline = outline_of(data, entrance.written, made.entries, self.canvas, document.canvas)
        own_reads = reads_of(read.path for read in self._compiler.reads)
        return replace(_compiled(document, parts, key, name, made.on_failure, own_reads), stop_words=stop_words)

    def _check_recursion(self, made: Assembly, key: str) -> None:
        for step in made.steps.values():
            if isinstance(step.runner, SubWorkflow) and step.runner.workflow == key:
                place = (*made.places[step.id], "config", "workflow")
                self._problems.add("recursive_workflow", place, f"the workflow {key!r} would run itself")

    def _variables(self, raw: Any) -> Value | None:
        if raw is None:
            return None
        if not isinstance(raw, Mapping):
            message = f"`variables` has to be an object, not {kind_of(raw)}"
            self._problems.add("not_an_object", ("variables",), message)
            return None
        self.canonical["variables"] = raw
        return self._compiler.value(("variables",), raw)

    def _check(self, document: DocumentPart, made: Assembly, parts: _Parts, entrance: Entrance) -> None:
        reads = [*made.reads, *((None, read) for read in self._compiler.reads)]
        for _, read in reads:
            target = str(read.path[1]) if read.path[0] == "steps" and len(read.path) > 1 else None
            if target is not None and target not in made.known and target not in parts.steps:
                hint = self._problems.guess(target, made.known)
                self._problems.add("unknown_step", read.place, f"there is no step {target!r}", hint)
        self.places = {step_id: self._problems.locate(path) for step_id, path in made.places.items()}
        if made.steps:
            draft = Draft(
                steps=parts.steps,
                starts=tuple(dict.fromkeys((parts.first, *parts.entries.values()))),
                places=made.places,
                triggers=entrance.placed_triggers,
                exits=entrance.placed_exits,
                limits=parts.terms.limits,
                declared=frozenset(document.variables if isinstance(document.variables, Mapping) else ()),
                reads=reads,
                conditions=made.conditions | self._compiler.conditions,
                on_failure=made.on_failure,
            )
            inspect(draft, self._problems, whole=made.whole and self._whole)


def _compiled(
    document: DocumentPart, parts: _Parts, key: str, name: str, on_failure: str, own_reads: Reads
) -> Workflow:
    """The workflow of a document without errors. `own_reads` is what may be read of no step, trigger or exit."""
    terms, steps = parts.terms, parts.steps
    return Workflow(
        key=key,
        name=name,
        steps=steps,
        first=parts.first,
        machine=WorkflowMachine(steps, parts.first, parts.entries.values(), on_failure),
        description=document.description or "",
        label=document.version or "",
        active=document.is_active,
        timezone=document.timezone,
        triggers=terms.triggers,
        entries=parts.entries,
        entry=terms.entry,
        exits=terms.exits,
        limits=terms.limits,
        on_missing=document.on_missing,
        variables=parts.variables,
        pause_timers=terms.pause_timers,
        pause_events=terms.pause_events,
        channels=frozenset(channel for step in steps.values() for channel in step.runner.channels),
        reads=_all_reads(steps, terms.triggers, terms.exits, own_reads),
        item_names=item_names(steps.values()),
        inner=inner_workflows(steps.values()),
        on_failure=on_failure,
        counts=_counts(steps),
        rated=_rated(steps),
    )


def _plain(document: DocumentPart) -> dict[str, Any]:
    given = {
        "description": document.description,
        "version": document.version,
        "timezone": document.timezone,
        "retry": respell_all(document.retry, (), Problems()),
        "sending": respell_all(document.sending, (), Problems()),
        "stop_words": respell_all(document.stop_words, (), Problems()),
    }
    plain = {key: value for key, value in given.items() if value is not None}
    if not document.is_active:
        plain["is_active"] = False
    if document.on_missing != "keep":
        plain["on_missing"] = document.on_missing
    return plain


def _counts(steps: Mapping[str, Step]) -> timedelta | None:
    reaches = (step.sending.reach for step in steps.values() if step.sending is not None)
    return max((reach for reach in reaches if reach is not None), default=None)


def _rated(steps: Mapping[str, Step]) -> dict[str, int]:
    rated: dict[str, int] = {}
    for step in steps.values():
        for rate in step.sending.rates if step.sending is not None else ():
            rated[rate.channel] = max(rate.count, rated.get(rate.channel, 0))
    return rated


def _all_reads(
    steps: Mapping[str, Step], triggers: tuple[Trigger, ...], exits: tuple[ExitRule, ...], own: Reads
) -> Reads:
    parts: tuple[Step | Trigger | ExitRule, ...] = (*steps.values(), *triggers, *exits)
    return reduce(Reads.__or__, (part.reads for part in parts), own)
