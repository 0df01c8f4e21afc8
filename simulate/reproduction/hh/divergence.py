"""[HH] Fig. 4: divergence of the driving force along the flow of κ = 1, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meanfield.figures import common
from meanfield.quadrature import gauss_hermite
from meanfield.transfer import Array

from ...integration import integrate
from ...parallel import in_parallel
from ...stability import divergence, jacobian
from ..definition import CONVERGED, PRINTED, PaperFigure
from ..grids import gathered, spread
from ..text import (
    NONE,
    averaged,
    deviations_said,
    errors_said,
    listed,
    paragraphs,
    span,
    table,
)
from .protocol import (
    STEP_HEAD,
    broken_said,
    network,
    step_cells,
    steps,
    steps_meaning,
    steps_text,
    unstable,
)

_SAVE_EVERY = 0.1
_BINS = 30
_NODES = 100
_EARLY = 1.0
_DASHES = ("-", "--", "-.", (0, (1, 1)))


class _Flow(NamedTuple):
    t: Array
    divergence: Array
    diagonal: Array
    energy_rise_fraction: float
    stiffness: float
    unstable: int


def compute(
    *,
    n: int,
    g: Sequence[float],
    n_trials: int,
    t_max: float,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Tr D per neuron in time, and the diagonal of D at the end, for every coupling matrix."""
    jobs = [
        partial(_flow, n, gain, t_max, variant, seed, trial)
        for gain in g
        for trial in range(n_trials)
    ]
    found: list[_Flow] = list(in_parallel(jobs, workers, label="hh4", progress=progress))
    on_grid = partial(gathered, {"g": len(g), "trial": n_trials})
    return xr.Dataset(
        {
            "divergence": on_grid([flow.divergence for flow in found], "t"),
            "divergence_start": ("g", [_start(gain) for gain in g], {"long_name": "exact, t = 0"}),
            "diagonal": on_grid([flow.diagonal for flow in found], "neuron"),
            "energy_rise_fraction": on_grid([flow.energy_rise_fraction for flow in found]),
            "stiffness": on_grid([flow.stiffness for flow in found]),
            "unstable_step": on_grid([flow.unstable for flow in found]),
        },
        {"t": found[0].t, "g": list(g)},
        {"n": n, "t_max": t_max},
    )


def _start(g: float) -> float:
    """Tr D/N at x ~ N(0, 1) for N → ∞: −1 − g²⟨φ′² + φφ″⟩, as ⟨φ″ (Jᵀf)⟩ = g²⟨φφ″⟩."""
    nodes, weights = gauss_hermite(_NODES)
    activity = np.tanh(nodes)
    slope = 1 - activity**2
    return float(-1 - g**2 * (weights @ (slope**2 - 2 * activity**2 * slope)))


def _flow(n: int, g: float, t_max: float, variant: str, seed: int, trial: int) -> _Flow:
    J, x0 = network(n, g, seed, trial)
    run = integrate(
        J,
        x0,
        t_max=t_max,
        onsager=1.0,
        save_at=np.linspace(0, t_max, max(1, round(t_max / _SAVE_EVERY)) + 1),
        store_states=False,
        observables={"divergence": lambda t, x, f: divergence(x, J, onsager=1.0) / n},
        **steps(variant),
    )
    return _Flow(
        run.t,
        run.observables["divergence"],
        np.diag(jacobian(run.x_end, J, onsager=1.0)),
        run.energy_rise_fraction,
        run.stiffness,
        unstable(run),
    )


def draw(data: xr.Dataset) -> Figure:
    """(a) Tr D/N in time, (b) density of the diagonal at the end."""
    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for index, gain in enumerate(data.g.values):
        part = data.sel(g=gain)
        bad = bool(part.unstable_step.any())
        style = {
            "color": common.shade(index, data.sizes["g"]),
            "ls": _DASHES[index % len(_DASHES)],
            "label": rf"$g = {gain:g}$" + (", step too long" if bad else ""),
        }
        mean = part.divergence.mean("trial")
        common.band(left, data.t, mean, spread(part.divergence), style.pop("color"), **style)
        left.plot(
            0, float(part.divergence_start), "o", color=common.shade(index, data.sizes["g"]),
            mfc="white", clip_on=False, zorder=4,
        )  # fmt: skip
        _density(right, part, index, data.sizes["g"])
        if bad:
            left.plot(
                float(data.t[-1]), float(mean[-1]), "x", color="crimson", ms=8, mew=1.6,
                clip_on=False, zorder=5,
            )  # fmt: skip
    left.set_xlim(0, float(data.t[-1]))
    left.set_xlabel(r"time $t$")
    left.set_ylabel(r"$\mathrm{Tr}\, D / N$")
    left.set_title(
        rf"(a) $N = {data.attrs['n']}$, $\gamma = 0$, $\kappa = 1$, {data.sizes['trial']} "
        rf"couplings; {steps_text(data)}"
    )
    left.legend(loc="best", ncols=2)
    right.set_yscale("log")
    right.set_xlabel(r"$D_{ii}$")
    right.set_ylabel("density")
    right.set_title(rf"(b) all $D_{{ii}}$ at $t = {data.attrs['t_max']:g}$")
    return figure


def _density(axis: Axes, part: xr.Dataset, index: int, count: int) -> None:
    values = part.diagonal.values.ravel()
    height, edges = np.histogram(values, _BINS, density=True)
    axis.stairs(
        height, edges, color=common.shade(index, count), ls=_DASHES[index % len(_DASHES)], lw=1.3
    )


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """Tr D/N at the start, early and late, the share of D_ii > 0, and what the step changes."""
    return paragraphs(_found(data), _table(data), _meaning(data))


def _found(data: Mapping[str, xr.Dataset]) -> str:
    first = next(iter(data.values()))
    highest = {name: float(values.divergence.max()) for name, values in data.items()}
    largest = ", ".join(f"{value:.3g} ({name})" for name, value in highest.items())
    sign = ": it is never positive" if max(highest.values()) < 0 else ""
    positive = ", ".join(
        f"{span(100 * (values.diagonal > 0).mean(('trial', 'neuron')), '.2g')}% ({name})"
        for name, values in data.items()
    )
    said = [
        "(a) Divergence of the force per neuron, Tr D/N, along the gradient flow, κ = 1, from "
        f"x ~ N(0, 1) at g = {listed(first.g.values)}; the largest value of all times, gains and "
        f"couplings is {largest}{sign}. (b) Density of the diagonal of the stability matrix D at "
        f"t = {first.attrs['t_max']:g}: by gain, {positive} of the D_ii are positive."
    ]
    if PRINTED in data:
        said.append(broken_said(data[PRINTED], mark=" (crosses)"))
    return " ".join(said)


def _table(data: Mapping[str, xr.Dataset]) -> str:
    first = next(iter(data.values()))
    both = {CONVERGED, PRINTED} <= set(data)
    times = (0.0, _EARLY, first.attrs["t_max"])
    head = ["g", "steps", *(f"Tr D/N, t = {t:g}" for t in times), "t = 0, N → ∞"]
    head += ["end, printed − converged"] * both
    rows = []
    for gain in first.g.values:
        for name, values in data.items():
            part = values.sel(g=gain)
            row = [f"{gain:g}", name]
            row += [averaged(part.divergence.sel(t=t, method="nearest")) for t in times]
            row.append(f"{float(part.divergence_start):.2f}")
            if both:
                exact = data[CONVERGED].divergence.sel(g=gain).isel(t=-1)
                change = averaged(part.divergence.isel(t=-1) - exact)
                row.append(NONE if name == CONVERGED else change)
            row += [
                f"t = {float(part.divergence.mean('trial').idxmin('t')):g}",
                averaged(100 * (part.diagonal > 0).mean("neuron")),
            ]
            rows.append(row + step_cells(part))
    return table([*head, "lowest at", "D_ii > 0, %", *STEP_HEAD], rows)


def _meaning(data: Mapping[str, xr.Dataset]) -> str:
    first = next(iter(data.values()))
    count = first.sizes["trial"]
    said = [
        f"N = {first.attrs['n']}. {errors_said(count)}",
        deviations_said(count, "Bands"),
        "t = 0, N → ∞ (circles): −1 − g²⟨φ′² + φφ″⟩. Lowest at: the time at which the mean of "
        "Tr D/N is lowest. D_ii > 0: share of the neurons at the end. The paper shows four gains; "
        "these are chosen here.",
        steps_meaning(data),
    ]
    return " ".join(filter(None, said))


FIGURE = PaperFigure(
    key="hh4",
    source="[HH] Fig. 4",
    title="divergence of the driving force at κ = 1, and the diagonal of the stability matrix",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {"n": 300, "g": [2.0, 4.0, 8.0, 10.0], "n_trials": 3, "t_max": 20.0},
        "paper": {"n": 1000, "g": [2.0, 4.0, 8.0, 10.0], "n_trials": 5, "t_max": 20.0},
    },
    variants=(CONVERGED, PRINTED),
)
