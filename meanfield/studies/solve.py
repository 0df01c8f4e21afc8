"""`solve`: the replica theory at one point, printed."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from ..common.cli import json_text, plain_options, version_option
from ..replica import SaddlePoint, saddle_point


def point(
    *,
    g: float,
    gamma: float = 0.0,
    beta: float = np.inf,
    branch: str = "stable",
    sheet: str | None = None,
    phi: str = "tanh",
    eta: float = 0.0,
    tol: float = 1e-10,
) -> SaddlePoint:
    """`saddle_point` of numbers, on the stable branch if not told otherwise.

    Parameters
    ----------
    beta : float
        Inverse temperature.
    branch : {"static", "paramagnetic", "ordered", "stable"}
        Solution, as in `saddle_point`.
    sheet : {"cooled", "null"}
        Of the paramagnetic branch for γ < 0.  [default: cooled]
    eta : float
        Confinement, needs finite β; not on the static branch.
    tol : float
        Largest residual that counts as converged.
    """
    if sheet is not None and branch != "paramagnetic":
        raise click.UsageError("--sheet needs --branch paramagnetic")
    return saddle_point(
        g, gamma, beta=beta, branch=branch, sheet=sheet or "cooled", phi=phi, eta=eta, tol=tol
    )


def _print(as_json: bool, **options: Any) -> None:
    found = point(**options)
    click.echo(_json(found) if as_json else _table(found))


def _table(found: SaddlePoint) -> str:
    told = found.to_dataset().drop_vars(["branch_of", "sheet_of", "status", "reason"]).data_vars
    head = ", ".join(f"{name} = {getattr(found, name):g}" for name in ("g", "gamma", "beta", "eta"))
    head += f", phi = {found.attributes['phi']}, {found.branch_of} branch"
    lines = [head + (f", {found.sheet_of} sheet" if found.sheet_of else "")]
    for name, variable in told.items():
        value = variable.values[()]
        shown = f"{value:.12g}" if isinstance(value, np.floating) else str(value)
        lines.append(f"  {name:<17} {shown:<20} {variable.attrs['long_name']}")
    return "\n".join(lines)


def _json(found: SaddlePoint) -> str:
    data = found.to_dataset()
    values = {name: variable.values[()] for name, variable in data.variables.items()}
    return json_text({**values, **data.attrs})


solve = version_option(
    click.Command(
        "solve",
        params=[
            *plain_options(point),
            click.Option(["--json", "as_json"], is_flag=True, help="One JSON object."),
        ],
        callback=_print,
        help="Replica order parameters at one point.",
        short_help="Replica theory at one point, printed.",
    )
)
