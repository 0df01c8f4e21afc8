"""One point of the stationary theory: Δ₀, the trajectory of Δ and the Lyapunov operator."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ..transfer import Array, TransferFunction
from .ground_state import binding_rate
from .hermite import HermiteSeries, hermite_series, horner, moments, variance_of_primitive
from .trajectory import Trajectory

_SMALLEST = 1e-250
_LARGEST = 1e12
# Elements of the Lyapunov operator start where θ = _FIRST/√(1 + Δ₀).
_FIRST = 0.2
_DIFFERENCE = 1e-3
# The series closes the energy condition only where it is complete.
_COMPLETE = 1e-12


class NoStateError(ValueError):
    """The energy condition has no solution."""


@dataclass(frozen=True)
class Point:
    """Results at one resolution."""

    delta0: float
    q: float
    kinetic_energy: float
    lyapunov: float
    r_int: float
    decay_rate: float
    tau_half: float
    residual: float
    series: HermiteSeries
    trajectory: Trajectory

    def distance(self, other: Point) -> float:
        """Largest relative difference of the results."""
        names = ("delta0", "q", "kinetic_energy", "r_int", "decay_rate", "tau_half", "lyapunov")
        scales = [abs(getattr(self, name)) for name in names]
        scales[-1] = max(scales[-1], self.decay_rate**2)
        return max(
            abs(getattr(self, name) - getattr(other, name)) / scale
            for name, scale in zip(names, scales, strict=True)
            if scale > 0
        )


def initial_variance(phi: TransferFunction, g: float, sigma: float) -> float:
    """Δ₀ from the energy at τ = 0, which vanishes at τ = ∞: F = 0 with

    F(Δ₀) = 1 − σ⁴/(4Δ₀²) − 2g² Var Φ(√Δ₀ z)/Δ₀².
    """
    low = max(sigma**2 / 2, 0.05 * (g * phi.slope - 1) * phi.length**2)
    while low > _SMALLEST and energy_gap(phi, g, sigma, low) >= 0:
        low /= 8
    high = 2 * low
    while high < _LARGEST and energy_gap(phi, g, sigma, high) <= 0:
        high *= 2
    if low <= _SMALLEST or high >= _LARGEST:
        raise NoStateError("no stationary state: the energy condition has no solution")
    return float(
        brentq(lambda d: energy_gap(phi, g, sigma, d), low, high, xtol=_SMALLEST, rtol=1e-14)
    )


def energy_gap(phi: TransferFunction, g: float, sigma: float, delta0: float) -> float:
    """F of `initial_variance`."""
    variance = variance_of_primitive(phi, delta0) / delta0**2
    return 1 - (sigma**2 / (2 * delta0)) ** 2 - 2 * g * g * variance


def polished(
    phi: TransferFunction, g: float, sigma: float, order: int, refinement: float
) -> tuple[HermiteSeries, float]:
    """The series at the Δ₀ that solves the energy condition, and the residual.

    The condition in the form κ² = w₀ + H(0), both sides small near the onset, keeps the digits
    that F loses there.
    """
    delta0 = initial_variance(phi, g, sigma)
    step = _DIFFERENCE * delta0
    slope = energy_gap(phi, g, sigma, delta0 + step) - energy_gap(phi, g, sigma, delta0 - step)
    series = hermite_series(phi, delta0, order=order, refinement=refinement)
    if series.truncation > _COMPLETE:
        return series, abs(energy_gap(phi, g, sigma, delta0))
    gap = _series_gap(phi, g, sigma, series, refinement)
    if slope > 0:
        delta0 -= gap * 2 * step / slope
        series = hermite_series(phi, delta0, order=order, refinement=refinement)
        gap = _series_gap(phi, g, sigma, series, refinement)
    return series, abs(gap) / max(slope / (2 * _DIFFERENCE), np.finfo(float).tiny)


def _series_gap(
    phi: TransferFunction, g: float, sigma: float, series: HermiteSeries, refinement: float
) -> float:
    (_, slope, _), defect = moments(phi, series.delta0, refinement)
    rate2 = (1 - g * phi.slope + g * defect) * (1 + g * slope)
    w0 = (sigma**2 / (2 * series.delta0)) ** 2
    return float(rate2 - w0 - well(series, g)[0])


def well(series: HermiteSeries, g: float) -> Array:
    """Coefficients of H in powers of ρ²: (1 − ρ²) H = (2g²/Δ₀) Σ_{k≥3} c_k² (1 − ρ^(k−1))/(k+1).

    The square of the decay rate is κ² = w₀ + H(0).
    """
    terms = series.squares[1:] / (series.degree[1:] + 1)
    return 2 * g * g / series.delta0 * np.cumsum(terms[::-1])[::-1]


def evaluate(
    phi: TransferFunction,
    g: float,
    sigma: float,
    series: HermiteSeries,
    residual: float,
    nodes: int,
    refinement: float = 1.0,
) -> Point:
    """Everything that follows from the series."""
    delta0 = series.delta0
    w0 = (sigma**2 / (2 * delta0)) ** 2
    (q, slope, _), _ = moments(phi, delta0, refinement)
    trajectory = Trajectory(well(series, g), w0, delta0, nodes)
    k, squares = series.degree[1:], series.squares[1:]
    # g²q − Δ₀ + σ² with κ² = 1 − g²c₁²/Δ₀ = w₀ + H(0) inserted: no differences.
    excess = g * g * float(np.sum(squares * (k - 1) / (k + 1)))
    kinetic_energy = (excess + sigma**2 * (1 - sigma**2 / (4 * delta0))) / 2
    attraction = g * g / delta0 * k * squares

    def potential(tau: Array) -> Array:
        r = trajectory.rho(tau.ravel()).reshape(tau.shape) ** 2
        return -r * horner(attraction, r)

    keep = trajectory.theta >= _FIRST / math.sqrt(1 + delta0)
    keep[0] = True
    binding = binding_rate(potential, trajectory.tau[keep], nodes)
    lowest = trajectory.rate**2 - binding**2
    return Point(
        delta0=delta0,
        q=float(q),
        kinetic_energy=kinetic_energy,
        lyapunov=-lowest / (1 + math.sqrt(1 - lowest)),
        r_int=float(slope),
        decay_rate=trajectory.rate,
        tau_half=trajectory.tau_half,
        residual=residual,
        series=series,
        trajectory=trajectory,
    )
