"""Are steps honest?  Stability limits, monotone energy, warnings."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator

from meanfield.schedule import Drive, as_function
from simulate import (
    StepSizeWarning,
    Switching,
    couplings,
    integrate,
)
from simulate.integration.loop import FixedSteps, advance
from simulate.integration.monitor import Monitor, _rayleigh
from simulate.integration.problem import Problem, Step
from simulate.integration.schemes import SCHEMES
from simulate.network import Network


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
    # Steps of "chebyshev" end at save times; what others interpolate there has an error.
    for method, saves in (("auto", [0, 5]), ("chebyshev", [0, 0.1, 1, 2, 3, 4, 5])):
        run = integrate(J, x0, t_max=5, dt=0.1, onsager=1.0, method=method, save_at=saves)
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


class Looking(Monitor):
    """Notes when it looks."""

    def __init__(self, *of: Any, **how: Any) -> None:
        super().__init__(*of, **how)
        self.looks: list[float] = []

    def _look(self, problem: Problem, t: float, x: Any) -> None:
        self.looks.append(round(t, 9))
        super()._look(problem, t, x)


def watched(
    J: Any, onsager: Any, times: list[float], dt: float, *, method: str = "euler", since: float = 0
) -> Looking:
    """Steps of a linear network under the eyes of a monitor."""
    problem = Problem(
        Network(J, phi="linear"), as_function("onsager", onsager), as_function("temperature", 0.0)
    )
    scheme = SCHEMES[method]
    monitor = Looking(scheme, dt, adapts=False, may_switch=True, since=since)
    x = np.ones(problem.network.n)
    for _ in advance(problem, scheme, FixedSteps(dt), monitor, x, times):
        pass
    return monitor


def test_when_spectra_are_looked_at() -> None:
    """At the start, every 10 time units or 100 steps, at the end; from `since` on."""
    J = np.zeros((1, 1))
    assert watched(J, 0.0, [0, 25, 33], 0.1).looks == pytest.approx([0, 10, 20, 30, 33])
    assert watched(J, 0.0, [0, 25, 33], 0.1, since=12.0).looks == pytest.approx([12, 22, 32, 33])
    assert watched(J, 0.0, [0, 40, 120], 0.5).looks == [0, 50, 100, 120]
    assert watched(J, Switching([5], [0, 0.5]), [0, 5, 7], 1.0, since=6.0).looks == [6, 6, 7, 7]


def test_a_regulated_run_is_looked_at_after_powers_of_two_and_at_jumps() -> None:
    J = 0.5 * np.eye(1)
    found = watched(J, Switching([3], [1, 0.5]), [0, 3, 6], 0.5)
    assert found.looks == [0, 0.5, 1, 2, 3, 3, 3.5, 4, 5, 6]
    # Where κ does not jump a segment ends unseen.
    assert watched(J, 1.0, [0, 3, 6], 0.5).looks == [0, 0.5, 1, 2, 4, 6]


def test_hints_of_a_stiff_mode_ask_less_and_less_often() -> None:
    """A rate of 3 of at most 4: after 1 step, 40 more, and 80 more."""
    found = watched([[1 - np.sqrt(3)]], 1.0, [0, 65], 0.5)
    # No 100 steps are without one of these.
    counts = sorted({1, 41, 121} | {2**k for k in range(8)})
    assert found.looks == [0.0, *(count / 2 for count in counts), 65.0]
    assert found.looks.count(20.5) == 1
    # A quotient below half of the limit, and a limit known to be exceeded, ask nothing.
    for rate in (1.9, 4.2):
        assert 20.5 not in watched([[1 - np.sqrt(rate)]], 1.0, [0, 21], 0.5).looks


def test_what_was_met_is_reported() -> None:
    """A pair −0.5 ± 3i of a linear network, at κ = 0, between, and 1."""
    J = np.array([[0.5, -3.0], [3.0, 0.5]])
    A = J - np.eye(2)
    for kappa in (0.0, 0.3, 1.0):
        matrix = (1 - kappa) * A - kappa * A.T @ A
        run = integrate(J, [1.0, 0.0], t_max=1, dt=0.01, onsager=kappa, phi="linear", method="rk4")
        rates = np.linalg.eigvals(matrix)
        assert run.rotation == pytest.approx(np.max(rates.imag), abs=1e-9)
        if kappa:
            assert run.stiffness == pytest.approx(-np.linalg.eigvalsh(matrix + matrix.T)[0] / 2)
        else:
            assert np.isnan(run.stiffness)
            assert run.n_evaluations == 1 + 4 * 100
        limit = SCHEMES["rk4"].largest_step(np.append(rates, -1.0))
        assert run.largest_stable_dt == pytest.approx(limit, rel=1e-6)
        assert run.n_steps == 100
        assert run.n_rejected == 0


def resting(kappa: float = 1.0, **how: Any) -> Problem:
    """ẋ = −x for any κ: E = x²/2."""
    return Problem(
        Network(np.zeros((1, 1))), as_function("onsager", kappa), as_function("temperature", 0.0),
        **how,
    )  # fmt: skip


def step(problem: Problem, x0: Any, x1: Any, t0: float = 0.0, t1: float = 1.0) -> Step:
    x0, x1 = np.atleast_2d(x0).astype(float), np.atleast_2d(x1).astype(float)
    return Step(problem, t0, x0, problem.evaluate(t0, x0), t1, x1, problem.evaluate(t1, x1))


def test_how_far_the_energy_must_fall() -> None:
    """By 1 % of h|F|², in every column; it may rise by what rounding makes of it."""
    problem = resting()
    monitor = Monitor(SCHEMES["euler"], 1.0, adapts=False, may_switch=True)
    for h in (0.5, 1.0, 2.0):
        for share, fails in ((0.95, True), (1.05, False)):
            end = np.sqrt(1 - 0.02 * h * share)
            assert monitor._does_not_fall(step(problem, [1.0], [end], t1=h)) == fails
            both = step(problem, [1.0, 1.0], [0.1, end], 3.0, 3.0 + h)
            assert monitor._does_not_fall(both).tolist() == [False, fails]
    eps = np.finfo(float).eps
    # E is known to 16 ε |f| (|f| + 2|x|) = 48 ε.
    for change, rises in ((-0.5, False), (0, False), (40, False), (60, True)):
        end = 1 + change * eps
        assert monitor.rises(step(problem, [1.0], [end])) == rises
        both = step(problem, [1.0, 1.0], [0.5, end])
        assert monitor.rises(both).tolist() == [False, rises]
    assert monitor.rises(step(problem, [1.0], [np.nan]))


def test_steps_that_rise_are_counted() -> None:
    """Along −∇E alone, and from `since` on."""
    for problem, since, found in (
        (resting(), 0.0, 2 / 4),
        (resting(), 2.0, 1 / 2),
        (resting(), 2.0 + 1e-9, 1 / 2),
        (resting(), 2.1, 0 / 1),
        (resting(0.5), 0.0, np.nan),
        (resting(inputs=Drive(0.0, 1.0, lambda: np.zeros(0))), 0.0, np.nan),
    ):
        monitor = Monitor(SCHEMES["euler"], 1.0, adapts=False, may_switch=True, since=since)
        monitor.enter(problem, 0.0, np.ones((1, 1)))
        for k, (x0, x1) in enumerate([(1, 2), (2, 1), (1, 1), (1, 0.1)]):
            monitor.record(step(problem, [x0], [x1], k, k + 1))
        assert monitor.energy_rise_fraction == pytest.approx(found, nan_ok=True)
        assert monitor.longest == 1
        monitor.record(step(problem, [1], [0.1], 4, 4.5))
        assert monitor.longest == 1


def test_quotients_of_steps() -> None:
    """−ΔF·Δx/|Δx|², the largest of all columns: here the rate of each."""
    J = np.diag([0.5, -1.0])
    problem = Problem(
        Network(J, phi="linear"), as_function("onsager", 0.0), as_function("temperature", 0.0)
    )
    one = step(problem, [[1.0, 0.0], [0.0, 1.0]], [[0.3, 0.0], [0.0, 0.2]])
    assert _rayleigh(one) == pytest.approx(2.0)
    assert _rayleigh(step(problem, [[1.0], [0.0]], [[0.3], [0.0]])) == pytest.approx(0.5)
    still = step(problem, [[1.0], [0.0]], [[1.0], [0.0]])
    assert _rayleigh(still) == 0


def test_couplings_known_by_a_bound_are_judged_by_their_steps() -> None:
    """The quotient, 3 here, averaged over 20 steps; the bound vouches for shorter steps only."""
    J = LinearOperator(
        (1, 1), matvec=lambda v: (1 - np.sqrt(3)) * v, matmat=lambda v: (1 - np.sqrt(3)) * v,
        rmatvec=lambda v: (1 - np.sqrt(3)) * v, rmatmat=lambda v: (1 - np.sqrt(3)) * v,
        dtype=np.float64,
    )  # fmt: skip
    J.norm_bound = 1.0
    for dt, text in ((0.1, ""), (0.5, "oscillate at its stability limit"), (0.3, "")):
        monitor = watched(J, 1.0, [0, 30 * dt], dt)
        assert monitor._largest_quotient == pytest.approx(3 * (1 - 0.95**30))
        assert text in monitor.judgement()
        assert bool(text) == bool(monitor.judgement())
        # (1 + 1)² at most.
        assert monitor.largest_stable_dt == pytest.approx(2 / 4, rel=1e-6)
        assert monitor.would_follow(0.499)
        assert not monitor.would_follow(0.501)
    # Without falling E nothing but the bound is known: 1/2 (1 + 1) + 1/2 (1 + 1)².
    for dt, text in ((0.3, ""), (0.6, ""), (0.7, "vouches for steps up to 0.667 only")):
        monitor = watched(J, 0.5, [0, 3 * dt], dt)
        assert text in monitor.judgement()
        assert bool(text) == bool(monitor.judgement())
