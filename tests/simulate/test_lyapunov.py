"""Lyapunov exponents: closed forms, two algorithms, sum rule, and the numbers of the papers."""

import math
import warnings
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.sparse import csr_array
from scipy.sparse.linalg import aslinearoperator

from meanfield import ArgumentError, SampledInput, exponential
from meanfield.common import seeds
from meanfield.common.arguments import Array
from simulate import (
    IntegrationError,
    StepSizeWarning,
    couplings,
    divergence,
    find_fixed_points,
    integrate,
    lyapunov,
    lyapunov_spectrum,
    maximal_lyapunov,
)
from simulate.lyapunov import ALGORITHMS, TangentProblem, _block_rates, _LogGrowth, _summed
from simulate.network import Network

RNG = np.random.default_rng


@pytest.mark.parametrize(
    ("method", "algorithm"),
    [
        *((method, "tangent") for method in ("euler", "heun", "rk4", "exponential", "chebyshev")),
        ("euler", "orbit_separation"),
        ("exponential", "orbit_separation"),
    ],
)
def test_linear_network(method: str, algorithm: str) -> None:
    """γ = 1, φ linear: the exponents are the eigenvalues of −1 + J, real."""
    J = couplings.elliptic(10, 0.4, 1.0, seed=1)
    values = np.sort(np.linalg.eigvalsh(J - np.eye(10)))[::-1]
    result = maximal_lyapunov(
        J, dt=0.01, t_max=150, t_skip=100, method=method, algorithm=algorithm, phi="linear",
        tol=None, seed=2,
    )  # fmt: skip
    # Explicit Euler makes ln(1 + hλ)/h of λ; the direction left over decays like the gap.
    expected = np.log1p(0.01 * values[0]) / 0.01 if method == "euler" else values[0]
    assert float(result.value) == pytest.approx(expected, abs=2e-4)
    assert float(result.value_err) < 1e-3


@pytest.mark.parametrize("kappa", [0.0, 1.0])
def test_spectrum_of_a_linear_network(kappa: float) -> None:
    rotation = np.linalg.qr(np.random.default_rng(3).standard_normal((6, 6)))[0]
    J = rotation @ np.diag(np.linspace(-0.6, 0.6, 6)) @ rotation.T
    A = J - np.eye(6)
    expected = np.sort(np.linalg.eigvalsh((1 - kappa) * A - kappa * A.T @ A))[::-1]
    result = lyapunov_spectrum(
        J, 6, onsager=kappa, dt=0.02, t_max=120, t_skip=60, method="rk4", phi="linear", seed=4
    )
    np.testing.assert_allclose(result.exponents, expected, atol=1e-4)
    assert result.kaplan_yorke_dimension == 0
    assert result.entropy_rate == 0


def test_sum_of_the_spectrum_is_the_mean_divergence() -> None:
    n, t_max, t_skip = 16, 120.0, 20.0
    J, x0 = couplings.elliptic(n, 4.0, seed=5), np.random.default_rng(6).standard_normal(n)
    result = lyapunov_spectrum(
        J, n, dt=0.02, t_max=t_max, t_skip=t_skip, method="rk4", x0=x0, seed=7
    )
    run = integrate(
        J, x0, t_max=t_max, dt=0.02, method="rk4", save_at=np.arange(t_skip, t_max, 0.02)
    )
    mean = np.mean(divergence(run.x.T, J))
    assert np.sum(result.exponents) == pytest.approx(mean, abs=0.02)
    # The leading exponent is the one of the other call.
    alone = maximal_lyapunov(J, dt=0.02, t_max=t_max, t_skip=t_skip, method="rk4", x0=x0, seed=8)
    assert result.exponents[0] == pytest.approx(float(alone.value), abs=0.02)


def test_dimension_and_entropy() -> None:
    J = couplings.elliptic(100, 4.0, seed=9)
    result = lyapunov_spectrum(J, 25, dt=0.05, t_max=150, t_skip=50, seed=10)
    assert result.exponents[0] > 0.1
    assert np.all(np.diff(result.exponents) <= 0)
    assert 2 < result.kaplan_yorke_dimension < 25
    assert result.entropy_rate == pytest.approx(
        result.exponents[result.exponents > 0].sum(), rel=1e-12
    )
    assert result.to_dataset().exponents.dims == ("index",)
    np.testing.assert_array_equal(result.plot().get_lines()[0].get_ydata(), result.exponents)
    few = lyapunov_spectrum(J, 1, dt=0.05, t_max=60, t_skip=20, seed=10)
    with pytest.warns(UserWarning, match="^no dimension: .* k=1 .* take more"):
        assert np.isnan(few.kaplan_yorke_dimension)
    with pytest.warns(UserWarning, match="^no entropy rate: "):
        assert np.isnan(few.entropy_rate)
    # Ten blocks in time: 9 degrees of freedom.
    low, high = result.interval("exponents")
    np.testing.assert_allclose(high - low, 2 * 2.262157 * result.exponents_err, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("interval", [1.0, 3.0])
def test_tangent_vectors_set_the_steps_too(interval: float) -> None:
    """At rest only the tangent vector moves: J = −3, φ linear, κ = 1: λ = −16 whatever interval."""
    result = maximal_lyapunov(
        -3 * np.eye(5), onsager=1.0, phi="linear", dt=0.05, t_max=35, t_skip=5, seed=1,
        interval=interval,
    )  # fmt: skip
    assert float(result.value) == pytest.approx(-16, rel=2e-3)


def test_both_algorithms_agree() -> None:
    """Same start, same scheme, same first direction: they differ by δ and by rounding."""
    J, x0 = couplings.elliptic(200, 5.0, seed=11), np.random.default_rng(12).standard_normal(200)
    arguments: dict[str, Any] = {
        "dt": 0.05, "t_max": 50, "t_skip": 20, "method": "heun", "x0": x0
    }  # fmt: skip
    one = maximal_lyapunov(J, algorithm="tangent", seed=1, **arguments)
    two = maximal_lyapunov(J, algorithm="orbit_separation", seed=1, delta=1e-7, **arguments)
    assert float(one.value) > 0.1
    assert float(one.value) == pytest.approx(float(two.value), abs=1e-4)


def test_batch_and_trace() -> None:
    J, x0 = couplings.elliptic(40, 3.0, seed=13), np.random.default_rng(14).standard_normal((40, 2))
    result = maximal_lyapunov(J, dt=0.05, t_max=60, t_skip=20, x0=x0, seed=3)
    assert result.value.shape == result.value_err.shape == (2,)
    assert result.trace.shape == (40, 2)
    np.testing.assert_array_equal(result.trace[-1], result.value)
    assert result.t[0] == pytest.approx(21)
    data = result.to_dataset()
    assert data.trace.dims == ("t", "column")
    assert data.attrs["method"] == "exponential"
    assert data.attrs["seed"] == 3
    assert data.value_err.dims == ("column",)
    assert repr(result).startswith("LyapunovExponent(value: 2, method=exponential")
    np.testing.assert_array_equal(result.plot().get_lines()[1].get_ydata(), result.trace[:, 1])
    data.to_netcdf(engine="scipy")


def test_gradient_flow_is_not_chaotic_and_euler_says_it_is() -> None:
    J = couplings.elliptic(200, 16.0, seed=15)
    arguments: dict[str, Any] = {"onsager": 1.0, "dt": 0.01, "t_skip": 10, "seed": 16}
    true = maximal_lyapunov(J, t_max=30, **arguments)
    assert float(true.value) < 0.03
    assert true.status == "converged"
    for algorithm in ("tangent", "orbit_separation"):
        with pytest.warns(StepSizeWarning, match="largest stable"):
            printed = maximal_lyapunov(
                J, t_max=25, method="euler", algorithm=algorithm, **arguments
            )
        assert float(printed.value) > 1
        assert printed.status == "flagged"
        assert printed.energy_rise_fraction > 0.2


@pytest.mark.slow
@pytest.mark.parametrize(("g", "mean", "spread"), [(2, 0.105, 0.014), (4, 0.323, 0.008)])
def test_vanilla_exponents_at_full_scale(g: float, mean: float, spread: float) -> None:
    """N = 1000, four couplings here, three in the reference: means within 3 standard errors."""
    values = [
        float(
            maximal_lyapunov(
                couplings.elliptic(1000, g, seed=seed), dt=0.1, t_max=250, t_skip=50, seed=seed
            ).value
        )
        for seed in range(4)
    ]
    error = np.hypot(np.std(values, ddof=1) / np.sqrt(4), spread / np.sqrt(3))
    assert abs(np.mean(values) - mean) < 3 * error


@pytest.mark.slow
def test_regulated_exponents_at_full_scale() -> None:
    """N = 1000, κ = 1, five couplings: zero to 0.03 with converged steps, chaos with Euler's."""
    true, printed = [], []
    for seed in range(5):
        J = couplings.elliptic(1000, 12.0, seed=seed)
        arguments: dict[str, Any] = {"onsager": 1.0, "dt": 0.01, "t_skip": 20, "seed": seed}
        true.append(float(maximal_lyapunov(J, t_max=60, **arguments).value))
        if seed < 1:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                run = maximal_lyapunov(
                    J, t_max=40, method="euler", algorithm="orbit_separation", **arguments
                )
            printed.append(float(run.value))
            assert [w.category for w in caught] == [StepSizeWarning]
    assert abs(np.mean(true)) < 0.03
    assert min(printed) > 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"algorithm": "qr"}, "algorithm='qr'"),
        ({"t_skip": 5.0}, "t_skip=5: must be below"),
        ({"t_skip": 4.0}, "10 are needed"),
        ({"interval": 0.0}, "interval=0"),
        ({"delta": -1.0}, "delta=-1"),
        ({"delta": 1e-15, "algorithm": "orbit_separation"}, "delta=1e-15: must be at least"),
        ({"seed": 1.5}, "seed=1.5: must be an integer"),
        ({"x0": np.zeros(3)}, "x0 of shape"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        maximal_lyapunov(np.eye(2), **{"dt": 0.1, "t_max": 5.0, "t_skip": 0.0, **arguments})


def test_bad_spectrum_arguments() -> None:
    for arguments, message in (
        ({"k": 3}, "k=3: must be at most 2"),
        ({"k": 2.5}, "k=2.5: must be an integer"),
        ({"k": 1, "method": "chebyshev"}, "rates of its own"),
        ({"k": 1, "x0": np.zeros((2, 2))}, "expected one state"),
    ):
        with pytest.raises(ValueError, match=message):
            lyapunov_spectrum(np.eye(2), dt=0.1, t_max=20, t_skip=1, **arguments)


@pytest.mark.parametrize(
    ("method", "g", "dt"),
    [
        ("euler", 2.0, 0.01),
        ("heun", 10.0, 0.02),
        ("rk4", 10.0, 0.05),
        ("exponential", 10.0, 0.01),
        ("auto", 10.0, None),
    ],
)
def test_antisymmetric_couplings_decay_as_the_leak(method: str, g: float, dt: float | None) -> None:
    """λ = −1: V = Σ ln cosh x falls.  The error quoted contains what the step adds."""
    J = couplings.elliptic(200, g, -1.0, seed=0)
    run = maximal_lyapunov(J, dt=dt, t_max=60, t_skip=20, seed=0, method=method)
    assert run.status == "converged"
    assert abs(run.value + 1) < 4 * run.value_err + 1e-4
    assert run.value - run.value_step == pytest.approx(-1, abs=0.2 * abs(run.value + 1) + 2e-3)


def test_a_step_too_long_is_no_success() -> None:
    J = couplings.elliptic(400, 10.0, -1.0, seed=0)
    with pytest.warns(StepSizeWarning, match="rotations up to.*or use method="):
        run = maximal_lyapunov(J, dt=0.05, t_max=60, t_skip=20, seed=0)
    assert run.status == "flagged"
    assert abs(run.value + 1) < 3 * run.value_err


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["tangent", "orbit_separation"])
def test_effect_of_the_step(algorithm: str) -> None:
    """Euler at dt = 0.05 against a fifth of it, on eight starts of one network without chaos."""
    J = couplings.elliptic(200, 1.5, -0.5, seed=1)
    x0 = np.random.default_rng(0).standard_normal((200, 8))
    arguments: dict[str, Any] = {"t_max": 120, "t_skip": 30, "x0": x0, "seed": 0}
    arguments |= {"method": "euler", "algorithm": algorithm}
    if algorithm == "orbit_separation":
        arguments["delta"] = 1e-9
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepSizeWarning)
        long, short = (maximal_lyapunov(J, dt=dt, **arguments) for dt in (0.05, 0.01))
    difference = float(np.mean(long.value - short.value))
    estimated = float(np.mean(long.value_step)) * 0.8
    assert difference > 0.006
    assert estimated == pytest.approx(difference, rel=0.5)
    assert np.all(long.value_err > np.abs(long.value_step) / 2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("t_max", {"t_max": 1e12}),
        ("t_max", {"t_max": 1e12, "algorithm": "orbit_separation"}),
        ("interval", {"interval": 1e-12}),
    ],
)
def test_runs_of_days_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=rf"^{name}=.*: (needs|would run)"):
        maximal_lyapunov(np.eye(3), **{"t_max": 100.0, "t_skip": 10.0, "dt": 0.1, **options})


def test_rates_of_blocks() -> None:
    """Three blocks of the last six of seven intervals, of unequal length: growth over time."""
    logs = np.array([9.0, 1, 2, 3, 4, 5, 6])[:, None, None] * np.array([[1.0, -2.0]])
    spans = np.array([7.0, 1, 1, 2, 1, 1, 3])
    rates = _block_rates(logs, spans, 3)
    np.testing.assert_allclose(rates[:, 0], [[1.5, -3], [7 / 3, -14 / 3], [11 / 4, -11 / 2]])


def test_growth_between_times() -> None:
    """Every interval belongs to the one that holds its middle; what lies outside is left out."""
    ends = np.array([2.0, 4.0])
    growth = [
        _LogGrowth(t, span, np.array([[log]]))
        for t, span, log in (
            (1.0, 1.0, 100.0), (1.6, 0.6, 1.0), (2.1, 0.5, 2.0), (2.9, 0.8, 4.0), (4.1, 1.2, 8.0),
            (5.0, 0.9, 16.0),
        )
    ]  # fmt: skip
    assert _summed(growth, 0.9, ends)[:, 0, 0].tolist() == [3.0, 12.0]
    assert _summed(growth, 0.0, ends)[:, 0, 0].tolist() == [103.0, 12.0]


@pytest.mark.parametrize(
    ("exponents", "dimension", "entropy"),
    [
        ([0.5, 0.1, -0.2, -1.0], 3 + 0.4 / 1.0, 0.6),
        ([0.5, -0.5, -1.0], 1 + 0.5 / 0.5, 0.5),
        ([0.3, 0.2, 0.0, -0.1], math.nan, 0.5),
        ([0.3, 0.1], math.nan, math.nan),
        ([0.0, -0.1], 0.0, 0.0),
        ([-0.2, -0.3], 0.0, 0.0),
    ],
)
def test_dimension_of_given_exponents(
    exponents: list[float], dimension: float, entropy: float
) -> None:
    J = couplings.elliptic(6, 1.0, seed=1)
    run = lyapunov_spectrum(J, len(exponents), dt=0.1, t_max=20, t_skip=5, seed=0)
    known = replace(run, exponents=np.array(exponents))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert known.kaplan_yorke_dimension == pytest.approx(dimension, nan_ok=True)
        assert known.entropy_rate == pytest.approx(entropy, nan_ok=True)
    assert len(told) == math.isnan(dimension) + math.isnan(entropy)


def euler_growth(
    J: Array, x: Array, v: Array, h: float, steps: int, each: int
) -> tuple[Array, Array, Array]:
    """Log factors (intervals,) of one tangent vector in Euler's scheme, and the end."""
    logs = []
    for k in range(steps):
        slope = 1 / np.cosh(x) ** 2
        x, v = x + h * (J @ np.tanh(x) - x), v + h * (J @ (slope * v) - v)
        if (k + 1) % each == 0:
            length = np.sqrt(np.sum(v * v))
            logs.append(np.log(length))
            v = v / length
    return np.array(logs), x, v


def test_the_average_written_out() -> None:
    """Rates, block errors and the effect of the step of a run of 48 intervals, by plain loops."""
    J, x0 = couplings.elliptic(6, 3.0, seed=2), np.random.default_rng(5).standard_normal(6)
    seed = 7
    v = np.linalg.qr(seeds.generator(seed, "tangent").standard_normal((6, 1)))[0][:, 0]
    h, span = 0.05, 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepSizeWarning)
        run = maximal_lyapunov(
            J, x0=x0, dt=h, t_max=24, t_skip=2.5, interval=span, method="euler", seed=seed
        )
    _, x, v = euler_growth(J, x0, v, h, 50, 10)
    logs, *_ = euler_growth(J, x, v, h, 430, 10)
    assert len(logs) == 43
    np.testing.assert_allclose(run.t, 2.5 + span * np.arange(1, 44))
    np.testing.assert_allclose(run.trace, np.cumsum(logs) / (run.t - 2.5), rtol=1e-9)
    assert run.value == pytest.approx(logs.sum() / 21.5, rel=1e-9)
    # Ten blocks of four intervals; the first three are left out.
    rates = logs[3:].reshape(10, 4).sum(axis=1) / 2.0
    scatter = rates.std(ddof=1) / np.sqrt(10)
    # Twice the step on a quarter of the average: ten intervals, five blocks.
    twice, *_ = euler_growth(J, x, v, 2 * h, 50, 5)
    change = (twice - logs[:10]).reshape(5, 2).sum(axis=1) / 1.0
    assert run.value_step == pytest.approx(change.mean(), rel=1e-7)
    assert run.value_step_err == pytest.approx(change.std(ddof=1) / np.sqrt(5), rel=1e-7)
    beyond = max(0.0, change.mean() ** 2 - change.var(ddof=1) / 5)
    assert run.value_err == pytest.approx(np.sqrt(scatter**2 + beyond), rel=1e-7)


def test_separations_written_out() -> None:
    """[HH] Algorithm 1 with Euler's scheme and two starts: every step of the second orbit."""
    J, x = couplings.elliptic(5, 3.0, seed=2), np.random.default_rng(5).standard_normal((5, 2))
    delta, h = 1e-3, 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepSizeWarning)
        run = maximal_lyapunov(
            J, x0=x, dt=h, t_max=4, t_skip=1, method="euler", seed=3, delta=delta,
            algorithm="orbit_separation",
        )  # fmt: skip
    gap = seeds.generator(3, "tangent").standard_normal((5, 2))
    logs = []
    for k in range(40):
        if not k:
            gap = delta * gap / np.sqrt(np.sum(gap**2, axis=0))
        y = x + gap
        x, y = (z + h * (J @ np.tanh(z) - z) for z in (x, y))
        length = np.sqrt(np.sum((y - x) ** 2, axis=0))
        logs.append(np.log(length / delta))
        gap = (y - x) * delta / length
    np.testing.assert_allclose(run.value, np.sum(logs[10:], axis=0) / 3, rtol=1e-6)
    np.testing.assert_allclose(run.t, 1 + h * np.arange(1, 31))
    np.testing.assert_allclose(run.trace[0], logs[10] / h, rtol=1e-6)


@pytest.mark.parametrize(
    ("method", "order", "growth"),
    [
        ("euler", 1, lambda z: 1 + z),
        ("heun", 2, lambda z: 1 + z + z**2 / 2),
        ("rk4", 4, lambda z: 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24),
    ],
)
@pytest.mark.parametrize(
    ("dt", "t_max", "interval", "again", "ends"),
    [
        # Twice the step on a quarter of the average; of one vector intervals are twice as long
        # where that leaves five of them.
        (0.1, 100.0, 1.0, 0.2, 20 + 2.0 * np.arange(1, 11)),
        (0.1, 60.0, 1.0, 0.2, 20 + 2.0 * np.arange(1, 6)),
        (0.1, 59.0, 1.0, 0.2, 20 + 1.0 * np.arange(1, 10)),
        # Five at least, whatever their share.
        (0.1, 30.0, 1.0, 0.2, 20 + 1.0 * np.arange(1, 6)),
        # Half the step on a sixteenth where twice the step is too long.
        (1.6, 339.2, 3.2, 0.8, 22.4 + 3.2 * np.arange(1, 7)),
        # One step an interval: both are twice as long.
        (0.2, 26.0, 0.2, 0.4, 20 + 0.4 * np.arange(1, 6)),
    ],
)
def test_the_effect_of_the_step_where_growth_is_constant(
    method: str, order: int, growth: Any, dt: float, t_max: float, interval: float, again: float,
    ends: Array, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """ẋ = −x: a step of h multiplies every separation by a polynomial of −h."""
    asked = []

    def summed(growth: Any, start: float, ends: Array) -> Array:
        asked.append((start, ends))
        return _summed(growth, start, ends)

    monkeypatch.setattr(lyapunov, "_summed", summed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepSizeWarning)
        run = maximal_lyapunov(
            np.zeros((2, 2)), dt=dt, t_max=t_max, t_skip=20.0, interval=interval, method=method,
            tol=None, seed=0,
        )  # fmt: skip
    rate, other = (np.log(abs(growth(-h))) / h for h in (dt, again))
    assert run.value == pytest.approx(rate, rel=1e-9)
    effect = (other - rate) / ((again / dt) ** order - 1)
    assert run.value_step == pytest.approx(effect, rel=1e-6)
    assert run.value_step_err == pytest.approx(0, abs=1e-9)
    assert run.value_err == pytest.approx(abs(effect), rel=1e-6)
    for start, found in asked:
        assert start == pytest.approx(ends[0] - (ends[1] - ends[0]))
        np.testing.assert_allclose(found, ends)


def test_intervals_of_the_spectrum_by_default() -> None:
    """1, or a twentieth of the run."""
    for t_max, expected in ((24.0, 1.0), (10.0, 0.5)):
        run = lyapunov_spectrum(np.zeros((2, 2)), 2, t_max=t_max, t_skip=0.0, seed=0, dt=0.1)
        assert run.attributes["interval"] == pytest.approx(expected)


def path_rate(rate: float, h: float) -> float:
    """That of the scheme along a path, of the largest root of its recurrence."""
    own = exponential.along_path(h).sum(axis=1)
    roots = np.roots([1.0, -math.exp(-h) - (rate + 1) * own[0], *(-(rate + 1) * own[1:])])
    return math.log(np.max(np.abs(roots))) / h


@pytest.mark.parametrize("reach", [0.22, 5.5])
@pytest.mark.parametrize("interval", [0.5, 4.0])
def test_when_vectors_are_made_orthonormal_does_not_matter(
    reach: float, interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rates of the scheme: to rounding after a growth by e^±8, and as late as products fail."""
    monkeypatch.setattr(lyapunov, "_REACH", reach)
    failed = []
    triangles = lyapunov.triangles_of

    def counted(vectors: Any) -> Any:
        found = triangles(vectors)
        failed.append(found is None)
        return found

    monkeypatch.setattr(lyapunov, "triangles_of", counted)
    rotation = np.linalg.qr(RNG(3).standard_normal((5, 5)))[0]
    rates, h = np.array([-1.0, -3, -5, -7, -9]), 0.0125
    J = rotation @ np.diag(rates + 1) @ rotation.T
    run = lyapunov_spectrum(
        J, 5, interval=interval, phi="linear", dt=h, t_max=80, t_skip=40, seed=1
    )
    exact = [path_rate(rate, h) for rate in rates]
    # After a failure some steps are those of Runge and Kutta, whose rates are almost the true ones.
    allowed = 1e-9 + (reach > 1) * np.abs(exact - rates)
    assert np.all(np.abs(run.exponents - exact) <= allowed)
    assert any(failed) == (reach > 1)
    # Two evaluations of the trajectory a step, of half the length where a part is run again: none
    # is lost to QR.
    steps = (80 + 2 * 5 * interval) / h
    assert run.n_evaluations <= 2 * steps + 40 + 20 * sum(failed)


def test_spectra_in_single_precision() -> None:
    """Rounding is far below what the step adds; before chaos parts the two."""
    J, x0 = couplings.elliptic(60, 3.0, seed=5), RNG(6).standard_normal(60)
    how: dict[str, Any] = {"t_max": 12, "t_skip": 0, "x0": x0, "seed": 7}
    single = lyapunov_spectrum(J, 60, dtype=np.float32, **how)
    assert single.attributes["dtype"] == "float32"
    np.testing.assert_allclose(
        single.exponents, lyapunov_spectrum(J, 60, **how).exponents, atol=1e-4
    )
    # With noise, which the vectors do not feel.
    noisy = lyapunov_spectrum(J, 2, dtype=np.float32, dt=0.1, temperature=0.1, **how)
    assert noisy.exponents.dtype == np.float64
    assert np.all(np.isfinite(noisy.exponents))


def test_ten_intervals_are_enough() -> None:
    for options, steps in (
        ({"interval": 1.0}, 10),
        ({"dt": 1.0, "algorithm": "orbit_separation", "method": "euler"}, 10),
    ):
        arguments: dict[str, Any] = {"dt": 0.5, "t_max": 20.0, "seed": 0, **options}
        assert len(maximal_lyapunov(0.5 * np.eye(2), t_skip=10.0, **arguments).t) == steps
        with pytest.raises(ArgumentError, match=r"^t_skip=10\.5: 9 intervals left"):
            maximal_lyapunov(0.5 * np.eye(2), t_skip=10.5, **arguments)
    with pytest.raises(ArgumentError, match=r"^t_skip=0: 1 intervals left"):
        maximal_lyapunov(np.eye(2), dt=0.1, t_max=5, t_skip=0, interval=50.0)


def test_the_smallest_separation() -> None:
    """2e−13 of the longest of two starts."""
    x0 = np.array([[3.0, 0.1], [4.0, 0.1]])
    arguments: dict[str, Any] = {"dt": 0.1, "t_max": 2, "t_skip": 0, "x0": x0, "method": "euler"}
    arguments["algorithm"] = "orbit_separation"
    with pytest.raises(ArgumentError, match=r"must be at least 1e-12"):
        maximal_lyapunov(np.zeros((2, 2)), delta=0.99e-12, **arguments)
    maximal_lyapunov(np.zeros((2, 2)), delta=1.01e-12, seed=0, **arguments)


def test_orbits_that_meet() -> None:
    """ẋ = −x with steps of 1 ends both orbits at 0."""
    with pytest.raises(IntegrationError, match=r"both orbits meet at t = 1: raise delta=1e-05"):
        maximal_lyapunov(
            np.zeros((2, 2)), dt=1.0, t_max=20, t_skip=0, method="euler", seed=0,
            algorithm="orbit_separation",
        )  # fmt: skip


def test_errors_of_tangent_vectors() -> None:
    """The worst of all columns: of states relative to 1 + |x|, of vectors to the shorter end."""
    network = Network(np.zeros((2, 2)))
    problem = TangentProblem(network, lambda t: 0.0, lambda t: 0.0)
    x = np.zeros((2, 3, 2))
    x[:, 0] = [[1.0, 0.0], [0.0, 0.0]]
    x[:, 1:] = np.array([[3.0, 0.6], [4.0, 0.8]])[:, None]
    moved = x.copy()
    moved[:, 1:, 0] /= 2
    error = np.zeros_like(x)
    assert problem.relative_error(x, moved, error) == 0
    error[0, 0, 0] = 0.2
    assert problem.relative_error(x, moved, error) == pytest.approx(0.1 / np.sqrt(2))
    error[:, 2, 1] = [0.3, -0.4]
    assert problem.relative_error(x, moved, error) == pytest.approx(0.5)
    error[:, 1, 0] = [1.5, 2.0]
    assert problem.relative_error(x, moved, error) == pytest.approx(1.0)
    assert problem.relative_error(moved, x, error) == pytest.approx(1.0)
    error[0, 1, 0] = np.inf
    assert problem.relative_error(x, moved, error) == np.inf


def test_a_stiff_direction_with_steps_that_adapt() -> None:
    """J diagonal, φ linear, κ = 1: both vectors are followed at their rates, (1 − j)²."""
    run = maximal_lyapunov(
        np.diag([0.5, -1.0]), onsager=1.0, phi="linear", t_max=40, t_skip=20, seed=1, tol=1e-5
    )
    assert run.value == pytest.approx(-0.25, abs=1e-3)
    assert abs(run.value + 0.25) < 2 * run.value_err + 1e-6
    assert run.attributes["tol"] == 1e-5


def test_order_along_a_path() -> None:
    """Order five in the whole spectrum, deep exponents too, against Runge and Kutta's steps."""
    J, x0 = couplings.elliptic(24, 2.5, 0.3, seed=2), RNG(1).standard_normal(24)
    how: dict[str, Any] = {"t_max": 12, "t_skip": 0, "x0": x0, "seed": 3}
    exact = lyapunov_spectrum(J, 24, dt=0.01, method="rk4", **how).exponents
    errors = []
    for dt in (0.05, 0.025):
        run = lyapunov_spectrum(J, 24, dt=dt, **how)
        errors.append(np.linalg.norm(run.exponents - exact))
    assert 4.2 < np.log2(errors[0] / errors[1]) < 6.5
    assert errors[0] < 1e-4


def test_a_step_along_a_path_is_too_long_for_the_deepest_exponents() -> None:
    """Vectors along which the flow contracts most decay as the scheme does: a run tells."""
    J = couplings.elliptic(100, 4.0, seed=0)
    how: dict[str, Any] = {"t_max": 40, "t_skip": 10, "seed": 1}
    chosen = lyapunov_spectrum(J, 100, **how)
    assert chosen.status == "converged"
    with pytest.warns(StepSizeWarning, match="exceeds the largest stable step"):
        run = lyapunov_spectrum(J, 100, dt=0.2, **how)
    assert chosen.dt < run.largest_stable_dt < 0.2
    assert run.exponents[-1] > chosen.exponents[-1] + 0.1


def test_what_goes_along_a_path() -> None:
    """Jumps of inputs, which end intervals too, biases, and couplings of every kind."""
    J, x0 = couplings.elliptic(20, 1.5, seed=4), RNG(1).standard_normal(20)
    how: dict[str, Any] = {
        "dt": 0.05, "t_max": 10, "t_skip": 0, "x0": x0, "seed": 3, "bias": np.linspace(-1, 1, 20),
        "inputs": SampledInput([0, 4, 10], [0.0, 0.5, 1.0], held=True),
    }  # fmt: skip
    exact = lyapunov_spectrum(J, 7, method="rk4", **how | {"dt": 0.01}).exponents
    for kind in (np.asarray, csr_array, aslinearoperator):
        run = lyapunov_spectrum(kind(J), 7, method="along-path", **how)
        np.testing.assert_allclose(run.exponents, exact, atol=1e-5)
    for wrong, more in (("onsager=1", {"onsager": 1.0}), ("no noise", {"temperature": 0.1})):
        with pytest.raises(ArgumentError, match=wrong):
            lyapunov_spectrum(J, 7, method="along-path", **how | more)


def test_the_spectrum_in_order_and_its_scheme() -> None:
    for kappa, scheme, rates in ((0.0, "along-path", [-0.2, -0.8]), (1.0, "rk4", [-0.04, -0.64])):
        run = lyapunov_spectrum(
            np.diag([0.2, 0.8]), 2, onsager=kappa, phi="linear", t_max=24, t_skip=12, seed=0, dt=0.1
        )
        assert run.method == scheme
        np.testing.assert_allclose(run.exponents, rates, atol=0.02)
        np.testing.assert_allclose(run.trace[-1], run.exponents)
        assert run.index.tolist() == [1, 2]
        assert np.all(run.exponents_err < 0.02)
        assert run.exponents_step.shape == run.exponents_step_err.shape == (2,)


@pytest.mark.parametrize("kappa", [0.0, 1.0])
def test_a_bias_moves_a_linear_network_and_not_its_exponents(kappa: float) -> None:
    J = couplings.elliptic(6, 0.5, 1.0, seed=1)
    A = J - np.eye(6)
    expected = np.sort(np.linalg.eigvalsh((1 - kappa) * A - kappa * A.T @ A))[::-1]
    how: dict[str, Any] = {
        "onsager": kappa, "dt": 0.05, "t_max": 100, "t_skip": 60, "method": "rk4", "seed": 4,
        "phi": "linear", "bias": np.arange(6.0),
    }  # fmt: skip
    np.testing.assert_allclose(lyapunov_spectrum(J, 6, **how).exponents, expected, atol=1e-4)
    assert float(maximal_lyapunov(J, **how).value) == pytest.approx(expected[0], abs=2e-4)


def test_exponent_at_a_fixed_point_with_a_bias() -> None:
    """Deep in the quiet phase: the rightmost eigenvalue of A at the point found by itself."""
    J, b = couplings.elliptic(8, 1.0, 0.8, seed=2), np.linspace(-2, 2, 8)
    (point,) = find_fixed_points(J, n_starts=4, bias=b, seed=0).eigenvalues.real
    how: dict[str, Any] = {"dt": 0.1, "t_max": 100, "t_skip": 50, "method": "rk4", "seed": 1}
    found = maximal_lyapunov(J, bias=b, **how)
    assert float(found.value) == pytest.approx(point[0], abs=1e-3)


def test_steps_of_a_gradient_flow_with_corners_are_fixed() -> None:
    """At a zero away from corners the exponent is −σ_min(A)²; where a neuron sticks it is told."""
    J, b = couplings.elliptic(12, 0.3, 0.5, seed=1), np.linspace(-1, 1, 12)
    how: dict[str, Any] = {
        "onsager": 1.0, "dt": 0.05, "t_max": 100, "t_skip": 50, "phi": "relu", "seed": 1
    }  # fmt: skip
    descent = maximal_lyapunov(J, bias=b, **how)
    assert (descent.method, descent.attributes["tol"]) == ("heun", None)
    (curvature,) = find_fixed_points(J, n_starts=2, bias=b, phi="relu", seed=0).smallest_curvature
    assert float(descent.value) == pytest.approx(-curvature, rel=0.01)
    assert descent.status == "converged"
    # E = ½(x + 1)² for x > 0 and ½(1 − x)² below: least at the corner.
    with pytest.warns(StepSizeWarning, match="which a neuron that sticks at a kink of phi, or"):
        maximal_lyapunov([[2.0]], bias=1.0, x0=[0.5], **how)


# With noise and inputs.


@pytest.mark.parametrize(("algorithm", "kappa"), [("tangent", 1.0), ("orbit_separation", 0.0)])
def test_linear_exponents_do_not_feel_noise_and_inputs(algorithm: str, kappa: float) -> None:
    """They are those of J − 1, or of −(1 − J)ᵀ(1 − J), whatever drives the states."""
    J = couplings.elliptic(20, 0.8, seed=3)
    A = J - np.eye(20)
    exact = np.max(np.linalg.eigvals(-A.T @ A if kappa else A).real)
    quiet, driven = (
        maximal_lyapunov(
            J, phi="linear", t_max=400, t_skip=150, dt=0.05, seed=1, method="heun",
            onsager=kappa,
            algorithm=algorithm, delta=1e-3, **how,
        )
        for how in ({}, {"temperature": 0.5, "inputs": np.sin})
    )  # fmt: skip
    assert driven.value == pytest.approx(quiet.value, abs=1e-6)
    assert driven.value == pytest.approx(exact, abs=0.01)
    assert driven.value_step == pytest.approx(quiet.value_step, abs=1e-6)


def test_both_algorithms_meet_the_same_noise_and_input() -> None:
    J = couplings.elliptic(60, 2.0, seed=1)
    how: dict[str, Any] = {
        "t_max": 40, "t_skip": 10, "dt": 0.1, "seed": 2, "temperature": 0.1,
        "inputs": lambda t, u: np.cos(t + 2 * np.pi * u), "x0": np.eye(60)[0],
    }  # fmt: skip
    one, other = (maximal_lyapunov(J, algorithm=a, **how) for a in ALGORITHMS)
    assert one.value == pytest.approx(other.value, abs=1e-5)
    assert lyapunov_spectrum(J, 1, **how).exponents[0] == pytest.approx(one.value, abs=1e-9)
    # A column does not depend on what is beside it.
    two = maximal_lyapunov(J, **how | {"x0": np.eye(60)[:, :2]})
    assert two.value[0] == pytest.approx(one.value, abs=1e-9)
    assert abs(two.value[0] - two.value[1]) > 1e-4


def test_the_exponent_of_a_noisy_neuron() -> None:
    """λ = −1 + w⟨φ'⟩ in the density exp(−V/T), the effect of the step taken off: 4 errors."""
    w, T = 2.0, 0.4
    x = np.linspace(-9, 9, 4001)
    density = np.exp(-(x**2 / 2 - w * np.log(np.cosh(x))) / T)
    exact = -1 + w * np.sum(density / np.cosh(x) ** 2) / np.sum(density)
    run = maximal_lyapunov(
        [[w]], t_max=600, t_skip=20, dt=0.25, seed=4, temperature=T, x0=np.zeros((1, 64))
    )
    value = run.value.mean()
    err = run.value.std(ddof=1) / 8
    step, step_err = run.value_step.mean(), run.value_step.std(ddof=1) / 8
    assert run.method == "heun"
    assert abs(step) > 4 * step_err
    assert abs(value - step - exact) < 4 * np.hypot(err, step_err)
    # The scatter between neurons is what the blocks of one tell.
    assert np.median(run.value_err) == pytest.approx(run.value.std(ddof=1), rel=0.35)


@pytest.mark.parametrize("held", [True, False])
def test_the_exponent_of_a_driven_neuron(held: bool) -> None:
    """−1 + w times the mean of φ' along the solution, from another solver."""
    w, rng = 3.0, np.random.default_rng(5)
    signal = SampledInput(np.arange(0, 41, 0.5), rng.standard_normal(82), held=held)
    run = maximal_lyapunov(
        [[w]], t_max=40, t_skip=10, dt=0.02, interval=0.3, seed=0, x0=[0.2], inputs=signal,
    )  # fmt: skip

    def moved(t: float, y: Any) -> list[float]:
        return [-y[0] + w * np.tanh(y[0]) + signal(t), w / np.cosh(y[0]) ** 2 - 1]

    y, marks = [0.2, 0.0], []
    for start, end in pairwise(np.arange(0, 40.5, 0.5)):
        found = solve_ivp(moved, (start, end - 1e-12), y, rtol=1e-9, atol=1e-11, max_step=0.1)
        y = found.y[:, -1].tolist()
        marks.append((end, y[1]))
    ends, sums = np.transpose(marks)
    spans = run.t[[0, -1]] - [run.t[1] - run.t[0], 0]
    grown = np.interp(spans, ends, sums)
    assert run.value == pytest.approx((grown[1] - grown[0]) / np.diff(spans)[0], abs=5e-3)


def test_what_driven_exponents_refuse_and_do_not_know() -> None:
    J = couplings.elliptic(10, 1.0, seed=0)
    how: dict[str, Any] = {"t_max": 40, "t_skip": 10, "dt": 0.1, "seed": 2}
    with pytest.raises(ArgumentError, match="method='rk4': no noise in this scheme"):
        maximal_lyapunov(J, temperature=0.1, method="rk4", **how)
    with pytest.raises(ArgumentError, match="temperature=-1"):
        lyapunov_spectrum(J, 2, temperature=-1, **how)
    with pytest.raises(ArgumentError, match=r"inputs\(t=0\) of shape \(3,\)"):
        lyapunov_spectrum(J, 2, inputs=np.ones(3), **how)
    jumping = maximal_lyapunov(J, temperature=0.1, switch_times=[11.03], **how)
    assert np.isnan(jumping.value_step)
    assert np.isfinite(maximal_lyapunov(J, switch_times=[11.03], **how).value_step)
