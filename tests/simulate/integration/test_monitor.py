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
