"""Decay to nothing, tiny states, crowded batches, noise that varies within a step, long steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from meanfield import (
    ArgumentError,
    GaussianOperator,
    StepSizeWarning,
    Switching,
    maximal_lyapunov,
    steady_state,
    two_time,
)

FEW: dict[str, Any] = {"n_trajectories": 4096, "batches": 2, "bias": "ignore", "seed": 0}


def test_a_state_that_dies_away_has_a_response() -> None:
    """Forty decay times: no crash, and nothing said of the response where it is not known."""
    run = two_time(0.3, 0.3, t_max=60.0, dt=0.2, save_every=25, **FEW)
    assert run.C[-1, -1] < 1e-30
    exact = steady_state(0.3, 0.3).r_int
    late = slice(1, None)
    known = np.isfinite(run.r_int[late])
    assert np.all((np.abs(run.r_int - exact) < 4 * run.r_int_err + 0.02)[late][known])
    tangents = two_time(0.3, 0.3, t_max=12.0, dt=0.2, save_every=30, response=True, **FEW)
    np.testing.assert_allclose(tangents.r_int[1:], exact, rtol=0.01)


@pytest.mark.parametrize("x0_std", [1e-3, 1e-12, 1e-20, 1e-140])
@pytest.mark.parametrize("window", [4.0, math.inf])
def test_small_states_obey_the_linear_theory(x0_std: float, window: float) -> None:
    """The scale of x drops out: nothing may depend on the range of single precision."""
    arguments = {"t_max": 8.0, "dt": 0.1, "save_every": 20, "window": window} | FEW
    run = two_time(0.5, 0.5, x0_std=x0_std, **arguments)
    linear = two_time(0.5, 0.5, x0_std=1.0, phi="linear", **arguments)
    scaled = np.diagonal(run.delta / x0_std / x0_std)
    np.testing.assert_allclose(scaled, np.diagonal(linear.delta), rtol=0.05)


def test_crowded_batches_do_not_pass_for_a_bias() -> None:
    """Small batches that ran out of room for matched innovations have a bias of another kind."""
    run = two_time(2.0, 0.5, t_max=12.0, dt=0.1, n_trajectories=2048, batches=2, seed=0)
    assert np.all(np.isnan(run.C_bias))
    assert run.status == "ok"
    assert any("room" in text for text in run.warnings)
    extrapolated = two_time(
        2.0, 0.5, t_max=12.0, dt=0.1, n_trajectories=2048, batches=2, seed=0, bias="extrapolate"
    )
    np.testing.assert_array_equal(run.C, extrapolated.C)
    assert GaussianOperator(10, 1.0, seed=0, innovations="matched").is_crowded is False


def test_responses_by_tangents_have_no_bias_from_whitened_sums() -> None:
    run = two_time(
        1.2, 0.5, t_max=1.0, dt=0.1, n_trajectories=4096, batches=2, seed=0, response=True,
        bias="extrapolate",
    )  # fmt: skip
    assert np.all(np.isfinite(run.r_int))
    assert np.all(np.isnan(run.r_int_bias))
    assert np.all(np.isfinite(run.C_bias))


def test_temperature_that_varies_within_a_step() -> None:
    """Second order in the step, so the error estimate of the closed solver knows of it."""

    def heat(t: float) -> float:
        return 0.5 * (1 + math.sin(3 * t))

    fine = two_time(1.5, t_max=2.0, dt=0.0125, temperature=heat)
    coarse = two_time(1.5, t_max=2.0, dt=0.1, temperature=heat)
    off = abs(coarse.delta[-1, -1] - fine.delta[-1, -1])
    assert off < 3 * coarse.delta_err[-1, -1]
    assert off < 5e-4
    sampled = two_time(
        1.5, t_max=2.0, dt=0.1, temperature=heat, method="sampler", n_trajectories=16000,
        batches=8, seed=0, bias="ignore",
    )  # fmt: skip
    # One comparison at five standard errors of seven degrees of freedom, and the step's 2e-3.
    assert abs(sampled.delta[-1, -1] - fine.delta[-1, -1]) < 5 * sampled.delta_err[-1, -1] + 2e-3


def test_noise_takes_no_window() -> None:
    with pytest.raises(ArgumentError, match=r"window=5: must be inf with white noise"):
        two_time(1.5, 0.5, t_max=10, dt=0.1, temperature=0.1, window=5.0, **FEW)
    with pytest.raises(ArgumentError, match=r"temperature=0\.1: must be 0"):
        steady_state(1.5, 0.5, temperature=0.1)
    with pytest.raises(ArgumentError, match=r"window=5: must be inf with temperature=0\.1"):
        maximal_lyapunov(1.5, 0.5, temperature=0.1, window=5.0)


def test_a_long_step_without_the_force_is_told() -> None:
    """Symmetric couplings relax fast: the balance of ⟨x²⟩ shows it, also where κ = 0."""
    with pytest.warns(StepSizeWarning, match="is violated by"):
        long = two_time(4.0, 1.0, t_max=4.0, dt=0.4, x0_std=0.1, **FEW)
    assert long.status == "unstable step"
    assert long.balance_error > 0.1
    short = two_time(4.0, 1.0, t_max=4.0, dt=0.05, x0_std=0.1, **FEW)
    assert short.status == "ok"


def test_balances_do_not_bridge_gaps() -> None:
    """Noise for a while, and the gradient flow with a pause."""
    burst = two_time(
        1.5, 0.5, t_max=3.0, dt=0.05, temperature=Switching([1, 2], [0, 0.5, 0]), **FEW
    )
    assert burst.balance_error < 0.02
    paused = two_time(1.5, 0.0, t_max=3.0, dt=0.025, onsager=Switching([1, 2], [1, 0, 1]), **FEW)
    assert paused.energy_balance_error < 0.02
