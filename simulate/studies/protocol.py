"""Couplings, starts and steps of the figures of [HH], and what their runs say about the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meanfield import seeds
from meanfield.common.study import CONVERGED, PRINTED
from meanfield.transfer import Array

from ..couplings import elliptic
from ..integration import Trajectory
from ..lyapunov import LyapunovExponent

if TYPE_CHECKING:
    import xarray as xr

PRINTED_STEP = 0.01
# Variants of a study: the flow itself, and the scheme that [HH] prints.
VARIANTS: dict[str, dict[str, Any]] = {
    CONVERGED: {},
    PRINTED: {"method": "euler", "dt": PRINTED_STEP},
}
STEPS = ("stiffness", "energy_rise_fraction", "unstable_step")
STEPS_TEXT = (
    "Steps: converged, a stabilised method at κ = 1 whose stages follow the stiffness; printed, "
    f"Euler with Δt = {PRINTED_STEP:g}, which follows −∇E only while Δt times the stiffness, the "
    "largest eigenvalue of Hess E met at κ = 1, is below 2. Along −∇E the energy never rises: "
    "where it does, the picture is that of the discrete map (marked red). In chaos orbits of two "
    "integrations part in any case, and only their statistics can be compared."
)


def network(n: int, g: float, seed: int, gamma: float = 0.0) -> tuple[Array, Array]:
    """Couplings and start x ~ N(0, 1); gains differ by the factor g of J alone."""
    return elliptic(n, g, gamma, seed=seed), seeds.generator(seed, "start").standard_normal(n)


def step_facts(run: Trajectory | LyapunovExponent) -> dict[str, Any]:
    """The variables `STEPS` of one run."""
    return {
        "stiffness": ((), run.stiffness, {"long_name": "largest rate met at κ > 0"}),
        "energy_rise_fraction": (
            (), run.energy_rise_fraction, {"long_name": "share of steps at κ > 0 that raise E"}
        ),
        "unstable_step": (
            (), run.status != "success", {"long_name": "the step is too long for the flow"}
        ),
    }  # fmt: skip


def steps_text(data: xr.Dataset) -> str:
    """The steps of a dataset in a title."""
    if data.attrs["method"] == "euler":
        return rf"Euler, $\Delta t = {data.attrs['dt']:g}$"
    return "converged steps" if data.attrs["method"] == "auto" else str(data.attrs["method"])
