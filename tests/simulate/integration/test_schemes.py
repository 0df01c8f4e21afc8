"""Schemes: orders, stability, adaptive steps, closed forms, implicit references, weak orders."""

import math
import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import Polynomial
from numpy.polynomial.chebyshev import cheb2poly
from scipy.integrate import solve_ivp
from scipy.linalg import expm, solve_continuous_lyapunov, solve_discrete_lyapunov
from scipy.sparse import csr_array

from meanfield.schedule import Drive, as_function
from simulate import (
    Switching,
    couplings,
    energy_gradient,
    force,
    integrate,
    maximal_lyapunov,
    runge_kutta,
)
from simulate.integration import IntegrationError
from simulate.integration.problem import Problem, Step
from simulate.integration.schemes import SCHEMES, Memory, Move, Scheme, _Slopes
from simulate.network import Evaluation, Network

# Bogacki–Shampine 3(2), whose last stage is the first one of the next step.
PAIR = runge_kutta(
    "bogacki-shampine",
    A=[[1 / 2], [0, 3 / 4]],
    b=[2 / 9, 1 / 3, 4 / 9],
    order=3,
    embedded=[7 / 24, 1 / 4, 1 / 3, 1 / 8],
)


def two_step(problem: Any, t: float, x: Any, first: Any, h: float, memory: Memory) -> Move:
    """Adams–Bashforth of order 2, a midpoint step at the start and after jumps."""
    if not memory.past:
        slope = problem.evaluate(t + h / 2, x + (h / 2) * first.drift).drift
    else:
        slope = 1.5 * first.drift - 0.5 * memory.past[0]
    return Move(x + h * slope, memory._replace(past=(first.drift,)))


def adams(h: float, rates: Any) -> Any:
    """ρ² − (1 + 3z/2) ρ + z/2 = 0, z = hλ."""
    z = h * rates
    root = np.sqrt((1 + 1.5 * z) ** 2 - 2 * z)
    return np.maximum(abs(1 + 1.5 * z + root), abs(1 + 1.5 * z - root)) / 2


OWN = Scheme("two-step", 2, 1, two_step, amplification=adams)
NAMED = [
    SCHEMES[name] for name in ("euler", "heun", "rk4", "exponential", "exponential4", "chebyshev")
]
every_scheme = pytest.mark.parametrize("scheme", [*NAMED, PAIR, OWN], ids=lambda s: s.name)


def start(n: int, batch: int | None = None, seed: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal((n,) if batch is None else (n, batch))


def reference(J: Any, x0: Any, t_max: float, kappa: float, drive: Any = lambda t: 0.0) -> Any:
    def drift(t: float, x: Any) -> Any:
        return (1 - kappa) * force(x, J) - kappa * energy_gradient(x, J) + drive(t)

    run = solve_ivp(drift, (0, t_max), x0, method="DOP853", rtol=1e-12, atol=1e-13)
    return run.y[:, -1]


@pytest.mark.parametrize("kappa", [0.0, 0.4, 1.0])
@every_scheme
def test_order_of_convergence(scheme: Scheme, kappa: float) -> None:
    J, x0 = couplings.elliptic(6, 1.2, 0.3, seed=1), start(6)
    exact = reference(J, x0, 2.0, kappa)
    steps = np.array([0.05, 0.025, 0.0125])
    errors = [
        np.max(
            np.abs(
                integrate(J, x0, t_max=2.0, dt=dt, onsager=kappa, method=scheme, tol=None).x_end
                - exact
            )
        )
        for dt in steps
    ]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(scheme.order, abs=0.25)


@every_scheme
def test_order_with_input_and_switching(scheme: Scheme) -> None:
    """A driven run whose κ jumps off the grid of every step keeps its order."""
    J, x0 = couplings.elliptic(5, 1.2, seed=2), start(5)
    jump, t_max = 0.7312, 1.6

    def drive(t: float) -> Any:
        return np.sin(3 * t) * np.arange(5.0)

    half = reference(J, x0, jump, 0.0, drive)
    exact = reference(J, half, t_max - jump, 1.0, lambda t: drive(t + jump))
    steps = np.array([0.04, 0.02, 0.01])
    if scheme.name == "exponential4":
        # Few of the longest would not be the first ones, which are another scheme's.
        steps /= 4
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
                    method=scheme,
                    tol=None,
                    inputs=drive,
                ).x_end
                - exact
            )
        )
        for dt in steps
    ]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(scheme.order, abs=0.3)


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


@pytest.mark.parametrize(
    ("scheme", "interval"),
    [
        (SCHEMES["euler"], 2.0),
        (SCHEMES["heun"], 2.0),
        (SCHEMES["rk4"], 2.785293563405282),
        (PAIR, 2.512745326618329),
        # R = −1 is only touched at z = −4.
        (runge_kutta("touching", [[1 / 8]], [0.0, 1.0], order=1), 8.0),
    ],
)
def test_real_stability_interval(scheme: Any, interval: float) -> None:
    """That of derivations: schemes, and of three stages of order 3."""
    assert scheme.largest_step(-4.0) == pytest.approx(interval / 4, rel=1e-6)


@pytest.mark.parametrize("kappa", [0.0, 1.0])
def test_embedded_weights_make_steps_adapt(kappa: float) -> None:
    """Third order: the error falls like the tolerance, 100 times here; 10 leaves room for luck."""
    J, x0 = couplings.elliptic(20, 3.0, seed=4), start(20)
    exact = reference(J, x0, 3.0, kappa)
    runs = [
        integrate(J, x0, t_max=3.0, dt=0.5, onsager=kappa, method=PAIR, tol=tol, save_at=4)
        for tol in (1e-4, 1e-6)
    ]
    errors = [np.max(np.abs(run.x_end - exact)) for run in runs]
    assert errors[0] < 1e-2
    assert errors[1] < errors[0] / 10
    assert runs[0].n_rejected > 0
    assert all(run.converged for run in runs)
    assert runs[0].n_evaluations < runs[1].n_evaluations


def test_every_try_is_a_step_or_a_rejected_one() -> None:
    tries = 0

    def step(*arguments: Any) -> Any:
        nonlocal tries
        tries += 1
        return PAIR.step(*arguments)

    J, scheme = couplings.elliptic(20, 3.0, seed=4), replace(PAIR, step=step)
    run = integrate(J, start(20), t_max=3.0, dt=0.5, method=scheme, tol=1e-4, save_at=4)
    assert run.n_rejected > 0
    assert run.n_steps + run.n_rejected == tries


@pytest.mark.parametrize("t_max", [1e-3, 3.0])
def test_a_step_that_is_never_short_enough_ends_the_run(t_max: float) -> None:
    def step(*arguments: Any) -> Any:
        return PAIR.step(*arguments)._replace(error=lambda last: np.ones_like(last.drift))

    with pytest.raises(IntegrationError, match=r"fell below rounding at t = 0; raise tol=1e-06"):
        integrate(
            np.eye(3), np.ones(3), t_max=t_max, dt=t_max, method=replace(PAIR, step=step), tol=1e-6
        )


def test_a_scheme_travels_and_serves_every_call() -> None:
    J, x0 = couplings.elliptic(20, 3.0, seed=4), start(20)
    copy = pickle.loads(pickle.dumps(PAIR))
    one, two = (
        integrate(J, x0, t_max=2, dt=0.1, onsager=0.5, method=m, tol=None) for m in (PAIR, copy)
    )
    np.testing.assert_array_equal(one.x_end, two.x_end)
    assert one.method == "bogacki-shampine"
    assert one.attributes["method"] == "<Scheme bogacki-shampine>"
    arguments: dict[str, Any] = {"dt": 0.05, "t_max": 30, "t_skip": 5, "x0": x0, "seed": 1}
    values = [
        float(maximal_lyapunov(J, method=method, tol=tol, **arguments).value)
        for method, tol in (("rk4", None), (PAIR, None), (PAIR, 1e-8))
    ]
    np.testing.assert_allclose(values, values[0], atol=1e-3)
    with pytest.raises(ValueError, match="no noise in this scheme, use one of euler, heun"):
        integrate(J, x0, t_max=1, dt=0.1, temperature=1.0, method=PAIR)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"A": [[1.0], [1.0]]}, "A of 2 rows: expected 1"),
        ({"b": [0.5, 0.4]}, "b: the weights sum to 0.9"),
        ({"embedded": [1.0]}, "embedded of length 1: expected 2 or one more"),
        ({"embedded": [1.0, 1.0]}, "embedded: the weights sum to 2"),
        ({"embedded": [0.5, 0.5]}, "embedded: the same as b"),
        ({"A": [[math.nan]]}, "A=nan: must be finite"),
        ({"b": [math.nan, 0.5]}, "b=nan: must be finite"),
        ({"order": 0}, "order=0"),
        ({"order": "2"}, "order='2'"),
    ],
)
def test_bad_tableaux(arguments: dict[str, Any], message: str) -> None:
    usual: dict[str, Any] = {"A": [[1.0]], "b": [0.5, 0.5], "order": 2}
    with pytest.raises(ValueError, match=message):
        runge_kutta("wrong", **{**usual, **arguments})


@pytest.mark.parametrize("stages", [2, 3, 5, 10])
def test_interval_of_a_polynomial_that_touches_its_bounds(stages: int) -> None:
    """R(z) = T_s(1 + z/s²) is between −1 and 1 on [−2s², 0] and touches both inside."""
    coefficients = Polynomial(cheb2poly([0] * stages + [1]))(Polynomial([1, 1 / stages**2])).coef
    # Stage k is x + a_k h f(stage k − 1), the last one the step: products of the a_k.
    ratios = coefficients[1:] / coefficients[:-1]
    chain = [[0.0] * k + [ratios[stages - 1 - k]] for k in range(stages - 1)]
    scheme = runge_kutta("chebyshev polynomial", chain, [0.0] * (stages - 1) + [1.0], order=1)
    assert scheme.largest_step(-4.0) * 4 == pytest.approx(2 * stages**2, rel=1e-6)


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


# Weak order of the noisy schemes on a linear network, from their one-step maps, unsampled.

N, T = 5, 0.7


class Given:
    """A noise source that returns what it is told."""

    def __init__(self, *vectors: Any) -> None:
        self._vectors = list(vectors)

    def draw(self) -> Any:
        return self._vectors.pop(0)


def covariance(method: str, J: Any, kappa: float, h: float) -> Any:
    """Stationary covariance of x' = P x + B R_n + C R_{n+1}."""
    problem = Problem(
        Network(J, phi="linear"), as_function("onsager", kappa), as_function("temperature", T)
    )
    one, zero = np.eye(N), np.zeros((N, N))

    def step(x: Any, *noise: Any) -> Any:
        given = replace(problem, noise=Given(*noise))
        return SCHEMES[method].step(given, 0.0, x, given.evaluate(0.0, x), h, Memory()).x

    P = step(one, zero, zero)
    if method != "leimkuhler-matthews":
        B = step(zero, one)
        return solve_discrete_lyapunov(P, B @ B.T)
    B, C = step(zero, one, zero), step(zero, zero, one)
    joint = np.block([[P, B], [zero, zero]])
    source = np.vstack([C, one])
    return solve_discrete_lyapunov(joint, source @ source.T)[:N, :N]


@pytest.mark.parametrize(
    ("method", "kappa", "order"),
    [
        ("euler", 0.0, 1),
        ("euler", 1.0, 1),
        ("heun", 0.0, 2),
        ("heun", 0.4, 2),
        ("heun", 1.0, 2),
        ("leimkuhler-matthews", 0.0, 1),
    ],
)
def test_weak_order(method: str, kappa: float, order: int) -> None:
    J = couplings.elliptic(N, 0.6, -0.3, seed=1)
    A = J - np.eye(N)
    exact = solve_continuous_lyapunov((1 - kappa) * A - kappa * A.T @ A, -2 * T * np.eye(N))
    steps = np.array([0.04, 0.02, 0.01])
    errors = [np.max(np.abs(covariance(method, J, kappa, h) - exact)) for h in steps]
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(order, abs=0.1)


def test_leimkuhler_matthews_is_exact_for_a_harmonic_energy() -> None:
    J = couplings.elliptic(N, 0.6, -0.3, seed=1)
    A = J - np.eye(N)
    for h in (0.02, 0.3):
        np.testing.assert_allclose(
            covariance("leimkuhler-matthews", J, 1.0, h), T * np.linalg.inv(A.T @ A), rtol=1e-9
        )


@pytest.mark.parametrize("scheme", [*NAMED[:4], PAIR, OWN], ids=lambda s: s.name)
@pytest.mark.filterwarnings("ignore::meanfield.StepSizeWarning")
@pytest.mark.parametrize("rate", [-1 + 3j, 0.5 + 1j, -3.0, -1 + 8j])
@pytest.mark.parametrize("h", [0.1, 0.4])
def test_amplification_is_what_a_scheme_does(scheme: Scheme, rate: complex, h: float) -> None:
    """A linear pair of neurons with the rates λ, λ*: growth over 100 steps, late ones."""
    a, b = rate.real + 1, rate.imag
    J = np.array([[a, -b], [b, a]])
    run = integrate(
        J, [1.0, 0.3], t_max=200 * h, dt=h, method=scheme, tol=None, phi="linear",
        save_at=np.arange(80, 201) * h,
    )  # fmt: skip
    norm = np.log(np.linalg.norm(run.x, axis=1))
    # A pair turns: the slope of its norm is a mean.
    slope = np.polyfit(np.arange(norm.size), norm, 1)[0]
    expected = np.log(scheme.amplification(h, np.array([rate]))[0])
    assert slope == pytest.approx(expected, abs=2e-3)


def shrunk(stages: int, z: float) -> float:
    """Growth 1 + b(T(w₀ + w₁z) − T(w₀)) of the damped polynomial of order 2, b = T″/T′² at w₀."""
    T = np.polynomial.chebyshev.Chebyshev.basis(stages)
    w0 = 1 + 2 / 13 / stages**2
    slope, bend = float(T.deriv(1)(w0)), float(T.deriv(2)(w0))
    value = bend / slope**2 * (T(w0 + slope / bend * z) - T(w0))
    return float(1 + value)


@pytest.mark.parametrize("rate", [0.5, 4.0, 40.0, 900.0])
def test_the_stabilised_scheme_is_its_polynomial(rate: float) -> None:
    """One neuron ẋ = −λx: a step, its error and a state inside it, as few stages as are stable."""
    problem = Problem(
        Network([[1 - rate]], phi="linear"), as_function("onsager", 0.0),
        as_function("temperature", 0.0), rate=rate,
    )  # fmt: skip
    scheme, x, h = SCHEMES["chebyshev"], np.array([1.7]), 0.3
    first = problem.evaluate(0.0, x)

    def stages(h: float) -> int:
        """Stable to 2/3 (s² − 1)(1 − 2/15 · 2/13), with 15 % to spare."""
        reach = 2 / 3 * (1 - 2 / 15 * 2 / 13)
        return next(s for s in range(2, 200) if (s * s - 1) * reach >= 1.15 * h * rate)

    move = scheme.step(problem, 0.0, x, first, h, Memory())
    grown = shrunk(stages(h), -h * rate)
    assert abs(grown) < 1
    assert move.x[0] == pytest.approx(1.7 * grown, rel=1e-11, abs=1e-13)
    last = problem.evaluate(h, move.x)
    assert move.error is not None
    error = 0.8 * (1.7 - move.x[0]) - 0.4 * h * rate * (1.7 + move.x[0])
    assert move.error(last)[0] == pytest.approx(error, rel=1e-9, abs=1e-12)
    step = Step(problem, 0.0, x, first, h, move.x, last, move.inside)
    inside = scheme.state_at(step, 0.1)[0]
    assert inside == pytest.approx(1.7 * shrunk(stages(0.1), -0.1 * rate), rel=1e-11, abs=1e-13)
    assert scheme.evaluations(h, rate) == stages(h)


def test_a_state_inside_a_step_is_on_the_cubic() -> None:
    """x = t³ − 2t + 1 of a drift that is its derivative."""
    problem: Any = None
    drift = [3 * t**2 - 2 for t in (0.5, 1.3)]
    ends = [t**3 - 2 * t + 1 for t in (0.5, 1.3)]
    first, last = (Evaluation(np.array([d]), np.array([d])) for d in drift)
    step = Step(problem, 0.5, np.array(ends[:1]), first, 1.3, np.array(ends[1:]), last)
    for t in (0.5, 0.7, 1.0, 1.3):
        assert SCHEMES["rk4"].state_at(step, t)[0] == pytest.approx(t**3 - 2 * t + 1, abs=1e-14)


@pytest.mark.parametrize(
    ("method", "times"),
    [
        ("euler", []),
        ("heun", [2.5]),
        ("rk4", [2.25, 2.25, 2.5]),
        ("exponential", [2.5]),
        ("leimkuhler-matthews", []),
    ],
)
def test_the_times_of_the_stages(method: str, times: list[float]) -> None:
    asked = []

    def drive(t: float) -> float:
        asked.append(t)
        return 0.0

    problem = Problem(
        Network(np.zeros((1, 1))), as_function("onsager", 0.0), as_function("temperature", 0.0),
        inputs=Drive(drive, 1.0, lambda: np.zeros(1)),
    )  # fmt: skip
    x = np.ones(1)
    first = problem.evaluate(2.0, x)
    del asked[:]
    SCHEMES[method].step(problem, 2.0, x, first, 0.5, Memory())
    assert asked == times


def test_the_longest_step_takes_the_most_stages() -> None:
    scheme = SCHEMES["chebyshev"]
    assert scheme.longest_step is not None
    for rate in (0.5, 1.0, 300.0):
        longest = scheme.longest_step(rate)
        assert scheme.evaluations(longest * (1 - 1e-9), rate) == 250
        assert scheme.evaluations(longest * (1 + 1e-9), rate) == 251
    # Without any rate it is no infinite one.
    assert np.isfinite(scheme.longest_step(0.0))
    assert scheme.evaluations(1e-3, 0.0) == 2


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 4, 2)])
def test_weighted_sums(shape: tuple[int, ...]) -> None:
    """Of a state and drifts in whatever order of memory."""
    x, *drifts = np.random.default_rng(0).standard_normal((4, *shape))
    for dtype, atol in ((np.float64, 1e-15), (np.float32, 1e-6)):
        slopes = _Slopes(x.astype(dtype), 3, leak=False)
        for k, drift in enumerate(drifts):
            slopes.keep(k, np.asfortranarray(drift) if k else drift)
        total = slopes.sum(np.array([[1.0, 0.3, -0.7]]))
        np.testing.assert_allclose(total, x + 0.3 * drifts[0] - 0.7 * drifts[1], atol=atol)
        assert total.dtype == dtype
        # Each state in one piece.
        assert np.moveaxis(total, 0, -1).flags.c_contiguous
        np.testing.assert_allclose(slopes.sum(np.array([[0.0, 2.0]])), 2 * drifts[0], atol=atol)
        if len(shape) == 2:
            first, second = np.array([0.3, 2.0]), np.array([-0.7, 0.1])
            total = slopes.sum(np.stack([np.ones(2), first, second], axis=1))
            np.testing.assert_allclose(total, x + first * drifts[0] + second * drifts[1], atol=atol)
            assert total.T.flags.c_contiguous


def test_schemes_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        PAIR.order = 7  # type: ignore[misc]


def test_noise_of_half_a_step_is_kept() -> None:
    """x + hF + √(2T h)(R + R')/2 with R of the step before, or a new one."""
    problem = Problem(
        Network(np.zeros((1, 1))), as_function("onsager", 0.0), as_function("temperature", 0.5)
    )
    step, x = SCHEMES["leimkuhler-matthews"].step, np.array([2.0])
    given: Any = replace(problem, noise=Given(np.array([3.0]), np.array([5.0]), np.array([7.0])))
    first = given.evaluate(0.0, x)
    one = step(given, 0.0, x, first, 0.25, Memory())
    assert one.x[0] == pytest.approx(2 - 0.5 + 0.5 * (3 + 5) / 2)
    two = step(given, 0.25, x, first, 0.25, one.memory)
    assert two.x[0] == pytest.approx(1.5 + 0.5 * (5 + 7) / 2)
    quiet = replace(given, temperature=as_function("temperature", 0.0))
    assert step(quiet, 0.5, x, first, 0.25, two.memory).memory.noise == 7.0


@pytest.mark.parametrize("h", [0.1, 1.0])
def test_steps_with_the_leak_exact(h: float) -> None:
    """ẋ = −x + N(t) with N linear in time, met exactly, by two stages or two steps."""
    problem = Problem(
        Network(np.zeros((1, 1))), as_function("onsager", 0.0), as_function("temperature", 0.0),
        inputs=Drive(lambda t: 2 + 3 * t, 1.0, lambda: np.zeros(1)),
    )  # fmt: skip
    scheme, x, t, memory = SCHEMES["exponential"], np.array([5.0]), 0.7, Memory()
    for _ in range(3):
        # −1 + 3t solves the equation.
        exact = (x - 3 * t + 1) * np.exp(-h) + 3 * (t + h) - 1
        move = scheme.step(problem, t, x, problem.evaluate(t, x), h, memory)
        np.testing.assert_allclose(move.x, exact, rtol=1e-12)
        x, t, memory = move.x, t + h, move.memory
