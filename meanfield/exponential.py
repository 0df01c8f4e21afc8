"""Exponential Adams–Bashforth schemes: the leak exactly, one evaluation a step.

For ẋ = −x + N(t, x) and steps h,

    x' = e^{−h} x + hφ₁ N + hφ₂ (N − N₋),   φ₁ = (1 − e^{−h})/h,   φ₂ = (e^{−h} − 1 + h)/h²,

with N₋ one step earlier (Cox, Matthews, J. Comput. Phys. 176, 430 (2002)), is of order 2; of order
p is x' = e^{−h} x + ∫₀^h e^{−(h−s)} P(s) ds, P the polynomial through the last p values of N.
Networks and the single-site processes of their mean-field theory are stepped alike.

Where N = K(t) v and K is known beforehand, as of vectors that move along a path, P need not be
that through values of N:

    v' = e^{−h} [v + ∫₀^h K(s) P(s) ds],

P an extrapolation of the last six values of e^{t} v, which turns slower than v and than K v, and K
on the parabola through its values at both ends and in the middle.  The order is 5, but for a term
h⁴/720 K‴ d(e^{t} v)/dt of the parabola that shows at no step in use.
"""

import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .common.arguments import Array
from .stability import Rates

# Below this step the series of φ₂ has more digits than its closed form, with so many terms.
_SHORT, _TERMS = 0.5, 14
# Gauss–Legendre nodes of ∫ e^{−(h−s)} P(s) ds: to rounding for all steps that are of use.
_NODES = 24
# P of the scheme along a path: a mean of the polynomials through so many values, with weights for
# which its own roots stay below that of the mode up to h|λ + 1| ≈ 0.21, not 0.12 as with the first.
_THROUGH = {5: 1.6, 6: -0.6}
PATH_ORDER, PATH_MEMORY = 5, 6
# |h(λ + 1)| up to which no other root is larger than that of the mode, which is e^{h(λ + 1)} to
# 10⁻³, or a little less; by its angle.
_ANGLES = np.radians(np.arange(60.0, 181.0, 15.0))
_REACH = [0.49, 0.41, 0.298, 0.254, 0.227, 0.216, 0.216, 0.227, 0.26]


def weights(h: float) -> tuple[float, float, float]:
    """e^{−h}, hφ₁ and hφ₂."""
    if h >= _SHORT:
        return math.exp(-h), -math.expm1(-h), 1 + math.expm1(-h) / h
    ramp = 0.0
    for k in range(_TERMS, 1, -1):
        ramp = (1 - ramp) * h / k
    return math.exp(-h), -math.expm1(-h), ramp


@cache
def _nodes() -> tuple[Array, Array]:
    """Gauss–Legendre nodes and weights of [0, 1]."""
    nodes, shares = np.polynomial.legendre.leggauss(_NODES)
    return (1 + nodes) / 2, shares / 2


def lagrange_weights(nodes: Array, at: ArrayLike) -> Array:
    """Of the values at the nodes, the last axis, in the polynomial through them."""
    gaps = nodes[..., :, None] - nodes[..., None, :]
    own = np.eye(nodes.shape[-1], dtype=bool)
    shares = (np.asarray(at)[..., None] - nodes)[..., None, :] / np.where(own, 1.0, gaps)
    return np.asarray(np.prod(np.where(own, 1.0, shares), axis=-1))


@lru_cache(maxsize=64)
def adams(h: float, order: int) -> list[float]:
    """e^{−h}, and the weights of N now, one step earlier, …, of the scheme of this order."""
    s, shares = _nodes()
    passed = h * shares * np.exp(-h * (1 - s))
    return [math.exp(-h), *(passed @ lagrange_weights(-np.arange(float(order)), s)).tolist()]


@cache
def _path() -> Array:
    s, shares = _nodes()
    through = np.zeros((_NODES, PATH_MEMORY))
    for count, share in _THROUGH.items():
        through[:, :count] += share * lagrange_weights(-np.arange(float(count)), s)
    return (through * shares[:, None]).T @ lagrange_weights(np.array([0.0, 0.5, 1.0]), s)


@lru_cache(maxsize=64)
def along_path(h: float) -> Array:
    """Weights of K at t, t + h/2, t + h, as columns, times v now, one step earlier, …, as rows."""
    return h * np.exp(-h * np.arange(1, PATH_MEMORY + 1))[:, None] * _path()


def path_amplification(h: float, rates: Rates) -> Array:
    """|ρ| of a step h for modes of these rates, if K is constant; inf where it is not the mode's.

    Where a root of the scheme's own is larger than that which follows the mode, vectors decay as
    that one does, however fast the mode itself decays.
    """
    with np.errstate(invalid="ignore"):
        passed = h * (rates + 1)
        reach = np.interp(np.abs(np.angle(passed)), _ANGLES, _REACH)
        return np.where(np.abs(passed) < reach, np.exp(h * rates.real), np.inf)


def amplification(h: float, rates: Rates, order: int = 2) -> Array:
    """|ρ| of a step h for modes of these rates, of which the leak is followed exactly."""
    rest = rates + 1
    if order > 2:
        # ρᵖ = e^{−h} ρᵖ⁻¹ + μ Σ w_j ρᵖ⁻¹⁻ʲ.
        decay, *own = adams(h, order)
        known = np.isfinite(rest)
        companion = np.zeros((rest.size, order, order), dtype=np.complex128)
        companion[:, 1:, :-1] = np.eye(order - 1)
        companion[:, 0] = np.where(known, rest, 0)[:, None] * own
        companion[:, 0, 0] += decay
        return np.where(known, np.max(np.abs(np.linalg.eigvals(companion)), axis=1), np.inf)
    decay, flat, ramp = weights(h)
    # ρ² = (e^{−h} + (hφ₁ + hφ₂) μ) ρ − hφ₂ μ for N = μx.
    sum_, product = decay + (flat + ramp) * rest, ramp * rest
    root = np.sqrt(sum_ * sum_ - 4 * product)
    return np.maximum(np.abs(sum_ + root), np.abs(sum_ - root)) / 2
