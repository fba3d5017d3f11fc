"""History rows: append-only, unique by sequence, and one first line for each cause."""

from __future__ import annotations

from typing import Any, Final

from statemachine.decision import HistoryEntry

INSERT: Final = """
insert into history (tenant_id, enrollment_id, sequence, cause_id, position, at, kind, step, visit, level, entry, cause)
select tenant_id, enrollment_id, sequence, cause_id, position, at, kind, step, visit, level, entry, cause
from {rows:rows; tenant_id text, enrollment_id text, sequence int, cause_id text, position int, at timestamptz,
    kind text, step text, visit int, level text, entry json, cause json} where true"""


def history_row(tenant: str, enrollment_id: str, cause_id: str, entry: HistoryEntry) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "enrollment_id": enrollment_id,
        "sequence": entry.sequence,
        "cause_id": cause_id,
        "position": entry.position,
        "at": entry.at,
        "kind": entry.kind,
        "step": entry.step,
        "visit": entry.visit,
        "level": entry.level,
        "entry": _details(entry),
        "cause": entry.cause,
    }


def _details(entry: HistoryEntry) -> dict[str, Any]:
    """The `entry` column: what is there, and nothing empty. Written out, because every transition passes here."""
    details: dict[str, Any] = {}
    if entry.step_type is not None:
        details["step_type"] = entry.step_type
    if entry.outcome is not None:
        details["outcome"] = entry.outcome
    if entry.attempt:
        details["attempt"] = entry.attempt
    if entry.duration_ms is not None:
        details["duration_ms"] = entry.duration_ms
    if entry.input is not None:
        details["input"] = entry.input
    if entry.output is not None:
        details["output"] = entry.output
    if entry.error_code is not None:
        details["error_code"] = entry.error_code
    if entry.error is not None:
        details["error"] = entry.error
    if entry.metadata:
        details["metadata"] = entry.metadata
    if entry.variants:
        details["variants"] = entry.variants
    return details
