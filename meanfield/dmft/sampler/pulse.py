"""Stationary response by propagation of tangents of single trajectories."""

from __future__ import annotations

import numpy as np

from ... import exponential
from ...transfer import Array


def stationary_pulse(slopes: Array, step: float, g: float, gamma: float) -> Array:
    """R(τ) of the vanilla dynamics, τ = 0, h, 2h, …, with R(0) its value at 0⁺.

    δẋ = −δx + γg² ∫ R(τ − τ′) φ′δx(τ′) dτ′ along every trajectory after a pulse, R = ⟨φ′δx⟩: as in
    `kernels`, but the response is a function of the lag, so that pulses at one time per trajectory
    give it all.

    Parameters
    ----------
    slopes : (n, m) array
        φ′(x) at n steps after the pulse of m trajectories.
    step : float
        h.
    g, gamma : float
    """
    n = len(slopes)
    decay, flat, ramp = exponential.weights(step)
    history = np.zeros_like(slopes)
    response = np.zeros(n)
    tangent = np.ones(slopes.shape[1])
    last: Array | None = None
    strength = gamma * g * g
    for k in range(n):
        history[k] = slopes[k] * tangent
        response[k] = history[k].mean()
        if k + 1 == n:
            break
        # Trapezoidal sum over ∫₀^τ R(τ − τ′) δφ(τ′) dτ′.
        weights = strength * step * response[k::-1]
        weights[0] /= 2
        weights[-1] /= 2
        rest = weights @ history[: k + 1] if k else np.zeros_like(tangent)
        moved = decay * tangent + flat * rest
        moved += ramp * (rest - last) if last is not None else 0.0
        tangent, last = moved, rest
    return response
