"""`python -m meanfield freezing`: chaos under the Onsager-reaction force ([HH] Figs. 1–3)."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
import xarray as xr

from .. import figures
from ..dmft import freezing_curve
from ..dmft.two_time.solver import BIASES
from ..shell import output_option, results
from ..transfer import Array
from .options import given, phi_option, range_option, sampler_options

_QUICK: dict[str, Any] = {
    "n_trajectories": 7680,
    "batches": 3,
    "t_chaos": 8.0,
    "t_frozen": 6.0,
}


@click.command(short_help="Chaos frozen by the Onsager-reaction force, figures 1-3 of [HH].")
@range_option("--g", "1.5,2,4", "Gains, START:STOP:COUNT or a,b,c, increasing.")
@range_option("--onsager", "0.1,0.2,0.3,0.5,0.7,1", "kappa after the switch, likewise.")
@click.option("--gamma", type=float, default=0.0, show_default=True, help="Coupling symmetry.")
@click.option("--quick", is_flag=True, help="Short runs of few trajectories: a rough picture.")
@click.option(
    "--t-chaos", type=float, help="Vanilla dynamics before the switch; 0 for none.  [default: 40]"
)
@click.option("--t-frozen", type=float, help="Time after the switch.  [default: 20]")
@click.option("--dt", type=float, help="Step.  [default: safe for each g and kappa]")
@click.option("--x0-std", type=float, help="Standard deviation of x(0).  [default: 1]")
@click.option(
    "--bias",
    type=click.Choice(BIASES),
    default="report",
    show_default=True,
    help="Of finite batches.",
)
@sampler_options()
@phi_option()
@output_option("freezing")
def freezing(
    g: Array,
    onsager: Array,
    gamma: float,
    quick: bool,
    t_chaos: float | None,
    t_frozen: float | None,
    dt: float | None,
    x0_std: float | None,
    bias: str,
    trajectories: int | None,
    batches: int | None,
    seed: int,
    workers: int | None,
    phi: str,
    output: Path,
) -> int:
    """Vanilla chaos, then the Onsager-reaction force with factor kappa, N → ∞.

    Energy, overlap with the state at the switch and freezing measures ([HH] Eq. 11) against the
    time since then, for each g and kappa.  The default takes some minutes, --quick 20 seconds.
    """
    controls = _QUICK if quick else {}
    controls = controls | given(
        t_chaos=t_chaos,
        t_frozen=t_frozen,
        dt=dt,
        x0_std=x0_std,
        n_trajectories=trajectories,
        batches=batches,
        workers=workers,
    )
    with results(output) as save:
        data = freezing_curve(
            g, onsager, gamma=gamma, phi=phi, bias=bias, seed=seed, progress=True, **controls
        )
        save("freezing", data, figures.freezing(data))
    click.echo(_table(data))
    if np.all(np.isnan(data.final_overlap)):
        click.echo(f"error: no point has a solution: {data.status.values[0, 0]}", err=True)
        return 1
    return 0


def _table(data: xr.Dataset) -> str:
    lines = [
        f"gamma = {data.attrs['gamma']:g}, {float(data.t[-1]):g} after the switch:",
        "     g  kappa   E/N                     overlap             -dlnE/dln(t)",
    ]
    for gain, factor in product(data.g.values, data.onsager.values):
        row = data.sel(g=gain, onsager=factor)
        energy, error = float(row.energy[-1]), float(row.energy_err[-1])
        overlap = f"{float(row.final_overlap):.4f} ± {float(row.final_overlap_err):.1e}"
        exponent = float(row.decay_exponent)
        decay = "-" if np.isnan(exponent) else f"{exponent:.3f} ± {row.decay_exponent_err:.3f}"
        status = row.status.item()
        cells = f"{gain:6g} {factor:6g}   {energy:.4e} ± {error:.1e}   {overlap:<18}  {decay:<15}"
        lines.append(f"{cells} {'' if status == 'ok' else status}".rstrip())
    return "\n".join(lines)
