"""Autocorrelations against the direct sum, their errors, blocks, files."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield import ArgumentError, transfer_function
from meanfield.common.arguments import Array
from simulate import Trajectory, autocorrelation, integrate
from simulate.observables import correlations


def ornstein_uhlenbeck(length: int, n: int, a: float, seed: int) -> Array:
    """x(t+1) = a x(t) + noise, stationary with variance 1."""
    noise = np.random.default_rng(seed).standard_normal((length, n))
    x = np.empty((length, n))
    x[0] = noise[0]
    for t in range(1, length):
        x[t] = a * x[t - 1] + np.sqrt(1 - a * a) * noise[t]
    return x


def test_autocorrelation_is_the_direct_sum(run: Trajectory) -> None:
    correlation = autocorrelation(run, max_lag=4)
    np.testing.assert_allclose(correlation.tau, 0.2 * np.arange(21))
    values = transfer_function("erf").phi(run.x)
    direct = np.array(
        [[(values[: 101 - k] * values[k:])[..., p].mean() for p in range(3)] for k in range(21)]
    )
    np.testing.assert_allclose(correlation.C, direct.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(
        correlation.C_err, direct.std(axis=1, ddof=1) / np.sqrt(3), rtol=1e-8
    )
    assert correlation.error_over == "columns"
    # The longest lag has a single pair of times.
    whole = autocorrelation(run.x[..., 0], max_lag=100, of="x")
    np.testing.assert_allclose(whole.C[-1], np.mean(run.x[0, :, 0] * run.x[-1, :, 0]), rtol=1e-10)


def test_autocorrelation_error_over_neurons_is_honest() -> None:
    a, misses = 0.9, []
    for seed in range(40):
        correlation = autocorrelation(ornstein_uhlenbeck(400, 30, a, seed), max_lag=20, of="x")
        assert correlation.error_over == "neurons"
        misses.append((correlation.C - a**correlation.tau) / correlation.C_err)
    misses = np.array(misses)
    # Student's t with 29 degrees of freedom, the bias zero at every lag.
    np.testing.assert_allclose(misses.std(axis=0), 1, atol=0.45)
    assert np.all(np.abs(misses.mean(axis=0)) < 4.5 / np.sqrt(40))


def test_autocorrelation_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal((50, 7, 2))
    whole = autocorrelation(x, max_lag=5)
    monkeypatch.setattr(correlations, "_BLOCK", 300)
    parts = autocorrelation(x, max_lag=5)
    np.testing.assert_allclose(parts.C, whole.C, rtol=1e-13)
    np.testing.assert_allclose(parts.C_err, whole.C_err, rtol=1e-10)


def test_autocorrelation_of_one_series_has_no_error() -> None:
    correlation = autocorrelation(np.ones((10, 1)), max_lag=2, of="x", spacing=0.5)
    np.testing.assert_allclose(correlation.C, 1)
    assert np.isnan(correlation.C_err).all()
    assert correlation.error_over == "nothing"
    assert correlation.tau.tolist() == [0, 0.5, 1, 1.5, 2]


def test_autocorrelation_refuses(run: Trajectory) -> None:
    with pytest.raises(ArgumentError, match=r"max_lag=21: must not exceed 20"):
        autocorrelation(run, max_lag=21)
    with pytest.raises(ArgumentError, match="of='y': expected one of x, phi"):
        autocorrelation(run, max_lag=1, of="y")
    with pytest.raises(ArgumentError, match="L, n"):
        autocorrelation(np.ones(4), max_lag=1)
    with pytest.raises(ArgumentError, match="finite"):
        autocorrelation(np.full((4, 2), np.inf), max_lag=1)
    uneven = integrate(np.zeros((1, 1)), [1.0], t_max=1, dt=0.1, save_at=[0, 0.1, 1])
    with pytest.raises(ArgumentError, match=r"equidistant, they are 0\.1 to 0\.9 apart"):
        autocorrelation(uneven, max_lag=1)
