"""The split step: gives each contact one variant, in proportion to weights.

Sticky assignment is a pure function, so a contact gets the same variant on every entry, in every replica:

    point = first 53 bits of blake2b("<workflow>\\x1f<step>\\x1f<subject>", digest_size=8), divided by 2**53
    variant = the first whose cumulated share is above floor(point * 10,000), in the author's order

`subject` is the contact id, or the entry key, or the enrollment id, whichever is there first; shares are whole basis
points (`shares.py`). Where shares were set while the version was live, they count instead of the definition's, and a
contact that another run has given a variant keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, Final, Literal

from statemachine.errors import InvalidInput
from statemachine.keys import REQUIRED, Weight, about
from statemachine.path import Path
from statemachine.shares import Shares, basis_points, label_at
from statemachine.step import Build, Context, PureStep, StepConfig
from statemachine.step_result import End, Outcome, Result

HOLDOUT: Final = "holdout"


class VariantConfig(StepConfig):
    id: str = about("The variant's label, which is its outcome.", "short", default=REQUIRED)
    name: str | None = about("What people call the variant.", "Short subject")
    weight: Weight = about("Its share, in proportion to the other weights.", 50)
    percentage: Weight = about("Its share in percent.", 50)


class SplitConfig(StepConfig):
    """`variants` as {label: weight} or a list; or `paths` and `weights` side by side (equal weights when absent)."""

    variants: dict[str, Weight] | list[VariantConfig] | None = about(
        "Label → weight, or a list of variants. `holdout` ends the run unless it has a branch.", {"a": 50, "b": 50}
    )
    paths: list[str] | None = about("The labels, with `weights` beside them.", ["a", "b"])
    weights: list[Weight] | None = about("The weights of `paths`, in their order. Default: equal.", [50, 50])
    mode: Literal["sticky", "random"] = about(
        "`sticky`: a contact gets the same variant every time; `random`: drawn each time.", "random", default="sticky"
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    label: str
    weight: Any
    path: Path


class Split(PureStep):
    """Give each contact one variant, in proportion to weights.

    Outcomes are the variant labels. `holdout` ends the run as exited / holdout unless it has a branch."""

    name = "split"
    aliases: ClassVar[tuple[str, ...]] = ("ab_split",)
    Config = SplitConfig
    undoable = False
    free_form: ClassVar[tuple[str, ...]] = ("variants",)

    def __init__(self, config: SplitConfig, build: Build) -> None:
        entries = _entries(config, build)
        _check(entries, config, build)
        self._labels = tuple(entry.label for entry in entries)
        self.shares = _shares(entries, build)
        self._random = config.mode == "random"
        self._holds_out = HOLDOUT in self._labels and HOLDOUT not in build.branches()

    def outcomes(self) -> tuple[str, ...]:
        return tuple(label for label in self._labels if label != HOLDOUT or not self._holds_out)

    def may_end(self) -> bool:
        return self._holds_out

    def output_parts(self) -> frozenset[str] | None:
        return frozenset({"variant"})

    def run(self, context: Context) -> Result:
        label = self._choose(context)
        context.assign_variant(context.step_id, label)
        if label == HOLDOUT and self._holds_out:
            return End("exited", HOLDOUT)
        return Outcome(label, {"variant": label})

    def share(self, weights: Mapping[str, float]) -> Shares:
        """Weights that are to be set as shares: one for each label, 0 for a variant that nobody gets any more.

        Raises InvalidInput with every fault.
        """
        known = ", ".join(self._labels)
        faults = [
            (label, f"a variant of the split ({known})") for label in sorted(weights) if label not in self._labels
        ]
        faults += [(label, "a weight; 0 gives the variant to nobody") for label in self._labels if label not in weights]
        faults += [
            (label, "a number of 0 or more") for label, weight in sorted(weights.items()) if not 0 <= weight < math.inf
        ]
        places = [(f"weights[{label[:100]}]", wanted) for label, wanted in faults]
        if not places and not any(weights.values()):
            places.append(("weights", "at least one above 0"))
        if places:
            raise InvalidInput(f"{places[0][0]}: {places[0][1]}", places)
        points = basis_points([weights[label] for label in self._labels])
        return dict(zip(self._labels, points, strict=True))

    def _choose(self, context: Context) -> str:
        if self._random:
            return label_at(context.random(), context.shares(self.shares))
        known = context.variant(context.step_id)
        if known in self._labels:
            return str(known)
        subject = context.contact_id or context.entry_key or context.enrollment_id
        return label_at(sticky_point(context.workflow, context.step_id, subject), context.shares(self.shares))


def sticky_point(workflow: str, step: str, subject: str) -> float:
    """A number in [0, 1) that depends on these three names alone (formula at the top)."""
    digest = blake2b(f"{workflow}\x1f{step}\x1f{subject}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def _entries(config: SplitConfig, build: Build) -> list[_Entry]:
    if config.variants is not None and config.paths is not None:
        build.problem("conflicting_keys", ("paths",), "use `variants` or `paths`, not both")
    if isinstance(config.variants, dict):
        return [_Entry(label, weight, ("variants", label)) for label, weight in config.variants.items()]
    if config.variants is not None:
        return [_listed(index, variant, build) for index, variant in enumerate(config.variants)]
    return _from_paths(config, build)


def _listed(index: int, variant: VariantConfig, build: Build) -> _Entry:
    path: Path = ("variants", index)
    if (variant.weight is None) == (variant.percentage is None):
        build.problem("bad_weight", path, "a variant needs either `weight` or `percentage`")
        return _Entry(variant.id, 1, path)
    if variant.weight is not None:
        return _Entry(variant.id, variant.weight, (*path, "weight"))
    return _Entry(variant.id, variant.percentage, (*path, "percentage"))


def _from_paths(config: SplitConfig, build: Build) -> list[_Entry]:
    labels = config.paths or []
    weights = config.weights if config.weights is not None else [1] * len(labels)
    if len(weights) != len(labels):
        message = f"`paths` has {len(labels)} entries and `weights` has {len(weights)}; they go in pairs"
        build.problem("bad_weight", ("weights",), message)
        weights = [1] * len(labels)
    return [
        _Entry(label, weight, ("weights", index))
        for index, (label, weight) in enumerate(zip(labels, weights, strict=True))
    ]


def _check(entries: list[_Entry], config: SplitConfig, build: Build) -> None:
    place: Path = ("variants",) if config.variants is not None else ("paths",) if config.paths is not None else ()
    if len(entries) < 2:
        build.problem("single_variant", place, "a split needs at least two variants, e.g. `variants: {a: 50, b: 50}`")
    seen: set[str] = set()
    for entry in entries:
        if not _is_weight(entry.weight):
            build.problem("bad_weight", entry.path, f"the weight of {entry.label!r} must be a number above 0")
        if entry.label in seen:
            build.problem("duplicate_id", entry.path, f"two variants are called {entry.label!r}")
        elif entry.label in ("", "error"):
            build.problem("reserved_id", entry.path, f"a variant cannot be called {entry.label!r}")
        seen.add(entry.label)
    if all(_is_weight(entry.weight) for entry in entries):
        _warn_percentages(entries, place, build)


def _warn_percentages(entries: list[_Entry], place: Path, build: Build) -> None:
    """Weights are proportions, so any sum works; a sum close to 100 is more likely a slip of the pen."""
    total = math.fsum(entry.weight for entry in entries)
    spelled_out = any(entry.path[-1] == "percentage" for entry in entries)
    if (spelled_out or 90 <= total <= 110) and abs(total - 100) > 0.1:
        message = f"these look like percentages but sum to {total:g}; they are used as proportions"
        build.problem("weights_not_100", place, message)


def _is_weight(weight: Any) -> bool:
    return isinstance(weight, (int, float)) and not isinstance(weight, bool) and math.isfinite(weight) and weight > 0


def _shares(entries: list[_Entry], build: Build) -> Shares:
    """Reports a weight that is too small beside the others to get a basis point."""
    sound = all(_is_weight(entry.weight) for entry in entries)
    points = basis_points([entry.weight if sound else 1 for entry in entries]) if entries else ()
    for entry, share in zip(entries, points, strict=True):
        if sound and not share:
            message = f"the weight of {entry.label!r} is less than 0.01 % of all weights: nobody would get it"
            build.problem("bad_weight", entry.path, message)
    return {entry.label: share for entry, share in zip(entries, points, strict=True)}
