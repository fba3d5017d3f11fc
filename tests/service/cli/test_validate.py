"""`statewright validate` needs no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.examples import WORKFLOWS, name_of
from tests.service.cli.conftest import Run, parsed

BAD = "name: Bad\nsteps:\n  - id: a\n    type: pass\n    next: nowhere\n  - {id: b, type: pas}\n"


@pytest.mark.parametrize("file", WORKFLOWS, ids=name_of)
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


def test_every_problem_comes_with_help(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    result = run_alone("validate", str(file))
    assert "= help: did you mean 'pass'?" in result.stdout
    assert all(
        problem["suggestion"] for problem in json.loads(run_alone("validate", str(file), "--json").stdout)["problems"]
    )


def test_a_caret_stands_under_its_place_behind_wide_letters(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "wide.yaml"
    file.write_text("name: X\nsteps: [{id: a, name: 中文, type: pas}]\n", encoding="utf-8")
    lines = run_alone("validate", str(file)).stdout.splitlines()
    source = next(line for line in lines if "中文" in line)
    assert lines[lines.index(source) + 1].index("^") == source.index("pas") + 2


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


def test_a_directory_stands_for_the_definitions_in_it_and_below(run_alone: Run, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("a.yaml", "deep/b.json", "deep/c.yml", "notes.md", "a.test.yaml", ".hidden/d.yaml"):
        (tmp_path / name).write_text("name: Good\nsteps: [{id: a, type: add_tag, config: {tag: x}}]\n")
    shape = json.loads(run_alone("validate", str(tmp_path), str(tmp_path / "a.yaml"), "--json").stdout)
    names = [Path(file["file"]).relative_to(tmp_path).as_posix() for file in shape["files"]]
    assert names == ["a.yaml", "deep/b.json", "deep/c.yml"]


def test_a_directory_without_a_definition_is_a_usage_error(run_alone: Run, tmp_path: Path) -> None:
    assert run_alone("validate", str(tmp_path)).exit_code == 2


def test_strict_fails_on_warnings_and_says_the_same(run_alone: Run) -> None:
    file = "tests/workflows/bad/weights_not_100.warning.yaml"
    lax, strict = run_alone("validate", file), run_alone("validate", "--strict", file)
    assert (lax.exit_code, strict.exit_code) == (0, 1)
    assert lax.stdout == strict.stdout


def test_a_pipe_gets_no_colour_and_a_terminal_does(run_alone: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    file = "tests/workflows/bad/unknown_type.yaml"
    assert "\x1b[" not in run_alone("validate", file).stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in run_alone("validate", file, color=True).stdout


def test_github_gets_one_command_per_problem_that_it_can_read(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "a,b.yaml"
    file.write_text("name: X\nsteps: [{id: a, type: wait, config: {on: [{event: reply}], timeout: 100%}}]\n")
    result = run_alone("validate", str(file), "tests/workflows/bad/weights_not_100.warning.yaml", "--format", "github")
    first, second = result.stdout.splitlines()
    where = str(file).replace(",", "%2C")
    assert first.startswith(f"::error file={where},line=2,col=69,title=bad_duration at steps[0].config.timeout::")
    assert "100%25" in first
    assert second.startswith("::warning file=tests/workflows/bad/weights_not_100.warning.yaml,line=2,")
    assert result.exit_code == 1


def test_without_a_file_it_is_a_usage_error(run_alone: Run) -> None:
    assert run_alone("validate").exit_code == 2
    assert run_alone("validate", "nowhere.yaml").exit_code == 2
