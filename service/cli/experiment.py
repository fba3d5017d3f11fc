"""`statewright experiment`: the variants of a split side by side."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from service.cli.insight import period
from service.cli.options import Span, timestamp
from service.cli.session import Session, Verb, pass_session


@click.command(cls=Verb)
@click.argument("key")
@click.option("--step", default="", help="The split. Default: the only one of the version.")
@click.option("--version", type=click.IntRange(min=1), help="Default: the active one, else the latest.")
@click.option("--goal", default="", help="Only this goal. Default: any.")
@click.option(
    "--goal-event", default="", metavar="TYPE", help="Count contacts with such an event, whatever their run did."
)
@click.option("--within", type=Span(), help="With --goal-event: at most so long after, such as 7d.")
@click.option("--control", default="", help="What the others are compared with. Default: `control`, else the first.")
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@period
@pass_session
def experiment(
    session: Session,
    within: float | None,
    since: datetime | None,
    until: datetime | None,
    **given: Any,
) -> None:
    """Compare the variants of a split: who converted, and whether the difference is more than chance."""
    from google.protobuf.duration_pb2 import Duration
    from statewright.v1 import ExperimentRequest

    from service.cli.output import note, print_json, print_table
    from service.cli.shapes import plain

    request = ExperimentRequest(
        **given,
        within=None if within is None else Duration(seconds=int(within), nanos=int(within % 1 * 1e9)),
        start_time_from=timestamp(since),
        start_time_before=timestamp(until),
    )
    shape = plain(session.call(session.client.workflows.Experiment, request))
    if session.json:
        print_json(shape)
        return
    note(f"{shape['step']} of {given['key']}, version {shape['version']}, {shape['confidence']:.1%} confidence")
    print_table(
        ("variant", "share", "entered", "converted", "rate", "between", "lift", "difference", "p", "", "goals"),
        [_row(variant) for variant in shape["variants"]],
        empty="no variants",
    )
    if shape["shares_p_value"] is not None:
        note(f"do the numbers fit the shares? p = {shape['shares_p_value']:.3g}")
    for warning in shape["warnings"]:
        note(f"! {warning}")


def _row(variant: Mapping[str, Any]) -> tuple[Any, ...]:
    rate, difference = variant["rate_interval"], variant["difference_interval"]
    lift, p_value = variant["lift"], variant["p_value"]
    told = "control" if variant["control"] else "significant" if variant["significant"] else ""
    return (
        f"{variant['variant']} (removed)" if variant["removed"] else variant["variant"],
        f"{variant['share'] / 100:g} %",
        variant["entered"],
        variant["converted"],
        f"{variant['rate']:.1%}",
        f"{rate['low']:.1%} to {rate['high']:.1%}",
        "" if lift is None else f"{lift:+.1%}",
        "" if difference is None else f"{difference['low']:+.1%} to {difference['high']:+.1%}",
        "" if p_value is None else f"{p_value:.3g}",
        told,
        ", ".join(f"{goal['count']} {goal['name']}" for goal in variant["goals"]),
    )
