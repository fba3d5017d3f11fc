"""Problems: their text, their places and their spelling."""

from typing import Any

import pytest

from statemachine.definition import load_workflow
from statemachine.problem import CODES, MAX_PROBLEMS, Positions, Problem, Problems, format_path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("steps", 3, "config", "duration"), "steps[3].config.duration"),
        (("trigger", "conditions", 0), "trigger.conditions[0]"),
        (("a b", "c"), '["a b"].c'),
    ],
)
def test_a_path_is_written_as_in_code(path: tuple[Any, ...], text: str) -> None:
    assert format_path(path) == text


def test_a_problem_says_where_what_and_what_would_be_right() -> None:
    problem = Problem("unknown_type", "error", "there is no step type 'x'", "steps[0].type", 3, 5, "did you mean 'y'?")
    assert str(problem) == (
        "line 3, column 5: steps[0].type: there is no step type 'x' (did you mean 'y'?) [unknown_type]"
    )


def test_a_problem_about_something_missing_stands_at_what_is_around_it() -> None:
    problems = Problems(Positions({(): (1, 1), ("steps", 0): (3, 5)}))
    problems.add("missing_key", ("steps", 0, "id"), "the key 'id' is missing")
    assert [(problem.path, problem.line) for problem in problems.sorted()] == [("steps[0].id", 3)]


def test_paths_are_reported_as_the_source_spells_them() -> None:
    problems = Problems()
    problems.spelled(("steps", 0, "on_error"), ("steps", 0, "onError"))
    problems.add("unknown_step", ("steps", 0, "on_error", "x"), "…")
    assert problems.sorted()[0].path == "steps[0].onError.x"


def test_the_same_problem_is_told_once() -> None:
    problems = Problems()
    for _ in range(2):
        problems.add("empty", (), "nothing there")
    assert len(problems.sorted()) == 1


def test_warnings_do_not_make_it_fail() -> None:
    problems = Problems()
    problems.add("unreachable_step", (), "…")
    assert not problems.failed


def test_every_code_is_explained_in_one_line() -> None:
    texts = [text for code in CODES.values() for text in (code.meaning, code.mend)]
    assert [text for text in texts if not text.endswith(".") or "\n" in text] == []


def test_every_problem_says_what_would_be_right() -> None:
    problems = Problems()
    problems.add("single_variant", (), "only one variant")
    problems.add("unknown_type", (), "there is no 'x'", "did you mean 'y'?")
    assert [problem.suggestion for problem in problems.sorted()] == [CODES["single_variant"].mend, "did you mean 'y'?"]


def test_a_report_has_an_end_and_says_so() -> None:
    problems = Problems()
    for number in range(MAX_PROBLEMS + 3):
        problems.add("unknown_key", (f"k{number}",), "no such key")
    problems.add("unreachable_step", (), "a warning is not crowded out")
    shown = problems.sorted()
    assert len(shown) == MAX_PROBLEMS + 2
    assert (shown[-1].code, shown[-1].severity) == ("more_problems", "error")
    assert "3 more errors" in shown[-1].message


class TestPlacesInsideValues:
    TEXT = (
        "key: x\n"
        "variables: {offer: 1}\n"
        "steps:\n"
        "  - id: a\n"
        "    type: send_email\n"
        "    config:\n"
        "      subject: 'Now {{ variables.ofer | upcase }}'\n"
        "      body: |\n"
        "        Hello,\n"
        "\n"
        "          this is {{ vars.ofer }} {{ x | shout }}\n"
        '  - {id: b, type: transform, config: {expression: "1 +\\t* 2"}}\n'
        "  - {id: c, type: transform, config: {expression: '1 + * 2'}}\n"
        "  - {id: d, type: pass, when: [{field: steps.a.id, operator: exists}]}\n"
    )

    @pytest.mark.parametrize(
        ("code", "place"),
        [
            ("unknown_variable", (7, 24)),
            ("bad_template", (11, 42)),
            ("bad_expression", (13, 56)),
            ("unknown_name", (14, 40)),
        ],
    )
    def test_a_problem_points_at_the_very_word(self, code: str, place: tuple[int, int]) -> None:
        told = [problem for problem in load_workflow(self.TEXT).problems if problem.code == code]
        assert place in [(problem.line, problem.column) for problem in told]

    def test_where_the_source_writes_it_otherwise_the_value_is_pointed_at(self) -> None:
        told = [
            problem for problem in load_workflow(self.TEXT).problems if problem.path == "steps[1].config.expression"
        ]
        assert [(problem.line, problem.column) for problem in told] == [(12, 51)]


def test_nothing_more_is_said_about_what_could_not_be_read() -> None:
    text = "key: x\nvariables: {<<: {a: 1}}\nsteps: *steps\ntrigger: &t {type: api, knid: x}\n"
    told = [(problem.code, problem.path) for problem in load_workflow(text).problems]
    assert told == [
        ("merge_key_refused", 'variables["<<"]'),
        ("alias_refused", "steps"),
        ("alias_refused", "trigger"),
        ("unknown_key", "trigger.knid"),
    ]
