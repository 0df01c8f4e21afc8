"""The two-time functions at large variance, where the Hermite series is too long: sums of arcsines.

With φ(x) = Σ w_i erf(x/(√2 s_i)) (`closed.mixture` for the built-in functions, fitted for others)

    C_φ(ρ) = Σ_ij w_i w_j (2/π) arcsin x,   x = bρ,   b² = Δ₀²/((Δ₀ + s_i²)(Δ₀ + s_j²)),

at any Δ₀, and the energy integral is elementary as well.  At large Δ₀ φ is nearly a sign and b
nearly 1, so that everything is written in c = √(1 − x²) and c₁ = √(1 − b²), which are sums of
positive terms in tanh²θ, ρ = sech θ: no digit is lost where the arcsine is steep.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from ...common.arguments import Array
from ...transfer import TransferFunction
from ..closed import Mixture, mixture
from .hermite import PairFunctions

# Fitted scales: the smallest in units of the length of φ, spacings of their logarithms, of which
# the first that matches φ this well is taken, and points per scale.
_NARROWEST, _SPACINGS, _MATCHED, _POINTS = 0.05, (0.13, 0.1, 0.07), 1e-12, 4
# The fit reaches this many standard deviations, its scales three times as far.
_DEVIATIONS = 10.0
_ROUNDING = 1e-15
# An error of φ and φ', relative, changes the results by up to so many times as much.
_SENSITIVITY = 8.0
# sin δ up to which δ/sin δ − 1 is a series, and its number of terms.
_SMALL_ANGLE, _TERMS = 0.3, 14
# Elements of the temporary arrays.
_CHUNK = 1 << 18
_SERIES = np.cumprod([(2 * k - 1) / (2 * k) for k in range(1, _TERMS + 1)])
_SERIES /= 2 * np.arange(1.0, _TERMS + 1) + 1


class _Pairs(NamedTuple):
    """Every pair of terms once: weight (2/π)w_i w_j, root √((Δ₀+s_i²)(Δ₀+s_j²)), b and c₁."""

    weight: Array
    root: Array
    b: Array
    c1: Array


def _pairs(terms: Mixture, delta0: float) -> _Pairs:
    i, j = np.triu_indices(terms.weight.size)
    # In units of Δ₀, against overflow.
    first, second = terms.square[i] / delta0, terms.square[j] / delta0
    root = np.sqrt((1 + first) * (1 + second))
    weight = np.where(i == j, 2, 4) / np.pi * terms.weight[i] * terms.weight[j]
    c1 = np.sqrt(first + second + first * second) / root
    added = np.abs(weight) / root
    keep = added > _ROUNDING / added.size * np.max(added)
    return _Pairs(weight[keep], delta0 * root[keep], 1 / root[keep], c1[keep])


def energy_share(terms: Mixture, delta0: float) -> float:
    """Var Φ(√Δ₀ z)/Δ₀."""
    weight, _, b, c1 = _pairs(terms, delta0)
    return float(weight @ (np.arctan2(b, c1) - b / (1 + c1)))


def arcsine_functions(terms: Mixture, delta0: float, g: float) -> PairFunctions:
    """What the decay and the averages need, to rounding for these terms."""
    weight, root, b, c1 = pairs = _pairs(terms, delta0)
    angle = np.arctan2(b, c1)
    factor = 2 * g * (g / delta0)

    def over_pairs(theta: Array, summand: Callable[..., Array], weights: Array) -> Array:
        flat = theta.ravel()
        result = np.empty_like(flat)
        step = max(1, _CHUNK // b.size)
        for start in range(0, flat.size, step):
            part = flat[start : start + step, None]
            rho, t2 = 1 / np.cosh(part), np.tanh(part) ** 2
            c = np.sqrt(c1 * c1 + b * b * t2)
            result[start : start + step] = summand(rho, t2, c) @ weights
        return result.reshape(theta.shape)

    def well(theta: Array) -> Array:
        return over_pairs(theta, lambda *at: _well(pairs, *at), factor * weight * b)

    def attraction(theta: Array) -> Array:
        def summand(rho: Array, t2: Array, c: Array) -> Array:
            return (b * rho) ** 2 / (c * (1 + c))

        return over_pairs(theta, summand, g * (g / root) * weight)

    def correlation(rho: Array) -> Array:
        theta = np.arccosh(1 / np.maximum(rho, np.finfo(float).tiny))
        return over_pairs(theta, lambda r, t2, c: np.arctan2(b * r, c), weight)

    narrow = np.sqrt(2 / np.pi) * terms.weight / np.sqrt(delta0 + terms.square)
    return PairFunctions(
        delta0=delta0,
        q=float(weight @ angle),
        slope=float(np.sum(narrow)),
        steepness=float(weight @ (1 / (root * c1))),
        excess=g * g * float(weight @ (2 * b / (1 + c1) - angle)),
        well=well,
        limit=factor * float(weight @ (angle - b / (1 + c1) - b / 2)),
        depth=float(well(np.zeros(1))[0]),
        attraction=attraction,
        correlation=correlation,
        truncation=0.0,
    )


def _well(pairs: _Pairs, rho: Array, t2: Array, c: Array) -> Array:
    # [h(α₁) − h(α)]/tanh²θ with sin α = x, sin α₁ = b, h = α/sin α − 1/(1 + cos α); the parts that
    # are large at small c are gathered in a first term that is a sum of positive ones.
    _, _, b, c1 = pairs
    x, slant = b * rho, c + rho * c1
    fall = t2 / (1 + rho)
    numerator = c1 * fall + (c + c1) * (c + c1 + c * c1) + c1 * c1 * slant
    sine = b * t2 / slant
    excess = np.zeros_like(sine)
    for a in _SERIES[::-1]:
        excess += a
        excess *= sine * sine
    large = sine > _SMALL_ANGLE
    if np.any(large):
        wide = np.arctan2(sine, c * c1 + b * x)
        excess = np.where(large, wide / np.where(large, sine, 1.0) - 1, excess)
    return (
        numerator / (slant * (c + c1) * (1 + c1) * (1 + c))
        + excess / slant
        - np.arctan2(x, c) / x / (1 + rho)
    )


def expansion(phi: TransferFunction, delta0: float) -> tuple[Mixture, float]:
    """φ as a mixture for x ~ N(0, Δ₀), and the relative error that it makes in the results."""
    return _expansion(phi, math.ceil(math.log10(delta0 / phi.length**2) / 2))


@lru_cache(maxsize=16)
def _expansion(phi: TransferFunction, decades: int) -> tuple[Mixture, float]:
    reach, nearest = _DEVIATIONS * 10.0**decades * phi.length, 1e-2 * phi.length
    x = np.geomspace(nearest, reach, math.ceil(100 * math.log10(reach / nearest)))
    known = mixture(phi)
    tried = [known] if known else (_fitted(phi, reach, spacing) for spacing in _SPACINGS)
    least = math.inf
    for terms in tried:
        wide = np.sqrt(2 * terms.square)
        z = x[:, None] / wide
        slope = np.exp(-z * z) @ (2 / math.sqrt(np.pi) * terms.weight / wide)
        off = max(
            np.max(np.abs(erf(z) @ terms.weight / phi.phi(x) - 1)),
            np.max(np.abs(slope - phi.d1(x))) / phi.slope,
        )
        if not off >= least:
            best, least = terms, off
        if off <= _MATCHED:
            break
    return best, _SENSITIVITY * float(least)


def _fitted(phi: TransferFunction, reach: float, spacing: float) -> Mixture:
    # Least squares on log-spaced scales, relative to φ.
    length = phi.length
    s = np.exp(np.arange(math.log(_NARROWEST * length), math.log(3 * reach), spacing))
    x = np.exp(np.arange(math.log(1e-2 * length), math.log(reach), spacing / _POINTS))
    matrix = erf(x[:, None] / (math.sqrt(2) * s)) / phi.phi(x)[:, None]
    size = np.linalg.norm(matrix, axis=0)
    added = np.linalg.lstsq(matrix / size, np.ones_like(x), rcond=_ROUNDING)[0]
    keep = np.abs(added) > _ROUNDING * np.max(np.abs(added))
    return Mixture(s[keep] ** 2, (added / size)[keep])
