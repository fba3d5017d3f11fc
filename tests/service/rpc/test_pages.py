"""A token leads on with its own filters only, whatever a stranger makes of it."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statewright.v1 import ContactServiceListRequest, EnrollmentServiceListRequest, EnrollmentServiceListResponse

from service.rpc.pages import fill_page, make_token, page_size, read_token
from statemachine.errors import InvalidInput

REQUEST = EnrollmentServiceListRequest(workflow="w", page_size=10)


def test_a_token_gives_its_position_back() -> None:
    assert read_token(REQUEST, make_token(REQUEST, ["id-1"]), str) == ["id-1"]


def test_page_size_view_and_token_are_no_filters() -> None:
    token = make_token(REQUEST, ["id-1"])
    other = EnrollmentServiceListRequest(workflow="w", page_size=99, view="ENROLLMENT_VIEW_FULL", page_token=token)
    assert read_token(other, token, str) == ["id-1"]


@pytest.mark.parametrize(
    "other",
    [
        EnrollmentServiceListRequest(workflow="v"),
        EnrollmentServiceListRequest(workflow="w", order="ENROLLMENT_ORDER_OLDEST_FIRST"),
        ContactServiceListRequest(tag="w"),
    ],
)
def test_a_token_of_other_filters_is_refused(other: EnrollmentServiceListRequest) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_token(other, make_token(REQUEST, ["id-1"]), str)
    assert refused.value.violations[0][0] == "page_token"


def test_a_position_of_another_shape_is_refused() -> None:
    with pytest.raises(InvalidInput):
        read_token(REQUEST, make_token(REQUEST, [7]), str)


@given(st.text(min_size=1) | st.binary(min_size=1).map(lambda raw: urlsafe_b64encode(raw).decode()))
def test_no_invented_token_is_taken_or_fails_in_another_way(token: str) -> None:
    with pytest.raises(InvalidInput):
        read_token(REQUEST, token, str)


@pytest.mark.parametrize(("wanted", "size"), [(0, 50), (1, 1), (500, 500)])
def test_a_page_has_50_items_unless_told_otherwise(wanted: int, size: int) -> None:
    assert page_size(wanted) == size


@pytest.mark.parametrize("wanted", [-1, 501])
def test_a_page_of_another_size_is_refused(wanted: int) -> None:
    with pytest.raises(InvalidInput):
        page_size(wanted)


def filled(sizes: list[int], page: int) -> tuple[list[str], tuple[int, ...] | None]:
    response = EnrollmentServiceListResponse()

    def write(row: tuple[int, int], message: object) -> None:
        message.id = "x" * row[1]  # type: ignore[attr-defined]

    rows = list(enumerate(sizes))
    last = fill_page(rows, page, response.enrollments, write, lambda row: (row[0],))
    return [one.id for one in response.enrollments], last  # type: ignore[return-value]


def test_the_last_page_leads_nowhere() -> None:
    assert filled([1, 1], 2)[1] is None


def test_a_full_page_leads_on_after_its_last_item() -> None:
    ids, last = filled([1, 1, 1], 2)
    assert (len(ids), last) == (2, (1,))


def test_a_page_ends_before_1_mib() -> None:
    ids, last = filled([400_000] * 5, 5)
    assert (len(ids), last) == (2, (1,))


def test_one_item_over_1_mib_is_still_sent() -> None:
    ids, last = filled([2_000_000, 1], 2)
    assert (len(ids), last) == (1, (0,))
