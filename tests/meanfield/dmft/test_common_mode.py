"""The common mode: exact covariances of linear networks, quadrature, refusals."""

import math

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov
from scipy.sparse import csr_array

from meanfield import ArgumentError, common_mode, stationary
from simulate import couplings

G = 0.7
STATE = stationary(G, sigma=1.0, phi="linear", tau=np.linspace(0, 50, 5001))


def with_means(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Couplings with column means of two kinds, and these means."""
    v = np.where(np.arange(n) < 0.8 * n, 1.0, -5.0) * 0.14 / math.sqrt(n)
    J = G / math.sqrt(n) * np.random.default_rng(seed).standard_normal((n, n)) + v
    np.fill_diagonal(J, 0)
    return J, v


def test_linear_networks() -> None:
    """Twelve matrices, each with its own c_k, against vᵀPv: the law is exact but for O(n^−½).

    Four standard errors of the mean, with 11 degrees of freedom a false alarm in 1 of 500 runs,
    and 2 % for 1/n.
    """
    n, off, scatter = 200, [], []
    for seed in range(12):
        J, v = with_means(n, seed)
        P = solve_continuous_lyapunov(J - np.eye(n), -np.eye(n))
        exact, means = float(v @ P @ v), couplings.column_means(J, order=25)
        found = common_mode(
            STATE, mean_coupling=means.mean_coupling, strength=float(v @ v),
            coefficients=means.coefficients,
        )  # fmt: skip
        assert found.converged
        off.append(float(found.variance) / exact - 1)
        scatter.append(exact)
    err = np.std(off, ddof=1) / math.sqrt(12)
    assert err < 0.03
    assert abs(np.mean(off)) < 4 * err + 0.02
    # The feedback takes a third of what the sources alone would give.
    assert np.mean(scatter) < 0.75 * float(found.source)


def test_quadrature_over_frequencies() -> None:
    """∫ dω/2π sC(ω)/|1 − 𝓛|² with the spectrum of a linear network."""
    simple, square, series = -0.6, 0.11, np.array([0.05, -0.03, 0.02])
    found = common_mode(STATE, mean_coupling=simple, strength=square, coefficients=series)
    omega = np.tan((np.arange(200_000) + 0.5) * math.pi / 400_000)
    S = 1 / (1 + 1j * omega)
    loop = simple * S - square * S**2 + sum(c * S ** (k + 2) for k, c in enumerate(series))
    power = np.abs(S) ** 2 / (1 - G**2 * np.abs(S) ** 2) / np.abs(1 - loop) ** 2
    expected = square * np.sum(power * (1 + omega**2)) * math.pi / 400_000 / math.pi
    assert float(found.variance) == pytest.approx(expected, rel=1e-8)
    assert float(found.variance_err) < 1e-8
    plain = common_mode(STATE, mean_coupling=0.0, strength=0.0)
    assert plain.variance == plain.source == 0


def test_a_double_pole() -> None:
    """λ₀² = 4s: what lies beside it is the same to its distance."""
    near = common_mode(STATE, mean_coupling=-0.6 + 1e-5, strength=0.09).variance
    found = common_mode(STATE, mean_coupling=-0.6, strength=0.09).variance
    assert float(found) == pytest.approx(float(near), rel=1e-4)


def test_an_unstable_mode_is_flagged() -> None:
    for means in ({"mean_coupling": 1.5, "strength": 0.1}, {"mean_coupling": 0.0, "strength": 9.0}):
        found = common_mode(STATE, **means)
        z = np.roots([1, -means["mean_coupling"], means["strength"]])
        assert (found.status == "flagged") == bool(np.any(z.real > 1))
    assert math.isnan(common_mode(STATE, mean_coupling=1.5, strength=0.1).variance)


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="must have decayed"):
        common_mode(stationary(2.0, tau=np.arange(9.0)), mean_coupling=0.0, strength=0.1)
    for lags in ([0.0, 40.0], np.linspace(1, 60, 400)):
        with pytest.raises(ArgumentError, match="lags must ascend from 0"):
            common_mode(stationary(2.0, tau=lags), mean_coupling=0.0, strength=0.1)
    with pytest.raises(ArgumentError, match="state: must be one point"):
        common_mode(stationary([2.0, 3.0]), mean_coupling=0.0, strength=0.1)
    with pytest.raises(ArgumentError, match="strength=-1"):
        common_mode(STATE, mean_coupling=0.0, strength=-1.0)
    with pytest.raises(ArgumentError, match="one axis"):
        common_mode(STATE, mean_coupling=0.0, strength=0.1, coefficients=[[0.1]])


def test_column_means() -> None:
    """Written out for three neurons, dense and sparse."""
    J = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 4.0], [5.0, 6.0, 0.0]])
    v = np.array([4.0, 3.5, 3.0])
    W = J - v + np.diag(v)
    for matrix in (J, csr_array(J)):
        found = couplings.column_means(matrix, order=3)
        assert found.mean_coupling == v.sum()
        assert found.strength == v @ v
        powers = [v @ np.linalg.matrix_power(W, k) @ np.ones(3) for k in (1, 2, 3)]
        np.testing.assert_allclose(found.coefficients, powers)
    assert couplings.column_means(J, order=0).coefficients.size == 0
    with pytest.raises(ArgumentError, match="square"):
        couplings.column_means(np.ones((2, 3)))
