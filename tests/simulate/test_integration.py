"""Time stepping: orders, stability limits, switching, closed forms, reproducibility."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from simulate import (
    IntegrationError,
    StepSizeWarning,
    Switching,
    couplings,
    energy_gradient,
    force,
    integrate,
    kinetic_energy,
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
            assert "exceeds" not in run.message
        else:
            with pytest.warns(StepSizeWarning, match="exceeds the largest stable step"):
                run = integrate(J, [1.0], t_max=600 * dt, dt=dt, **arguments)
            assert run.status == "unstable step"
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
    assert run.status == "success"
    assert run.energy_rise_fraction == 0
    assert np.all(np.diff(run.energy, axis=0) <= 1e-12 * run.energy[:-1] + 1e-28)


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


def test_euler_is_exposed() -> None:
    """The printed scheme at g = 12: warned about, energy rising; a tenth of the step is fine."""
    J, x0 = couplings.elliptic(200, 12.0, seed=1), start(200)
    with pytest.warns(StepSizeWarning, match=r"largest stable step 0\.00.*method='chebyshev'"):
        run = integrate(J, x0, t_max=5, dt=0.01, onsager=1.0, method="euler")
    assert run.status == "unstable step"
    assert run.energy_rise_fraction > 0.2
    assert run.dt > run.largest_stable_dt
    shorter = integrate(J, x0, t_max=0.5, dt=0.001, onsager=1.0, method="euler")
    assert shorter.status == "success"
    assert shorter.energy_rise_fraction == 0
    assert shorter.warnings == []


def test_a_late_instability_is_seen() -> None:
    """κ ramps up long after the first steps: the steps' own quotients ask for a measurement."""
    J, x0 = couplings.elliptic(200, 20.0, seed=1), start(200)

    def ramp(t: float) -> float:
        return min(0.95, max(0.0, t - 5.3))

    with pytest.warns(StepSizeWarning, match="exceeds the largest stable step"):
        run = integrate(J, x0, t_max=12, dt=0.01, onsager=ramp, method="euler")
    assert run.stiffness > 200
    assert integrate(J, x0, t_max=12, dt=0.01, onsager=ramp).status == "success"


def test_matrix_free_couplings_warn_by_their_steps() -> None:
    """κ < 1: no energy to watch, no product to spare; a stable run at g = 2 says nothing."""
    x0 = start(500)
    with pytest.warns(StepSizeWarning, match="oscillate at its stability limit"):
        integrate(
            couplings.lazy(500, 20.0, seed=1, tol=1e-3), x0, t_max=1, dt=0.01, onsager=0.9,
            method="euler",
        )  # fmt: skip
    calm = couplings.lazy(500, 2.0, seed=1, tol=1e-3)
    assert integrate(calm, x0, t_max=2, dt=0.01, onsager=0.9, method="euler").status == "success"


def test_a_jump_without_notice_is_no_rise_of_the_energy() -> None:
    J, x0 = couplings.elliptic(50, 3.0, seed=1), start(50)
    run = integrate(J, x0, t_max=10, dt=0.05, onsager=lambda t: float(t >= 5))
    assert run.status == "success"
    assert run.energy_rise_fraction == 0


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


def test_switch_times_that_differ_by_rounding() -> None:
    run = integrate(
        np.zeros((2, 2)), np.ones(2), t_max=1, dt=0.1, onsager=Switching([0.3], [0, 1]),
        switch_times=[0.1 + 0.2],
    )  # fmt: skip
    assert run.status == "success"


def test_an_operator_may_answer_with_a_view() -> None:
    flip = LinearOperator(
        (6, 6), matvec=lambda v: v[::-1], rmatvec=lambda v: v[::-1], dtype=np.float64
    )
    matrix, x = np.eye(6)[::-1].copy(), start(6)
    np.testing.assert_allclose(energy_gradient(x, flip), energy_gradient(x, matrix), atol=1e-14)


def test_weak_coupling_has_no_largest_step() -> None:
    run = integrate(
        np.zeros((2, 2)), np.ones(2), t_max=1, dt=0.1, onsager=1.0, method="exponential"
    )
    assert run.largest_stable_dt == np.inf


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


def test_noise_does_not_depend_on_the_batch() -> None:
    J, x0 = couplings.elliptic(20, 1.5, seed=7), start(20, 3)
    arguments: dict[str, Any] = {"t_max": 2, "dt": 0.05, "temperature": 0.3, "onsager": 1.0}
    whole = integrate(J, x0, seed=1, **arguments)
    np.testing.assert_array_equal(whole.x_end, integrate(J, x0, seed=1, **arguments).x_end)
    assert not np.allclose(whole.x_end, integrate(J, x0, seed=2, **arguments).x_end)
    fewer = integrate(J, x0[:, :2], seed=1, **arguments)
    np.testing.assert_allclose(whole.x_end[:, :2], fewer.x_end, rtol=1e-9, atol=1e-10)
    one = integrate(J, x0[:, 0], seed=1, **arguments)
    np.testing.assert_allclose(whole.x_end[:, 0], one.x_end, rtol=1e-9, atol=1e-10)
    # A seed that was not given can be read back.
    free = integrate(J, x0, **arguments)
    again = integrate(J, x0, seed=int(free.attributes["seed"]), **arguments)
    np.testing.assert_array_equal(free.x_end, again.x_end)


@pytest.mark.parametrize("method", [*ORDERS, "leimkuhler-matthews"])
def test_batch_is_a_loop_and_storage_does_not_matter(method: str) -> None:
    J, x0 = couplings.elliptic(15, 1.5, 0.2, seed=8), start(15, 3)
    arguments: dict[str, Any] = {
        "t_max": 1, "dt": 0.05, "method": method, "onsager": 0.5, "tol": None
    }  # fmt: skip
    whole = integrate(J, x0, **arguments)
    for column in range(3):
        one = integrate(J, x0[:, column], **arguments)
        if method != "chebyshev":  # whose stages follow the stiffest column
            np.testing.assert_allclose(one.x_end, whole.x_end[:, column], atol=1e-10)
    for other in (csr_array(J), aslinearoperator(J)):
        np.testing.assert_allclose(integrate(other, x0, **arguments).x_end, whole.x_end, atol=1e-10)


def test_what_is_saved() -> None:
    J, x0 = couplings.elliptic(10, 1.5, seed=9), start(10, 2)
    run = integrate(
        J,
        x0,
        t_max=2,
        dt=0.01,
        save_at=[0, 0.555, 1.2345, 2],
        observables={"q": lambda t, x, f: np.mean(np.tanh(x) ** 2, axis=0)},
    )
    fine = integrate(J, x0, t_max=2, dt=0.0005, save_at=[0, 0.555, 1.2345, 2], method="rk4")
    assert run.x.shape == (4, 10, 2)
    np.testing.assert_array_equal(run.x[0], x0)
    np.testing.assert_array_equal(run.x[-1], run.x_end)
    np.testing.assert_allclose(run.x, fine.x, atol=1e-4)
    for k in range(4):
        np.testing.assert_allclose(run.energy[k], kinetic_energy(run.x[k], J) / 10)
    np.testing.assert_allclose(run.observables["q"], np.mean(np.tanh(run.x) ** 2, axis=1))
    lean = integrate(J, x0, t_max=2, dt=0.01, save_at=5, store_states=False)
    assert lean.x is None
    np.testing.assert_allclose(lean.t, [0, 0.5, 1, 1.5, 2])
    data = run.to_dataset()
    assert data.x.dims == ("t", "neuron", "column")
    assert data.attrs["method"] == "exponential"
    assert data.attrs["status"] == "success"
    assert float(data.energy[-1, 1]) == run.energy[-1, 1]
    data.to_netcdf(engine="scipy")


def test_single_precision() -> None:
    J, x0 = couplings.elliptic(50, 1.5, seed=10), start(50, 2)
    for method in (*ORDERS, "leimkuhler-matthews"):
        single, double = (
            integrate(J, x0, t_max=1, dt=0.02, onsager=1.0, method=method, dtype=dtype)
            for dtype in (np.float32, np.float64)
        )
        assert single.x_end.dtype == np.float32
        assert single.status == "success"
        np.testing.assert_allclose(single.x_end, double.x_end, atol=2e-4)


def test_threads_do_not_change_results() -> None:
    J, x0 = couplings.elliptic(50, 1.5, seed=11), start(50)
    runs = [integrate(J, x0, t_max=2, dt=0.05, threads=threads).x_end for threads in (1, 2)]
    np.testing.assert_allclose(*runs, rtol=1e-10)


def test_a_run_that_diverges() -> None:
    """ẋ = −x with dt = 3 doubles at every step."""
    with pytest.raises(IntegrationError, match="not finite"):
        integrate(np.zeros((1, 1)), [1.0], t_max=6000, dt=3, method="euler", phi="linear")
    with pytest.warns(StepSizeWarning, match="largest stable step 2 at the stiffness 1"):
        run = integrate(
            np.zeros((1, 1)), [1.0], t_max=6000, dt=3, method="euler", phi="linear", throw=False,
            save_at=[0, 3, 6000],
        )  # fmt: skip
    assert run.status == "diverged"
    np.testing.assert_array_equal(run.t, [0, 3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t_max": 0}, "t_max=0"),
        ({"dt": -0.1}, "dt=-0.1"),
        ({"dt": np.nan}, "dt=nan"),
        ({"method": "implicit"}, "method='implicit': expected one of auto, euler"),
        ({"method": "rk4", "temperature": 0.1}, "no noise in this scheme, use one of euler, heun"),
        ({"temperature": -1.0}, "temperature=-1"),
        ({"tol": 0.0}, "tol=0"),
        ({"eta": -1.0}, "eta=-1"),
        ({"onsager": lambda t: np.nan}, r"onsager\(t=0\)=nan"),
        ({"save_at": [0.5, 0.4]}, "save_at: times must increase"),
        ({"save_at": [0.5, 3]}, "save_at=3: must lie in"),
        ({"save_at": 1}, "save_at=1"),
        ({"save_at": [0.15], "temperature": 1.0}, "save_at=0.15: a noisy run"),
        ({"inputs": lambda t: np.nan}, r"inputs\(t=0\): must be finite"),
        ({"inputs": 1.0}, "inputs=1.0: expected a function"),
        ({"seed": -1}, "seed=-1"),
        ({"observables": {"energy": lambda t, x, f: 0}}, r"observables\['energy'\]"),
        ({"inputs": lambda t: np.zeros(3)}, r"inputs\(t=0\) of shape \(3,\)"),
        ({"dtype": int}, "dtype"),
        ({"switch_times": [np.nan]}, "switch_times=nan"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        integrate(np.zeros((2, 2)), np.zeros(2), **{"t_max": 1.0, "dt": 0.1, **arguments})


def test_bad_couplings_and_switching() -> None:
    with pytest.raises(ValueError, match="J: must be finite"):
        integrate(np.full((2, 2), np.nan), np.zeros(2), t_max=1, dt=0.1)
    with pytest.raises(ValueError, match=r"times=\[2.0, 1.0\]: must increase"):
        Switching([2, 1], [0, 1, 0])
    with pytest.raises(ValueError, match="values of length 1: expected 2"):
        Switching([2], [0])
    with pytest.raises(ValueError, match="expected two sequences"):
        Switching(2, [0, 1])  # type: ignore[arg-type]
