"""JUnit XML, as CI servers read it: a test suite per workflow, a test case per test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

if TYPE_CHECKING:
    from service.cli.suites import SuiteRun

_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(file: Path, runs: Sequence[SuiteRun]) -> None:
    """Problems of a file that is not valid are one failed case, named after the file."""
    root = Element("testsuites")
    for run in runs:
        _write_suite(root, run)
    indent(root)
    ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def _write_suite(root: Element, run: SuiteRun) -> None:
    invalid = [page for page in run.suite.pages if not page.valid]
    failures = sum(not trial.passed for _, trial in run.trials) + len(invalid)
    name = run.suite.workflow.key if run.suite.workflow else str(run.suite.file)
    counts = {"tests": str(len(run.trials) + len(invalid)), "failures": str(failures), "errors": "0", "time": "0"}
    suite = SubElement(root, "testsuite", {"name": name, "file": str(run.suite.file), **counts})
    for page in invalid:
        _write_case(suite, name, str(page.file), str(page.file), [str(problem) for problem in page.problems])
    for page, trial in run.trials:
        said = [one.text for one in trial.differences]
        _write_case(suite, name, trial.case.name, str(page.file), said)


def _write_case(suite: Element, workflow: str, name: str, file: str, failures: Sequence[str]) -> None:
    case = SubElement(suite, "testcase", {"classname": workflow, "name": _legal(name), "file": file, "time": "0"})
    if failures:
        failure = SubElement(case, "failure", {"message": _legal(failures[0].splitlines()[0])})
        failure.text = _legal("\n".join(failures))


def _legal(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _ILLEGAL.sub("�", text)
