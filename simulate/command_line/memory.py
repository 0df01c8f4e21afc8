"""`python -m simulate memory`: recall and forecast of a stimulus ([HH] Fig. 9)."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import xarray as xr
from tqdm import tqdm

from meanfield.provenance import provenance
from meanfield.shell import axis
from meanfield.transfer import Array

from .. import figures
from ..couplings import elliptic
from ..reservoir import memory_curve
from .options import (
    chain,
    common_options,
    duration_options,
    method_options,
    output_option,
    results,
    sweep_options,
)


@click.command()
@sweep_options(300, "1,2,4,8", 1)
@click.option(
    "--tau",
    callback=axis,
    metavar="RANGE",
    default="0:50:26",
    show_default=True,
    help="Delays, START:STOP:COUNT or a,b,c.",
)
@click.option(
    "--task",
    type=click.Choice(["recall", "forecast"]),
    default="recall",
    show_default=True,
    help="S(t - tau) or S(t + tau) from x(t).",
)
@click.option(
    "--formula",
    type=click.Choice(["ridge", "printed"]),
    default="ridge",
    show_default=True,
    help="Regularised with a held-out score, or [HH] Eq. 21 as printed.",
)
@duration_options(1000.0, 100.0)
@method_options(0.05)
@chain(common_options())
@output_option("memory")
def memory(
    n: int,
    g: Array,
    gamma: float,
    onsager: Array,
    tau: Array,
    task: str,
    formula: str,
    t_max: float,
    t_skip: float,
    trials: int,
    method: str,
    dt: float,
    tol: float,
    phi: str,
    seed: int,
    threads: int | None,
    output: Path,
) -> int:
    """Memory function m(tau) of driven networks, vanilla and gradient flow."""
    shape = (len(onsager), len(g), trials)
    m = np.empty((*shape, len(tau)))
    rank = np.empty(shape, dtype=int)
    used = set()
    with results(output) as save:
        for index in tqdm(list(np.ndindex(shape)), desc="memory", disable=None):
            row, column, trial = index
            curve = memory_curve(
                elliptic(n, float(g[column]), gamma, seed=seed + trial),
                tau,
                onsager=float(onsager[row]),
                task=task,
                formula=formula,
                t_max=t_max,
                t_skip=t_skip,
                dt=dt,
                method=method,
                tol=tol,
                phi=phi,
                seed=seed + trial,
                threads=threads,
            )
            m[index], rank[index] = curve.m, curve.rank
            used.add(curve.attributes["method"])
        data = xr.Dataset(
            {
                "m": (("onsager", "g", "trial", "tau"), m, {"long_name": "memory function"}),
                "rank": (("onsager", "g", "trial"), rank, {"long_name": "rank of X^T X"}),
            },
            {"onsager": onsager, "g": g, "tau": tau},
            {
                "n": n,
                "gamma": gamma,
                "task": task,
                "formula": formula,
                "t_max": t_max,
                "t_skip": t_skip,
                "dt": dt,
                "tol": tol,
                "method": ", ".join(sorted(used)),
                "phi": phi,
                "seed": str(seed),
                **provenance(),
            },
        )
        save("memory", data, figures.memory(data))
    click.echo(f"kappa      g   rank of {n}   m at tau = {', '.join(f'{t:g}' for t in _few(tau))}")
    chosen = [int(np.argmin(np.abs(tau - t))) for t in _few(tau)]
    for row, kappa in enumerate(onsager):
        for column, gain in enumerate(g):
            shown = ", ".join(f"{m[row, column, :, k].mean():.3f}" for k in chosen)
            click.echo(f"{kappa:5g} {gain:6g} {rank[row, column].mean():12.0f}   {shown}")
    return 0


def _few(tau: Array) -> Array:
    return tau[np.unique(np.linspace(0, len(tau) - 1, 4).astype(int))]
