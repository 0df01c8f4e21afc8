"""The causal sampler: it is a network revealed as asked, of second order, reproducible, honest."""

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import simulate
from meanfield import (
    ArgumentError,
    GaussianOperator,
    SamplerError,
    SiteModel,
    Slopes,
    StepSizeWarning,
    Switching,
    TwoTime,
    transfer_function,
    two_time,
)
from meanfield.common import seeds
from meanfield.common.jobs import in_threads
from meanfield.dmft.sampler.ensemble import SHRINK, combine
from meanfield.dmft.sampler.site import rate_model
from meanfield.dmft.sampler.stiffness import stiffness
from meanfield.dmft.sampler.sweep import Forgetting, Moment, Setting, Sweep
from meanfield.exponential import largest_rate
from meanfield.schedule import Schedule, breakpoints, step_times

ARRAYS = ("t", "C", "delta", "freezing", "energy", "r_int")


def setting(
    g: float,
    gamma: float,
    onsager: Schedule,
    t_max: float,
    dt: float,
    *,
    innovations: str = "gaussian",
    tol: float = 0.0,
    x0_std: float = 1.0,
) -> Setting:
    times = breakpoints(t_max, onsager)
    model = rate_model(transfer_function("tanh"), onsager)
    grid = step_times(times, dt)
    return Setting(model, g, gamma, lambda t: 0.0, x0_std, times, grid, innovations, tol=tol)


def lazy_twin(sweep: Sweep, seed: int, *key: int) -> GaussianOperator:
    """The operator that the sweep had when it was made."""
    entropy = int(seeds.sequence(seed, "couplings", *key).generate_state(1, np.uint64)[0])
    return simulate.couplings.lazy(
        sweep.x0.size, sweep.setting.g, sweep.setting.gamma, seed=entropy
    )


class Stored:
    """A matrix in memory in the place of the operator of a sweep."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix

    def matvec(self, v: np.ndarray) -> np.ndarray:
        return self.matrix @ v

    def rmatvec(self, v: np.ndarray) -> np.ndarray:
        return self.matrix.T @ v


# ------------------------------------------------------------------------------- a network


@pytest.mark.parametrize("gamma", [0.5, -1.0])
@pytest.mark.parametrize("onsager", [0.0, 1.0, Switching([0.63], [0, 0.7])])
def test_sweep_is_a_network(gamma: float, onsager: Schedule) -> None:
    """M trajectories with Gaussian innovations are M neurons of `simulate`, step by step.

    Rounding differs (the sweep evaluates each state once), hence not to the last bit; and it grows
    with the steps, on any BLAS kernel to 2·10⁻⁹ of the energies here and 5·10⁻⁷ at t = 2.
    """
    size, here = 150, setting(1.5, gamma, onsager, 1.4, 0.05)
    sweep = Sweep(here, size, 3, 0, 1)
    moments = list(sweep)
    J = lazy_twin(sweep, 3, 0, 1)
    run = simulate.integrate(
        J, sweep.x0, t_max=1.4, dt=0.05, onsager=onsager, method="exponential", save_at=here.grid
    )
    np.testing.assert_allclose([m.t for m in moments], run.t, rtol=1e-12)
    np.testing.assert_allclose([m.x for m in moments], run.x, atol=1e-5)
    energies = [m.force @ m.force / (2 * size) for m in moments]
    np.testing.assert_allclose(energies, run.energy, atol=1e-7)
    assert sweep.operator.rank == J.rank


def test_switching_on_and_off() -> None:
    """A stored matrix: where the force ends, `simulate` asks for one product more."""
    onsager = Switching([0.5, 1.12], [0.6, 0, 0.4])
    J = simulate.couplings.elliptic(80, 1.5, -0.5, seed=2)
    here = setting(1.5, -0.5, onsager, 2.0, 0.05)
    sweep = Sweep(here, 80, 3, 0)
    sweep.operator = Stored(J)  # type: ignore[assignment]
    moments = list(sweep)
    run = simulate.integrate(
        J, sweep.x0, t_max=2.0, dt=0.05, onsager=onsager, method="exponential", save_at=here.grid
    )
    np.testing.assert_allclose([m.x for m in moments], run.x, atol=1e-11)
    assert [m.u is not None for m in moments] == [onsager(m.t) != 0 for m in moments]


@pytest.mark.parametrize("onsager", [0.0, 0.6, Switching([0.731], [0, 1])])
def test_second_order(onsager: Schedule) -> None:
    """One matrix, three steps, against the fourth-order scheme of `simulate`; the jump off-grid."""
    size, t_max = 60, 1.6
    J = simulate.couplings.elliptic(size, 1.3, 0.4, seed=2)
    steps, errors = np.array([0.04, 0.02, 0.01]), []
    for dt in steps:
        sweep = Sweep(setting(1.3, 0.4, onsager, t_max, dt), size, 1, 0)
        sweep.operator = Stored(J)  # type: ignore[assignment]
        *_, last = sweep
        exact = simulate.integrate(J, sweep.x0, t_max=t_max, dt=0.01, onsager=onsager, method="rk4")
        errors.append(np.max(np.abs(last.x - exact.x_end)))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(2, abs=0.15)


def test_step_times() -> None:
    times = [0.0, 0.73, 1.0, 1.0007]
    grid = step_times(times, 0.1)
    assert set(times) <= set(grid)
    steps = np.diff(grid)
    assert np.all(steps > 0)
    assert np.all(steps <= 0.1 * (1 + 1e-9))
    # As many steps as needed and no more, and none of rounding.
    assert grid.size == 1 + 8 + 3 + 1
    assert step_times([0.0, 0.3], 0.1).size == 4
    assert step_times([0.0, 0.05], 0.1).tolist() == [0.0, 0.05]


def test_saved_times() -> None:
    schedule = Switching([0.42], [0, 1])
    run = two_time(
        1.5, t_max=1.0, dt=0.1, onsager=schedule, temperature=lambda t: 0.1 * t, save_every=4,
        n_trajectories=1024, batches=2, seed=0, bias="ignore",
    )  # fmt: skip
    # 5 steps to the switch and 6 behind it; every fourth, the switch and the end.
    expected = [0, 4 * 0.084, 0.42, 0.42 + 4 * 0.58 / 6, 1.0]
    np.testing.assert_allclose(run.t, expected, rtol=1e-12)
    assert run.C.shape == (5, 5)
    every = two_time(
        1.5, t_max=1.0, dt=0.1, onsager=schedule, temperature=lambda t: 0.1 * t,
        n_trajectories=1024, batches=2, seed=0, bias="ignore",
    )  # fmt: skip
    places = np.searchsorted(every.t, run.t - 1e-9)
    np.testing.assert_allclose(run.C, every.C[np.ix_(places, places)], atol=1e-14)
    np.testing.assert_array_equal(run.energy, every.energy[places])
    assert two_time(1.5, t_max=0.3, dt=0.1, save_every=100).t.tolist() == [0.0, 0.3]


# ----------------------------------------------------------------------------------- seeds


def small(seed: int | None, **changes: Any) -> TwoTime:
    arguments: dict[str, Any] = {
        "t_max": 0.5, "dt": 0.1, "onsager": 0.5, "temperature": 0.1, "n_trajectories": 2048,
        "batches": 4, "response": True, "n_pulsed": 16,
    }  # fmt: skip
    return two_time(1.5, 0.5, seed=seed, **arguments | changes)


@pytest.fixture(scope="module")
def seeded() -> TwoTime:
    return small(3, threads=1)


def test_seeds(seeded: TwoTime) -> None:
    """The same whatever the threads; another seed is another run; None is not always the same."""
    for threads in (2, None):
        again = small(3, threads=threads)
        for name in (*ARRAYS, "R", "C_err", "R_err", "energy_bias"):
            np.testing.assert_array_equal(getattr(again, name), getattr(seeded, name))
    assert seeded.attributes["seed"] == "3"
    for other in (small(4), small(None), small(None)):
        assert not np.any(np.isclose(other.energy[1:], seeded.energy[1:], rtol=1e-9))
    drawn = small(None)
    again = small(int(drawn.attributes["seed"]))
    np.testing.assert_array_equal(again.C, drawn.C)


def test_batches_are_independent() -> None:
    """Starts, couplings and noise of different batches and groups of one run share nothing.

    120 correlation coefficients of 2000 normal numbers each below 5/√2000: a false alarm in 10⁴.
    """
    here = setting(1.5, 0.0, 0.0, 0.2, 0.1)
    draws = []
    for key in ((0, 0), (0, 1), (1, 0), (1, 1)):
        sweep = Sweep(here, 2000, 0, *key)
        J = sweep.operator
        e = np.ones(2000) / math.sqrt(2000)
        draws += [sweep.x0, J.matvec(e), J.rmatvec(e), sweep._noise.standard_normal(2000)]
    correlation = np.corrcoef(draws) - np.eye(16)
    assert np.max(np.abs(correlation)) < 5 / math.sqrt(2000)


# ------------------------------------------------------------------------- batches and bias


def test_bias_is_found_and_removed() -> None:
    """Numbers b/M + noise of known size; the extrapolated mean within 5 of its standard errors."""
    rng = np.random.default_rng(0)
    size, b, spread = 100, 3.0, 0.02
    values = []
    for _ in range(400):
        full = b / size + spread * rng.standard_normal((6, 3))
        few = b / (size / SHRINK) + spread * rng.standard_normal((6, 3))
        plain, out = combine(full, few, False), combine(full, few, True)
        values.append([plain.value, plain.error, plain.bias, out.value, out.error])
    value, error, bias, unbiased, wider = np.array(values).transpose(1, 0, 2).reshape(5, -1)
    count = value.size
    assert abs(np.mean(bias) - b / size) < 5 * np.std(bias) / math.sqrt(count)
    assert abs(np.mean(unbiased)) < 5 * np.std(unbiased) / math.sqrt(count)
    assert np.mean(value) == pytest.approx(b / size, abs=5 * spread / math.sqrt(6 * count))
    # Errors are those of the spread, 1200 variances of 5 and some 10 degrees of freedom.
    for one, err in ((value, error), (unbiased, wider)):
        assert np.mean(err**2) / np.var(one) == pytest.approx(1, abs=0.2)
    alone = combine(full, [], False)
    assert np.all(np.isnan(alone.bias))
    np.testing.assert_array_equal(alone.value, plain.value)


@pytest.mark.parametrize("threads", [1, 3, None])
def test_jobs_in_threads(threads: int | None) -> None:
    assert in_threads([lambda k=k: k * k for k in range(9)], threads) == [k * k for k in range(9)]

    def fails() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_threads([lambda: 1, fails, lambda: 2], threads)


# -------------------------------------------------------------------------------- forgetting


def test_window_bounds_the_rank() -> None:
    """A long vanilla run: bounded rank, the same q and Δ as without; 10 comparisons at 5 s.e.

    With errors of 6 batches, Student's t: a false alarm in some 500 runs of fresh seeds.
    """
    arguments: dict[str, Any] = {
        "t_max": 32.0, "dt": 0.1, "n_trajectories": 6 * 600, "batches": 6, "save_every": 40,
        "bias": "ignore", "method": "sampler", "threads": 1,
    }  # fmt: skip
    whole = two_time(2.0, 0.0, seed=0, **arguments)
    short = two_time(2.0, 0.0, seed=0, window=12.0, **arguments)
    half = two_time(2.0, 0.0, seed=0, window=12.0, **arguments | {"t_max": 16.0})
    assert short.rank < 0.6 * whole.rank
    assert short.rank < 1.15 * half.rank
    late = slice(4, None)
    for name in ("C", "delta"):
        one, two = (np.diagonal(getattr(run, name))[late] for run in (whole, short))
        errors = [np.diagonal(getattr(run, name + "_err"))[late] for run in (whole, short)]
        assert np.max(np.abs(one - two) / np.hypot(*errors)) < 5


def test_rotations_are_told_once() -> None:
    """Whoever follows the bases sees every cut, the last step's too, and none of them twice."""
    base = setting(1.5, 0.5, 0.0, 2.0, 0.1, innovations="matched", tol=1e-3)
    for window in (0.9, 1.0, 1.1, 1.2, 1.3):
        sweep = Sweep(replace(base, window=window), 400, 0, 0)
        rank = (0, 0)
        for _ in sweep:
            if sweep.rotations is not None:
                sizes = tuple(rotation.shape[0] for rotation in sweep.rotations)
                # The bases have grown by at most a request or two since the last moment.
                assert all(0 <= new - old <= 2 for new, old in zip(sizes, rank, strict=True))
                assert sweep.rotations[0].shape[1] <= sweep.operator.rank[0]
            rank = sweep.operator.rank
        assert sweep.rotations is None


def test_forgetting_keeps_the_recent_past() -> None:
    """Products with remembered vectors are unchanged but for what the tolerance leaves out."""
    n, tol = 400, 1e-2
    J = GaussianOperator(n, 1.5, 0.0, seed=0, tol=1e-3)
    memory = Forgetting(J, 4.0, tol)
    x = np.random.default_rng(0).standard_normal(n)
    cuts, ranks = 0, []
    past: list[tuple[float, np.ndarray]] = []
    for k in range(200):
        t = 0.1 * k
        phi = np.tanh(x)
        h = J @ phi
        past.append((t, phi))
        before = np.array([J @ v for s, v in past if t - 4 <= s])
        found = memory.remember(t, phi, None)
        if found is not None:
            cuts += 1
            right, left = found
            assert right.shape[1] == J.rank[0]
            assert left.shape == (0, 0)
            after = np.array([J @ v for s, v in past if t - 4 <= s])
            size = 1.5 * np.linalg.norm(phi)
            assert np.max(np.linalg.norm(after - before, axis=1)) < 10 * tol * size
        ranks.append(J.rank[0])
        x += 0.1 * (h - x)
    assert cuts >= 20
    assert max(ranks[100:]) < 1.2 * max(ranks[:100])
    never = Forgetting(J, math.inf, tol)
    assert never.remember(1e9, x, None) is None


# --------------------------------------------------------------------------------- stiffness


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_stiffness_is_that_of_the_network(gamma: float) -> None:
    """Against `simulate.stiffness` of the matrix that a sweep reveals, at its own states."""
    here = setting(2.0, gamma, 1.0, 1.0, 0.02, innovations="matched", tol=1e-3)
    sweep = Sweep(here, 500, 1, 0)
    for moment in sweep:
        if moment.step not in (0, 5, 49):
            continue
        rank = sweep.operator.rank
        found = stiffness(here.model, sweep.operator, moment)
        assert sweep.operator.rank == rank
        J = simulate.couplings.elliptic(500, 2.0, gamma, seed=moment.step)
        if moment.step == 0:
            # Couplings independent of the state.
            expected = simulate.stiffness(moment.x, J, onsager=1.0)
            assert found == pytest.approx(float(expected), rel=0.1)
        revealed = sweep.operator
    revealed.innovations, revealed.tol = "gaussian", 0.0
    expected = simulate.stiffness(moment.x, revealed @ np.eye(500), onsager=1.0)
    final = stiffness(here.model, sweep.operator, moment)
    assert final == pytest.approx(float(expected), rel=0.05)


def test_step_size_warning() -> None:
    arguments: dict[str, Any] = {"t_max": 1.0, "n_trajectories": 4096, "batches": 2, "seed": 0}
    with pytest.warns(StepSizeWarning, match=r"dt = 0\.05 exceeds the largest stable step 0\.0"):
        run = two_time(4.0, dt=0.05, onsager=1.0, **arguments)
    assert run.status == "unstable step"
    assert len(run.warnings) == 1
    assert 2.8 * 16 < run.stiffness < 6 * 16
    assert largest_rate(0.05) < run.stiffness
    # Below the step that it recommends there is nothing to tell (the stiffness grows along the
    # flow), nor without the force.
    advised = float(run.warnings[0].split("largest stable step ")[1].split()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        better = two_time(4.0, dt=0.7 * advised, onsager=1.0, **arguments)
        vanilla = two_time(4.0, 0.5, dt=0.1, **arguments)
    assert better.status == vanilla.status == "ok"
    assert better.energy[-1] < run.energy[-1]
    assert math.isnan(vanilla.stiffness)


def test_diverging_trajectories() -> None:
    growing = SiteModel("growing", phi=np.tanh, drift=lambda t, x, h, u: x**3 + h)
    with pytest.raises(SamplerError, match="beyond all bounds at t = "), np.errstate(all="ignore"):
        two_time(
            1.0, t_max=50.0, dt=0.1, model=growing, n_trajectories=256, batches=2, seed=0,
            threads=1,
        )  # fmt: skip


# ------------------------------------------------------------------------------- site models


def regulated(kappa: float) -> SiteModel:
    """The rate network of `two_time`, written by a user."""

    def drift(t: float, x: Any, h: Any, u: Any) -> Any:
        return h - x - kappa * (1 - np.tanh(x) ** 2) * u

    def slopes(t: float, x: Any, h: Any, u: Any) -> Slopes:
        d1 = 1 - np.tanh(x) ** 2
        one = np.ones_like(x)
        bend = -2 * np.tanh(x) * d1
        return Slopes(d1, -one, one, -one - kappa * bend * u, one, -kappa * d1)

    return SiteModel(
        "mine",
        phi=np.tanh,
        drift=drift,
        psi=lambda x, h: h - x,
        uses_u=lambda t: True,
        slopes=slopes,
    )


def test_user_model_is_the_built_in_one() -> None:
    arguments: dict[str, Any] = {
        "t_max": 1.0, "dt": 0.1, "n_trajectories": 2048, "batches": 2, "seed": 1,
        "response": True, "n_pulsed": 8,
    }  # fmt: skip
    mine = two_time(1.5, -0.5, model=regulated(0.5), **arguments)
    theirs = two_time(1.5, -0.5, onsager=0.5, **arguments)
    for name in (*ARRAYS, "C_err", "R", "R_err"):
        np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), atol=1e-9)
    assert mine.stiffness == pytest.approx(theirs.stiffness, rel=1e-6)
    assert mine.attributes["phi"] == "mine"
    assert math.isnan(mine.energy_balance_error)
    # Without a request for R there is no response of a user's model.
    plain = two_time(1.5, -0.5, model=regulated(0.5), **arguments | {"response": False})
    assert np.all(np.isnan(plain.r_int))
    assert plain.R is None


RELU = SiteModel(
    "threshold-linear", phi=lambda x: np.maximum(x, 0.0), drift=lambda t, x, h, u: h - x
)
ERF = SiteModel(
    "erf", phi=transfer_function("erf").phi, drift=lambda t, x, h, u: h - x
)  # fmt: skip


def arc_cosine(delta: np.ndarray) -> np.ndarray:
    """⟨max(x, 0) max(y, 0)⟩ of Gaussian pairs (Cho, Saul 2009)."""
    scale = np.sqrt(np.outer(np.diagonal(delta), np.diagonal(delta)))
    angle = np.arccos(np.clip(delta / scale, -1, 1))
    return scale / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * np.cos(angle))


def arc_sine(delta: np.ndarray) -> np.ndarray:
    """⟨erf(√π x/2) erf(√π y/2)⟩ of Gaussian pairs."""
    same = np.diagonal(delta) + 2 / np.pi
    return 2 / np.pi * np.arcsin(delta / np.sqrt(np.outer(same, same)))


@pytest.mark.parametrize(("model", "kernel"), [(RELU, arc_cosine), (ERF, arc_sine)])
def test_gaussian_kernels_at_gamma_zero(model: SiteModel, kernel: Any) -> None:
    """C is the kernel of Δ, and φ need not be odd.

    36 correlated comparisons at 5 standard errors of 16 batches: a false alarm below 1 %.
    """
    run = two_time(
        2.5, t_max=2.0, dt=0.1, model=model, n_trajectories=16 * 1000, batches=16, save_every=4,
        seed=2, bias="ignore",
    )  # fmt: skip
    expected = kernel(run.delta)
    # An error of Δ moves both sides alike: that of C alone is too large, not too small.
    assert np.max(np.abs(run.C - expected) / (run.C_err + run.delta_err + 1e-4)) < 5
    assert np.max(np.abs(run.C / expected - 1)) < 0.03
    # Δ̇ + Δ at t′ = 0 is ⟨h x(0)⟩ = 0: a free decay.
    np.testing.assert_allclose(run.delta[:, 0], np.exp(-run.t), atol=5e-3)


def test_uncoupled_drift() -> None:
    """A leak of rate 3 and no field: the scheme's own error, second order."""
    model = SiteModel("free", phi=np.tanh, drift=lambda t, x, h, u: -3.0 * x)
    errors = []
    for dt in (0.1, 0.05):
        run = two_time(
            1.0, t_max=1.0, dt=dt, model=model, n_trajectories=256, batches=2, seed=0,
            x0_std=0.7, bias="ignore",
        )  # fmt: skip
        errors.append(np.max(np.abs(run.delta[:, -1] / (0.49 * np.exp(-3 - 3 * run.t)) - 1)))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phi": lambda x: 1.0}, "phi of model 'bad': must map arrays"),
        ({"phi": lambda x: x[:2]}, "phi of model 'bad'"),
        ({"phi": lambda x: x * np.nan}, "phi of model 'bad'"),
        ({"drift": lambda t, x, h, u: 0.0}, "drift of model 'bad'"),
        ({"force": lambda x, h: np.ones(1)}, "force of model 'bad'"),
        ({"psi": lambda x, h: 2.0, "uses_u": lambda t: True}, "psi of model 'bad'"),
        ({"uses_u": lambda t: True}, "psi=None: a model that uses u"),
    ],
)
def test_bad_models(changes: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"phi": np.tanh, "drift": lambda t, x, h, u: h - x}
    SiteModel("good", **good)
    with pytest.raises(ArgumentError, match=message):
        SiteModel("bad", **good | changes)


def test_moments_hold_what_they_say() -> None:
    here = setting(1.5, 0.5, 0.7, 0.4, 0.1, innovations="matched", tol=1e-3)
    sweep = Sweep(here, 500, 0, 0)
    moments: list[Moment] = list(sweep)
    assert [m.step for m in moments] == list(range(5))
    assert np.mean(moments[0].x ** 2) == pytest.approx(1, rel=1e-12)
    J = sweep.operator
    for m in moments:
        np.testing.assert_allclose(m.phi, np.tanh(m.x))
        np.testing.assert_allclose(m.force, m.h - m.x)
        np.testing.assert_allclose(m.psi, m.force)
        np.testing.assert_allclose(m.drift, m.force - 0.7 * (1 - m.phi**2) * m.u)
        # One matrix has given all answers, but for memory terms below the tolerance.
        assert np.linalg.norm(J @ m.phi - m.h) < 3e-3 * np.linalg.norm(m.h)
        assert np.linalg.norm(J.T @ m.psi - m.u) < 3e-3 * np.linalg.norm(m.u)
