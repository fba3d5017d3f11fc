"""Loops: the steps of a body once per item, while a condition holds, or a number of times; break and continue.

A loop step is entered before each round, and once more when there is none left: the last step of its body leads back to
it. Its place is kept in a frame of the run (`frame.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from statemachine.errors import StepFailed
from statemachine.frame import Frame
from statemachine.keys import AnyCondition, Shape, about
from statemachine.kin import Brood, size_known
from statemachine.limits import MAX_HISTORY, MAX_VARIABLES_BYTES, larger_than
from statemachine.scalars import Variable, kind_of
from statemachine.step import Build, Context, FamilyStep, PureStep, StepConfig
from statemachine.step_result import Await, Child, Outcome, Result
from statemachine.steps.parallel import first_failure, left_by
from statemachine.steps.parts import Parts, resolve

if TYPE_CHECKING:
    from statemachine.condition import Condition
    from statemachine.template import Value
    from statemachine.workflow import Step

BODY: Final = "body"
DONE: Final = "done"
FOR_EACH: Final = "for_each"
MAX_ITERATIONS: Final = 1_000
CONCURRENCY: Final = 10
MAX_CONCURRENCY: Final = 100
MAX_ROUNDS_BYTES: Final = 8 * 1024 * 1024
"""What the rounds under way at once may begin with in all; one may always."""
KINDS: Final = (FOR_EACH, "while", "count")
OWN_NAMES: Final = frozenset({"item", "index", "parent"})
_NEEDED: Final = {FOR_EACH: "items", "while": "condition", "count": "count"}
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    FOR_EACH: ("items", "array_path", "item", "item_variable"),
    "while": ("condition",),
    "count": ("count",),
}


class LoopConfig(StepConfig):
    type: Literal["for_each", "forEach", "while", "count"] | None = about(
        "What decides about the next round. Default: what `items`, `condition` or `count` says.", "for_each"
    )
    items: Annotated[Any, Shape("items")] = about(
        "For each of these: a list, or the path of one.", "{{contact.orders}}", ["ann", "bob"]
    )
    array_path: str | None = about("The same, as the path of a list.", "variables.orders")
    item: Variable | None = about("A name for the item, besides `loop.item`.", "order")
    item_variable: Variable | None = about("Another name for `item`.", "order")
    condition: AnyCondition = about("While this holds: asked before each round.", "variables.left > 0")
    count: Annotated[Any, Shape("number")] = about("This many rounds.", 3, "{{variables.times}}")
    max_iterations: Annotated[int, Field(ge=1, le=MAX_HISTORY)] = about(
        "The most rounds; the step fails beyond.", 50, default=MAX_ITERATIONS
    )
    body: Annotated[Any, Shape("body")] = about(
        "The steps of a round.", [{"id": "tell", "type": "send_sms", "config": {"body": "{{order.number}}"}}]
    )
    parallel: bool = about("`true`: rounds go on side by side, each a run of its own.", True, default=False)
    concurrency: Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)] | None = about(
        "Of a parallel loop: how many rounds are under way at once at most. Default: 10.", 5
    )
    on_branch_error: Literal["fail", "continue"] | None = about(
        "Of a parallel loop: what a failing round does, `fail` the step and cancel the others (the default), or let "
        "them `continue`.",
        "continue",
    )


class Loop(FamilyStep):
    """Do the steps of a body again: for each item of a list, while a condition holds, or a number of times.

    Outcomes `body` (a round begins) and `done`; a step that fails in the body is no matter of the loop."""

    name = "loop"
    aliases: ClassVar[tuple[str, ...]] = KINDS
    Config = LoopConfig
    undoable = False
    free_form: ClassVar[tuple[str, ...]] = ("items",)
    needs_body = BODY

    def __init__(self, config: LoopConfig, build: Build) -> None:
        parts = Parts(build)
        self.kind = _kind(config, build)
        self.item_name = config.item or config.item_variable
        self._most = config.max_iterations
        self.forks = config.parallel
        self._at_once = config.concurrency or CONCURRENCY
        self._goes_on_failing = config.on_branch_error == "continue"
        _check_parallel(config, self.kind, build)
        self._items = self._count = None
        self._condition: Condition | None = None
        _check_keys(config, self.kind, build)
        if self.kind == FOR_EACH:
            self._items = _items(config, parts, build)
        elif self.kind == "while":
            self._condition = parts.condition(("condition",), config.condition)
        else:
            self._count = parts.optional(("count",), config.count)
            _whole_at_once(config.count, build)
        self.reads = parts.reads

    def outcomes(self) -> tuple[str, ...]:
        return DONE, BODY

    def bodies(self) -> tuple[str, ...]:
        return (BODY,)

    def gives_output(self, outcome: str) -> bool:
        return outcome == DONE

    def output_parts(self) -> frozenset[str]:
        return frozenset({"rounds", "broken", *(["results"] if self.forks else [])})

    def run(self, context: Context) -> Result:
        if self.forks:
            return self._side_by_side(context)
        before = context.frame
        if not isinstance(before, Frame) or not self._fits(before):
            before, frame = None, self._begin(context)
        elif before.broken:
            context.keep_frame(None)
            return Outcome(DONE, {"rounds": before.index + 1, "broken": True})
        else:
            frame = replace(before, index=before.index + 1)
        context.keep_frame(frame)
        if not self._goes_on(frame, context):
            context.keep_frame(None)
            return Outcome(DONE, {"rounds": frame.index, "broken": False})
        if frame.index >= self._most:
            context.keep_frame(before)
            raise self._too_many("its condition still holds")
        return Outcome(BODY, metadata={"index": frame.index})

    def _side_by_side(self, context: Context) -> Result:
        """Begin the first rounds, as many as may be under way at once."""
        begun = self._begin(context)
        rounds = len(begun.items) if begun.items is not None else begun.rounds or 0
        brood = Brood(left=begun.items, rounds=rounds)
        return self._begin_rounds(brood, context) if rounds else self._gathered(brood)

    def gather(self, context: Context, brood: Brood) -> Result:
        if brood.failed and not self._goes_on_failing:
            raise first_failure(brood)
        if not brood.broken and brood.begun < brood.rounds:
            return self._begin_rounds(brood, context)
        return Await((), brood) if brood.open else self._gathered(brood)

    def _begin_rounds(self, brood: Brood, context: Context) -> Await:
        most = min(self._at_once, max(1, MAX_ROUNDS_BYTES // size_known(context.scope, MAX_ROUNDS_BYTES)))
        count = max(0, min(most - len(brood.open), brood.rounds - brood.begun))
        numbers = range(brood.begun, brood.begun + count)
        children = tuple(self._round(number, place, brood, context) for place, number in enumerate(numbers))
        left = None if brood.left is None else brood.left[count:]
        return Await(children, replace(brood, left=left, begun=brood.begun + count))

    def _round(self, number: int, place: int, brood: Brood, context: Context) -> Child:
        """A round knows its own item, and no other."""
        if brood.left is None:
            frame = Frame(context.step_id, number, rounds=brood.rounds)
        else:
            frame = Frame(context.step_id, number, (brood.left[place],), first=number)
        return Child(str(number), outcome=BODY, frame=frame)

    def _gathered(self, brood: Brood) -> Outcome:
        names = tuple(str(number) for number in range(brood.begun))
        results = list(left_by(brood, names).values())
        return Outcome(DONE, {"rounds": brood.begun, "broken": brood.broken, "results": results})

    def _begin(self, context: Context) -> Frame:
        if self.kind == FOR_EACH:
            items = _list(resolve(self._items, context.scope))
            self._admit(len(items), f"there are {len(items)} items")
            return Frame(context.step_id, items=items)
        if self.kind == "count":
            rounds = _whole(resolve(self._count, context.scope))
            self._admit(rounds, f"`count` is {rounds}")
            return Frame(context.step_id, rounds=rounds)
        return Frame(context.step_id)

    def _fits(self, frame: Frame) -> bool:
        """Whether a frame that a run may have brought from another version is of a loop of this kind."""
        return (frame.items is not None, frame.rounds is not None) == (self.kind == FOR_EACH, self.kind == "count")

    def _goes_on(self, frame: Frame, context: Context) -> bool:
        if self._condition is not None:
            return self._condition.test(context.scope)
        rounds = len(frame.items) if frame.items is not None else frame.rounds or 0
        return frame.index < rounds

    def _admit(self, rounds: int, why: str) -> None:
        """What is known to be too much is refused before the first round."""
        if rounds > self._most:
            raise self._too_many(why)

    def _too_many(self, why: str) -> StepFailed:
        return StepFailed("max_iterations", f"the loop may make {self._most} rounds (`max_iterations`), and {why}")


def body_kind(step: Step) -> str:
    """for_each, while or count for a loop, else the step's type."""
    return step.runner.kind if isinstance(step.runner, Loop) else step.type


def item_names(steps: Iterable[Step]) -> dict[str, str]:
    """Loop → what its author calls the item of a round."""
    named = ((step.id, step.runner.item_name) for step in steps if isinstance(step.runner, Loop))
    return {step_id: name for step_id, name in named if name}


class JumpConfig(StepConfig):
    pass


class Jump(PureStep):
    """Back to the loop from anywhere in its body; `nesting.py` says which loop that is."""

    Config = JumpConfig
    undoable = False
    silent = True
    can_fail = False

    def __init__(self, config: JumpConfig, build: Build) -> None:
        pass

    def outcomes(self) -> tuple[str, ...]:
        return (self.name,)


class Break(Jump):
    """End the innermost loop: no further round begins."""

    name = "break"

    def run(self, context: Context) -> Result:
        context.break_loop()
        return Outcome(self.name)


class Continue(Jump):
    """End this round of the innermost loop, and go on with the next."""

    name = "continue"

    def run(self, context: Context) -> Result:
        return Outcome(self.name)


def _kind(config: LoopConfig, build: Build) -> str:
    if config.type is not None:
        return FOR_EACH if config.type == "forEach" else config.type
    given = [kind for kind in KINDS if any(getattr(config, key) is not None for key in _KEYS[kind])]
    if not given:
        message = "a loop needs `items`, a `condition` or a `count`"
        build.problem("missing_key", (), message)
    return given[0] if given else FOR_EACH


def _check_keys(config: LoopConfig, kind: str, build: Build) -> None:
    """The keys of the other kinds have no place; that of its own has to be there."""
    for other in KINDS:
        for key in _KEYS[other]:
            if other != kind and getattr(config, key) is not None:
                build.problem("conflicting_keys", (key,), f"`{key}` does not go together with `type: {kind}`")
    missing = all(getattr(config, key) is None for key in (_NEEDED[kind], *_KEYS[kind][1:2]))
    if config.type is not None and missing:
        build.problem("missing_key", (_NEEDED[kind],), f"a {kind} loop needs `{_NEEDED[kind]}`")
    for key, other in (("array_path", "items"), ("item_variable", "item")):
        if getattr(config, key) is not None and getattr(config, other) is not None:
            build.problem("conflicting_keys", (key,), f"`{other}` says it already")
    for key in ("item", "item_variable"):
        if getattr(config, key) in OWN_NAMES - {"item"}:
            build.problem("bad_value", (key,), f"`loop.{getattr(config, key)}` means something else already")


def _check_parallel(config: LoopConfig, kind: str, build: Build) -> None:
    if config.parallel and kind == "while":
        message = "a while loop asks before each round, so its rounds go one after the other"
        build.problem("conflicting_keys", ("parallel",), message)
    for key in ("concurrency", "on_branch_error"):
        if not config.parallel and getattr(config, key) is not None:
            build.problem("conflicting_keys", (key,), f"`{key}` is for loops with `parallel: true`")


def _items(config: LoopConfig, parts: Parts, build: Build) -> Value | None:
    """A text without braces is the path of the list."""
    key = "items" if config.items is not None else "array_path"
    raw = getattr(config, key)
    if not isinstance(raw, list | str | None):
        build.problem("bad_value", (key,), f"`items` is a list, or the path of one, not {kind_of(raw)}")
        return None
    if isinstance(raw, str) and "{{" not in raw and "{%" not in raw:
        raw = f"{{{{ {raw} }}}}"
    return parts.optional((key,), raw)


def _whole_at_once(count: Any, build: Build) -> None:
    """A count that is no template is looked at before anybody waits for it."""
    if isinstance(count, str) and "{" in count:
        return
    if count is not None:
        try:
            _whole(count)
        except StepFailed as failure:
            build.problem("bad_value", ("count",), failure.message)


def _list(value: Any) -> tuple[Any, ...]:
    """The items; nothing at all, and an empty text, are no items."""
    if value is None or value == "":
        return ()
    if not isinstance(value, list):
        shown = f" ({value[:60]})" if isinstance(value, str) else ""
        raise StepFailed("not_a_list", f"`items` has to be a list, not {kind_of(value)}{shown}")
    if larger_than(value, MAX_VARIABLES_BYTES):
        raise StepFailed("items_too_large", f"the items of the loop are over {MAX_VARIABLES_BYTES // 1024} KiB")
    return tuple(value)


def _whole(value: Any) -> int:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except ValueError:
        number = -1.0
    if number < 0 or number != number // 1:
        shown = str(value)[:60]
        raise StepFailed("bad_count", f"`count` has to be a whole number from 0 on, not {shown!r}")
    return int(number)
