"""[HH] Fig. 7: E–I networks with the Onsager-reaction force switched on and off again."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from meanfield import Switching, seeds

from ...couplings import PAPER_SETS, dale
from ...integration import integrate
from ...lyapunov import maximal_lyapunov
from ...observables import freezing, state_at
from ...parallel import in_parallel
from ...stability import stiffness
from ..definition import CONVERGED, PRINTED, PaperFigure
from ..grids import gathered
from .excitation_caption import caption, matrices
from .protocol import steps, steps_text, unstable

# The leak sets the vanilla time scale; the exponent is read off by converged steps.
_LYAPUNOV_STEP, _SKIPPED_SHARE = 0.1, 0.25
_SPAN_PARTS = 4
# Below, E is rounding.
_LOWEST_ENERGY = 1e-16


def compute(
    *,
    n: int,
    n_trials: int,
    t_phase: float,
    t_lyapunov: float,
    n_shown: int,
    save_every: float,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Activity, E and how far φ moves in the three phases, κ = 0, 1, 0, of each network."""
    jobs = [
        partial(_run, n, name, t_phase, t_lyapunov, save_every, variant, seed, trial)
        for name in PAPER_SETS
        for trial in range(n_trials)
    ]
    found = list(in_parallel(jobs, workers, label="hh7", progress=progress))
    shown = np.linspace(0, n - 1, min(n_shown, n)).astype(int)
    axes = {"network": len(PAPER_SETS), "trial": n_trials}

    def variable(name: str, text: str, *more: str) -> tuple[Any, ...]:
        return (*gathered(axes, [job[name] for job in found], *more), {"long_name": text})

    moved = "|phi(x(t)) - phi(x(t'))|^2/N over the last quarter of the phase"
    exponent = "largest exponent of the vanilla dynamics, same steps for every variant"
    return xr.Dataset(
        {
            "x": (
                ("network", "t", "neuron"),
                np.array([job["x"][:, shown] for job in found[::n_trials]]),
                {"long_name": "synaptic current of evenly spaced neurons, first couplings"},
            ),
            "energy": variable("energy", "E/N", "t"),
            "moved": variable("moved", moved, "phase"),
            "activity": variable("activity", "mean of phi^2 at the end of the phase", "phase"),
            "stiffness": variable("stiffness", "largest rate met at kappa = 1"),
            "stiffness_at_rest": variable("stiffness_at_rest", "that of x = 0"),
            "energy_rise_fraction": variable("energy_rise_fraction", "of steps at kappa = 1"),
            "unstable_step": variable("unstable_step", "step too long at kappa = 1"),
            "lyapunov": variable("lyapunov", exponent),
            "lyapunov_err": variable("lyapunov_err", "its error from the average over time"),
        },
        {"network": list(PAPER_SETS), "phase": [0, 1, 2], "t": found[0]["t"], "neuron": shown},
        {"n": n, "n_trials": n_trials, "t_phase": t_phase, "t_lyapunov": t_lyapunov},
    )


def _run(
    n: int,
    name: str,
    t_phase: float,
    t_lyapunov: float,
    save_every: float,
    variant: str,
    seed: int,
    trial: int,
) -> dict[str, Any]:
    member = seeds.member(seed, trial)
    J = dale(n, seed=member, sparse=False, **PAPER_SETS[name])
    ends = t_phase * np.arange(1, 4)
    earlier = ends - t_phase / _SPAN_PARTS
    grid = save_every * np.arange(round(3 * t_phase / save_every) + 1)
    run = integrate(
        J,
        seeds.generator(member, "start").standard_normal(n),
        t_max=3 * t_phase,
        onsager=Switching([t_phase, 2 * t_phase], [0, 1, 0]),
        save_at=np.unique(np.round(np.concatenate([grid, earlier, ends]), 9)),
        **steps(variant),
    )
    assert run.x is not None
    last = [state_at(run, t) for t in ends]
    exponent = maximal_lyapunov(
        J,
        dt=_LYAPUNOV_STEP,
        t_max=t_lyapunov,
        t_skip=_SKIPPED_SHARE * t_lyapunov,
        seed=member,
    )
    return {
        "t": run.t,
        "x": run.x,
        "energy": run.energy,
        "moved": [
            float(freezing(state_at(run, t), x, per_neuron=True))
            for t, x in zip(earlier, last, strict=True)
        ],
        "activity": [float(np.mean(np.tanh(x) ** 2)) for x in last],
        "stiffness": run.stiffness,
        "stiffness_at_rest": float(stiffness(np.zeros(n), J)),
        "energy_rise_fraction": run.energy_rise_fraction,
        "unstable_step": unstable(run),
        "lyapunov": float(exponent.value),
        "lyapunov_err": float(exponent.stderr),
    }


def draw(data: xr.Dataset) -> Figure:
    """One column a network: activity, and below E/N of all couplings; the force shaded."""
    figure = Figure(figsize=(10.5, 5), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True, height_ratios=(1.6, 1))
    t_phase = data.attrs["t_phase"]
    for (above, below), name in zip(axes.T, data.network.values, strict=True):
        part = data.sel(network=name)
        above.plot(data.t, part.x, lw=0.9)
        for trial in range(part.sizes["trial"]):
            below.plot(data.t, part.energy.isel(trial=trial), color="C0", lw=0.9, alpha=0.8)
        below.set_yscale("log")
        low = max(float(part.energy.where(part.energy > 0).min()), _LOWEST_ENERGY)
        below.set_ylim(low / 3, 3 * float(part.energy.max()))
        below.set_xlabel("time $t$")
        for axis in (above, below):
            axis.axvspan(t_phase, 2 * t_phase, color="0.5", alpha=0.15, lw=0)
        worst = float(part.energy_rise_fraction.mean())
        above.set_title(str(name))
        if worst > 0:
            below.set_title(
                rf"$\kappa = 1$: $E$ rises in {worst:.0%} of the steps", fontsize=8, color="crimson"
            )
    axes[0, 0].set_ylabel("activity $x_i(t)$")
    axes[1, 0].set_ylabel("$E/N$")
    figure.suptitle(
        rf"E–I networks, $N = {data.attrs['n']}$, {steps_text(data)}, "
        rf"{matrices(data)} each; shaded: $\kappa = 1$",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return figure


FIGURE = PaperFigure(
    key="hh7",
    source="[HH] Fig. 7",
    title="E–I networks with the Onsager-reaction force switched on and off again",
    compute=compute,
    draw=draw,
    caption=caption,
    # λ_max grows with N: small networks would hide what the printed step does at N = 1000.
    scales={
        "quick": {
            "n": 1000,
            "n_trials": 1,
            "t_phase": 20.0,
            "t_lyapunov": 100.0,
            "n_shown": 8,
            "save_every": 0.2,
        },
        "paper": {
            "n": 1000,
            "n_trials": 5,
            "t_phase": 100.0,
            "t_lyapunov": 1000.0,
            "n_shown": 8,
            "save_every": 0.5,
        },
    },
    variants=(CONVERGED, PRINTED),
)
