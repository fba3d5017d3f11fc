"""goto, exit, end, pass; and the registry."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from statemachine.step import EffectStep, PureStep
from statemachine.step_result import End, Outcome
from statemachine.steps import NOT_YET, STEP_TYPES, not_yet
from tests.statemachine.steps.fakes import Stay, build, run


def test_goto_leads_to_its_target() -> None:
    step = build("goto", to="there")
    assert (step.targets(), run(step)) == ({"done": "there"}, Outcome("done"))


def test_exit_leaves_with_its_reason() -> None:
    assert run(build("exit", reason="{{variables.why}}"), Stay(variables={"why": "sold out"})) == End(
        "exited", "sold out"
    )
    assert run(build("exit")) == End("exited", None)


def test_end_completes() -> None:
    assert run(build("end")) == End("completed")


@pytest.mark.parametrize("name", ["pass", "noop", "note"])
def test_pass_does_nothing(name: str) -> None:
    assert run(build(name, note="remember")) == Outcome("done")


def test_every_type_is_listed_under_its_own_name_and_its_aliases() -> None:
    for name, step_type in STEP_TYPES.items():
        assert name == step_type.name or name in step_type.aliases
        assert STEP_TYPES[step_type.name] is step_type
        assert issubclass(step_type, EffectStep if step_type.effect else PureStep)


def test_no_name_is_both_built_and_not() -> None:
    assert not STEP_TYPES.keys() & NOT_YET.keys()


@pytest.mark.parametrize("name", ["ai_generate", "custom_code", "shopify.get_order"])
def test_a_name_of_a_later_version_says_why(name: str) -> None:
    assert not_yet(name)


@pytest.mark.parametrize("name", ["", "bake_cake", "wait", "Shop ify.x", "a."])
def test_other_names_are_not_promised(name: str) -> None:
    assert not_yet(name) is None


@pytest.mark.parametrize("name", sorted({step_type.name for step_type in STEP_TYPES.values()} - {"condition"}))
def test_unknown_keys_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        STEP_TYPES[name].Config.model_validate({"surprise": 1})
