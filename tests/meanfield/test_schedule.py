"""Times of steps and switches."""

import math
from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError, Switching, two_time
from meanfield.schedule import as_function, step_times
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
