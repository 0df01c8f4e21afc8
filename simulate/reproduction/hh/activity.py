"""[HH] Fig. 5: distribution of the activity, and trajectories on their principal components."""

from __future__ import annotations

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
from .activity_caption import CENTRE, EDGE, REACH, caption
from .activity_picture import draw
from .projection import trajectories
from .protocol import network, steps, unstable

_BINS = 50


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
            "unstable_step": (
                ("trial", "panel"),
                np.array([job[3] for job in found]),
                {"long_name": "step too long at kappa = 1"},
            ),
        },
        {
            "panel": panels,
            "g_panel": ("panel", gains),
            "phi_center": ("bin", _middle(_edges(1.0))),
            "x_center": ("bin", _middle(_edges(REACH))),
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
) -> tuple[list[_Panel], list[float], list[float], list[int]]:
    """The three panels of one coupling matrix; shares of rising steps, stiffness, status there."""
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
    rates = [np.nan, run.stiffness, strong.stiffness]
    return panels, rises, rates, [0, unstable(run), unstable(strong)]


def _panel(x: ArrayLike, energy: float) -> _Panel:
    value: Array = np.tanh(np.asarray(x, dtype=float))
    return _Panel(
        phi=activity_distribution(x, of="phi", bins=_BINS).density,
        x=activity_distribution(x, bins=_edges(REACH)).density,
        phi2=float(np.mean(value**2)),
        energy=energy,
        edge=float(np.mean(np.abs(value) > EDGE) / (2 * (1 - EDGE))),
        centre=float(np.mean(np.abs(value) < CENTRE) / (2 * CENTRE)),
    )


def _edges(reach: float) -> Array:
    return np.linspace(-reach, reach, _BINS + 1)


def _middle(edges: Array) -> Array:
    return (edges[1:] + edges[:-1]) / 2


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
