"""Moving runs between versions: which places fit, what becomes of timers, tasks and data, and what history proves."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from statemachine.cause import OperatorCause, Surroundings
from statemachine.decide import allowed_transitions
from statemachine.definition import load_workflow
from statemachine.errors import MigrationRefused
from statemachine.limits import MAX_HISTORY
from statemachine.migration import Fit, Route, migrate, migration_data, place
from statemachine.workflow import Workflow
from tests.statemachine.checked_world import START, Simulation
from tests.statemachine.drawn.courses import Course, actions, play
from tests.statemachine.drawn.documents import documents
from tests.statemachine.drawn.steps import Data

WAIT: Data = {"id": "rest", "type": "wait", "config": {"for": "2d"}}
REPLY: Data = {
    "id": "rest",
    "type": "wait",
    "config": {"on": [{"event": "answered", "branch": "heard"}], "timeout": "2d"},
}
DEAF: Data = {"id": "rest", "type": "wait", "config": {"on": [{"event": "answered"}]}}
WORK: Data = {"id": "work", "type": "task", "config": {"queue": "q"}}
SMS: Data = {"id": "work", "type": "send_sms", "config": {"to": "+1", "body": "hi"}}
SPLIT: Data = {"id": "ab", "type": "split", "config": {"variants": {"a": 1, "b": 1}}}
NOTE: Data = {"id": "note", "type": "transform", "config": {"expression": "'kept'"}}
TAG: Data = {"id": "tag", "type": "add_tag", "config": {"tag": "done"}}


def version(number: int, *steps: Data, **document: Any) -> Workflow:
    whole = {"key": "flow", "triggers": [{"type": "go"}], **document, "steps": list(steps)}
    loaded = load_workflow(json.dumps(whole), version=number)
    assert loaded.workflow is not None, [str(problem) for problem in loaded.problems]
    return loaded.workflow


def named(step: Data, name: str, **config: Any) -> Data:
    return {**step, "id": name, "config": {**step["config"], **config}}


def _simulation(old: Workflow, new: Workflow) -> Simulation:
    simulation = Simulation(old, versions=(new,))
    simulation.trigger("go", contact_patch={"first_name": "Ann"})
    return simulation


@pytest.mark.parametrize(
    ("old", "new", "options", "fit", "reason"),
    [
        (WAIT, WAIT, {}, Fit.UNCHANGED, ""),
        (WAIT, named(WAIT, "rest", **{"for": "9d"}), {}, Fit.UNCHANGED, ""),
        (WAIT, named(WAIT, "pause"), {"mapping": {"rest": "pause"}}, Fit.MAPPED, ""),
        (WAIT, named(WAIT, "pause"), {}, Fit.NEEDS_MAPPING, "step_removed"),
        (WAIT, WAIT, {"mapping": {"rest": "rset"}}, Fit.IMPOSSIBLE, "target_unknown"),
        (WAIT, {**TAG, "id": "rest"}, {}, Fit.IMPOSSIBLE, "step_type_differs"),
        (WAIT, {**SMS, "id": "rest"}, {}, Fit.IMPOSSIBLE, "step_type_differs"),
        (WAIT, REPLY, {}, Fit.IMPOSSIBLE, "wait_kind_differs"),
        (REPLY, WAIT, {}, Fit.IMPOSSIBLE, "wait_kind_differs"),
        (REPLY, DEAF, {}, Fit.IMPOSSIBLE, "wait_kind_differs"),
        (WAIT, REPLY, {"timers": "recompute"}, Fit.UNCHANGED, ""),
        (WORK, named(WORK, "work", queue="other"), {}, Fit.UNCHANGED, ""),
        (WORK, SMS, {}, Fit.IMPOSSIBLE, "task_open"),
        (WORK, named(WAIT, "work"), {}, Fit.IMPOSSIBLE, "task_open"),
        ({**WORK, "branches": {"later": "end"}}, WORK, {}, Fit.IMPOSSIBLE, "outcomes_differ"),
        (WORK, {**WORK, "branches": {"later": "end"}}, {}, Fit.UNCHANGED, ""),
    ],
)
def test_a_place_fits_or_says_why_not(old: Data, new: Data, options: Data, fit: Fit, reason: str) -> None:
    found = place(Route(version(1, old, TAG), version(2, new, {**TAG, "id": "last"}), **options), old["id"])
    assert (found.fit, found.reason) == (fit, reason)
    assert bool(found.message) == bool(reason)


def test_a_run_that_is_only_about_to_enter_a_step_may_enter_one_of_another_type() -> None:
    route = Route(version(1, WAIT), version(2, {**SMS, "id": "rest"}))
    assert place(route, "rest", entering=True).fit is Fit.UNCHANGED


def test_an_unknown_target_says_which_was_meant() -> None:
    found = place(Route(version(1, WAIT), version(2, WAIT), {"rest": "rset"}), "rest")
    assert "did you mean 'rest'?" in found.message


class TestTimers:
    def test_the_timer_stays_as_it_was_reckoned(self) -> None:
        simulation = _simulation(version(1, WAIT, TAG), version(2, named(WAIT, "rest", **{"for": "9d"}), TAG))
        before = simulation.run
        simulation.wait(days=1)
        simulation.migrate()
        assert simulation.run.deadlines == before.deadlines
        assert (simulation.run.version, simulation.run.step, simulation.run.visit) == (2, "rest", before.visit)
        simulation.wait(days=1)
        assert simulation.run.status == "completed"
        simulation.audit()

    @pytest.mark.parametrize(("span", "ends_at_day"), [("9d", 9), ("36h", 1.5), ("1h", 1)])
    def test_a_timer_reckoned_anew_counts_from_when_the_run_came_to_rest(self, span: str, ends_at_day: float) -> None:
        simulation = _simulation(version(1, WAIT, TAG), version(2, named(WAIT, "rest", **{"for": span}), TAG))
        simulation.wait(days=1)
        simulation.migrate(timers="recompute")
        assert (simulation.run.status, simulation.run.transition_at) == ("waiting", simulation.now)
        assert simulation.history[-1].at == simulation.now
        simulation.wait(days=20)
        assert simulation.run.ended_at == START + timedelta(days=ends_at_day)
        simulation.audit()

    def test_a_wait_of_another_kind_can_be_reckoned_anew(self) -> None:
        simulation = _simulation(version(1, WAIT, TAG), version(2, REPLY, TAG))
        with pytest.raises(MigrationRefused) as refused:
            simulation.migrate()
        assert refused.value.code == "wait_kind_differs"
        simulation.migrate(timers="recompute")
        simulation.trigger("answered")
        assert simulation.run.status == "completed"
        simulation.audit()

    def test_a_template_that_gives_no_duration_leaves_the_run_where_it_was(self) -> None:
        new = version(2, named(WAIT, "rest", **{"for": "{{contact.first_name}}"}), TAG)
        simulation = _simulation(version(1, WAIT, TAG), new)
        before = simulation.run
        with pytest.raises(MigrationRefused) as refused:
            simulation.migrate(timers="recompute")
        assert (refused.value.code, simulation.run) == ("bad_duration", before)

    @pytest.mark.parametrize(
        ("old", "new", "timers", "days"),
        [
            ("5d", "9d", "keep", 5),
            ("5d", "9d", "recompute", 9),
            (None, "9d", "recompute", 9),
            (None, "9d", "keep", None),
            ("5d", None, "recompute", None),
            ("5d", None, "keep", 5),
        ],
    )
    def test_the_limit_of_a_run_stays_or_moves_by_the_difference(
        self, old: str | None, new: str | None, timers: str, days: int | None
    ) -> None:
        def limited(number: int, limit: str | None) -> Workflow:
            return version(number, DEAF, TAG, limits={"max_duration": limit} if limit else {})

        simulation = _simulation(limited(1, old), limited(2, new))
        simulation.wait(days=1)
        simulation.migrate(timers=timers)
        deadline = simulation.run.deadlines.get("run")
        assert deadline == (None if days is None else START + timedelta(days=days))
        simulation.audit()

    def test_a_paused_run_stays_paused_and_what_it_holds_takes_effect_on_the_new_version(self) -> None:
        simulation = _simulation(version(1, REPLY, TAG), version(2, REPLY, {**TAG, "config": {"tag": "new"}}))
        simulation.operate("pause", timers="remaining")
        simulation.trigger("answered")
        simulation.migrate()
        assert (simulation.run.status, len(simulation.run.held)) == ("paused", 1)
        simulation.operate("resume")
        assert (simulation.run.status, simulation.contact.tags) == ("completed", ("new",))
        simulation.audit()


class TestTasks:
    def test_an_open_task_answers_on_the_new_version_under_its_old_name(self) -> None:
        new = version(2, {**named(WORK, "job"), "branches": {"refused": "tag"}, "next": "end"}, TAG)
        simulation = _simulation(version(1, WORK, TAG), new)
        simulation.migrate({"work": "job"})
        assert allowed_transitions(new, simulation.run) == ("done", "refused")
        assert simulation.complete({"n": 1})
        assert (simulation.run.status, simulation.run.outputs) == ("completed", {"job": {"n": 1}})
        simulation.audit()

    def test_a_failed_attempt_is_tried_again_by_the_rules_of_the_new_version(self) -> None:
        old = version(1, {**WORK, "retry": {"max_attempts": 1}}, TAG)
        new = version(2, {**named(WORK, "job"), "retry": {"max_attempts": 5, "jitter": "none"}}, TAG)
        simulation = _simulation(old, new)
        simulation.migrate({"work": "job"})
        simulation.fail()
        assert (simulation.run.status, simulation.run.retried_steps) == ("waiting", 1)
        simulation.complete()
        assert simulation.run.status == "completed"
        simulation.audit()

    def test_cancelling_a_migrated_run_revokes_its_task(self) -> None:
        simulation = _simulation(version(1, WORK), version(2, named(WORK, "job")))
        simulation.migrate({"work": "job"})
        assert simulation.operate("cancel").revoked == (("work", 1),)


class TestFailedRuns:
    @pytest.mark.parametrize("new", [named(WORK, "job", queue="other"), {**SMS, "id": "job"}, named(WAIT, "job")])
    def test_a_failed_run_stays_failed_and_is_retried_in_the_step_of_the_new_version(self, new: Data) -> None:
        simulation = _simulation(version(1, WORK), version(2, new, TAG, limits={"max_duration": "9d"}))
        simulation.fail(retryable=False)
        simulation.migrate({"work": "job"}, timers="recompute")
        assert (simulation.run.status, simulation.run.version, simulation.run.step) == ("failed", 2, "job")
        assert not simulation.run.deadlines
        assert simulation.history[-1].step is None
        simulation.operate("retry")
        assert (simulation.run.status, simulation.run.step) == ("waiting", "job")
        assert simulation.run.deadlines["run"] == simulation.now + timedelta(days=9)
        simulation.audit()


class TestData:
    def test_what_a_mapped_step_left_behind_goes_under_its_new_name(self) -> None:
        variable = {"id": "set", "type": "set_variable", "config": {"path": "seen", "value": "{{steps.memo.output}}"}}
        simulation = _simulation(version(1, NOTE, SPLIT, WAIT), version(2, {**NOTE, "id": "memo"}, WAIT, variable))
        variant = simulation.run.variants["ab"]
        simulation.migrate({"note": "memo"})
        assert simulation.run.outputs == {"memo": "kept", "ab": {"variant": variant}}
        assert (set(simulation.run.step_starts), simulation.run.variants) == ({"memo", "ab", "rest"}, {"ab": variant})
        simulation.wait(days=2)
        assert simulation.run.variables == {"seen": "kept"}
        simulation.audit()

    def test_variables_stay_and_new_ones_are_set_as_at_a_start(self) -> None:
        simulation = _simulation(
            version(1, WAIT, variables={"a": 1}),
            version(2, WAIT, variables={"a": 9, "b": "{{contact.first_name}}"}),
        )
        simulation.migrate()
        assert simulation.run.variables == {"a": 1, "b": "Ann"}
        simulation.audit()

    def test_the_exit_rules_of_the_new_version_hold_at_once(self) -> None:
        simulation = _simulation(version(1, WAIT), version(2, WAIT, exit=[{"on": "stop", "reason": "new"}]))
        simulation.migrate()
        simulation.trigger("stop")
        assert simulation.run.exit_reason == "new"
        simulation.audit()

    def test_history_says_from_where_to_where(self) -> None:
        simulation = _simulation(version(1, WAIT), version(2, named(WAIT, "pause")))
        simulation.migrate({"rest": "pause", "unrelated": "other"})
        entry = simulation.history[-1]
        assert (entry.kind, entry.step, entry.step_type) == ("migrated", "pause", "wait")
        assert entry.metadata == {"from_version": 1, "to_version": 2, "status": "waiting", "from_step": "rest"}
        assert entry.cause is not None
        assert entry.cause["cause"]["data"]["mapping"] == {"rest": "pause"}


class TestRefusals:
    ROUTE = Route(version(1, WAIT), version(2, WAIT))

    def _refusal(self, simulation: Simulation, **changes: Any) -> str:
        cause = OperatorCause("migrate", "m1", migration_data(self.ROUTE))
        with pytest.raises(MigrationRefused) as refused:
            migrate(self.ROUTE, replace(simulation.run, **changes), cause, Surroundings(START))
        return refused.value.code

    def test_a_run_that_has_ended(self) -> None:
        simulation = _simulation(self.ROUTE.source, self.ROUTE.target)
        simulation.operate("cancel")
        assert self._refusal(simulation) == "not_live"

    def test_a_run_of_another_version(self) -> None:
        assert self._refusal(_simulation(self.ROUTE.source, self.ROUTE.target), version=3) == "other_version"

    def test_a_run_whose_history_is_full(self) -> None:
        simulation = _simulation(self.ROUTE.source, self.ROUTE.target)
        assert self._refusal(simulation, sequence=MAX_HISTORY) == "history_full"


def _other_version(first: Data, second: Data, renamed: str | None) -> Workflow | None:
    """The steps of the first document with everything else of the second; one step under another name."""
    text = json.dumps({**second, "steps": first["steps"]})
    if renamed is not None:
        text = text.replace(f'"{renamed}"', '"fresh"').replace(f"steps.{renamed}.", "steps.fresh.")
    return load_workflow(text, version=2).workflow


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(documents(), documents(), st.sampled_from((None, "s0", "s1")), actions, st.integers(0, 12), st.booleans())
def test_a_migrated_run_decides_again_from_history_alone_to_equal_bytes(
    first: Data,
    second: Data,
    renamed: str | None,
    course: Course,
    turn: int,
    anew: bool,
) -> None:
    old, new = load_workflow(json.dumps(first), version=1).workflow, _other_version(first, second, renamed)
    assume(old is not None and new is not None)
    assert old is not None
    assert new is not None
    simulation = Simulation(old, versions=(new,))
    simulation.trigger("go", data={"n": 2}, contact_patch={"first_name": "Ann", "stage": "lead", "phone": "+49"})

    def move(number: int) -> None:
        live = [run for run, record in simulation.records.items() if record.snapshot.live]
        if number >= turn and live and simulation.records[live[0]].snapshot.version == 1:
            with suppress(MigrationRefused):
                mapping = {renamed: "fresh"} if renamed else {}
                simulation.migrate(mapping, timers="recompute" if anew else "keep", run_id=live[0])

    play(simulation, course, move)
    simulation.audit()
