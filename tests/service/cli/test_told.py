"""What the lines of a history say in words."""

from datetime import datetime
from typing import Any

import pytest

from service.cli.told import told

AT = "2026-12-01T17:20:20.429243+00:00"
HERE = datetime.fromisoformat(AT).astimezone().strftime("%Y-%m-%d %H:%M:%S")
RULING = {"channel": "sms", "verdict": "held", "rule": "quiet_hours", "reason": "it is 23:10 there"}

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("started", {"id": "e1", "trigger_id": "trigger_1", "type": "contact_created"}, "by contact_created"),
    ("started", {"child": 2, "parent": "p", "step": "each"}, "child 2 of each"),
    ("waiting", {"until": AT}, f"until {HERE}"),
    ("waiting", {"quiet_until": AT}, f"silent until {HERE}"),
    ("waiting", {"children": ["fast", "slow"]}, "children fast, slow"),
    ("waiting", RULING | {"until": AT}, f"held until {HERE} by quiet_hours: it is 23:10 there"),
    ("step_skipped", RULING | {"verdict": "skipped", "rule": "consent"}, "skipped by consent: it is 23:10 there"),
    ("step_started", {"channel": "sms", "verdict": "sent"}, "may go out by sms"),
    ("step_completed", {"event": "message_received"}, "event message_received"),
    ("step_completed", {"reason": "a > 5: no such overload"}, "a > 5: no such overload"),
    ("step_completed", {"index": 3}, "round 3"),
    ("step_completed", {"joined": ["fast"]}, "joined fast"),
    ("step_completed", {"joined": []}, "joined none"),
    ("step_completed", {"operator": "advance"}, "by an operator (advance)"),
    ("step_completed", {"late_s": 90}, "90 s late"),
    ("step_completed", {"undoes": "flight", "visit": 2}, "undoes flight"),
    ("retrying", {"next_attempt_at": AT}, f"next attempt {HERE}"),
    ("step_failed", {"of": "charge", "transient": True}, "from charge, transient"),
    ("failed", {"transient": True}, "transient"),
    (
        "exited",
        {"event": "order_placed", "goal": "purchase", "reason": "goal:purchase"},
        "goal purchase, at order_placed",
    ),
    ("exited", {"event": "stop", "reason": "stopped"}, "stopped, at stop"),
    ("cancelled", {"reason": "not_needed"}, "not_needed"),
    ("completed", {}, ""),
    ("paused", {"timers": "keep"}, "timers keep"),
    ("resumed", {"operator": "retry"}, "by retry"),
    ("resumed", {"of": "workflow", "until": AT}, f"with its workflow, until {HERE}"),
    ("migrated", {"from_version": 1, "to_version": 2, "status": "waiting"}, "version 1 → 2"),
    (
        "migrated",
        {"from_version": 1, "to_version": 2, "from_step": "pause", "until": AT},
        f"version 1 → 2, from step pause, until {HERE}",
    ),
    ("rescheduled", {"from": AT, "until": AT}, f"{HERE} → {HERE}"),
    ("variables_set", {"names": ["a", "b"], "more": 3, "status": "waiting"}, "a, b and 3 more"),
    ("child_ended", {"child": "fast", "enrollment_id": "x", "status": "failed"}, "child fast: failed"),
    ("reminded", {"next_at": AT, "number": 1}, f"next {HERE}, number 1"),
    ("escalated", {"group": "leads"}, "group leads"),
    ("queued", {"rule": "max_concurrent", "live": 5, "most": 5}, "max_concurrent: 5 of 5 live"),
    ("queued", {"rule": "per_minute", "begun": 9, "most": 9}, "per_minute: 9 of 9 begun"),
    ("queued", {"rule": "conflict", "behind": ["e1", "e2"]}, "conflict: behind e1, e2"),
    ("of_tomorrow", {"some_name": "x", "more": [1, 2]}, "some name x, more 1, 2"),
]


@pytest.mark.parametrize(("kind", "more", "words"), CASES)
def test_a_line_of_history_says_until_when_by_what_and_why(kind: str, more: dict[str, Any], words: str) -> None:
    assert told(kind, more) == words
