"""`statewright validate` needs no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.service.cli.conftest import Run, parsed

BAD = "name: Bad\nsteps:\n  - id: a\n    type: pass\n    next: nowhere\n  - {id: b, type: pas}\n"


@pytest.mark.parametrize("file", sorted(Path("examples").iterdir()), ids=lambda file: str(file.name))
def test_every_example_is_valid_without_a_warning(run_alone: Run, file: Path) -> None:
    shape = parsed(run_alone("validate", str(file), "--json"))
    assert shape["problems"] == []


def test_all_problems_are_shown_at_once_with_place_line_and_caret(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    result = run_alone("validate", str(file))
    assert result.exit_code == 1
    assert f"{file}:5:11: error:" in result.stdout
    assert f"{file}:6:19: error:" in result.stdout
    lines = result.stdout.splitlines()
    source = next(line for line in lines if "next: nowhere" in line)
    assert lines[lines.index(source) + 1].index("^") == source.index("nowhere")
    assert "2 errors" in lines[-1]


def test_the_json_has_code_path_line_and_column(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    result = run_alone("validate", str(file), "--json")
    assert result.exit_code == 1
    shape = json.loads(result.stdout)
    first = shape["problems"][0]
    assert shape["valid"] is False
    assert (first["code"], first["path"], first["line"], first["column"]) == ("unknown_step", "steps[0].next", 5, 11)


def test_lenient_makes_an_unknown_target_a_warning(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "cut.yaml"
    file.write_text("name: Cut\nsteps:\n  - {id: a, type: add_tag, config: {tag: x}, next: b}\n")
    assert run_alone("validate", str(file)).exit_code == 1
    assert run_alone("validate", "--lenient", str(file)).exit_code == 0


def test_one_bad_file_among_good_ones_is_exit_code_1(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    assert run_alone("validate", "examples/welcome.yaml", str(file)).exit_code == 1


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"\x00", b"- 1", b"a" * 2_000_000])
def test_no_content_makes_a_traceback(run_alone: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "odd.yaml"
    file.write_bytes(content)
    assert run_alone("validate", str(file)).exit_code == 1


def test_without_a_file_it_is_a_usage_error(run_alone: Run) -> None:
    assert run_alone("validate").exit_code == 2
    assert run_alone("validate", "nowhere.yaml").exit_code == 2
