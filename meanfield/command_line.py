"""`python -m meanfield`: phase diagrams and single points from the shell."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import xarray as xr

from . import figures
from .grids import phase_diagram
from .output import staged_directory
from .provenance import provenance
from .replica import NotConvergedError, SaddlePoint, saddle_point
from .replica.solution import DESCRIPTIONS
from .replica.solver import BRANCHES, SHEETS
from .shell import CONTEXT, axis, run
from .transfer import NAMES, Array


def _check_sheet(sheet: str | None, branches: Sequence[str]) -> None:
    if sheet is not None and "paramagnetic" not in branches:
        raise click.UsageError("--sheet needs --branch paramagnetic")


def _positive(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if not value > 0:
        raise click.BadParameter(f"{value:g}: must be positive", ctx, param)
    return value


_SHARED: list[Callable[[Any], Any]] = [
    click.option("--phi", type=click.Choice(NAMES), default="tanh", show_default=True),
    click.option(
        "--eta",
        type=float,
        default=0.0,
        show_default=True,
        help="Confinement, needs finite beta; not on the static branch.",
    ),
    click.option(
        "--sheet",
        type=click.Choice(SHEETS),
        help="Of the paramagnetic branch for gamma < 0; default cooled.",
    ),
    click.option(
        "--tol",
        type=float,
        default=1e-10,
        show_default=True,
        callback=_positive,
        help="Largest residual that counts as converged.",
    ),
]


def _shared(function: Any) -> Any:
    for option in reversed(_SHARED):
        function = option(function)
    return function


@click.group(context_settings=CONTEXT)
def cli() -> None:
    """Replica theory of the quasi-potential E = |f|²/2 of random recurrent networks."""


@cli.command()
@click.option(
    "--g",
    callback=axis,
    metavar="RANGE",
    default="0.4:1.2:81",
    show_default=True,
    help="Gains, START:STOP:COUNT or a,b,c.",
)
@click.option(
    "--gamma",
    callback=axis,
    metavar="RANGE",
    default="-0.2:1.0:13",
    show_default=True,
    help="Coupling symmetries, likewise.",
)
@click.option(
    "--beta",
    type=float,
    default=np.inf,
    show_default=True,
    callback=_positive,
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
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results/phase-diagram"),
    show_default=True,
    help="Directory for the dataset and the figures.",
)
@_shared
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
    """Order parameters across (g, γ): dataset, figures and a summary table."""
    _check_sheet(sheet, branches)
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


@cli.command()
@click.option("--g", type=float, required=True, help="Gain.")
@click.option("--gamma", type=float, default=0.0, show_default=True, help="Coupling symmetry.")
@click.option("--beta", type=float, default=np.inf, show_default=True, help="Inverse temperature.")
@click.option("--branch", type=click.Choice(BRANCHES), default="stable", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, non-finite as strings.")
@_shared
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
    """Order parameters at one point."""
    _check_sheet(sheet, [branch])
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2 bad input, 1 no solution)."""
    return run(cli, arguments, program="python -m meanfield", failures=(NotConvergedError,))
