"""Exponential Adams–Bashforth schemes: the leak exactly, one evaluation a step.

For ẋ = −x + N(t, x) and steps h,

    x' = e^{−h} x + hφ₁ N + hφ₂ (N − N₋),   φ₁ = (1 − e^{−h})/h,   φ₂ = (e^{−h} − 1 + h)/h²,

with N₋ one step earlier (Cox, Matthews, J. Comput. Phys. 176, 430 (2002)), is of order 2; of order
p is x' = e^{−h} x + ∫₀^h e^{−(h−s)} P(s) ds, P the polynomial through the last p values of N.
Networks and the single-site processes of their mean-field theory are stepped alike.
"""

import math
from functools import lru_cache

import numpy as np

from .common.arguments import Array
from .stability import Rates

# Below this step the series of φ₂ has more digits than its closed form, with so many terms.
_SHORT, _TERMS = 0.5, 14
# Gauss–Legendre nodes of ∫ e^{−(h−s)} P(s) ds: to rounding for all steps that are of use.
_NODES = 24


def weights(h: float) -> tuple[float, float, float]:
    """e^{−h}, hφ₁ and hφ₂."""
    if h >= _SHORT:
        return math.exp(-h), -math.expm1(-h), 1 + math.expm1(-h) / h
    ramp = 0.0
    for k in range(_TERMS, 1, -1):
        ramp = (1 - ramp) * h / k
    return math.exp(-h), -math.expm1(-h), ramp


@lru_cache(maxsize=64)
def adams(h: float, order: int) -> list[float]:
    """e^{−h}, and the weights of N now, one step earlier, …, of the scheme of this order."""
    nodes, shares = np.polynomial.legendre.leggauss(_NODES)
    s = (1 + nodes) / 2
    passed = h * shares / 2 * np.exp(-h * (1 - s))
    found = [math.exp(-h)]
    for j in range(order):
        others = np.array([k for k in range(order) if k != j])
        found.append(float(passed @ np.prod((s[:, None] + others) / (others - j), axis=1)))
    return found


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
