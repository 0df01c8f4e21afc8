"""Participation ratio of networks: exact covariances, the limit of many neurons, refusals."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

import meanfield
from meanfield import ArgumentError
from simulate import (
    autocorrelation,
    couplings,
    dimension,
    integrate,
    participation_ratio,
    principal_components,
)


def starts(n: int, batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, batch))


def test_linear_network_with_noise() -> None:
    """The covariance of these couplings is known exactly, and the plain ratio is far from it.

    Four standard errors, of some 80 blocks: a false alarm in 1 of 10 000 runs.  The bias agrees
    with the autocorrelation of the run to the order of 1/n.
    """
    n = 60
    J = couplings.elliptic(n, 0.7, 0.2, seed=1)
    C = solve_continuous_lyapunov(J - np.eye(n), -np.eye(n))
    exact = np.trace(C) ** 2 / (n * np.sum(C * C))
    run = integrate(
        J, starts(n, 4), t_max=420, dt=0.1, temperature=0.5, phi="linear", seed=3,
        save_at=np.arange(20.0, 420.5),
    )  # fmt: skip
    found = participation_ratio(run, t_skip=20)
    assert found.converged
    assert found.value_err < 0.04 * exact
    assert abs(found.value - exact) < 4 * found.value_err
    assert found.n_samples == 1604
    # Of all pairs those of the same start that are close: 1/D_T − 1/D.
    lags = autocorrelation(run, max_lag=30, of="x")
    memory = 1 + 2 * np.sum((1 - lags.tau[1:] / 401) * (lags.C[1:] / lags.C[0]) ** 2)
    excess = 1 / (found.value + found.bias) - 1 / found.value
    assert excess == pytest.approx(n * memory / found.n_samples, rel=0.08)


def test_independent_neurons() -> None:
    """Without couplings all directions are equal: the ratio is one."""
    found = participation_ratio(
        np.zeros((30, 30)), t_max=400, t_skip=10, temperature=0.5, phi="linear", seed=0
    )
    assert abs(found.value - 1) < 4 * found.value_err < 0.3


def test_limit_of_many_neurons() -> None:
    """Networks in noise against the theory: 3.5 standard errors of six couplings, and 3 % for 1/n.

    A false alarm in 1 of 60 runs (t of 5 degrees of freedom), less with what 1/n is allowed.  What
    x has less than φ scatters little; without what tells noise from fields it would be 0.5.
    """
    ratios = []
    for seed in range(6):
        run = integrate(
            couplings.elliptic(300, 1.5, seed=seed), starts(300, 3, seed), t_max=200, dt=0.1,
            temperature=0.5, seed=seed, save_at=np.arange(20.0, 200.5),
        )  # fmt: skip
        ratios.append([participation_ratio(run, t_skip=20, of=of).value for of in ("phi", "x")])
    expected = [
        float(meanfield.participation_ratio(1.5, sigma=1.0, of=of).value) for of in ("phi", "x")
    ]
    err = np.std(ratios, axis=0, ddof=1) / math.sqrt(len(ratios))
    assert np.all(err < 0.1 * np.array(expected))
    assert np.all(abs(np.mean(ratios, axis=0) - expected) < 3.5 * err + 0.03 * np.array(expected))
    shares = [x / phi for phi, x in ratios]
    assert np.mean(shares) == pytest.approx(expected[1] / expected[0], rel=0.02)


def test_of_a_run_is_that_of_its_couplings() -> None:
    """The same states, run here or before."""
    J = couplings.elliptic(80, 4.0, seed=1)
    x0 = starts(80, 2)
    found = participation_ratio(J, t_max=300, t_skip=50, x0=x0, spacing=2.0, of="x")
    run = integrate(J, x0, t_max=300, save_at=np.arange(0.0, 301, 2))
    again = participation_ratio(run, t_skip=50, of="x")
    assert again.value == pytest.approx(found.value, rel=1e-2)
    assert again.gap == found.gap
    assert again.attributes["spacing"] == 2.0


def test_flagged() -> None:
    """A run shorter than its memory, one that decays, and one that rests."""
    J = couplings.elliptic(100, 2.0, seed=1)
    assert "raise t_max" in participation_ratio(J, t_max=90, t_skip=20, seed=0).reason
    J = couplings.elliptic(100, 0.5, seed=1)
    assert "not stationary" in participation_ratio(J, t_max=90, t_skip=0, seed=0).reason
    at_rest = participation_ratio(J, t_max=90, t_skip=0, x0=np.zeros(100))
    assert "at rest" in at_rest.reason
    assert np.isnan(at_rest.value)


def test_refused() -> None:
    """Too few states, no time to sample, a second duration."""
    J = couplings.elliptic(20, 2.0, seed=1)
    with pytest.raises(ArgumentError, match="at least 40 states, there are 11"):
        participation_ratio(J, t_max=30, t_skip=20)
    run = integrate(J, np.ones(20), t_max=60, save_at=61)
    with pytest.raises(ArgumentError, match="must be None for a run"):
        participation_ratio(run, t_max=60)
    with pytest.raises(ArgumentError, match="t_max=10: must be at least"):
        participation_ratio(J, t_max=10, t_skip=20)


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", -1.0), ("temperature", 0.5), ("dt", -1.0), ("seed", 1), ("method", "euler"),
     ("threads", 2), ("x0", np.ones(20)), ("spacing", 2.0)],
)  # fmt: skip
def test_a_run_has_its_own(name: str, value: Any) -> None:
    run = integrate(couplings.elliptic(20, 2.0, seed=1), np.ones(20), t_max=1, save_at=5)
    with pytest.raises(ArgumentError, match=f"{name}.*for a run, which has its own"):
        participation_ratio(run, **{name: value})


def test_too_many_states_are_refused_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dimension, "integrate", lambda *args, **how: pytest.fail("has run"))
    J = couplings.elliptic(20, 2.0, seed=1)
    with pytest.raises(ArgumentError, match="raise spacing"):
        participation_ratio(J, spacing=1e-4, t_max=600)
    with pytest.raises(ArgumentError, match="at least 40 states, there are 11"):
        participation_ratio(J, t_max=30, t_skip=20)


def test_components_of_a_short_run() -> None:
    """Chaotic networks of 500 neurons for ten time units, theory as N → ∞.

    Four standard errors, with 15 degrees of freedom a false alarm in 1 of 400 runs of all three,
    and 0.01 for 1/n.
    """
    shares = []
    for seed in range(16):
        J = couplings.elliptic(500, 2.0, seed=seed)
        run = integrate(J, starts(500, 1, seed), t_max=10, save_at=np.linspace(0, 10, 101))
        shares.append(principal_components(run, 3).explained_ratio)
    theory = meanfield.two_time(2.0, t_max=10, dt=0.1).delta
    err = np.std(shares, axis=0, ddof=1) / 4
    assert np.all(err < 0.02)
    off = np.mean(shares, axis=0) - meanfield.explained_variance(theory)
    assert np.all(np.abs(off) < 4 * err + 0.01), (off, err)


@pytest.mark.slow
def test_chaotic_networks() -> None:
    """Chaos, g = 4, without noise: eight couplings of 400 neurons scatter by a third.

    Four standard errors with 7 degrees of freedom, a false alarm in 1 of 100 runs of both, and 5 %
    for 1/n.
    """
    ratios = []
    for seed in range(8):
        run = integrate(
            couplings.elliptic(400, 4.0, seed=seed), starts(400, 2, seed), t_max=900, dt=0.1,
            save_at=np.arange(100.0, 901, 2),
        )  # fmt: skip
        ratios.append([participation_ratio(run, of=of).value for of in ("phi", "x")])
    expected = np.array([meanfield.participation_ratio(4.0, of=of).value for of in ("phi", "x")])
    mean, err = np.mean(ratios, axis=0), np.std(ratios, axis=0, ddof=1) / math.sqrt(len(ratios))
    assert np.all(err < 0.2 * expected)
    assert np.all(abs(mean - expected) < 4 * err + 0.05 * expected)


def test_a_bias_moves_the_mean_and_no_dimension() -> None:
    """Of a linear network the covariance is known exactly.

    Four standard errors: a false alarm in 1 of 10 000 runs.
    """
    n = 60
    J = couplings.elliptic(n, 0.7, 0.2, seed=1)
    C = solve_continuous_lyapunov(J - np.eye(n), -np.eye(n))
    exact = np.trace(C) ** 2 / (n * np.sum(C * C))
    run = integrate(
        J, starts(n, 4), t_max=420, dt=0.1, temperature=0.5, phi="linear", seed=3,
        save_at=np.arange(20.0, 420.5), bias=5.0,
    )  # fmt: skip
    found = participation_ratio(run, t_skip=20)
    assert found.converged
    assert found.value_err < 0.06 * exact
    assert abs(found.value - exact) < 4 * found.value_err
    # Of all samples about their mean it is too small, by the memory of the run.
    assert 0.9 < (found.value + found.bias) / exact < 1


def test_both_ways_to_take_the_mean_off_agree() -> None:
    """An odd chaotic network has the same covariance about 0 and about a mean it does not have."""
    run = integrate(
        couplings.elliptic(60, 4.0, seed=1), starts(60, 8), t_max=300, dt=0.1,
        save_at=np.arange(50.0, 300.5, 2.0),
    )  # fmt: skip
    plain = participation_ratio(run, t_skip=50)
    centred = participation_ratio(
        replace(run, attributes={**run.attributes, "is_odd": False}), t_skip=50
    )
    assert abs(centred.value - plain.value) < 4 * math.hypot(plain.value_err, centred.value_err)
    assert centred.value_err < 0.15 * plain.value


def test_a_network_at_rest_with_a_bias_has_no_dimension() -> None:
    found = participation_ratio(np.zeros((5, 5)), t_max=200, bias=1.0)
    assert (found.status, found.reason[:26]) == ("flagged", "the network is at rest: no")
    with pytest.raises(ArgumentError, match="must leave at least 80 states, there are 51"):
        participation_ratio(np.zeros((5, 5)), t_max=150, bias=1.0)
    run = integrate(np.zeros((5, 5)), np.ones(5), t_max=100, dt=0.1, save_at=101, bias=1.0)
    with pytest.raises(ArgumentError, match=r"^bias=1: must be 0\.0 for a run"):
        participation_ratio(run, bias=1)
