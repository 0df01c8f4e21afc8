"""Force decomposition and Jacobian, on random states of random networks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from meanfield import seeds
from meanfield.transfer import Array

from ... import couplings
from ...dynamics import (
    divergence,
    energy_gradient,
    force,
    jacobian,
    kinetic_energy,
    onsager_force,
)
from ..statement import Design, Experiment, Prediction

# Products of n terms of order g² ≈ 10 round like n·ε; differences of step 1e-5 truncate at 1e-9.
_ROUNDING, _DIFFERENCES = 1e-10, 1e-7
_STEP = 1e-5
_KAPPAS = (0.0, 0.4, 1.0)

PREDICTIONS = (
    Prediction(
        "decomposition", "f = −∇E + φ′∘Jᵀf, ∇E by differences of E", "[HH] Eq. 6",
        bound=_DIFFERENCES,
    ),
    Prediction(
        "gradient", "−∇E and F(κ=1) = f − φ′∘Jᵀf against differences of −E", "[HH] Eqs. 5, 8",
        bound=_DIFFERENCES,
    ),
    Prediction(
        "inverse",
        "f = −M⁻¹∇E, M = I − diag(φ′)Jᵀ, ∇E by differences of E, by the condition number of M",
        "[HH] Eq. 7", bound=_DIFFERENCES,
    ),
    Prediction(
        "jacobian", "∂F/∂x against differences of F, κ = 0, 0.4, 1", "[HH] Eq. 10",
        bound=_DIFFERENCES,
    ),
    Prediction("symmetry", "∂F/∂x is symmetric at κ = 1", "[HH] Eq. 10", bound=_ROUNDING),
    Prediction("divergence", "∇·F = tr ∂F/∂x", "[HH] Eq. 10b", bound=_ROUNDING),
)  # fmt: skip


def measure(n: int, seed: int) -> dict[str, float]:
    """Largest relative deviations at one state of one network; g, γ and scale of x random."""
    rng = seeds.generator(seed, "start")
    J = couplings.elliptic(n, rng.uniform(0.3, 4), rng.uniform(-1, 1), seed=seed)
    x = rng.uniform(0.1, 2) * rng.standard_normal(n)
    f = force(x, J)
    slope = 1 - np.tanh(x) ** 2
    steps = _STEP * np.eye(n)
    numerical = (kinetic_energy(x[:, None] + steps, J) - kinetic_energy(x[:, None] - steps, J)) / (
        2 * _STEP
    )
    M = np.eye(n) - slope[:, None] * J.T
    inverse = np.linalg.solve(M, -numerical)
    worst, trace = 0.0, 0.0
    for kappa in _KAPPAS:

        def flow(states: Array, kappa: float = kappa) -> Array:
            return force(states, J) + kappa * onsager_force(states, J)

        matrix = jacobian(x, J, onsager=kappa)
        differences = (flow(x[:, None] + steps) - flow(x[:, None] - steps)) / (2 * _STEP)
        worst = max(worst, _relative(matrix, differences))
        trace = max(trace, abs(divergence(x, J, onsager=kappa) / np.trace(matrix) - 1))
    gradient_flow = jacobian(x, J, onsager=1.0)
    return {
        "decomposition": _relative(f, slope * (J.T @ f) - numerical),
        "gradient": max(
            _relative(-energy_gradient(x, J), -numerical),
            _relative(f + onsager_force(x, J), -numerical),
        ),
        # |δf|/|f| ≤ cond(M) |δ∇E|/|∇E| in the Euclidean norm.
        "inverse": float(np.linalg.norm(inverse - f) / np.linalg.norm(f) / np.linalg.cond(M)),
        "jacobian": worst,
        "symmetry": _relative(gradient_flow, gradient_flow.T),
        "divergence": float(trace),
    }


def _relative(found: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    largest = float(np.abs(expected).max())
    return math.inf if largest == 0 else float(np.abs(found - expected).max()) / largest


EXPERIMENT = Experiment(
    key="identities",
    title="Force decomposition and Jacobian on random states",
    predictions=PREDICTIONS,
    measure=measure,
    presets={"quick": Design({5: 20, 60: 5}), "paper": Design({5: 100, 60: 20, 300: 4})},
)
