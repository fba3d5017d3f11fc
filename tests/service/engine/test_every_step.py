"""Every step type, under all its keys, does on the engine what it does in a simulation, on both stores."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from statemachine.contact import Contact, contact_to_data
from statemachine.definition import Loaded, compile_workflow, load_workflow
from statemachine.simulation.script import Script
from statemachine.simulation.simulate import simulate
from statemachine.steps import STEP_TYPES
from statemachine.testing.case import Case
from tests.service.engine.house import START, House
from tests.service.engine.playing import Driver, data_of, of_store, of_world

GOOD: Final = Path(__file__).parents[2] / "workflows" / "good"
FILES: Final = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted(GOOD.glob("*.yaml"))
    if "\ntests:" in path.read_text(encoding="utf-8")
}
LOADED: Final[dict[str, Loaded]] = {name: load_workflow(source) for name, source in FILES.items()}
CASES: Final[dict[str, tuple[str, Case]]] = {
    f"{name}: {case.name}": (name, case) for name, loaded in LOADED.items() for case in loaded.tests
}
BY_PEOPLE: Final = {"approval"}
"""Nobody decides in a simulation: test_people.py and test_approvals.py have these on both stores."""


@pytest.mark.parametrize("name", CASES, ids=str)
async def test_what_a_workflow_test_shows_is_what_the_engine_does(house: House, name: str) -> None:
    file, case = CASES[name]
    sources = [FILES[file], *(FILES[other.removesuffix(".yaml")] for other in case.workflows)]
    script = Script(
        tuple(compile_workflow(source, version=1) for source in sources),
        case.acts,
        contacts=case.cast.contacts,
        results=case.results,
        starts_at=START,
        lasts=min(case.lasts, timedelta(days=90)),
    )
    simulated = simulate(script)
    for source in reversed(sources):
        await house.publish(source)
    for contact in case.cast.contacts:
        await _store(house, contact)
    await Driver(house, script).play()
    assert sorted(of_store(house), key=str) == sorted(of_world(simulated), key=str)  # children begin at one instant
    for contact_id, contact in simulated.world.contacts.items():
        assert _told(house.contact(contact_id)) == _told(contact)


def test_these_workflows_have_every_step_type() -> None:
    types = {step.type for loaded in LOADED.values() if loaded.workflow for step in loaded.workflow.steps.values()}
    assert {step_type.name for step_type in STEP_TYPES.values()} - types == BY_PEOPLE


async def _store(house: House, contact: Contact) -> None:
    given = contact_to_data(contact)
    patch: dict[str, Any] = {**given.get("attributes", {}), **given.get("custom_fields", {})}
    patch |= {part: given[part] for part in ("tags", "lists", "score") if given.get(part)}
    await house.change(contact.id, patch=patch, request_id=f"store-{contact.id}", emit=False)


def _told(contact: Contact) -> Any:
    return data_of({part: value for part, value in contact_to_data(contact).items() if part != "revision"})
