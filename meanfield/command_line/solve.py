"""`python -m meanfield solve`: the replica theory at one point."""

from __future__ import annotations

import json

import click
import numpy as np

from ..provenance import provenance
from ..replica import SaddlePoint, saddle_point
from ..replica.solution import DESCRIPTIONS
from ..replica.solver import BRANCHES
from .options import check_sheet, replica_options


@click.command(short_help="Replica theory at one point, printed.")
@click.option("--g", type=float, required=True, help="Gain.")
@click.option("--gamma", type=float, default=0.0, show_default=True, help="Coupling symmetry.")
@click.option("--beta", type=float, default=np.inf, show_default=True, help="Inverse temperature.")
@click.option("--branch", type=click.Choice(BRANCHES), default="stable", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, non-finite as strings.")
@replica_options()
def solve(
    g: float,
    gamma: float,
    beta: float,
    branch: str,
    as_json: bool,
    phi: str,
    eta: float,
    sheet: str | None,
    tol: float,
) -> None:
    """Replica order parameters at one point."""
    check_sheet(sheet, [branch])
    point = saddle_point(
        g, gamma, beta=beta, branch=branch, sheet=sheet or "cooled", phi=phi, eta=eta, tol=tol
    )
    click.echo(_json(point) if as_json else _table(point))


def _table(point: SaddlePoint) -> str:
    head = (
        f"g = {point.g:g}, gamma = {point.gamma:g}, beta = {point.beta:g}, eta = {point.eta:g}, "
        f"phi = {point.attributes['phi']}, {point.branch_of} branch"
        + (f", {point.sheet_of} sheet" if point.sheet_of else "")
    )
    lines = [head]
    for name, text in DESCRIPTIONS.items():
        value = getattr(point, name)[()]
        if name in ("branch_of", "sheet_of", "reason"):
            continue
        shown = f"{value:.12g}" if isinstance(value, np.floating) else str(value)
        lines.append(f"  {name:<17} {shown:<20} {text}")
    return "\n".join(lines)


def _json(point: SaddlePoint) -> str:
    names = ("g", "gamma", "beta", "eta", *DESCRIPTIONS)
    values = {name: getattr(point, name)[()].item() for name in names}
    clean = {
        name: str(value) if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in values.items()
    }
    return json.dumps({**clean, **point.attributes, **provenance()}, indent=1)
