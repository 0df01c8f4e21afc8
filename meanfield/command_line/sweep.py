"""`python -m meanfield sweep`: the replica theory on a grid ([QH] Figs. 3 and 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import xarray as xr

from .. import figures
from ..grids import phase_diagram
from ..output import staged_directory
from ..replica.solver import BRANCHES
from ..shell import output_option
from ..transfer import Array
from .options import check_sheet, positive, range_option, replica_options


@click.command(short_help="Replica theory across (g, γ), figures 3 and 5 of [QH].")
@range_option("--g", "0.4:1.2:81", "Gains, START:STOP:COUNT or a,b,c.")
@range_option("--gamma", "-0.2:1.0:13", "Coupling symmetries, likewise.")
@click.option(
    "--beta",
    type=float,
    default=np.inf,
    show_default=True,
    callback=positive,
    help="Inverse temperature; the static branch is always at beta = inf.",
)
@click.option(
    "--branch",
    "branches",
    type=click.Choice(BRANCHES),
    multiple=True,
    default=("static", "paramagnetic"),
    show_default=True,
    help="May be given several times.",
)
@output_option("phase-diagram")
@replica_options()
def sweep(
    g: Array,
    gamma: Array,
    beta: float,
    branches: Sequence[str],
    output: Path,
    phi: str,
    eta: float,
    sheet: str | None,
    tol: float,
) -> int:
    """Replica order parameters across (g, γ) ([QH] Figs. 3, 5)."""
    check_sheet(sheet, branches)
    with staged_directory(output) as folder:
        grids = {}
        for branch in dict.fromkeys(branches):
            grids[branch] = phase_diagram(
                g,
                gamma,
                branch=branch,
                beta=np.inf if branch == "static" else beta,
                sheet=sheet or "cooled",
                phi=phi,
                eta=0.0 if branch == "static" else eta,
                tol=tol,
                progress=True,
            )
        for branch, grid in grids.items():
            grid.to_netcdf(folder / f"{branch}.nc", engine="scipy")
        for name, draw in (
            ("order-parameters.png", figures.order_parameters),
            ("fluctuation-response.png", figures.fluctuation_response),
        ):
            draw(list(grids.values())).savefig(folder / name, dpi=150)
    for branch, grid in grids.items():
        click.echo(_summary(branch, grid))
    empty = [branch for branch, grid in grids.items() if not grid.converged.any()]
    click.echo(f"wrote {', '.join(f'{b}.nc' for b in grids)} and 2 figures to {output}")
    if empty:
        click.echo(f"error: no point converged on branch {', '.join(empty)}", err=True)
        return 1
    return 0


def _summary(branch: str, grid: xr.Dataset) -> str:
    converged = grid.converged.values
    beta = grid.attrs["beta"]
    lines = [f"{branch} branch, beta = {beta:g}: {converged.sum()} of {converged.size} converged"]
    if converged.any():
        residual = np.where(converged, grid.residual.values, -1.0)
        row, column = np.unravel_index(np.argmax(residual), residual.shape)
        place = f"g = {grid.g.values[column]:g}, gamma = {grid.gamma.values[row]:g}"
        unstable = int(np.sum(converged & ~grid.stable.values))
        lines += [
            f"  worst residual          {residual.max():.1e} at {place}",
            f"  worst quadrature error  {np.nanmax(grid.quadrature_error.values):.1e}",
            f"  unstable                {unstable}",
        ]
    reasons = Counter(grid.reason.values[~converged].ravel().tolist())
    lines += [f"  {count} not converged: {text}" for text, count in reasons.most_common()]
    return "\n".join(lines)
