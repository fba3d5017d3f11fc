"""The message of a step before the gate: it is ordered and counted, held until later, or skipped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from statemachine.listening import WAIT
from statemachine.ordering import order_task
from statemachine.retry import AMBIGUOUS
from statemachine.run import Run
from statemachine.sending import gate
from statemachine.sending.caps import stamp, with_send, without_send
from statemachine.snapshot import Status
from statemachine.step import EffectStep
from statemachine.steps.message import SKIPPED, MessageStep
from statemachine.way_out import go, leave_step
from statemachine.workflow import Step


def send(run: Run, step: Step, runner: MessageStep, *, held: bool = False) -> None:
    """Order a message, unless the gate says otherwise. `held`: the run has rested in the step for its sake."""
    channel = runner.channel(run)
    ruling = gate.ask(run, step.sending, channel)
    run.rulings = (*run.rulings, (channel, ruling.verdict, ruling.rule))
    if run.gathered and ruling.slot is None and ruling.verdict != gate.SENT:
        gate.leave_line(run)
    if ruling.verdict == gate.SKIPPED:
        return _skip_message(run, step, channel, ruling, held=held)
    if ruling.verdict == gate.HELD:
        return _hold_message(run, step, channel, ruling)
    order_task(run, step, runner, {} if step.sending is None else {"verdict": gate.SENT, "channel": channel})
    return _count_message(run, step, channel)


def give_back(run: Run, step: Step, code: str) -> None:
    """The message did not go out: its slot is free again. When nobody knows, it counts."""
    began = run.step_starts.get(step.id)
    if run.person is None or not run.person.sends or began is None or code in AMBIGUOUS:
        return
    run.contact_read = True
    sends = without_send(run.person.sends, cast(MessageStep, step.runner).channel(run), began)
    if sends != run.person.sends:
        run.change_contact(replace(run.person, sends=sends))


def _skip_message(run: Run, step: Step, channel: str, ruling: gate.Ruling, *, held: bool) -> None:
    """The message must not go out: go on as if the step were done, or where the definition says."""
    metadata = _said(ruling, channel)
    outcome = SKIPPED if SKIPPED in step.targets else "done"
    if step.undo:
        run.end_undoable(None, done=False)
    cast(EffectStep, step.runner).finish(run)
    if held:
        return leave_step(run, step, outcome, None, metadata=metadata)
    run.note("step_skipped", step=step.id, step_type=step.type, outcome=outcome, metadata=metadata)
    return go(run, outcome)


def _hold_message(run: Run, step: Step, channel: str, ruling: gate.Ruling) -> None:
    """The message may not go out yet: rest in the step until the gate is to be asked again."""
    assert ruling.until is not None
    run.deadlines[WAIT] = ruling.until
    slot = {} if ruling.slot is None else {"channel": channel, "slot": stamp(ruling.slot)}
    run.gathered = {"input": run.edited_input, **slot} if run.edited_input else slot
    run.edited_input = None
    metadata = {**_said(ruling, channel), "until": ruling.until.isoformat()}
    run.note("waiting", step=step.id, step_type=step.type, metadata=metadata)
    run.resting = True
    run.status = Status.WAITING


def _said(ruling: gate.Ruling, channel: str) -> dict[str, Any]:
    """What history says of a message that did not go out."""
    return {"verdict": ruling.verdict, "rule": ruling.rule, "channel": channel, "reason": ruling.reason}


def _count_message(run: Run, step: Step, channel: str) -> None:
    """Remember the message on its contact, when any cap counts it, and in the line before its provider."""
    run.sent = True
    gate.count(run, step.sending, channel)
    if run.gathered:
        run.gathered = {}
    own, counted = run.workflow_version.counts, run.surroundings.counted
    reach = max(own, counted) if own is not None and counted is not None else own or counted
    if reach is not None and run.person is not None:
        run.contact_read = True
        run.change_contact(replace(run.person, sends=with_send(run.person.sends, channel, run.now, reach)))
