"""Shares of a split: proportions as whole basis points, and what decides a split besides its definition.

Any proportions become 10,000 basis points by the method of the largest remainder (ties in the author's order), so that
shares are exact: `{a: 1, b: 1, c: 1}` is 3334, 3333, 3333.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Final

from statemachine.record import record

WHOLE: Final = 10_000
"""Basis points of everything."""

Shares = Mapping[str, int]
"""Label → basis points, in the author's order; they sum to `WHOLE`."""


def basis_points(weights: Sequence[int | float]) -> tuple[int, ...]:
    """Weights, none negative and not all zero, as basis points; a weight far smaller than the others may get none."""
    exact = [Fraction(str(weight)) for weight in weights]
    total = sum(exact)
    parts = [weight * WHOLE / total for weight in exact]
    points = [int(part) for part in parts]
    order = sorted(range(len(parts)), key=lambda index: points[index] - parts[index])
    for index in order[: WHOLE - sum(points)]:
        points[index] += 1
    return tuple(points)


def label_at(point: float, shares: Shares) -> str:
    """The label whose part of [0, 1) a point lies in; the parts follow each other in the order of the labels."""
    mark = min(int(point * WHOLE), WHOLE - 1)
    bounds = zip(shares, accumulate(shares.values()), strict=True)
    return next(label for label, bound in bounds if mark < bound)


@record
class SetShares:
    """Shares that were set while the version was live. `revision` names the setting: the workflow's revision then."""

    revision: int
    shares: Shares


@record
class Splits:
    """What decides the splits of a run besides their definitions, by step: shares that were set, and the variants that
    other runs of the contact were given before."""

    shares: Mapping[str, SetShares] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)


NO_SPLITS: Final = Splits()
NO_VARIANTS: Final[Mapping[str, str]] = MappingProxyType({})
NO_SHARES: Final[Mapping[str, SetShares]] = MappingProxyType({})

InForce = Mapping[str, Mapping[int, Mapping[str, SetShares]]]
"""Shares that were set, by workflow, version and step: only of workflows where any were."""


def splits_of(in_force: InForce, workflow: str, version: int, kept: Mapping[str, Mapping[str, str]]) -> Splits:
    """What decides the splits of a run of this version. `kept`: variants of the contact's runs by workflow."""
    versions = in_force.get(workflow)
    if versions is None:
        return NO_SPLITS
    return Splits(versions.get(version, NO_SHARES), kept.get(workflow, NO_VARIANTS))


def splits_to_data(splits: Splits, steps: frozenset[str]) -> dict[str, Any]:
    """JSON-ready, of these steps; what is empty is left out. `splits_from_data` reads it back."""
    shares = {
        step: {"revision": found.revision, "shares": dict(found.shares)}
        for step, found in splits.shares.items()
        if step in steps
    }
    kept = {step: label for step, label in splits.kept.items() if step in steps}
    return {**({"shares": shares} if shares else {}), **({"kept": kept} if kept else {})}


def splits_from_data(data: Mapping[str, Any] | None) -> Splits:
    if not data:
        return NO_SPLITS
    shares = {step: SetShares(one["revision"], one["shares"]) for step, one in data.get("shares", {}).items()}
    return Splits(shares, data.get("kept", {}))
