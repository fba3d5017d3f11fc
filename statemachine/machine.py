"""The state machine of a version: one shared `transitions.Machine`, a state per step, a transition per outcome.

Enrollments are models of that one machine (a `Run` while it is being decided), so an edge of the workflow *is* a
transition. Building a machine costs 0.15–100 ms, firing an event on a shared one 7 µs; hence once per version.

`transitions` has sharp edges, and this is where they are kept away from definitions: no auto transitions (an event
named `to_x` would jump anywhere), no callback strings (they would be imported and run), no effects in callbacks, event
names of our own making (a definition's word is only ever a lookup key), and every refusal is a typed error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from transitions import Event, EventData, Machine, Transition

from statemachine.errors import TransitionRefused
from statemachine.step import END
from statemachine.workflow import OUT, UNDONE, Step, undo_body

START: Final = "$start"
COMPLETED: Final = "$completed"
FAILED: Final = "$failed"
EXITED: Final = "$exited"
CANCELLED: Final = "$cancelled"
_TERMINALS: Final = (COMPLETED, FAILED, EXITED, CANCELLED)

_RETRY: Final = "$retry "
BEGIN: Final = "$begin"
FAIL: Final = "$fail"
EXIT: Final = "$exit"
COMPLETE: Final = "$complete"
CANCEL: Final = "$cancel"
HANDLE_FAILURE: Final = "$on_failure"
SKIP: Final = "$skip"
"""Past a step whose `when` is false."""
ERROR: Final = "error"


class Model(Protocol):
    """What can be moved: anything with a `state`."""

    state: str


class _Edge(Transition):
    """A transition without callbacks or guards, which is all a workflow has: it moves the model and no more."""

    def execute(self, event_data: EventData) -> bool:
        event_data.model.state = self.dest  # type: ignore[attr-defined]
        return True


class _Trigger(Event):
    """An event without callbacks. The library's dispatch costs 12 µs a transition, mostly for callbacks; this 1 µs."""

    def trigger(self, model: Any, *args: Any, **kwargs: Any) -> bool:
        model.state = self.transitions[model.state][0].dest
        return True


class _Machine(Machine):
    transition_cls = _Edge
    event_cls = _Trigger


class WorkflowMachine:
    """Built from validated steps; immutable afterwards and safe across threads."""

    def __init__(
        self, steps: Mapping[str, Step], first: str, entries: Iterable[str] = (), on_failure: str = ""
    ) -> None:
        """`first` is where a run begins, `entries` the other steps where one may, `on_failure` where one goes that has
        failed."""
        self._machine = _Machine(
            model=None,
            states=[START, *steps, UNDONE, *_TERMINALS],
            initial=START,
            auto_transitions=False,
            send_event=True,
        )
        self._allowed: dict[str, list[str]] = {}
        self._next: dict[str, set[str]] = {}
        self._targets: dict[tuple[str, str], str] = {}
        self._first = first
        self._add(BEGIN, START, first)
        for entry in set(entries) - {first}:
            self._add(f"{BEGIN} {entry}", START, entry)
        for step in steps.values():
            self._add_step(step)
            if on_failure:
                self._add(HANDLE_FAILURE, step.id, on_failure)
        if on_failure:
            self._add(HANDLE_FAILURE, START, on_failure)
            self._add(HANDLE_FAILURE, FAILED, on_failure)
        self._add_undos(steps)
        began = {first, *entries}
        for body in {step.targets[outcome] for step in steps.values() for outcome in _forked(step)} - began:
            self._add(f"{BEGIN} {body}", START, body)
        self._events = self._machine.events

    def fire(self, model: Model, transition: str) -> None:
        """Take the transition of this name; raises TransitionRefused where the model's state has none."""
        event = self._events.get("=" + transition)
        if event is None or model.state not in event.transitions:
            raise TransitionRefused(transition, status="running", step=model.state, allowed=self.outcomes(model.state))
        event.trigger(model)

    def begin(self, step_id: str) -> str:
        """The name of the transition by which a run begins at this step."""
        return BEGIN if step_id == self._first else f"{BEGIN} {step_id}"

    def outcomes(self, step_id: str) -> Sequence[str]:
        """The outcomes that lead out of a step, in the order of its definition; engine transitions are left out."""
        return self._allowed.get(step_id, ())

    def target(self, step_id: str, outcome: str) -> str:
        """Where an outcome leads: a step id or a terminal state. Raises KeyError for what `outcomes` does not list."""
        return self._targets[step_id, outcome]

    def after(self, step_id: str) -> frozenset[str]:
        """The steps that may follow this one directly."""
        return frozenset(self._next.get(step_id, ())).difference(_TERMINALS)

    def ahead(self, step_id: str) -> frozenset[str]:
        """The steps that a run may enter after this one by itself; this one only when a way leads back to it."""
        found: set[str] = set()
        left = list(self._next.get(step_id, ()))
        while left:
            state = left.pop()
            if state not in found:
                found.add(state)
                left.extend(self._next.get(state, ()))
        return frozenset(found.difference(_TERMINALS, (UNDONE,)))

    def _add_undos(self, steps: Mapping[str, Step]) -> None:
        for undoing in [step for step in steps.values() if step.runner.undoes]:
            self._add(undone_transition(undoing.id), UNDONE, undoing.id)
            for step in steps.values():
                if step.undo:
                    self._add(undo_body(step.id), undoing.id, step.undo)

    def _add_step(self, step: Step) -> None:
        for outcome, target in step.targets.items():
            self._add(outcome, step.id, _state(step.via.get(outcome, target)))
            self._allowed.setdefault(step.id, []).append(outcome)
        on_error = step.on_error or step.caught_by
        if on_error is not None and ERROR not in step.targets:
            self._add(ERROR, step.id, _state(step.via.get(ERROR, on_error)))
            self._allowed.setdefault(step.id, []).append(ERROR)
        if step.when is not None:
            self._add(SKIP, step.id, _state(step.via.get(SKIP, step.following)))
        for target, hop in step.ways_out.items():
            if hop != OUT:
                self._add(leave_transition(target), step.id, _state(hop))
        for transition, terminal in ((COMPLETE, COMPLETED), (FAIL, FAILED), (EXIT, EXITED), (CANCEL, CANCELLED)):
            self._add(transition, step.id, terminal)
        self._add(retry_transition(step.id), FAILED, step.id)

    def _add(self, transition: str, source: str, target: str) -> None:
        self._machine.add_transition("=" + transition, source, target)
        self._targets[source, transition] = target
        if not transition.startswith(_RETRY):
            self._next.setdefault(source, set()).add(target)


def _forked(step: Step) -> tuple[str, ...]:
    """The ways into bodies in which children begin."""
    return step.runner.bodies() if step.runner.forks else ()


def _state(target: str) -> str:
    return COMPLETED if target == END else target


def leave_transition(target: str) -> str:
    """The name of the transition by which a run leaves a `try` on its way to a step, `end` or OUT."""
    return f"$leave {target}"


def undone_transition(step_id: str) -> str:
    """The name of the transition by which a run comes back from an undo to the step that undoes."""
    return f"$undone {step_id}"


def retry_transition(step_id: str) -> str:
    """The name of the transition by which an operator sends a failed run back into a step."""
    return _RETRY + step_id
