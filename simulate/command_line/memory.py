"""`python -m simulate memory`: recall and forecast of a stimulus ([HH] Fig. 9)."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from meanfield import parameters
from meanfield.shell import axis
from meanfield.transfer import Array

from .. import figures
from ..reservoir import memory_sweep
from .options import (
    chain,
    common_options,
    duration_options,
    method_options,
    output_option,
    results,
    sweep_options,
)

_SAMPLE_EVERY = 0.5


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
@chain(common_options(threads="1"))
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
    with results(output) as save:
        # Samples at half a time unit, as in `memory_curve`.
        window = parameters.positive("t_max - t_skip", t_max - t_skip)
        sweep = memory_sweep(
            n,
            g,
            tau,
            seed=[seed + trial for trial in range(trials)],
            gamma=gamma,
            onsager=onsager,
            tasks=[task],
            t_skip=t_skip,
            windows=[window],
            samples=round(window / _SAMPLE_EVERY),
            formula=formula,
            method=method,
            dt=dt,
            tol=tol,
            phi=phi,
            threads=threads,
        )
        facts = {"task": task, "t_max": t_max, "seed": str(seed)}
        data = sweep.isel(window=0, task=0, drop=True).assign_attrs(facts)
        save("memory", data, figures.memory(data))
    click.echo(f"kappa      g   rank of {n}   m at tau = {', '.join(f'{t:g}' for t in _few(tau))}")
    chosen = [int(np.argmin(np.abs(tau - t))) for t in _few(tau)]
    for row, kappa in enumerate(onsager):
        for column, gain in enumerate(g):
            part = data.isel(onsager=row, g=column)
            m, rank = part.m.mean("trial"), float(part["rank"].mean())
            shown = ", ".join(f"{float(m[k]):.3f}" for k in chosen)
            click.echo(f"{kappa:5g} {gain:6g} {rank:12.0f}   {shown}")
    return 0


def _few(tau: Array) -> Array:
    return tau[np.unique(np.linspace(0, len(tau) - 1, 4).astype(int))]
