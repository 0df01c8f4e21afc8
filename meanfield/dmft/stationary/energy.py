"""The variance Δ₀ from the energy of the trajectory, which vanishes at τ = 0 and at τ = ∞.

    F(Δ₀) = 1 − w₀ − 2g² Var Φ(√Δ₀ z)/Δ₀² = 0,   w₀ = σ⁴/(4Δ₀²),

in Hermite coefficients F = κ² − w₀ − H(0) with

    κ² = 1 − g²⟨φ'⟩²,   H(0) = (2g²/Δ₀) Σ_{k≥3} c_k²/(k + 1).

The first form brackets the root; the second, whose terms are all small near the onset, keeps the
digits that the first loses there.
"""

import math
from typing import NamedTuple

import numpy as np

from ...common.arguments import Array
from ...common.result import ABSENT, FLAGGED
from ...quadrature import POLE
from ...transfer import TransferFunction
from .hermite import HermiteSeries, hermite_series, is_small, moments, variance_of_primitive

# Δ₀ outside this range would overflow or underflow where it is squared.
_SMALLEST, _LARGEST = 1e-250, 1e250
# The search ends at a Δ₀ whose series would take this many times the degree allowed: the estimate
# of the degree is rough.
_BEYOND = 4.0
# A relative correction of Δ₀ this small is rounding.
_ROUNDING = 3e-15
# The series closes the energy condition only where it is complete.
_COMPLETE = 1e-12
_FEW = 255


class NoisyNetwork(NamedTuple):
    """What a point is asked for: φ, g and σ."""

    phi: TransferFunction
    g: float
    sigma: float


class NoStateError(ValueError):
    """The energy condition has no solution, or none within reach: status and reason."""


def noise_share(sigma: float, delta0: float) -> float:
    """The w₀ of the energy condition, (ρ'/ρ)² at τ = 0⁺."""
    return (sigma * (sigma / (2 * delta0))) ** 2


def well(series: HermiteSeries, g: float) -> Array:
    """Coefficients of H in powers of ρ²: (1 − ρ²) H = (2g²/Δ₀) Σ_{k≥3} c_k² (1 − ρ^(k−1))/(k+1)."""
    terms = series.squares[1:] / (series.degree[1:] + 1)
    return 2 * g * g / series.delta0 * np.cumsum(terms[::-1])[::-1]


def initial_variance(network: NoisyNetwork, *, order: int, tol: float) -> float:
    """Δ₀ to the accuracy of F; `order` and `tol` limit the search."""
    phi, g, sigma = network
    load = g * phi.slope
    if phi.is_linear:
        if load >= 1:
            raise NoStateError(ABSENT, "no stationary state: phi is linear and g phi'(0) >= 1")
        delta0 = sigma / 2 * (sigma / math.sqrt((1 - load) * (1 + load)))
        if not _SMALLEST < delta0 < _LARGEST:
            raise NoStateError(
                FLAGGED,
                f"delta0={delta0:g} is beyond the range of the arithmetic: bring sigma nearer to 1",
            )
        return delta0
    digits = -math.log(min(max(tol, 1e-16), 0.1))
    most = _BEYOND * order * (2 * POLE * phi.length / digits) ** 2
    low = max(sigma * sigma / 2, 0.05 * (load - 1) * phi.length**2, _SMALLEST)
    if not low < most:
        raise _out_of_reach(most, order)
    while energy_gap(network, low) >= 0:
        low /= 8
        if low < _SMALLEST:
            raise NoStateError(
                FLAGGED, f"delta0 is below {_SMALLEST:g}, the range of the arithmetic: raise sigma"
            )
    high = 2 * low
    while energy_gap(network, high) <= 0:
        low, high = high, 2 * high
        if high > most:
            raise _out_of_reach(most, order)

    from scipy.optimize import brentq

    def gap(logarithm: float) -> float:
        return energy_gap(network, math.exp(logarithm))

    return math.exp(brentq(gap, math.log(low), math.log(high), xtol=1e-15, rtol=1e-15))


def _out_of_reach(most: float, order: int) -> NoStateError:
    return NoStateError(
        FLAGGED,
        f"no stationary state has delta0 below {most:.2g}, above which the Hermite series would "
        f"need a degree far beyond order={order}: raise order",
    )


def energy_gap(network: NoisyNetwork, delta0: float) -> float:
    """F of the module, from whichever form keeps its sign."""
    phi, g, sigma = network
    if is_small(phi, delta0):
        return _series_gap(network, hermite_series(phi, delta0, order=_FEW), 1.0)
    variance = variance_of_primitive(phi, delta0)
    return 1 - noise_share(sigma, delta0) - 2 * (g / delta0) * variance * (g / delta0)


def _series_gap(network: NoisyNetwork, series: HermiteSeries, refinement: float) -> float:
    phi, g, sigma = network
    here = moments(phi, series.delta0, refinement)
    rate2 = (1 - g * phi.slope + g * here.loss) * (1 + g * here.slope)
    return float(rate2 - noise_share(sigma, series.delta0) - well(series, g)[0])


def _slope(network: NoisyNetwork, series: HermiteSeries) -> float:
    _, g, sigma = network
    # dF/d log Δ₀, with dc_k/d log Δ₀ = (k c_k + √((k+1)(k+2)) c_{k+2})/2.
    c, k = series.coefficients, series.degree
    after = np.append(c[1:], 0.0)
    terms = c * ((k - 1) * c + np.sqrt((k + 1) * (k + 2)) * after) / (k + 1)
    total = float(np.sum(terms))
    return 2 * noise_share(sigma, series.delta0) - 2 * g * g / series.delta0 * total


def correction(network: NoisyNetwork, series: HermiteSeries, refinement: float) -> float:
    """Relative correction of Δ₀ by one Newton step on the energy condition."""
    gap = _series_gap(network, series, refinement)
    if series.truncation > _COMPLETE:
        gap = energy_gap(network, series.delta0)
    slope = _slope(network, series)
    return gap / slope if slope != 0 else math.inf


def refined(
    network: NoisyNetwork, delta0: float, *, order: int, refinement: float, guarded: bool
) -> tuple[HermiteSeries, float]:
    """The series at the Δ₀ near `delta0` that solves the energy condition, and its residual."""
    last = math.inf
    while True:
        series = hermite_series(
            network.phi, delta0, order=order, refinement=refinement, guarded=guarded
        )
        step = correction(network, series, refinement)
        size = abs(step)
        if series.truncation > _COMPLETE or size <= _ROUNDING or not size < last / 2:
            return series, size
        last = size
        delta0 *= 1 - max(min(step, 0.5), -0.5)
