"""History rows: append-only, unique by sequence and by position within a cause."""

from __future__ import annotations

from typing import Any, Final

from statemachine.decision import HistoryEntry

INSERT: Final = """
insert into history (tenant_id, enrollment_id, sequence, cause_id, position, at, kind, step, visit, level, entry, cause)
select tenant_id, enrollment_id, sequence, cause_id, position, at, kind, step, visit, level, entry, cause
from {rows:rows; tenant_id text, enrollment_id text, sequence int, cause_id text, position int, at timestamptz,
    kind text, step text, visit int, level text, entry json, cause json} where true"""

_PARTS: Final = (
    "step_type", "outcome", "attempt", "duration_ms", "input", "output", "error_code", "error", "metadata",
)  # fmt: skip


def history_row(tenant: str, enrollment_id: str, cause_id: str, entry: HistoryEntry) -> dict[str, Any]:
    details: dict[str, Any] = {}
    for name in _PARTS:
        value = getattr(entry, name)
        if value is not None and value != {} and value != 0:
            details[name] = value
    if entry.duration_ms == 0:
        details["duration_ms"] = 0
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
        "entry": details,
        "cause": entry.cause,
    }
