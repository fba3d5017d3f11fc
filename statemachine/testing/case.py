"""A workflow test: a script for a world of its own, and what is expected to come of it. Plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from statemachine.duration import MAX_DURATION
from statemachine.problem import Path, Place
from statemachine.simulation.memory import START
from statemachine.simulation.reading import Cast
from statemachine.simulation.script import Act, Results


@dataclass(frozen=True, slots=True)
class Expectation:
    """`words` are the checks that were written down, by key, in order, each with its value in canonical form.

    `enrollments`, when given, are expectations of all enrollments of the workflow under test, in order of entry.
    `places` says where each word stands.
    """

    words: Mapping[str, Any] = field(default_factory=dict)
    enrollments: tuple[Expectation, ...] | None = None
    path: Path = ()
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """`workflows` are the names (of files, mostly) of others that are published beside the workflow under test."""

    name: str
    expect: Expectation
    path: Path = ()
    place: Place | None = None
    starts_at: datetime = START
    lasts: timedelta = MAX_DURATION
    cast: Cast = field(default_factory=Cast)
    acts: tuple[Act, ...] = ()
    results: Results = field(default_factory=dict)
    global_variables: Mapping[str, Any] = field(default_factory=dict)
    workflows: tuple[str, ...] = ()
