"""Parallel branches: children of a run that go their own ways, and how it goes on after them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.conversion import convert
from statemachine.definition import load_workflow
from statemachine.errors import TransitionRefused
from statemachine.snapshot import Snapshot, Status
from tests.statemachine.checked_world import Simulation, compiled

Data = dict[str, Any]


def work(name: str, **keys: Any) -> Data:
    return {"id": name, "type": "task", "config": {"queue": "q"}, **keys}


def tag(name: str, **keys: Any) -> Data:
    return {"id": name, "type": "add_tag", "config": {"tag": name}, **keys}


def rest(name: str = "rest", days: int = 1, **keys: Any) -> Data:
    return {"id": name, "type": "wait", "config": {"for": f"{days}d"}, **keys}


def keep(path: str, value: Any, name: str = "") -> Data:
    return {"id": name or f"keep_{path}", "type": "set_variable", "config": {"path": path, "value": value}}


def parallel(name: str = "par", branches: Any = None, **config: Any) -> Data:
    keys: Data = {key: config.pop(key) for key in ("on_error", "output") if key in config}
    return {"id": name, "type": "parallel", "config": {"branches": branches, **config}, **keys}


def loop(*body: Data) -> Data:
    return {"id": "each", "type": "count", "config": {"count": 2}, "body": list(body)}


def started(*steps: Data, data: Data | None = None, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **document))
    simulation.trigger("go", data=data or {})
    simulation.audit()
    return simulation


def root(simulation: Simulation) -> Snapshot:
    return next(iter(simulation.records.values())).snapshot


def child(simulation: Simulation, name: str) -> Snapshot:
    """The latest child of this name."""
    found = [one.snapshot for one in simulation.records.values() if one.snapshot.origin]
    return next(one for one in reversed(found) if one.origin and one.origin.name == name)


def path_of(simulation: Simulation) -> tuple[str, ...]:
    return next(iter(simulation.records.values())).path


def problems(*steps: Data, **document: Any) -> list[tuple[str, str]]:
    loaded = load_workflow(json.dumps({"key": "k", **document, "steps": list(steps)}))
    return [(problem.code, problem.path) for problem in loaded.problems]


TWO = {"a": [work("one")], "b": [work("two")]}


class TestBranches:
    def test_all_branches_are_under_way_at_once(self) -> None:
        simulation = started(parallel(branches={"a": [work("one"), tag("x")], "b": [rest()]}), tag("after"))
        assert (root(simulation).step, root(simulation).open_children) == ("par", 2)
        assert (child(simulation, "a").step, child(simulation, "b").step) == ("one", "rest")

    def test_the_run_goes_on_when_the_last_branch_is_done(self) -> None:
        simulation = started(parallel(branches={"a": [work("one"), tag("x")], "b": [rest()]}), tag("after"))
        simulation.complete(run_id=child(simulation, "a").id)
        assert root(simulation).status is Status.WAITING
        simulation.wait(days=1)
        simulation.audit()
        assert (root(simulation).status, path_of(simulation)) == (Status.COMPLETED, ("par", "after"))
        assert simulation.contact.tags == ("x", "after")

    def test_branches_that_never_rest_are_done_in_the_same_breath(self) -> None:
        simulation = started(parallel(branches={"a": [tag("x")], "b": [tag("y")]}), tag("after"))
        assert root(simulation).status is Status.COMPLETED
        assert simulation.contact.tags == ("x", "y", "after")

    def test_a_branch_reads_the_variables_of_its_start_and_leaves_its_own_under_its_name(self) -> None:
        branches = {"a": [keep("n", "{{variables.n}}a"), keep("m", 1)], "b": [keep("n", "{{variables.n}}b", "other")]}
        simulation = started(parallel(branches=branches, output="both"), variables={"n": "x"})
        left = {"a": {"n": "xa", "m": 1}, "b": {"n": "xb"}}
        assert root(simulation).outputs["par"] == left
        assert root(simulation).variables == {"n": "x", "both": left}

    def test_outputs_of_the_steps_of_a_branch_can_be_read_after_it(self) -> None:
        simulation = started(parallel(branches=TWO), keep("seen", "{{steps.two.output.n}}{{steps.one.output.n}}"))
        simulation.complete({"n": 1}, run_id=child(simulation, "a").id)
        simulation.complete({"n": 2}, run_id=child(simulation, "b").id)
        simulation.audit()
        assert root(simulation).variables["seen"] == "21"

    def test_branches_may_stand_beside_the_config(self) -> None:
        step = {"id": "par", "type": "parallel", "branches": {"a": [tag("x")], "b": tag("y"), "done": "after"}}
        simulation = started(step, tag("between"), tag("after"))
        assert path_of(simulation) == ("par", "after")

    def test_the_last_step_of_a_branch_may_end_it_by_name(self) -> None:
        branches = {"a": [tag("x", next="end"), tag("never")], "b": [{"id": "z", "type": "end"}]}
        simulation = started(parallel(branches=branches), tag("after"))
        assert simulation.contact.tags == ("x", "after")

    def test_an_exit_in_a_branch_is_that_of_the_run(self) -> None:
        leave = {"id": "leave", "type": "exit", "config": {"reason": "enough"}}
        simulation = started(parallel(branches={"a": [work("one"), leave], "b": [work("two")]}))
        simulation.complete(run_id=child(simulation, "a").id)
        simulation.audit()
        assert (root(simulation).status, root(simulation).exit_reason) == (Status.EXITED, "enough")
        assert (child(simulation, "b").status, child(simulation, "b").exit_reason) == (
            Status.CANCELLED, "parent_exited",
        )  # fmt: skip

    def test_branches_stand_in_branches_and_in_loops(self) -> None:
        inner = parallel("inner", {"x": [work("deep")], "y": [tag("flat")]})
        each = {
            "id": "each", "type": "for_each", "config": {"items": [1, 2]},
            "body": [
                parallel(branches={"a": [inner], "b": [keep("n", "{{loop.item}}")]}),
                keep("seen", "{{steps.par.output.b.n}}{{variables.seen}}"),
            ],
        }  # fmt: skip
        simulation = started(each, variables={"seen": ""})
        for _ in range(2):
            simulation.complete(run_id=child(simulation, "x").id)
            simulation.audit()
        assert (root(simulation).status, root(simulation).variables["seen"]) == (Status.COMPLETED, "21")

    def test_a_loop_stands_in_a_branch(self) -> None:
        each = {"id": "each", "type": "count", "config": {"count": 3}, "body": [work("round")]}
        simulation = started(parallel(branches={"a": [each], "b": [tag("y")]}), tag("after"))
        for _ in range(3):
            simulation.complete(run_id=child(simulation, "a").id)
        simulation.audit()
        assert path_of(simulation) == ("par", "after")

    def test_an_event_moves_a_branch_and_not_what_comes_after_it(self) -> None:
        def reply(name: str) -> Data:
            return {"id": name, "type": "wait", "config": {"on": "reply", "timeout": "9d"}}

        simulation = started(parallel(branches={"a": [reply("first")], "b": [tag("y")]}), reply("second"), tag("after"))
        simulation.trigger("message_received")
        assert (root(simulation).step, child(simulation, "a").status) == ("second", Status.COMPLETED)
        simulation.trigger("message_received")
        simulation.audit()
        assert root(simulation).status is Status.COMPLETED

    def test_exit_rules_are_those_of_the_run_and_take_its_branches_along(self) -> None:
        simulation = started(parallel(branches={"a": [work("one")], "b": [rest()]}), exit=[{"on": "bought"}])
        simulation.trigger("bought")
        simulation.audit()
        assert [one.snapshot.status for one in simulation.records.values()] == ["exited", "cancelled", "cancelled"]

    def test_a_family_that_does_much_at_once_goes_on_in_the_next_batch(self) -> None:
        many = {"id": "each", "type": "count", "config": {"count": 700}, "body": [{"id": "no", "type": "pass"}]}
        more = {"id": "more", "type": "count", "config": {"count": 700}, "body": [{"id": "nor", "type": "pass"}]}
        simulation = started(parallel(branches={"a": [many], "b": [more], "c": [tag("z")]}), tag("after"))
        assert (root(simulation).status, child(simulation, "c").continues) == (Status.COMPLETED, 1)

    @pytest.mark.parametrize(("kib", "continues"), [(1, 0), (4, 1)])
    def test_a_family_that_begins_with_much_at_once_goes_on_in_the_next_batch(
        self, monkeypatch: pytest.MonkeyPatch, kib: int, continues: int
    ) -> None:
        monkeypatch.setattr("statemachine.family.MAX_BYTES_AT_ONCE", 32 * 1024)
        inner = parallel("inner", branches={f"b{n}": [work(f"w{n}")] for n in range(10)})
        data = {"blob": "x" * kib * 1024}
        simulation = started(parallel(branches={"a": [inner], "b": [work("one")]}), data=data)
        assert child(simulation, "b").continues == continues
        assert len(simulation.records) == 13

    @pytest.mark.parametrize(("kib", "status", "code"), [(10, "waiting", None), (700, "failed", "branches_too_large")])
    def test_branches_that_begin_with_too_much_in_all_fail_the_step(
        self, kib: int, status: str, code: str | None
    ) -> None:
        hundred = {f"b{n}": [work(f"w{n}")] for n in range(100)}
        simulation = started(parallel(branches=hundred), data={"blob": "x" * kib * 1024})
        last = root(simulation).last_error
        assert (root(simulation).status, last and last.code) == (status, code)
        assert last is None or last.message.endswith("are over 64 MiB")


class TestJoin:
    @pytest.mark.parametrize(
        ("join", "done", "status"), [("any", 1, "completed"), (2, 1, "waiting"), (2, 2, "completed")]
    )
    def test_so_many_branches_are_enough_and_the_others_are_cancelled(self, join: Any, done: int, status: str) -> None:
        names = ("a", "b", "c")
        simulation = started(parallel(branches={name: [work(f"w{name}")] for name in names}, join=join))
        for name in names[1 : done + 1]:
            simulation.complete({"from": name}, run_id=child(simulation, name).id)
        simulation.audit()
        assert root(simulation).status == status
        if status == "completed":
            assert set(root(simulation).outputs["par"]) == set(names[1 : done + 1])
            assert (child(simulation, "a").status, child(simulation, "a").exit_reason) == ("cancelled", "not_needed")

    def test_a_branch_that_is_done_at_once_decides_the_race_before_the_others_begin(self) -> None:
        simulation = started(parallel(branches={"a": [tag("x")], "b": [work("two")]}, join="any"))
        assert len(simulation.records) == 2
        assert root(simulation).status is Status.COMPLETED


class TestFailures:
    def test_a_failing_branch_fails_the_step_and_cancels_the_others(self) -> None:
        simulation = started(parallel(branches=TWO))
        simulation.fail(retryable=False, run_id=child(simulation, "b").id)
        simulation.audit()
        error = root(simulation).last_error
        assert error is not None
        assert (root(simulation).status, error.step, error.code) == (Status.FAILED, "par", "boom")
        assert "the child 'b' of 'par' failed in step 'two'" in error.message
        assert child(simulation, "a").status is Status.CANCELLED

    def test_on_error_catches_it(self) -> None:
        simulation = started(parallel(branches=TWO, on_error="rescue"), tag("never", next="end"), tag("rescue"))
        simulation.fail(retryable=False, run_id=child(simulation, "a").id)
        simulation.audit()
        assert (root(simulation).status, simulation.contact.tags) == (Status.COMPLETED, ("rescue",))

    def test_with_continue_the_others_go_on_and_the_error_is_what_it_left(self) -> None:
        simulation = started(parallel(branches=TWO, on_branch_error="continue"))
        simulation.fail(retryable=False, run_id=child(simulation, "a").id)
        simulation.complete(run_id=child(simulation, "b").id)
        simulation.audit()
        assert root(simulation).status is Status.COMPLETED
        assert root(simulation).outputs["par"]["a"]["error"]["code"] == "boom"

    def test_a_join_that_cannot_be_reached_any_more_fails(self) -> None:
        simulation = started(parallel(branches=TWO, on_branch_error="continue", join="any"))
        for name in ("a", "b"):
            simulation.fail(retryable=False, run_id=child(simulation, name).id)
        simulation.audit()
        error = root(simulation).last_error
        assert error is not None
        assert error.code == "join_failed"

    def test_a_retry_of_the_step_starts_it_anew(self) -> None:
        simulation = started(parallel(branches=TWO))
        simulation.fail(retryable=False, run_id=child(simulation, "a").id)
        simulation.operate("retry", root(simulation).id)
        for name in ("a", "b"):
            simulation.complete(run_id=child(simulation, name).id)
        simulation.audit()
        assert (root(simulation).status, len(simulation.records)) == (Status.COMPLETED, 5)

    def test_a_failed_branch_cannot_be_retried_by_itself(self) -> None:
        simulation = started(parallel(branches=TWO))
        simulation.fail(retryable=False, run_id=child(simulation, "a").id)
        with pytest.raises(TransitionRefused, match="retry that one"):
            simulation.operate("retry", child(simulation, "a").id)

    def test_a_branch_that_leaves_too_much_fails_the_step(self) -> None:
        big = [keep(f"v{number}", "x" * 9_000) for number in range(8)]
        simulation = started(parallel(branches={"a": big, "b": [tag("y")]}))
        error = root(simulation).last_error
        assert error is not None
        assert error.code == "output_too_large"

    def test_a_limit_of_the_run_takes_its_branches_along(self) -> None:
        simulation = started(
            parallel(branches={"a": [work("one")], "b": [rest(days=9)]}), limits={"max_duration": "1d"}
        )
        simulation.wait(days=2)
        simulation.audit()
        assert [one.snapshot.status for one in simulation.records.values()] == ["failed", "cancelled", "cancelled"]


class TestOperators:
    def test_a_cancelled_run_takes_its_branches_along_to_any_depth(self) -> None:
        simulation = started(
            parallel(branches={"a": [parallel("in", {"x": [work("deep")], "y": [rest()]})], "b": [rest("r2")]})
        )
        simulation.operate("cancel", root(simulation).id)
        simulation.audit()
        assert {one.snapshot.status for one in simulation.records.values()} == {Status.CANCELLED}

    def test_a_cancelled_branch_fails_the_step(self) -> None:
        simulation = started(parallel(branches=TWO))
        simulation.operate("cancel", child(simulation, "a").id, reason="no")
        simulation.audit()
        error = root(simulation).last_error
        assert error is not None
        assert (error.code, root(simulation).status) == ("child_cancelled", Status.FAILED)

    def test_pause_and_resume_reach_every_branch(self) -> None:
        simulation = started(parallel(branches={"a": [work("one")], "b": [rest()]}), tag("after"))
        simulation.operate("pause", root(simulation).id, timers="remaining")
        assert {one.snapshot.status for one in simulation.records.values()} == {Status.PAUSED}
        simulation.complete(run_id=child(simulation, "a").id)
        simulation.wait(days=3)
        simulation.operate("resume", root(simulation).id)
        simulation.audit()
        assert (child(simulation, "a").status, child(simulation, "b").status) == ("completed", "waiting")
        simulation.wait(days=1)
        assert root(simulation).status is Status.COMPLETED

    def test_a_branch_that_ends_while_its_run_is_paused_is_heard_at_the_resume(self) -> None:
        simulation = started(parallel(branches=TWO), tag("after"))
        simulation.operate("pause", root(simulation).id)
        for name in ("a", "b"):
            simulation.operate("resume", child(simulation, name).id)
            simulation.complete(run_id=child(simulation, name).id)
        assert (root(simulation).status, len(root(simulation).held)) == (Status.PAUSED, 2)
        simulation.operate("resume", root(simulation).id)
        simulation.audit()
        assert root(simulation).status is Status.COMPLETED

    @pytest.mark.parametrize("join", ["any", "all"])
    def test_branches_that_end_while_their_run_is_paused_are_heard_only_as_long_as_it_waits_for_them(
        self, join: str
    ) -> None:
        simulation = started(parallel(branches=TWO, join=join, on_error="after"), tag("after"), rest())
        simulation.operate("pause", root(simulation).id)
        for name in ("a", "b"):
            simulation.operate("cancel" if join == "all" else "resume", child(simulation, name).id)
            simulation.complete(run_id=child(simulation, name).id)
        assert len(root(simulation).held) == 2
        simulation.operate("resume", root(simulation).id)
        simulation.audit()
        assert (root(simulation).step, simulation.contact.tags) == ("rest", ("after",))

    def test_a_paused_workflow_holds_its_branches(self) -> None:
        simulation = started(parallel(branches={"a": [rest("r1")], "b": [rest("r2")]}), tag("after"))
        simulation.pause_workflow()
        simulation.wait(days=2)
        assert root(simulation).open_children == 2
        simulation.resume_workflow()
        simulation.audit()
        assert root(simulation).status is Status.COMPLETED

    def test_advance_leaves_the_step_and_its_branches(self) -> None:
        simulation = started(parallel(branches=TWO), tag("after"))
        simulation.operate("advance", root(simulation).id, transition="done")
        simulation.audit()
        assert root(simulation).status is Status.COMPLETED
        assert child(simulation, "a").status is Status.CANCELLED

    def test_advance_does_not_go_into_a_branch(self) -> None:
        simulation = started(parallel(branches=TWO))
        with pytest.raises(TransitionRefused):
            simulation.operate("advance", root(simulation).id, transition="a")


class TestDefinitions:
    @pytest.mark.parametrize(
        ("steps", "code", "place"),
        [
            ([parallel(branches={"a": [tag("x")]})], "missing_key", "config.branches"),
            ([parallel(branches=["x"])], "bad_value", "config.branches"),
            ([{"id": "par", "type": "parallel"}], "missing_key", "config.branches"),
            ([parallel(branches={"a": [tag("x")], "b": []})], "missing_key", "config.branches.b"),
            ([parallel(branches={**TWO, "done": [tag("y")]})], "reserved_id", "config.branches.done"),
            ([parallel(branches={**TWO, "b c": [tag("y")]})], "bad_name", 'config.branches["b c"]'),
            ([parallel(branches=TWO, join=3)], "bad_value", "config.join"),
            ([parallel(branches=TWO, join=0)], "bad_value", "config.join"),
            ([parallel(branches=TWO, join="some")], "bad_value", "config.join"),
            ([parallel(branches=TWO, on_branch_error="ignore")], "bad_value", "config.on_branch_error"),
            ([parallel(branches=TWO, limit=3)], "unknown_key", "config.limit"),
            (
                [parallel(branches={"a": [tag("x", next="after")], "b": [tag("y")]}), tag("after")],
                "across_branches", "config.branches.a[0]",
            ),
            (
                [parallel(branches={"a": [tag("x", next="y")], "b": [tag("y")]})],
                "across_branches", "config.branches.a[0]",
            ),
            (
                [tag("s", next="x"), parallel(branches={"a": [tag("x")], "b": [tag("y")]})],
                "across_branches", "",
            ),
            (
                [loop(parallel(branches={"a": [{"id": "out", "type": "break"}], "b": [tag("y")]}))],
                "outside_loop", "body[0].config.branches.a[0].type",
            ),
        ],
    )  # fmt: skip
    def test_a_mistake_is_told_at_its_place(self, steps: list[Data], code: str, place: str) -> None:
        assert (code, f"steps[0].{place}".rstrip(".")) in problems(*steps)

    def test_what_every_branch_leaves_may_be_read_after_the_join(self) -> None:
        steps = [parallel(branches=TWO), keep("seen", "{{steps.two.output.n}}")]
        assert problems(*steps) == [("no_trigger", "")] or problems(*steps) == []

    @pytest.mark.parametrize("config", [{"join": "any"}, {"on_branch_error": "continue"}])
    def test_what_a_branch_may_not_leave_is_warned_of(self, config: Data) -> None:
        steps = [parallel(branches=TWO, **config), keep("seen", "{{steps.two.output.n}}")]
        assert [code for code, _ in problems(*steps)] == ["output_may_be_missing"]

    @pytest.mark.parametrize("format", ["canvas", "yaml"])
    def test_it_is_written_out_and_read_again(self, format: Any) -> None:  # noqa: A002
        flow = {
            "key": "k",
            "steps": [
                tag("s"),
                parallel(branches={"a": [work("one"), tag("x")], "b": [rest()]}, join="any"),
                tag("after"),
            ],
        }
        loaded = load_workflow(json.dumps(flow))
        there = convert(loaded, format)
        back = load_workflow(there)
        assert back.workflow is not None, [str(one) for one in back.problems]
        assert loaded.workflow is not None
        assert {name: dict(step.targets) for name, step in back.workflow.steps.items()} == {
            name: dict(step.targets) for name, step in loaded.workflow.steps.items()
        }
        assert {name: step.bodies for name, step in back.workflow.steps.items()} == {
            name: step.bodies for name, step in loaded.workflow.steps.items()
        }


class TestWithGuards:
    def guarded(self, *body: Data, **keys: Any) -> Data:
        return {"id": "guard", "type": "try", "config": {"steps": list(body), **keys}}

    def test_a_try_around_takes_the_error_of_a_branch(self) -> None:
        simulation = started(self.guarded(parallel(branches=TWO), catch=[tag("caught")]), tag("after"))
        simulation.fail(retryable=False, run_id=child(simulation, "a").id)
        simulation.audit()
        assert (root(simulation).status, simulation.contact.tags) == (Status.COMPLETED, ("caught", "after"))

    def test_a_try_in_a_branch_takes_the_errors_of_that_branch(self) -> None:
        mine = self.guarded(work("one"), catch=[tag("caught")])
        simulation = started(parallel(branches={"a": [mine], "b": [work("two")]}), tag("after"))
        simulation.fail(retryable=False, run_id=child(simulation, "a").id)
        simulation.complete(run_id=child(simulation, "b").id)
        simulation.audit()
        assert (root(simulation).status, simulation.contact.tags) == (Status.COMPLETED, ("caught", "after"))

    def test_an_exit_in_a_branch_passes_the_finally_around_the_step_once(self) -> None:
        leave = {"id": "leave", "type": "exit", "config": {"reason": "enough"}}
        last = keep("n", "{{variables.n}}x")
        branches = {"a": [work("one"), leave], "b": [work("two")]}
        simulation = started(self.guarded(parallel(branches=branches), **{"finally": [last]}), variables={"n": ""})
        simulation.complete(run_id=child(simulation, "a").id)
        simulation.audit()
        assert (root(simulation).status, root(simulation).exit_reason) == (Status.EXITED, "enough")
        assert root(simulation).variables["n"] == "x"

    def test_an_error_handler_of_the_list_takes_the_error_of_the_step_and_not_of_a_branch(self) -> None:
        handler = {"id": "handler", "type": "error_handler", "config": {"steps": [tag("handled")]}}
        simulation = started(parallel(branches=TWO), handler)
        simulation.fail(retryable=False, run_id=child(simulation, "a").id)
        simulation.audit()
        assert (child(simulation, "a").status, root(simulation).status) == (Status.FAILED, Status.COMPLETED)
        assert simulation.contact.tags == ("handled",)
