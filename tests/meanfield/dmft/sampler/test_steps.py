"""What the step does, found from the same trajectories at two steps."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from meanfield import (
    SiteModel,
    maximal_lyapunov,
    stationary,
    steady_state,
    transfer_function,
    two_time,
)
from meanfield.dmft.sampler.ensemble import BatchAverages, Group
from meanfield.dmft.sampler.run import SamplerRun, SamplerSetting
from meanfield.dmft.sampler.site import rate_model
from meanfield.dmft.sampler.steps import Pair, Sampled, between, every_second, sampled
from meanfield.schedule import step_times

NAMES = ("C", "delta", "freezing", "energy", "r_int")


def test_every_second_time_of_each_segment() -> None:
    """Segments of 4, 3 and 1 steps keep their ends."""
    times = [0.0, 0.4, 0.7, 0.8]
    grid = step_times(times, 0.1)
    np.testing.assert_array_equal(every_second(grid, times), [0, 2, 4, 6, 7, 8])
    np.testing.assert_allclose(
        between(np.array([0.0, 2.0, 3.0]), np.array([0.5, 2.0, 2.5])) @ [0.0, 4.0, 5.0],
        [1.0, 4.0, 4.5],
    )


def test_both_steps_meet_one_noise() -> None:
    """A leak alone: the steps are exact, and the states one at every common time."""
    leak = SiteModel("leak", phi=np.tanh, drift=lambda t, x, h, u: -x)
    times = [0.0, 0.7, 1.2]
    grid = step_times(times, 0.1)
    setting = SamplerSetting(leak, 1.0, 0.0, lambda t: 0.8, 1.0, times, grid)
    places = every_second(grid, times)
    coarse = replace(setting, grid=grid[places], noise_grid=grid)
    first = SamplerRun(setting, 100, 0, 1)
    states = [moment.x for moment in first]
    second = SamplerRun(coarse, 100, 0, 1, follows=first)
    for place, moment in zip(places, second, strict=True):
        np.testing.assert_allclose(moment.x, states[place], rtol=1e-12, atol=1e-12)
    assert second.operator is first.operator


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gamma", "onsager", "temperature"),
    [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (-0.5, 1.0, 0.0), (0.5, 0.0, 0.3)],
)
def test_effect_of_the_step(gamma: float, onsager: float, temperature: float) -> None:
    """Against the same run at a quarter of the step, linear φ, where nothing is left to chance.

    A quarter of the largest effect is allowed: its next order in the step; with noise, where runs
    of other steps are other samples, 5 of their errors of 7 degrees of freedom (one comparison of
    three: false alarm below 1 %).
    """
    arguments: dict[str, Any] = {
        "t_max": 3.0, "phi": "linear", "method": "sampler", "onsager": onsager, "seed": 0,
        "neglect": 1e-2 if temperature else 1e-5, "n_trajectories": 4000,
        "temperature": temperature,
    }  # fmt: skip
    run = two_time(0.7, gamma, dt=0.1, save_every=6, **arguments)
    fine = two_time(0.7, gamma, dt=0.025, save_every=24, finite_m="ignore", **arguments)
    np.testing.assert_allclose(run.t, fine.t, rtol=1e-12)
    for name in ("C", "energy", "r_int"):
        effect = getattr(run, f"{name}_step") * 15 / 16
        off = getattr(run, name) - getattr(fine, name)
        err = np.hypot(getattr(run, f"{name}_err"), getattr(fine, f"{name}_err"))
        noise = 5 * err if temperature or name == "r_int" else 1e-5
        assert np.all(np.abs(off - effect) < 0.25 * np.max(np.abs(effect)) + noise), name
        assert np.all(getattr(run, f"{name}_err") > 0.9 * np.abs(effect) - 1e-6)


@pytest.mark.parametrize("save_every", [1, 3])
def test_effect_between_common_times(save_every: int) -> None:
    """Saved times that twice the step does not meet have an effect too, and all are finite."""
    arguments: dict[str, Any] = {"t_max": 1.5, "dt": 0.1, "n_trajectories": 2048, "seed": 0}
    run = two_time(1.5, 0.5, save_every=save_every, **arguments)
    same = two_time(1.5, 0.5, save_every=15, **arguments)
    for name in NAMES:
        effect = getattr(run, f"{name}_step")
        assert effect.shape == getattr(run, name).shape
        assert np.all(np.isfinite(effect))
        if save_every == 1:
            # The same runs; saved times three steps apart are met by twice the step as well.
            last = np.ravel(getattr(same, f"{name}_step"))[-1]
            assert np.ravel(effect)[-1] == pytest.approx(last)


def test_a_lost_run_leaves_the_effect_unknown() -> None:
    """Pairs that differ by 1, 2 and 6, a third of which is the effect; then one run is lost."""
    short = [BatchAverages({"x": np.array([v, 0.0])}, {}) for v in (1.0, 5.0, 2.0)]
    long = [BatchAverages({"x": np.array([v, 0.0])}, {}) for v in (2.0, 7.0, 8.0)]

    def of(batch: BatchAverages) -> Any:
        return batch.values.get("x")

    value, err = Pair(short, long, False, 1 / 3).effect(of)
    np.testing.assert_allclose(value, [1, 0])
    np.testing.assert_allclose(err, [np.std([1, 2, 6], ddof=1) / math.sqrt(3) / 3, 0])
    lost = BatchAverages({}, {})
    for pair in (
        Pair(short, [*long[:2], lost], False, 1.0),
        Pair([lost, *short[1:]], long, True, 1.0),
    ):
        for unknown in pair.effect(of):
            np.testing.assert_array_equal(unknown, [np.nan, np.nan], strict=True)
        assert "what the step does is not known" in Sampled([], [], pair).not_done(False)
    assert Sampled([], [], Pair(short, long, False, 1.0)).not_done(False) == ""


def test_without_small_batches_nothing_is_known_of_the_step() -> None:
    run = two_time(1.5, 0.5, t_max=1.0, dt=0.1, n_trajectories=1024, seed=0, finite_m="ignore")
    assert np.all(np.isnan(run.C_step))
    assert np.all(np.isfinite(run.C_err))


def test_error_of_a_steady_state_holds_the_step() -> None:
    """g = 3, a step of 0.2 puts some 7 % on the energy, most of which is taken out.

    Three quantities at 1.5 of their 95 % intervals (7 degrees of freedom): false alarm 3 %.
    """
    run = steady_state(
        3.0, method="sampler", seed=0, n_trajectories=4096, t_skip=6.0, t_max=34.0, window=7.0,
        dt=0.2, neglect=1e-2,
    )  # fmt: skip
    exact = stationary(3.0)
    for name, value in (
        ("q", exact.q), ("energy", exact.kinetic_energy), ("r_int", exact.r_int),
    ):  # fmt: skip
        low, high = run.interval(name)
        assert abs(getattr(run, name) - float(value)) < 0.75 * (high - low), name
    # Known from four pairs of small batches.
    assert run.energy_step > run.energy_step_err
    assert 0.02 * run.energy < run.energy_step < 0.3 * run.energy
    off = abs(run.energy - float(exact.kinetic_energy))
    assert off < run.energy_step < 2.5 * run.energy_err


def test_error_of_an_exponent_holds_the_step() -> None:
    """At rest with rotations: the exponent is −1, twice the step turns it up most."""
    run = maximal_lyapunov(2.0, -1.0, dt=0.1, t_skip=5, t_max=13, n_trajectories=2048, seed=0)
    assert run.value_step > 3 * run.value_step_err
    assert run.value_err > 0.9 * run.value_step
    assert math.isfinite(run.interval("value")[0])


class Kept:
    """In the place of an ensemble: keeps what it is to run, and answers with made-up batches."""

    def __init__(self, stack: int = 0) -> None:
        self.groups: tuple[Group, ...] = ()
        self.stack = stack

    def run(self, label: str, *groups: Group) -> Any:
        self.groups = groups
        # Only the first two batches are compared at two steps.
        found: list[list[list[str]]] = []
        for g, group in enumerate(groups):
            sizes = [4 if r == 0 and g < 2 else 2 for r in range(len(group.runs))]
            found.append([[f"{g}{r}{b}" for b in range(size)] for r, size in enumerate(sizes)])
        return found


@pytest.mark.parametrize("kappa", [0.0, 0.5])
def test_what_is_run_for_the_step(kappa: float) -> None:
    """Twice the step, between marks, or with the reaction the step and half of it."""
    times = [0.0, 0.5, 0.8]
    grid = step_times(times, 0.1)
    model = rate_model(transfer_function("tanh"), kappa)
    here = SamplerSetting(model, 1.5, 0.5, lambda t: 0.0, 1.0, times, grid)

    def small(places: Any, is_control: bool, is_paired: bool) -> Any:
        return places.tolist(), is_control, is_paired

    kept, further = Kept(), (replace(here, window=2.0), "further")
    found, others = sampled(kept, "test", here, "full", small, further)  # type: ignore[arg-type]
    same = list(range(9))
    quiet = replace(here, watched=False)
    full, control, *rest = kept.groups
    assert (full.runs, full.shrink, full.rest) == ([(here, "full")], 1, None)
    assert (rest[-1].runs, rest[-1].shrink) == ([further], 4)
    assert found.full == ["000", "001", "002", "003"]
    assert found.small == ["100", "101", "102", "103"]
    assert found.pair is not None
    if kappa:
        (halves,) = rest[:-1]
        assert (control.runs, control.shrink) == ([(quiet, (same, True, False))], 4)
        (halved, finer), (again, same_step) = halves.runs
        np.testing.assert_allclose(halved.grid, np.linspace(0, 0.8, 17), atol=1e-15)
        np.testing.assert_array_equal(again.noise_grid, halved.grid)
        np.testing.assert_array_equal(again.grid, grid)
        assert finer == (list(range(0, 18, 2)), False, True)
        assert same_step == (same, False, True)
        assert (halves.shrink, halves.rest) == (16, [])
        assert (halved.watched, again.watched) == (False, False)
        assert found.pair[:3] == (["200", "201"], ["210", "211"], False)
        assert found.pair.factor == pytest.approx(4 / 3)
        assert others == [["300", "301"]]
        return
    (first, alike), (doubled, coarse) = control.runs
    assert (first, alike) == (quiet, (same, True, True))
    np.testing.assert_array_equal(doubled.grid, grid[[0, 2, 4, 5, 7, 8]])
    np.testing.assert_array_equal(doubled.noise_grid, grid)
    assert coarse == ([0, -1, 1, -1, 2, 3, -1, 4, 5], False, True)
    assert (control.shrink, control.rest) == (4, [(quiet, (same, True, False))])
    # Side by side all of them.
    beside = Kept(stack=100)
    sampled(beside, "test", here, "full", small)  # type: ignore[arg-type]
    assert beside.groups[1].rest is None
    # Sums of h²(2h + 3h₋) over 8 steps of 1, and over 2 2 1 2 1.
    longer = (4 * (4 + 6) + 4 * (4 + 6) + (2 + 6) + 4 * (4 + 3) + (2 + 6)) / 40
    assert found.pair.factor == pytest.approx(1 / (longer - 1))
    assert found.pair[:3] == (["100", "101"], ["110", "111"], True)
    assert others == [["200", "201"]]
    # Marks of the caller: nothing between them to leave out, and nothing to learn.
    alone, _ = sampled(kept, "test", here, "full", small, marks=grid)  # type: ignore[arg-type]
    assert alone.pair is not None
    assert math.isnan(alone.pair.factor)
    bare, others = sampled(kept, "test", here, "full")  # type: ignore[arg-type]
    assert (bare.small, bare.pair, others) == ([], None, [])
