"""What is said of values that are wrong, and that one of them hides no other."""

import pytest

from statemachine.definition import load_workflow

WRONG = [
    ("is_active: maybe", 'is_active: `is_active` has to be true or false, not "maybe"'),
    ("description: [a]", "description: `description` has to be text, not a list"),
    ("entry: {max_entries: 1.5}", "entry.max_entries: `max_entries` has to be a whole number, not 1.5"),
    ("entry: {max_entries: 0}", "entry.max_entries: `max_entries` has to be at least 1, not 0"),
    ("entry: {priority: 5000000}", "entry.priority: `priority` has to be at most 1,000,000, not 5000000"),
    (
        "entry: {reentry: sometimes}",
        "entry.reentry: `reentry` has to be 'never', 'after_exit', 'always' or 'restart', not \"sometimes\"",
    ),
    ("variables: 5", "variables: `variables` has to be an object, not a number"),
]


@pytest.mark.parametrize(("line", "told"), WRONG)
def test_a_value_that_is_wrong_is_told_what_it_has_to_be(line: str, told: str) -> None:
    assert problems(f"{line}\nsteps: [{{id: a, type: pass}}]") == [told]


def test_of_a_value_that_may_be_of_several_kinds_all_are_told() -> None:
    branches = "{a: [{id: x, type: pass}], b: [{id: y, type: pass}]}"
    assert problems(f"steps: [{{id: p, type: parallel, config: {{join: most, branches: {branches}}}}}]") == [
        "steps[0].config.join: `join` has to be 'all' or 'any' or a whole number, not \"most\""
    ]


def test_a_key_that_is_wrong_hides_nothing_that_is_wrong_beside_it() -> None:
    config = "{escalation: {after: 1d}, form: {a: money}, timeout: 2 fortnights, reminder: {after: 1h}}"
    assert [line.partition(":")[0] for line in problems(f"steps: [{{id: a, type: approval, config: {config}}}]")] == [
        "steps[0].config.escalation.to",
        "steps[0].config.form.a",
        "steps[0].config.timeout",
    ]


@pytest.mark.parametrize("config", ["{lst: news}", "{list: 5, lst: x}"])
def test_a_key_that_is_wrong_is_not_missed_as_well(config: str) -> None:
    assert not [line for line in problems(f"steps: [{{id: a, type: add_to_list, config: {config}}}]") if "give" in line]


def test_a_condition_of_which_a_key_is_wrong_is_not_said_to_be_none() -> None:
    steps = "[{id: c, type: condition, config: {cases: 7, default: end}, branches: {true: end}}]"
    assert problems(f"steps: {steps}") == ["steps[0].config.cases: `cases` has to be a list, not 7"]


def test_an_error_handler_that_is_wrong_is_told_and_nothing_else() -> None:
    steps = "[{id: a, type: send_sms, config: {body: x}}, {id: h, type: error_handler, config: {scop: list}}]"
    assert problems(f"steps: {steps}") == [
        "steps[1].config.scop: there is no key 'scop' here; the keys here are scope, steps"
    ]


@pytest.mark.parametrize(
    ("trigger", "told"),
    [
        ("{type: schedule}", "trigger.type: schedules are not built yet"),
        (
            "{type: webhook, config: {secret: s}}",
            "trigger.config: the config of a webhook is not built yet: this server takes no webhooks from outside",
        ),
        ("{type: webhook}", ""),
    ],
)
def test_what_cannot_be_run_yet_of_a_trigger_is_said_to_be_just_that(trigger: str, told: str) -> None:
    assert (
        problems(f"trigger: {trigger}\nsteps: [{{id: a, type: add_tag, config: {{tag: x}}}}]") == [told][: bool(told)]
    )


def problems(text: str) -> list[str]:
    found = load_workflow(f"key: k\n{text}").problems
    return [f"{problem.path}: {problem.message}" for problem in found]
