"""Drawings follow the machine, and nothing an author writes can break out of one."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from statemachine.definition import compile_workflow
from statemachine.errors import PreconditionFailed
from statemachine.machine import SKIP
from statemachine.mermaid import draw_mermaid
from statemachine.picture import Edge, Highlight, Node, Picture, picture_of
from statemachine.svg import draw_svg
from statemachine.workflow import Workflow

SOURCE = """
key: w
name: W
triggers: [{type: contact_created}]
exit: [{on: contact_unsubscribed, reason: unsubscribed}]
steps:
  - id: ask
    name: NAME
    type: wait
    config: {on: [{event: message_received, branch: answered}], timeout: 1d}
    branches: {answered: thank, timeout: end}
  - id: thank
    type: add_tag
    when: "!('thanked' in contact.tags)"
    config: {tag: thanked}
  - id: leave
    type: exit
"""
HOSTILE = '\\"];evil[x]<br/><script>&#34;|`end'
SVG = "{http://www.w3.org/2000/svg}"


def workflow(name: str = "Ask them") -> Workflow:
    return compile_workflow(SOURCE.replace("NAME", "'" + name + "'"))


def mermaid(name: str = "Ask them", counts: dict[str, int] | None = None, highlight: Highlight | None = None) -> str:
    return draw_mermaid(picture_of(workflow(name), counts, highlight))


def svg(highlight: Highlight | None = None, counts: dict[str, int] | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(draw_svg(picture_of(workflow(), counts, highlight)))


def classes(drawn: ElementTree.Element, tag: str) -> list[str]:
    return [one.get("class", "") for one in drawn.iter(f"{SVG}{tag}")]


def test_every_transition_is_an_edge_with_its_outcome() -> None:
    text = mermaid()
    assert 's1 -->|"answered"| s2' in text
    assert 's1 -->|"timeout"| completed' in text
    assert "s3 --> exited" in text
    assert 'start -->|"contact_created"| s1' in text


def test_a_way_past_a_step_and_a_way_out_of_any_step_are_drawn_aside() -> None:
    text = mermaid()
    assert 's2 -.->|"skipped"| s3' in text
    assert 'anywhere -.->|"unsubscribed"| exited' in text


def test_counts_stand_at_their_steps() -> None:
    assert "Ask them<br/>wait<br/>1,200 here" in mermaid(counts={"ask": 1200})
    assert "1,200 here" in [one.text for one in svg(counts={"ask": 1200}).iter(f"{SVG}text")]


def test_children_are_counted_by_status_and_inner_workflows_named() -> None:
    source = "key: w\nsteps: [{id: sub, type: sub_workflow, config: {workflow: inner}}]"
    picture = picture_of(compile_workflow(source), {"sub": 1}, None, {"sub": {"completed": 1200, "waiting": 1}})
    assert "sub<br/>sub_workflow → inner<br/>1,201 children: 1 waiting, 1,200 completed<br/>1 here" in draw_mermaid(
        picture
    )
    drawn = ElementTree.fromstring(draw_svg(picture))
    assert [one.get("data-workflow") for one in drawn.iter(f"{SVG}g")][-2:] == ["inner", None]
    assert len([one for one in drawn.iter(f"{SVG}text") if one.get("class") == "count"]) == 2


def test_undoing_is_drawn_aside_and_comes_back_to_the_step_that_began_it() -> None:
    book = "{id: book, type: task, compensate: [{id: back, type: task}]}"
    text = draw_mermaid(picture_of(compile_workflow(f"key: w\nsteps: [{book}, {{id: undo_all, type: compensate}}]")))
    names = {name: node for node, name in re.findall(r'(s\d+)\W+"?(\w+)<br/>', text)}
    assert f'{names["undo_all"]} -.->|"undo book"| {names["back"]}' in text
    assert f"{names['back']} --> {names['undo_all']}" in text


def test_the_way_of_a_run_is_marked_by_the_outcomes_it_took() -> None:
    taken = frozenset({("ask", "answered"), ("thank", SKIP), ("leave", "exited")})
    text = mermaid(highlight=Highlight(("ask", "leave"), "leave", taken))
    assert 's1 ==>|"answered"| s2' in text
    assert 's1 -->|"timeout"| completed' in text
    assert 's2 ==>|"skipped"| s3' in text
    assert "class s1 visited" in text
    assert "class s3 here" in text
    assert "class exited visited" in text


def test_a_run_that_an_exit_rule_ended_is_marked_to_the_exit() -> None:
    assert 'anywhere ==>|"unsubscribed"| exited' in mermaid(highlight=Highlight(("ask",), "ask", exited=True))


def test_an_svg_has_a_box_per_step_and_marks_the_way() -> None:
    drawn = svg(Highlight(("ask",), "thank", frozenset({("ask", "answered")})))
    texts = [one.text for one in drawn.iter(f"{SVG}text")]
    assert {"Ask them", "thank", "leave", "answered", "timeout", "skipped"} <= set(texts)
    assert sum("taken" in one for one in classes(drawn, "path")) == 2
    assert {"wait visited", "plain here"} <= set(classes(drawn, "g"))


def test_an_svg_is_the_same_every_time() -> None:
    assert draw_svg(picture_of(workflow())) == draw_svg(picture_of(workflow()))


def test_no_name_breaks_out_of_its_label() -> None:
    text = mermaid(HOSTILE)
    assert "<script" not in text
    assert "evil[" not in text
    assert all(line.count('"') % 2 == 0 for line in text.splitlines())


@pytest.mark.parametrize("name", [HOSTILE, "a\x00b\x1bc", "\ud800", "𝒜 日本語"])
def test_an_svg_is_well_formed_whatever_the_names(name: str) -> None:
    picture = Picture(name, [Node("a", "plain", (name, "x")), Node("b", "choice", (name,))], [Edge("a", "b", name)])
    drawn = ElementTree.fromstring(draw_svg(picture).encode())
    assert drawn.find(f".//{SVG}script") is None


def test_a_step_that_leads_to_itself_and_one_that_leads_back_are_drawn() -> None:
    nodes = [Node(name, "plain", (name,)) for name in "ab"]
    edges = [Edge("a", "b"), Edge("b", "a", "again"), Edge("b", "b", "self")]
    assert len(classes(ElementTree.fromstring(draw_svg(Picture("p", nodes, edges))), "path")) == 3 + 2


def test_what_nobody_could_read_is_refused() -> None:
    nodes = [Node(str(number), "plain", ("x",)) for number in range(500)]
    edges = [Edge(str(number), str(number + 1)) for number in range(499)]
    edges += [Edge(str(number), "499") for number in range(498)]
    with pytest.raises(PreconditionFailed, match="too tangled"):
        draw_svg(Picture("p", nodes, edges))
