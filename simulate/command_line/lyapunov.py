"""`python -m simulate lyapunov`: largest exponents against the gain ([HH] Fig. 2b)."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import xarray as xr
from tqdm import tqdm

from meanfield.provenance import provenance
from meanfield.transfer import Array

from .. import figures
from ..couplings import elliptic
from ..lyapunov import ALGORITHMS, maximal_lyapunov
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
@sweep_options(1000, "1,2,4,6,8,10,12", 5)
@duration_options(100.0, 20.0)
@click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    default="tangent",
    show_default=True,
    help="Tangent map, or [HH] Algorithm 1.",
)
@method_options(0.05)
@chain(common_options())
@output_option("lyapunov")
def lyapunov(
    n: int,
    g: Array,
    gamma: float,
    onsager: Array,
    trials: int,
    t_max: float,
    t_skip: float,
    algorithm: str,
    method: str,
    dt: float,
    tol: float,
    phi: str,
    seed: int,
    threads: int | None,
    output: Path,
) -> int:
    """Largest Lyapunov exponent against g, mean and spread over couplings.

    The defaults are the scale of [HH] Fig. 2b and take some minutes; the printed integration is
    --method euler --dt 0.01 --algorithm orbit_separation.
    """
    shape = (len(onsager), len(g), trials)
    value, error, rises, rate = (np.empty(shape) for _ in range(4))
    used = set()
    unstable = np.zeros(shape, dtype=bool)
    with results(output) as save:
        for index in tqdm(list(np.ndindex(shape)), desc="lyapunov", disable=None):
            row, column, trial = index
            found = maximal_lyapunov(
                elliptic(n, float(g[column]), gamma, seed=seed + trial),
                onsager=float(onsager[row]),
                dt=dt,
                t_max=t_max,
                t_skip=t_skip,
                method=method,
                algorithm=algorithm,
                tol=tol,
                phi=phi,
                seed=seed + trial,
                threads=threads,
            )
            value[index], error[index] = found.value, found.stderr
            rises[index], unstable[index] = found.energy_rise_fraction, bool(found.warnings)
            rate[index] = found.stiffness
            used.add(found.method)
        data = xr.Dataset(
            {
                "lyapunov": (("onsager", "g", "trial"), value, {"long_name": "lambda_max"}),
                "stderr": (("onsager", "g", "trial"), error),
                "energy_rise_fraction": (("onsager", "g", "trial"), rises),
                "stiffness": (("onsager", "g", "trial"), rate),
                "unstable_step": (("onsager", "g", "trial"), unstable),
            },
            {"onsager": onsager, "g": g},
            {
                "n": n,
                "gamma": gamma,
                "t_max": t_max,
                "t_skip": t_skip,
                "dt": dt,
                "tol": tol,
                "method": ", ".join(sorted(used)),
                "algorithm": algorithm,
                "phi": phi,
                "seed": str(seed),
                **provenance(),
            },
        )
        save("lyapunov", data, figures.lyapunov(data))
    click.echo("kappa      g   lambda  +- spread over couplings")
    for row, kappa in enumerate(onsager):
        for column, gain in enumerate(g):
            spread = np.std(value[row, column], ddof=1) if trials > 1 else error[row, column, 0]
            flag = "   step too long" if unstable[row, column].any() else ""
            mean = np.mean(value[row, column])
            click.echo(f"{kappa:5g} {gain:6g} {mean:8.4f}  +- {spread:.4f}{flag}")
    return 0
