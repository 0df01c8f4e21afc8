"""Couplings, starts and steps of the figures of [HH], and what their runs say about the steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield import SampledInput
from meanfield.common import arguments, seeds
from meanfield.common.arguments import ArgumentError, Array
from meanfield.common.options import Couplings, MatrixFile
from meanfield.common.study import CONVERGED, PRINTED, told

from ..couplings import PAPER_SETS, dale, dale_mean, elliptic, lazy
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


def network(
    n: int, g: float, seed: int, gamma: float = 0.0, couplings: Couplings = "elliptic"
) -> tuple[Any, Array]:
    """Couplings and start x ~ N(0, 1); gains differ by the factor g of J alone."""
    J, _ = make_couplings(couplings, n, g, gamma, seed)
    return J, seeds.generator(seed, "start").standard_normal(n)


def printed_set(name: str, n: int, seed: int) -> Array:
    """Couplings of an E–I network of [HH] Fig. 6."""
    return dale(n, seed=seed, sparse=False, zero_row_sum=False, **PAPER_SETS[name])


def make_couplings(
    kind: Couplings, n: int, g: float | None, gamma: float | None, seed: int, *, usual: float = 1.0
) -> tuple[Any, dict[str, float]]:
    """Couplings by name or g times those of a file, and their parameters; `usual` is a gain."""
    if isinstance(kind, MatrixFile):
        return (1.0 if g is None else arguments.positive("g", g)) * kind.values, {}
    name = kind.removeprefix("dale-")
    if name in PAPER_SETS:
        if g is not None or gamma is not None:
            raise ArgumentError(f"couplings={kind}: has no g and no gamma")
        return printed_set(name, n, seed), PAPER_SETS[name]
    g, gamma = usual if g is None else g, 0.0 if gamma is None else gamma
    noted = {"g": g, "gamma": gamma}
    if kind == "lazy":
        return lazy(n, g, gamma, seed=seed, tol=1e-3), noted
    return elliptic(n, g, gamma, seed=seed), noted


def mean_coupling(network: str, n: int) -> float:
    """N·E[J] of an E–I network of [HH] Fig. 6."""
    placed = {name: PAPER_SETS[network][name] for name in ("f", "alpha", "mu_e", "mu_i")}
    return n * dale_mean(n, **placed)


def make_bias(n: int, mean: float, std: float, seed: int) -> Array | float:
    """Biases of this mean and spread, one of each neuron of a network."""
    std = arguments.nonnegative("bias_std", std)
    return mean + std * seeds.generator(seed, "bias").standard_normal(n) if std else mean


def check_columns(inputs: SampledInput | None, n: int) -> None:
    """Refuse an input of other neurons than those of the network."""
    columns = np.shape(inputs.values)[1:] if inputs is not None else ()
    if columns not in ((), (n,)):
        assert inputs is not None
        raise ArgumentError(f"n={n}: inputs={inputs.name} has {columns[0]} columns, one a neuron")


def couplings_text(data: xr.Dataset) -> str:
    """Size and couplings of one network in a title."""
    facts = data.attrs
    kind = facts["couplings"]
    if is_given(data):
        kind = rf"{symmetry_text(data)}, factor $g = {facts['g']:g}$"
    elif facts["g"] is not None:
        kind = rf"$g = {facts['g']:g}$, $\gamma = {facts['gamma']:g}$"
    return rf"{kind}{bias_text(data)}, $N = {facts['n']}$"


def is_given(data: xr.Dataset) -> bool:
    """Whether its couplings came from a file."""
    return Path(data.attrs["couplings"]).suffix != ""


def symmetry_text(data: xr.Dataset) -> str:
    """The symmetry of its couplings in a title, or the file they came from."""
    if is_given(data):
        return Path(data.attrs["couplings"]).name.replace("$", r"\$")
    return rf"$\gamma = {data.attrs.get('gamma', 0.0):g}$"


def whose_text(data: xr.Dataset) -> str:
    """Whose numbers they are in a title: of so many couplings, or of those of a file."""
    return symmetry_text(data) if is_given(data) else f"{data.sizes['replicate']} couplings"


def bias_text(data: xr.Dataset) -> str:
    """Biases in a title, if there are any."""
    mean, std = data.attrs["bias"], data.attrs["bias_std"]
    return rf", $b = {mean:g} \pm {std:g}$" if mean or std else ""


def step_facts(run: Trajectory | LyapunovExponent) -> dict[str, Any]:
    """The variables `STEPS` of one run."""
    rises = run.energy_rise_fraction
    return {
        "scheme": told((), run.method, "scheme that ran"),
        "stiffness": told((), run.stiffness, "largest rate met at κ > 0", reduce="max"),
        "energy_rise_fraction": told((), rises, "share of steps at κ > 0 that raise E"),
        "unstable_step": told((), not run.converged, "the step is too long for the flow"),
    }


def steps_text(data: xr.Dataset) -> str:
    """The steps of a dataset in a title."""
    if data.attrs["method"] == "euler":
        return rf"Euler, $\Delta t = {data.attrs['dt']:g}$"
    return "converged steps" if data.attrs["method"] == "auto" else str(data.attrs["method"])
