"""The step types. A new one is a class in one of these files and its line in `_CLASSES`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from statemachine.step import StepType
from statemachine.steps.approval import Approval
from statemachine.steps.assign import AssignAgent
from statemachine.steps.branch import Branch
from statemachine.steps.contact import AddTag, AddToList, RemoveFromList, RemoveTag, Segment, UpdateField, UpdateScore
from statemachine.steps.conversation import EndChat
from statemachine.steps.flow import Complete, Exit, Goto, Pass
from statemachine.steps.guards import ErrorHandler, Fallback, Try
from statemachine.steps.http import HttpRequest, Webhook
from statemachine.steps.loop import Break, Continue, Loop
from statemachine.steps.message import NotifySlack, NotifyTeams, SendEmail, SendNotification, SendReply, SendSms
from statemachine.steps.parallel import Parallel
from statemachine.steps.split import Split
from statemachine.steps.sub_workflow import SubWorkflow
from statemachine.steps.task import Task
from statemachine.steps.undo import Compensate
from statemachine.steps.variables import SetVariable, Transform
from statemachine.steps.wait import Wait

_CLASSES: Final[tuple[type[StepType], ...]] = (
    Wait,
    Branch,
    Split,
    Loop,
    Break,
    Continue,
    Try,
    Fallback,
    ErrorHandler,
    Compensate,
    Parallel,
    SubWorkflow,
    SetVariable,
    Transform,
    Goto,
    Exit,
    Complete,
    Pass,
    AddTag,
    RemoveTag,
    UpdateField,
    UpdateScore,
    AddToList,
    RemoveFromList,
    Segment,
    SendSms,
    SendEmail,
    SendReply,
    EndChat,
    SendNotification,
    NotifySlack,
    NotifyTeams,
    HttpRequest,
    Webhook,
    Task,
    Approval,
    AssignAgent,
)

_LATER: Final[Mapping[str, Iterable[str]]] = {
    "code inside a workflow is not built yet; `transform` computes with CEL": ("custom_code",),
    "AI steps are not built yet": (
        "ai", "ai_generate", "ai_sentiment", "ai_categorize", "ai_extract", "ai_translate",
    ),
    "integrations are not built yet; use http_request, or a `task` for a worker of your own": ("integration",),
}  # fmt: skip
_VENDOR: Final = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z][a-z0-9_-]*)+")


def _by_name(classes: Iterable[type[StepType]]) -> Mapping[str, type[StepType]]:
    found: dict[str, type[StepType]] = {}
    for step_type in classes:
        for name in (step_type.name, *step_type.aliases):
            if name in found:
                raise ValueError(f"two step types are called {name!r}")
            found[name] = step_type
    return MappingProxyType(found)


STEP_TYPES: Final = _by_name(_CLASSES)
"""Canonical names and aliases → class; the canonical name is the class's `name`."""

NOT_YET: Final[Mapping[str, str]] = MappingProxyType({name: why for why, names in _LATER.items() for name in names})
"""Names the language knows but this version cannot run → why, in one line."""


def not_yet(name: str) -> str | None:
    """Why a type of this name cannot be used yet; None when the language has no such type. Covers `vendor.action`."""
    if name in NOT_YET:
        return NOT_YET[name]
    if _VENDOR.fullmatch(name):
        return "steps of integrations and registered workers are not built yet; use a `task` with `queue`"
    return None
