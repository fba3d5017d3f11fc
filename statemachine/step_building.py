"""One step of a document made runnable: its type, its config, its keys, and where its outcomes lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from statemachine.canonical import canonical_step
from statemachine.compiler import StepBuild
from statemachine.condition import Condition
from statemachine.document import StepPart
from statemachine.layout import Entry
from statemachine.part import read_part, report_invalid
from statemachine.problem import Path, Problems
from statemachine.retry_reading import read_retry
from statemachine.scalars import kind_of
from statemachine.sending.reading import merged, read_sending
from statemachine.sending.rules import Sending
from statemachine.spelling import CONDITION_VALUES, respell_all
from statemachine.step import END, StepType
from statemachine.steps import NOT_YET, STEP_TYPES, not_yet
from statemachine.steps.guards import STEPS
from statemachine.steps.message import MessageStep
from statemachine.steps.parallel import Parallel
from statemachine.target_reading import TargetReader
from statemachine.workflow import RetryPolicy, Step

if TYPE_CHECKING:
    from statemachine.assembly import Assembly

_CARRIERS: Final = {"body": "loops", "steps": "try, fallback and error_handler", "catch": "try", "finally": "try"}


class StepBuilder:
    """Builds the steps of `made`, one after the other. `sending` are the rules of all messages."""

    def __init__(
        self,
        made: Assembly,
        retry: RetryPolicy,
        sending: Mapping[str, Any],
        problems: Problems,
        *,
        lenient: bool,
    ) -> None:
        self._made = made
        self._retry = retry
        self._sending = sending
        self._problems = problems
        self._targets = TargetReader(made, problems, lenient=lenient)

    def build(self, entry: Entry) -> None:
        """Build one step; whatever is wrong with it is reported."""
        part = read_part(StepPart, entry.raw, entry.path, self._problems)
        self._targets.read_branches(entry)
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
        place = (*entry.path, "when")
        when = build.compiler.condition(place, respell_all(part.when, place, self._problems))
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
        following = self._targets.following(entry, part)
        targets, on_error = self._targets.targets(entry, part, runner, following)
        self._check(entry, part, step_type, runner)
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
            self._made.canonical.append(canonical_step(entry, part, step, config))

    def _check(self, entry: Entry, part: StepPart, step_type: type[StepType], runner: StepType) -> None:
        self._check_since(entry, part)
        leads = entry.branches or runner.targets() or (not entry.listed and part.next not in (None, END))
        if step_type.name == "condition" and not leads:
            self._refuse_aimless(entry)
        if runner.needs_body and runner.needs_body not in entry.branches:
            self._refuse_empty(entry, runner)
        self._refuse_foreign_keys(entry, part, runner)
        if isinstance(runner, Parallel) and len(runner.bodies()) < 2:
            self._made.whole = False

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
        how, place = f"add `{key}: [steps]`", (*entry.path, key)
        if not entry.listed:
            how, place = f"draw an edge `{runner.needs_body}` to the first of them", entry.path
        self._problems.add("missing_key", place, f"the {runner.name} has no steps to go through: {how}")

    def _refuse_aimless(self, entry: Entry) -> None:
        how, place = "say `branches: {true: …, false: …}`", (*entry.path, "branches")
        if not entry.listed:
            how, place = "draw edges labelled yes and no", entry.path
        self._problems.add("missing_key", place, f"a condition that leads nowhere decides nothing: {how}")

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
            self._read_on(step_type, config, error, build)
            return None
        return step_type(model, build)

    def _read_on(
        self, step_type: type[StepType], config: Mapping[str, Any], error: ValidationError, build: StepBuild
    ) -> None:
        """Look at the keys of a config that are well formed beside those that are not, for what else is wrong."""
        wrong = {detail["loc"][0] for detail in error.errors(include_url=False) if detail["loc"]}
        build.partly = True
        try:
            step_type(
                step_type.Config.model_validate({key: it for key, it in config.items() if key not in wrong}), build
            )
        except ValidationError:
            return

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
