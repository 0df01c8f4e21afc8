"""[HH] Fig. 5: distribution of the activity, and trajectories on their principal components."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from meanfield import Switching, stationary
from meanfield.transfer import Array

from ...integration import integrate
from ...observables import activity_distribution, state_at
from ...parallel import in_parallel
from ..definition import CONVERGED, PRINTED, PaperFigure
from .activity_picture import draw
from .projection import STARTS, trajectories
from .protocol import PRINTED_STEP, mean_and_error, network, quoted, steps

_BINS = 50
# Densities of φ at the ends against that at 0: the outer and the inner tenth of [−1, 1].
_EDGE, _CENTRE = 0.9, 0.1
# Share of the variance that three components explain according to the caption of [HH].
_PRINTED = 0.8567
# Largest |x| shown.
_REACH = 8.0


class _Panel(NamedTuple):
    phi: Array
    x: Array
    phi2: float
    energy: float
    edge: float  # density of φ
    centre: float


def compute(
    *,
    n: int,
    g: float,
    g_large: float,
    n_trials: int,
    t_switch: float,
    t_after: float,
    n_trajectories: int,
    n_samples: int,
    t_projection: float,
    variant: str,
    seed: int,
    workers: int | None,
    progress: bool,
) -> xr.Dataset:
    """Densities of φ and x in the panels (a) to (c), and the projections of (d)."""
    jobs = [
        partial(_panels, n, g, g_large, t_switch, t_after, variant, seed, trial)
        for trial in range(n_trials)
    ]
    found = list(in_parallel(jobs, workers, label="hh5", progress=progress))
    panels = ["a", "b", "c"]
    gains = [g, g, g_large]
    values = [[_Panel(*panel) for panel in job[0]] for job in found]
    names = {
        "phi2": "mean of phi^2",
        "energy_panel": "E/N at the time shown",
        "edge": "density of phi where |phi| > 0.9",
        "centre": "density of phi where |phi| < 0.1",
    }
    fields = {"phi2": "phi2", "energy_panel": "energy", "edge": "edge", "centre": "centre"}
    data = {
        name: (
            ("trial", "panel"),
            np.array([[getattr(panel, fields[name]) for panel in job] for job in values]),
            {"long_name": text},
        )
        for name, text in names.items()
    }
    theory = stationary(g)
    densities = xr.Dataset(
        {
            **data,
            "phi_density": (
                ("trial", "panel", "bin"),
                np.array([[panel.phi for panel in job] for job in values]),
                {"long_name": "density of phi(x)"},
            ),
            "x_density": (
                ("trial", "panel", "bin"),
                np.array([[panel.x for panel in job] for job in values]),
                {"long_name": "density of x"},
            ),
            "energy_rise_fraction": (("trial", "panel"), np.array([job[1] for job in found])),
            "stiffness": (("trial", "panel"), np.array([job[2] for job in found])),
        },
        {
            "panel": panels,
            "g_panel": ("panel", gains),
            "phi_center": ("bin", _middle(_edges(1.0))),
            "x_center": ("bin", _middle(_edges(_REACH))),
        },
        {
            "n": n,
            "g": g,
            "g_large": g_large,
            "n_trials": n_trials,
            "t_after": t_after,
            "t_switch_panels": t_switch,
            "delta0_theory": float(theory.delta0),
            "phi2_theory": float(theory.q),
        },
    )
    cloud = trajectories(
        n=n,
        g=g,
        n_trajectories=n_trajectories,
        n_samples=n_samples,
        t_max=t_projection,
        variant=variant,
        seed=seed,
        workers=workers,
        progress=progress,
    )
    return densities.merge(cloud).assign_attrs({**densities.attrs, **cloud.attrs})


def _panels(
    n: int,
    g: float,
    g_large: float,
    t_switch: float,
    t_after: float,
    variant: str,
    seed: int,
    trial: int,
) -> tuple[list[_Panel], list[float], list[float]]:
    """The three panels of one coupling matrix; shares of rising steps and stiffness there."""
    J, x0 = network(n, g, seed, trial)
    end = t_switch + t_after
    run = integrate(
        J, x0, t_max=end, onsager=Switching([t_switch], [0, 1]), save_at=[t_switch, end],
        **steps(variant),
    )  # fmt: skip
    strong = integrate(
        J * (g_large / g), x0, t_max=end, onsager=1.0, save_at=[end], **steps(variant)
    )
    panels = [
        _panel(state_at(run, t_switch), float(run.energy[0])),
        _panel(state_at(run, end), float(run.energy[1])),
        _panel(state_at(strong, end), float(strong.energy[-1])),
    ]
    rises = [np.nan, run.energy_rise_fraction, strong.energy_rise_fraction]
    return panels, rises, [np.nan, run.stiffness, strong.stiffness]


def _panel(x: ArrayLike, energy: float) -> _Panel:
    value: Array = np.tanh(np.asarray(x, dtype=float))
    return _Panel(
        phi=activity_distribution(x, of="phi", bins=_BINS).density,
        x=activity_distribution(x, bins=_edges(_REACH)).density,
        phi2=float(np.mean(value**2)),
        energy=energy,
        edge=float(np.mean(np.abs(value) > _EDGE) / (2 * (1 - _EDGE))),
        centre=float(np.mean(np.abs(value) < _CENTRE) / (2 * _CENTRE)),
    )


def _edges(reach: float) -> Array:
    return np.linspace(-reach, reach, _BINS + 1)


def _middle(edges: Array) -> Array:
    return (edges[1:] + edges[:-1]) / 2


def caption(data: Mapping[str, xr.Dataset]) -> str:
    """Shape of the distributions, energies, and the variance that three components explain."""
    facts = next(iter(data.values())).attrs
    text = (
        f"Distribution of φ(x) and x over neurons, N = {facts['n']}, {facts['n_trials']} "
        f"couplings: (a) chaos at g = {facts['g']:g}, t = {facts['t_switch_panels']:g}; (b) the "
        f"same networks {facts['t_after']:g} time units after κ = 0 → 1; (c) κ = 1 from "
        f"x ~ N(0, 1), g = {facts['g_large']:g}. A U shape can only be that of the bounded φ(x): "
        "x itself has one peak in (a), a Gaussian in the theory for N → ∞ (black), which gives "
        f"⟨φ²⟩ = {facts['phi2_theory']:.3f}. Shown is |x| ≤ {_REACH:g}."
    )
    for variant, name in ((CONVERGED, "Converged"), (PRINTED, f"Euler, Δt = {PRINTED_STEP:g}")):
        if variant in data:
            text += f" {name}: {_shapes_said(data[variant])}."
    if PRINTED in data:
        text += " " + _unstable_said(data[PRINTED])
    if len(data) == 2:
        text += " " + _shape_difference_said(data[PRINTED], data[CONVERGED])
    main = data.get(CONVERGED, next(iter(data.values())))
    total = main.explained.sum("component")
    text += (
        f" (d) Three principal components of P = {facts['n_trajectories']} trajectories of "
        f"L = {facts['n_samples']} samples over {2 * facts['t_switch']:g} time units, κ = 1 from "
        f"t = {facts['t_switch']:g} on; shown with independent starts. They explain "
        + "; ".join(f"{float(total.sel(start=s)):.1%} for starts {STARTS[s]}" for s in STARTS)
        + f". {_starts_said(total)}"
    )
    if len(data) == 2:
        other = data[PRINTED].explained.sum("component")
        gap = float(np.abs(other - total).max())
        text += f". Printed steps change these shares by at most {gap:.1%}."
    return text


def _shapes_said(data: xr.Dataset) -> str:
    said = []
    for panel in data.panel.values:
        part = data.sel(panel=panel)
        said.append(
            f"({panel}) ⟨φ²⟩ = {quoted(*mean_and_error(part.phi2))}, density at |φ| > {_EDGE:g} "
            f"{quoted(*mean_and_error(part.edge))} against "
            f"{quoted(*mean_and_error(part.centre))} at |φ| < {_CENTRE:g}, E/N = "
            f"{quoted(*mean_and_error(part.energy_panel))}"
        )
    return "; ".join(said)


def _unstable_said(data: xr.Dataset) -> str:
    part = data.sel(panel="c")
    rate = PRINTED_STEP * float(part.stiffness.max())
    rises = float(part.energy_rise_fraction.mean())
    verdict = (
        "what (c) shows is the step, not the flow" if rate > 2 else "the step follows the flow"
    )
    return f"In (c) Δt·λ_max reaches {rate:.2f} and E rises in {rises:.0%} of the steps: {verdict}."


def _shape_difference_said(printed: xr.Dataset, converged: xr.Dataset) -> str:
    """Whether both kinds of steps find the U shape of (c)."""
    shaped = [
        float((data.edge - data.centre).sel(panel="c").mean()) > 0 for data in (printed, converged)
    ]
    if shaped == [True, False]:
        return (
            "The U shape of (c) is therefore made by the step: the flow itself leaves x small, "
            "with one peak at φ = 0."
        )
    return "Both kinds of steps agree on whether (c) is U-shaped."


def _starts_said(total: xr.DataArray) -> str:
    enough = [STARTS[str(s)] for s in total.start.values if float(total.sel(start=s)) > _PRINTED]
    if not enough:
        return f"None of them reaches the printed {_PRINTED:.2%}"
    return f"The printed {_PRINTED:.2%} is reached with {' and '.join(enough)}, and not otherwise"


FIGURE = PaperFigure(
    key="hh5",
    source="[HH] Fig. 5",
    title="Distribution of the activity, and trajectories on their principal components",
    compute=compute,
    draw=draw,
    caption=caption,
    scales={
        "quick": {
            "n": 300,
            "g": 2.0,
            "g_large": 10.0,
            "n_trials": 5,
            "t_switch": 50.0,
            "t_after": 50.0,
            "n_trajectories": 30,
            "n_samples": 401,
            "t_projection": 20.0,
        },
        # L = 2000 samples of the printed step are 20 time units.
        "paper": {
            "n": 1000,
            "g": 2.0,
            "g_large": 10.0,
            "n_trials": 5,
            "t_switch": 100.0,
            "t_after": 200.0,
            "n_trajectories": 100,
            "n_samples": 2000,
            "t_projection": 20.0,
        },
    },
    variants=(CONVERGED, PRINTED),
)
