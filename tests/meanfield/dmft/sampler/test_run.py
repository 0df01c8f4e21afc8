"""The causal sampler: it is a network revealed as asked, of second order, reproducible, honest."""

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import ArpackNoConvergence
from scipy.special import ndtr

import simulate
from meanfield import (
    GaussianOperator,
    SamplerError,
    SiteModel,
    Slopes,
    StepSizeWarning,
    Switching,
    TransferFunction,
    TwoTime,
    transfer_function,
    two_time,
)
from meanfield.common import seeds
from meanfield.dmft.sampler import run as run_module
from meanfield.dmft.sampler.populations import Populations
from meanfield.dmft.sampler.run import (
    Forgetting,
    Offsets,
    SamplerMoment,
    SamplerRun,
    SamplerSetting,
    Watch,
    chosen_step,
    single,
    spectrum,
    step_reason,
)
from meanfield.dmft.sampler.site import rate_model
from meanfield.exponential import amplification
from meanfield.gaussian_stack import GaussianStack
from meanfield.schedule import Schedule, breakpoints, step_times
from meanfield.stability import largest_step

ARRAYS = ("t", "C", "delta", "freezing", "energy", "r_int")


def setting(
    g: float,
    gamma: float,
    onsager: Schedule,
    t_max: float,
    dt: float,
    *,
    innovations: str = "gaussian",
    neglect: float = 0.0,
    x0_std: float = 1.0,
) -> SamplerSetting:
    times = breakpoints(t_max, onsager)
    model = rate_model(transfer_function("tanh"), onsager)
    grid = step_times(times, dt)
    return SamplerSetting(
        model, g, gamma, lambda t: 0.0, x0_std, times, grid, innovations, neglect=neglect
    )


def lazy_copy(batch: SamplerRun, seed: int, *key: int) -> GaussianOperator:
    """The operator that the batch had when it was made."""
    entropy = int(seeds.sequence(seed, "couplings", *key).generate_state(1, np.uint64)[0])
    return simulate.couplings.lazy(
        batch.x0.size, batch.setting.g, batch.setting.gamma, seed=entropy
    )


# ------------------------------------------------------------------------------- a network


@pytest.mark.parametrize("gamma", [0.5, -1.0])
@pytest.mark.parametrize("onsager", [0.0, 1.0, Switching([0.63], [0, 0.7])])
def test_batch_is_a_network(gamma: float, onsager: Schedule) -> None:
    """M trajectories with Gaussian innovations are M neurons of `simulate`, step by step.

    Rounding differs (the batch evaluates each state once), hence not to the last bit; and it grows
    with the steps, on any BLAS kernel to 2·10⁻⁹ of the energies here and 5·10⁻⁷ at t = 2.
    """
    size, here = 150, setting(1.5, gamma, onsager, 1.4, 0.05)
    batch = SamplerRun(here, size, 3, 0, 1)
    moments = list(batch)
    J = lazy_copy(batch, 3, 0, 1)
    run = simulate.integrate(
        J, batch.x0, t_max=1.4, dt=0.05, onsager=onsager, method="exponential", save_at=here.grid
    )
    np.testing.assert_allclose([m.t for m in moments], run.t, rtol=1e-12)
    np.testing.assert_allclose([m.x for m in moments], run.x, atol=1e-5)
    energies = [m.force @ m.force / (2 * size) for m in moments]
    np.testing.assert_allclose(energies, run.energy, atol=1e-7)
    assert batch.operator.rank == J.rank


def test_switching_on_and_off(stored: Any) -> None:
    """A stored matrix: where the force ends, `simulate` asks for one product more."""
    onsager = Switching([0.5, 1.12], [0.6, 0, 0.4])
    J = simulate.couplings.elliptic(80, 1.5, -0.5, seed=2)
    here = setting(1.5, -0.5, onsager, 2.0, 0.05)
    batch = SamplerRun(here, 80, 3, 0)
    batch.operator = stored(J)
    moments = list(batch)
    run = simulate.integrate(
        J, batch.x0, t_max=2.0, dt=0.05, onsager=onsager, method="exponential", save_at=here.grid
    )
    np.testing.assert_allclose([m.x for m in moments], run.x, atol=1e-11)
    assert [m.u is not None for m in moments] == [onsager(m.t) != 0 for m in moments]


@pytest.mark.parametrize("onsager", [0.0, 0.6, Switching([0.731], [0, 1])])
def test_second_order(onsager: Schedule, stored: Any) -> None:
    """One matrix, three steps, against the fourth-order scheme of `simulate`; the jump off-grid."""
    size, t_max = 60, 1.6
    J = simulate.couplings.elliptic(size, 1.3, 0.4, seed=2)
    steps, errors = np.array([0.04, 0.02, 0.01]), []
    for dt in steps:
        batch = SamplerRun(setting(1.3, 0.4, onsager, t_max, dt), size, 1, 0)
        batch.operator = stored(J)
        *_, last = batch
        exact = simulate.integrate(J, batch.x0, t_max=t_max, dt=0.01, onsager=onsager, method="rk4")
        errors.append(np.max(np.abs(last.x - exact.x_end)))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(2, abs=0.15)


def test_saved_times() -> None:
    schedule = Switching([0.42], [0, 1])
    run = two_time(
        1.5, t_max=1.0, dt=0.1, onsager=schedule, temperature=lambda t: 0.1 * t, save_every=4,
        n_trajectories=1024, batches=2, seed=0, finite_m="ignore",
    )  # fmt: skip
    # 5 steps to the switch and 6 behind it; every fourth, the switch and the end.
    expected = [0, 4 * 0.084, 0.42, 0.42 + 4 * 0.58 / 6, 1.0]
    np.testing.assert_allclose(run.t, expected, rtol=1e-12)
    assert run.C.shape == (5, 5)
    every = two_time(
        1.5, t_max=1.0, dt=0.1, onsager=schedule, temperature=lambda t: 0.1 * t,
        n_trajectories=1024, batches=2, seed=0, finite_m="ignore",
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
    return small(3, workers=1)


def test_seeds(seeded: TwoTime) -> None:
    """The same whatever the workers; another seed is another run; None is not always the same."""
    for workers in (2, None):
        again = small(3, workers=workers)
        for name in (*ARRAYS, "R", "C_err", "R_err", "energy_finite_m"):
            np.testing.assert_array_equal(getattr(again, name), getattr(seeded, name))
    assert seeded.attributes["seed"] == 3
    drawn = small(None)
    for other in (small(4), drawn):
        assert not np.any(np.isclose(other.energy[1:], seeded.energy[1:], rtol=1e-9))
    again = small(drawn.attributes["seed"])
    np.testing.assert_array_equal(again.C, drawn.C)


def test_batches_are_independent() -> None:
    """Starts, couplings and noise of different batches and groups of one run share nothing.

    120 correlation coefficients of 2000 normal numbers each below 5/√2000: a false alarm in 10⁴.
    """
    here = setting(1.5, 0.0, 0.0, 0.2, 0.1)
    draws = []
    for key in ((0, 0), (0, 1), (1, 0), (1, 1)):
        batch = SamplerRun(here, 2000, 0, *key)
        J = batch.operator
        e = np.ones(2000) / math.sqrt(2000)
        draws += [batch.x0, J.matvec(e), J.rmatvec(e), batch._noise.standard_normal(2000)]
    correlation = np.corrcoef(draws) - np.eye(16)
    assert np.max(np.abs(correlation)) < 5 / math.sqrt(2000)


# -------------------------------------------------------------------------------- forgetting


def test_window_bounds_the_rank() -> None:
    """A long vanilla run: bounded rank, the same q and Δ as without; 10 comparisons at 5 s.e.

    With errors of 6 batches, Student's t: a false alarm in some 500 runs of fresh seeds.
    """
    arguments: dict[str, Any] = {
        "t_max": 24.0, "dt": 0.1, "n_trajectories": 6 * 400, "batches": 6, "save_every": 30,
        "finite_m": "ignore", "method": "sampler", "workers": 1,
    }  # fmt: skip
    whole = two_time(2.0, 0.0, seed=0, **arguments)
    short = two_time(2.0, 0.0, seed=0, window=8.0, **arguments)
    half = two_time(2.0, 0.0, seed=0, window=8.0, **arguments | {"t_max": 12.0})
    assert short.rank < 0.6 * whole.rank
    assert short.rank < 1.15 * half.rank
    late = slice(4, None)
    for name in ("C", "delta"):
        one, two = (np.diagonal(getattr(run, name))[late] for run in (whole, short))
        errors = [np.diagonal(getattr(run, name + "_err"))[late] for run in (whole, short)]
        assert np.max(np.abs(one - two) / np.hypot(*errors)) < 5


def test_rotations_are_told_once() -> None:
    """Whoever follows the bases sees every cut, the last step's too, and none of them twice."""
    base = setting(1.5, 0.5, 0.0, 2.0, 0.1, innovations="matched", neglect=1e-3)
    for window in (0.9, 1.0, 1.1, 1.2, 1.3):
        batch = SamplerRun(replace(base, window=window), 400, 0, 0)
        rank = (0, 0)
        for _ in batch:
            if batch.rotations is not None:
                sizes = tuple(rotation.shape[0] for rotation in batch.rotations)
                # The bases have grown by at most a request or two since the last moment.
                assert all(0 <= new - old <= 2 for new, old in zip(sizes, rank, strict=True))
                assert batch.rotations[0].shape[1] <= batch.operator.rank[0]
            rank = batch.operator.rank
        assert batch.rotations is None


def test_forgetting_keeps_the_recent_past() -> None:
    """Products with remembered vectors are unchanged but for what the tolerance leaves out."""
    n, neglect = 400, 1e-2
    J = GaussianOperator(n, 1.5, 0.0, seed=0, tol=1e-3)
    memory = Forgetting(J, 4.0, neglect)
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
            assert np.max(np.linalg.norm(after - before, axis=1)) < 10 * neglect * size
        ranks.append(J.rank[0])
        x += 0.1 * (h - x)
    assert cuts >= 20
    assert max(ranks[100:]) < 1.2 * max(ranks[:100])
    never = Forgetting(J, math.inf, neglect)
    assert never.remember(1e9, x, None) is None


# --------------------------------------------------------------------------------- stiffness


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_stiffness_is_that_of_the_network(gamma: float) -> None:
    """Against `simulate.stiffness` of the matrix that a batch reveals, at its own states."""
    here = setting(2.0, gamma, 1.0, 1.0, 0.02, innovations="matched", neglect=1e-3)
    batch = SamplerRun(here, 500, 1, 0)
    for moment in batch:
        if moment.step not in (0, 5, 49):
            continue
        rank = batch.operator.rank
        found, _ = spectrum(batch.operator, moment, batch.populations)
        assert batch.operator.rank == rank
        J = simulate.couplings.elliptic(500, 2.0, gamma, seed=moment.step)
        if moment.step == 0:
            # Couplings independent of the state.
            expected = simulate.stiffness(moment.x, J, onsager=1.0)
            assert found == pytest.approx(float(expected), rel=0.1)
        revealed = batch.operator
    revealed.innovations, revealed.tol = "gaussian", 0.0
    expected = simulate.stiffness(moment.x, revealed @ np.eye(500), onsager=1.0)
    final, _ = spectrum(batch.operator, moment, batch.populations)
    assert final == pytest.approx(float(expected), rel=0.05)


def test_a_spectrum_that_does_not_settle_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then its edge still tells what the steps may be; nothing is claimed of the stiffness."""
    batch = SamplerRun(setting(2.0, 0.0, 1.0, 0.1, 0.02), 200, 1, 0)
    moment = next(iter(batch))
    _, settled = spectrum(batch.operator, moment, batch.populations)

    def lost(*args: Any, **how: Any) -> Any:
        raise ArpackNoConvergence("no", np.empty(0), np.empty((0, 0)))

    monkeypatch.setattr(run_module, "eigsh", lost)
    rate, edge = spectrum(batch.operator, moment, batch.populations)
    assert math.isnan(rate)
    assert np.max(-edge.real) == pytest.approx(np.max(-settled.real), rel=0.3)


def test_step_size_warning() -> None:
    arguments: dict[str, Any] = {"t_max": 1.0, "n_trajectories": 4096, "batches": 2, "seed": 0}
    with pytest.warns(StepSizeWarning, match=r"dt = 0\.05 exceeds the largest stable step 0\.0"):
        run = two_time(4.0, dt=0.05, onsager=1.0, **arguments)
    assert run.status == "flagged"
    assert len(run.warnings) == 1
    assert 2.8 * 16 < run.stiffness < 6 * 16
    assert largest_step(amplification, -run.stiffness) < 0.05
    # Below the step that it recommends there is nothing to tell (the stiffness grows along the
    # flow), nor without the force.
    advised = float(run.warnings[0].split("largest stable step ")[1].split()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        better = two_time(4.0, dt=0.7 * advised, onsager=1.0, **arguments)
        vanilla = two_time(4.0, 0.5, dt=0.1, **arguments)
    assert better.status == vanilla.status == "converged"
    assert better.energy[-1] < run.energy[-1]
    assert math.isnan(vanilla.stiffness)


def test_diverging_trajectories() -> None:
    growing = SiteModel("growing", phi=np.tanh, drift=lambda t, x, h, u: x**3 + h)
    with pytest.raises(SamplerError, match="beyond all bounds at t = "), np.errstate(all="ignore"):
        two_time(
            1.0, t_max=50.0, dt=0.1, model=growing, n_trajectories=256, batches=2, seed=0,
            workers=1,
        )  # fmt: skip


def test_moments_hold_what_they_say() -> None:
    here = setting(1.5, 0.5, 0.7, 0.4, 0.1, innovations="matched", neglect=1e-3)
    batch = SamplerRun(here, 500, 0, 0)
    moments: list[SamplerMoment] = list(batch)
    assert [m.step for m in moments] == list(range(5))
    assert np.mean(moments[0].x ** 2) == pytest.approx(1, rel=1e-12)
    J = batch.operator
    for m in moments:
        np.testing.assert_allclose(m.phi, np.tanh(m.x))
        np.testing.assert_allclose(m.force, m.h - m.x)
        np.testing.assert_allclose(m.psi, m.force)
        np.testing.assert_allclose(m.drift, m.force - 0.7 * (1 - m.phi**2) * m.u)
        # One matrix has given all answers, but for memory terms below the tolerance.
        assert np.linalg.norm(J @ m.phi - m.h) < 3e-3 * np.linalg.norm(m.h)
        assert np.linalg.norm(J.T @ m.psi - m.u) < 3e-3 * np.linalg.norm(m.u)


def test_forgetting_is_due_at_twelfths_of_the_window() -> None:
    """Times on a grid of 1/20 of the window … 1/24: exactly every second step, rounding or not."""
    for window in (2.4, 0.24, 7.2):
        J = GaussianOperator(60, 1.0, 0.0, seed=0, tol=1e-3)
        memory = Forgetting(J, window, 1e-3)
        x = np.random.default_rng(0).standard_normal(60)
        cuts = []
        for k in range(100):
            J @ x
            x = np.roll(x, 1)
            if memory.remember(k * window / 24, x) is not None:
                cuts.append(k)
        assert cuts == list(range(2, 100, 2))
        # States are remembered at eightieths: here at every fourth of 1/320.
        memory, kept = Forgetting(J, window, 1e-3), []
        for k in range(320):
            memory.remember(k * window / 320, x)
            kept.append(memory._past[-1][0])
        np.testing.assert_allclose(np.unique(kept), window / 80 * np.arange(80), atol=1e-12)


class Seen:
    """In the place of `spectrum`: the times asked for, and a made-up answer."""

    def __init__(self, stiffness: float, rates: list[complex]) -> None:
        self.times: list[float] = []
        self.answer = stiffness, np.array(rates)

    def __call__(self, operator: Any, moment: SamplerMoment, *of: Any) -> Any:
        self.times.append(moment.t)
        return self.answer


def moment_at(t: float, regulated: bool) -> SamplerMoment:
    x = np.zeros(2)
    return SamplerMoment(0, t, x, x, x, x, x, x if regulated else None, x)


def test_when_the_spectrum_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every 10 time units; with u at steps 1, 4, 16, 64 … as well; where that changes; last."""
    model = rate_model(transfer_function("tanh"))
    seen = Seen(math.nan, [-1.0])
    monkeypatch.setattr(run_module, "spectrum", seen)
    quiet = Watch(None, Populations.one(model, 1.0, 0.0, 1))  # type: ignore[arg-type]
    for k in range(50):
        quiet.look(moment_at(0.5 * k, False), 0.5)
    quiet.look(moment_at(25.0, False), 0.5, last=True)
    assert seen.times == [0, 10, 20, 25]
    seen.times.clear()
    regulated = Watch(None, Populations.one(model, 1.0, 0.0, 1))  # type: ignore[arg-type]
    for k in range(1, 301):
        regulated.look(moment_at(k / 64, True), 0.1)
    assert seen.times == [1 / 64, 4 / 64, 16 / 64, 1, 4]
    seen.times.clear()
    # The force ends, and comes back.
    for k in range(1, 30):
        regulated.look(moment_at(5 + k / 64, not 4 <= k < 9), 0.1)
    assert seen.times == [5 + k / 64 for k in (4, 9, 12, 24)]
    seen.times.clear()
    for nothing in (None, Populations.one(replace(model, slopes=None), 1.0, 0.0, 1)):
        Watch(None, nothing).look(moment_at(0.0, True), 0.1, last=True)  # type: ignore[arg-type]
    assert not seen.times


def test_worst_of_the_spectra_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    among = Populations.one(rate_model(transfer_function("tanh")), 1.0, 0.0, 1)
    watch = Watch(None, among)  # type: ignore[arg-type]
    assert all(math.isnan(number) for number in watch.found.values())
    for stiffness, rates in ((3.0, [-3.0 - 2j, 0.5]), (7.0, [-7.0, -1 + 1j]), (math.nan, [-1.0])):
        monkeypatch.setattr(run_module, "spectrum", Seen(stiffness, rates))
        watch.look(moment_at(0.0, True), 0.1, last=True)
    assert watch.found["stiffness"] == 7
    assert watch.found["rotation"] == 2
    excess = [0.1 / largest_step(amplification, rates) for rates in ([-3 - 2j, 0.5], [-7.0])]
    assert watch.found["step_excess"] == pytest.approx(max(excess), rel=1e-6)


def test_what_is_said_of_a_step() -> None:
    def said(excess: float, rotation: float, stiffness: float) -> str:
        worst = {"step_excess": excess, "rotation": rotation, "stiffness": stiffness}
        text = step_reason(0.2, worst)
        assert worst == pytest.approx({"stiffness": stiffness}, nan_ok=True)
        return text

    assert said(1.0, 3.0, 5.0) == said(math.nan, 3.0, 5.0) == said(0.5, 0.0, 0.0) == ""
    text = said(2.0, 3.0, 5.0)
    assert "0.2" in text
    assert "0.1" in text
    assert "(stiffness 5, rotations up to 3)" in text
    assert "(stiffness 5)" in said(2.0, 0.0, 5.0)
    assert "(rotations up to 3)" in said(2.0, 3.0, math.nan)
    assert "stiffness" not in said(2.0, 3.0, 0.0)
    assert "(" not in said(2.0, 0.0, math.nan)


def test_step_from_the_widest_spectrum(monkeypatch: pytest.MonkeyPatch) -> None:
    """At x = 0: an ellipse about −1, and −|κ|(1 + 2gφ′)² − |1 − κ|(1 + 2gφ′) for every κ met."""
    kept: list[Any] = []

    def keep(amplification: Any, rates: Any, order: int) -> float:
        kept.append(rates)
        assert order == 2
        return 0.01

    monkeypatch.setattr(run_module.stability, "suggested_step", keep)
    phi, ends = transfer_function("tanh"), {}
    ellipse = run_module.stability.ellipse(1.5, 0.5, 1.0)
    for kappa in (0.0, 1.0, 0.3, -0.5, 2.0):
        ends[kappa] = -(abs(kappa) * 16 + abs(1 - kappa) * 4) if kappa else None
        assert chosen_step(None, 1.5, 0.5, phi, kappa, None, 2.0) == 0.01
        np.testing.assert_allclose(kept[-1][: ellipse.size], ellipse)
        np.testing.assert_allclose(kept[-1][ellipse.size :], [ends[kappa]] if kappa else [])
    chosen_step(None, 1.5, 0.5, phi, Switching([0.5], [0.3, 2.0]), None, 2.0)
    np.testing.assert_allclose(np.sort(kept[-1][ellipse.size :].real), [ends[2.0], ends[0.3]])
    chosen_step(None, 1.5, 0.5, phi, lambda t: t, None, 2.0)
    assert np.min(kept[-1].real) == pytest.approx(ends[2.0], rel=1e-9)
    steep = TransferFunction(
        name="steep", phi=lambda x: np.tanh(2 * x), d1=lambda x: 2 / np.cosh(2 * x) ** 2,
        d2=lambda x: -8 * np.tanh(2 * x) / np.cosh(2 * x) ** 2,
    )  # fmt: skip
    chosen_step(None, 0.75, 0.5, steep, 2.0, None, 2.0)
    np.testing.assert_allclose(kept[-1][-1], ends[2.0])
    np.testing.assert_allclose(kept[-1][:-1], ellipse)
    count = len(kept)
    assert chosen_step(0.2, 1.5, 0.5, phi, 1.0, None, 2.0) == 0.2
    assert chosen_step(None, 1.5, 0.5, phi, 0.0, rate_model(phi), 2.0) == 0.1
    assert len(kept) == count


@pytest.mark.parametrize("size", [16, 17, 300])
def test_states_of_equally_likely_strata(size: int) -> None:
    states = run_module._normal_quantiles(size)
    np.testing.assert_allclose(ndtr(states[1:-1]), (np.arange(1, size - 1) + 0.5) / size)
    np.testing.assert_allclose(states, -states[::-1], atol=1e-13)
    assert states @ states == pytest.approx(size, rel=1e-13)
    assert states[-1] > states[-2] > 0


def test_precision_of_the_operator() -> None:
    """Single where a thousandth is neglected, double below, and at gains from 1e10 on."""
    for g, neglect, dtype in (
        (1.5, 1e-3, np.float32),
        (1.5, 0.99e-3, np.float64),
        (0.99e10, 1e-3, np.float32),
        (1e10, 1e-3, np.float64),
    ):
        batch = SamplerRun(setting(g, 0.0, 0.0, 0.1, 0.1, neglect=neglect), 40, 0, 0)
        assert batch.operator.dtype == dtype
        assert single(1e10 if dtype == np.float64 else g) == dtype


def test_steps_of_unequal_length(stored: Any) -> None:
    """x⁺ = e^{−h}x + (1 − e^{−h})N + hφ₂ ΔN: of the stage first, then of the last step, scaled."""
    grid, times = np.array([0.0, 0.1, 0.3, 0.35, 0.6, 0.7, 1.0]), [0.0, 0.35, 1.0]
    model = rate_model(transfer_function("tanh"))
    J = simulate.couplings.elliptic(30, 1.5, 0.4, seed=0)
    batch = SamplerRun(SamplerSetting(model, 1.5, 0.4, lambda t: 0.0, 1.0, times, grid), 30, 0, 0)
    batch.operator = stored(J)
    x, last, before = batch.x0, None, math.nan
    for moment, t, end in zip(batch, grid, [*grid[1:], math.nan], strict=True):
        np.testing.assert_allclose(moment.x, x, rtol=1e-11)
        h, rest = end - t, J @ np.tanh(x)
        ramp = (math.exp(-h) - 1 + h) / h
        moved = math.exp(-h) * x + (1 - math.exp(-h)) * rest
        change = J @ np.tanh(moved) - rest if last is None else (rest - last) * h / before
        x, last, before = moved + ramp * change, rest, h
        if end == 0.35:
            last = None


def test_noise_of_a_finer_grid_of_unequal_steps() -> None:
    """A leak alone: longer steps that go with the noise of shorter ones meet the same states."""
    leak = SiteModel("leak", phi=np.tanh, drift=lambda t, x, h, u: -x)
    fine = np.array([0.0, 0.1, 0.4, 0.5, 1.0, 1.05])
    base = SamplerSetting(leak, 1.0, 0.0, lambda t: 0.8, 1.0, [0.0, 1.05], fine)
    batch = SamplerRun(base, 100, 0, 1)
    states = [moment.x for moment in batch]
    drawn = batch.stream("noise").standard_normal(100)
    kick = math.sqrt((1 - math.exp(-0.2)) / 2) * drawn
    first = math.exp(-0.1) * batch.x0 + math.sqrt(0.8) * kick
    np.testing.assert_allclose(states[1], first, rtol=1e-12, atol=1e-12)
    # Noise that varies: that of the middle of the step.
    varying = list(SamplerRun(replace(base, noise=lambda t: t), 100, 0, 1))[1].x
    first = math.exp(-0.1) * batch.x0 + math.sqrt(0.05) * kick
    np.testing.assert_allclose(varying, first, rtol=1e-12, atol=1e-12)
    for places in ([0, 2, 4, 5], [0, 1, 4, 5], [0, 5]):
        coarse = replace(base, grid=fine[places], noise_grid=fine)
        for place, moment in zip(places, SamplerRun(coarse, 100, 0, 1), strict=True):
            np.testing.assert_allclose(moment.x, states[place], rtol=1e-12, atol=1e-12)


def made_up_slopes(symmetric: bool) -> Slopes:
    rng = np.random.default_rng(4)
    some = Slopes(*rng.uniform(0.5, 1.5, (6, 60)))
    if symmetric:
        # With all of them: A = −1 + D J D + D Jᵀ D − D JᵀJ D, D = φ′.
        one = np.ones(60)
        return Slopes(some.phi_x, -some.phi_x, one, -one, some.phi_x, -some.phi_x)
    return some._replace(drift_x=-some.drift_x, drift_u=-some.drift_u)


@pytest.mark.parametrize("symmetric", [False, True])
def test_spectrum_of_a_matrix_written_out(symmetric: bool, stored: Any) -> None:
    s, x = made_up_slopes(symmetric), np.zeros(60)
    J = simulate.couplings.elliptic(60, 1.5, 0.3, seed=1)
    model = SiteModel("made up", phi=np.tanh, drift=lambda t, x, h, u: h - x)
    # Past the checks of what users hand over.
    object.__setattr__(model, "slopes", lambda t, x, h, u: s)
    if symmetric:
        D = np.diag(s.phi_x)
        A = D @ (J + J.T) @ D - np.eye(60) - D @ J.T @ J @ D
        s = s._replace(drift_x=-np.ones(60))
    else:
        A = np.diag(s.drift_x) + s.drift_h[:, None] * J * s.phi_x
        A += s.drift_u[:, None] * J.T @ (np.diag(s.psi_x) + s.psi_h[:, None] * J * s.phi_x)
    if symmetric:
        np.testing.assert_allclose(A, A.T, atol=1e-12)
    among = Populations.one(model, 1.5, 0.3, 60)
    rate, edge = spectrum(stored(J), moment_with(x, u=x), among)
    exact = -np.linalg.eigvalsh((A + A.T) / 2)[0]
    assert rate == pytest.approx(exact, rel=0.02)
    if symmetric:
        np.testing.assert_array_equal(edge, [-rate])
    else:
        np.testing.assert_allclose(edge, run_module.stability.edge(lambda v: A @ v, 60), rtol=1e-6)
    # Without u an ellipse, of the root mean square of what J is multiplied with.
    J = GaussianOperator(60, 1.5, 0.3, seed=1)
    rate, edge = spectrum(J, moment_with(x, u=None), among)
    assert math.isnan(rate)
    steep = math.sqrt(np.mean((s.drift_h * s.phi_x) ** 2))
    exact = run_module.stability.ellipse(1.5, 0.3, steep, np.mean(s.drift_x))
    np.testing.assert_allclose(edge, exact, rtol=1e-12)


def moment_with(x: np.ndarray, u: np.ndarray | None) -> SamplerMoment:
    return SamplerMoment(0, 0.0, x, x, x, x, u, u, x)


# -------------------------------------------------------------------------- biases and means

OFFSETS = Offsets(bias_mean=0.3, bias_std=0.7, mean_coupling=-1.2, x0_mean=0.4)


@pytest.mark.parametrize("kappa", [0.0, 0.8])
def test_batch_with_offsets_is_a_network(kappa: float, stored: Any) -> None:
    """Fields and drift of J + J₀/n and of the biases, written out; at κ = 0 the run of `simulate`.

    The bias belongs to f, so that at κ ≠ 0 it is in u = Jᵀf too.
    """
    size = 90
    here = replace(setting(1.5, 0.4, kappa, 1.0, 0.05), offsets=OFFSETS)
    batch = SamplerRun(here, size, 3, 0)
    J = simulate.couplings.elliptic(size, 1.5, 0.4, seed=2)
    batch.operator = stored(J)
    whole, moments = J + OFFSETS.mean_coupling / size, list(batch)
    for moment in moments:
        h = whole @ np.tanh(moment.x) + batch.bias
        force = h - moment.x
        drift = force - kappa * (1 - np.tanh(moment.x) ** 2) * (whole.T @ force)
        np.testing.assert_allclose(moment.h, h, atol=1e-12)
        np.testing.assert_allclose(moment.drift, drift, atol=1e-12)
    if kappa == 0:
        run = simulate.integrate(
            whole, batch.x0, t_max=1.0, dt=0.05, inputs=lambda t: batch.bias, method="exponential",
            save_at=here.grid,
        )  # fmt: skip
        np.testing.assert_allclose([m.x for m in moments], run.x, atol=1e-11)
    v = np.random.default_rng(0).standard_normal(size)
    np.testing.assert_allclose(batch.forward(v), whole @ v, atol=1e-12)
    np.testing.assert_allclose(batch.backward(v), whole.T @ v, atol=1e-12)


def test_offsets_are_drawn_as_they_should_be() -> None:
    """Moments exact with matched innovations, orthogonal to the start; else of independent draws.

    Deviations of 50 batches of 2000 at 4.5 errors each: false alarms below 1e-4.
    """
    matched = replace(setting(1.5, 0.4, 0.0, 1.0, 0.05, innovations="matched"), offsets=OFFSETS)
    batch = SamplerRun(matched, 500, 1, 0)
    start, bias = batch.x0 - 0.4, np.asarray(batch.bias) - 0.3
    assert np.mean(batch.x0) == pytest.approx(0.4, abs=1e-12)
    assert np.mean(start**2) == pytest.approx(1.0, rel=1e-12)
    assert np.mean(bias) == pytest.approx(0.0, abs=1e-12)
    assert np.mean(bias**2) == pytest.approx(0.49, rel=1e-12)
    assert np.mean(start * bias) == pytest.approx(0.0, abs=1e-12)
    # φ has a part along 1, and the fresh answer to it has none, nor one along the biases.
    first = next(iter(batch))
    random = first.h - OFFSETS.mean_coupling * np.mean(first.phi) - batch.bias
    assert np.mean(random) == pytest.approx(0.0, abs=1e-12)
    assert np.mean(random * bias) == pytest.approx(0.0, abs=1e-12)
    gaussian = replace(matched, innovations="gaussian")
    batches = [SamplerRun(gaussian, 2000, 1, k) for k in range(50)]
    moments = np.array(
        [[np.mean(b.bias), np.var(b.bias), np.mean((b.x0 - 0.4) * b.bias)] for b in batches]
    )
    error = moments.std(axis=0, ddof=1) / math.sqrt(50)
    assert np.all(np.abs(moments.mean(axis=0) - [0.3, 0.49, 0.0]) < 4.5 * error)
    assert np.all(moments.std(axis=0) > 0.005)


@pytest.mark.parametrize("gamma", [0.0, 0.4])
def test_batches_side_by_side_do_not_hear_each_other(gamma: float) -> None:
    """Each draws and hears by itself; what is forgotten leaves mean and biases where they were."""
    here = replace(setting(1.5, gamma, 0.0, 3.0, 0.05, innovations="matched"), window=0.5)
    batch = SamplerRun(replace(here, offsets=OFFSETS), 400, 1, 0, stack=3)
    moments = list(batch)
    bias, start = np.asarray(batch.bias).reshape(3, 400), batch.x0.reshape(3, 400)
    np.testing.assert_allclose(np.mean(start, axis=1), 0.4, atol=1e-12)
    np.testing.assert_allclose(np.var(bias, axis=1), 0.49, rtol=1e-12)
    np.testing.assert_allclose(np.sum((start - 0.4) * (bias - 0.3), axis=1), 0, atol=1e-10)
    assert np.abs(np.corrcoef(start)[0, 1]) < 0.25
    assert isinstance(batch.operator, GaussianStack)
    for moment in moments[:: len(moments) - 1]:
        phi, h = (one.reshape(3, 400) for one in (moment.phi, moment.h))
        random = h - OFFSETS.mean_coupling * phi.mean(axis=1)[:, None] - bias
        # At γ ≠ 0 the memory of the past is in it.
        near = 1e-6 if gamma == 0 or moment is moments[0] else 0.2
        np.testing.assert_allclose(random.mean(axis=1), 0.0, atol=near)
        np.testing.assert_allclose(np.mean(random * bias, axis=1), 0.0, atol=near)


def test_what_stays_is_anchored_again() -> None:
    """Directions of mean and biases outlast what the operator forgets; centred runs have none."""
    here = replace(setting(1.5, 0.0, 0.0, 3.0, 0.05, innovations="matched"), window=0.5)
    for offsets, kept in ((OFFSETS, 2), (Offsets(bias_mean=0.2), 1), (Offsets(), 0)):
        batch = SamplerRun(replace(here, offsets=offsets), 400, 1, 0)
        assert isinstance(batch.operator, GaussianOperator)
        rotated = [len(batch.operator._anchors) for _ in batch if batch.rotations is not None]
        assert rotated
        assert set(rotated) == {kept}


def test_spectrum_with_a_mean_coupling(stored: Any) -> None:
    """A rank-one part of J, seen with u and, at −1 + J₀⟨φ′⟩, without."""
    s, x = made_up_slopes(False), np.zeros(60)
    J = simulate.couplings.elliptic(60, 1.5, 0.3, seed=1)
    model = SiteModel("made up", phi=np.tanh, drift=lambda t, x, h, u: h - x)
    object.__setattr__(model, "slopes", lambda t, x, h, u: s)
    coupled = Populations.one(model, 1.5, 0.3, 60, -9.0)
    one = spectrum(stored(J), moment_with(x, u=x), coupled)
    among = Populations.one(model, 1.5, 0.3, 60)
    two = spectrum(stored(J - 9.0 / 60), moment_with(x, u=x), among)
    assert one[0] == pytest.approx(two[0], rel=1e-9)
    np.testing.assert_allclose(one[1], two[1], rtol=1e-6)
    _, edge = spectrum(GaussianOperator(60, 1.5, 0.3, seed=1), moment_with(x, None), coupled)
    assert edge[-1] == pytest.approx(np.mean(s.drift_x) - 9 * np.mean(s.drift_h * s.phi_x))
    # And the step that is chosen: −1 + J₀ is stable up to half of what the scheme allows.
    phi = transfer_function("tanh")
    steps = [chosen_step(None, 0.5, 0.0, phi, 0.0, None, 1.0, J0) for J0 in (0.0, -80.0)]
    assert steps[0] == 0.1
    assert steps[1] == pytest.approx(largest_step(amplification, [-81.0]) / 2)
    assert chosen_step(None, 0.5, 0.0, phi, 1.0, None, 1.0, -80.0) < 1e-3
