"""What runs in a storm: every kind of step that holds durable state, short enough to end within it."""

from __future__ import annotations

from typing import Final

QUEUE: Final = "storm"

JOURNEY: Final = """
key: journey
name: Journey
triggers: [{type: journey_started}]
entry: {reentry: always}
exit: [{on: journey_stopped, reason: stopped}]
retry: {max_attempts: 8, backoff: 200ms, factor: 1.5, max_backoff: 2s, jitter: full}
steps:
  - {id: greet, type: send_sms, config: {to: "+1555010100", body: "Hello {{contact.id}}"}}
  - {id: rest, type: wait, config: {for: 1500ms}}
  - {id: work, type: task, config: {queue: storm, input: {n: "{{trigger.data.n}}"}}, on_error: mark}
  - {id: mark, type: add_tag, config: {tag: worked}}
  - id: call
    type: http_request
    config: {url: "ENDPOINT/call", method: POST, body: {run: "{{enrollment.id}}"}}
    on_error: answer
  - id: answer
    type: wait
    config: {on: [{event: answered, branch: heard}], timeout: 4s, since: enrollment}
    branches: {heard: count, timeout: end}
  - {id: count, type: update_score, config: {value: 1}}
"""

ONCE: Final = """
key: once
name: At most once
triggers: [{type: once_started}]
entry: {reentry: always}
retry: {max_attempts: 3, backoff: 200ms, jitter: none}
steps:
  - {id: work, type: task, crash_policy: at_most_once, config: {queue: storm}, on_error: call}
  - id: call
    type: http_request
    config: {url: "ENDPOINT/once", method: POST, body: {run: "{{enrollment.id}}"}}
    crash_policy: at_most_once
    on_error: end
"""

COUNTER: Final = """
key: counter
name: Counter
triggers: [{type: counter_started}]
entry: {reentry: never}
steps:
  - id: rest
    type: wait
    config: {on: [{event: tick, branch: ticked}], timeout: 10d, since: wait}
    branches: {ticked: add, timeout: end}
  - {id: add, type: update_field, config: {field: ticks, operation: increment, value: 1}, next: rest}
"""

LEVELS: Final = """
key: levels
name: Levels
triggers: [{type: field_changed, config: {field: level}}]
entry: {reentry: always}
steps:
  - {id: seen, type: update_score, config: {value: 1}}
"""

MANUAL: Final = """
key: manual
name: Manual
entry: {reentry: always}
steps:
  - {id: hold, type: wait, config: {for: 10d}}
  - {id: rest, type: wait, config: {for: 500ms}}
"""

LONG: Final = """
key: long
name: Long run
triggers: [{type: long_started}]
entry: {reentry: always}
variables: {n: 0}
steps:
  - {id: rest, type: wait, config: {until: "2026-01-01T00:00:00Z"}}
  - {id: add, type: transform, output: n, config: {expression: "variables.n + 1"}}
  - {id: again, type: condition, config: {expression: "variables.n < 400"}, branches: {"true": rest, "false": end}}
"""

ALL: Final = (JOURNEY, ONCE, COUNTER, LEVELS, MANUAL, LONG)

RESTING: Final = frozenset({("counter", "rest"), ("manual", "hold")})
"""Where runs stay when everything else has ended."""
