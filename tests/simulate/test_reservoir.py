"""Memory of states and driven networks: closed forms, identities, held-out scores, the step."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError, Switching, load
from meanfield.common.arguments import Array
from simulate import StepSizeWarning, couplings, integrate
from simulate.reservoir import (
    _BLOCKS,
    _RIDGES,
    MemoryCurve,
    SingularCovarianceWarning,
    _cross_validated,
    _sample_times,
    _Score,
    memory_curve,
    memory_function,
    split,
    stimulus_targets,
    two_sines,
)


def noisy(seed: int, length: int = 400, n: int = 8) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((length, n))
    return X, X @ rng.standard_normal((n, 3)) + rng.standard_normal((length, 3))


def test_printed_formula_on_regular_data() -> None:
    X, z = noisy(0)
    printed = memory_function(X, z, formula="printed")
    assert not printed.singular
    assert printed.warnings == ()
    np.testing.assert_allclose(printed.m, printed.m_train, rtol=1e-12)  # Eq. 21 = Eq. 19
    w = np.linalg.lstsq(X, z, rcond=None)[0]
    np.testing.assert_allclose(
        np.mean((X @ w) ** 2, axis=0), np.mean(X @ w * z, axis=0), rtol=1e-12
    )
    np.testing.assert_allclose(
        printed.m, np.mean((X @ w) ** 2, axis=0) / np.mean(z**2, axis=0), rtol=1e-12
    )
    # The ridge leads there.
    distances = []
    for ridge in (1e-2, 1e-4, 1e-6, 0.0):
        curve = memory_function(X, z, ridge=ridge, intercept=False, test_fraction=0.5)
        half = memory_function(X[:200], z[:200], formula="printed")
        distances.append(np.max(np.abs(curve.m_train - half.m)))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-13


def test_ridge_is_the_stated_system() -> None:
    X, z = noisy(1)
    curve = memory_function(X, z, ridge=0.03, intercept=False, test_fraction=0.25, gap=20)
    assert (curve.n_train, curve.n_test) == (280, 100)
    train, test = X[:280], X[300:]
    covariance = train.T @ train / 280
    scale = np.linalg.eigvalsh(covariance)[-1]
    np.testing.assert_allclose(curve.scale, scale, rtol=1e-12)
    w = np.linalg.solve(covariance + 0.03 * scale * np.eye(8), train.T @ z[:280] / 280)
    score = 1 - np.mean((test @ w - z[300:]) ** 2, axis=0) / np.mean(z[300:] ** 2, axis=0)
    np.testing.assert_allclose(curve.m, score, rtol=1e-12)
    np.testing.assert_allclose(curve.condition, np.linalg.cond(covariance), rtol=1e-10)


def test_the_ridge_is_that_of_five_blocks() -> None:
    """Each block is predicted by the others but a gap; targets of very different noise."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((203, 30))
    z = X[:, :12] + rng.standard_normal((203, 12)) * np.geomspace(0.1, 30, 12)
    edges, gap = [0, 40, 81, 121, 162, 203], 3
    missed = np.zeros((len(_RIDGES), 12))
    for start, end in pairwise(edges):
        kept = [k for k in range(203) if not start - gap <= k < end + gap]
        covariance = X[kept].T @ X[kept] / len(kept)
        scale = np.linalg.eigvalsh(covariance)[-1]
        for row, ridge in zip(missed, _RIDGES, strict=True):
            system = covariance + ridge * scale * np.eye(30)
            w = np.linalg.solve(system, X[kept].T @ z[kept] / len(kept))
            row += np.sum((X[start:end] @ w - z[start:end]) ** 2, axis=0)
    best = np.array(_RIDGES)[np.argmin(missed, axis=0)]
    assert len(set(best)) > 2
    np.testing.assert_array_equal(_cross_validated(X, z, gap, intercept=False), best)


def test_held_out_score_sees_what_the_fitted_one_does_not() -> None:
    fitted, held_out = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X, z = rng.standard_normal((400, 60)), rng.standard_normal((400, 4))
        free = memory_function(X, z, ridge=0)
        assert np.all(free.m < free.m_train)
        fitted.append(free.m_train)
        # −n/(L − n − 1) on average for the least-squares weights of noise
        held_out.append(free.m)
        assert np.all(memory_function(X, z).m > -0.15)
    np.testing.assert_allclose(np.mean(fitted), 60 / 200, atol=0.04)
    np.testing.assert_allclose(np.mean(held_out), -60 / 139, atol=0.1)


def test_chosen_ridge_is_close_to_the_best() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((600, 40)) * np.geomspace(1, 1e-4, 40)
    z = x[:, :3] @ rng.standard_normal((3, 2)) + 0.5 * rng.standard_normal((600, 2))
    chosen = memory_function(x, z)
    scores = [memory_function(x, z, ridge=r).m for r in 10.0 ** np.arange(-10, 1)]
    assert np.all(chosen.m > np.max(scores, axis=0) - 0.02)
    assert np.all(chosen.m > scores[0])


def test_delay_line_remembers_its_length() -> None:
    # Neuron k holds the input of k steps ago: m = 1 up to n − 1 and 0 beyond.
    n, signal = 10, np.random.default_rng(0).standard_normal(4100)
    X = np.stack([signal[50 - k : 4050 - k] for k in range(n)], axis=1)
    z = np.stack([signal[50 - d : 4050 - d] for d in range(16)], axis=1)
    curve = memory_function(X, z)
    np.testing.assert_allclose(curve.m[:n], 1, atol=1e-9)
    np.testing.assert_allclose(curve.m[n:], 0, atol=0.02)
    np.testing.assert_allclose(curve.m.sum(), n, atol=0.05)


def test_intercept_is_a_constant_neuron() -> None:
    """Least squares with an intercept, about the mean, against one more neuron that is always 1."""
    X, z = noisy(3)
    X, z = X + 5, z - 3
    free = memory_function(X, z, ridge=0)
    train, test = np.c_[X, np.ones(400)][:200], np.c_[X, np.ones(400)][200:]
    missed = test @ np.linalg.lstsq(train, z[:200], rcond=None)[0] - z[200:]
    about = z[200:] - z[:200].mean(axis=0)
    exact = 1 - np.mean(missed**2, axis=0) / np.mean(about**2, axis=0)
    np.testing.assert_allclose(free.m, exact, rtol=1e-10)
    # What is added to X and z changes nothing; nor does the ridge see it.
    moved = memory_function(X - 40, z + 7)
    np.testing.assert_allclose(moved.m, memory_function(X, z).m, rtol=1e-9)


@pytest.mark.parametrize("unit", [1e160, 1e-160, 3e305])
@pytest.mark.parametrize("options", [{}, {"intercept": False}, {"formula": "printed"}])
def test_memory_has_no_unit(unit: float, options: dict[str, Any]) -> None:
    X, z = noisy(4)
    m, least = memory_function(X, z, **options).m, min(unit, 1e306 / np.abs(z).max())
    np.testing.assert_allclose(memory_function(X * unit, z, **options).m, m, rtol=1e-9)
    np.testing.assert_allclose(memory_function(X, z * least, **options).m, m, rtol=1e-9)
    exact = memory_function(X * unit, X[:, :2] @ [[1.0, 2.0], [0.5, -1.0]], **options)
    np.testing.assert_allclose(exact.m, 1, rtol=1e-9)


def test_capacity_of_states_and_of_noise() -> None:
    """Σ m within its error; in sample, noise scores rank/L at each target.

    z = (Σ m − truth)/error of 40 sets: Student's t of 9 degrees of freedom has a mean square of
    9/7 and 90 % of it within 1.83.  m of weights from 10⁴ samples misses by some n/L = 8e-4 of what
    noise leaves, for each target.
    """
    misses, scores = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((4000, 8))
        known, noise = X[:, :4] + rng.standard_normal((4000, 4)), rng.standard_normal((4000, 20))
        curve = memory_function(X, np.c_[known, noise], ridge=0)
        misses.append((curve.capacity - 2 + 24 * 8 / 2000) / curve.capacity_err)
        scores.append(curve.m_train[4:].mean() / curve.chance)
        assert curve.capacity <= curve.capacity_bound
        assert 8 <= curve.capacity_bound < 9.5
    z = np.array(misses, dtype=float)
    assert abs(z.mean()) < 4.5 * np.sqrt(9 / 7 / 40)
    assert np.mean(np.abs(z) < 1.83) > 0.9 - 4.5 * np.sqrt(0.09 / 40)
    np.testing.assert_allclose(np.mean(scores), 1, atol=4.5 * np.sqrt(2 / 8 / 20 / 40))
    assert np.isnan(memory_function(X[:16], known[:16], ridge=0.1).capacity_err)


def test_capacity_bound_is_reached_by_targets_that_are_one() -> None:
    """Any number of equal targets are held by one neuron: nothing to flag."""
    x = np.random.default_rng(0).standard_normal((200, 1))
    curve = memory_function(x, np.tile(x, 5), ridge=0)
    np.testing.assert_allclose([curve.capacity, curve.capacity_bound], 5, rtol=1e-12)
    assert curve.converged


HELD = 1500


def held_line(n: int, delays: int, **options: Any) -> MemoryCurve:
    """A delay line that is driven by held values, u ~ U(0, 1)."""
    values = np.random.default_rng(6).random(HELD)
    return memory_curve(
        np.eye(n, k=-1), np.arange(1, delays + 1), stimulus=Switching(range(1, HELD), values),
        input_weights=np.eye(n)[0], phi="linear", method="euler", dt=1, sample_every=1,
        t_max=HELD, x0=np.zeros(n), gap=delays, **options,
    )  # fmt: skip


def test_delay_line_of_an_input_with_a_mean() -> None:
    """Σ m = 10 for ten neurons, exactly; without an intercept the mean alone scores 3/4."""
    line = held_line(10, 40)
    np.testing.assert_allclose(line.m[:10], 1, atol=1e-12)
    # Ridge and held-out samples leave of noise at most some n/L = 0.014 a target.
    np.testing.assert_allclose(line.m[10:], 0, atol=0.03)
    assert abs(line.capacity - 10) < 4.5 * line.capacity_err + 30 * line.chance
    assert line.capacity <= line.capacity_bound < 13
    assert not line.exceeds_n
    without = held_line(10, 40, intercept=False)
    assert without.exceeds_n
    np.testing.assert_allclose(without.m[10:], 0.75, atol=0.06)


def test_held_input_is_landed_on() -> None:
    """Steps that do not divide the time between two values, with and without their jumps told."""
    values = np.random.default_rng(6).random(400)
    times = 0.7 * np.arange(1, 400)
    held = Switching(times.tolist(), values)
    options: dict[str, Any] = {
        "t_max": 0.7 * 400, "t_skip": 7, "sample_every": 0.7, "dt": 0.1, "method": "rk4",
        "seed": 0, "gap": 0, "ridge": 1e-9,
    }  # fmt: skip
    J = np.zeros((2, 2))
    exact = memory_curve(J, [0.7, 1.4], stimulus=held, **options)
    told = memory_curve(J, [0.7, 1.4], stimulus=lambda t: held(t), switch_times=times, **options)
    np.testing.assert_array_equal(told.m, exact.m)
    # x(k) = Σ_j (1 − e^−h) e^−jh u(k−1−j): the share of u(k−1) in its variance is 1 − e^−2h.
    decay = np.exp(-1.4)
    share = np.array([1 - decay, (1 - decay) * decay])
    # 195 samples: 4.5 standard errors of a squared correlation.
    np.testing.assert_allclose(exact.m, share, atol=4.5 * 2 * np.sqrt(0.2 / 195))
    # Rounding moves no target to the value before.
    moments = np.array([0.7 * k for k in range(10, 20)])
    found = stimulus_targets(moments, [0.7], stimulus=held)[:, 0]
    np.testing.assert_array_equal(found, values[9:19])


def test_trials_are_independent() -> None:
    X, z = noisy(2)
    batch = memory_function(np.stack([X, X[:, ::-1] ** 3], axis=-1), z)
    assert batch.m.shape == (3, 2)
    assert batch.rank.shape == (2,)
    single = memory_function(X, z)
    np.testing.assert_allclose(batch.m[:, 0], single.m, rtol=1e-12)
    assert batch.to_dataset()["m"].dims == ("tau", "trial")


def test_exactly_singular_covariance_gives_nan() -> None:
    with pytest.warns(SingularCovarianceWarning):
        curve = memory_function(np.zeros((5, 2)), np.ones(5), formula="printed")
    assert np.isnan(curve.m).all()
    assert int(curve.rank) == 0
    assert memory_function(np.zeros((20, 2)), np.ones(20), intercept=False).m.tolist() == [0.0]


@pytest.mark.parametrize(
    ("X", "z", "options"),
    [
        (np.ones(4), np.ones(4), {}),
        (np.ones((4, 2)), np.ones(3), {}),
        (np.full((4, 2), np.nan), np.ones(4), {}),
        (np.ones((4, 2)), 1j * np.ones(4), {}),
        (np.ones((4, 2)), np.arange(4.0), {}),  # too few to choose a ridge
        (np.ones((40, 2)), np.arange(40.0), {"gap": 19}),
        (np.ones((40, 2)), np.full(40, 0.1), {}),  # nothing but the intercept
        (np.ones((40, 2)), np.repeat([0.0, 1.0], 20), {"intercept": False}),
        (np.ones((40, 2)), np.arange(40.0), {"gap": -1}),
        (np.ones((40, 2)), np.arange(40.0), {"tau": [0.0, 1.0]}),
    ],
)
def test_memory_function_refuses(X: Any, z: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        memory_function(X, z, **options)


OMEGA = np.array([0.02, 0.04]) * np.pi


def filtered_memory(tau: list[float], sign: int) -> Array:
    """m(τ) of one low-pass filter x = Σ Im e^{iωt}/(1+iω), over whole periods; sign −1 recalls."""
    response = 1 / (1 + 1j * OMEGA)
    overlap = np.array([np.sum((response * np.exp(-1j * sign * OMEGA * s)).real) / 2 for s in tau])
    return overlap**2 / np.sum(np.abs(response) ** 2 / 2)


@pytest.mark.parametrize(("task", "sign", "onsager"), [("recall", -1, 1.0), ("forecast", 1, 0.0)])
def test_one_low_pass_filter(task: str, sign: int, onsager: float) -> None:
    # Without couplings the Onsager-reaction force vanishes and all neurons do the same: rank 1.
    tau = [0.0, 3.0, 10.0, 30.0]
    options = {"onsager": onsager, "task": task, "phi": "linear", "t_skip": 40, "dt": 0.1}
    curve = memory_curve(
        np.zeros((4, 4)), tau, **options, t_max=439.5, gap=0, ridge=0, x0=np.ones(4), tol=1e-7
    )
    # 400 samples each: whole periods
    assert (curve.n_train, curve.n_test) == (400, 400)
    np.testing.assert_allclose(curve.m, filtered_memory(tau, sign), atol=1e-4)
    np.testing.assert_allclose(curve.m_train, curve.m, atol=1e-6)
    assert int(curve.rank) == 1
    assert curve.singular
    assert curve.condition == np.inf or curve.condition > 1e20


def test_linear_network_spans_two_sines_and_cosines() -> None:
    J = couplings.elliptic(30, 0.5, seed=1)
    tau = np.linspace(0, 60, 5)
    for task in ("recall", "forecast"):
        curve = memory_curve(
            J, tau, task=task, phi="linear", t_max=300, t_skip=80, dt=0.1, ridge=0, seed=0
        )
        assert int(curve.rank) == 4
        np.testing.assert_allclose(curve.m, 1, atol=1e-6)


def test_gradient_flow_has_a_singular_covariance() -> None:
    J = couplings.elliptic(100, 2.0, seed=1)
    options = {"onsager": 1.0, "t_max": 30, "t_skip": 0, "sample_every": 0.1, "seed": 3}
    with pytest.warns(SingularCovarianceWarning, match=r"rank \d+ < n = 100"):
        printed = memory_curve(J, [0.0, 5.0], **options, formula="printed")
    assert printed.singular
    assert printed.n_train == 301
    assert np.all(np.abs(printed.m - printed.m_train) > 0.1)  # Eq. 21 is not Eq. 19 any more
    assert printed.warnings
    assert printed.status == "flagged"
    assert "use formula='ridge'" in printed.reason
    curve = memory_curve(J, [0.0, 5.0], **options, gap=1)  # no warning: the ridge inverts it
    assert curve.warnings == ()
    assert curve.converged
    assert np.all(curve.m <= 1)


def test_curve_equals_its_parts(tmp_path: Path) -> None:
    J = couplings.elliptic(40, 1.5, seed=1)
    x0 = np.random.default_rng(2).standard_normal((40, 2))
    u = np.linspace(-1, 1, 40)
    tau = [0.0, 4.0]
    curve = memory_curve(
        J, tau, stimulus=np.sin, input_weights=u, t_max=120, dt=0.05, t_skip=20, gap=5, x0=x0
    )
    times = 20 + 0.5 * np.arange(201)
    run = integrate(J, x0, t_max=120, dt=0.05, inputs=lambda t: np.sin(t) * u, save_at=times)
    parts = memory_function(run.x, np.sin(times[:, None] - tau), tau=tau, gap=10)
    np.testing.assert_allclose(curve.m, parts.m, rtol=1e-9)
    np.testing.assert_array_equal(curve.ridge, parts.ridge)
    data = curve.to_dataset()
    assert data.attrs["stimulus"] == "sin"
    assert data.attrs["task"] == "recall"
    assert "numpy_version" in data.attrs
    np.testing.assert_array_equal(data["tau"], tau)
    curve.save(tmp_path / "memory.nc")
    read = load(tmp_path / "memory.nc")
    np.testing.assert_array_equal(read["m"], curve.m)
    assert read.attrs["status"] == "converged"
    assert read.attrs["singular"] is curve.singular
    assert len(curve.plot().get_lines()) == 2


def test_single_precision_and_seed() -> None:
    J = couplings.elliptic(30, 1.5, seed=1)
    options = {"t_max": 200, "t_skip": 50, "seed": 7, "ridge": 1e-4}
    double = memory_curve(J, [0.0, 10.0], **options)
    assert double.attributes["seed"] == 7
    np.testing.assert_array_equal(memory_curve(J, [0.0, 10.0], **options).m, double.m)
    single = memory_curve(J, [0.0, 10.0], **options, dtype=np.float32)
    np.testing.assert_allclose(single.m, double.m, atol=1e-2)


def test_unstable_step_is_reported() -> None:
    J = couplings.elliptic(60, 6.0, seed=1)
    with pytest.warns(StepSizeWarning):
        curve = memory_curve(
            J, 0.0, onsager=1.0, method="euler", dt=0.02, t_max=40, t_skip=10, gap=1, seed=1
        )
    assert "largest stable step" in curve.warnings[0]
    assert curve.status == "flagged"
    assert curve.to_dataset().attrs["status"] == "flagged"


def test_stimulus_before_time_zero() -> None:
    times, tau = np.array([1.0, 2.0]), np.array([0.0, 5.0])
    np.testing.assert_allclose(stimulus_targets(times, tau), two_sines(times[:, None] - tau))
    np.testing.assert_allclose(
        stimulus_targets(times, tau, task="forecast"), two_sines(times[:, None] + tau)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": -1.0}, "tau=-1: must be >= 0"),
        ({"tau": [[1.0]]}, "tau=.*: must have one axis"),
        ({"task": "dream"}, "task='dream'"),
        ({"formula": "lasso"}, "formula='lasso'"),
        ({"ridge": -1.0}, "ridge=-1"),
        ({"t_skip": 20.0}, "t_skip=20: must lie below t_max=20"),
        ({"sample_every": 0.0}, "sample_every=0"),
        ({"test_fraction": 1.0}, "test_fraction=1"),
        ({"gap": 100.0}, "gap=200"),
        ({"input_weights": np.ones(3)}, r"input_weights of shape \(3,\)"),
        ({"stimulus": lambda t: np.nan}, "stimulus"),
        ({"stimulus": lambda t: 0.0}, "target 0 is 0 at all fitted samples"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_memory_curve_refuses(options: dict[str, Any], message: str) -> None:
    given = {"tau": 0.0, "t_max": 20.0, "t_skip": 0.0, "gap": 0.0} | options
    with pytest.raises(ArgumentError, match=message):
        memory_curve(np.zeros((2, 2)), given.pop("tau"), **given)


def printed_curve(g: float, window: float, seed: int, **options: Any) -> MemoryCurve:
    """[HH] Eq. 21 for the gradient flow of 100 neurons driven by two sines."""
    J = couplings.elliptic(100, g, seed=seed)
    options |= {"onsager": 1.0, "formula": "printed", "sample_every": 0.1, "seed": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the status says it
        return memory_curve(J, [0.0, 10.0], t_skip=100, t_max=100 + window, **options)


@pytest.mark.slow
def test_unstable_euler_lifts_the_rank() -> None:
    seed = 0
    # Whatever the tolerance: the rank is that of the flow, not of the scheme.
    for g, tol in ((10.0, 1e-4), (10.0, 1e-8), (16.0, 1e-4)):
        short = printed_curve(g, 20, seed, tol=tol)
        assert "Eq. 21 inverts" in short.warnings[0]
        assert short.rank < 95
    euler: dict[str, Any] = {"method": "euler", "dt": 0.01}
    assert "largest stable step" in printed_curve(16.0, 20, seed, **euler).reason
    for curve in (
        printed_curve(16.0, 20, seed, **euler),
        printed_curve(16.0, 500, seed, **euler),
        printed_curve(10.0, 500, seed),
    ):
        assert curve.rank == 100
        # By far: double precision tells up to 1e13 from infinity here.
        assert curve.condition < 1e11


@pytest.mark.parametrize("wrong", [np.nan, 1j, "1", True, np.ma.array([1.0], mask=[True])])
def test_no_number_is_not_read_as_one(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^t"):
        two_sines(wrong if np.ndim(wrong) else [wrong])
    states = np.random.default_rng(0).standard_normal((40, 3))
    with pytest.raises(ArgumentError, match=r"^z"):
        memory_function(states, [wrong] * 40 if not np.ndim(wrong) else wrong)
    with pytest.raises(ArgumentError, match=r"^input_weights"):
        memory_curve(
            np.zeros((1, 1)), [0.0], t_max=60, t_skip=1, gap=1,
            input_weights=wrong if np.ndim(wrong) else [wrong],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "options"),
    [
        (r"t_max=.*: would run|t_max=.*: needs", {"t_max": 1e12}),
        (r"sample_every=1e-30: needs", {"sample_every": 1e-30}),
        (r"sample_every=1e\+09: must leave two samples", {"sample_every": 1e9}),
        (r"t, tau: the stimulus is asked at times up to 1e\+30", {"tau": [1e30]}),
        (r"stimulus\(t=.*\): raised ZeroDivisionError", {"stimulus": lambda t: 1 / 0}),
    ],
)
def test_what_cannot_be_run_is_named(message: str, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"^({message})"):
        memory_curve(np.eye(3), **{"tau": [0.5], "seed": 0, **options})


def test_times_that_rounding_moved_off_a_jump() -> None:
    """Below or above, of the first, a middle and the last jump: the value that begins there."""
    held = Switching([1.0, 2.0, 3.0], [10.0, 11.0, 12.0, 13.0])
    near = np.array([1.0, 2.0, 3.0])
    for moved in (near * (1 - 1e-14), near, near * (1 + 1e-14)):
        found = stimulus_targets(moved + 5, [5.0], stimulus=held)[:, 0]
        assert found.tolist() == [11.0, 12.0, 13.0]
    apart = np.array([0.5, 1.5, 2.5, 3.5])
    assert stimulus_targets(apart, 0.0, stimulus=held)[:, 0].tolist() == [10.0, 11.0, 12.0, 13.0]
    # Of a plain function the jumps are told; a moment that is farther off is left where it is.
    asked: list[float] = []

    def step(t: float) -> float:
        asked.append(t)
        return float(t >= 2)

    times = np.array([2 - 1e-13, 2 - 1e-6, 2 + 1e-13])
    values = stimulus_targets(times, 0.0, stimulus=step, switch_times=[2.0, 7.0])
    assert values[:, 0].tolist() == [1.0, 0.0, 1.0]
    assert asked[-2:] == [2 - 1e-6, 2.0]


def test_error_of_a_score() -> None:
    """Of a quotient over equal parts in time, by its linear part; the unit of z does not matter."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((205, 2)) + 0.3
    predicted, base = z + 0.4 * rng.standard_normal((205, 2)), np.array([0.3, 0.0])
    lost, asked = (predicted - z) ** 2, (z - base) ** 2
    score = _Score(predicted, z, base)
    share = lost.mean(axis=0) / asked.mean(axis=0)
    np.testing.assert_allclose(score.mean(), 1 - share, rtol=1e-12)
    # Where the quotient of each part is near that of the whole it varies as its linear part.
    length = 205 // _BLOCKS
    change = ((lost - share * asked) / asked.mean(axis=0)).sum(axis=1)[-_BLOCKS * length :]
    parts = change.reshape(_BLOCKS, length).mean(axis=1)
    expected = np.std(parts, ddof=1) / math.sqrt(_BLOCKS)
    for unit in (1.0, 1e3, 1e-3):
        again = _Score(unit * predicted, unit * z, unit * base)
        assert again.total_err() == pytest.approx(expected, rel=1e-9)
    assert math.isnan(_Score(predicted[:3], z[:3], base).total_err())


def test_the_bound_on_the_capacity_is_of_correlations() -> None:
    """The n largest eigenvalues of the correlations of the scored targets, about what c is."""
    rng = np.random.default_rng(8)
    z = rng.standard_normal((60, 4)) @ rng.standard_normal((4, 4)) + 2
    X = rng.standard_normal((60, 2))
    for options, rows, base in (
        ({"ridge": 0.1}, slice(30, None), z[:30].mean(axis=0)),
        ({"ridge": 0.1, "gap": 5}, slice(30, None), z[:25].mean(axis=0)),
        ({"ridge": 0.1, "intercept": False}, slice(30, None), 0),
        ({"formula": "printed"}, slice(None), 0),
    ):
        about = z[rows] - base
        second = about.T @ about
        size = np.sqrt(np.diag(second))
        largest = np.linalg.eigvalsh(second / np.outer(size, size))[-2:]
        curve = memory_function(X, z, **options)
        assert curve.capacity_bound == pytest.approx(largest.sum(), rel=1e-10)
        assert curve.capacity == pytest.approx(curve.m.sum(), rel=1e-12)
        assert curve.chance == pytest.approx(2 / curve.n_train)


def test_more_than_n_is_told() -> None:
    """Copies of one target: as many as neurons are no surprise, one more is."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((400, 2))
    z = X[:, :1] + 0.01 * rng.standard_normal((400, 3))
    for copies, told in ((2, False), (3, True)):
        curve = memory_function(X, z[:, :copies])
        assert curve.exceeds_n == told
        assert curve.capacity == pytest.approx(copies, abs=0.01)
    # One of little certainty is none.
    rough = memory_function(X[:24, :1], X[:24, :1] + 0.4 * rng.standard_normal((24, 2)), ridge=0)
    assert rough.exceeds_n == (rough.capacity - 5 * rough.capacity_err > 1)


def test_rank_and_condition_are_of_given_singular_values() -> None:
    """Of 50 states: squares beyond 50 ε of the largest count."""
    rng = np.random.default_rng(1)
    left = np.linalg.qr(rng.standard_normal((50, 3)))[0]
    right = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    z = rng.standard_normal(50)
    edge = np.sqrt(50 * np.finfo(float).eps)
    for singular, rank in (
        ([3.0, 1.0, 1e-3], 3), ([3.0, 1.0, 3 * 1.1 * edge], 3), ([3.0, 3 * 0.9 * edge, 0], 1),
        ([3.0, 3 * 1.1 * edge, 3 * 0.9 * edge], 2),
    ):  # fmt: skip
        X = left * singular @ right
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            curve = memory_function(X, z, formula="printed")
        assert curve.rank == rank
        assert curve.singular == (rank < 3)
        assert curve.scale == pytest.approx(9 / 50)
        if singular[2]:
            assert curve.condition == pytest.approx((3 / singular[2]) ** 2, rel=1e-3)
    wide = memory_function(rng.standard_normal((6, 4)), rng.standard_normal(6), ridge=0.1)
    assert wide.condition == np.inf
    assert wide.rank == 2
    none = memory_function(np.outer(z, [1.0, 0.0]), z, ridge=0.1, intercept=False)
    assert none.condition == np.inf


def test_least_squares_of_least_norm() -> None:
    """Two neurons that are one: weights over the numerical rank, scored on later samples."""
    X, z = noisy(9, n=3)
    X[:, 2] = X[:, 1]
    w = np.linalg.lstsq(X[:200], z[:200], rcond=1e-10)[0]
    missed = np.mean((X[200:] @ w - z[200:]) ** 2, axis=0)
    curve = memory_function(X, z, ridge=0, intercept=False)
    np.testing.assert_allclose(curve.m, 1 - missed / np.mean(z[200:] ** 2, axis=0), rtol=1e-9)
    assert curve.rank == 2


@pytest.mark.parametrize(
    ("length", "gap", "fraction", "ridge", "expected"),
    [
        (10, 0, 0.5, 0.1, (5, 5)),
        (11, 0, 0.5, 0.1, (5, 6)),
        (2, 0, 0.5, 0.1, (1, 1)),
        (3, 1, 0.5, 0.1, None),
        (4, 1, 0.25, 0.1, (2, 1)),
        (4, 0, 0.1, 0.1, None),
        # Four fifths of the fitted samples without both gaps must be five at least.
        (17, 1, 0.5, None, None),
        (20, 1, 0.5, None, (9, 10)),
        (12, 0, 0.5, None, None),
        (14, 0, 0.5, None, (7, 7)),
    ],
)
def test_how_samples_are_split(
    length: int, gap: int, fraction: float, ridge: float | None, expected: tuple[int, int] | None
) -> None:
    target = 1 + np.arange(length)[:, None] ** 2.0
    how: dict[str, Any] = {"ridge": ridge, "formula": "ridge", "intercept": False}
    how |= {"test_fraction": fraction, "gap": gap}
    if expected is None:
        with pytest.raises(ArgumentError):
            split(target, **how)
    else:
        assert split(target, **how) == expected
    assert split(target, **how | {"formula": "printed"}) == (length, 0)


def test_times_of_samples() -> None:
    for given, expected in (
        ((1.0, 0.1, 0.3), [0.1, 0.4, 0.7, 1.0]),
        ((1.0, 0.0, 1.0), [0.0, 1.0]),
        ((1.0, 0.0, 0.6), [0.0, 0.6]),
        ((10.0, 2.0, 4.0), [2.0, 6.0, 10.0]),
    ):
        found = _sample_times(*given)
        np.testing.assert_allclose(found, expected)
        assert found[-1] <= given[0]
    for bad in ((1.0, 0.0, 1.1), (1.0, 0.5, 0.6), (1.0, 1.0, 0.1)):
        with pytest.raises(ArgumentError):
            _sample_times(*bad)
    options: dict[str, Any] = {"t_max": 30, "t_skip": 0, "seed": 0, "dt": 0.1, "ridge": 0.1}
    for gap, every, samples in ((10.0, 0.5, 20), (0.9, 0.3, 3), (1.0, 0.3, 4), (0.0, 0.5, 0)):
        curve = memory_curve(np.zeros((2, 2)), 1.0, gap=gap, sample_every=every, **options)
        assert curve.attributes["gap_samples"] == samples
        count = len(_sample_times(30, 0, every))
        assert (curve.n_test, curve.n_train) == (
            round(count / 2),
            count - round(count / 2) - samples,
        )


def test_how_near_a_jump_is_near() -> None:
    """1e−9, of the time of the jump where that is more than 1."""
    for jump, near, far in ((100.0, 5e-8, 2e-7), (0.5, 5e-10, 2e-9), (-100.0, 5e-8, 2e-7)):
        asked: list[float] = []

        def stimulus(t: float, asked: list[float] = asked) -> float:
            asked.append(t)
            return 0.0

        times = [jump - near, jump + near, jump - far, jump + far]
        stimulus_targets(times, 0.0, stimulus=stimulus, switch_times=[jump, jump + 7, jump - 7])
        assert asked == [jump - far, jump, jump + far]
    assert stimulus_targets([1e9], 0.0).shape == (1, 1)
    with pytest.raises(ArgumentError, match="at times up to"):
        stimulus_targets([1e9], 1.001e9 + 1e9)
    with pytest.raises(ArgumentError, match=r"^t of shape \(1, 1\)"):
        stimulus_targets([[1.0]], 0.0)


def test_a_bias_of_a_linear_network_is_the_intercept_of_its_readout() -> None:
    J, b = couplings.elliptic(10, 0.8, seed=1), np.linspace(-1, 1, 10)
    x0 = np.random.default_rng(2).standard_normal(10)
    moved = x0 + np.linalg.solve(np.eye(10) - J, b)
    plain, biased = (
        memory_curve(
            J, [0.0, 1.0, 2.0], x0=start, bias=bias, phi="linear", t_max=300, dt=0.1, ridge=1e-6
        )
        for start, bias in ((x0, 0.0), (moved, b))
    )
    np.testing.assert_allclose(biased.m, plain.m, atol=1e-6)


def test_each_moment_is_asked_once() -> None:
    """Evenly spaced samples and delays meet the same moments, up to rounding."""
    asked: list[float] = []

    def stimulus(t: float) -> float:
        asked.append(t)
        return two_sines(t).item()

    t, tau = 0.1 * np.arange(100), 0.3 * np.arange(20)
    found = stimulus_targets(t, tau, stimulus=stimulus)
    assert len(asked) == 157
    np.testing.assert_allclose(found, stimulus_targets(t, tau), atol=1e-13)
    np.testing.assert_allclose(found, two_sines(t[:, None] - tau), atol=1e-13)
