"""Time stepping: orders, switching, closed forms, implicit references."""

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.sparse import csr_array

from simulate import (
    Switching,
    couplings,
    energy_gradient,
    force,
    integrate,
)

ORDERS = {"euler": 1, "heun": 2, "rk4": 4, "exponential": 2, "chebyshev": 2}


def start(n: int, batch: int | None = None, seed: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal((n,) if batch is None else (n, batch))


def reference(J: Any, x0: Any, t_max: float, kappa: float, drive: Any = lambda t: 0.0) -> Any:
    def drift(t: float, x: Any) -> Any:
        return (1 - kappa) * force(x, J) - kappa * energy_gradient(x, J) + drive(t)

    run = solve_ivp(drift, (0, t_max), x0, method="DOP853", rtol=1e-12, atol=1e-13)
    return run.y[:, -1]


@pytest.mark.parametrize("kappa", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("method", ORDERS)
def test_order_of_convergence(method: str, kappa: float) -> None:
    J, x0 = couplings.elliptic(6, 1.2, 0.3, seed=1), start(6)
    exact = reference(J, x0, 2.0, kappa)
    steps = np.array([0.05, 0.025, 0.0125])
    errors = [
        np.max(
            np.abs(
                integrate(J, x0, t_max=2.0, dt=dt, onsager=kappa, method=method, tol=None).x_end
                - exact
            )
        )
        for dt in steps
    ]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(ORDERS[method], abs=0.25)


@pytest.mark.parametrize("method", ORDERS)
def test_order_with_input_and_switching(method: str) -> None:
    """A driven run whose κ jumps off the grid of every step keeps its order."""
    J, x0 = couplings.elliptic(5, 1.2, seed=2), start(5)
    jump, t_max = 0.7312, 1.6

    def drive(t: float) -> Any:
        return np.sin(3 * t) * np.arange(5.0)

    half = reference(J, x0, jump, 0.0, drive)
    exact = reference(J, half, t_max - jump, 1.0, lambda t: drive(t + jump))
    steps = np.array([0.04, 0.02, 0.01])
    schedule = Switching([jump], [0, 1])
    errors = [
        np.max(
            np.abs(
                integrate(
                    J,
                    x0,
                    t_max=t_max,
                    dt=dt,
                    onsager=schedule,
                    method=method,
                    tol=None,
                    inputs=drive,
                ).x_end
                - exact
            )
        )
        for dt in steps
    ]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(ORDERS[method], abs=0.3)


@pytest.mark.parametrize("g", [2.0, 10.0])
def test_stabilised_scheme_against_an_implicit_one(g: float) -> None:
    n, t_max = 40, 4.0
    J, x0 = couplings.elliptic(n, g, seed=4), start(n)
    exact = solve_ivp(
        lambda t, x: -energy_gradient(x, J), (0, t_max), x0, method="Radau", rtol=1e-9, atol=1e-10
    ).y[:, -1]
    errors = [
        np.sqrt(np.mean((run.x_end - exact) ** 2))
        for run in (
            integrate(J, x0, t_max=t_max, dt=0.01, onsager=1.0, tol=tol) for tol in (1e-3, 1e-5)
        )
    ]
    assert errors[0] < 0.1
    # Second order: the error falls like tol^(2/3), 20 times here; 8 leaves room for luck.
    assert errors[1] < errors[0] / 8


def test_a_pulse_is_not_jumped_over() -> None:
    """A quiet network, where adaptive steps would grow beyond the pulse."""
    J = couplings.elliptic(50, 0.5, seed=1)
    arguments: dict[str, Any] = {
        "t_max": 60, "dt": 0.05, "onsager": 1.0, "inputs": lambda t: 1.0 * (50 < t < 51),
        "save_at": [51],
    }  # fmt: skip
    exact = integrate(J, np.zeros(50), method="rk4", switch_times=[50, 51], **arguments).x
    np.testing.assert_allclose(
        integrate(J, np.zeros(50), **arguments).x, exact, atol=0.1 * np.max(exact)
    )
    edges = integrate(J, np.zeros(50), switch_times=[50, 51], **arguments).x
    np.testing.assert_allclose(edges, exact, atol=0.01 * np.max(exact))


def test_switching_lands_on_its_times() -> None:
    """Two switches in one run are three runs one after the other."""
    J, x = couplings.elliptic(30, 2.0, seed=5), start(30, 2)
    schedule = Switching([1.03, 2.51], [0, 1, 0.5])
    whole = integrate(J, x, t_max=3, dt=0.05, onsager=schedule, method="rk4")
    for kappa, span in ((0, 1.03), (1, 2.51 - 1.03), (0.5, 3 - 2.51)):
        x = integrate(J, x, t_max=span, dt=0.05, onsager=kappa, method="rk4").x_end
    np.testing.assert_allclose(whole.x_end, x, rtol=1e-9)
    plain = integrate(
        J, start(30, 2), t_max=3, dt=0.05, onsager=lambda t: schedule(t), method="rk4",
        switch_times=[1.03, 2.51],
    )  # fmt: skip
    np.testing.assert_array_equal(plain.x_end, whole.x_end)


def test_linear_network_is_an_exponential() -> None:
    J, x0 = couplings.elliptic(8, 0.7, -0.5, seed=6), start(8)
    A = J - np.eye(8)
    for kappa, matrix in ((0.0, A), (1.0, -A.T @ A), (0.3, 0.7 * A - 0.3 * A.T @ A)):
        run = integrate(
            J, x0, t_max=3, dt=0.01, onsager=kappa, phi="linear", method="rk4", save_at=[1.5, 3]
        )
        for t, x in zip(run.t, run.x, strict=True):
            np.testing.assert_allclose(x, expm(matrix * t) @ x0, atol=1e-8)


def test_input_of_a_free_neuron() -> None:
    """J = 0: ẋ = −x + sin ωt in closed form; the energy stays that of the undriven network."""
    w, t_max = 2.0, 4.0
    run = integrate(
        np.zeros((2, 2)), [1.0, 0.0], t_max=t_max, dt=0.01, inputs=lambda t: np.sin(w * t)
    )
    forced = (np.sin(w * t_max) - w * np.cos(w * t_max)) / (1 + w**2)
    decay = np.exp(-t_max)
    expected = np.array([1, 0]) * decay + forced + w / (1 + w**2) * decay
    np.testing.assert_allclose(run.x_end, expected, atol=1e-4)
    np.testing.assert_allclose(run.energy[-1], np.sum(run.x_end**2) / 4)


# The invariant variance of ẋ = −λx + √(2T)ξ under each scheme (derivations: langevin).
VARIANCE = {
    "euler": lambda rate, h: 1 / (rate * (1 - rate * h / 2)),
    "leimkuhler-matthews": lambda rate, h: 1 / rate,
    "heun": lambda rate, h: (4 - 2 * rate * h) / (4 - 2 * rate * h + (rate * h) ** 2) / rate,
}


@pytest.mark.parametrize("method", VARIANCE)
def test_invariant_variance(method: str) -> None:
    """Uncoupled linear neurons of two rates; 6 comparisons at 4.5 standard errors: 4e-5."""
    rates, n, T, h = np.array([1.0, 4.0]), 20000, 0.7, 0.2
    which = np.arange(n) % 2
    J = csr_array((1 - np.sqrt(rates[which]), (np.arange(n), np.arange(n))), shape=(n, n))
    run = integrate(
        J, np.zeros(n), t_max=8, dt=h, onsager=1.0, temperature=T, method=method, phi="linear",
        seed=9,
    )  # fmt: skip
    for k, rate in enumerate(rates):
        values = run.x_end[which == k]
        expected = T * VARIANCE[method](rate, h)
        assert abs(np.mean(values**2) / expected - 1) < 4.5 * np.sqrt(2 / len(values))
