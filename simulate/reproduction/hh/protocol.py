"""Couplings, starts and steps of the figures of [HH], and what their captions say of the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import xarray as xr

from meanfield import seeds
from meanfield.transfer import Array

from ...couplings import elliptic
from ...integration import Trajectory
from ...lyapunov import LyapunovExponent
from ..definition import CONVERGED, PRINTED
from ..text import listed, span

PRINTED_STEP = 0.01
_FIRST_STEP = 0.05
_MEANING = {
    CONVERGED: "converged, a stabilised method at κ = 1 whose stages follow the stiffness",
    PRINTED: f"printed, Euler with Δt = {PRINTED_STEP:g}",
}
_PLACES: dict[str, Callable[[list[Any]], str]] = {
    "g": lambda gains: f"at g = {listed(gains)}",
    "network": lambda names: f"in the {' and '.join(names)} network",
    "panel": lambda letters: f"in panel {' and '.join(f'({letter})' for letter in letters)}",
}
# Columns of a table, filled by `step_cells`.
STEP_HEAD = (f"{PRINTED_STEP:g}·λ_max", "E rises in")


def steps(variant: str) -> dict[str, Any]:
    """Arguments of the library's calls: the printed scheme, or the one that converges."""
    if variant == PRINTED:
        return {"method": "euler", "dt": PRINTED_STEP}
    return {"method": "auto", "dt": _FIRST_STEP}


def steps_text(data: xr.Dataset) -> str:
    """The steps of a dataset in a title."""
    if data.attrs["variant"] == PRINTED:
        return rf"Euler, $\Delta t = {PRINTED_STEP:g}$"
    return "converged steps"


def network(n: int, g: float, seed: int, trial: int) -> tuple[Array, Array]:
    """Couplings and start x ~ N(0, 1) of one trial; gains differ by the factor g of J alone."""
    member = seeds.member(seed, trial)
    return elliptic(n, g, seed=member), seeds.generator(member, "start").standard_normal(n)


def step_cells(part: xr.Dataset) -> list[str]:
    """Largest stiffness of a dataset in units of the printed step, share of steps that raise E."""
    rises = 100 * float(part.energy_rise_fraction.mean())
    return [f"{PRINTED_STEP * float(part.stiffness.max()):.2f}", f"{rises:.3g}%"]


def steps_meaning(variants: Iterable[str]) -> str:
    """What the variants of a caption and the columns of `step_cells` mean."""
    return (
        f"Steps: {'; '.join(_MEANING[name] for name in variants)}. {STEP_HEAD[0]}: the largest "
        "eigenvalue of Hess E met at κ = 1, times the printed step; Euler follows −∇E only below "
        "2. E rises in: share of the steps at κ = 1 in which E grows, as it cannot along −∇E."
    )


def unstable(run: Trajectory | LyapunovExponent) -> int:
    """1 if the status of a run says that its step is too long, as an integer for netCDF."""
    return int(run.status != "success")


def broken(printed: xr.Dataset, along: str = "g") -> list[Any]:
    """Gains (networks, panels) of which a run was unstable by its own status."""
    others = [name for name in printed.unstable_step.dims if name != along]
    bad = printed.unstable_step.any(others).values.astype(bool)
    return printed[along].values[bad].tolist()


def broken_said(printed: xr.Dataset, along: str = "g", mark: str = "") -> str:
    """Where the printed step does not follow the gradient flow, and what tells."""
    where = broken(printed, along)
    if not where:
        rate = PRINTED_STEP * float(printed.stiffness.max())
        return (
            "The printed step is short enough here: Δt·λ_max(Hess E) at κ = 1 is at most "
            f"{rate:.2f}, where Euler needs less than 2, and E rises in none of the steps."
        )
    part = printed.sel({along: where})
    rates = PRINTED_STEP * part.stiffness.max("trial")
    rises = 100 * part.energy_rise_fraction.mean("trial")
    return (
        f"The printed step does not follow the gradient flow {_PLACES[along](where)}{mark}: "
        f"Δt·λ_max(Hess E) at κ = 1 is {span(rates, '.2f')}, where Euler needs less than 2, and E "
        f"rises in {span(rises, '.0f')}% of the steps."
    )
