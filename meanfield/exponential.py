"""The exponential Adams–Bashforth scheme of order 2: the leak exactly, one evaluation a step.

For ẋ = −x + N(t, x) and steps h,

    x' = e^{−h} x + hφ₁ N + hφ₂ (N − N₋),   φ₁ = (1 − e^{−h})/h,   φ₂ = (e^{−h} − 1 + h)/h²,

with N₋ one step earlier (Cox, Matthews, J. Comput. Phys. 176, 430 (2002)).  Networks and the
single-site processes of their mean-field theory are stepped alike.
"""

import math

import numpy as np

from .common.arguments import Array
from .stability import Rates

# Below this step the series of φ₂ has more digits than its closed form, with so many terms.
_SHORT, _TERMS = 0.5, 14


def weights(h: float) -> tuple[float, float, float]:
    """e^{−h}, hφ₁ and hφ₂."""
    if h >= _SHORT:
        return math.exp(-h), -math.expm1(-h), 1 + math.expm1(-h) / h
    ramp = 0.0
    for k in range(_TERMS, 1, -1):
        ramp = (1 - ramp) * h / k
    return math.exp(-h), -math.expm1(-h), ramp


def amplification(h: float, rates: Rates) -> Array:
    """|ρ| of a step h for modes of these rates, of which the leak is followed exactly."""
    decay, flat, ramp = weights(h)
    rest = rates + 1
    # ρ² = (e^{−h} + (hφ₁ + hφ₂) μ) ρ − hφ₂ μ for N = μx.
    sum_, product = decay + (flat + ramp) * rest, ramp * rest
    root = np.sqrt(sum_ * sum_ - 4 * product)
    return np.maximum(np.abs(sum_ + root), np.abs(sum_ - root)) / 2
