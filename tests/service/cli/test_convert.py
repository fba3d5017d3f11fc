"""`statewright convert` needs no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.service.cli.conftest import Run, parsed

DRAWN = Path("tests/workflows/canvas/conditional.json")
LISTED = Path("examples/welcome.yaml")


def test_a_canvas_becomes_steps_and_a_canvas_again(run_alone: Run, tmp_path: Path) -> None:
    steps = tmp_path / "steps.yaml"
    steps.write_text(run_alone("convert", str(DRAWN), "--to", "yaml", "--key", "ages").stdout)
    assert [step["id"] for step in yaml.safe_load(steps.read_text())["steps"]] == ["n2", "n3", "n4"]

    again = json.loads(run_alone("convert", str(steps), "--to", "canvas").stdout)
    for node in again["nodes"]:
        node.pop("position")
    assert {**again, "id": "1"} == {**json.loads(DRAWN.read_text()), "key": "ages"}


def test_steps_are_drawn_with_a_place_for_each(run_alone: Run) -> None:
    canvas = json.loads(run_alone("convert", str(LISTED), "--to", "canvas").stdout)
    places = [(node["position"]["x"], node["position"]["y"]) for node in canvas["nodes"]]
    assert len(set(places)) == len(places) == 8


def test_the_json_says_from_what_to_what(run_alone: Run) -> None:
    shape = parsed(run_alone("convert", str(DRAWN), "--to", "json", "--json"))
    assert (shape["input"], shape["from"], shape["format"]) == (str(DRAWN), "canvas", "json")
    assert json.loads(shape["source"])["steps"][0]["id"] == "n2"
    assert {problem["code"] for problem in shape["problems"]} == {"unknown_action"}


def test_it_writes_to_a_file_and_says_so(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    result = run_alone("convert", str(LISTED), "--to", "canvas", "-o", str(file))
    assert (result.exit_code, result.stdout) == (0, f"wrote {file}\n")
    assert json.loads(file.read_text())["nodes"]


def test_it_reads_standard_input(run_alone: Run) -> None:
    result = run_alone("convert", "-", "--to", "yaml", input=DRAWN.read_text())
    assert yaml.safe_load(result.stdout)["steps"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"- 1", b'{"nodes": 5}', b"key: k\nsteps: [{id: a}]"])
def test_what_has_errors_is_not_converted(run_alone: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad"
    file.write_bytes(content)
    result = run_alone("convert", str(file), "--to", "canvas")
    assert result.exit_code == 1
    assert "not converted" in result.stdout
    shape = json.loads(run_alone("convert", str(file), "--to", "canvas", "--json").stdout)
    assert shape["source"] is None
    assert shape["problems"]


def test_an_unknown_format_and_a_missing_file_are_usage_errors(run_alone: Run) -> None:
    assert run_alone("convert", str(LISTED), "--to", "xml").exit_code == 2
    assert run_alone("convert", "nowhere.yaml", "--to", "yaml").exit_code == 2
    assert run_alone("convert", str(LISTED)).exit_code == 2
