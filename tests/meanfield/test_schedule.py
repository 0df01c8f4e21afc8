"""Times of steps and switches."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError, SampledInput, Switching, two_time
from meanfield.schedule import (
    Drive,
    as_function,
    before,
    breakpoints,
    jumps,
    step_count,
    step_times,
)
from simulate import integrate


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


def test_every_third_step_and_the_end_of_each_segment() -> None:
    """Segments of 7 and 2 steps."""
    grid = step_times([0.0, 0.7, 0.9], 0.1, 3)
    np.testing.assert_allclose(grid, [0, 0.3, 0.6, 0.7, 0.9], rtol=1e-14)


def test_switches_inside_a_run() -> None:
    """Of all schedules and further ones, once each, at the last of several that rounding parts."""
    switching = Switching([0.5, 2.0, 7.0], [1, 2, 3, 4])
    extra = [1.0, 2.0 * (1 + 1e-15), 0.0, 4.0, 4.0 * (1 - 1e-15), 1e-15]
    assert breakpoints(4.0, 0.3, switching, math.sin, extra=extra) == [0, 0.5, 1, extra[1], 4]
    # What counts as rounding follows the length of the run.
    assert breakpoints(1e-6, extra=[1e-9, 2e-9]) == [0, 1e-9, 2e-9, 1e-6]
    assert breakpoints(1e6, extra=[1.0, 1.0 + 1e-8]) == [0, 1 + 1e-8, 1e6]
    with pytest.raises(ArgumentError, match="switch_times=nan"):
        breakpoints(1.0, extra=[math.nan])


@pytest.mark.parametrize("t_max", [0.0, 0.1, 30.0])
def test_functions_are_tried_at_times_of_the_run(t_max: float) -> None:
    asked: list[float] = []
    as_function("onsager", lambda t: asked.append(t) or 1.0, t_max)
    assert min(asked) == 0
    if t_max:
        assert sum(0 < t < 0.9 * t_max for t in asked) == 1
        assert max(asked) == np.nextafter(t_max, 0)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (lambda t: math.nan, r"\(t=0\)=nan: must be finite"),
        (lambda t: 1j, r"\(t=0\)=1j: must be real"),
        (lambda t: True, r"\(t=0\)=True: must be real"),
        (lambda t: np.ones(2), r"must be one number"),
        (lambda t: 1.0 if t < 1 else math.inf, r"\(t=2\)=inf: must be finite"),
        (lambda t: [1.0, 0.5][int(2 * t)], r"\(t=2\): raised IndexError"),
        (lambda: 1.0, r"\(t=0\): raised TypeError"),
    ],
)
@pytest.mark.parametrize("name", ["onsager", "temperature"])
def test_functions_of_time_are_tried_before_any_work(
    name: str, schedule: Any, message: str
) -> None:
    with pytest.raises(ArgumentError, match=f"^{name}.*{message}"):
        two_time(1.2, t_max=2, dt=0.1, n_trajectories=64, seed=0, **{name: schedule})
    with pytest.raises(ArgumentError, match=f"^{name}.*{message}"):
        integrate(np.eye(3), np.ones(3), t_max=2, dt=0.1, seed=0, **{name: schedule})


@pytest.mark.parametrize("cold", [-1.0, Switching([1], [1, -1]), lambda t: -1.0])
def test_a_negative_temperature_is_refused(cold: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^temperature.*=-1: must be >= 0"):
        integrate(np.eye(3), np.ones(3), t_max=2, dt=0.1, temperature=cold)


def test_a_function_is_not_asked_at_the_end_of_the_run() -> None:
    """A table of as many values as the run has steps is enough."""
    table = [1.0, 0.5]
    assert as_function("onsager", lambda t: table[int(t)], 2.0)(1.5) == 0.5


def test_switching_is_continuous_from_the_right() -> None:
    switching = Switching([1.0, 2.0], [5, 6, 7])
    assert [switching(t) for t in (0.0, np.nextafter(1, 0), 1.0, 1.5, 2.0, 9.0)] == [
        5, 5, 6, 6, 7, 7
    ]  # fmt: skip
    assert switching.times == (1.0, 2.0)
    assert switching.values == (5.0, 6.0, 7.0)
    assert Switching([], [3])(-1.0) == 3
    for times, values, message in (
        ([1.0], [1], "values of length 1: expected 2"), ([1.0], [1, 2, 3], "expected 2"),
        ([1.0, 1.0], [1, 2, 3], "must increase"), ([2.0, 1.0], [1, 2, 3], "must increase"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=message):
            Switching(times, values)


def test_least_values_of_a_schedule() -> None:
    """A limit may be reached; constants, switched values and functions alike."""
    for schedule in (0.5, Switching([1], [0.5, 2]), lambda t: 0.5):
        assert as_function("temperature", schedule, 2.0, low=0.5)(0.3) == 0.5
        with pytest.raises(ArgumentError, match=r"temperature.*=0.5: must be >= 0.6"):
            as_function("temperature", schedule, 2.0, low=0.6)
    late = as_function("temperature", lambda t: 1.0 if t < 5 else -1.0, 2.0, low=0.0)
    with pytest.raises(ArgumentError, match=r"temperature\(t=6\)=-1"):
        late(6.0)


@pytest.mark.parametrize("t_max", [1e-3, 1.0, 1e4])
def test_switches_beside_an_end_or_another(t_max: float) -> None:
    """A millionth of a millionth of the run is rounding."""
    near, far = 0.9e-12 * t_max, 1.2e-12 * t_max
    assert breakpoints(t_max, extra=[near]) == [0, t_max]
    assert breakpoints(t_max, extra=[far]) == [0, far, t_max]
    assert breakpoints(t_max, extra=[t_max - near]) == [0, t_max]
    assert breakpoints(t_max, extra=[t_max - far]) == [0, t_max - far, t_max]
    half = t_max / 2
    assert breakpoints(t_max, extra=[half + near, half]) == [0, half + near, t_max]
    assert breakpoints(t_max, extra=[half + far, half]) == [0, half, half + far, t_max]
    assert breakpoints(t_max, Switching([-half, half, 2 * t_max], [1, 2, 3, 4])) == [0, half, t_max]


def test_steps_that_fill_a_segment() -> None:
    """One more is not taken for a billionth of a step."""
    for dt in (0.1, 0.01):
        assert step_count(2.0, 3.0, dt) == round(1 / dt)
        assert step_count(0.0, 10 * dt * (1 + 0.9e-10), dt) == 10
        assert step_count(0.0, 10 * dt * (1 + 1.2e-10), dt) == 11
        assert step_count(1.0, 1.0 + dt / 7, dt) == 1
    assert step_count(0.0, 1e-12, 1.0) == 1
    assert before(0.5, 1.0) == 0.5
    assert before(1.0, 1.0) == before(2.0, 1.0) == np.nextafter(1.0, 0.0)


@pytest.mark.parametrize("every", [1, 2, 3, 5, 20])
def test_which_steps_are_kept(every: int) -> None:
    """Of segments of 4, 10 and 1 steps, by counting."""
    edges, counts = [1.0, 1.4, 2.4, 2.45], [4, 10, 1]
    expected = [0.0]
    for start, end, count in zip(edges, edges[1:], counts, strict=False):
        expected += [
            start + k * (end - start) / count
            for k in range(1, count + 1)
            if k % every == 0 or k == count
        ]
    found = step_times(edges, 0.1, every)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert set(edges[1:]) <= set(found)


def test_a_schedule_is_not_changed_in_place() -> None:
    switching = Switching([1.0], [0, 1])
    with pytest.raises(dataclasses.FrozenInstanceError):
        switching.times = (2.0,)  # type: ignore[misc]
    assert {switching: 1}[Switching([1.0], [0, 1])] == 1


def test_samples_in_time() -> None:
    """Straight lines between them, or held; never beyond what is known."""
    rng = np.random.default_rng(0)
    times, values = np.cumsum(rng.random(7)), rng.standard_normal((7, 3))
    line, held = SampledInput(times, values), SampledInput(times, values, held=True)
    for t in rng.uniform(times[0], times[-1], 20):
        exact = [np.interp(t, times, values[:, k]) for k in range(3)]
        np.testing.assert_allclose(line(t), exact, rtol=1e-13)
        np.testing.assert_array_equal(held(t), values[np.flatnonzero(times <= t)[-1]])
    for last in (times[-1], np.nextafter(times[-1], np.inf)):
        np.testing.assert_array_equal(line(last), values[-1])
    np.testing.assert_array_equal(held(times[-1] + 9), values[-1])
    np.testing.assert_array_equal(line(times[-1] * (1 + 1e-14)), values[-1])
    assert list(jumps(held)) == times.tolist()
    assert list(jumps(line)) == times.tolist()
    assert not any(map(len, (jumps(1.0), jumps(math.sin))))
    for signal, t in ((line, times[-1] + 0.1), (line, times[0] - 0.1), (held, times[0] - 0.1)):
        with pytest.raises(ArgumentError, match=f"asked for at t = {t:g}"):
            signal(t)
    for wrong, message in (
        (([0], [1.0]), "two at least"), (([0, 0], [1.0, 2]), "increasing"),
        (([0, 1], [1.0]), "values of shape"), (([0, 1], [1.0, math.nan]), "must be finite"),
        (([0, 1], np.ones((2, 3, 1))), "values of shape"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=message):
            SampledInput(*wrong)


def test_every_kind_of_input() -> None:
    """Numbers, arrays, schedules and functions of t, or of t and u, on states of every shape."""
    u = np.array([0.25, 0.5, 0.75])
    ramp = SampledInput([0, 4], [[0.0, 1, 2], [4.0, 5, 6]])
    for inputs, exact in (
        (2, [2, 2, 2]), (np.arange(3.0), [0, 1, 2]), (Switching([1], [0, 5]), [5, 5, 5]),
        (ramp, [3, 4, 5]), (np.exp, [math.exp(3)] * 3), (lambda t, u: t * u, 3 * u),
        (lambda t, k=2: k * t, [6, 6, 6]),
    ):  # fmt: skip
        drive = Drive(inputs, 4.0, lambda: u)
        np.testing.assert_allclose(drive(3.0, (3,)), exact)
        np.testing.assert_allclose(drive(3.0, (3, 2)), np.transpose([exact, exact]))
    kinds = (1.0, Switching([], [1]), ramp, math.sin)
    assert [Drive(one, 4.0, lambda: u.copy()).is_piecewise for one in kinds] == [1, 1, 1, 0]
    with pytest.raises(ArgumentError, match=r"inputs\(t=3\) of shape \(4,\): expected .* \(3,\)"):
        Drive(np.ones(4), 4.0, lambda: u)(3.0, (3, 2))
    with pytest.raises(ArgumentError, match=r"asked for at t = 5"):
        Drive(ramp, 5.1, lambda: u)
    with pytest.raises(ArgumentError, match=r"inputs\(t=0\): raised ValueError.* read-only"):
        Drive(lambda t, u: np.add(u, t, out=u), 5.0, lambda: u.copy())
    with pytest.raises(ArgumentError, match=r"inputs\(t=0\): raised ZeroDivisionError"):
        Drive(lambda t: 1 / t, 5.0, lambda: u)


def test_how_fast_an_input_turns() -> None:
    """ω of sines, whatever their mean and phase; 0 of what stays but for jumps."""
    u = np.linspace(0, 1, 5)
    for omega in (0.3, 5.0, 200.0):
        for wave in (
            lambda t, w=omega: 7 + 2 * math.sin(w * t),
            lambda t, u, w=omega: np.cos(w * t + 2 * np.pi * u),
        ):
            drive = Drive(wave, 100.0, lambda: u.copy())
            assert drive.rate == pytest.approx(omega, rel=0.2)
            assert drive.longest_step == 1 / drive.rate
    for still in (1.0, lambda t: 3.0, lambda t: 1.0 * (50 < t < 51), Switching([1], [0, 1])):
        assert Drive(still, 100.0, lambda: u).rate == 0
        assert Drive(still, 100.0, lambda: u).suggested_step == math.inf
