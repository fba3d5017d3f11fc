"""From the step list of a document to runnable steps: ids, configs, outcomes and where each of them leads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from statemachine.bodies import Body, first_of
from statemachine.compiler import Read, StepBuild
from statemachine.condition import Condition
from statemachine.document import RetryPart, StepPart
from statemachine.layout import Around, Entry, Layout
from statemachine.limits import MAX_STEPS
from statemachine.nesting import nest
from statemachine.part import read_part, report_invalid
from statemachine.problem import Path, Problems
from statemachine.scalars import kind_of
from statemachine.sending.reading import merged, read_sending
from statemachine.sending.rules import Sending
from statemachine.spelling import CONDITION_VALUES, respell_all
from statemachine.step import END, StepType
from statemachine.steps import NOT_YET, STEP_TYPES, not_yet
from statemachine.steps.guards import STEPS, ErrorHandler
from statemachine.steps.message import MessageStep
from statemachine.steps.parallel import Parallel
from statemachine.workflow import ON_FAILURE, UNDONE, RetryPolicy, Step, is_closed, undo_body

ERROR: Final = "error"
_CARRIERS: Final = {"body": "loops", "steps": "try, fallback and error_handler", "catch": "try", "finally": "try"}
_MAX_LISTED: Final = 20
_YES_NO: Final = {"yes": "true", "no": "false"}


@dataclass(slots=True)
class Assembly:
    """What came of the step list. `known` are all ids, those of broken steps too; `reads` are (step, read).

    `whole` says that no step, and no way out of one, was refused.
    """

    steps: dict[str, Step] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    known: dict[str, Path] = field(default_factory=dict)
    reads: list[tuple[str, Read]] = field(default_factory=list)
    conditions: dict[Path, Condition] = field(default_factory=dict)
    canonical: list[dict[str, Any]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    first: str = END
    on_failure: str = ""
    whole: bool = True


def assemble(
    raw: Any,
    path: Path,
    retry: RetryPolicy,
    problems: Problems,
    *,
    on_failure: Any = None,
    sending: Mapping[str, Any] | None = None,
    lenient: bool = False,
    drawn: bool = False,
) -> Assembly:
    """Build all steps; whatever is wrong with any of them is reported. `sending` are the rules of all messages.

    `drawn` steps come from a canvas: an outcome without an edge ends the path, whatever `next` says. Those of
    `on_failure` and of undos are a list all the same.
    """
    made = Assembly()
    if not isinstance(raw, list):
        problems.add("bad_value", path, f"`steps` has to be a list of steps, not {kind_of(raw)}")
        return made
    layout = Layout(problems)
    entries = list(layout.flatten(Body(raw, path), Around(END, listed=not drawn)))
    if entries and on_failure is not None:
        entries += _when_failed(on_failure, layout, made, problems)
    if not entries:
        problems.add("no_steps", path, "the workflow has no steps")
        return made
    if len(entries) > MAX_STEPS:
        problems.add("too_many_steps", path, f"the workflow has {len(entries)} steps; at most {MAX_STEPS} are allowed")
        return made
    _claim_ids(entries, made, problems)
    made.first = _first(entries)
    made.entries = entries
    for entry in entries:
        _Builder(made, retry, sending or {}, problems, lenient=lenient, drawn=not entry.listed).build(entry)
    nest(made, problems)
    missing = any(target not in (END, UNDONE) and target not in made.steps for target in _all_targets(made))
    made.whole = made.whole and len(made.steps) == len(entries) and not missing
    return made


def _when_failed(raw: Any, layout: Layout, made: Assembly, problems: Problems) -> list[Entry]:
    body = Body(raw if isinstance(raw, list) else [raw], ("on_failure",))
    if body.named:
        message = "`on_failure` is a list of steps, written in place, with at least one step"
        problems.add("bad_value", body.place, message)
        return []
    made.on_failure = first_of(body)
    return list(layout.flatten(body, Around(END, (ON_FAILURE,), ("on_failure",))))


def _first(entries: Sequence[Entry]) -> str:
    """The first step of the order, which error handlers are left out of."""
    for entry in entries:
        config = entry.raw.get("config")
        if entry.raw.get("type") != ErrorHandler.name or (
            isinstance(config, Mapping) and config.get("scope") == "named"
        ):
            return entry.id
    return entries[0].id


def _all_targets(made: Assembly) -> Iterator[str]:
    for step in made.steps.values():
        yield from (*step.targets.values(), step.following, step.on_error or END)


def _claim_ids(entries: Sequence[Entry], made: Assembly, problems: Problems) -> None:
    for entry in entries:
        if entry.id == END:
            problems.add("reserved_id", (*entry.path, "id"), f"{END!r} is the target that completes a run")
        elif entry.id in made.known:
            problems.add("duplicate_id", (*entry.path, "id"), f"there are two steps with the id {entry.id!r}")
        made.known.setdefault(entry.id, entry.path)


class _Builder:
    def __init__(
        self,
        made: Assembly,
        retry: RetryPolicy,
        sending: Mapping[str, Any],
        problems: Problems,
        *,
        lenient: bool,
        drawn: bool,
    ) -> None:
        self._made = made
        self._retry = retry
        self._sending = sending
        self._problems = problems
        self._lenient = lenient
        self._drawn = drawn

    def build(self, entry: Entry) -> None:
        part = read_part(StepPart, entry.raw, entry.path, self._problems)
        self._read_branches(entry)
        if part is None:
            return
        step_type = self._type(part.type, (*entry.path, "type"))
        if step_type is None:
            return
        place = (*entry.path, "config")
        free_form = (*step_type.free_form, *CONDITION_VALUES)
        raw = self._spelled_out(step_type, part.config, place)
        config = {} if raw is None else respell_all(raw, place, self._problems, free_form)
        part = self._lift_output(entry, part, config)
        build = StepBuild(entry.id, place, tuple(entry.branches), self._problems)
        runner = self._runner(step_type, config, build, place)
        when = build.compiler.condition((*entry.path, "when"), self._respelled(part.when, (*entry.path, "when")))
        self._made.reads.extend((entry.id, read) for read in build.compiler.reads)
        self._made.conditions |= build.compiler.conditions
        if runner is not None:
            self._finish(entry, part, step_type, config, runner, when)

    def _finish(
        self,
        entry: Entry,
        part: StepPart,
        step_type: type[StepType],
        config: Any,
        runner: StepType,
        when: Condition | None,
    ) -> None:
        following = self._following(entry, part)
        targets, on_error = self._targets(entry, part, runner, following)
        self._check_since(entry, part)
        leads = entry.branches or runner.targets() or (self._drawn and part.next not in (None, END))
        if step_type.name == "condition" and not leads:
            self._refuse_aimless(entry)
        if runner.needs_body and runner.needs_body not in entry.branches:
            self._refuse_empty(entry, runner)
        self._refuse_foreign_keys(entry, part, runner)
        if isinstance(runner, Parallel) and len(runner.bodies()) < 2:
            self._made.whole = False
        step = Step(
            id=entry.id,
            type=step_type.name,
            runner=runner,
            targets=targets,
            name=part.name or "",
            when=when,
            retry=read_retry(part.retry, (*entry.path, "retry"), self._retry, self._problems),
            timeout=part.timeout,
            on_error=on_error,
            following=following,
            output=part.output,
            at_most_once=part.crash_policy == "at_most_once",
            within=entry.within,
            bodies=entry.bodies,
            undo=entry.undo,
            sending=self._rules(entry, part, runner),
        )
        if entry.id not in self._made.steps:
            self._made.steps[entry.id] = step
            self._made.places[entry.id] = entry.path
            self._made.canonical.append(_canonical(entry, part, step, config))

    def _spelled_out(self, step_type: type[StepType], config: Any, place: Path) -> Any:
        """A config that is nothing but a number, with the key that it means."""
        if step_type.bare is None or isinstance(config, bool) or not isinstance(config, int | float):
            return config
        self._problems.spelled((*place, step_type.bare), self._problems.source_path(place))
        return {step_type.bare: config}

    def _lift_output(self, entry: Entry, part: StepPart, config: Any) -> StepPart:
        """`outputVariable` may stand in the config, where some editors write it; it means the step's `output`."""
        if not isinstance(config, dict) or "output_variable" not in config:
            return part
        place = (*entry.path, "config", "output_variable")
        name = config.pop("output_variable")
        if part.output is not None:
            self._problems.add("conflicting_keys", place, "`output` of the step names the variable already")
            return part
        self._problems.spelled((*entry.path, "output"), self._problems.source_path(place))
        return read_part(StepPart, {**entry.raw, "output": name}, entry.path, self._problems) or part

    def _refuse_empty(self, entry: Entry, runner: StepType) -> None:
        self._made.whole = False
        key = STEPS if runner.guards else runner.needs_body
        how = f"draw an edge `{runner.needs_body}` to the first of them" if self._drawn else f"add `{key}: [steps]`"
        place = entry.path if self._drawn else (*entry.path, key)
        self._problems.add("missing_key", place, f"the {runner.name} has no steps to go through: {how}")

    def _refuse_aimless(self, entry: Entry) -> None:
        if self._drawn:
            message = "a condition that leads nowhere decides nothing: draw edges labelled yes and no"
            self._problems.add("missing_key", entry.path, message)
        else:
            message = "a condition that leads nowhere decides nothing: say `branches: {true: …, false: …}`"
            self._problems.add("missing_key", (*entry.path, "branches"), message)

    def _type(self, name: str, path: Path) -> type[StepType] | None:
        step_type = STEP_TYPES.get(name)
        if step_type is not None:
            return step_type
        why = not_yet(name)
        if why is not None:
            self._problems.add("not_supported_yet", path, f"the step type {name!r}: {why}")
        else:
            hint = self._problems.guess(name, (*STEP_TYPES, *NOT_YET))
            self._problems.add("unknown_type", path, f"there is no step type {name!r}", hint)
        return None

    def _runner(self, step_type: type[StepType], config: Any, build: StepBuild, path: Path) -> StepType | None:
        if not isinstance(config, Mapping):
            wanted = f"an object, or a number of seconds for `{step_type.bare}`" if step_type.bare else "an object"
            self._problems.add("not_an_object", path, f"`config` has to be {wanted}, not {kind_of(config)}")
            return None
        try:
            model = step_type.Config.model_validate(config)
        except ValidationError as error:
            report_invalid(error, step_type.Config, config, path, self._problems)
            return None
        return step_type(model, build)

    def _read_branches(self, entry: Entry) -> None:
        raw = entry.raw.get("branches")
        path = (*entry.path, "branches")
        if raw is None:
            return
        if not isinstance(raw, Mapping):
            message = f"`branches` leads each outcome to a step: `branches: {{true: step_a}}`, not {kind_of(raw)}"
            self._problems.add("bad_value", path, message)
            return
        for outcome, target in raw.items():
            place = (*path, outcome)
            if outcome in entry.branches:
                self._problems.add("conflicting_keys", place, f"the outcome {outcome!r} is led to a step twice")
            elif isinstance(target, str | int) and not isinstance(target, bool):
                entry.branches[outcome] = (str(target), place)
            else:
                self._problems.add("bad_value", place, f"a branch leads to the id of a step, not to {kind_of(target)}")

    def _following(self, entry: Entry, part: StepPart) -> str:
        return entry.following if part.next is None else self._target(part.next, (*entry.path, "next"))

    def _targets(
        self, entry: Entry, part: StepPart, runner: StepType, following: str
    ) -> tuple[dict[str, str], str | None]:
        """Where each outcome leads, and where `error` does."""
        outcomes = runner.outcomes()
        targets = dict.fromkeys(outcomes, following)
        if self._drawn:
            targets = {outcome: following if outcome == falls_through(outcomes) else END for outcome in outcomes}
            self._check_edges(entry, part, runner)
        config = (*entry.path, "config")
        places = dict(_named_targets(part.config, config)) if runner.targets() else {}
        for outcome, target in runner.targets().items():
            targets[outcome] = self._target(target, places.get(target, config))
        on_error = None if part.on_error is None else self._target(part.on_error, (*entry.path, "on_error"))
        spelled = _spellings(outcomes)
        for written, (target, place) in entry.branches.items():
            outcome = spelled(written)
            if outcome in targets:
                targets[outcome] = self._target(target, place)
            elif outcome == ERROR and part.on_error is None:
                on_error = self._target(target, place)
            else:
                self._refuse_outcome(entry, written, outcomes, place)
        return targets, on_error

    def _check_edges(self, entry: Entry, part: StepPart, runner: StepType) -> None:
        """An edge without a label needs an outcome that falls through, and must not contradict the config."""
        outcomes, place = runner.outcomes(), (*entry.path, "next")
        open_outcome = falls_through(outcomes)
        if part.next not in (None, END) and not outcomes and part.when is None:
            message = f"a step of type {part.type!r} ends the run: no edge leads out of it"
            self._problems.add("bad_edge", place, message)
        elif part.next not in (None, END) and open_outcome is None and part.when is None:
            message = f"say which outcome of {entry.id!r} this is, by a label: {', '.join((*outcomes, ERROR))}"
            self._problems.add("unlabelled_edge", place, message)
        self._check_said_once(entry, part, open_outcome)
        for outcome, target in runner.targets().items():
            way, at = (part.next, place) if outcome == open_outcome else (None, place)
            way, at = entry.branches.get(outcome, (way, at))
            if way not in (None, END, target):
                message = f"the config leads {outcome!r} to {target!r}, the edge to {way!r}"
                self._problems.add("conflicting_keys", at, message)

    def _check_said_once(self, entry: Entry, part: StepPart, open_outcome: str | None) -> None:
        """Refuse an edge without a label beside one with the label for which it stands."""
        plain, source = (*entry.path, "next"), self._problems.source_path
        if open_outcome not in entry.branches or part.when is not None or source(plain)[-1] != "target":
            return
        second = max(source(plain)[:-1], source(entry.branches[open_outcome][1])[:-1])
        message = f"two edges lead out of {entry.id!r} for {open_outcome!r}: the one without a label is that too"
        self._problems.add("conflicting_keys", second, message, "keep one of them")

    def _refuse_outcome(self, entry: Entry, outcome: str, outcomes: Sequence[str], place: Path) -> None:
        if outcome == ERROR:
            self._problems.add("conflicting_keys", place, "`on_error` already says where an error leads")
            return
        self._made.whole = False
        options = ", ".join((*outcomes[:_MAX_LISTED], *(["…"] if len(outcomes) > _MAX_LISTED else []), ERROR))
        message = f"the step {entry.id!r} has no outcome {outcome!r}; it has {options}"
        self._problems.add("unknown_outcome", place, message, self._problems.guess(outcome, outcomes))

    def _target(self, target: str, place: Path) -> str:
        if target == END or target in self._made.known:
            return target
        message = f"there is no step {target!r}"
        if self._lenient:
            self._problems.add("unknown_step", place, f"{message}: the run completes here", severity="warning")
        else:
            self._made.whole = False
            self._problems.add("unknown_step", place, message, self._problems.guess(target, (*self._made.known, END)))
        return END

    def _check_since(self, entry: Entry, part: StepPart) -> None:
        """`since` of a wait may name a step."""
        since = part.config.get("since") if isinstance(part.config, Mapping) else None
        if STEP_TYPES[part.type].name == "wait" and isinstance(since, str) and since not in ("enrollment", "wait"):
            place = (*entry.path, "config", "since")
            if since not in self._made.known:
                hint = self._problems.guess(since, (*self._made.known, "enrollment", "wait"))
                self._problems.add("unknown_step", place, f"there is no step {since!r}", hint)

    def _refuse_foreign_keys(self, entry: Entry, part: StepPart, runner: StepType) -> None:
        for key, value in (("timeout", part.timeout), ("crash_policy", part.crash_policy), ("retry", part.retry)):
            if value is not None and (runner.human or not runner.effect):
                timed = runner.human or part.type in ("wait", "delay")
                hint = "did you mean `config.timeout`?" if key == "timeout" and timed else ""
                message = f"`{key}` is for steps that reach outside, which {part.type!r} does not"
                self._problems.add("not_applicable", (*entry.path, key), message, hint)
        if part.compensate is not None and not runner.undoable:
            message = f"{part.type!r} changes nothing that could be undone"
            self._problems.add("not_applicable", (*entry.path, "compensate"), message)
        carried = {"body": part.body, "steps": part.steps, "catch": part.catch, "finally": part.finally_}
        for key, value in carried.items():
            if value is not None:
                message = f"`{key}` is for {_CARRIERS[key]}, which {part.type!r} is not"
                self._problems.add("not_applicable", (*entry.path, key), message)

    def _rules(self, entry: Entry, part: StepPart, runner: StepType) -> Sending | None:
        """The rules of a message; other steps have none."""
        if isinstance(runner, MessageStep):
            own = read_sending(part.sending, (*entry.path, "sending"), self._problems)
            return merged(self._sending, own, urgent=part.urgent)
        for key, given in (("sending", part.sending is not None), ("urgent", part.urgent)):
            if given:
                message = f"`{key}` is for messages to the contact, which {part.type!r} is not"
                self._problems.add("not_applicable", (*entry.path, key), message)
        return None

    def _respelled(self, raw: Any, path: Path) -> Any:
        return respell_all(raw, path, self._problems)


def falls_through(outcomes: Sequence[str]) -> str | None:
    """The outcome for which a way out without a name stands."""
    return next((outcome for outcome in outcomes if outcome in ("done", "default")), None)


def read_retry(raw: Any, path: Path, base: RetryPolicy, problems: Problems) -> RetryPolicy:
    """A retry policy; what it leaves open is as in `base`."""
    part = None if raw is None else read_part(RetryPart, raw, path, problems)
    if part is None:
        return base
    attempts = part.max_attempts
    if part.max_retries is not None:
        if attempts is not None:
            problems.add("conflicting_keys", (*path, "max_retries"), "use max_attempts or max_retries, not both")
        attempts = part.max_retries + 1
    return RetryPolicy(
        max_attempts=base.max_attempts if attempts is None else attempts,
        backoff=base.backoff if part.backoff is None else part.backoff,
        factor=base.factor if part.factor is None else part.factor,
        max_backoff=base.max_backoff if part.max_backoff is None else part.max_backoff,
        jitter=part.jitter or base.jitter,
    )


def _named_targets(config: Any, path: Path) -> Iterator[tuple[str, Path]]:
    """Each text in a config that may name a step, and where it stands; the last one first, so that the first counts."""
    items = config.items() if isinstance(config, Mapping) else enumerate(config) if isinstance(config, list) else ()
    for key, value in reversed(list(items)):
        if isinstance(value, Mapping | list):
            yield from _named_targets(value, (*path, key))
        elif isinstance(value, str) and key in ("to", "next", "default"):
            yield value, (*path, key)


def _spellings(outcomes: Sequence[str]) -> Callable[[str], str]:
    """Which outcome a key of `branches` means: `True` and `yes` are the outcome `true`."""
    exact = set(outcomes)
    by_lower = {outcome.lower(): outcome for outcome in reversed(outcomes)}

    def outcome(written: str) -> str:
        word = written.lower()
        return written if written in exact else by_lower.get(_YES_NO.get(word, word), by_lower.get(word, written))

    return outcome


def _canonical(entry: Entry, part: StepPart, step: Step, config: Any) -> dict[str, Any]:
    """The step as the language would spell it: canonical names, every target written out."""
    document: dict[str, Any] = {"id": step.id, "type": step.type}
    for key in ("name", "when", "retry", "crash_policy", "sending", "urgent"):
        value = entry.raw.get(key)
        if value is not None:
            document[key] = respell_all(value, (), Problems())
    if config:
        document["config"] = config
    if "timeout" in entry.raw:
        document["timeout"] = entry.raw["timeout"]
    if part.output is not None:
        document["output"] = part.output
    outcomes, config_targets = step.runner.outcomes(), step.runner.targets()
    spelled = _spellings(outcomes)
    branches = {spelled(written): target for written, (target, _) in entry.branches.items()}
    for outcome, target in step.targets.items():
        if target != step.following and outcome not in branches and outcome not in config_targets:
            branches[outcome] = target
    if step.when is not None or set(outcomes) - {*branches, *config_targets}:
        document["next"] = part.next if part.next is not None else entry.following
    if branches:
        document["branches"] = branches
    if part.on_error is not None:
        document["on_error"] = part.on_error
    return document


def canonical_lists(made: Assembly) -> dict[str, list[dict[str, Any]]]:
    """The steps as flat lists, those of undos within the step that they undo, those of `on_failure` apart."""
    lists: dict[str, list[dict[str, Any]]] = {"": [], ON_FAILURE: []}
    around = {
        entry.id: entry.within[0] if entry.within and is_closed(entry.within[0]) else "" for entry in made.entries
    }
    for document in made.canonical:
        if document.get("next") == UNDONE:
            del document["next"]
        lists.setdefault(around[document["id"]], []).append(document)
    for document in made.canonical:
        if undo_body(document["id"]) in lists:
            document["compensate"] = lists[undo_body(document["id"])]
    return {"steps": lists[""], **({"on_failure": lists[ON_FAILURE]} if lists[ON_FAILURE] else {})}
