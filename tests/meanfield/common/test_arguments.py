"""What is read as real numbers, for every public argument that is one or an array of them."""

from datetime import datetime
from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError, critical_gain, saddle_point, sweep
from meanfield.common import arguments
from simulate import (
    activity_distribution,
    autocorrelation,
    find_fixed_points,
    force,
    freezing,
    integrate,
    kinetic_energy,
    principal_components,
)

MASKED = np.ma.masked_array([0.5, 0.6], [False, True])
NO_NUMBERS = [
    "0.5", ["0.5", "0.6"], True, [0.5, True], [[0.5], [np.True_]], None, 1j,
    np.array([0.5, 0.6j]), np.array(["2020-01-01"], "M8[D]"), [datetime(2020, 1, 1)], MASKED,
    [MASKED], {0.5: 1}, [[0.5], [0.5, 0.6]], np.array([True, False]),
]  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused(value: Any) -> None:
    for call in (lambda: arguments.axis("g", value), lambda: arguments.finite("g", value)):
        with pytest.raises(ArgumentError, match=r"^g"):
            call()
    with pytest.raises(ArgumentError, match=r"^g"):
        saddle_point(value)


@pytest.mark.parametrize(
    "value", [2, 0.5, np.float32(0.5), [1, 0.5], (np.int8(1),), np.array([1, 0.5], object)]
)
def test_numbers_of_any_type_are_read(value: Any) -> None:
    np.testing.assert_array_equal(arguments.real("g", value), np.asarray(value, float))
    assert np.all(critical_gain(np.ma.masked_array([0.5, 0.6])) > 0)


def test_arrays_are_not_copied() -> None:
    x = np.zeros(3)
    assert arguments.real("x", x) is x


EYE = np.eye(4)
WRONG = [1j * np.ones((4, 4)), np.ma.masked_less(EYE, 0.5), EYE.astype(str)]


@pytest.mark.parametrize("x", WRONG)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("x", lambda x: freezing(x, EYE)),
        ("x_later", lambda x: freezing(EYE, x)),
        ("x", lambda x: principal_components(x, 1)),
        ("x", lambda x: activity_distribution(x)),
        ("bins", lambda x: activity_distribution(EYE, bins=x[0])),
        ("x", lambda x: force(x, EYE)),
        ("J", lambda x: force(EYE, x)),
        ("x0", lambda x: integrate(EYE, x, t_max=1, dt=0.1)),
        ("save_at", lambda x: integrate(EYE, EYE, t_max=1, dt=0.1, save_at=x[0])),
        ("inputs", lambda x: integrate(EYE, EYE, t_max=1, dt=0.1, inputs=lambda t: x)),
    ],
)  # fmt: skip
def test_states_and_couplings(name: str, call: Any, x: Any) -> None:
    with pytest.raises(ArgumentError, match=rf"^{name}\b.* must be real"):
        call(x)


@pytest.mark.parametrize("axis", [[0.5, True], [datetime(2020, 1, 1)], ["0.5", 0.6], [1j]])
def test_axes_of_sweeps(axis: Any) -> None:
    with pytest.raises(ArgumentError, match="g="):
        sweep(lambda g: g, {"g": axis}, version=1)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("J", lambda huge: kinetic_energy(np.ones(4), huge)),
        ("J", lambda huge: find_fixed_points(huge, n_starts=2, tol=1e-9, seed=0)),
    ],
)
def test_numbers_whose_squares_overflow_give_no_result(name: str, call: Any) -> None:
    with pytest.raises(ArgumentError, match=f"^{name}: must be finite, and so must be the sum"):
        call(1e200 * EYE)


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_states_whose_powers_no_float_holds_are_refused(scale: float) -> None:
    for call in (
        lambda x: principal_components(x, 2),
        lambda x: autocorrelation(x, max_lag=1),
    ):
        with pytest.raises(ArgumentError, match=r"^x: the largest is 1e.200, must be 0, or finite"):
            call(scale * EYE)


def test_what_does_not_vary_has_no_components() -> None:
    found = principal_components(np.ones((5, 4)), 2)
    assert found.status == "flagged"
    assert found.total_variance == 0
