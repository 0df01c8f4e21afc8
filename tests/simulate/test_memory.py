"""Memory of weak signals: closed forms, two other routes to the same numbers, and networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import simpson
from scipy.linalg import expm, solve_continuous_lyapunov
from scipy.signal import lfilter
from scipy.sparse import csr_array
from scipy.sparse.linalg import aslinearoperator
from scipy.special import stdtrit

from meanfield import ArgumentError, SampledInput, participation_ratio, stationary
from meanfield.common.arguments import Array
from simulate import (
    couplings,
    integrate,
    memory_curve,
    memory_function,
    small_signal_memory,
)

TAU = [0.0, 0.3, 1.0, 4.0, 60.0]
SINES: dict[str, Any] = {"frequencies": [0.3, 0.8], "amplitude": [0.4, 0.2]}


@pytest.mark.parametrize("time", [1e-4, 0.5, 1.0, 30.0])
def test_one_filter(time: float) -> None:
    """Without couplings, also where the rates of filter and signal are the same."""
    t, rate = np.array(TAU), 1 / time
    both = t * np.exp(-t) if rate == 1 else (np.exp(-rate * t) - np.exp(-t)) / (1 - rate)
    k, variance = np.exp(-t) / (1 + rate) + both, 1 / (1 + rate)
    how: dict[str, Any] = {"correlation_time": time, "phi": "linear", "amplitude": 3.0}
    found = small_signal_memory(np.zeros((3, 3)), t, **how)
    np.testing.assert_allclose(found.m, k**2 / variance, rtol=1e-8, atol=1e-12)
    later = small_signal_memory(np.zeros((3, 3)), t, task="forecast", **how)
    np.testing.assert_allclose(later.m, np.exp(-2 * rate * t) * variance, rtol=1e-8, atol=1e-12)
    # ∫k²dτ is that of (2ν)²/((1 + ω²)(ν² + ω²)²) over dω/2π.
    area = (1 + 2 * rate) / (rate * (1 + rate) ** 2)
    np.testing.assert_allclose(found.capacity, area / variance, rtol=1e-8)
    assert found.rank == 1
    assert found.converged
    assert found.capacity <= found.capacity_bound == pytest.approx(6 * time)


def networks() -> dict[str, Array]:
    return {
        "random": couplings.elliptic(30, 0.8, 0.3, seed=1),
        "symmetric": couplings.elliptic(30, 0.4, 1.0, seed=2),
        # No eigenvectors but one.
        "chain": 1.5 * np.eye(30, k=-1),
    }


@pytest.mark.parametrize("name", list(networks()))
def test_the_lyapunov_equation_of_network_and_signal(name: str) -> None:
    """x and s are one linear process driven by white noise."""
    J, time, size, heat = networks()[name], 2.0, 0.7, 0.1
    n, weights = len(J), np.random.default_rng(0).standard_normal(30)
    both = np.block([[J - np.eye(n), weights[:, None]], [np.zeros(n), -1 / time]])
    noise = np.diag([*np.full(n, 2 * heat), 2 * size**2 / time])
    joint = solve_continuous_lyapunov(both, -noise)
    how: dict[str, Any] = {
        "correlation_time": time, "amplitude": size, "temperature": heat, "phi": "linear",
        "input_weights": weights,
    }  # fmt: skip
    found = small_signal_memory(csr_array(J), TAU[::-1], **how)
    k = np.stack([(expm(t * both) @ joint)[:n, n] for t in TAU[::-1]], axis=1)
    weighed = np.linalg.solve(joint[:n, :n], k)
    exact = np.sum(k * weighed, axis=0) / size**2
    lost = 1e-8 if name != "chain" else found.m_err.max()
    assert lost < 1e-4
    np.testing.assert_allclose(found.m, exact, rtol=lost, atol=1e-10)
    after = small_signal_memory(J, TAU, task="forecast", **how)
    np.testing.assert_allclose(after.m, exact[-1] * np.exp(-2 * np.array(TAU) / time), rtol=lost)
    share = np.linalg.eigvalsh(joint[:n, :n])
    np.testing.assert_allclose(found.dimension, share.sum() ** 2 / np.sum(share**2), rtol=1e-8)
    fine = np.linspace(0, 80, 3001)
    area = simpson(small_signal_memory(J, fine, **how).m, x=fine) + exact[-1] * time / 2
    np.testing.assert_allclose(found.capacity, area, rtol=1e-5)
    assert found.capacity < found.capacity_bound == 2 * time * n


@pytest.mark.parametrize("heat", [0.0, 0.2])
@pytest.mark.parametrize("signal", [{"correlation_time": 1.5, "amplitude": 0.4}, SINES])
def test_the_sum_over_eigenvectors(heat: float, signal: dict[str, Any]) -> None:
    """Σ = V(Q∘G)Vᵀ in chaos, with the Laplace transform of c_ψ on a fine grid."""
    g, J = 2.5, couplings.elliptic(40, 2.5, seed=3)
    state = stationary(g, sigma=np.sqrt(2 * heat), tau=np.linspace(0, 60, 24_001))
    slope = float(state.r_int)
    psi = state.C - slope**2 * state.delta
    eigen, V = np.linalg.eig(J)
    p, back = 1 - slope * eigen, np.linalg.inv(V)
    F = np.array([simpson(psi * np.exp(-one * state.tau), x=state.tau) for one in p])
    pairs = p[:, None] + p
    inner = (back @ J @ J.T @ back.T) * (F[:, None] + F) + 2 * heat * back @ back.T
    covariance = V @ (inner / pairs) @ V.T
    b, t = back @ np.ones(40), np.array(TAU)
    if "frequencies" in signal:
        omega, power = np.array(signal["frequencies"]), np.array(signal["amplitude"]) ** 2 / 2
        lines = [V @ (b / (1j * w + p)) for w in omega]
        k = sum(
            a * np.real(np.multiply.outer(v, np.exp(1j * w * t)))
            for a, v, w in zip(power, lines, omega, strict=True)
        )
        covariance += sum(a * np.outer(v, v.conj()) for a, v in zip(power, lines, strict=True)).real
        square = power.sum()
    else:
        rate, square = 1 / signal["correlation_time"], signal["amplitude"] ** 2
        each = np.exp(-np.multiply.outer(p, t)) * (1 / (rate - p) + 1 / (rate + p))[:, None]
        each -= np.multiply.outer(1 / (rate - p), np.exp(-rate * t))
        k = square * (V @ (b[:, None] * each))
        G = (1 / (rate + p) + 1 / (rate + p)[:, None]) / pairs
        covariance += square * V @ (np.outer(b, b) * G) @ V.T
    exact = np.real(np.sum(k * np.linalg.solve(covariance, k), axis=0)) / square
    found = small_signal_memory(J, TAU, g=g, temperature=heat, **signal)
    np.testing.assert_allclose(found.m, exact, rtol=1e-7, atol=1e-9)


def test_without_noise_the_present_is_known_from_the_trace() -> None:
    """m(0) = n t_s/(1 + n t_s) at full rank; where directions drown m is a lower bound."""
    for n, time in ((4, 0.5), (12, 1.0), (30, 1.0)):
        J = couplings.elliptic(n, 0.9, seed=1)
        found = small_signal_memory(J, [0.0], correlation_time=time, phi="linear")
        exact = n * time / (1 + n * time)
        assert abs(found.m[0] - exact) <= found.m_err[0]
        assert found.converged == (n < 30)
    assert found.m[0] < exact - 0.03
    assert "lower bound" in found.reason
    # White signals fill the bound.
    for time, left in ((1e-2, 0.03), (1e-4, 3e-4)):
        found = small_signal_memory(J[:3, :3], [0.0], correlation_time=time, phi="linear")
        assert 0 < 1 - found.capacity / found.capacity_bound < left


def test_the_past_of_a_periodic_signal_is_its_future() -> None:
    """At rest two sines span four dimensions: all is known.  In noise m has their period."""
    J, t = couplings.elliptic(30, 0.5, seed=1), np.array([0.0, 3.0, 21.0, 50.0])
    how: dict[str, Any] = {"frequencies": [0.02 * np.pi, 0.04 * np.pi]}
    calm = small_signal_memory(J, t, g=0.5, amplitude=0.01, **how)
    np.testing.assert_allclose(calm.m, 1, atol=1e-6)
    assert calm.converged
    assert calm.rank == 4
    how |= {"g": 3.0, "temperature": 0.5, "amplitude": 0.2}
    J = couplings.elliptic(30, 3.0, seed=3)
    m = small_signal_memory(J, [*t, *(100 - t), *(1000 + t)], **how).m.reshape(3, 4)
    np.testing.assert_allclose(m[2], m[0], rtol=1e-6)
    np.testing.assert_allclose(m[1], small_signal_memory(J, t, task="forecast", **how).m, rtol=1e-8)
    assert m[0, 3] < 0.5 * m[0, 0]


def test_dimension_is_that_of_many_neurons() -> None:
    """Participation ratio of x in noise at n = 400."""
    sizes = [
        small_signal_memory(
            couplings.elliptic(400, 2.0, seed=s), 0.0, g=2.0, temperature=2.0, correlation_time=1.0,
            amplitude=1e-3,
        ).dimension / 400
        for s in range(2)
    ]  # fmt: skip
    exact = float(participation_ratio(2.0, sigma=2.0, of="x").value)
    np.testing.assert_allclose(np.mean(sizes), exact, rtol=0.03)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "correlation_time=None, frequencies=None: must be one"),
        ({"correlation_time": 1.0, "frequencies": 1.0}, "must be one"),
        ({"correlation_time": 0.0}, "correlation_time=0"),
        ({"correlation_time": 1.0, "amplitude": [1.0, 2.0]}, "amplitude"),
        ({"frequencies": [0.5, 0.5]}, "frequencies"),
        ({"frequencies": 0.0}, "frequencies"),
        ({"correlation_time": 1.0, "input_weights": 0.0}, "input_weights"),
        ({"correlation_time": 1.0, "task": "dream"}, "task"),
        ({"correlation_time": 1.0, "g": None}, "g=None"),
        ({"correlation_time": 1.0, "phi": "relu"}, "must be odd"),
        ({"correlation_time": 1.0, "g": 2.2}, "g=2.2: the variance of J"),
        ({"correlation_time": 1.0, "phi": "linear"}, "J: the linear network"),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    J = couplings.elliptic(100, 2.0, seed=0)
    with pytest.raises(ArgumentError, match=message):
        small_signal_memory(J, 0.0, **{"g": 2.0, **options})


def test_couplings_that_are_not_independent_are_refused() -> None:
    how: dict[str, Any] = {"g": 2.0, "correlation_time": 1.0}
    J = couplings.elliptic(200, 2.0, seed=0)
    for other, word in (
        (couplings.elliptic(200, 2.0, 0.2, seed=0), "symmetry"),
        (J + 0.01, "mean"),
    ):
        with pytest.raises(ArgumentError, match=f"the {word} of J"):
            small_signal_memory(other, 0.0, **how)
    with pytest.raises(ArgumentError, match=r"^J: must be a matrix"):
        small_signal_memory(aslinearoperator(J), 0.0, **how)
    strong = small_signal_memory(couplings.elliptic(100, 2.0, seed=1), 0.0, temperature=0.5, **how)
    assert "not weak" in strong.reason


def signal(t_max: float, step: float, time: float, size: float, seed: int) -> SampledInput:
    """An Ornstein–Uhlenbeck process, exact at its points."""
    kept, rng = np.exp(-step / time), np.random.default_rng(seed)
    white = size * rng.standard_normal(round(t_max / step) + 1)
    white[1:] *= np.sqrt(1 - kept**2)
    return SampledInput(step * np.arange(white.size), lfilter([1], [1, -kept], white))


@pytest.mark.slow
def test_runs_of_a_linear_network() -> None:
    """Σm over six signals; Student's t with 5 degrees of freedom, false alarm 1e-3."""
    J, tau = np.array([[0.0, 0.5, 0.0], [-0.8, 0.0, 0.3], [0.4, 0.0, 0.2]]), [0.0, 1.0, 3.0, 6.0]
    how: dict[str, Any] = {"input_weights": [1, 0, 0], "phi": "linear"}
    sums = []
    for seed in range(6):
        run = memory_curve(
            J, tau, stimulus=signal(500, 0.1, 2.0, 1.0, seed), t_max=500, t_skip=50, dt=0.1,
            method="heun", seed=seed, ridge=0, gap=20, intercept=False, **how,
        )  # fmt: skip
        sums.append((run.m + run.m_train).sum() / 2)
    exact = small_signal_memory(J, tau, correlation_time=2.0, **how).m.sum()
    error = np.std(sums, ddof=1) / np.sqrt(6)
    assert abs(np.mean(sums) - exact) < stdtrit(5, 1 - 5e-4) * error
    assert error < 0.06


def misses(n: int, g: float, heat: float, size: float, t_max: float, seed: int) -> Array:
    """m of a run with a tanh, the mean of in and out of sample, less the theory."""
    J, tau = couplings.elliptic(n, g, seed=100 + seed), np.array([0.0, 1.0, 2.0, 4.0])
    dt = 0.05 if heat else 0.1
    s = signal(t_max, dt, 2.0, size, seed)
    at = np.arange(100.0, t_max)
    x0 = np.random.default_rng(seed).standard_normal(n)
    run = integrate(
        J, x0, t_max=float(at[-1]), dt=dt, method="heun", temperature=heat,
        inputs=s, save_at=at, seed=seed,
    )  # fmt: skip
    assert run.x is not None
    z = np.stack([np.interp(at - d, s.times, s.values) for d in tau], axis=1)
    curve = memory_function(run.x, z, ridge=0, gap=20)
    theory = small_signal_memory(
        J, tau, g=g, temperature=heat, correlation_time=2.0, amplitude=size
    )
    assert theory.converged
    return np.asarray((curve.m + curve.m_train) / 2 - theory.m)


@pytest.mark.slow
def test_noisy_networks() -> None:
    """Mean over τ, n = 100: within 1/n and Student's t of 4 degrees of freedom at 1e-3."""
    off = np.array([misses(100, 2.0, 0.5, 0.2, 1800, s).mean() for s in range(5)])
    assert abs(off.mean()) < 1 / 100 + stdtrit(4, 1 - 5e-4) * off.std(ddof=1) / np.sqrt(5)
    assert off.std(ddof=1) < 0.03


@pytest.mark.slow
def test_chaotic_networks() -> None:
    """Finite n leaves up to 0.03, ± 0.005 of noise; with ψ itself as noise of x it were 0.1."""
    off = np.mean([misses(400, 4.0, 0.0, 0.25, 8000, s) for s in range(2)], axis=0)
    assert np.max(np.abs(off)) < 0.04
