"""`statewright test` needs no server, and says what differs, what was not reached and what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

from service.cli.suites import find_suites
from service.cli.testing import keep_running
from tests.service.cli.conftest import Run, parsed

FLOW = """
key: lead
triggers: [{type: go}]
steps:
  - {id: hello, type: send_sms, config: {body: Hi}}
  - {id: reply, type: wait, config: {on: [{event: sms_received}], timeout: 2d}, branches: {done: warm}}
  - {id: cold, type: add_tag, config: {tag: cold}, next: end}
  - {id: warm, type: add_tag, config: {tag: warm}}
"""
SILENT = "- {name: silent, events: [{type: go}], expect: {tags: [cold], ended_after: 2d}}\n"
ANSWER = (
    "- {name: an answer, events: [{type: go}, {after: 1h, type: sms_received}], expect: {path: [hello, reply, warm]}}\n"
)
WRONG = "- name: wrong\n  events: [{type: go}]\n  expect:\n    path: [hello, reply, warm]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lead.yaml").write_text(f"{FLOW}tests:\n{SILENT}")
    return tmp_path


def test_a_workflow_s_own_tests_run(run_alone: Run, folder: Path) -> None:
    result = run_alone("test", str(folder / "lead.yaml"))
    assert result.exit_code == 0
    assert "✓ silent" in result.stdout
    assert "3 of 4 steps, 1 of 2 branches covered" in result.stdout
    assert "never taken: reply → done" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 passed"


def test_tests_in_a_file_beside_count_too(run_alone: Run, folder: Path) -> None:
    (folder / "lead.test.yaml").write_text(f"tests:\n{ANSWER}")
    shape = parsed(run_alone("test", str(folder / "lead.yaml"), "--json"))
    [workflow] = shape["workflows"]
    assert [(Path(one["file"]).name, one["name"]) for one in workflow["tests"]] == [
        ("lead.yaml", "silent"), ("lead.test.yaml", "an answer"),
    ]  # fmt: skip
    assert (shape["passed"], shape["counts"]) == (True, {"passed": 2, "failed": 0})
    assert workflow["coverage"] == {
        "steps": {"total": 4, "percent": 100.0, "missing": []},
        "branches": {"total": 2, "percent": 100.0, "missing": []},
    }


def test_a_test_file_given_alone_finds_its_workflow(run_alone: Run, folder: Path) -> None:
    other = folder / "more" / "cases.test.yaml"
    other.parent.mkdir()
    other.write_text(f"workflow: ../lead.yaml\ntests:\n{ANSWER}")
    assert "2 passed" in run_alone("test", str(other)).stdout


def test_a_folder_is_searched_for_workflows_and_test_files(run_alone: Run, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "lead.yaml").write_text(FLOW)
    (folder / "deep" / "lead.test.yaml").write_text(f"tests:\n{ANSWER}")
    (folder / "settings.yaml").write_text("database: none\n")
    (folder / ".hidden.yaml").write_text("steps: [")
    shape = parsed(run_alone("test", str(folder), "--json"))
    assert [len(one["tests"]) for one in shape["workflows"]] == [1, 1]


def test_a_failing_test_is_exit_code_1_and_shows_both_ways_side_by_side(run_alone: Run, folder: Path) -> None:
    file = folder / "lead.test.yaml"
    file.write_text(f"tests:\n{WRONG}")
    result = run_alone("test", str(folder))
    assert result.exit_code == 1
    assert f"✗ wrong  {file}:2" in result.stdout
    assert "path: they part at 3 of 3" in result.stdout
    assert "✗ warm      cold" in result.stdout
    assert "1 passed, 1 failed" in result.stdout


def test_a_failing_test_is_told_to_machines_with_its_place(run_alone: Run, folder: Path) -> None:
    (folder / "lead.test.yaml").write_text(f"tests:\n{WRONG}")
    result = run_alone("test", str(folder), "--json", "-k", "WRONG")
    assert result.exit_code == 1
    shape = json.loads(result.stdout)
    [[test]] = [one["tests"] for one in shape["workflows"]]
    [difference] = test["differences"]
    assert (test["name"], test["line"], test["passed"]) == ("wrong", 2, False)
    assert (difference["path"], difference["line"], difference["actual"]) == (
        "tests[0].expect.path", 5, ["hello", "reply", "cold"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ("tests:\n- {name: a, expect: {path: [helo]}}\n", "2:29", "unknown_step"),
        ("tests: [\n", "2:1", "bad_syntax"),
        ("tests:\n- {name: a, expect: {status: x}, workflows: [other.yaml]}\n", "2:30", "bad_value"),
    ],
)
def test_a_mistake_in_a_test_file_is_told_like_one_of_a_definition(
    run_alone: Run, folder: Path, text: str, place: str, code: str
) -> None:
    file = folder / "lead.test.yaml"
    file.write_text(text)
    result = run_alone("test", str(folder))
    assert result.exit_code == 1
    assert f"{file}:{place}: error:" in result.stdout
    assert f"[{code}]" in result.stdout
    assert "1 file not valid" in result.stdout


def test_a_workflow_that_is_not_valid_fails_and_does_not_keep_others_from_running(run_alone: Run, folder: Path) -> None:
    (folder / "bad.yaml").write_text("steps: [{id: a, type: pas}]\ntests: []\n")
    result = run_alone("test", str(folder))
    assert result.exit_code == 1
    assert "1 passed, 1 file not valid" in result.stdout


def test_other_workflows_are_read_from_files_beside_the_test(run_alone: Run, folder: Path) -> None:
    other = "key: nurture\ntriggers: [{type: tag_added}]\nsteps: [{id: note, type: update_score, config: {value: 7}}]\n"
    (folder / "nurture.yaml").write_text(other)
    test = SILENT.replace("tags: [cold]", "fields: {score: 7}").replace("events", "workflows: [nurture.yaml], events")
    (folder / "lead.test.yaml").write_text(f"tests:\n{test}")
    assert parsed(run_alone("test", str(folder / "lead.yaml"), "--json"))["counts"] == {"passed": 2, "failed": 0}


@pytest.mark.parametrize(("name", "said"), [("other.yaml", "cannot be read"), ("bad.yaml", "is not valid")])
def test_another_workflow_that_cannot_be_used_is_a_problem_of_the_test(
    run_alone: Run, folder: Path, name: str, said: str
) -> None:
    (folder / "bad.yaml").write_text("steps: []")
    (folder / "lead.test.yaml").write_text(f"tests:\n- {{name: a, workflows: [{name}], expect: {{enrolled: false}}}}\n")
    result = run_alone("test", str(folder / "lead.yaml"))
    assert result.exit_code == 1
    assert said in result.stdout


def test_too_little_coverage_is_exit_code_1(run_alone: Run, folder: Path) -> None:
    assert run_alone("test", str(folder), "--min-coverage", "50").exit_code == 0
    result = run_alone("test", str(folder), "--min-coverage", "51")
    assert result.exit_code == 1
    assert "less than 51 % is covered" in result.stdout


def test_a_workflow_without_tests_is_not_covered(run_alone: Run, folder: Path) -> None:
    (folder / "bare.yaml").write_text(FLOW.replace("lead", "bare"))
    assert run_alone("test", str(folder)).exit_code == 0
    assert run_alone("test", str(folder), "--min-coverage", "1").exit_code == 1


@pytest.mark.parametrize("arguments", [("-k", "nobody"), ()])
def test_no_test_at_all_is_exit_code_1(run_alone: Run, folder: Path, arguments: tuple[str, ...]) -> None:
    if not arguments:
        (folder / "lead.yaml").write_text(FLOW)
    result = run_alone("test", str(folder), *arguments)
    assert result.exit_code == 1
    assert "there is no test" in result.stdout


def test_a_file_that_does_not_exist_is_a_usage_error(run_alone: Run, tmp_path: Path) -> None:
    assert run_alone("test", str(tmp_path / "none.yaml")).exit_code == 2


def test_a_test_file_without_its_workflow_is_told_so(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "lost.test.yaml"
    file.write_text(f"tests:\n{SILENT}")
    result = run_alone("test", str(file))
    assert result.exit_code == 1
    assert "the workflow cannot be read" in result.stdout


def test_a_file_that_goes_away_while_it_is_watched_is_a_problem_and_no_crash(folder: Path) -> None:
    [suite] = find_suites([folder / "lead.yaml", folder / "lead.test.yaml"])
    assert [page.valid for page in suite.pages] == [True, False]
    assert suite.pages[1].problems[0].message == "the tests cannot be read: No such file or directory"


def test_junit_names_every_test_and_what_failed(run_alone: Run, folder: Path) -> None:
    (folder / "lead.test.yaml").write_text(f"tests:\n{WRONG}")
    (folder / "bad.yaml").write_text("steps: []")
    run_alone("test", str(folder), "--junit", str(folder / "report.xml"))
    suites = list(parse(folder / "report.xml").getroot())
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in suites] == [
        (str(folder / "bad.yaml"), "1", "1"), ("lead", "2", "1"),
    ]  # fmt: skip
    silent, wrong = suites[1]
    assert (silent.get("name"), list(silent)) == ("silent", [])
    assert wrong[0].get("message") == "path: they part at 3 of 3"


def test_a_change_of_a_file_runs_the_tests_again(folder: Path) -> None:
    """Each pause is a chance to change something; the third one ends the watching."""
    file = folder / "lead.yaml"
    runs: list[str] = []
    pauses: list[float] = []

    def once() -> tuple[bool, list[Path]]:
        runs.append(file.read_text())
        return True, [file]

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            file.write_text("changed and longer than before " * 20)
        if len(pauses) == 4:
            (folder / "new.yaml").write_text("steps: []")
        if len(pauses) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_running(once, [folder], pause)
    assert [text[:7] for text in runs] == ["\nkey: l", "changed", "changed"]


def test_a_test_file_can_be_validated_too(run_alone: Run, folder: Path) -> None:
    file = folder / "lead.test.yaml"
    file.write_text(f"tests:\n{ANSWER}")
    assert parsed(run_alone("validate", str(file), "--json"))["files"][0]["workflow"] == "lead"
    file.write_text("tests:\n- {name: a, expect: {path: [helo]}}\n")
    result = run_alone("validate", str(file))
    assert result.exit_code == 1
    assert f"{file}:2:29: error: there is no step 'helo'" in result.stdout
    file.rename(folder / "lost.test.yaml")
    assert "is not there or not valid" in run_alone("validate", str(folder / "lost.test.yaml")).stdout
