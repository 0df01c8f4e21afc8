"""Are steps honest?  Stability limits, monotone energy, warnings."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulate import (
    StepSizeWarning,
    couplings,
    integrate,
)


def start(n: int, batch: int | None = None, seed: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal((n,) if batch is None else (n, batch))


@pytest.mark.parametrize("method", ["euler", "heun", "rk4", "exponential", "leimkuhler-matthews"])
def test_stability_limit(method: str) -> None:
    """J = 1 − √λ and linear φ: ẋ = −λx; steps 2 % below and above the stated limit."""
    rate = 30.0
    J = np.array([[1 - np.sqrt(rate)]])
    arguments: dict[str, Any] = {"onsager": 1.0, "phi": "linear", "method": method}
    if method == "leimkuhler-matthews":
        arguments["temperature"] = 1e-300
    limit = integrate(J, [1.0], t_max=0.01, dt=0.01, **arguments).largest_stable_dt
    for factor, decays in ((0.98, True), (1.02, False)):
        dt = factor * limit
        if decays:
            with warnings.catch_warnings():
                # The two-stage first step of "exponential" may raise E this close to the limit.
                warnings.simplefilter("ignore", StepSizeWarning)
                run = integrate(J, [1.0], t_max=600 * dt, dt=dt, **arguments)
            assert "exceeds" not in run.reason
        else:
            with pytest.warns(StepSizeWarning, match="exceeds the largest stable step"):
                run = integrate(J, [1.0], t_max=600 * dt, dt=dt, **arguments)
            assert run.status == "flagged"
            assert "exceeds the largest stable step" in run.reason
        assert (abs(run.x_end[0]) < 0.1) == decays


@settings(max_examples=25)
@given(
    n=st.sampled_from([1, 2, 3, 20]),
    g=st.floats(0.2, 30),
    gamma=st.floats(-1, 1),
    scale=st.floats(0.01, 3),
    seed=st.integers(0, 10**6),
)
def test_energy_never_rises(n: int, g: float, gamma: float, scale: float, seed: int) -> None:
    J, x0 = couplings.elliptic(n, g, gamma, seed=seed), scale * start(n, 2, seed)
    run = integrate(J, x0, t_max=5, dt=0.1, onsager=1.0, save_at=[0, 0.1, 1, 2, 3, 4, 5])
    assert run.status == "converged"
    assert run.energy_rise_fraction == 0
    assert np.all(np.diff(run.energy, axis=0) <= 1e-12 * run.energy[:-1] + 1e-28)


def test_euler_is_exposed() -> None:
    """The printed scheme at g = 12: warned about, energy rising; a tenth of the step is fine."""
    J, x0 = couplings.elliptic(200, 12.0, seed=1), start(200)
    with pytest.warns(StepSizeWarning, match=r"largest stable step 0\.00.*method='chebyshev'"):
        run = integrate(J, x0, t_max=5, dt=0.01, onsager=1.0, method="euler")
    assert run.status == "flagged"
    assert "exceeds the largest stable step" in run.reason
    assert run.energy_rise_fraction > 0.2
    assert run.dt > run.largest_stable_dt
    shorter = integrate(J, x0, t_max=0.5, dt=0.001, onsager=1.0, method="euler")
    assert shorter.status == "converged"
    assert shorter.energy_rise_fraction == 0
    assert shorter.warnings == ()


def test_a_late_instability_is_seen() -> None:
    """κ ramps up long after the first steps: the steps' own quotients ask for a measurement."""
    J, x0 = couplings.elliptic(200, 20.0, seed=1), start(200)

    def ramp(t: float) -> float:
        return min(0.95, max(0.0, t - 5.3))

    with pytest.warns(StepSizeWarning, match="exceeds the largest stable step"):
        run = integrate(J, x0, t_max=12, dt=0.01, onsager=ramp, method="euler")
    assert run.stiffness > 200
    assert integrate(J, x0, t_max=12, dt=0.01, onsager=ramp).status == "converged"


def test_matrix_free_couplings_warn_by_their_steps() -> None:
    """κ < 1: no energy to watch, no product to spare; a stable run at g = 2 says nothing."""
    x0 = start(500)
    with pytest.warns(StepSizeWarning, match="oscillate at its stability limit"):
        integrate(
            couplings.lazy(500, 20.0, seed=1, tol=1e-3), x0, t_max=1, dt=0.01, onsager=0.9,
            method="euler",
        )  # fmt: skip
    calm = couplings.lazy(500, 2.0, seed=1, tol=1e-3)
    assert integrate(calm, x0, t_max=2, dt=0.01, onsager=0.9, method="euler").status == "converged"


def test_matrix_free_couplings_with_noise_are_not_vouched_for() -> None:
    """Noise hides a stiff mode from the steps' quotients: only the bound is left to judge by."""
    calm = couplings.lazy(300, 3.0, seed=1, tol=1e-3)
    arguments: dict[str, Any] = {"t_max": 1, "onsager": 1.0, "temperature": 0.5, "method": "euler"}
    assert integrate(calm, start(300), dt=0.01, seed=1, **arguments).status == "converged"
    with pytest.warns(StepSizeWarning, match="vouches for steps up to"):
        run = integrate(calm, start(300), dt=0.06, seed=1, **arguments)
    assert run.status == "flagged"
    assert "may be too long" in run.reason
    assert "exceeds" not in run.reason


def test_a_jump_without_notice_is_no_rise_of_the_energy() -> None:
    J, x0 = couplings.elliptic(50, 3.0, seed=1), start(50)
    run = integrate(J, x0, t_max=10, dt=0.05, onsager=lambda t: float(t >= 5))
    assert run.status == "converged"
    assert run.energy_rise_fraction == 0


def test_weak_coupling_has_no_largest_step() -> None:
    run = integrate(
        np.zeros((2, 2)), np.ones(2), t_max=1, dt=0.1, onsager=1.0, method="exponential"
    )
    assert run.largest_stable_dt == np.inf


@pytest.mark.parametrize(
    ("method", "long", "short"),
    [
        ("euler", 0.02, 0.0005),
        ("heun", 0.05, 0.01),
        ("rk4", 0.2, 0.05),
        ("exponential", 0.05, 0.01),
    ],
)  # fmt: skip
def test_rotations_are_watched(method: str, long: float, short: float) -> None:
    """Antisymmetric couplings: x decays, V = Σ ln cosh x falls, but a long step feeds rotations."""
    J, x0 = couplings.elliptic(200, 10.0, -1.0, seed=0), start(200)
    with pytest.warns(StepSizeWarning, match="largest stable step .* rotations up to") as caught:
        run = integrate(J, x0, t_max=22, dt=long, method=method)
    assert run.status == "flagged"
    assert run.largest_stable_dt < long
    assert "shorten dt" in str(caught[0].message)
    if method != "rk4":
        assert "method='rk4'" in str(caught[0].message)
    assert np.max(np.abs(run.x_end)) > 1e-3
    better = integrate(J, x0, t_max=22, dt=short, method=method)
    assert better.status == "converged"
    assert np.max(np.abs(better.x_end)) < 1e-8
    assert 18 < better.rotation < 21
    own = integrate(J, x0, t_max=22, method=method)
    assert own.status == "converged"
    assert own.dt < own.largest_stable_dt
    assert np.max(np.abs(own.x_end)) < 1e-8


def test_couplings_with_an_outlier_pair() -> None:
    """A pair at ± 20i, which tells nothing of itself in the variance of the couplings."""
    J = 10 * couplings.dale(
        300, f=0.8, alpha=1, mu_e=1, mu_i=-4, sigma_e=0.1, sigma_i=0.1, seed=0
    )  # fmt: skip
    arguments: dict[str, Any] = {"t_max": 5, "method": "heun"}
    with pytest.warns(StepSizeWarning, match="exceeds the largest stable step"):
        integrate(J, start(300), dt=0.2, **arguments)
    calm = integrate(J, start(300), dt=0.02, **arguments)
    assert calm.status == "converged"


@pytest.mark.parametrize(
    ("g", "gamma", "method", "dt"),
    [
        (1.5, 0.0, "euler", 0.2),
        (4.0, 0.0, "exponential", 0.2),
        (10.0, 0.0, "exponential", 0.1),
        (10.0, 0.0, "heun", 0.2),
        (4.0, 0.5, "euler", 0.2),
        (3.0, 1.0, "exponential", 0.1),
        (4.0, -0.5, "exponential", 0.1),
        (10.0, 0.0, "euler", 0.01),
    ],
)
def test_no_false_alarm(g: float, gamma: float, method: str, dt: float) -> None:
    """Steps at which halving changes exponents by less than their error say nothing."""
    J = couplings.elliptic(300, g, gamma, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert integrate(J, start(300), t_max=40, dt=dt, method=method).status == "converged"


def test_a_default_step_suits_noise_and_its_save_times() -> None:
    J, x0 = couplings.elliptic(50, 3.0, seed=1), start(50)
    run = integrate(J, x0, t_max=10, temperature=0.2, save_at=9, seed=0)
    assert run.status == "converged"
    assert run.t.size == 9
    assert run.dt <= 0.1


@pytest.mark.parametrize(
    ("coupling", "x0", "method"),
    [(-4.4134, 1.0, "heun"), (-3.5, 0.3, "euler"), (-4.4, 1.0, "heun")],
)
def test_a_rest_of_the_step_alone_is_no_success(coupling: float, x0: float, method: str) -> None:
    """A step too long rests, or turns between two states, where ∇E is not zero: E stays."""
    arguments: dict[str, Any] = {"t_max": 100, "onsager": 1.0, "method": method}
    with pytest.warns(StepSizeWarning, match="hardly fell"):
        run = integrate([[coupling]], [x0], dt=0.1, **arguments)
    assert run.status == "flagged"
    assert run.energy[-1] > 0.1
    right = integrate([[coupling]], [x0], **arguments)
    assert right.status == "converged"
    assert right.energy[-1] < 1e-20


def test_the_longest_step_is_that_of_any_segment() -> None:
    """Steps of 0.075 to a switch and of 0.1 behind it; a rate of 26 is followed to 1/13."""
    arguments: dict[str, Any] = {"dt": 0.1, "method": "euler", "phi": "linear", "throw": False}
    with pytest.warns(StepSizeWarning, match=r"dt = 0\.1 of method 'euler' exceeds .*0\.076"):
        integrate([[-25.0]], [1.0], t_max=1.15, switch_times=[0.15], **arguments)
    assert integrate([[-25.0]], [1.0], t_max=0.15, **arguments).converged
