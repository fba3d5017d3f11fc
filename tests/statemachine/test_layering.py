"""Layers: every edge leads down unless it closes a ring, and nothing lies on anything else."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from statemachine.layering import Arrangement, Link, Point, Size, arrange

BOX = (100.0, 40.0)
LABEL = (50.0, 15.0)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[Link]]:
    count = draw(st.integers(1, 12))
    box = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(box, box), max_size=20, unique=True))
    return count, [Link(source, target, LABEL) for source, target in pairs]


def arranged(count: int, links: list[Link]) -> Arrangement:
    return arrange([BOX] * count, links)


def overlap(first: tuple[Point, Size], second: tuple[Point, Size]) -> bool:
    (x1, y1), (w1, h1) = first
    (x2, y2), (w2, h2) = second
    return abs(x1 - x2) < (w1 + w2) / 2 - 1e-6 and abs(y1 - y2) < (h1 + h2) / 2 - 1e-6


@given(graphs())
def test_no_box_and_no_label_lies_on_another(graph: tuple[int, list[Link]]) -> None:
    count, links = graph
    places = arranged(count, links)
    things = [(centre, BOX) for centre in places.centres]
    things += [(label, LABEL) for label, link in zip(places.labels, links, strict=True) if link.source != link.target]
    assert not any(overlap(first, second) for first, second in combinations(things, 2))


@given(graphs())
def test_everything_lies_within_the_size(graph: tuple[int, list[Link]]) -> None:
    places = arranged(*graph)
    width, height = places.size
    for x, y in places.centres:
        assert 50 - 1e-6 <= x <= width - 50 + 1e-6
        assert 20 - 1e-6 <= y <= height - 20 + 1e-6


@given(graphs())
def test_a_way_begins_and_ends_at_its_boxes_and_goes_one_way(graph: tuple[int, list[Link]]) -> None:
    count, links = graph
    places = arranged(count, links)
    for link, way in zip(links, places.ways, strict=True):
        if link.source == link.target:
            assert way == []
            continue
        assert (way[0], way[-1]) == (places.centres[link.source], places.centres[link.target])
        heights = [y for _, y in way]
        assert heights in (sorted(heights), sorted(heights, reverse=True))


def test_without_rings_every_way_leads_down() -> None:
    places = arranged(4, [Link(0, 1), Link(0, 2), Link(1, 3), Link(2, 3), Link(0, 3)])
    assert all(way[0][1] < way[-1][1] for way in places.ways)


def test_a_chain_is_straight() -> None:
    places = arranged(5, [Link(number, number + 1) for number in range(4)])
    assert len({round(x, 3) for x, _ in places.centres}) == 1


def test_two_ways_that_need_not_cross_do_not() -> None:
    places = arranged(4, [Link(0, 3), Link(1, 2)])
    x = [centre[0] for centre in places.centres]
    assert (x[0] < x[1]) == (x[3] < x[2])
