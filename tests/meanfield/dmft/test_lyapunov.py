"""`maximal_lyapunov` of the theory: linear networks, chaos without symmetry, calls.

On linear networks a random tangent vector grows by a known factor at every time, not only in the
end: |e^{(J−1)t}Ω|² and the mean of e^{−2s²t} over the singular values s of 1 − J.
"""

import math
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
from mpmath import besseli, besselj, log, mpf
from scipy.linalg import expm

from meanfield import (
    ExtrapolationWarning,
    MeanFieldLyapunov,
    SiteModel,
    Slopes,
    StepSizeWarning,
    Switching,
    maximal_lyapunov,
    stationary,
    transfer_function,
)
from meanfield.dmft.lyapunov import _growth
from meanfield.dmft.sampler.ensemble import BatchAverages
from meanfield.dmft.sampler.run import SamplerRun, SamplerSetting, suggested_step
from meanfield.dmft.sampler.site import rate_model
from meanfield.dmft.sampler.steps import Pair, Sampled
from meanfield.exponential import amplification
from meanfield.stability import ellipse, largest_step
from simulate import couplings


def log_size(g: float, gamma: float, t: float) -> float:
    """ln |e^{(J−1)t}Ω|² = −2t + ln Σ c_n², c_n as in `test_two_time.py`; ln I₀(2gt) at γ = 0."""
    if gamma == 0:
        return float(log(besseli(0, 2 * g * t))) - 2 * t
    a, bessel = g * math.sqrt(abs(gamma)), besseli if gamma > 0 else besselj
    total = mpf(0)
    for n in range(int(30 + 8 * g * t)):
        total += ((n + 1) * bessel(n + 1, 2 * a * t) / (a * t)) ** 2 / mpf(abs(gamma)) ** n
    return float(log(total)) - 2 * t


def rate_at_rest(g: float, gamma: float, t_skip: float, t_max: float) -> float:
    return (log_size(g, gamma, t_max) - log_size(g, gamma, t_skip)) / (2 * (t_max - t_skip))


@pytest.mark.slow
def test_reference_at_rest() -> None:
    """It tends to −1 + g(1+γ), like −ln t/4t; 6 stored matrices of 400 neurons at t = 2 and 6.

    One of them is off by up to 0.016 at γ = −0.3, their mean by 0.003.
    """
    for g, gamma in ((0.6, 0.0), (0.5, 0.5), (1.0, -0.5)):
        late = rate_at_rest(g, gamma, 150.0, 300.0)
        assert late == pytest.approx(-1 + g * (1 + gamma), abs=0.01)
    for g, gamma in ((0.6, 0.0), (0.5, 0.5), (0.9, -0.3), (0.8, -1.0)):
        n, theta = 400, math.asin(gamma) / 2
        found = []
        for seed in range(6):
            noise = np.random.default_rng(seed).standard_normal((n, n)) * g / math.sqrt(n)
            J = math.cos(theta) * noise + math.sin(theta) * noise.T
            early = expm(2.0 * (J - np.eye(n)))
            late = early @ early @ early
            found.append(math.log(np.linalg.norm(late) / np.linalg.norm(early)) / 4)
        assert np.mean(found) == pytest.approx(rate_at_rest(g, gamma, 2.0, 6.0), abs=0.01)


@pytest.mark.parametrize(
    ("g", "gamma", "phi", "window"),
    [
        (0.6, 0.0, "linear", math.inf),
        (0.5, 0.5, "tanh", 30.0),
        (0.9, -0.3, "linear", 30.0),
        (0.8, -1.0, "tanh", 30.0),
    ],
)
def test_at_rest(g: float, gamma: float, phi: str, window: float) -> None:
    """Growth from 5 to 15: 5 errors of 7 degrees of freedom, a false alarm in 600 a case.

    The step and, with tanh, what is left of the activity at t = 5 are allowed 0.008.
    """
    run = maximal_lyapunov(
        g, gamma, phi=phi, t_skip=5.0, t_max=15.0, window=window, n_trajectories=8192, seed=0,
        workers=1,
    )  # fmt: skip
    assert abs(run.value - rate_at_rest(g, gamma, 5.0, 15.0)) < 5 * run.value_err + 0.008
    assert run.value_err < 0.01
    assert math.isnan(run.stiffness)


@cache
def singular_values(g: float, gamma: float) -> np.ndarray:
    """Of 1 − J: 4 matrices of 500 neurons."""
    n, theta, found = 500, math.asin(gamma) / 2, []
    for seed in range(4):
        noise = np.random.default_rng(seed).standard_normal((n, n)) * g / math.sqrt(n)
        J = math.cos(theta) * noise + math.sin(theta) * noise.T
        found.append(np.linalg.svd(np.eye(n) - J, compute_uv=False))
    return np.concatenate(found)


def edges(g: float) -> tuple[float, float]:
    """Of the squared singular values of 1 − J at γ = 0."""
    root = math.sqrt(1 + 8 / g**2)
    low, high = (g**2 * (root + s * 3) ** 3 / (8 * (root + s)) for s in (-1, 1))
    return low, high


def test_edges_of_the_singular_values() -> None:
    """O(n^(−2/3)) = 0.02."""
    values = singular_values(0.5, 0.0) ** 2
    np.testing.assert_allclose([values.min(), values.max()], edges(0.5), atol=0.03)


@pytest.mark.parametrize(
    ("g", "gamma", "window"), [(0.5, 0.0, 20.0), (0.5, 0.3, 20.0), (0.5, -0.4, math.inf)]
)
def test_gradient_flow_of_a_linear_network(g: float, gamma: float, window: float) -> None:
    """κ = 1: growth from 3 to 9 by the eigenvalues of −(1 − J)ᵀ(1 − J), a random tangent.

    5 errors of 3 degrees of freedom, a false alarm in 60 a case, and 0.004 for the step and the
    500 neurons of the reference.  The stiffness is the upper edge of their spectrum.
    """
    run = maximal_lyapunov(
        g, gamma, onsager=1.0, phi="linear", t_skip=3.0, t_max=9.0, window=window, neglect=1e-3,
        n_trajectories=4096, batches=4, seed=0, workers=1,
    )  # fmt: skip
    s = singular_values(g, gamma)
    first, last = (math.log(float(np.mean(np.exp(-2 * s**2 * t)))) for t in (3.0, 9.0))
    assert abs(run.value - (last - first) / 12) < 5 * run.value_err + 0.004
    assert run.value_err < 0.01
    assert run.stiffness == pytest.approx(float(np.max(s**2)), rel=0.05)
    if gamma == 0:
        # From the side of the spectrum, never beyond its lower edge.
        assert run.value < -edges(g)[0]


# ------------------------------------------------------------------------------------ chaos


def chaos(g: float, **more: Any) -> MeanFieldLyapunov:
    arguments: dict[str, Any] = {
        "t_skip": 20.0, "t_max": 80.0, "window": 15.0, "seed": 0, "workers": 1,
        "n_trajectories": 4096,
    } | more  # fmt: skip
    return maximal_lyapunov(g, **arguments)


@pytest.mark.parametrize(
    ("g", "more"),
    [
        (2.0, {"t_max": 40.0, "window": 8.0}),
        pytest.param(4.0, {"t_max": 50.0, "window": 10.0}, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_chaos_without_symmetry(g: float, more: dict[str, Any]) -> None:
    """The exponent of [SCS]: 4 errors of 7 degrees of freedom, a false alarm in 200 a case.

    The step and the tolerance are allowed 2 %.
    """
    exact = float(stationary(g).lyapunov)
    run = chaos(g, **more)
    assert abs(run.value - exact) < 4 * run.value_err + 0.02 * exact
    assert run.value > 3 * run.value_err
    assert abs(run.drift) < 5 * run.drift_err
    assert run.t[-1] == pytest.approx(more.get("t_max", 80.0))


@pytest.mark.slow
def test_chaos_with_noise() -> None:
    """T = 0.25, g = 2: noise lowers the exponent; 4 errors of 3 degrees: false alarm 3 %.

    10 % for the step and what is left of the start."""
    exact = float(stationary(2.0, sigma=math.sqrt(0.5)).lyapunov)
    run = chaos(
        2.0, temperature=0.25, t_skip=6.0, t_max=20.0, window=math.inf, n_trajectories=8192,
        batches=4,
    )  # fmt: skip
    assert abs(run.value - exact) < 4 * run.value_err + 0.1 * exact
    assert run.value < float(stationary(2.0).lyapunov) - 2 * run.value_err


@pytest.mark.slow
def test_two_windows_and_two_steps() -> None:
    """γ = 0.5: 4 combined errors of some 14 degrees of freedom, a false alarm in 700."""
    one = chaos(2.0, gamma=0.5, window=12.0, dt=0.05)
    two = chaos(2.0, gamma=0.5, window=24.0, dt=0.1, seed=1)
    assert abs(one.value - two.value) < 4 * math.hypot(one.value_err, two.value_err)


@pytest.mark.slow
def test_gradient_flow_is_not_chaotic() -> None:
    """κ = 1, g = 2: no positive exponent at long times, to 3 errors; and it rises towards 0.

    Neither is strict: the exponent is approached from below like a power of time.
    """
    run = maximal_lyapunov(
        2.0, onsager=1.0, dt=0.04, t_skip=15.0, t_max=45.0, window=math.inf, neglect=3e-2,
        n_trajectories=2048, batches=4, seed=0, workers=1,
    )  # fmt: skip
    assert run.value < 3 * run.value_err + 1e-3
    assert run.value > -0.05
    assert 0.04 * run.stiffness < 1


def test_batches_unlike_in_their_innovations_are_told() -> None:
    """Small batches that ran out of room for matched innovations are off in another way."""
    with pytest.warns(ExtrapolationWarning, match="no room for matched innovations"):
        run = maximal_lyapunov(
            2.0, 0.5, t_skip=2.0, t_max=8.0, window=math.inf, n_trajectories=2048, batches=2, seed=0
        )
    assert math.isnan(run.value_finite_m)
    assert run.status == "flagged"
    assert run.reason.endswith("raise n_trajectories")


# ------------------------------------------------------------------------------- step sizes


def test_unstable_step_is_told() -> None:
    arguments: dict[str, Any] = {
        "onsager": 1.0, "t_skip": 0.2, "t_max": 1.0, "window": 5.0, "n_trajectories": 512,
        "batches": 2, "seed": 0, "workers": 1,
    }  # fmt: skip
    with pytest.warns(StepSizeWarning, match=r"dt = 0.1 exceeds the largest stable step 0\.0"):
        maximal_lyapunov(5.0, dt=0.1, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = maximal_lyapunov(5.0, dt=0.01, **arguments)
    assert 20 < run.stiffness < 100


def test_rotation_too_fast_for_the_step_is_told() -> None:
    """γ = −1, g = 5: J is antisymmetric, λ = −1, frequencies up to 2g = 10."""
    arguments: dict[str, Any] = {
        "t_skip": 2.0, "t_max": 6.0, "window": 3.0, "n_trajectories": 1024, "batches": 4, "seed": 0
    }  # fmt: skip
    with pytest.warns(StepSizeWarning, match="largest stable step .*rotations up to"):
        run = maximal_lyapunov(5.0, -1.0, dt=0.1, **arguments)
    assert run.status == "flagged"
    # The default is half of what the widest spectrum, that of rest, allows.
    widest = ellipse(5.0, -1.0, 1.0)
    assert suggested_step(5.0, -1.0, transfer_function("tanh"), 0.0, 15.0) == pytest.approx(
        largest_step(amplification, widest) / 2
    )


# ------------------------------------------------------------------------------------ calls

SMALL: dict[str, Any] = {
    "t_skip": 1.0, "t_max": 3.0, "window": 2.0, "n_trajectories": 512, "batches": 2, "seed": 0,
    "workers": 1,
}  # fmt: skip
# Small batches have room for matched innovations too.
ROOMY = SMALL | {"n_trajectories": 8192}
MODEL = SiteModel("model", phi=np.tanh, drift=lambda t, x, h, u: h - x)


def slopes(t: float, x: np.ndarray, h: np.ndarray, u: np.ndarray | None) -> Slopes:
    one = np.ones_like(x)
    return Slopes(1 - np.tanh(x) ** 2, -one, one, -one, one, np.zeros_like(x))


def test_a_model_is_the_rate_network() -> None:
    own = SiteModel("own", phi=np.tanh, drift=lambda t, x, h, u: h - x, slopes=slopes)
    one, two = maximal_lyapunov(2.0, 0.5, **SMALL), maximal_lyapunov(2.0, 0.5, model=own, **SMALL)
    assert one.value == pytest.approx(two.value, abs=1e-5)
    assert two.attributes["model"] == "<SiteModel own>"


def test_switching_off_the_onsager_force() -> None:
    """Linear, g → 0: −(1 + κ) while it is on, −1 afterwards; the trace knows both."""
    run = maximal_lyapunov(
        1e-6, onsager=Switching([1.0], [0.5, 0.0]), phi="linear", **SMALL | {"t_skip": 2.0}
    )
    assert run.value == pytest.approx(-1, abs=1e-4)
    assert run.trace[np.searchsorted(run.t, 3.0 - 1e-9)] == pytest.approx(-1, abs=2e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"g": 0.0}, "g=0: must be positive"),
        ({"gamma": 2}, r"gamma=2: must lie in \[-1, 1\]"),
        ({"onsager": np.inf}, "onsager=inf: must be finite"),
        ({"temperature": -1}, "temperature=-1: must be >= 0"),
        ({"x0_std": 0}, "x0_std=0: must be positive"),
        ({"dt": 0}, "dt=0: must be positive"),
        ({"t_max": 0}, "t_max=0: must be positive"),
        ({"t_skip": 3.0}, "t_skip=3: must be at least two steps below t_max=3"),
        ({"t_skip": -1.0}, "t_skip=-1: must be >= 0"),
        ({"temperature": 0.1}, "window=2: must be inf with temperature=0.1"),
        ({"window": 0}, r"window=0: must be positive \(inf allowed\)"),
        ({"neglect": 1.0}, "neglect=1: must be below 1"),
        ({"batches": 1}, "batches=1: must be at least 2"),
        ({"n_trajectories": 100}, "n_trajectories=100: must be at least 128"),
        ({"seed": -1}, "seed=-1: must be at least 0"),
        ({"workers": 0}, "workers=0: must be at least 1"),
        ({"phi": "rely"}, "phi='rely': expected one of tanh"),
        ({"model": MODEL}, "model='model': has no slopes"),
        ({"model": MODEL, "onsager": 1.0}, "onsager=1.0: belongs to the rate network"),
        ({"model": 1}, "model"),
    ],
)
def test_bad_arguments(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"g": 1.5, "gamma": 0.5} | SMALL | changes
    with pytest.raises((ValueError, TypeError), match=message):
        maximal_lyapunov(arguments.pop("g"), arguments.pop("gamma"), **arguments)


def test_seeds_and_workers() -> None:
    one = maximal_lyapunov(1.5, 0.5, **ROOMY)
    same = maximal_lyapunov(1.5, 0.5, **ROOMY | {"workers": 3})
    other = maximal_lyapunov(1.5, 0.5, **ROOMY | {"seed": 1})
    drawn = maximal_lyapunov(1.5, 0.5, **SMALL | {"seed": None})
    again = maximal_lyapunov(1.5, 0.5, **SMALL | {"seed": drawn.attributes["seed"]})
    for name in ("value", "value_err", "value_finite_m", "value_step", "drift"):
        assert getattr(one, name) == getattr(same, name) != getattr(other, name)
        np.testing.assert_equal(getattr(drawn, name), getattr(again, name))
    np.testing.assert_array_equal(one.trace, same.trace)


def test_dataset_and_trace() -> None:
    run = maximal_lyapunov(1.5, 0.5, onsager=0.2, dt=0.1, **ROOMY)
    assert run.t.shape == run.trace.shape == (30,)
    np.testing.assert_allclose(run.t, 0.1 * np.arange(1, 31), rtol=1e-12)
    # The value before extrapolation is the growth between t_skip and the end of the trace.
    growth = run.t * run.trace
    start = np.searchsorted(run.t, 1.0 - 1e-9)
    assert (growth[-1] - growth[start]) / 2 == pytest.approx(
        run.value + run.value_finite_m, rel=1e-9
    )
    # The drift is from the first half of that time to the second.
    early, late = growth[start + 10] - growth[start], growth[-1] - growth[start + 10]
    assert run.drift == pytest.approx(late - early, rel=1e-9)
    data = run.to_dataset()
    assert data.trace.dims == ("t",)
    assert float(data["value"]) == run.value
    for name in ("value_err", "value_finite_m", "drift", "drift_err", "stiffness"):
        assert float(data[name]) == getattr(run, name)
    assert data["value"].attrs["units"] == "1/time constant"
    assert data.attrs["seed"] == 0
    assert data.attrs["n_trajectories"] == 8192
    assert "trace" not in repr(run)


def test_repr_is_short() -> None:
    assert len(repr(maximal_lyapunov(1.5, **SMALL | {"t_max": 30.0}))) < 400


@pytest.mark.parametrize("kappa", [0.0, 0.6])
def test_growth_of_a_tangent_vector(kappa: float, stored: Any) -> None:
    """|exp(At)δ| with A = (1 − κJᵀ)(J − 1), to second order, over a restart and other steps."""
    J = couplings.elliptic(40, 1.3, 0.4, seed=2)
    A = (np.eye(40) - kappa * J.T) @ (J - np.eye(40))
    off = []
    for dt in (0.04, 0.02):
        times = [0.0, 0.5, 1.5]
        parts = ((0, 0.5, 2 * 0.5 / dt), (0.5, 1.02, 0.52 / dt), (1.02, 1.5, 2 * 0.48 / dt))
        steps = [np.linspace(a, b, round(n), endpoint=False) for a, b, n in parts]
        grid = np.append(np.concatenate(steps), 1.5)
        model = rate_model(transfer_function("linear"), kappa)
        batch = SamplerRun(
            SamplerSetting(model, 1.3, 0.4, lambda t: 0.0, 1.0, times, grid, watched=False), 40, 3
        )
        batch.operator = stored(J)
        start = batch.stream("tangent").standard_normal(40)
        growth = _growth(batch).values["growth"]
        exact = [np.linalg.norm(expm(A * t) @ start) / np.linalg.norm(start) for t in grid]
        off.append(np.max(np.abs(growth - np.log(exact))))
    assert off[1] < 3e-4
    assert off[0] / off[1] == pytest.approx(4, rel=0.1)


def test_numbers_of_sampled_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates, drift and trace of made-up growth, written out."""
    rng, kept = np.random.default_rng(0), []

    def made(grid: np.ndarray) -> BatchAverages:
        growth = np.append(0.0, np.cumsum(rng.uniform(0.5, 1.5, grid.size - 1)))
        worst = {"stiffness": rng.uniform(), "rotation": 0.0, "step_excess": 0.5}
        return BatchAverages({"t": grid, "growth": growth}, worst)

    def fake(ensemble: Any, label: str, setting: Any, *of: Any) -> tuple[Sampled, list[Any]]:
        grid = setting.grid
        full, small, short = ([made(grid) for _ in range(4)] for _ in range(3))
        # Twice the step lands on every second time and the end.
        places = np.append(np.arange(0, grid.size - 1, 2), grid.size - 1)
        long = [made(grid[places]) for _ in range(4)]
        kept.extend([ensemble, setting, full, small, short, long])
        return Sampled(full, small, Pair(short, long, True, 1 / 3)), []

    monkeypatch.setattr("meanfield.dmft.lyapunov.sampled", fake)
    how: dict[str, Any] = {"n_trajectories": 4000, "batches": 4, "seed": 0, "neglect": 2e-3}
    run = maximal_lyapunov(1.5, 0.3, t_skip=0.5, t_max=1.6, dt=0.1, x0_std=0.6, **how)
    ensemble, setting, full, small, short, long = kept
    assert (setting.g, setting.gamma, setting.x0_std) == (1.5, 0.3, 0.6)
    assert (setting.window, setting.neglect, setting.noise(0.1)) == (30.0, 2e-3, 0)
    assert ensemble[:3] == (4, 1000, 0)
    grid = setting.grid
    np.testing.assert_allclose(grid, np.linspace(0, 1.6, 17))

    def rates(batches: list[BatchAverages], start: float, end: float) -> np.ndarray:
        return np.array([
            np.diff(np.interp([start, end], b.values["t"], b.values["growth"]))[0] / (end - start)
            for b in batches
        ])  # fmt: skip

    many, few = rates(full, 0.5, 1.6), rates(small, 0.5, 1.6)
    assert run.value == pytest.approx((4 * many.mean() - few.mean()) / 3)
    effect = rates(long, 0.5, 1.6) - rates(short, 0.5, 1.6)
    assert run.value_step == pytest.approx(effect.mean() / 3)
    # Halves of 5 and 6 steps.
    change = rates(full, 1.0, 1.6) - rates(full, 0.5, 1.0)
    assert run.drift == pytest.approx(change.mean())
    assert run.drift_err == pytest.approx(change.std(ddof=1) / 2)
    np.testing.assert_allclose(run.t, grid[1:])
    sums = np.mean([b.values["growth"] for b in full], axis=0)
    np.testing.assert_allclose(run.trace, sums[1:] / grid[1:])
    assert run.stiffness == max(b.worst["stiffness"] for b in full)
    assert run.converged
    assert run.attributes["window"] == 30
    # Noise of twice the temperature, and nothing forgotten; nor with the reaction.
    maximal_lyapunov(1.5, 0.3, t_skip=0.5, t_max=1.6, dt=0.1, temperature=0.2, **how)
    assert (kept[-5].noise(0.1), kept[-5].window) == (0.4, math.inf)
    maximal_lyapunov(1.5, 0.3, t_skip=0.5, t_max=1.6, dt=0.1, onsager=0.5, **how)
    assert (kept[-5].noise(0.1), kept[-5].window) == (0, math.inf)
    # Two steps after the skipped time are the least.
    with pytest.raises(ValueError, match=r"t_skip=1\.25: must be at least two steps below"):
        maximal_lyapunov(1.5, 0.3, t_skip=1.25, t_max=1.5, dt=0.125, **how)
    maximal_lyapunov(1.5, 0.3, t_skip=1.24, t_max=1.5, dt=0.125, **how)


def test_a_drift_of_the_growth_rate_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(ensemble: Any, label: str, setting: Any, *of: Any) -> tuple[Sampled, list[Any]]:
        rng = np.random.default_rng(1)
        worst = {"stiffness": math.nan, "rotation": 0.0, "step_excess": 0.5}
        batches = [
            BatchAverages(
                {"t": setting.grid, "growth": setting.grid * (setting.grid + 1e-3 * rng.uniform())},
                worst,
            )
            for _ in range(8)
        ]
        return Sampled(batches, batches, None), []

    monkeypatch.setattr("meanfield.dmft.lyapunov.sampled", fake)
    run = maximal_lyapunov(1.5, t_skip=0.0, t_max=2.0, dt=0.1, seed=0)
    # t² grows at 1 in the first unit of time, at 3 in the second.
    assert run.drift == pytest.approx(2)
    assert "the growth rate drifts, raise t_skip: 2 ±" in run.reason


# -------------------------------------------------------------------------- biases and means


def test_outlier_of_a_linear_network() -> None:
    """A mean coupling beyond the circle: −1 + J₀ + γg²/J₀, one direction of all."""
    run = maximal_lyapunov(
        0.4, 0.5, phi="linear", mean_coupling=1.1, x0_mean=1e-9, t_skip=20.0, t_max=30.0, dt=0.1,
        n_trajectories=1024, batches=2, seed=0,
    )  # fmt: skip
    assert run.converged
    assert run.value == pytest.approx(0.1 + 0.5 * 0.16 / 1.1, abs=2e-3)


@pytest.mark.slow
def test_static_state_with_a_bias_is_stable() -> None:
    """γ = 0: a random tangent grows as ln I₀(2st)/2 − t, s = g√⟨φ′²⟩ in the static state.

    tanh, g = 1.2, b = ½, σ_b = ½, from Δ = g²⟨φ²⟩ + σ_b² at the mean b.
    """
    z, weight = np.polynomial.hermite_e.hermegauss(80)
    weight = weight / weight.sum()
    variance = 1.0
    for _ in range(200):
        variance = 1.44 * weight @ np.tanh(0.5 + math.sqrt(variance) * z) ** 2 + 0.25
    slope = 1 - np.tanh(0.5 + math.sqrt(variance) * z) ** 2
    s = 1.2 * math.sqrt(weight @ slope**2)
    assert s < 1
    # All of the past counts, so that the growth is that of the frozen state late in the run only.
    exact = (float(log(besseli(0, 2 * s * 60))) - float(log(besseli(0, 2 * s * 30)))) / 60 - 1
    run = maximal_lyapunov(
        1.2, bias_mean=0.5, bias_std=0.5, t_skip=30.0, t_max=60.0, n_trajectories=6000, seed=0
    )
    assert abs(run.value - exact) < 4.8 * run.value_err + 2e-3
    assert run.value_err < 0.01


def test_lyapunov_exponent_with_biases() -> None:
    """The bias in the drift of a model is the bias of the network."""

    def drift(t: float, x: np.ndarray, h: np.ndarray, u: np.ndarray | None) -> np.ndarray:
        return h + 0.5 - x

    own = SiteModel("own", phi=np.tanh, drift=drift, slopes=slopes)
    how: dict[str, Any] = SMALL | {"n_trajectories": 4096}
    one = maximal_lyapunov(2.5, 0.3, bias_mean=0.5, **how)
    two = maximal_lyapunov(2.5, 0.3, model=own, **how)
    assert one.value == pytest.approx(two.value, abs=1e-4)
