"""What a step answers when it runs: it is done, it rests, it ends the run, or it starts children."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from statemachine.frame import Leaving
from statemachine.record import record

if TYPE_CHECKING:
    from statemachine.frame import AnyFrame
    from statemachine.kin import Brood


@record
class Outcome:
    """The step is done: take the transition of this name. `output` is kept as `steps.<id>.output` unless None.

    `metadata` is what history says of it besides. `way` is the transition when it has another name than the outcome.
    """

    name: str
    output: Any = None
    metadata: Mapping[str, Any] | None = None
    way: str = ""


@record
class Rest:
    """Stay in this step until `deadline` (outcome `timer_outcome`), or until an event of a case since `anchor_at`.

    `silent_at` is since when the silence counts that the step waits for.
    """

    deadline: datetime | None = None
    anchor_at: datetime | None = None
    silent_at: datetime | None = None


@record
class End:
    """The run ends here: status `completed` or `exited` with a reason."""

    status: str
    reason: str | None = None


@record
class Child:
    """A child to start. It runs the body into which `outcome` leads, or else a whole `workflow` with `input`.

    `version` None means the active one. `frame` is the child's round of a loop.
    """

    name: str
    outcome: str = ""
    frame: AnyFrame | None = None
    workflow: str = ""
    version: int | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    awaited: bool = True


@record
class Await:
    """Start these children, and stay in this step until they have ended. `brood` is what there is of the others."""

    children: tuple[Child, ...]
    brood: Brood


@record
class Launch:
    """Start these children, for which nobody waits, and take the transition of this name."""

    children: tuple[Child, ...]
    outcome: Outcome


Result = Outcome | Rest | End | Leaving | Await | Launch
