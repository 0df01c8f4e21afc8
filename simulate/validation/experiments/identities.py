"""Force decomposition and Jacobian, on random states of random networks."""

import math
from collections.abc import Callable

import numpy as np

from meanfield.common import seeds
from meanfield.common.arguments import Array

from ... import couplings
from ...dynamics import (
    divergence,
    energy_gradient,
    force,
    jacobian,
    kinetic_energy,
    onsager_force,
)
from ..statement import Design, Prediction

# Products of n terms of order g² ≈ 10 round like n·ε; differences of step 1e-5 truncate at 1e-9.
_ROUNDING, _TRUNCATION = 1e-10, 1e-7
_STEP = 1e-5

_INVERSE = "f = −M⁻¹∇E, M = I − diag(φ′)Jᵀ, ∇E by differences of E, by the condition number of M"
_ROWS = (
    ("decomposition", "f = −∇E + φ′∘Jᵀf, ∇E by differences of E", "Eq. 6", _TRUNCATION),
    ("gradient", "−∇E and F(κ=1) = f − φ′∘Jᵀf against differences of −E", "Eqs. 5, 8", _TRUNCATION),
    ("inverse", _INVERSE, "Eq. 7", _TRUNCATION),
    ("jacobian", "∂F/∂x against differences of F, κ = 0, 0.4, 1", "Eq. 10", _TRUNCATION),
    ("symmetry", "∂F/∂x is symmetric at κ = 1", "Eq. 10", _ROUNDING),
    ("divergence", "∇·F = tr ∂F/∂x", "Eq. 10b", _ROUNDING),
)
PREDICTIONS = tuple(
    Prediction(name, statement, f"[HH] {equation}", bound=bound)
    for name, statement, equation, bound in _ROWS
)


def measure(n: int, seed: int) -> dict[str, float]:
    """Largest relative deviations at one state of one network; g, γ and scale of x random."""
    rng = seeds.generator(seed, "start")
    J = couplings.elliptic(n, rng.uniform(0.3, 4), rng.uniform(-1, 1), seed=seed)
    x = rng.uniform(0.1, 2) * rng.standard_normal(n)
    f = force(x, J)
    slope = 1 - np.tanh(x) ** 2
    numerical = _derivatives(lambda states: kinetic_energy(states, J), x)
    M = np.eye(n) - slope[:, None] * J.T
    inverse = np.linalg.solve(M, -numerical)
    worst, trace = 0.0, 0.0
    for kappa in (0.0, 0.4, 1.0):

        def flow(states: Array, kappa: float = kappa) -> Array:
            return force(states, J) + kappa * onsager_force(states, J)

        matrix = jacobian(x, J, onsager=kappa)
        worst = max(worst, _relative(matrix, _derivatives(flow, x)))
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


def _derivatives(function: Callable[[Array], Array], x: Array) -> Array:
    """Central differences along every coordinate, of a function of columns."""
    steps = _STEP * np.eye(x.size)
    return (function(x[:, None] + steps) - function(x[:, None] - steps)) / (2 * _STEP)


def _relative(actual: Array, expected: Array) -> float:
    largest = float(np.abs(expected).max())
    return math.inf if largest == 0 else float(np.abs(actual - expected).max()) / largest


TITLE = "Force decomposition and Jacobian on random states"
PRESETS = {"quick": Design({5: 20, 60: 5}), "paper": Design({5: 100, 60: 20, 300: 4})}
