"""`solve`: the replica theory at one point, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..common.cli import (
    JSON,
    failed,
    library_warnings,
    plain_options,
    print_json,
    verdict,
    version_option,
)
from ..replica.solver import SaddlePoint, saddle_point

if TYPE_CHECKING:
    import xarray as xr


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
    how: dict[str, Any] = {"branch": branch, "sheet": sheet or "cooled", "phi": phi}
    return saddle_point(g, gamma, beta=beta, eta=eta, tol=tol, throw=False, **how)


def _print(as_json: bool, **options: Any) -> int:
    with library_warnings() as told:
        data = point(**options).to_dataset()
        code = verdict([data], told)
    facts = {str(k): v.values.item() for k, v in data.variables.items()} | data.attrs
    if as_json:
        print_json(facts | failed(code, told))
    else:
        click.echo(_table(data))
    return code


def _table(data: xr.Dataset) -> str:
    head = [f"{name} = {data[name].item():g}" for name in ("g", "gamma", "beta", "eta")]
    kind = f"{data.branch_of.item()} branch" if data.branch_of.item() else ""
    sheet = f"{data.sheet_of.item()} sheet" if data.sheet_of.item() else ""
    lines = [", ".join(filter(None, [*head, f"phi = {data.attrs['phi']}", kind, sheet]))]
    for name, values in data.data_vars.items():
        if name not in ("branch_of", "sheet_of"):
            value = values.item()
            shown = f"{value:.12g}" if isinstance(value, float) else str(value)
            lines += [f"  {name:<17} {shown:<20} {values.attrs['long_name']}"] * bool(shown)
    return "\n".join(lines)


solve = version_option(
    click.Command(
        "solve",
        params=[*plain_options(point), JSON],
        callback=_print,
        help="Replica order parameters at one point.",
        short_help="Replica theory at one point, printed.",
    )
)
