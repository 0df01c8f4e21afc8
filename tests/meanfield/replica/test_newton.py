"""Following a branch: an imperfect pitchfork and a fold, where the solution is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from meanfield.replica.newton import NewtonResult, follow, newton

Array = NDArray[np.float64]


def _corrector(f, slope):  # type: ignore[no-untyped-def]
    def correct(unknowns: Array, parameter: Array, index: NDArray[np.intp]) -> NewtonResult:
        def system(y: Array, rows: NDArray[np.intp]) -> tuple[Array, Array]:
            p = parameter[rows]
            return f(y[:, 0], p)[:, None], slope(y[:, 0], p)[:, None, None]

        return newton(system, unknowns, lambda y, step, rows: np.ones(len(y)), max_iterations=7)

    return correct


@pytest.mark.parametrize("imperfection", [1e-3, 1e-5, 1e-7, -1e-7, -1e-4])
def test_the_continuous_arm_of_an_imperfect_pitchfork(imperfection: float) -> None:
    # y³ − p y = ε: from p = −1 the solution bends towards sign(ε) √p, never onto the middle arm.
    correct = _corrector(lambda y, p: y**3 - p * y - imperfection, lambda y, p: 3 * y**2 - p)
    start = np.array([[imperfection]])
    y, reached, *_ = follow(correct, start, np.array([-1.0]), np.array([1.0]))
    assert reached[0] == 1.0
    assert y[0, 0] == pytest.approx(np.sign(imperfection), abs=1e-2)


def test_a_fold_stops_the_path() -> None:
    # y² = 1 − p has no solution beyond p = 1.
    correct = _corrector(lambda y, p: y**2 - 1 + p, lambda y, p: 2 * y)
    y, reached, *_ = follow(correct, np.array([[1.0]]), np.array([0.0]), np.array([2.0]))
    assert reached[0] == pytest.approx(1.0, abs=1e-4)
    assert reached[0] <= 1.0
    assert y[0, 0] >= 0


def test_points_move_on_their_own() -> None:
    correct = _corrector(lambda y, p: y**2 - 1 + p, lambda y, p: 2 * y)
    start = np.array([[1.0], [1.0], [np.nan]])
    target = np.array([0.5, 3.0, 0.5])
    y, reached, steps, _ = follow(correct, start, np.zeros(3), target)
    assert reached[0] == 0.5
    assert y[0, 0] == pytest.approx(np.sqrt(0.5), abs=1e-12)
    assert reached[1] < 1.001
    assert reached[2] == 0.0
    assert steps[2] == 0
