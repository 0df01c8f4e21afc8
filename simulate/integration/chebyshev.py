"""Runge–Kutta–Chebyshev: second order, explicit, with s stages stable up to h λ_max ≈ 0.65 s².

Sommeijer, Shampine and Verwer, *RKC: an explicit solver for parabolic PDEs*, J. Comput. Appl. Math.
88, 315 (1998), with their damping 2/13 and error estimate.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..network import Evaluation, State
from .noise import ColumnNoise
from .problem import Problem
from .schemes import Scheme

_DAMPING = 2 / 13
_MAX_STAGES = 250
# λ_max is known from below to a few per cent and moves between estimates.
_SAFETY = 1.15


class Coefficients(NamedTuple):
    """Of the recurrence over the stages j = 2 … s (arrays indexed by j, entries 0 and 1 unused)."""

    first: float
    base: list[float]
    one_back: list[float]
    two_back: list[float]
    slope: list[float]
    first_slope: list[float]
    times: list[float]


@lru_cache(maxsize=512)
def coefficients(stages: int) -> Coefficients:
    """Coefficients of the scheme with s ≥ 2 stages."""
    w0 = 1 + _DAMPING / stages**2
    value, slope, bend = (np.zeros(stages + 1) for _ in range(3))  # T_j, T'_j, T''_j at w0
    value[:2], slope[1] = (1, w0), 1
    for k in range(2, stages + 1):
        value[k] = 2 * w0 * value[k - 1] - value[k - 2]
        slope[k] = 2 * value[k - 1] + 2 * w0 * slope[k - 1] - slope[k - 2]
        bend[k] = 4 * slope[k - 1] + 2 * w0 * bend[k - 1] - bend[k - 2]
    w1 = slope[-1] / bend[-1]
    b = np.empty(stages + 1)
    b[2:] = bend[2:] / slope[2:] ** 2
    b[:2] = b[2]
    a = 1 - b * value
    j = np.arange(2, stages + 1)
    arrays = [np.zeros(stages + 1) for _ in range(6)]
    base, one_back, two_back, rate, first_rate, times = arrays
    one_back[j] = 2 * w0 * b[j] / b[j - 1]
    two_back[j] = -b[j] / b[j - 2]
    base[j] = 1 - one_back[j] - two_back[j]
    rate[j] = 2 * w1 * b[j] / b[j - 1]
    first_rate[j] = -a[j - 1] * rate[j]
    times[j] = w1 * bend[j] / slope[j]
    times[1] = times[2] / slope[2]
    # Python floats: they leave single precision single.
    return Coefficients(float(b[1] * w1), *(array.tolist() for array in arrays))


class Chebyshev(Scheme):
    """RKC2 with the number of stages chosen from the stiffness of the problem.

    `rate`, the stiffness, is set by the loop, which measures it along the trajectory.
    """

    name = "chebyshev"
    is_stabilised = True

    def __init__(self) -> None:
        self.rate = 0.0

    def largest_rate(self, h: float) -> float:
        """Any: the stages follow the stiffness, and the step where they run out."""
        return math.inf

    def longest_step(self) -> float:
        """Step at which the largest number of stages is just enough."""
        interval = (_MAX_STAGES**2 - 1) * 2 / 3 * (1 - 2 / 15 * _DAMPING)
        return interval / (_SAFETY * max(self.rate, 1e-12))

    def stages(self, h: float) -> int:
        """Fewest stages, at least 2, that are stable at a step h."""
        need = _SAFETY * h * self.rate
        return max(2, int(np.ceil(np.sqrt(1 + need / (2 / 3 * (1 - 2 / 15 * _DAMPING))))))

    def step(
        self, problem: Problem, t: float, x: State, first: Evaluation, h: float, noise: ColumnNoise
    ) -> State:
        """See `Scheme`."""
        c = coefficients(self.stages(h))
        older, old = x, x + (c.first * h) * first.drift
        work = np.empty_like(x)
        for j in range(2, len(c.times)):
            drift = problem.evaluate(t + c.times[j - 1] * h, old).drift
            new = c.base[j] * x
            # Weighted sums in place: these arrays, not the couplings, fill memory at large n.
            for weight, term in (
                (c.one_back[j], old),
                (c.two_back[j], older),
                (c.slope[j] * h, drift),
                (c.first_slope[j] * h, first.drift),
            ):
                np.multiply(term, weight, out=work)
                new += work
            older, old = old, new
        return old

    @staticmethod
    def error(x: State, moved: State, first: Evaluation, last: Evaluation, h: float) -> State:
        """Estimate of the local error, of third order in h."""
        return 0.8 * (x - moved) + (0.4 * h) * (first.drift + last.drift)
