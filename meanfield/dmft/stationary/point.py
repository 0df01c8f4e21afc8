"""One point of the stationary theory: the trajectory of Δ and the Lyapunov operator."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...transfer import Array, TransferFunction
from .energy import noise_share, well
from .ground_state import binding_rate
from .hermite import HermiteSeries, horner, moments
from .trajectory import Trajectory

# Elements of the Lyapunov operator start where θ is this share of the width of the well.
_FIRST_ELEMENT = 0.2

RESULTS = ("delta0", "q", "kinetic_energy", "lyapunov", "r_int", "decay_rate", "tau_half")


@dataclass(frozen=True, eq=False)
class Point:
    """Results at one resolution; `truncation` is the largest relative error from the series."""

    delta0: float
    q: float
    kinetic_energy: float
    lyapunov: float
    r_int: float
    decay_rate: float
    tau_half: float
    truncation: float
    trajectory: Trajectory

    def distance(self, other: Point) -> float:
        """Largest relative difference of the results."""
        scales = {name: abs(getattr(self, name)) for name in RESULTS}
        scales["lyapunov"] = max(scales["lyapunov"], self.decay_rate**2)
        changes = [
            abs(getattr(self, name) - getattr(other, name)) / scale
            for name, scale in scales.items()
            if scale != 0
        ]
        # Unlike max(), keeps nan.
        return float(np.max(changes))


def evaluate(
    phi: TransferFunction,
    g: float,
    sigma: float,
    series: HermiteSeries,
    nodes: int,
    refinement: float,
) -> Point:
    """Everything that follows from the series."""
    delta0 = series.delta0
    here = moments(phi, delta0, refinement)
    width = 1 / math.sqrt(1 + delta0 / phi.length**2)
    trajectory = Trajectory(well(series, g), noise_share(sigma, delta0), width, nodes)
    rate = trajectory.rate
    k, squares = series.degree[1:], series.squares[1:]
    # g²q − Δ₀ + σ² with κ² = 1 − g²c₁²/Δ₀ = w₀ + H(0) inserted: no differences.
    excess = g * g * float(np.sum(squares * (k - 1) / (k + 1)))
    drive = sigma * sigma * (1 - sigma * (sigma / (4 * delta0)))
    attraction = g * g / delta0 * k * squares

    def potential(tau: Array) -> Array:
        r = trajectory.rho(tau.ravel()).reshape(tau.shape) ** 2
        return -r * horner(attraction, r)

    keep = trajectory.theta >= _FIRST_ELEMENT * width
    keep[0] = True
    binding = binding_rate(potential, trajectory.tau[keep], nodes)
    # 1 + λ = √(1 − κ² + s²), and 1 − κ² = g²⟨φ'⟩².
    growth = math.hypot(g * here.slope, binding)
    return Point(
        delta0=delta0,
        q=here.q,
        kinetic_energy=(excess + drive) / 2,
        lyapunov=-(rate - binding) * (rate + binding) / (1 + growth),
        r_int=here.slope,
        decay_rate=rate,
        tau_half=trajectory.tau_half,
        # What the series leaves out of H and of the potential, relative to κ².
        truncation=series.truncation * max(1.0, here.steepness * (g / rate) ** 2),
        trajectory=trajectory,
    )
