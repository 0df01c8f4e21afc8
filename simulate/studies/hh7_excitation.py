"""[HH] Fig. 7: E–I networks with the Onsager-reaction force switched on and off again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import Switching, stationary
from meanfield.common import arguments, cost, seeds, style
from meanfield.common.study import Part, Study, told

from ..couplings import PAPER_SETS, dale_radius
from ..dynamics import stiffness
from ..integration import integrate
from ..lyapunov import maximal_lyapunov
from ..observables import freezing
from .protocol import (
    STEPS,
    STEPS_TEXT,
    VARIANTS,
    mean_coupling,
    printed_set,
    step_facts,
    steps_text,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure
# Of the largest energy.
_REST = 1e-7


def switched(
    network: str,
    *,
    n: int = 1000,
    t_phase: float = 100.0,
    save_step: float = 0.5,
    n_shown: int = 8,
    method: str = "auto",
    dt: float = 0.05,
    seed: int,
) -> dict[str, Any]:
    """Activity, E and how far φ moves in the three phases, κ = 0, 1, 0, of one network.

    Parameters
    ----------
    network : {"inhibitory", "balanced", "excitatory"}
        Couplings of [HH] Fig. 6.
    n_shown : int
        Evenly spaced neurons whose activity is kept.
    """
    J = printed_set(network, n, seed)
    # Rounded so that times which should be one are.
    ends = np.round(t_phase * np.arange(1, 4), 9)
    earlier = np.round(ends - t_phase / 4, 9)
    save_step = arguments.positive("save_step", save_step)
    count = cost.whole("t_phase", t_phase, 3 * t_phase / save_step, "raise save_step")
    grid = np.round(save_step * np.arange(count + 1), 9)
    run = integrate(
        J, seeds.generator(seed, "start").standard_normal(n), t_max=3 * t_phase,
        onsager=Switching([t_phase, 2 * t_phase], [0, 1, 0]),
        save_at=np.unique([*grid, *earlier, *ends]), method=method, dt=dt,
    )  # fmt: skip
    assert run.x is not None
    first, last = np.searchsorted(run.t, earlier), np.searchsorted(run.t, ends)
    moved = [
        float(freezing(run.x[start], run.x[stop], per_neuron=True))
        for start, stop in zip(first, last, strict=True)
    ]
    largest = [run.energy[start : stop + 1].max() for start, stop in pairwise([0, *last])]
    activity = np.mean(np.tanh(run.x[last]) ** 2, axis=1)
    shown = np.linspace(0, n - 1, min(n_shown, n)).astype(int)
    at_rest = float(stiffness(np.zeros(n), J))
    return {
        "phase": [0, 1, 2],
        "t": run.t,
        "neuron": shown,
        "x": told(("t", "neuron"), run.x[:, shown], "x of evenly spaced neurons"),
        "energy": told("t", run.energy, "E/N"),
        "energy_end": told("phase", run.energy[last], "E/N at the end of the phase"),
        "energy_max": told("phase", largest, "largest E/N, switches included"),
        "activity": told("phase", activity, "⟨φ²⟩ at the end"),
        "moved": told("phase", moved, "Q/N = |φ(t) − φ(t′)|²/N over the last quarter"),
        "stiffness_at_rest": told((), at_rest, "stiffness at x = 0"),
        **step_facts(run),
    }  # fmt: skip


def vanilla_exponent(
    network: str, *, n: int = 1000, t_lyapunov: float = 1000.0, seed: int
) -> dict[str, Any]:
    """Largest exponent at κ = 0 after a quarter of the run, the same steps for every variant."""
    J = printed_set(network, n, seed)
    # The leak sets the vanilla time scale: by converged steps.
    rate = maximal_lyapunov(J, dt=0.1, t_max=t_lyapunov, t_skip=t_lyapunov / 4, seed=seed)
    return {
        "lyapunov": told((), float(rate.value), "largest exponent λ at κ = 0"),
        "lyapunov_err": told((), float(rate.value_err), "its error over time"),
    }


def add_formula(data: xr.Dataset) -> xr.Dataset:
    """Stiffness at x = 0 that the means of the couplings make alone; the state κ = 0, N → ∞."""
    # All rows have the same statistics: one population, of mean coupling N E[J].
    names = [str(name) for name in data.network.values]
    state = stationary(
        [dale_radius(**PAPER_SETS[name]) for name in names],
        mean_coupling=[mean_coupling(name, data.attrs["n"]) for name in names],
    )
    data = data.assign(
        activity_theory=told("network", state.q, "⟨φ²⟩ at κ = 0 for N → ∞ at this N E[J]"),
        mean_theory=told("network", state.mean, "mean of x there"),
        variance_theory=told("network", state.delta0, "variance of x there"),
        energy_theory=told("network", state.kinetic_energy, "E/N there"),
        lyapunov_theory=told(
            "network", np.fmax(state.lyapunov, state.mean_growth), "λ there, of the means if larger"
        ),
    )
    sets = [PAPER_SETS[name] for name in names]
    squares = [s["f"] * s["mu_e"] ** 2 + (1 - s["f"]) * s["mu_i"] ** 2 for s in sets]
    rates = [data.attrs["n"] * s["alpha"] ** 2 * m for s, m in zip(sets, squares, strict=True)]
    text = "that of the means alone, Nα²[fμ_e² + (1−f)μ_i²]"
    return data.assign(stiffness_of_means=told("network", rates, text))


def draw(data: xr.Dataset) -> Figure:
    """One column a network: activity, and below E/N of all couplings; the force shaded."""
    figure, axes = style.panels(
        2, data.sizes["network"], height=3.7, sharex=True, height_ratios=(1.6, 1), squeeze=False
    )
    t_phase = data.attrs["t_phase"]
    for (above, below), name in zip(axes.T, data.network.values, strict=True):
        part = data.sel(network=name)
        above.plot(data.t, part.x.isel(replicate=0), lw=0.7)
        below.plot(data.t, part.energy.T, color="C0", lw=0.7, alpha=0.8)
        below.set(yscale="log", xlabel="time $t$", xlim=(0, 3 * t_phase))
        if (part.energy > 0).any():
            # Below, the network rests.
            top = float(part.energy.max())
            low = max(float(part.energy.where(part.energy > 0).min()), _REST * top)
            below.set_ylim(low / 3, 3 * top)
        if part.energy_theory > 0:
            for first in (0, 2 * t_phase):
                below.plot(
                    [first, first + t_phase], 2 * [float(part.energy_theory)], "--", color="black",
                    lw=1,
                )  # fmt: skip
        for axis in (above, below):
            axis.axvspan(t_phase, 2 * t_phase, color="0.5", alpha=0.15, lw=0)
        rises = float(part.energy_rise_fraction.mean())
        above.set_title(str(name))
        if rises > 0:
            title = rf"$\kappa = 1$: $E$ rises in {rises:.0%} of the steps"
            below.set_title(title, color=style.ALARM)
    axes[0, 0].set_ylabel("activity $x_i(t)$")
    axes[1, 0].set_ylabel("$E/N$")
    style.above(
        figure,
        rf"E–I networks, {data.sizes['replicate']} each, $N = {data.attrs['n']}$, "
        rf"{steps_text(data)}; shaded: $\kappa = 1$",
    )
    return figure


HH7 = Study(
    name="hh7",
    source="[HH] Fig. 7",
    title="E–I networks with the Onsager-reaction force switched on and off again",
    parts=(
        Part(switched, ("network",), replicated=True),
        Part(vanilla_exponent, ("network",), replicated=True),
    ),
    draw=draw,
    derive=add_formula,
    text=f"""
Activity and E/N, down to 1e-7 of the largest, of the E–I networks of Fig. 6 with κ = 0, 1 and 0
again (phases 0, 1, 2; shaded: κ = 1). A network whose φ moves by Q/N < 1e-4 in the last quarter of
phase 0 rests: at x = 0 if ⟨φ²⟩ is as small, else at x ≠ 0. Others fluctuate if λ > 0 and relax if
λ < 0 by more than two errors (of one coupling: of the average over time); within two errors it is
open. Where the printed step is
too long, E/N jumps after the switch and stays above that of the flow. Dashed: E/N at κ = 0 for
N → ∞, one population with the radius of Fig. 6 as g and the mean coupling N E[J]. Most of the
stiffness at x = 0 is that of the means of the couplings, which grows with N. {STEPS_TEXT}""",
    axes={"network": tuple(PAPER_SETS)},
    replicates=5,
    columns=(
        "lyapunov", "stiffness_at_rest", "stiffness_of_means", *STEPS, "energy_end", "energy_max",
        "activity", "activity_theory", "lyapunov_theory", "moved",
    ),
    # λ_max grows with N: small networks would hide what the printed step does at N = 1000.
    presets={
        "quick": {"trials": 1, "t_phase": 20.0, "t_lyapunov": 100.0, "save_step": 0.2},
        "paper": {},
    },
    variants=VARIANTS,
)  # fmt: skip
