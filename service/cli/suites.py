"""Finding tests: workflow files, the test files beside them, and the other workflows that a test asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from statemachine.definition import load_workflow
from statemachine.problem import Problem
from statemachine.simulation.world import World
from statemachine.source import read_source
from statemachine.testing.case import Case
from statemachine.testing.coverage import Coverage, coverage
from statemachine.testing.reading import TestFile, load_tests
from statemachine.testing.trial import Trial, run_test
from statemachine.workflow import Workflow

ENDINGS: Final = (".yaml", ".yml", ".json")
_WORKFLOW_KEYS: Final = frozenset({"steps", "nodes", "canvas_data", "canvasData"})


@dataclass(slots=True)
class Page:
    """A file with tests: its cases, what is wrong with it, and the other workflows it names."""

    file: Path
    source: str
    cases: tuple[Case, ...] = ()
    problems: tuple[Problem, ...] = ()
    others: Mapping[str, Workflow] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        return not any(problem.severity == "error" for problem in self.problems)


@dataclass(slots=True)
class Suite:
    """A workflow and all pages with tests of it. `workflow` is None when its file is not valid."""

    file: Path
    workflow: Workflow | None
    pages: list[Page]

    @property
    def valid(self) -> bool:
        return self.workflow is not None and all(page.valid for page in self.pages)

    @property
    def refusal(self) -> Problem:
        """Why tests of a workflow that is not valid cannot be checked whole."""
        said = f"the workflow that the tests are about, {self.file}, is not there or not valid"
        return Problem("bad_value", "error", said, suggestion=f"see `statewright validate {self.file}`")

    @property
    def files(self) -> list[Path]:
        named = [page.file.parent / name for page in self.pages for case in page.cases for name in case.workflows]
        return [self.file, *(page.file for page in self.pages), *named]


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """What came of the chosen tests of a suite. `coverage` is None when its workflow is not valid."""

    suite: Suite
    trials: tuple[tuple[Page, Trial], ...]
    coverage: Coverage | None

    @property
    def passed(self) -> bool:
        return self.suite.valid and all(trial.passed for _, trial in self.trials)


def find_suites(targets: Sequence[Path]) -> list[Suite]:
    """The suites of files and folders, each workflow once, in the order of the targets."""
    wanted: dict[Path, list[Path]] = {}
    for target in targets:
        for file in _files(target):
            subject = _subject_of(file) if is_test_file(file) else file
            pages = wanted.setdefault(subject, [])
            beside = [file] if is_test_file(file) else _beside(subject)
            pages.extend(page for page in beside if page not in pages)
    return [load_suite(subject, pages) for subject, pages in wanted.items()]


def is_test_file(file: Path) -> bool:
    return file.suffix in ENDINGS and Path(file.stem).suffix == ".test"


def load_suite(file: Path, pages: Iterable[Path]) -> Suite:
    """A workflow file with its own tests and those of other files."""
    try:
        source = file.read_bytes()
    except OSError as error:
        problem = Problem("bad_value", "error", f"the workflow cannot be read: {error.strerror}")
        missing = Page(file, "", problems=(problem,))
        return Suite(file, None, [missing, *(_page(page, None) for page in pages)])
    loaded = load_workflow(source, version=1)
    own = Page(file, source.decode("utf-8", "replace"), loaded.tests, loaded.problems)
    own.others = _others(own)
    suite = Suite(file, loaded.workflow, [own])
    suite.pages.extend(_page(page, loaded.workflow) for page in pages)
    return suite


def run_suite(suite: Suite, name: str = "") -> SuiteRun:
    """Run the tests whose names contain `name`, in any case; none of a suite that is not valid."""
    if suite.workflow is None or not suite.valid:
        return SuiteRun(suite, (), None)
    chosen = [(page, case) for page in suite.pages for case in page.cases if name.casefold() in case.name.casefold()]
    trials = tuple((page, run_test(suite.workflow, case, page.others)) for page, case in chosen)
    return SuiteRun(suite, trials, coverage(suite.workflow, _worlds(trials)))


def _worlds(trials: Iterable[tuple[Page, Trial]]) -> Iterator[World]:
    return (trial.simulated.world for _, trial in trials if trial.simulated is not None)


def _files(target: Path) -> Iterator[Path]:
    if not target.is_dir():
        yield target
        return
    for file in sorted(target.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(target).parts)
        if file.suffix in ENDINGS and file.is_file() and not hidden and (is_test_file(file) or _is_workflow(file)):
            yield file


def _is_workflow(file: Path) -> bool:
    data = read_source(file.read_bytes()).data
    return isinstance(data, Mapping) and bool(_WORKFLOW_KEYS & set(data))


def _subject_of(file: Path) -> Path:
    """The workflow that a test file is about: the one it names, else the one it stands beside."""
    named = load_tests(file.read_bytes(), None).workflow if file.is_file() else None
    if named:
        return file.parent / named
    stem = Path(file.stem).stem
    options = [file.with_name(stem + ending) for ending in ENDINGS]
    return next((option for option in options if option.is_file()), options[0])


def _beside(file: Path) -> list[Path]:
    options = [file.with_name(f"{file.stem}.test{ending}") for ending in ENDINGS]
    return [option for option in options if option.is_file()]


def _page(file: Path, workflow: Workflow | None) -> Page:
    try:
        source = file.read_bytes()
    except OSError as error:
        problem = Problem("bad_value", "error", f"the tests cannot be read: {error.strerror}")
        return Page(file, "", problems=(problem,))
    read: TestFile = load_tests(source, workflow)
    page = Page(file, source.decode("utf-8", "replace"), read.cases, read.problems)
    page.others = _others(page)
    return page


def _others(page: Page) -> dict[str, Workflow]:
    """The workflows that the page's cases name, by name; what is wrong with one becomes a problem of the page."""
    found: dict[str, Workflow] = {}
    for case in page.cases:
        for name in case.workflows:
            if name not in found:
                workflow, problem = _other(page.file.parent / name, name, case)
                if workflow is not None:
                    found[name] = workflow
                if problem is not None:
                    page.problems = (*page.problems, problem)
    return found


def _other(file: Path, name: str, case: Case) -> tuple[Workflow | None, Problem | None]:
    line, column = case.place or (None, None)
    path = f"tests[{case.path[-1]}].workflows" if case.path else "workflows"
    try:
        loaded = load_workflow(file.read_bytes(), version=1)
    except OSError as error:
        said = f"{name!r} cannot be read: {error.strerror}"
        return None, Problem("bad_value", "error", said, path, line, column)
    if loaded.workflow is None:
        said = f"{name!r} is not valid: {loaded.errors[0]}"
        return None, Problem("bad_value", "error", said, path, line, column)
    return loaded.workflow, None


def as_shape(run: SuiteRun) -> dict[str, Any]:
    """A suite's run for machines."""
    from service.cli.problems import shape_of

    suite = run.suite
    return {
        "file": str(suite.file),
        "workflow": suite.workflow.key if suite.workflow else None,
        "passed": run.passed,
        "problems": [{"file": str(page.file)} | shape_of(problem) for page in suite.pages for problem in page.problems],
        "tests": [_trial_shape(page, trial) for page, trial in run.trials],
        "coverage": coverage_shape(run.coverage) if run.coverage else None,
    }


def coverage_shape(covered: Coverage) -> dict[str, Any]:
    return {
        "steps": {
            "total": len(covered.steps),
            "percent": covered.step_percent,
            "missing": list(covered.missing_steps),
        },
        "branches": {
            "total": len(covered.branches),
            "percent": covered.branch_percent,
            "missing": [{"step": step, "outcome": outcome} for step, outcome in covered.missing_branches],
        },
    }


def _trial_shape(page: Page, trial: Trial) -> dict[str, Any]:
    line, column = trial.case.place or (None, None)
    return {
        "file": str(page.file),
        "name": trial.case.name,
        "line": line,
        "column": column,
        "passed": trial.passed,
        "differences": [
            {
                "path": one.path,
                "line": one.place[0] if one.place else None,
                "column": one.place[1] if one.place else None,
                "expected": one.expected,
                "actual": one.actual,
                "text": one.text,
            }
            for one in trial.differences
        ],
    }
