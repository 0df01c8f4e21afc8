"""Weak order of the noisy schemes on a linear network, from their one-step maps, unsampled."""

from typing import Any

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

from meanfield.schedule import as_function
from simulate import couplings
from simulate.integration.problem import Problem
from simulate.integration.schemes import FIXED
from simulate.network import Network

N, T = 5, 0.7


class Given:
    """A noise source that returns what it is told."""

    def __init__(self, *vectors: Any) -> None:
        self._vectors = list(vectors)

    def draw(self) -> Any:
        return self._vectors.pop(0)


def covariance(method: str, J: Any, kappa: float, h: float) -> Any:
    """Stationary covariance of x' = P x + B R_n + C R_{n+1}."""
    problem = Problem(
        Network(J, phi="linear"), as_function("onsager", kappa), as_function("temperature", T)
    )
    one, zero = np.eye(N), np.zeros((N, N))

    def step(x: Any, *noise: Any) -> Any:
        return FIXED[method]().step(problem, 0.0, x, problem.evaluate(0.0, x), h, Given(*noise))

    P = step(one, zero, zero)
    if method != "leimkuhler-matthews":
        B = step(zero, one)
        return solve_discrete_lyapunov(P, B @ B.T)
    B, C = step(zero, one, zero), step(zero, zero, one)
    joint = np.block([[P, B], [zero, zero]])
    source = np.vstack([C, one])
    return solve_discrete_lyapunov(joint, source @ source.T)[:N, :N]


@pytest.mark.parametrize(
    ("method", "kappa", "order"),
    [
        ("euler", 0.0, 1),
        ("euler", 1.0, 1),
        ("heun", 0.0, 2),
        ("heun", 0.4, 2),
        ("heun", 1.0, 2),
        ("leimkuhler-matthews", 0.0, 1),
    ],
)
def test_weak_order(method: str, kappa: float, order: int) -> None:
    J = couplings.elliptic(N, 0.6, -0.3, seed=1)
    A = J - np.eye(N)
    exact = solve_continuous_lyapunov((1 - kappa) * A - kappa * A.T @ A, -2 * T * np.eye(N))
    steps = np.array([0.04, 0.02, 0.01])
    errors = [np.max(np.abs(covariance(method, J, kappa, h) - exact)) for h in steps]
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(order, abs=0.1)


def test_leimkuhler_matthews_is_exact_for_a_harmonic_energy() -> None:
    J = couplings.elliptic(N, 0.6, -0.3, seed=1)
    A = J - np.eye(N)
    for h in (0.02, 0.3):
        np.testing.assert_allclose(
            covariance("leimkuhler-matthews", J, 1.0, h), T * np.linalg.inv(A.T @ A), rtol=1e-9
        )
