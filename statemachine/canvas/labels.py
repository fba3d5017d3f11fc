"""What a node of a canvas is: its type, its label and its config, made into a step type of the language.

Editors name things in three ways: by a type of the language (`email`, `wait`), by a general type whose label says the
rest (`action` "Send Reply", `integration` "Shopify Get Order"), or by a general type whose config does
(`action` with `actionType: tag, operation: add`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from statemachine.names import snake_case
from statemachine.steps import STEP_TYPES, not_yet

TRIGGER: Final = "trigger"
RESOURCE: Final = "resource"
"""A node that is no step: it binds a knowledge base or an AI configuration to the AI steps after it."""
INTEGRATION: Final = "integration"

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[^A-Za-z0-9.]+")
_GENERAL: Final = frozenset({"", "action", INTEGRATION, "logic", "custom", "default", "node", "step", "workflow"})
_TRIGGERS: Final = frozenset({"trigger", "start", "entry"})
_RESOURCES: Final = frozenset({
    "configuration", "config", "resource", "knowledge_base", "ai_configuration", "ai_config",
})  # fmt: skip
_WORDS: Final[Mapping[str, str]] = {
    "wait_delay": "wait",
    "a_b_split": "split",
    "a_b_test": "split",
    "ab_test": "split",
    "if_else": "condition",
    "try_catch": "try",
    "tag": "add_tag",
    "notification": "send_notification",
    "reply": "send_reply",
}
"""Words of editors that are neither a name nor an alias of a step type."""
_LOGIC: Final = frozenset({
    "wait", "delay", "split", "ab_split", "loop", "try", "fallback", "error_handler", "compensate",
})  # fmt: skip
_CONDITION_KEYS: Final = frozenset({
    "condition", "conditions", "expression", "left", "field", "cases", "branches", "all", "any", "not", "type",
})  # fmt: skip
_VENDORS: Final = (
    "shopify", "stripe", "salesforce", "hubspot", "jira", "slack", "teams", "postgres", "zendesk", "twilio_sms",
    "twilio", "sendgrid", "odoo",
)  # fmt: skip
_ACTION_KEYS: Final = ("action_type", "action")
_BY_OPERATION: Final[Mapping[tuple[str, str], str]] = {
    ("tag", "add"): "add_tag",
    ("tag", "remove"): "remove_tag",
    ("segment", "add"): "add_to_list",
    ("segment", "remove"): "remove_from_list",
    ("list", "add"): "add_to_list",
    ("list", "remove"): "remove_from_list",
}
_WITHOUT_OPERATION: Final = {"tag": "add_tag", "segment": "add_to_list", "list": "add_to_list"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """The step type of a node, or `trigger` or `resource`; None when nothing says it.

    `spent` are the keys of the config that said it and mean nothing to the step itself.
    """

    type: str | None
    spent: tuple[str, ...] = ()


def meaning_of(kind: str, label: str, config: Mapping[str, Any]) -> Meaning:
    """What a node of this type, label and config is."""
    word = _word(kind.removesuffix("Node"))
    if word in _TRIGGERS:
        return Meaning(TRIGGER)
    if word in _RESOURCES:
        return Meaning(RESOURCE)
    if word == "condition":
        return Meaning(_logic(kind, label, config))
    known = _known(kind) or (_known(word) if word not in _GENERAL else None)
    if known is not None and word != INTEGRATION:
        return Meaning(known)
    if word not in _GENERAL:
        return Meaning(None)
    return _by_config(word, label, config) or Meaning(_by_label(word, label))


def same_type(one: str | None, other: str | None) -> bool:
    """Whether two names mean the same step type."""
    return one is not None and other is not None and _canonical(one) == _canonical(other)


def _canonical(name: str) -> str:
    return STEP_TYPES[name].name if name in STEP_TYPES else name


def _word(text: str) -> str:
    """`Wait/Delay`, `waitDelay` and `wait-delay` are one word: wait_delay."""
    return _SEPARATORS.sub("_", _HUMP.sub("_", text.strip())).strip("_").lower()


def _known(word: str) -> str | None:
    """The name as it stands when the language knows it, an editor's word for one otherwise; None for neither."""
    if word in STEP_TYPES or not_yet(word) is not None:
        return word
    return _WORDS.get(word)


def _logic(kind: str, label: str, config: Mapping[str, Any]) -> str:
    """Some editors file waits, loops, splits and what takes errors under `condition`; then the label tells."""
    named = _known(_word(label))
    if named in _LOGIC and not _CONDITION_KEYS & {snake_case(str(key)) for key in config}:
        return named
    return kind if kind in STEP_TYPES else "condition"


def _by_config(word: str, label: str, config: Mapping[str, Any]) -> Meaning | None:
    keys = {snake_case(str(key)): str(key) for key in config}
    for name in _ACTION_KEYS:
        action = config.get(keys[name]) if name in keys else None
        if isinstance(action, str) and action.strip():
            return _of_action(word, label, _word(action), config, keys, keys[name])
    return None


def _of_action(
    word: str, label: str, action: str, config: Mapping[str, Any], keys: Mapping[str, str], key: str
) -> Meaning | None:
    vendor = _vendor(_word(label))
    if word == INTEGRATION or (vendor and _known(action) is None):
        owner = vendor[0] if vendor else _word(label)
        return Meaning(f"{owner}.{action}" if owner else INTEGRATION, (key,))
    operation = config.get(keys["operation"]) if "operation" in keys else None
    if isinstance(operation, str) and (action, _word(operation)) in _BY_OPERATION:
        return Meaning(_BY_OPERATION[action, _word(operation)], (key, keys["operation"]))
    known = _WITHOUT_OPERATION.get(action) or _known(action)
    return Meaning(known, (key,)) if known else None


def _by_label(word: str, label: str) -> str | None:
    named = _word(label)
    if named in _RESOURCES:
        return RESOURCE
    vendor = _vendor(named)
    if vendor and vendor[1]:
        return f"{vendor[0]}.{vendor[1]}"
    known = _known(named) if named else None
    if known is not None or word != INTEGRATION:
        return known
    first, _, rest = named.partition("_")
    return f"{first}.{rest}" if rest and not vendor else INTEGRATION


def _vendor(word: str) -> tuple[str, str] | None:
    """(vendor, action) of a label such as `shopify_get_order`; the action is empty when only the vendor is named."""
    for vendor in _VENDORS:
        if word == vendor or word.startswith(f"{vendor}_"):
            return vendor, word[len(vendor) + 1 :]
    return None
