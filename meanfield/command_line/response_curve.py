"""`python -m meanfield response-curve`: C and R_int against the gain ([QH] Fig. 4)."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
import xarray as xr

from .. import figures
from ..dmft import response_curve as solve_curve
from ..dmft.response_curve import static_lines
from ..shell import output_option, results
from ..transfer import Array
from .options import given, phi_option, range_option, sampler_options

_QUICK: dict[str, Any] = {
    "n_trajectories": 4096,
    "batches": 2,
    "t_skip": 20.0,
    "t_max": 60.0,
    "window": 20.0,
}


@click.command("response-curve", short_help="C and R_int against g, figure 4 of [QH].")
@range_option("--g", "0.5:1.1:13", "Gains, START:STOP:COUNT or a,b,c.")
@range_option("--gamma", "0,0.2,0.5", "Coupling symmetries, likewise.")
@click.option("--quick", is_flag=True, help="Short averages of few trajectories: a rough picture.")
@click.option("--t-max", type=float, help="Duration.  [default: 360]")
@click.option("--t-skip", type=float, help="Not averaged.  [default: 120]")
@click.option("--dt", type=float, help="Step.  [default: 0.2]")
@click.option(
    "--window", type=float, help="Time after which the past is forgotten.  [default: 120]"
)
@sampler_options()
@phi_option()
@output_option("response-curve")
def response_curve(
    g: Array,
    gamma: Array,
    quick: bool,
    t_max: float | None,
    t_skip: float | None,
    dt: float | None,
    window: float | None,
    trajectories: int | None,
    batches: int | None,
    seed: int,
    workers: int | None,
    phi: str,
    output: Path,
) -> int:
    """C and R_int of the steady state against g ([QH] Fig. 4).

    Closed forms up to the critical gain 1/(1 + gamma), deterministic at gamma = 0, sampled
    elsewhere (10 minutes on two cores by default), beside the static branch of the replica theory.
    """
    controls = _QUICK if quick else {}
    controls = controls | given(
        t_max=t_max,
        t_skip=t_skip,
        dt=dt,
        window=window,
        n_trajectories=trajectories,
        batches=batches,
        workers=workers,
    )
    with results(output) as save:
        data = solve_curve(g, gamma, phi=phi, seed=seed, progress=True, **controls)
        data = static_lines(data, phi)
        save("response-curve", data, figures.response_curve(data))
    click.echo(_table(data))
    if np.all(np.isnan(data.q)):
        click.echo(f"error: no point has a solution: {data.reason.values[0, 0]}", err=True)
        return 1
    return 0


def _table(data: xr.Dataset) -> str:
    lines = ["gamma      g   C = q                 R_int                 method"]
    for gamma, gain in product(data.gamma.values, data.g.values):
        row = data.sel(gamma=gamma, g=gain)
        cells = [
            f"{float(row[name]):.5f} ± {float(row[f'{name}_err']):.1e}" for name in ("q", "r_int")
        ]
        flag = "" if bool(row.converged) else f"   {row.reason.item()}"
        lines.append(
            f"{gamma:5g} {gain:6g}   {cells[0]:<21} {cells[1]:<21} {row.method.item()}{flag}"
        )
    return "\n".join(lines)
