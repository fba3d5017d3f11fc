"""The shared machine: every edge of a workflow is a transition, and no word of a definition is more than a key."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from statemachine.definition import load_workflow
from statemachine.errors import TransitionRefused
from statemachine.machine import BEGIN, CANCEL, COMPLETED, EXITED, FAILED, SKIP, START, retry_transition
from statemachine.workflow import Workflow
from tests.statemachine.checked_world import Simulation, compiled


@dataclass(slots=True)
class Token:
    state: str = START


def chain(*ids: str) -> Workflow:
    return compiled(*({"id": name, "type": "pass"} for name in ids))


def task(step_id: str, *outcomes: str, **keys: str) -> dict[str, object]:
    return {"id": step_id, "type": "task", "branches": dict.fromkeys(outcomes, "end"), **keys}


def walk(workflow: Workflow, *transitions: str) -> str:
    token = Token()
    for transition in transitions:
        workflow.machine.fire(token, transition)
    return token.state


class TestTransitions:
    def test_the_first_transition_leads_to_the_first_step(self) -> None:
        assert walk(chain("a", "b"), BEGIN) == "a"

    def test_an_outcome_leads_where_the_definition_says(self) -> None:
        assert walk(compiled(task("a", "bought"), {"id": "b", "type": "pass"}), BEGIN, "bought") == COMPLETED

    def test_outcomes_are_listed_in_the_order_of_the_definition_and_error_last(self) -> None:
        machine = compiled(task("a", "x", "w", on_error="b"), {"id": "b", "type": "pass"}).machine
        assert tuple(machine.outcomes("a")) == ("done", "x", "w", "error")

    def test_engine_transitions_are_no_outcomes(self) -> None:
        step = {"id": "a", "type": "pass", "when": {"expression": "1 > 2"}}
        assert tuple(compiled(step).machine.outcomes("a")) == ("done",)

    def test_a_step_with_when_can_be_passed_by(self) -> None:
        workflow = compiled({"id": "a", "type": "exit", "when": "1 > 2"}, {"id": "b", "type": "pass"})
        assert walk(workflow, BEGIN, SKIP) == "b"

    def test_a_step_without_when_cannot_be_passed_by(self) -> None:
        with pytest.raises(TransitionRefused):
            walk(chain("a", "b"), BEGIN, SKIP)

    @pytest.mark.parametrize(("transition", "terminal"), [(CANCEL, "$cancelled"), ("$exit", EXITED), ("$fail", FAILED)])
    def test_every_step_can_be_left_by_the_engine(self, transition: str, terminal: str) -> None:
        assert walk(chain("a"), BEGIN, transition) == terminal

    def test_retry_leads_from_failed_into_the_named_step_only(self) -> None:
        assert walk(chain("a", "b"), BEGIN, "$fail", retry_transition("b")) == "b"

    def test_target_tells_where_an_outcome_leads(self) -> None:
        assert chain("a", "b").machine.target("a", "done") == "b"

    def test_asking_for_a_target_that_is_not_there_leaves_the_machine_as_it_was(self) -> None:
        machine = chain("a", "b").machine
        with pytest.raises(KeyError):
            machine.target("nowhere", "done")
        with pytest.raises(TransitionRefused):
            machine.fire(Token("nowhere"), "done")


class TestRefusals:
    def test_a_refusal_names_the_step_and_what_is_allowed_there(self) -> None:
        with pytest.raises(TransitionRefused) as refused:
            walk(compiled(task("a", "bought")), BEGIN, "sold")
        assert refused.value.metadata == {
            "transition": "sold", "status": "running", "step": "a", "allowed": "done,bought",
        }  # fmt: skip

    def test_a_refusal_leaves_the_model_where_it_was(self) -> None:
        token = Token("a")
        with pytest.raises(TransitionRefused):
            chain("a", "b").machine.fire(token, "nonsense")
        assert token.state == "a"

    def test_nothing_leads_out_of_a_completed_run(self) -> None:
        workflow = chain("a")
        for transition in (BEGIN, "done", CANCEL, "$exit", retry_transition("a")):
            with pytest.raises(TransitionRefused):
                workflow.machine.fire(Token(COMPLETED), transition)

    def test_a_state_that_no_step_has_is_refused_and_not_added(self) -> None:
        workflow = chain("a")
        for _ in range(2):
            with pytest.raises(TransitionRefused):
                workflow.machine.fire(Token("ghost"), "done")


class TestSharpEdgesOfTheLibrary:
    """What `transitions` would do by itself with such words, and what they are here: names."""

    @pytest.mark.parametrize("word", ["to_b", "to_$completed", "to", "is_b", "may_done", "trigger", "state", "initial"])
    def test_no_word_jumps(self, word: str) -> None:
        with pytest.raises(TransitionRefused):
            walk(chain("a", "b", "c"), BEGIN, word)

    @pytest.mark.parametrize(
        "name", ["to_a", "state", "trigger", "initial", "on_enter_a", "_initial", "done", "a.b", "os.system"]
    )
    def test_a_step_may_have_any_name_the_library_uses(self, name: str) -> None:
        simulation = Simulation(chain(name, "last"))
        simulation.trigger("go")
        assert simulation.path() == [name, "last"]

    @pytest.mark.parametrize(
        "word", ["os.system", "to_b", "state", "$fail", "$cancel", "=done", "before", "after", "conditions"]
    )
    def test_an_outcome_may_have_any_name_and_is_only_a_name(self, word: str) -> None:
        simulation = Simulation(compiled(task("a", word)))
        simulation.trigger("go")
        simulation.complete(outcome=word)
        assert (simulation.run.status, simulation.path()) == ("completed", ["a"])

    @pytest.mark.parametrize("word", ["$cancel", "$complete", "$exit", "$fail", "$retry a", "$begin", "$skip"])
    def test_a_worker_cannot_take_an_engine_transition(self, word: str) -> None:
        simulation = Simulation(compiled(task("a")))
        simulation.trigger("go")
        simulation.complete(outcome=word)
        assert simulation.run.last_error is not None
        assert simulation.run.last_error.code == "unknown_outcome"

    @pytest.mark.parametrize("name", ["$failed", "$start", "=done", "a b", "", "end", "a/b", "ü"])
    def test_ids_that_could_mean_something_else_are_refused_before_there_is_a_machine(self, name: str) -> None:
        document = {"key": "x", "steps": [{"id": name, "type": "pass"}]}
        assert load_workflow(json.dumps(document)).workflow is None

    def test_the_machine_has_no_transitions_that_the_definition_did_not_ask_for(self) -> None:
        events = set(chain("a", "b").machine._machine.events)
        assert events == {
            "=$begin", "=done", "=$complete", "=$fail", "=$exit", "=$cancel", "=$retry a", "=$retry b",
        }  # fmt: skip


def test_eight_threads_on_one_machine_keep_their_runs_apart() -> None:
    ids = [f"s{number}" for number in range(50)]
    machine = chain(*ids).machine

    def run(start: int) -> list[str]:
        seen = []
        for _ in range(200):
            token = Token(ids[start])
            while token.state != COMPLETED:
                machine.fire(token, "done")
            with pytest.raises(TransitionRefused):
                machine.fire(token, "done")
            seen.append(token.state)
        return seen

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(run, range(8)))
    assert results == [[COMPLETED] * 200] * 8
