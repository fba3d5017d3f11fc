"""Steps at random: texts, conditions, and the config of every type that is no body of others."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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
    config |= draw(st.sampled_from(({}, {}, *_BURSTS, *_PICKY)))
    return {"type": "wait", "config": config}


_BURSTS = ({"debounce": "20s"}, {"debounce": "1m", "max_hold": "90s"}, {"debounce": "2h"})
_PICKY = ({"ttl": "1h"}, {"key": "k"}, {"key": "{{enrollment.key}}"}, {"key": "2", "key_path": "n"}, {"consume": "one"})
_silences = st.sampled_from(
    (
        {"quiet": "20s", "of": "click"},
        {"quiet": "1d", "of": ["reply", {"event": "click", "when": "event.data.n == 2"}], "timeout": "2d"},
        {"quiet": "1h", "of": "click", "on": [{"event": "reply", "branch": "left"}], "since": "enrollment"},
    )
)
_moving = st.fixed_dictionaries(
    {"until": st.sampled_from(("{{contact.custom_fields.due}}", "{{variables.at}}"))},
    optional={
        "offset": st.sampled_from(("-1d", "1h")),
        "on_change": st.sampled_from(("keep", "recompute")),
        "late": st.sampled_from(({"skip_if_older_than": "1h"}, {"skip_if_older_than": "2d"})),
    },
)
"""Until a date that moves."""


_watching = st.builds(lambda condition, timeout: {"until_true": condition, "timeout": timeout}, conditions, spans)


@st.composite
def _approvals(draw: st.DrawFn) -> Data:
    config: Data = {"title": draw(st.sampled_from(("Well?", "{{contact.name}}?")))}
    if draw(st.booleans()):
        config["timeout"] = draw(st.sampled_from(("1d", "3h")))
    if draw(st.booleans()):
        config["reminder"] = {"after": "1h", "every": "2h", "max": draw(st.integers(1, 3))}
    if draw(st.booleans()):
        config["escalation"] = {"after": "2h", "to": {"group": "{{stage}}"}}
    return {"type": "approval", "config": config}


def _step(kind: str, **config: st.SearchStrategy[Any]) -> st.SearchStrategy[Data]:
    return st.fixed_dictionaries(config).map(lambda made: {"type": kind, "config": made})


plain_bodies: st.SearchStrategy[Data] = st.one_of(
    _step("set_variable", path=st.sampled_from(("v", "word", "deep.v", "span")), value=texts),
    st.builds(lambda text: {"type": "transform", "config": {"expression": text}}, st.sampled_from(EXPRESSIONS)),
    _step("update_field", field=st.sampled_from(FIELDS), value=texts),
    _step(
        "update_field", field=st.sampled_from(FIELDS), value=texts, operation=st.sampled_from(("append", "increment"))
    ),
    _step("wait", **{"for": spans}),
    _step(
        "wait",
        until=st.sampled_from(("2026-01-03", "{{contact.custom_fields.stage}}", "2026-01-02T09:00")),
        offset=spans,
    ),
    _wait_for_events(),
    _wait_for_events(),
    st.one_of(_silences, _moving, _moving, _watching).map(lambda config: {"type": "wait", "config": config}),
    _step("task", input=st.fixed_dictionaries({"x": texts, "y": texts})),
    _step("task", input=st.fixed_dictionaries({"x": texts})),
    _step("send_sms", body=texts.filter(lambda text: isinstance(text, str))),
)
"""Those that may stand within other steps."""

bodies: st.SearchStrategy[Data] = st.one_of(
    plain_bodies,
    _step("add_tag", tag=st.sampled_from(("hot", "{{stage}}"))),
    _step("remove_tag", tag=st.just("hot")),
    _step("add_to_list", list=st.just("news")),
    _step("update_score", value=st.sampled_from((1, -2, "{{variables.v}}"))),
    _approvals(),
    conditions.map(lambda condition: {"type": "condition", "config": condition}),
    st.lists(conditions, min_size=1, max_size=3).map(
        lambda parts: {
            "type": "condition",
            "config": {"cases": [{"id": f"c{n}", "when": p} for n, p in enumerate(parts)]},
        }
    ),
    _step(
        "split",
        variants=st.sampled_from(({"a": 1, "b": 2}, {"a": 1, "holdout": 1}, {"a": 1, "b": 0.5, "c": 3})),
        mode=st.sampled_from(("sticky", "random")),
    ),
    st.just({"type": "send_email", "config": {"subject": "s", "template": "welcome"}}),
    _step("exit", reason=texts),
    st.just({"type": "end"}),
    st.just({"type": "pass"}),
)
