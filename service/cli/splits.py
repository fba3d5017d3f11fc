"""`statewright set-weights`: the weights of a split, while its version is live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from service.cli.options import guarded
from service.cli.session import Session, Verb, pass_session


class Weight(click.ParamType):  # type: ignore[type-arg]
    """One `VARIANT=WEIGHT`."""

    name = "variant=weight"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        label, equals, number = str(value).rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            equals = ""
            weight = 0.0
        if not (equals and label):
            self.fail(f"{value!r} is no weight: write VARIANT=NUMBER, such as a=70", param, ctx)
        return label, weight


@click.command("set-weights", cls=Verb)
@click.argument("key")
@click.argument("weights", type=Weight(), nargs=-1, required=True, metavar="VARIANT=WEIGHT...")
@click.option("--step", default="", help="The split. Default: the only one of the version.")
@click.option("--version", type=click.IntRange(min=1), help="Default: the active one, else the latest.")
@guarded
@pass_session
def set_weights(session: Session, key: str, weights: Sequence[tuple[str, float]], **given: Any) -> None:
    """Set the weights of a split from the next contact on; who has been given a variant keeps it."""
    from statewright.v1 import SetSplitWeightsRequest

    from service.cli.output import note, print_json
    from service.cli.shapes import plain

    if len(dict(weights)) < len(weights):
        raise click.UsageError("a variant has one weight; one of them is there twice")
    request = SetSplitWeightsRequest(key=key, weights=dict(weights), **given)
    shape = plain(session.call(session.client.workflows.SetSplitWeights, request))
    if session.json:
        print_json(shape)
        return
    shares = ", ".join(f"{label} {share / 100:g} %" for label, share in shape["shares"].items())
    note(f"{shape['step']} of {key} version {shape['version']}: {shares}")
