"""The loop: steps land on switch times, do not jump over pulses, and end where they must."""

import pickle
from typing import Any

import numpy as np
import pytest

from simulate import IntegrationError, StepSizeWarning, Switching, couplings, integrate


def start(n: int, batch: int | None = None, seed: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal((n,) if batch is None else (n, batch))


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


def test_switch_times_that_differ_by_rounding() -> None:
    run = integrate(
        np.zeros((2, 2)), np.ones(2), t_max=1, dt=0.1, onsager=Switching([0.3], [0, 1]),
        switch_times=[0.1 + 0.2],
    )  # fmt: skip
    assert run.status == "converged"


def test_the_step_taken_counts() -> None:
    """One step of 0.5 in place of 1000: stable."""
    run = integrate(np.zeros((1, 1)), [1.0], t_max=0.5, dt=1e3, method="euler")
    assert run.status == "converged"
    assert run.n_steps == 1


def test_a_run_that_diverges() -> None:
    """ẋ = −x with dt = 3 doubles at every step."""
    with pytest.raises(IntegrationError, match="not finite"):
        integrate(np.zeros((1, 1)), [1.0], t_max=6000, dt=3, method="euler", phi="linear")
    with pytest.warns(StepSizeWarning, match="largest stable step 1.*rate -1.*exponential"):
        run = integrate(
            np.zeros((1, 1)), [1.0], t_max=6000, dt=3, method="euler", phi="linear", throw=False,
            save_at=[0, 3, 6000],
        )  # fmt: skip
    assert run.status == "flagged"
    assert run.reason.startswith("the state is not finite at t = ")
    assert "largest stable step 1.3" in run.reason
    assert pickle.loads(pickle.dumps(IntegrationError("no"))).args == ("no",)
    np.testing.assert_array_equal(run.t, [0, 3])
