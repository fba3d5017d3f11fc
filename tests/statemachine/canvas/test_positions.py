"""Nodes without a place get one: in layers, top-down."""

from itertools import pairwise

from statemachine.canvas.positions import HEIGHT, WIDTH, free_place, lay_out


def test_each_node_stands_below_all_that_lead_to_it() -> None:
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d")]
    places = lay_out("abcd", edges)
    assert all(places[source][1] < places[target][1] for source, target in edges)
    assert places["a"] == (0, 0)
    assert places["b"] == (-WIDTH // 2, HEIGHT)
    assert places["c"] == (WIDTH // 2, HEIGHT)
    assert places["d"] == (0, 2 * HEIGHT)


def test_a_way_back_does_not_move_anything() -> None:
    assert lay_out("abc", [("a", "b"), ("b", "c"), ("c", "a"), ("b", "b")]) == lay_out("abc", [("a", "b"), ("b", "c")])


def test_no_two_nodes_stand_at_one_place() -> None:
    nodes = [f"n{number}" for number in range(200)]
    edges = [(nodes[number // 3], nodes[number]) for number in range(1, 200)]
    assert len(set(lay_out(nodes, edges).values())) == 200


def test_a_chain_of_ten_thousand_nodes_is_laid_out() -> None:
    nodes = [str(number) for number in range(10_000)]
    places = lay_out(nodes, pairwise(nodes))
    assert places["9999"] == (0, 9999 * HEIGHT)


def test_a_place_that_is_taken_is_passed_over() -> None:
    assert free_place((0, 0), [(0, 0), (WIDTH, 0)]) == (2 * WIDTH, 0)
    assert free_place((0, 0), [(0, HEIGHT)]) == (0, 0)
