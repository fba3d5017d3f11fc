"""Replay: history alone is enough to decide every cause again, byte for byte, for workflows and causes at random."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from statemachine.definition import load_workflow
from statemachine.errors import WorkflowError
from statemachine.replay import ReplayDiverged, replay
from statemachine.snapshot import snapshot_from_data, snapshot_to_data
from statemachine.workflow import Workflow
from tests.statemachine.checked_world import Simulation, canonical, compiled

Data = dict[str, Any]

TEXTS = (
    "plain",
    7,
    True,
    None,
    ["a", {"b": 2.5}],
    "Hi {{first_name}}",
    "{{contact.name}}",
    "{{contact.custom_fields.stage}}",
    "{{contact.tags}}",
    "{{contact.score}}",
    "{{contact.revision}}",
    "{{contact}}",
    "{{company_name}}",
    "{{stage}}",
    "{{contact.last_sms_reply}}",
    "{{trigger.data.n}}",
    "{{trigger.type}} {{trigger.id}}",
    "{{event.data.n}}",
    "{{event.key}}",
    "{{event.accepted_at}}",
    "{{variables.v}}",
    "{{v}}",
    "{{variables.word}}",
    "{{steps.s0.output}}",
    "{{steps.s1.output.x}}",
    "{{undo.step}} {{undo.output}} {{undo.input}}",
    "{{enrollment.id}}/{{enrollment.key}}",
    "{{enrollment.started_at}}",
    "{{now}}",
    "{{last_error.code}} {{error.message}} {{error.attempt}} {{error.transient}}",
    "{{ first_name | default: 'you' | upcase }}",
    "{{nowhere.at.all}}",
)
EXPRESSIONS = (
    "variables.v > 2",
    "contact.first_name == 'Ann'",
    "trigger.n + 1",
    "contact.score >= 3 && variables.v < 9",
    "nowhere.at.all > 1",
    "steps.s0.output.x == 1",
    "size(contact.tags) > 0",
    "event.data.n == 2",
    "10 / 0",
    "stage == 'lead'",
)
EVENTS = ("click", "reply", "click", "stop", "tag_added", "go", "click")
FIELDS = ("stage", "first_name", "timezone", "score_card")

texts = st.sampled_from(TEXTS)
spans = st.sampled_from(("0s", "1h", "1d", "2d", "{{variables.span}}"))


def _conditions() -> st.SearchStrategy[Any]:
    leaves: st.SearchStrategy[Any] = st.one_of(
        st.builds(
            lambda field, operator, value: {"field": field, "operator": operator, "value": value},
            st.sampled_from(("stage", "first_name", "n", "event.data.n", "contact.last_sms_reply", "variables.v")),
            st.sampled_from(("equals", "!=", ">", "contains", "exists", "is_empty", "matches")),
            st.sampled_from(("lead", "Ann", 2, "2", True, "{{stage}}", "{{ nowhere | upcase }}")),
        ),
        st.builds(lambda text: {"expression": text}, st.sampled_from(EXPRESSIONS)),
        st.sampled_from(
            ({"type": "tag", "tag": "hot"}, {"type": "tag", "tags": ["hot", "x"], "operator": "not_exists"})
        ),
        st.sampled_from(
            ({"type": "score", "operator": ">", "value": 3}, {"type": "score", "operator": "<", "value": 1})
        ),
        st.builds(
            lambda event, reach, count: {"type": "event", "event": event, "count": count, "operator": ">=", **reach},
            st.sampled_from(EVENTS),
            st.sampled_from(({}, {"within": "1d"}, {"since": "enrollment"}, {"since": "s0"})),
            st.integers(1, 3),
        ),
        st.sampled_from(
            (
                {"type": "time", "after": "09:00", "before": "18:00"},
                {"type": "time", "days": ["thu", "sat"], "timezone": "contact"},
            )
        ),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=3,
    )


conditions = _conditions()


@st.composite
def _wait_for_events(draw: st.DrawFn) -> Data:
    cases: list[Data] = []
    for event in draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2)):
        case: Data = {"event": event}
        if draw(st.booleans()):
            case["branch"] = draw(st.sampled_from(("left", "right")))
        if draw(st.booleans()):
            case["when"] = draw(conditions)
        cases.append(case)
    config: Data = {"on": cases}
    if draw(st.booleans()):
        config["timeout"] = draw(spans)
    if draw(st.booleans()):
        config["since"] = draw(st.sampled_from(("enrollment", "wait", "s0")))
    return {"type": "wait", "config": config}


def _step(kind: str, **config: st.SearchStrategy[Any]) -> st.SearchStrategy[Data]:
    return st.fixed_dictionaries(config).map(lambda made: {"type": kind, "config": made})


bodies: st.SearchStrategy[Data] = st.one_of(
    _step("set_variable", path=st.sampled_from(("v", "word", "deep.v", "span")), value=texts),
    st.builds(lambda text: {"type": "transform", "config": {"expression": text}}, st.sampled_from(EXPRESSIONS)),
    _step("update_field", field=st.sampled_from(FIELDS), value=texts),
    _step(
        "update_field", field=st.sampled_from(FIELDS), value=texts, operation=st.sampled_from(("append", "increment"))
    ),
    _step("add_tag", tag=st.sampled_from(("hot", "{{stage}}"))),
    _step("remove_tag", tag=st.just("hot")),
    _step("add_to_list", list=st.just("news")),
    _step("update_score", value=st.sampled_from((1, -2, "{{variables.v}}"))),
    _step("wait", **{"for": spans}),
    _step(
        "wait",
        until=st.sampled_from(("2026-01-03", "{{contact.custom_fields.stage}}", "2026-01-02T09:00")),
        offset=spans,
    ),
    _wait_for_events(),
    _wait_for_events(),
    conditions.map(lambda condition: {"type": "condition", "config": condition}),
    st.lists(conditions, min_size=1, max_size=3).map(
        lambda parts: {
            "type": "condition",
            "config": {"cases": [{"id": f"c{n}", "when": p} for n, p in enumerate(parts)]},
        }
    ),
    _step(
        "split",
        variants=st.sampled_from(({"a": 1, "b": 2}, {"a": 1, "holdout": 1})),
        mode=st.sampled_from(("sticky", "random")),
    ),
    _step("task", input=st.fixed_dictionaries({"x": texts, "y": texts})),
    _step("task", input=st.fixed_dictionaries({"x": texts})),
    _step("send_sms", body=texts.filter(lambda text: isinstance(text, str))),
    st.just({"type": "send_email", "config": {"subject": "s", "template": "welcome"}}),
    _step("exit", reason=texts),
    st.just({"type": "end"}),
    st.just({"type": "pass"}),
)

OUTCOMES = {
    "condition": ("true", "false", "c0"),
    "split": ("a", "b"),
    "wait": ("left", "right", "timeout", "done"),
    "task": ("done", "other"),
}


def _within_loops(draw: st.DrawFn, steps: list[Data]) -> list[Data]:
    """The same with some of the steps in loops; what leads into one from outside makes no workflow."""
    made: list[Data] = []
    for number, step in enumerate(steps):
        kind = draw(st.sampled_from((*[None] * 9, "items", "count", "condition")))
        if kind is None:
            made.append(step)
            continue
        config = {kind: draw(loop_values[kind]), "max_iterations": draw(st.integers(1, 4))}
        if kind == "items":
            config["item"] = "word"
        jump = {"id": f"j{number}", "type": draw(st.sampled_from(("break", "continue"))), "when": draw(conditions)}
        inner = {key: value for key, value in step.items() if key not in ("branches", "next", "id")}
        if inner["type"] == "condition":
            inner["branches"] = {"true": f"b{number}" if draw(st.booleans()) else f"s{number}"}
        body = [{**inner, "id": f"b{number}"}, jump, {"id": f"p{number}", "type": "pass"}]
        if inner["type"] == "condition":
            inner["branches"] = {"true": f"p{number}", "c0": f"j{number}"}
            keys = [key for key in inner["branches"] if _has(inner, key)]
            body[0]["branches"] = {key: inner["branches"][key] for key in keys}
        made.append({"id": f"s{number}", "type": "loop", "config": config, "body": body[: draw(st.integers(2, 3))]})
        made[-1]["body"][0].get("branches", {}).pop("true" if len(made[-1]["body"]) < 3 else "", None)
    return made


def _within_guards(draw: st.DrawFn, steps: list[Data]) -> list[Data]:
    """The same with some of the steps in a try or a fallback, and error handlers here and there."""
    made: list[Data] = []
    for number, step in enumerate(steps):
        kind = draw(st.sampled_from((*[None] * 3, "catch", "finally", "both", "fallback", "error_handler")))
        if kind == "error_handler":
            made += [step, {"id": f"h{number}", "type": kind, "steps": [_plain_step(draw, f"k{number}")]}]
        elif kind is None or step["type"] == "loop":
            made.append(step)
        else:
            made.append(_guarded(draw, step, number, kind))
    return made


def _with_undos(draw: st.DrawFn, steps: list[Data]) -> list[Data]:
    """The same with undos of some of the steps, and steps that undo."""
    made: list[Data] = []
    for number, step in enumerate(steps):
        kinds = ("task", "send_sms", "send_email", "set_variable", "transform", "update_field", "add_tag")
        if step["type"] in kinds and draw(st.integers(0, 3)) == 0:
            step = {**step, "compensate": [_plain_step(draw, f"u{number}")]}
        made.append(step)
        if draw(st.integers(0, 9)) == 0:
            made.append({"id": f"z{number}", "type": "compensate"})
    return made


def _guarded(draw: st.DrawFn, step: Data, number: int, kind: str) -> Data:
    outer: Data = {key: step[key] for key in ("next", "on_error", "when") if key in step and draw(st.booleans())}
    inner = {key: value for key, value in step.items() if key not in (*outer, "id")} | {"id": f"i{number}"}
    body = [inner, _plain_step(draw, f"m{number}")][: draw(st.integers(1, 2))]
    guard: Data = {"id": f"s{number}", "type": "try", "steps": body, **outer}
    if kind == "fallback":
        return {**guard, "type": kind, "steps": [*body, _plain_step(draw, f"c{number}")]}
    if kind != "finally":
        guard["catch"] = [_plain_step(draw, f"c{number}")]
    if kind != "catch":
        guard["finally"] = [_plain_step(draw, f"f{number}")]
    return guard


def _plain_step(draw: st.DrawFn, name: str) -> Data:
    kinds = ("wait", "task", "set_variable", "transform", "send_sms", "update_field")
    return {**draw(bodies.filter(lambda step: step["type"] in kinds)), "id": name}


loop_values: dict[str, st.SearchStrategy[Any]] = {
    "items": st.sampled_from((["a", {"n": 1}], [], "trigger.data.n", "contact.tags", ["{{stage}}", 2, 3])),
    "count": st.sampled_from((0, 2, 3, "{{variables.v}}")),
    "condition": conditions,
}


@st.composite
def documents(draw: st.DrawFn) -> Data:
    """A document that is mostly valid: targets mostly lead on, sometimes back."""
    made = draw(st.lists(bodies, min_size=1, max_size=7))
    steps: list[Data] = []
    for number, body in enumerate(made):
        ahead = [f"s{n}" for n in range(number + 1, len(made))] + ["end"]
        back = ahead + ([f"s{n}" for n in range(number + 1)] if body["type"] in ("wait", "task") else [])
        target = st.sampled_from(back)
        step: Data = {"id": f"s{number}", **body}
        outcomes = OUTCOMES.get(body["type"], ())
        if outcomes and (body["type"] == "condition" or draw(st.booleans())):
            step["branches"] = {outcome: draw(target) for outcome in outcomes if _has(body, outcome)}
        if draw(st.booleans()):
            step["next"] = draw(target)
        if draw(st.integers(0, 3)) == 0:
            step["when"] = draw(conditions)
        if body["type"] in ("task", "send_sms"):
            step["retry"] = {"max_attempts": draw(st.integers(1, 3)), "jitter": draw(st.sampled_from(("full", "none")))}
            step["crash_policy"] = draw(st.sampled_from(("at_least_once", "at_most_once")))
        if draw(st.integers(0, 2)) == 0:
            step["on_error"] = draw(target)
        if draw(st.integers(0, 2)) == 0:
            step["output"] = draw(st.sampled_from(("v", "word")))
        steps.append(step)
    return {
        "key": "flow",
        "triggers": draw(
            st.sampled_from(
                (
                    [{"type": "go"}],
                    [
                        {"type": "go", "conditions": [{"field": "stage", "operator": "!=", "value": "lost"}]},
                        {"type": "click"},
                    ],
                    [{"type": "go", "key": "{{trigger.data.n}}"}],
                )
            )
        ),
        "entry": {"reentry": draw(st.sampled_from(("after_exit", "always", "restart")))},
        "exit": draw(st.lists(_exit_rules, max_size=2)),
        "limits": draw(st.sampled_from(({}, {"max_duration": "3d"}, {"max_transitions": 12}))),
        "variables": draw(st.sampled_from(({}, {"v": 1, "span": "1h"}, {"v": "{{trigger.data.n}}", "at": "{{now}}"}))),
        "on_missing": draw(st.sampled_from(("keep", "empty", "fail"))),
        **draw(st.sampled_from(({}, {"timezone": "America/New_York"}))),
        **({"on_failure": [_plain_step(draw, "on_failure_1")]} if draw(st.integers(0, 3)) == 0 else {}),
        "steps": _within_guards(draw, _within_loops(draw, _with_undos(draw, steps))),
    }


_exit_rules = st.one_of(
    st.just({"on": "stop", "reason": "asked"}),
    st.builds(lambda when: {"on": "click", "goal": "clicked", "when": when}, conditions),
    st.just({"on_mismatch": True}),
)


def _has(body: Data, outcome: str) -> bool:
    config = body.get("config", {})
    if body["type"] == "condition":
        return (outcome in ("true", "false")) != ("cases" in config)
    if body["type"] == "wait":
        branches = {case.get("branch", "done") for case in config.get("on", ())} or {"done"}
        return outcome in branches or (outcome == "timeout" and "timeout" in config)
    if body["type"] == "split":
        return outcome in config["variants"]
    return True


def _do(name: str, *arguments: st.SearchStrategy[Any], **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(name), st.tuples(*arguments), st.fixed_dictionaries(keys))


payloads = st.fixed_dictionaries(
    {"n": st.sampled_from((1, 2, "2", None, "lead"))},
    optional={"channel": st.just("sms"), "content": st.just("STOP please")},
)
actions = st.lists(
    st.one_of(
        _do("trigger", st.sampled_from(EVENTS), data=payloads),
        _do("trigger", st.sampled_from(EVENTS), data=payloads, key=st.sampled_from(("", "k"))),
        _do(
            "trigger",
            st.just("go"),
            data=payloads,
            contact_patch=st.sampled_from(({}, {"stage": "lead"}, {"tags": ["hot"]})),
        ),
        _do("enroll", contact_id=st.sampled_from(("c1", None))),
        _do("wait", hours=st.sampled_from((1, 25, 60))),
        _do(
            "complete",
            st.sampled_from((None, {"x": 1}, "text")),
            outcome=st.sampled_from(("done", "other", "odd", "error")),
        ),
        _do("complete", st.just({"x": 2}), variables=st.just({"v": 5, "w": [1]})),
        _do(
            "fail",
            st.sampled_from(("boom", "timeout")),
            retryable=st.booleans(),
            retry_after_s=st.sampled_from((None, 90.0)),
        ),
        _do("operate", st.sampled_from(("resume", "cancel", "exit", "retry", "pause"))),
        _do("operate", st.just("pause"), timers=st.sampled_from(("keep", "remaining", "catch_up"))),
        _do("operate", st.just("resume")),
        _do("operate", st.just("retry"), input=st.sampled_from(({}, {"x": "edited", "v": 3}))),
        _do(
            "operate",
            st.just("advance"),
            transition=st.sampled_from(("done", "left", "timeout", "error", "true")),
            data=st.sampled_from(({}, {"x": 1})),
        ),
        _do(
            "operate",
            st.just("set_variables"),
            variables=st.sampled_from(
                ({"v": 4}, {"v": None}, {"vars.o.p": [1], "word": "x"}, {"v": "y" * 300_000}, {})
            ),
        ),
        _do("operate", st.just("reschedule"), by_s=st.sampled_from((3600.0, -7200.0, 1e9, 1e15))),
        _do(
            "operate",
            st.just("reschedule"),
            until=st.just("2026-03-01T00:00:00+00:00"),
        ),
        _do("pause_workflow", timers=st.sampled_from(("keep", "remaining", "catch_up"))),
        _do("resume_workflow"),
        _do("change", stage=st.sampled_from(("lead", "lost", "2026-01-02")), score=st.integers(0, 5)),
        _do(
            "change",
            first_name=st.sampled_from(("Ann", "Bob")),
            timezone=st.sampled_from(("Europe/Berlin", "Asia/Tokyo")),
        ),
        _do("fire"),
    ),
    min_size=6,
    max_size=24,
)


def _workflow_of(document: Data) -> Workflow | None:
    return load_workflow(json.dumps(document), version=1).workflow


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(documents(), st.sampled_from((None, "Europe/Paris")), actions)
def test_every_cause_decides_again_from_history_alone_to_equal_bytes(
    document: Data, zone: str | None, course: list[tuple[str, tuple[Any, ...], Data]]
) -> None:
    workflow = _workflow_of(document)
    assume(workflow is not None)
    assert workflow is not None
    simulation = Simulation(workflow, zone=zone)
    simulation.trigger(
        "go", data={"n": 2}, contact_patch={"first_name": "Ann", "stage": "lead", "phone": "+49", "email": "a@x.de"}
    )
    for name, arguments, keys in course:
        if not simulation.records and name not in ("trigger", "enroll", "change", "wait", "pause_workflow"):
            continue
        if name in ("complete", "fail") and not simulation.orders:
            continue
        try:
            getattr(simulation, name)(*arguments, **keys)
        except WorkflowError:
            continue
    simulation.audit()


def _started(*steps: Data, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **document))
    simulation.trigger("go", contact_patch={"first_name": "Ann", "stage": "lead"})
    return simulation


def _reads(simulation: Simulation) -> Data:
    cause = simulation.history[0].cause
    assert cause is not None
    reads: Data = dict(cause.get("reads", {}))
    return reads


class TestWhatHistoryKeeps:
    def test_the_fields_that_the_version_reads_and_no_others(self) -> None:
        greeting = {"id": "a", "type": "set_variable", "config": {"path": "hi", "value": "Hi {{first_name}}"}}
        assert _reads(_started(greeting)) == {"contact": {"id": "c1", "attributes": {"first_name": "Ann"}}}

    def test_no_contact_when_the_decision_did_not_look_at_it(self) -> None:
        tag = {"id": "b", "type": "add_tag", "config": {"tag": "x"}}
        assert _reads(_started({"id": "a", "type": "wait", "config": {"for": "1d"}}, tag)) == {}

    def test_the_events_that_a_wait_looked_at_and_no_others(self) -> None:
        listening = {"id": "a", "type": "wait", "config": {"on": [{"event": "click"}], "since": "enrollment"}}
        simulation = _started({"id": "first", "type": "wait", "config": {"for": "1h"}}, listening)
        simulation.trigger("click", id="e1", data={"n": 1})
        simulation.trigger("reply", id="e2")
        simulation.wait(hours=1)
        cause = simulation.history[2].cause
        assert cause is not None
        assert [event["id"] for event in cause["reads"]["events"]] == ["e1"]

    def test_the_first_cause_says_which_enrollment_it_began(self) -> None:
        cause = _started({"id": "a", "type": "pass"}).history[0].cause
        assert cause is not None
        assert {name: cause["enrollment"][name] for name in ("id", "workflow", "version", "contact_id")} == {
            "id": "enrollment-0001",
            "workflow": "flow",
            "version": 1,
            "contact_id": "c1",
        }


class TestDivergence:
    def test_a_history_without_a_cause_is_no_history(self) -> None:
        with pytest.raises(ReplayDiverged, match="records no cause"):
            replay(compiled({"id": "a", "type": "pass"}), [])

    def test_rules_that_no_longer_fit_the_history_are_found_out(self) -> None:
        simulation = _started({"id": "a", "type": "wait", "config": {"on": [{"event": "click"}]}})
        simulation.trigger("click")
        causes = [entry.cause for entry in simulation.history if entry.cause is not None]
        other = compiled({"id": "a", "type": "wait", "config": {"on": [{"event": "reply"}]}})
        with pytest.raises(ReplayDiverged, match="does not move"):
            replay(other, causes)

    def test_an_unread_value_that_was_read_after_all_would_show(self) -> None:
        simulation = _started({"id": "a", "type": "set_variable", "config": {"path": "hi", "value": "{{first_name}}"}})
        cause = json.loads(json.dumps(simulation.history[0].cause))
        del cause["reads"]
        again = replay(simulation.records[simulation.last].workflow, [cause])
        assert canonical(snapshot_to_data(again.snapshot)) != canonical(snapshot_to_data(simulation.run))


@pytest.mark.parametrize("restarted", [True, False])
def test_a_restart_is_replayed_as_a_restart_even_when_an_exit_rule_would_now_match(restarted: bool) -> None:
    change = {"key": "early", "triggers": [{"type": "go"}], "entry": {"priority": 9, "reentry": "always"}}
    first = compiled({"id": "a", "type": "update_field", "config": {"field": "stage", "value": "won"}}, **change)
    rule = {"on": "go", "when": {"field": "stage", "operator": "equals", "value": "won"}}
    policy = "restart" if restarted else "after_exit"
    second = compiled({"id": "w", "type": "wait", "config": {"for": "1d"}}, entry={"reentry": policy}, exit=[rule])
    simulation = Simulation(first, second)
    simulation.trigger("go")
    simulation.change(stage="new")
    simulation.trigger("go")
    run = next(record for record in simulation.records.values() if record.workflow.key == "flow")
    assert run.snapshot.exit_reason == ("restarted" if restarted else None)
    simulation.audit()


def _long_wait(simulation: Simulation) -> None:
    simulation.wait(days=1)


@pytest.mark.parametrize("act", [_long_wait, lambda s: s.operate("pause"), lambda s: s.operate("cancel", reason="x")])
def test_snapshots_read_back_equal_from_their_data(act: Callable[[Simulation], None]) -> None:
    simulation = _started({"id": "a", "type": "wait", "config": {"for": "2d"}})
    act(simulation)
    simulation.now += timedelta(seconds=1)
    assert snapshot_from_data(snapshot_to_data(simulation.run)) == simulation.run
