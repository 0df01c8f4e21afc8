"""Chaos under a periodic drive with random phases: limits, closed forms, networks."""

import math
from typing import Any

import numpy as np
import pytest

from meanfield import (
    ArgumentError,
    NotConvergedError,
    critical_amplitude,
    driven_stationary,
    stationary,
    transfer_function,
)
from meanfield.dmft.driven import _Site
from simulate import couplings, integrate, maximal_lyapunov


def test_a_linear_network_in_closed_form() -> None:
    """Every spectrum is a line: y has g²/(1 + ω² − g²) times the power of the drive's part."""
    g, A, omega = 0.7, np.array([0.1, 3.0]), np.array([[0.2], [0.8], [5.0]])
    state = driven_stationary(g, A, omega, phi="linear", tau=[0.0, 0.7, 40.0])
    power = A**2 / (1 + omega**2) / 2 * (1 + omega**2) / (1 + omega**2 - g**2)
    for found in (state.delta0, state.delta_locked, state.q, state.Q):
        np.testing.assert_allclose(found, power, rtol=1e-12)
    np.testing.assert_allclose(
        state.delta, power[..., None] * np.cos(omega[..., None] * state.tau), rtol=1e-10, atol=1e-12
    )
    # x = (h + A)/(1 + iω) has f = iωx − A = (iωh − A)/(1 + iω), and h has g² its power.
    force = (omega**2 * g**2 * power + A**2 / 2) / (1 + omega**2) / 2
    np.testing.assert_allclose(state.kinetic_energy, force, rtol=1e-10)
    np.testing.assert_allclose(state.lyapunov, g - 1, rtol=1e-12)
    np.testing.assert_allclose(state.r_int, 1, rtol=1e-12)
    absent = driven_stationary(1.0, 1.0, 1.0, phi="linear", throw=False)
    assert absent.status == "absent"


@pytest.mark.parametrize("phi", ["tanh", "erf"])
def test_a_weak_drive_changes_little(phi: str) -> None:
    """Of the second order in A."""
    quiet = stationary(1.8, phi=phi)
    lags = [0.0, 1.0, 3.0]
    weak, weaker = (driven_stationary(1.8, A, 0.6, phi=phi, tau=lags) for A in (0.1, 0.05))
    for name in ("delta0", "q", "lyapunov", "r_int", "kinetic_energy"):
        exact = float(getattr(quiet, name))
        far, near = (float(getattr(state, name)) - exact for state in (weak, weaker))
        assert abs(near) < 0.02
        assert far / near == pytest.approx(4, rel=0.05)
    curve = stationary(1.8, phi=phi, tau=lags).delta
    np.testing.assert_allclose((weak.delta - curve) / (weaker.delta - curve), 4, rtol=0.05)
    assert weaker.delta_locked < 5e-3


def test_two_time_functions_of_a_driven_neuron() -> None:
    """C and ⟨φ'φ'⟩ against double averages."""
    phi, delta0, a = transfer_function("tanh"), 1.7, 1.3
    delta, angle = np.array([1.7, 0.9, -0.6]), np.array([0.0, 0.8, 2.9])
    C, slope = _Site(phi, delta0, a)(delta, angle)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    theta = 2 * np.pi * np.arange(64) / 64
    for k in range(3):
        rho = delta[k] / delta0
        x = math.sqrt(delta0) * nodes
        y = math.sqrt(delta0) * (rho * nodes[:, None] + math.sqrt(1 - rho**2) * nodes)
        for found, f in ((C, phi.phi), (slope, phi.d1)):
            first = f(x[:, None] + a * np.cos(theta))
            second = np.array([weights @ f(y + a * np.cos(t + angle[k])).T for t in theta]).T
            exact = np.mean(weights @ (first * second))
            assert found[k] == pytest.approx(exact, rel=1e-6)


def test_the_boundary_of_suppression() -> None:
    """λ of the locked state is 0 there; chaos fades towards it, and is gone beyond."""
    g, omega = 1.5, 0.8
    A = float(critical_amplitude(g, omega))
    above = driven_stationary(g, 1.02 * A, omega)
    assert above.lyapunov == above.lyapunov_locked
    assert above.delta0 == above.delta_locked
    inner = driven_stationary(g, [0.2 * A, 0.5 * A, 0.7 * A], omega)
    assert np.all(inner.lyapunov > 0)
    assert np.all(np.diff(inner.lyapunov) < 0)
    assert np.all(inner.lyapunov_locked > inner.lyapunov)
    assert np.all(inner.delta_locked < inner.delta0)
    slope = (above.lyapunov - driven_stationary(g, 1.01 * A, omega).lyapunov) / (0.01 * A)
    assert above.lyapunov / slope == pytest.approx(0.02 * A, rel=0.05)
    # A drive that is fast or slow needs more: a resonance.
    amplitudes = critical_amplitude(2.0, [0.05, 0.3, 3.0])
    assert amplitudes[1] < amplitudes[0] < amplitudes[2]
    assert critical_amplitude([0.5, 1.0], 1.0).tolist() == [0.0, 0.0]
    assert math.isnan(critical_amplitude(2.0, 1.0, phi="linear"))


def test_what_is_refused_and_flagged() -> None:
    for wrong, message in (
        ({"amplitude": 0.0}, "amplitude=0: must be positive"),
        ({"frequency": -1.0}, "frequency=-1: must be positive"),
        ({"phi": "relu"}, "phi"), ({"tol": 0.0}, "tol=0"), ({"n_tau": 1}, "n_tau=1"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=message):
            driven_stationary(**{"g": 2.0, "amplitude": 1.0, "frequency": 1.0, **wrong})
    with pytest.raises(ArgumentError, match="phi='relu'"):
        critical_amplitude(2.0, 1.0, phi="relu")
    with pytest.raises(NotConvergedError, match="too many lags"):
        driven_stationary(2.0, 1.0, 1e-4)
    assert math.isnan(critical_amplitude(2.0, 1e-4))


@pytest.mark.slow
@pytest.mark.parametrize(("g", "A", "omega"), [(2.0, 1.0, 1.0), (2.5, 2.5, 0.5), (1.5, 2.0, 1.5)])
def test_networks_of_random_phases(g: float, A: float, omega: float) -> None:
    """Within 3.5 standard errors over ten couplings, and the size of the network beside them."""
    theory = driven_stationary(g, A, omega)
    period = 2 * np.pi / omega

    def drive(t: float, u: Any) -> Any:
        return A * np.cos(omega * t + 2 * np.pi * u)

    rows = []
    for seed in range(10):
        J = couplings.elliptic(1500, g, seed=seed)
        start = np.random.default_rng(seed).standard_normal(1500)
        run = integrate(
            J, start, t_max=30 * period, dt=0.1, inputs=drive, seed=seed,
            save_at=np.arange(10 * period, 30 * period, period / 8),
        )  # fmt: skip
        found = maximal_lyapunov(
            J, t_max=150, t_skip=30, dt=0.1, x0=run.x_end, inputs=drive, seed=seed
        )
        assert run.x is not None
        rows.append([found.value, np.mean(run.x**2), np.mean(np.tanh(run.x) ** 2)])
    mean, err = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / math.sqrt(10)
    exact = np.array([theory.lyapunov, theory.delta0, theory.q])
    # 1/N of a network.
    finite = np.array([4.0, 4 * theory.delta0, 2.0]) / 1500
    assert np.all(np.abs(mean - exact) < 3.5 * err + finite)
