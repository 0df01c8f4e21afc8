"""The variance Δ₀ from the energy of the trajectory, which vanishes at τ = 0 and at τ = ∞.

    F(Δ₀) = 1 − w₀ − 2g² Var Φ(√Δ₀ z)/Δ₀² = 0,   w₀ = σ⁴/(4Δ₀²),

in Hermite coefficients F = κ² − w₀ − H(0) with

    κ² = 1 − g²⟨φ'⟩²,   H(0) = (2g²/Δ₀) Σ_{k≥3} c_k²/(k + 1).

The first form brackets the root; the second, whose terms are all small near the onset, keeps the
digits that the first loses there.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy

from ...common.result import ABSENT, FLAGGED
from ...quadrature import POLE
from ...transfer import TransferFunction
from .hermite import HermiteSeries, hermite_series, is_small, moments, variance_of_primitive

# Δ₀ outside this range would overflow or underflow where it is squared.
_SMALLEST, _LARGEST = 1e-250, 1e250
# Largest Δ₀ in units of length²: the well of λ is resolved down to 1e-12 of its width.
_FARTHEST = 1e26
# No series is tried at a Δ₀ where it would take this many times the degree allowed: the estimate of
# the degree is rough.
_BEYOND = 4.0
# The scan for several roots, Δ₀ in units of length²: where φ is nearly linear F is nearly a
# straight line and its steps are long; above, they resolve what is as wide as the normal law.
_LINEAR, _NEARLY_LINEAR = 1e-3, 1e-2
_COARSE, _FINE = 3.0, 1.3
# Beyond the bound on all roots; where the search for a single one begins, and its steps.
_ABOVE, _BEGIN, _DOWN, _UP = 1.001, 0.05, 8.0, 2.0
# A relative correction of Δ₀ this small is rounding.
_ROUNDING = 3e-15
# The series closes the energy condition only where it is complete.
_COMPLETE = 1e-12
_STEP, _SECANTS, _TOUCH = 1e-4, 20, 1e-8
_FEW = 255


class NoisyNetwork(NamedTuple):
    """What a point is asked for: φ, g and σ."""

    phi: TransferFunction
    g: float
    sigma: float


class NoStateError(ValueError):
    """The energy condition has no solution, or none within reach: status and reason."""


def within_series(phi: TransferFunction, delta0: float, *, order: int, tol: float) -> bool:
    """Whether a series of degree `order` may be long enough at this Δ₀."""
    digits = -math.log(min(max(tol, 1e-16), 0.1))
    reach = 2 * POLE * phi.length / digits
    return phi.is_linear or delta0 <= _BEYOND * order * reach**2


def noise_share(sigma: Any, delta0: Any) -> Any:
    """The w₀ of the energy condition, (ρ'/ρ)² at τ = 0⁺."""
    return (sigma * (sigma / (2 * delta0))) ** 2


def variances(network: NoisyNetwork) -> list[float]:
    """Every Δ₀ > 0 that solves the energy condition, ascending, to the accuracy of F."""
    phi, g, sigma = network
    load = g * phi.slope
    if sigma == 0 and load <= 1 and phi.is_concave:
        return []
    if phi.is_linear:
        return [_linear_variance(load, sigma)]
    if not phi.is_concave:
        return [_between(network, *edges) for edges in sign_changes(network)]
    low = max(sigma * sigma / 2, _BEGIN * (load - 1) * phi.length**2, _SMALLEST)
    ceiling = _ceiling(phi)
    if not low < ceiling:
        raise _too_large(ceiling)
    while energy_gap(network, low) >= 0:
        low /= _DOWN
        if low < _SMALLEST:
            raise _too_small()
    high = _UP * low
    while energy_gap(network, high) <= 0:
        low, high = high, _UP * high
        if high > ceiling:
            raise _too_large(ceiling)
    return [_between(network, low, high)]


def _linear_variance(load: float, sigma: float) -> float:
    if load >= 1:
        raise NoStateError(ABSENT, "no stationary state: phi is linear and g phi'(0) >= 1")
    delta0 = sigma / 2 * (sigma / math.sqrt((1 - load) * (1 + load)))
    if not _SMALLEST < delta0 < _LARGEST:
        raise NoStateError(
            FLAGGED,
            f"delta0={delta0:g} is beyond the range of the arithmetic: bring sigma nearer to 1",
        )
    return delta0


def _too_small() -> NoStateError:
    return NoStateError(
        FLAGGED, f"delta0 is below {_SMALLEST:g}, the range of the arithmetic: raise sigma"
    )


def _ceiling(phi: TransferFunction) -> float:
    return min(_FARTHEST * phi.length**2, _LARGEST)


def _too_large(delta0: float) -> NoStateError:
    return NoStateError(
        FLAGGED,
        f"no stationary state has delta0 below {delta0:.2g}, beyond which phi is not followed: "
        "lower g and sigma",
    )


def _between(network: NoisyNetwork, low: float, high: float) -> float:

    def gap(logarithm: float) -> float:
        return energy_gap(network, math.exp(logarithm))

    edges = math.log(low), math.log(high)
    # The logarithm may round over a root that is next to an edge.
    if (gap(edges[0]) < 0) == (gap(edges[1]) < 0):
        return low
    return math.exp(scipy.optimize.brentq(gap, *edges, xtol=1e-15, rtol=1e-15))


def sign_changes(network: NoisyNetwork) -> list[tuple[float, float]]:
    """Edges of an interval around every root of F, over the whole range of Δ₀ > 0."""
    # F < 0 below σ²/2, and without noise it keeps the sign of 1 − g²φ'(0)² where φ is still linear.
    # For Var Φ ≤ Δ₀⟨φ²⟩ all roots are below the Δ₀ at which 1 − w₀ − 2g² sup φ²/Δ₀ turns positive;
    # for a φ without bound the scan goes as far as averages can be taken.
    phi, g, sigma = network
    unit = phi.length**2
    low = sigma * sigma / 2
    if sigma == 0:
        low = _LINEAR * unit * min(max(abs(g * phi.slope - 1), _ROUNDING), 1.0)
    if low < _SMALLEST:
        raise _too_small()
    bound = g * phi.saturation * (g * phi.saturation)
    top = _ABOVE * (bound + math.hypot(bound, sigma * sigma / 2))
    ceiling = _ceiling(phi)
    if not low < ceiling:
        raise _too_large(ceiling)
    if not math.isfinite(first := energy_gap(network, low)):
        raise _too_large(low)
    places, gaps = [low], [first]
    while places[-1] < min(top, ceiling):
        fine = places[-1] > _NEARLY_LINEAR * unit
        place = places[-1] * (_FINE if fine else _COARSE)
        if not math.isfinite(gap := energy_gap(network, place)):
            # Averages of a φ that grows fast overflow.
            ceiling = places[-1]
            break
        places.append(place)
        gaps.append(gap)
    found = []
    for k in range(1, len(places)):
        if (gaps[k - 1] < 0) != (gaps[k] < 0):
            found.append((places[k - 1], places[k]))
        elif k + 1 < len(places):
            beside = partial(_beside, places[k - 1 : k + 2])
            share = touch(gaps[k - 1 : k + 2], lambda s, at=beside: energy_gap(network, at(s)))  # type: ignore[misc]
            if share is not None:
                found += [(places[k - 1], beside(share)), (beside(share), places[k + 1])]
    if not found and gaps[-1] < 0:
        raise _too_large(ceiling)
    return found


def _beside(places: Sequence[float], share: float) -> float:
    """Between three places, which are at −1, 0 and 1."""
    before, here, after = places
    return float(here * ((after if share > 0 else before) / here) ** abs(share))


def touch(gaps: Sequence[float], at: Callable[[float], float]) -> float | None:
    """Where a function of one sign at −1, 0 and 1 has the other between them, if it does."""
    sign = math.copysign(1.0, gaps[1])
    before, here, after = (sign * gap for gap in gaps)
    # No extremum, or one whose parabola stays away from zero.
    if not (after > 0 and here < before and here < after):
        return None
    if here > before - here + after - here:
        return None

    nearest = scipy.optimize.minimize_scalar(
        lambda share: sign * at(share), bounds=(-1, 1), method="bounded", options={"xatol": _TOUCH}
    )
    return None if nearest.fun >= 0 else float(nearest.x)


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
    return float(rate2 - noise_share(sigma, series.delta0) - series.well(g)[0])


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


def refined_by(
    network: NoisyNetwork, delta0: float, share: Callable[[float], float]
) -> tuple[float, float]:
    """The Δ₀ near `delta0` that solves the energy condition with Var Φ/Δ₀ = `share`; residual."""
    _, g, sigma = network

    def gap(logarithm: float) -> float:
        here = math.exp(logarithm)
        return 1 - noise_share(sigma, here) - 2 * g * (g / here) * share(here)

    # Secants; F is smooth and nearly linear so close to its root.
    before, now = math.log(delta0) - _STEP, math.log(delta0)
    last = gap(before)
    for _ in range(_SECANTS):
        value = gap(now)
        if value in (0.0, last):
            break
        move = value * (now - before) / (value - last)
        before, last, now = now, value, now - move
        if abs(move) <= _ROUNDING:
            break
    slope = (gap(now + _STEP) - gap(now - _STEP)) / (2 * _STEP)
    residual = abs(gap(now) / slope) if slope else math.inf
    return math.exp(now), residual
