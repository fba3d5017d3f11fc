"""Explanations as the protos have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.struct_pb2 import Value
from statewright.v1 import (
    ComingDate,
    ConditionTrace,
    EntryExplanation,
    EventEffect,
    ExplainResponse,
    MessageExplanation,
    MessageVerdict,
    Move,
    MoveKind,
    OpenLook,
    RunExplanation,
)

from service.rpc.enrollment_message import write_target
from service.rpc.event_message import rule_and_reason, verdict_kind, write_verdict
from service.rpc.moment import write_instant
from service.rpc.payload import write_value
from statemachine.condition_tree import Trace
from statemachine.dates import Slot, rules_of
from statemachine.event_explanation import CaseAccount, EntryAccount, EventAccount, TouchAccount
from statemachine.grace import Look
from statemachine.limits import larger_than
from statemachine.run_explanation import Move as RunMove
from statemachine.run_explanation import RunAccount
from statemachine.sending.account import MessageAccount
from statemachine.values import text
from statemachine.verdict import BLOCKED, ENROLLED, NOT_MATCHED
from statemachine.workflow import Workflow

_MAX_VALUE_BYTES: Final = 2048
_MAX_TEXT: Final = 500


def write_event_account(account: EventAccount, response: ExplainResponse, *, workflow: str) -> None:
    """Entries and effects; of one workflow only, when it is named."""
    for entry in account.entries:
        if workflow in ("", entry.workflow.key):
            _write_entry(entry, response.entries.add())
    for touched in account.touched:
        if workflow in ("", touched.snapshot.workflow):
            _write_effect(touched, response.effects.add())
    for message in account.messages:
        if workflow in ("", message.workflow):
            _write_message(message, response.messages.add())


def write_inactive(workflow: str, message: EntryExplanation) -> None:
    message.workflow = workflow
    message.verdict = verdict_kind(NOT_MATCHED)  # type: ignore[assignment]
    message.rule = "no_active_version"
    message.reason = "no version of the workflow is active"


def write_look(look: Look, message: OpenLook, *, held: bool) -> None:
    """`held`: its workflow is paused."""
    message.workflow = look.workflow
    message.event_id = look.event.id
    message.event_source = look.event.source
    message.event_type = look.event.type
    write_instant(look.event.accepted_at, message.accept_time)
    write_instant(look.until_at, message.until_time)
    message.held = held


def write_coming(slot: Slot, workflow: Workflow | None, message: ComingDate, *, held: bool) -> None:
    """A date that will enrol into a version of a workflow; `held`: it waits until the workflow goes on."""
    message.workflow, message.trigger, message.date = slot.workflow, slot.trigger, slot.date
    message.held = held
    write_instant(slot.due_at, message.due_time)
    rule = rules_of(workflow).get(slot.trigger) if workflow is not None else None
    if rule is not None and rule.late is not None and slot.due_at is not None:
        write_instant(slot.due_at + rule.late, message.skip_time)


def write_run_account(account: RunAccount, message: RunExplanation) -> None:
    message.reason = account.reason
    message.waiting_for = account.waiting_for
    message.moved_by.extend(account.moved_by)
    message.held.extend(account.held)
    write_instant(account.since_at, message.since_time)
    write_instant(account.until_at, message.until_time)
    for move in account.moves:
        _write_move(move, message.moves.add())
        if move.kind == "event" and move.condition is not None:
            write_trace(move.condition, message.conditions.add())


def write_trace(trace: Trace, message: ConditionTrace) -> None:
    message.text = trace.text
    message.result = trace.result
    message.error = trace.error
    message.subject = trace.subject
    message.operator = trace.operator
    _write_found(trace.actual, message, "actual")
    _write_found(trace.expected, message, "expected")
    for name, value in trace.reads:
        _write_found(value, message.reads.add(name=name), "value")
    for child in trace.children:
        write_trace(child, message.children.add())


def _write_found(value: Any, message: Any, field: str) -> None:
    """A value that was read; a large one is told by its beginning, so that an answer stays an answer."""
    if value is None:
        return
    target: Value = getattr(message, field)
    if larger_than(value, _MAX_VALUE_BYTES):
        target.string_value = f"{text(value)[:_MAX_TEXT]}…"
    else:
        write_value(value, target)


def _write_entry(account: EntryAccount, message: EntryExplanation) -> None:
    verdict = account.verdict
    message.workflow = verdict.workflow
    message.version = verdict.version
    message.verdict = verdict_kind(verdict.kind)  # type: ignore[assignment]
    message.would_enroll = verdict.kind == ENROLLED
    message.key = account.key
    message.step = verdict.step
    if verdict.kind == ENROLLED and not verdict.rule:
        by = "a trigger matches and " if account.triggers else ""
        message.reason = f"{by}no rule keeps the contact out"
    elif verdict.rule:
        message.rule, message.reason = rule_and_reason(verdict.kind, verdict.rule)
    if verdict.kind == BLOCKED:
        message.blocking_enrollment_id = verdict.enrollment_id
    _write_triggers(account, message)
    for rule in account.rules:
        check = message.rules.add(name=rule.name, blocks=rule.blocks, detail=rule.detail)
        write_instant(rule.until_at, check.until_time)


def _write_triggers(account: EntryAccount, message: EntryExplanation) -> None:
    for each in account.triggers:
        check = message.triggers.add(id=each.trigger.id, enabled=each.trigger.enabled, matches=each.mismatch is None)
        check.reason = each.mismatch or ""
        for trace in each.checks:
            write_trace(trace, check.checks.add())
        if each.trigger.conditions is not None:
            write_trace(each.checks[-1], message.conditions.add())


def _write_effect(account: TouchAccount, message: EventEffect) -> None:
    snapshot = account.snapshot
    message.enrollment_id = snapshot.id
    message.workflow = snapshot.workflow
    message.version = snapshot.version
    message.step = snapshot.step or ""
    if account.verdict is not None:
        write_verdict(account.verdict, message.verdict)
    _write_cases(account.exits, message.exits)
    _write_cases(account.cases, message.cases)


def _write_message(account: MessageAccount, message: MessageExplanation) -> None:
    message.workflow, message.enrollment_id, message.step = account.workflow, account.enrollment_id, account.step
    message.channel, message.rule, message.reason = account.channel, account.rule, account.reason
    message.verdict = MessageVerdict.Value(f"MESSAGE_VERDICT_{account.verdict.upper()}")  # type: ignore[assignment]
    write_instant(account.until_at, message.until_time)


def _write_cases(cases: Iterable[CaseAccount], target: Any) -> None:
    for case in cases:
        message = target.add(name=case.name, applies=case.applies, detail=case.detail)
        if case.condition is not None:
            write_trace(case.condition, message.condition)


def _write_move(move: RunMove, message: Move) -> None:
    message.kind = _MOVES[move.kind]  # type: ignore[assignment]
    message.name = move.name
    message.outcome = move.outcome
    if move.target:
        write_target(move.target, message)
    write_instant(move.at, message.time)
    if move.condition is not None:
        write_trace(move.condition, message.condition)


_MOVES: Final = {
    kind: MoveKind.Value(f"MOVE_KIND_{kind.upper()}")
    for kind in ("event", "exit", "timer", "task", "transition", "operation", "change")
}
