"""One point of `stationary`: resolutions tried, error estimates and status."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...transfer import Array, TransferFunction
from .energy import NoStateError, correction, initial_variance, polished
from .hermite import MAX_NODES, hermite_series, normal_nodes
from .point import RESULTS, Point, evaluate
from .solution import CURVES, DESCRIPTIONS, ERRORS

# The coarse grid and the coarse panels that the error estimates compare with.
_COARSE = 0.8
_FEWER = 4
# Grids of the Gaussian averages, the finer ones for a φ with poles nearer than its bend suggests.
_REFINEMENTS = (1.0, 2.0, 4.0)
_ADVICE = {
    "residual": "rounding of the energy condition",
    "quadrature_error": "phi is too sharp for the grid",
    "truncation_error": "raise order",
    "collocation_error": "raise nodes",
}
# The default lags end where ρ = sech θ with this θ, about 1e-5 (in the null state: this many
# decay times, or time constants where the decay time is infinite).
_LAST_THETA = 12.0
_SLOWEST = 1e-3


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


def solve(phi: TransferFunction, g: float, sigma: float, controls: Controls) -> dict[str, Any]:
    """One point: a value for each array of the result."""
    if sigma == 0 and g * phi.slope <= 1:
        return _null(phi, g, controls)
    row = _failed(controls)
    try:
        delta0 = initial_variance(phi, g, sigma, order=controls.order, tol=controls.tol)
    except NoStateError as error:
        return row | {"reason": str(error)}
    for refinement in _REFINEMENTS:
        if refinement > 1 and normal_nodes(phi, delta0, refinement).size > MAX_NODES:
            break
        row, unresolved = _attempt(phi, g, sigma, delta0, controls, refinement)
        if row["converged"] or not unresolved:
            break
    return row


def _attempt(
    phi: TransferFunction,
    g: float,
    sigma: float,
    delta0: float,
    controls: Controls,
    refinement: float,
) -> tuple[dict[str, Any], bool]:
    """A row of the result, and whether a finer Gaussian grid could improve it."""
    _, _, tol, order, nodes = controls
    row = _failed(controls)
    guarded = refinement < _REFINEMENTS[-1]
    series, row["residual"] = polished(
        phi, g, sigma, delta0, order=order, refinement=refinement, guarded=guarded
    )
    row["order"] = 2 * series.coefficients.size - 1
    complete = series.truncation <= tol
    fine = evaluate(phi, g, sigma, series, nodes, refinement) if complete else None
    row["truncation_error"] = error = series.truncation if fine is None else fine.truncation
    if fine is None or not error <= tol:
        name = "quadrature_error" if series.aliased else "truncation_error"
        return row | {"reason": _reason(name, error, tol)}, series.aliased
    coarser = _COARSE * refinement
    coarse_series = hermite_series(
        phi, series.delta0, order=order, refinement=coarser, guarded=guarded
    )
    coarse = evaluate(phi, g, sigma, coarse_series, nodes, coarser)
    shift = correction(phi, g, sigma, coarse_series, coarser)
    row["quadrature_error"] = float(np.maximum(abs(shift), fine.distance(coarse)))
    fewer = evaluate(phi, g, sigma, series, nodes - _FEWER, refinement)
    row["collocation_error"] = fine.distance(fewer)
    worst = ERRORS[int(np.argmax([row[name] for name in ERRORS]))]
    if not row[worst] <= tol:
        return row | {"reason": _reason(worst, row[worst], tol)}, worst == "quadrature_error"
    if controls.lags is None:
        row["tau"] = _default_lags(fine, controls.n_tau)
    rho = fine.trajectory.rho(row["tau"])
    row |= {name: getattr(fine, name) for name in RESULTS}
    row |= {"delta": fine.delta0 * rho, "C": series.correlation(rho)}
    return row | {"converged": True, "reason": ""}, False


def _reason(name: str, error: float, tol: float) -> str:
    return f"{name} {error:.1e} exceeds tol={tol:g}: {_ADVICE[name]}"


def _default_lags(point: Point, n_tau: int) -> Array:
    last = point.trajectory.tau[-1] - (point.trajectory.theta[-1] - _LAST_THETA) / point.decay_rate
    return np.linspace(0.0, float(last), n_tau)


def _failed(controls: Controls) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(DESCRIPTIONS, np.nan)
    row |= {name: np.full(controls.times, np.nan) for name in CURVES}
    if controls.lags is not None:
        row["tau"] = controls.lags
    return row | {"converged": False, "order": 0, "reason": ""}


def _null(phi: TransferFunction, g: float, controls: Controls) -> dict[str, Any]:
    load = g * phi.slope
    rate = math.sqrt((1 - load) * (1 + load))
    row: dict[str, Any] = dict.fromkeys(DESCRIPTIONS, 0.0)
    row |= {name: np.zeros(controls.times) for name in CURVES}
    last = _LAST_THETA / max(rate, _SLOWEST)
    row["tau"] = np.linspace(0.0, last, controls.n_tau) if controls.lags is None else controls.lags
    row |= {"lyapunov": load - 1, "r_int": phi.slope, "decay_rate": rate, "tau_half": np.nan}
    return row | {"converged": True, "order": 0, "reason": ""}
