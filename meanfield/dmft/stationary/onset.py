"""The gain at which the state of a network with independent couplings turns unstable.

Without noise it is static, and Δ₀ rather than g is what it is followed in: g² = (Δ₀ − σ_b²)/q, from
Δ₀ = σ_b² at g = 0.  It is left where g²⟨φ'²⟩ = 1, or sooner where g² stops rising, which is where
g²⟨φ'² + φφ''⟩ = 1.
"""

import math
from typing import Any

import numpy as np
import scipy

from ...common.arguments import ArgumentError
from ...common.result import NotConvergedError
from ...transfer import TransferFunction
from .frozen import Averages, BiasedNetwork, averages
from .roots import at_rest
from .solver import Stationary, stationary

# Where the search begins, as a share of the instability, and ends, in units of every scale.
_BEGIN, _END, _STEP = 1e-6, 1e8, 1.2
_GRIDS, _DIGITS, _PRECISION = (1.0, 2.0, 4.0, 8.0), 1e-12, 1e-13
# From here on the gain is raised by so much until λ > 0.
_SLOW, _FASTER = 0.5, 1.4
# Share of the gain at which the variance of a φ without bound diverges up to which it is raised.
_BELOW = 0.95
# Tolerances of states, for λ and for its sign.
_TOLERANCE, _ROUGHLY = 1e-10, 1e-4


def onset(phi: TransferFunction, bias_std: float, bias_mean: float, sigma: float) -> float:
    """The g where the state turns unstable; inf where it never does."""
    if sigma:
        return _noisy(phi, bias_std, bias_mean, sigma)
    return _static(phi, bias_std, bias_mean)


def _static(phi: TransferFunction, bias_std: float, bias_mean: float) -> float:
    rest = at_rest(BiasedNetwork(phi, 1.0, 0.0, bias_std, bias_mean, 0.0))
    if rest is not None:
        return 1 / math.sqrt(rest.steepness) if rest.steepness > 0 else math.inf
    found = math.nan
    for refinement in _GRIDS:
        last, found = found, _followed(phi, bias_std, bias_mean, refinement)
        if last == found or abs(last - found) <= _DIGITS * found:
            break
    return found


def _followed(phi: TransferFunction, bias_std: float, bias_mean: float, refinement: float) -> float:

    def here(log: float) -> Averages:
        return averages(phi, bias_mean, bias_std**2 + math.exp(log), refinement)

    def excess(log: float) -> float:
        found = here(log)
        most = max(float(found.steepness), float(found.rise))
        return math.exp(log) * most / float(found.q) - 1

    scale2 = max(phi.unit**2, bias_std**2, bias_mean**2)
    first = averages(phi, bias_mean, max(bias_std**2, _BEGIN**2 * scale2), refinement)
    steepest = max(float(first.steepness), float(first.rise), float(first.q) / scale2)
    log = math.log(_BEGIN * float(first.q) / steepest)
    while excess(log) < 0:
        log += math.log(_STEP)
        if math.exp(log) > _END * scale2:
            # φ has no bound, and g² → Δ₀/q its limit.
            return _largest(phi, math.sqrt(scale2))
    root = scipy.optimize.brentq(excess, log - math.log(_STEP), log, xtol=_PRECISION)
    return math.sqrt(math.exp(root) / float(here(root).q))


def _largest(phi: TransferFunction, scale: float) -> float:
    """The gain from which on the slopes of φ far out let every variance grow."""
    far = phi.d1(np.array([-1.0, 1.0]) * _END * scale)
    slope = math.sqrt(float(np.mean(far**2)))
    return 1 / slope if slope * _END > phi.steepness else math.inf


def _noisy(phi: TransferFunction, bias_std: float, bias_mean: float, sigma: float) -> float:

    offsets: dict[str, Any] = {"sigma": sigma, "bias_std": bias_std, "bias_mean": bias_mean}
    told = ", ".join(f"{name}={number:g}" for name, number in offsets.items() if number)

    def state_at(g: float, tol: float) -> Stationary:
        return stationary(g, **offsets, phi=phi, n_tau=2, tol=tol, throw=False)

    def exponent(g: float) -> float:
        state = state_at(g, _TOLERANCE)
        if not state.converged:
            raise NotConvergedError(
                f"phi={phi.name!r}, {told}: lost at g={g:g}: {state.reason}", state
            )
        return float(state.lyapunov)

    most = _largest(phi, max(phi.unit, sigma, bias_std, abs(bias_mean)))
    if most < math.inf and state_at(_BELOW * most, _ROUGHLY).lyapunov < 0:
        raise ArgumentError(
            f"phi={phi.name!r}, {told}: no transition, lambda < 0 still at g={_BELOW * most:.4g}, "
            f"and near g={most:.4g} the variance of a phi without bound diverges: take sigma=0 or "
            "a phi that saturates"
        )
    high = min(_SLOW / phi.steepness, _BELOW * most)
    while exponent(high) < 0:
        high = min(_FASTER * high, _BELOW * most)
    return float(
        scipy.optimize.brentq(
            exponent, high / _FASTER, high, xtol=_PRECISION * high, rtol=_PRECISION
        )
    )
