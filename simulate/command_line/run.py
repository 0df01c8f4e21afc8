"""`python -m simulate run`: one network in time ([HH] Figs. 1–3, 7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from meanfield import parameters, seeds, transfer_function
from meanfield.schedule import Schedule, breakpoints
from meanfield.transfer import Array

from .. import figures
from ..integration import integrate
from ..integration.stepping import step_times
from .options import (
    KINDS,
    make_couplings,
    method_options,
    network_options,
    output_option,
    results,
    schedule,
)

_GAIN = 3.0


@click.command()
@network_options(1000, _GAIN, KINDS)
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
    help="T, written like kappa.",
)
@click.option("--t-max", type=float, default=300.0, show_default=True, help="Duration.")
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
    g: float | None,
    gamma: float | None,
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
    J, noted = make_couplings(kind, n, g, gamma, seed, default=_GAIN)
    t_max, dt = parameters.positive("t_max", t_max), parameters.positive("dt", dt)
    save_every = parameters.positive("save_every", save_every)
    times: Array
    if callable(temperature) or temperature > 0:
        # Noisy runs are known at their steps only.
        segments = breakpoints(t_max, onsager, temperature)
        times = step_times(segments, dt, max(1, round(save_every / dt)))
    else:
        count = int(np.ceil(t_max / save_every - 1e-9))
        times = np.append(save_every * np.arange(count, dtype=np.float64), t_max)
    function = transfer_function(phi)
    before: list[Any] = []

    def displacement(t: float, x: Any, f: Any) -> Any:
        """|φ(t) − φ(t − Δ)|²/N since the last saved time: [HH] Eq. 11 per neuron."""
        now = function(x)
        last = before.pop() if before else now
        before.append(now)
        return np.mean((now - last) ** 2)

    observables: dict[str, Any] = {
        "activity": lambda t, x, f: x[:neurons],
        "freezing": displacement,
    }
    with results(output) as save:
        trajectory = integrate(
            J,
            seeds.generator(seed, "start").standard_normal(n),
            t_max=t_max,
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
            seed=seed,
            threads=threads,
            progress=True,
        )
        data = trajectory.to_dataset().rename(activity_0="neuron", activity="x")
        data.attrs |= noted
        data["onsager"] = (
            "t",
            [onsager(float(t)) if callable(onsager) else onsager for t in times],
        )
        save("run", data, figures.run(data))
    steps = f"{trajectory.n_steps} steps of '{trajectory.method}'"
    click.echo(
        f"{trajectory.status}\n"
        f"  E/N               {trajectory.energy[0]:.4g} -> {trajectory.energy[-1]:.4g}\n"
        f"  Q/N per {save_every:g}      {data.freezing.values[1]:.4g} -> "
        f"{data.freezing.values[-1]:.4g}\n"
        f"  steps             {steps}, {trajectory.n_evaluations} evaluations\n"
        f"  stiffness         {trajectory.stiffness:.4g} "
        f"(largest stable step {trajectory.largest_stable_dt:.3g})"
    )
    return 0
