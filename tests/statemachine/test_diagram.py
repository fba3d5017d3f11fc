"""Drawings follow the machine, and nothing an author writes can break out of one."""

from __future__ import annotations

import pytest

from statemachine.definition import compile_workflow
from statemachine.diagram import Highlight, draw_dot, draw_mermaid
from statemachine.workflow import Workflow

SOURCE = """
key: w
name: W
triggers: [{type: contact_created}]
steps:
  - id: ask
    name: NAME
    type: wait
    config: {on: [{event: message_received, branch: answered}], timeout: 1d}
    branches: {answered: leave, timeout: end}
  - id: leave
    type: exit
"""
HOSTILE = '\\"];evil[x]<br/><script>&#34;|`end'


def workflow(name: str = "Ask them") -> Workflow:
    return compile_workflow(SOURCE.replace("NAME", "'" + name + "'"))


def test_every_transition_is_an_edge_with_its_outcome() -> None:
    text = draw_mermaid(workflow())
    assert 's1 -->|"answered"| s2' in text
    assert 's1 -->|"timeout"| completed' in text
    assert "s2 --> exited" in text
    assert 'start -->|"contact_created"| s1' in text


def test_counts_stand_at_their_steps() -> None:
    assert "Ask them<br/>wait<br/>1,200 here" in draw_mermaid(workflow(), {"ask": 1200})


def test_the_way_of_a_run_and_its_place_are_marked() -> None:
    text = draw_mermaid(workflow(), highlight=Highlight(("ask", "leave"), "leave"))
    assert "class s1 visited" in text
    assert "class s2 here" in text


@pytest.mark.parametrize("draw", [draw_mermaid, draw_dot])
def test_no_name_breaks_out_of_its_label(draw: object) -> None:
    text = draw(workflow(HOSTILE))  # type: ignore[operator]
    assert "<script" not in text
    assert "evil[" not in text
    assert all(line.count('"') % 2 == 0 for line in text.splitlines())
