"""Definitions at random, mostly valid: steps that lead on and sometimes back, in loops, guards and branches."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.statemachine.drawn.steps import Data, bodies, conditions, plain_bodies

OUTCOMES = {
    "condition": ("true", "false", "c0"),
    "split": ("a", "b"),
    "wait": ("left", "right", "timeout", "done"),
    "task": ("done", "other"),
    "approval": ("approved", "rejected", "timeout"),
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


def _within_branches(draw: st.DrawFn, steps: list[Data]) -> list[Data]:
    """The same with some of the plain steps in a branch beside another, or in rounds side by side."""
    made: list[Data] = []
    for number, step in enumerate(steps):
        kind = draw(st.sampled_from((*[None] * 8, "branches", "rounds")))
        if (
            kind is None
            or not {"branches", "next", "on_error", "compensate"}.isdisjoint(step)
            or step["type"] == "loop"
        ):
            made.append(step)
            continue
        inner = {**step, "id": f"x{number}"}
        on_error = draw(st.sampled_from(("fail", "continue")))
        if kind == "rounds":
            config: Data = {"items": [1, 2], "parallel": True, "concurrency": draw(st.integers(1, 2))}
            whole: Data = {"type": "loop", "config": {**config, "on_branch_error": on_error}, "body": [inner]}
        else:
            branches = {"left": [inner], "right": [_plain_step(draw, f"y{number}")]}
            config = {"branches": branches, "join": draw(st.sampled_from(("all", "any"))), "on_branch_error": on_error}
            whole = {"type": "parallel", "config": config}
        made.append({"id": step["id"], **whole})
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
    return {**draw(plain_bodies), "id": name}


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
        **draw(st.sampled_from(({}, *_SENDING))),
        "steps": _within_guards(draw, _within_loops(draw, _within_branches(draw, _with_undos(draw, steps)))),
    }


_SENDING: tuple[Data, ...] = (
    {"sending": {"quiet_hours": {"from": "08:00", "to": "10:00"}, "spread": "10m"}},
    {"sending": {"caps": [{"count": 1, "per": "1d"}]}},
    {"sending": {"caps": [{"count": 1, "per": "day"}], "on_blocked": "skip"}},
    {"sending": {"consent": "required", "days": ["thu", "fri"], "holidays": ["de"]}},
)
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
