"""`python -m simulate run`: one network in time ([HH] Figs. 1–3, 7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import figures
from ..integration import integrate
from ..schedule import Schedule
from .options import (
    make_couplings,
    method_options,
    network_options,
    output_option,
    results,
    schedule,
)


@click.command()
@network_options(1000, 3.0)
@click.option(
    "--onsager",
    default="0,1@100",
    show_default=True,
    callback=schedule,
    metavar="SCHEDULE",
    help="kappa: a number, or VALUE,VALUE@TIME,...: 0,1@100 switches the gradient flow on.",
)
@click.option(
    "--temperature",
    default="0",
    show_default=True,
    callback=schedule,
    metavar="SCHEDULE",
    help="T, likewise.",
)
@click.option("--t-max", type=float, default=300.0, show_default=True)
@method_options(0.05)
@click.option("--eta", type=float, default=0.0, show_default=True, help="Confinement.")
@click.option(
    "--save-every", type=float, default=0.5, show_default=True, help="Time between saved points."
)
@click.option(
    "--neurons",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="How many neurons to save and draw.",
)
@output_option("run")
def run(
    kind: str,
    n: int,
    g: float,
    gamma: float,
    phi: str,
    seed: int,
    threads: int | None,
    onsager: Schedule,
    temperature: Schedule,
    t_max: float,
    method: str,
    dt: float,
    tol: float,
    eta: float,
    save_every: float,
    neurons: int,
    output: Path,
) -> int:
    """Integrate one network: activity, kinetic energy and freezing in time."""
    J = make_couplings(kind, n, g, gamma, seed)
    x0 = np.random.default_rng(seed + 1).standard_normal(n)
    noisy = callable(temperature) or temperature > 0
    if noisy:
        # Noisy runs are known at their steps only.
        save_every = dt * max(1, round(save_every / dt))
    count = max(1, int(np.floor(t_max / save_every + 1e-9)))
    times = save_every * np.arange(count + 1)
    observables: dict[str, Any] = {"activity": lambda t, x, f: x[:neurons]}
    with results(output) as save:
        trajectory = integrate(
            J,
            x0,
            t_max=float(times[-1]),
            dt=dt,
            onsager=onsager,
            temperature=temperature,
            method=method,
            tol=tol,
            save_at=times,
            store_states=False,
            observables=observables,
            eta=eta,
            phi=phi,
            seed=seed + 2,
            threads=threads,
            progress=True,
        )
        data = trajectory.to_dataset().rename(activity_0="neuron", activity="x")
        data.attrs |= {"couplings": kind, "g": g, "gamma": gamma, "coupling_seed": seed}
        data["onsager"] = ("t", [onsager(t) if callable(onsager) else onsager for t in times])
        save("run", data, figures.run(data))
    steps = f"{trajectory.n_steps} steps of '{trajectory.method}'"
    click.echo(
        f"{trajectory.status}\n"
        f"  E/N               {trajectory.energy[0]:.4g} -> {trajectory.energy[-1]:.4g}\n"
        f"  steps             {steps}, {trajectory.n_evaluations} evaluations\n"
        f"  stiffness         {trajectory.stiffness:.4g} "
        f"(largest stable step {trajectory.largest_stable_dt:.3g})"
    )
    return 0
