"""What came of a simulation, and of workflow tests, as the protos have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from statewright.v1 import Event as EventMessage
from statewright.v1 import (
    ForecastResponse,
    RunTestsResponse,
    SimulatedAttempt,
    SimulatedMoment,
    SimulatedMomentKind,
    SimulateResponse,
    SimulationEnd,
    TestCoverage,
    TestResult,
)

from service.rpc.contact_message import write_contact
from service.rpc.enrollment_message import write_enrollment, write_history
from service.rpc.event_message import write_verdicts
from service.rpc.moment import write_instant, write_span
from service.rpc.payload import write_any, write_struct, write_value
from service.storage.enrollment_queries import EnrollmentRecord
from service.storage.history import history_row
from service.storage.history_queries import HistoryRow
from statemachine.cause import cause_from_data
from statemachine.event import Event
from statemachine.simulation.kept import Record
from statemachine.simulation.simulate import Simulated
from statemachine.simulation.trace import Attempt, Moment
from statemachine.testing.coverage import Coverage
from statemachine.testing.trial import Trial, Trials

_KINDS: Final = {
    name.removeprefix("SIMULATED_MOMENT_KIND_").lower(): number for name, number in SimulatedMomentKind.items()
}
_ENDS: Final = {name.removeprefix("SIMULATION_END_").lower(): number for name, number in SimulationEnd.items()}


def write_simulated(simulated: Simulated, response: SimulateResponse) -> None:
    world = simulated.world
    write_happenings(simulated, response)
    for record in world.records.values():
        write_enrollment(as_stored(record), response.enrollments.add(), now=simulated.ended_at, full=True)
    for contact_id in sorted(world.contacts):
        write_contact(world.contacts[contact_id], None, None, response.contacts.add())
    response.transitions = world.transitions


def write_happenings(simulated: Simulated, response: SimulateResponse | ForecastResponse) -> None:
    """What happens, in order, what goes out, and why and when it ends."""
    causes: dict[str, str] = {}
    for moment in simulated.trace:
        _write_moment(moment, simulated.world.records, causes, response.timeline.add())
    for attempt in simulated.attempts:
        _write_attempt(attempt, response.attempts.add())
    response.end = _ENDS[simulated.stopped]  # type: ignore[assignment]
    write_instant(simulated.ended_at, response.end_time)


def _write_moment(
    moment: Moment, records: Mapping[str, Record], causes: dict[str, str], message: SimulatedMoment
) -> None:
    write_instant(moment.at, message.time)
    message.kind = _KINDS[moment.kind]  # type: ignore[assignment]
    message.contact_id = moment.contact_id or ""
    message.enrollment_id = moment.run
    message.workflow = moment.workflow
    message.text = moment.text
    message.refusal = moment.refusal
    if moment.event is not None:
        _write_event(moment.event, message.event)
        write_verdicts(moment.verdicts, message.verdicts, include_not_matched=True)
    if moment.entry is not None:
        entry = moment.entry
        if entry.cause is not None:
            causes[moment.run] = cause_from_data(entry.cause["cause"]).id
        row = history_row("", moment.run, causes.get(moment.run, ""), entry)
        del row["tenant_id"], row["position"], row["cause"]
        write_history(HistoryRow(**row | {"sequence": entry.sequence + 1}), records[moment.run].workflow, message.entry)
    if moment.attempt is not None:
        _write_attempt(moment.attempt, message.attempt)


def _write_event(event: Event, message: EventMessage) -> None:
    message.id = event.id
    message.type = event.type
    message.source = event.source
    message.contact_id = event.contact_id or ""
    message.key = event.key or ""
    write_struct(event.data, message.data)
    if event.contact_patch:
        write_struct(event.contact_patch, message.contact_patch)


def _write_attempt(attempt: Attempt, message: SimulatedAttempt) -> None:
    write_instant(attempt.at, message.time)
    message.enrollment_id = attempt.run
    message.workflow = attempt.workflow
    message.contact_id = attempt.contact_id or ""
    message.step = attempt.order.step
    message.type = attempt.order.type
    message.queue = attempt.order.queue
    message.attempt = attempt.number
    write_struct(attempt.order.input, message.input)
    message.delivered = attempt.delivered
    failure = attempt.answer.failure
    if failure is not None:
        message.error.step = attempt.order.step
        message.error.code = failure.code
        message.error.message = failure.message
        write_instant(attempt.at, message.error.time)
        return
    message.outcome = attempt.answer.outcome
    if attempt.answer.output is not None:
        write_any(attempt.answer.output, message.output)


def as_stored(record: Record) -> EnrollmentRecord:
    """The enrollment as a store would give it back."""
    snapshot = record.snapshot
    path = record.path
    work = record.work
    return EnrollmentRecord(
        snapshot=snapshot,
        task_id=None,
        due_at=snapshot.due_at,
        quarantined_at=None,
        waiting_for=record.workflow.awaited(snapshot.step) if snapshot.live else (),
        max_attempts=work.order.max_attempts if work else 0,
        queue=work.order.queue if work else None,
        task_status="ready" if work else None,
        last_step=snapshot.step or (path[-1] if path else ""),
        path=path,
    )


def write_trials(trials: Trials, response: RunTestsResponse) -> None:
    response.passed = bool(trials.trials) and trials.passed
    for trial in trials.trials:
        _write_trial(trial, response.results.add())
    _write_coverage(trials.coverage, response.coverage)


def _write_trial(trial: Trial, message: TestResult) -> None:
    message.name = trial.case.name
    message.passed = trial.passed
    message.line, message.column = trial.case.place or (0, 0)
    if trial.simulated is not None:
        write_span(trial.simulated.ended_at - trial.case.starts_at, message.virtual_duration)
    for one in trial.differences:
        line, column = one.place or (0, 0)
        difference = message.differences.add(path=one.path, line=line, column=column, text=one.text)
        write_value(one.expected, difference.expected)
        write_value(one.actual, difference.actual)


def _write_coverage(covered: Coverage, message: TestCoverage) -> None:
    message.steps = len(covered.steps)
    message.branches = len(covered.branches)
    message.missing_steps.extend(covered.missing_steps)
    for step, outcome in covered.missing_branches:
        message.missing_branches.add(step=step, outcome=outcome)
    message.step_percent = covered.step_percent
    message.branch_percent = covered.branch_percent
