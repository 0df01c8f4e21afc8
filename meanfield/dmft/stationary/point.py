"""One point of `stationary`: its results at one resolution, error estimates and status."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...common.arguments import Array
from ...common.result import ABSENT, CONVERGED, FLAGGED
from ...transfer import TransferFunction
from . import energy
from .decay import CovarianceDecay, binding_rate
from .hermite import MAX_NODES, HermiteSeries, hermite_series, horner, moments, normal_nodes

RESULTS = ("delta0", "q", "kinetic_energy", "lyapunov", "r_int", "decay_rate", "tau_half")
ERRORS = ("residual", "quadrature_error", "truncation_error", "collocation_error")
CURVES = ("tau", "delta", "C")
# Elements of the Lyapunov operator start where θ is this share of the width of the well.
_FIRST_ELEMENT = 0.2
# The coarse grid and the coarse panels that the error estimates compare with.
_COARSE = 0.8
_FEWER = 4
# Grids of the Gaussian averages, the finer ones for a φ with poles nearer than its bend suggests.
_REFINEMENTS = (1.0, 2.0, 4.0)
_ADVICE = {
    "residual": "rounding of the energy condition; raise tol",
    "quadrature_error": "phi is too sharp for the grid; raise tol or use a smoother phi",
    "truncation_error": "raise order",
    "collocation_error": "raise nodes or tol",
}
# The default lags end where ρ = sech θ with this θ, about 1e-5 (in the null state: this many
# decay times, or time constants where the decay time is infinite).
_LAST_THETA = 12.0
_SLOWEST = 1e-3


@dataclass(frozen=True, eq=False)
class ResolvedState:
    """Results at one resolution."""

    delta0: float
    q: float
    kinetic_energy: float
    lyapunov: float
    r_int: float
    decay_rate: float
    tau_half: float
    truncation: float  # largest relative error from the series
    decay: CovarianceDecay

    def distance(self, other: ResolvedState) -> float:
        """Largest relative difference of the results."""
        scales = {name: abs(getattr(self, name)) for name in RESULTS}
        scales["lyapunov"] = max(scales["lyapunov"], self.decay_rate**2)
        changes = [
            abs(getattr(self, name) - getattr(other, name)) / scale
            for name, scale in scales.items()
            if scale != 0
        ]
        # Unlike max(), keeps nan.
        return float(np.max(changes))


def evaluate(
    network: energy.NoisyNetwork, series: HermiteSeries, nodes: int, refinement: float
) -> ResolvedState:
    """Everything that follows from the series."""
    phi, g, sigma = network
    delta0 = series.delta0
    here = moments(phi, delta0, refinement)
    width = 1 / math.sqrt(1 + delta0 / phi.length**2)
    decay = CovarianceDecay(energy.well(series, g), energy.noise_share(sigma, delta0), width, nodes)
    rate = decay.rate
    k, squares = series.degree[1:], series.squares[1:]
    # g²q − Δ₀ + σ² with κ² = 1 − g²c₁²/Δ₀ = w₀ + H(0) inserted: no differences.
    excess = g * g * float(np.sum(squares * (k - 1) / (k + 1)))
    drive = sigma * sigma * (1 - sigma * (sigma / (4 * delta0)))
    attraction = g * g / delta0 * k * squares

    def potential(tau: Array) -> Array:
        r = decay.rho(tau.ravel()).reshape(tau.shape) ** 2
        return -r * horner(attraction, r)

    keep = decay.theta >= _FIRST_ELEMENT * width
    keep[0] = True
    binding = binding_rate(potential, decay.tau[keep], nodes)
    # 1 + λ = √(1 − κ² + s²), and 1 − κ² = g²⟨φ'⟩².
    growth = math.hypot(g * here.slope, binding)
    return ResolvedState(
        delta0=delta0,
        q=here.q,
        kinetic_energy=(excess + drive) / 2,
        lyapunov=-(rate - binding) * (rate + binding) / (1 + growth),
        r_int=here.slope,
        decay_rate=rate,
        tau_half=decay.tau_half,
        # What the series leaves out of H and of the potential, relative to κ².
        truncation=series.truncation * max(1.0, here.steepness * (g / rate) ** 2),
        decay=decay,
    )


class Controls(NamedTuple):
    """Arguments of the call that every point shares; `lags` are those of the caller, if any."""

    lags: Array | None
    n_tau: int
    tol: float
    order: int
    nodes: int

    @property
    def times(self) -> int:
        """Number of lags."""
        return self.n_tau if self.lags is None else self.lags.size


def solve(network: energy.NoisyNetwork, controls: Controls) -> dict[str, Any]:
    """One point: a value for each array of the result."""
    phi, g, sigma = network
    if sigma == 0 and g * phi.slope <= 1:
        return _null(phi, g, controls)
    row = _failed(controls)
    try:
        delta0 = energy.initial_variance(network, order=controls.order, tol=controls.tol)
    except energy.NoStateError as error:
        return row | {"status": ABSENT, "reason": str(error)}
    except energy.OutOfReachError as error:
        return row | {"reason": str(error)}
    for refinement in _REFINEMENTS:
        if refinement > 1 and normal_nodes(phi, delta0, refinement).size > MAX_NODES:
            break
        row, unresolved = _attempt(network, delta0, controls, refinement)
        if row["status"] == CONVERGED or not unresolved:
            break
    return row


def _attempt(
    network: energy.NoisyNetwork, delta0: float, controls: Controls, refinement: float
) -> tuple[dict[str, Any], bool]:
    """A row of the result, and whether a finer Gaussian grid could improve it."""
    _, _, tol, order, nodes = controls
    row = _failed(controls)
    guarded = refinement < _REFINEMENTS[-1]
    series, row["residual"] = energy.refined(
        network, delta0, order=order, refinement=refinement, guarded=guarded
    )
    row["order"] = 2 * series.coefficients.size - 1
    complete = series.truncation <= tol
    fine = evaluate(network, series, nodes, refinement) if complete else None
    row["truncation_error"] = error = series.truncation if fine is None else fine.truncation
    if fine is None or not error <= tol:
        name = "quadrature_error" if series.aliased else "truncation_error"
        return row | {"reason": _reason(name, error, tol)}, series.aliased
    coarser = _COARSE * refinement
    coarse_series = hermite_series(
        network.phi, series.delta0, order=order, refinement=coarser, guarded=guarded
    )
    coarse = evaluate(network, coarse_series, nodes, coarser)
    shift = energy.correction(network, coarse_series, coarser)
    row["quadrature_error"] = float(np.maximum(abs(shift), fine.distance(coarse)))
    fewer = evaluate(network, series, nodes - _FEWER, refinement)
    row["collocation_error"] = fine.distance(fewer)
    worst = ERRORS[int(np.argmax([row[name] for name in ERRORS]))]
    if not row[worst] <= tol:
        return row | {"reason": _reason(worst, row[worst], tol)}, worst == "quadrature_error"
    if controls.lags is None:
        row["tau"] = _default_lags(fine, controls.n_tau)
    rho = fine.decay.rho(row["tau"])
    row |= {name: getattr(fine, name) for name in RESULTS}
    row |= {"delta": fine.delta0 * rho, "C": series.correlation(rho)}
    return row | {"status": CONVERGED, "reason": ""}, False


def _reason(name: str, error: float, tol: float) -> str:
    return f"{name} {error:.1e} exceeds tol={tol:g}: {_ADVICE[name]}"


def _default_lags(state: ResolvedState, n_tau: int) -> Array:
    last = state.decay.tau[-1] - (state.decay.theta[-1] - _LAST_THETA) / state.decay_rate
    return np.linspace(0.0, float(last), n_tau)


def _failed(controls: Controls) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys((*RESULTS, *ERRORS), np.nan)
    row |= {name: np.full(controls.times, np.nan) for name in CURVES}
    if controls.lags is not None:
        row["tau"] = controls.lags
    return row | {"order": 0, "status": FLAGGED, "reason": ""}


def _null(phi: TransferFunction, g: float, controls: Controls) -> dict[str, Any]:
    load = g * phi.slope
    rate = math.sqrt((1 - load) * (1 + load))
    row: dict[str, Any] = dict.fromkeys((*RESULTS, *ERRORS), 0.0)
    row |= {name: np.zeros(controls.times) for name in CURVES}
    last = _LAST_THETA / max(rate, _SLOWEST)
    row["tau"] = np.linspace(0.0, last, controls.n_tau) if controls.lags is None else controls.lags
    row |= {"lyapunov": load - 1, "r_int": phi.slope, "decay_rate": rate, "tau_half": np.nan}
    return row | {"order": 0, "status": CONVERGED, "reason": ""}
