"""[HH] Fig. 4: divergence of the driving force along the flow of κ = 1, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield.common import style
from meanfield.common.study import Part, Study, told
from meanfield.quadrature import gauss_hermite

from ..dynamics import divergence, jacobian
from ..integration import integrate
from .protocol import STEPS, STEPS_TEXT, VARIANTS, network, step_facts, steps_text

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_SAVE_STEP, _EARLY = 0.1, 1.0


def trace(
    g: float,
    *,
    n: int = 1000,
    t_max: float = 20.0,
    method: str = "auto",
    dt: float = 0.05,
    seed: int,
) -> dict[str, Any]:
    """Tr D per neuron along the flow of one network at κ = 1, and the diagonal of D at the end."""
    J, x0 = network(n, g, seed)
    run = integrate(
        J, x0, t_max=t_max, onsager=1.0, store_states=False, method=method, dt=dt,
        save_at=max(1, round(t_max / _SAVE_STEP)) + 1,
        observables={"divergence": lambda t, x, f: divergence(x, J, onsager=1.0) / n},
    )  # fmt: skip
    trace_n = run.observables["divergence"]
    diagonal = np.diag(jacobian(run.x_end, J, onsager=1.0))
    early = np.argmin(abs(run.t - _EARLY))
    return {
        "t": run.t,
        "divergence": told("t", trace_n, "Tr D/N"),
        "divergence_initial": told((), trace_n[0], "Tr D/N at t = 0"),
        "divergence_early": told((), trace_n[early], f"Tr D/N at t = {_EARLY:g}"),
        "divergence_end": told((), trace_n[-1], "Tr D/N at the end"),
        "diagonal": told("neuron", diagonal, "D_ii at the end"),
        "positive_share": told((), (diagonal > 0).mean(), "share D_ii > 0 at the end"),
        **step_facts(run),
    }


def derive(data: xr.Dataset) -> xr.Dataset:
    """Add the limit N → ∞ at t = 0, and where Tr D/N is lowest and highest."""
    limit = [_limit(gain) for gain in data.g.values]
    lowest = data.divergence.mean("replicate").idxmin("t")
    highest = data.divergence.max(("replicate", "t"))
    return data.assign(
        divergence_limit=told("g", limit, "−1 − g²⟨φ′² + φφ″⟩, t = 0 and N → ∞"),
        t_lowest=lowest.assign_attrs(long_name="time at which the mean of Tr D/N is lowest"),
        divergence_highest=highest.assign_attrs(long_name="of all times and couplings"),
    )


def _limit(g: float) -> float:
    """Tr D/N at x ~ N(0, 1) for N → ∞: −1 − g²⟨φ′² + φφ″⟩, as ⟨φ″ (Jᵀf)⟩ = g²⟨φφ″⟩."""
    nodes, weights = gauss_hermite(100)
    activity = np.tanh(nodes)
    slope = 1 - activity**2
    return float(-1 - g**2 * (weights @ (slope**2 - 2 * activity**2 * slope)))


def draw(data: xr.Dataset) -> Figure:
    """(a) Tr D/N in time, (b) density of the diagonal at the end; crosses: the step is too long."""
    figure, (left, right) = style.panels(1, 2, height=2.7)
    facts, end = data.attrs, float(data.t[-1])
    for index, gain in enumerate(data.g.values):
        part, colour = data.sel(g=gain), style.shade(index, data.sizes["g"])
        mean, bad = part.divergence.mean("replicate"), bool(part.unstable_step.any())
        dashes = style.DASHES[index % len(style.DASHES)]
        style.band(
            left, data.t, mean, style.spread(part.divergence), colour, ls=dashes,
            label=rf"$g = {gain:g}$" + (", step too long" if bad else ""),
        )  # fmt: skip
        above = {"clip_on": False, "zorder": 5}
        left.plot(0, float(part.divergence_limit), "o", color=colour, mfc="white", **above)
        if bad:
            left.plot(end, float(mean[-1]), **style.CROSS, ms=6, **above)
        values = part.diagonal.values[np.isfinite(part.diagonal.values)]
        if values.size:
            height, edges = np.histogram(values, 30, density=True)
            right.stairs(height, edges, color=colour, ls=dashes)
    left.legend(loc="best", ncols=2)
    left.set(
        xlim=(0, end), xlabel=r"time $t$", ylabel=r"$\mathrm{Tr}\, D / N$",
        title=rf"$N = {facts['n']}$, $\gamma = 0$, $\kappa = 1$, {data.sizes['replicate']} "
        rf"couplings; {steps_text(data)}",
    )  # fmt: skip
    right.set(
        yscale="log", xlabel=r"$D_{ii}$", ylabel="density",
        title=rf"all $D_{{ii}}$ at $t = {facts['t_max']:g}$",
    )  # fmt: skip
    return figure


HH4 = Study(
    name="hh4",
    source="[HH] Fig. 4",
    title="divergence of the driving force at κ = 1, and the diagonal of the stability matrix",
    parts=(Part(trace, ("g",), replicated=True),),
    draw=draw,
    derive=derive,
    text=f"""
(a) Divergence of the force per neuron, Tr D/N, along the gradient flow, κ = 1, from x ~ N(0, 1);
circles: N → ∞ at t = 0. (b) Density of the diagonal of the stability matrix D at the end. Bands are
standard deviations over couplings, errors of the table standard errors. The paper shows four gains;
these are chosen here. {STEPS_TEXT}""",
    axes={"g": (2.0, 4.0, 8.0, 10.0)},
    replicates=5,
    columns=(
        "divergence_initial", "divergence_limit", "divergence_early", "divergence_end",
        "divergence_highest", "t_lowest", "positive_share", *STEPS,
    ),
    compared={"divergence_initial": "divergence_limit"},
    presets={"quick": {"n": 300, "trials": 3}, "paper": {}},
    variants=VARIANTS,
)  # fmt: skip
