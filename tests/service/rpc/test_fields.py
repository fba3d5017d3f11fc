"""Violations: what is wrong with a request is gathered, and told as one refusal."""

import pytest

from service.rpc.fields import Violations, all_chosen, required_id
from statemachine.errors import InvalidInput, LimitExceeded


def _too_large(place: str) -> None:
    raise LimitExceeded(f"{place} may have at most 4 KiB", [(place, "at most 4 KiB")], limit=place, maximum="4096")


def _refused(violations: Violations) -> InvalidInput:
    with pytest.raises(InvalidInput) as refusal:
        violations.check()
    return refusal.value


def test_nothing_wrong_is_no_refusal() -> None:
    violations = Violations()
    assert violations.read(required_id, "key", "lead") == "lead"
    violations.check()


def test_what_readers_refuse_is_told_beside_what_was_found_before() -> None:
    violations = Violations()
    violations.name("key", "", required=True)
    violations.read(all_chosen, "status", [1, 7, 9], {1: "live"})
    refusal = _refused(violations)
    assert refusal.violations == (
        ("key", "required"), ("status[1]", "one of live"), ("status[2]", "one of live"),
    )  # fmt: skip
    assert refusal.message == "key: required (and 2 more)"


def test_a_single_refusal_stays_as_it_is() -> None:
    violations = Violations()
    violations.read(_too_large, "data")
    refusal = _refused(violations)
    assert (refusal.reason, refusal.message) == ("LIMIT_EXCEEDED", "data may have at most 4 KiB")
    assert refusal.metadata == {"limit": "data", "maximum": "4096"}


def test_several_limits_are_a_limit_and_a_limit_among_other_faults_is_an_invalid_argument() -> None:
    limits = Violations()
    limits.read(_too_large, "data")
    limits.read(_too_large, "input")
    assert (_refused(limits).reason, _refused(limits).metadata["limit"]) == ("LIMIT_EXCEEDED", "data")
    mixed = Violations()
    mixed.read(_too_large, "data")
    mixed.name("key", "", required=True)
    assert (_refused(mixed).reason, len(_refused(mixed).violations)) == ("INVALID_ARGUMENT", 2)
