"""The Dockerfile, as far as a machine without a container engine can try it: its own commands, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile, its continued lines joined."""

    name: str
    argument: str


def stages() -> list[list[Instruction]]:
    """The instructions of the Dockerfile, one list per FROM."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    result: list[list[Instruction]] = []
    for name, argument in (line.split(maxsplit=1) for line in lines):
        if name == "FROM":
            result.append([])
        result[-1].append(Instruction(name, argument))
    return result


def arguments(stage: list[Instruction], name: str) -> list[str]:
    return [instruction.argument for instruction in stage if instruction.name == name]


class BuildStage:
    """Runs the first stage with its absolute places moved under a temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.directory = folder
        tools = folder / "tools"
        tools.mkdir()
        (tools / "python").symlink_to(Path(sys.executable).resolve())
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("UV_PROJECT", "VIRTUAL_ENV"))}
        self.environment = kept | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}

    def follow(self, instruction: Instruction) -> None:
        match instruction.name:
            case "WORKDIR":
                self.directory = Path(self._moved(instruction.argument))
                self.directory.mkdir(parents=True)
            case "ENV":
                self.environment |= dict(pair.split("=", 1) for pair in self._moved(instruction.argument).split())
            case "COPY":
                self._copy(instruction.argument.split())
            case "RUN":
                self._run(self._moved(instruction.argument))
            case "FROM":
                pass
            case other:
                raise AssertionError(f"the build stage uses {other}, which this test does not follow")

    def _moved(self, text: str) -> str:
        return re.sub(r"(?<![\w.])/(?=(?:src|opt)\b)", f"{self.folder}/", text)

    def _copy(self, words: list[str]) -> None:
        *sources, target = words
        for source in (ROOT / name for name in sources):
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(source, self.directory / target, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy(source, self.directory / target)

    def _run(self, command: str) -> None:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that the build stage makes."""
    build = BuildStage(tmp_path_factory.mktemp("image"))
    for instruction in stages()[0]:
        build.follow(instruction)
    return build.folder / "opt" / "statewright"


def answer(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    program = installed / "bin" / command[0]
    return subprocess.run([program, *command[1:]], cwd=folder, env={}, capture_output=True, text=True)


@pytest.mark.slow
def test_the_installed_packages_are_copies_and_not_this_checkout(installed: Path, tmp_path: Path) -> None:
    program = "import service, statemachine, statewright.v1 as client; print(service.__file__, client.__file__)"
    done = answer(installed, tmp_path, "python", "-c", program)
    assert done.returncode == 0, done.stderr
    assert all(place.startswith(str(installed)) for place in done.stdout.split())


@pytest.mark.slow
def test_the_image_has_no_development_tools(installed: Path) -> None:
    assert not {"pytest", "mypy", "ruff"} & {program.name for program in (installed / "bin").iterdir()}


@pytest.mark.slow
def test_the_entry_point_answers(installed: Path, tmp_path: Path) -> None:
    done = answer(installed, tmp_path, "statewright", "--help")
    assert done.returncode == 0, done.stderr
    assert "serve" in done.stdout


@pytest.mark.slow
def test_the_health_check_fails_where_no_server_listens(installed: Path, tmp_path: Path) -> None:
    command = json.loads(arguments(stages()[-1], "HEALTHCHECK")[0].partition("CMD ")[2])
    done = answer(installed, tmp_path, *command)
    assert done.returncode == 3, done.stdout + done.stderr


def test_the_server_does_not_run_as_root() -> None:
    assert arguments(stages()[-1], "USER") == ["statewright"]


def test_both_stages_start_from_the_slim_image() -> None:
    bases = [stage[0].argument.split()[0] for stage in stages()]
    assert bases == ["python:3.13-slim", "python:3.13-slim"]


def test_everything_that_is_copied_is_let_through_by_the_ignore_file() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [word for argument in arguments(stages()[0], "COPY") for word in argument.split()[:-1]]
    assert set(copied) <= allowed
