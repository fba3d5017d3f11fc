"""The command that runs workflow tests: on files, without a server, on a virtual clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from service.cli.session import Session, Verb, pass_session

if TYPE_CHECKING:
    from service.cli.suites import SuiteRun

_TARGET: Final = click.Path(exists=True, path_type=Path)
_LOOK_EVERY_S: Final = 0.5


@click.command(cls=Verb)
@click.argument("targets", nargs=-1, required=True, type=_TARGET, metavar="FILE|DIR...")
@click.option("-k", "name", default="", metavar="NAME", help="Only tests whose names contain this, in any case.")
@click.option(
    "--min-coverage",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Fail unless every workflow has this much of its steps and of its branches covered.",
)
@click.option("--junit", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write JUnit XML too.")
@click.option("--watch", is_flag=True, help="Run again whenever a file changes, until interrupted.")
@pass_session
def test(session: Session, targets: Sequence[Path], name: str, min_coverage: float | None, junit: Path | None,
         watch: bool) -> None:  # fmt: skip
    """Run the tests of workflow files; needs no server.

    A FILE is a workflow with `tests`, or a `*.test.yaml` beside one; a DIR is searched for both. Exit code 1 when a
    test fails, a file has errors, too little is covered, or there is no test at all.
    """

    def once() -> tuple[bool, list[Path]]:
        return _run(session, targets, name, min_coverage, junit)

    if watch:
        keep_running(once, targets)
    if not once()[0]:
        raise click.exceptions.Exit(1)


def keep_running(
    once: Callable[[], tuple[bool, list[Path]]], targets: Sequence[Path], pause: Callable[[float], None] = time.sleep
) -> None:
    """Run, and run again after every change of a file that the run read or a folder holds. Ends by an interrupt."""
    while True:
        _, files = once()
        seen = _stamps([*files, *targets])
        while _stamps([*files, *targets]) == seen:
            pause(_LOOK_EVERY_S)


def _stamps(files: Sequence[Path]) -> dict[str, tuple[int, int]]:
    """Time of change and size of every definition among files and folders."""
    from service.cli.suites import ENDINGS

    inside = [file for folder in files if folder.is_dir() for file in folder.rglob("*") if file.suffix in ENDINGS]
    stamps = {}
    for file in {*files, *inside}:
        try:
            status = file.stat()
        except OSError:
            continue
        stamps[str(file)] = (status.st_mtime_ns, status.st_size)
    return stamps


def _run(
    session: Session, targets: Sequence[Path], name: str, min_coverage: float | None, junit: Path | None
) -> tuple[bool, list[Path]]:
    """Run everything once and report it; whether it is all right, and which files were read."""
    from service.cli.junit import write_junit
    from service.cli.output import print_json
    from service.cli.suites import as_shape, find_suites, run_suite

    suites = find_suites(targets)
    runs = [run_suite(suite, name) for suite in suites]
    thin = [run for run in runs if min_coverage is not None and not _enough(run, min_coverage)]
    count = sum(len(run.trials) for run in runs)
    passed = bool(count) and not thin and all(run.passed for run in runs)
    if junit:
        write_junit(junit, runs)
    if session.json:
        failed = sum(not trial.passed for run in runs for _, trial in run.trials)
        counts = {"passed": count - failed, "failed": failed}
        print_json({"passed": passed, "counts": counts, "workflows": [as_shape(run) for run in runs]})
    else:
        _show(runs, thin, min_coverage, name)
    return passed, [file for suite in suites for file in suite.files]


def _enough(run: SuiteRun, least: float) -> bool:
    covered = run.coverage
    return covered is None or (covered.step_percent >= least and covered.branch_percent >= least)


def _show(runs: Sequence[SuiteRun], thin: Sequence[SuiteRun], least: float | None, name: str) -> None:
    from service.cli.output import note

    for run in runs:
        _show_run(run)
    for run in thin:
        note(f"{run.suite.file}: less than {least:g} % is covered")
    trials = [trial for run in runs for _, trial in run.trials]
    failed = sum(not trial.passed for trial in trials)
    invalid = sum(not run.suite.valid for run in runs)
    parts = [f"{len(trials) - failed} passed", *([f"{failed} failed"] if failed else [])]
    if invalid:
        parts.append(f"{invalid} file{'s' if invalid > 1 else ''} not valid")
    nothing = f"there is no test with {name!r} in its name" if name else "there is no test: write some under `tests:`"
    note(", ".join(parts) if trials or invalid else nothing)


def _show_run(run: SuiteRun) -> None:
    from rich.text import Text

    from service.cli.output import console, note
    from service.cli.problems import print_problems, shape_of

    suite = run.suite
    for page in suite.pages:
        print_problems(str(page.file), page.source, [shape_of(problem) for problem in page.problems])
    if not run.trials:
        return
    note(f"{suite.file}: workflow {suite.workflow.key if suite.workflow else '?'}")
    for page, trial in run.trials:
        mark = ("  ✓ ", "green") if trial.passed else ("  ✗ ", "bold red")
        place = f"  {page.file}:{trial.case.place[0]}" if trial.case.place and not trial.passed else ""
        console().print(Text.assemble(mark, trial.case.name, (place, "dim")), soft_wrap=True)
        for difference in trial.differences:
            for line in difference.text.splitlines():
                console().print(Text(f"      {line}"), soft_wrap=True)
    _show_coverage(run)


def _show_coverage(run: SuiteRun) -> None:
    from service.cli.output import note

    covered = run.coverage
    if covered is None:
        return
    steps = f"{len(covered.steps) - len(covered.missing_steps)} of {len(covered.steps)} steps"
    branches = f"{len(covered.branches) - len(covered.missing_branches)} of {len(covered.branches)} branches"
    note(f"    {steps}, {branches} covered")
    if covered.missing_steps:
        note(f"    never entered: {', '.join(covered.missing_steps)}")
    if covered.missing_branches:
        ways = ", ".join(f"{step} → {outcome}" for step, outcome in covered.missing_branches)
        note(f"    never taken: {ways}")
