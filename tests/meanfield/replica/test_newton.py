"""Following a branch: an imperfect pitchfork and a fold, where the solution is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from meanfield.replica.newton import (
    FIRST_NODES,
    Branch,
    NewtonResult,
    Path,
    Starts,
    _solve_rows,
    follow,
    newton,
)
from meanfield.replica.points import FOLD, Points
from meanfield.transfer import transfer_function

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


def test_a_singular_system_is_solved_in_the_least_squares_sense() -> None:
    """Then all are: regular rows as before, singular ones by the shortest solution."""
    matrices = np.array([[[2.0, 1.0], [0.0, 4.0]], [[1.0, 1.0], [1.0, 1.0]]])
    found = _solve_rows(matrices, np.array([[4.0, 8.0], [3.0, 1.0]]))
    np.testing.assert_allclose(found, [[1.0, 2.0], [1.0, 1.0]], atol=1e-14)
    np.testing.assert_allclose(_solve_rows(matrices[:1], np.array([[4.0, 8.0]])), found[:1])


def _swing(n: int) -> float:
    """1, −1, 1, … as the nodes are doubled."""
    return 1.0 - 2.0 * (round(np.log2(n / FIRST_NODES)) % 2)


# Error of a rule with n nodes at the points of g = 1, 2, 3 and 4.
_RULES = (
    lambda n: 0.0, lambda n: 10.0 ** (-n / 9),
    lambda n: 1e-9 * _swing(n), lambda n: 1e-4 * _swing(n),
)  # fmt: skip


def _branch(plain: float = 0.0, **how: int) -> Branch:
    """y = g² + e_g(n) and z = y/2 with a Jacobian that is not the identity; ln v is y."""

    def equations(unknowns: Array, points: Points, n: int) -> tuple[Array, Array]:
        y, z = unknowns.T
        off = np.array([_RULES[int(g) - 1](n) for g in points.g])
        jacobian = np.zeros((len(y), 2, 2))
        jacobian[:, 0, 0], jacobian[:, 1, 0], jacobian[:, 1, 1] = 4.0, -0.5, 1.0
        return np.stack([4 * (y - points.g**2) + off, z - y / 2], axis=1), jacobian

    def observables(unknowns: Array, points: Points, n: int) -> dict[str, Array]:
        return {"q": unknowns[:, 0], "r": np.full(len(unknowns), float(n))}

    def plainly(unknowns: Array, points: Points, n: int) -> Array:
        # On the doubled nodes.
        return np.full((len(unknowns), 1), plain * n / (2 * FIRST_NODES))

    return Branch(
        "b", equations, observables, lambda y, step, points: np.ones(len(y)),
        plain_errors=plainly if plain else None, max_nodes=8 * FIRST_NODES, **how,
    )  # fmt: skip


def _refined(branch: Branch, tol: float):  # type: ignore[no-untyped-def]
    g = np.array([1.0, 2.0, 3.0, 4.0, 1.0])
    zero = np.zeros(5)
    points = Points(g, zero, zero + 0.1, zero, transfer_function("tanh"))
    starts = Starts.empty(5, 2)
    starts.unknowns[:4] = np.array([[0.5, 0.5]])
    starts.reason[4], starts.iterations[:] = "not started", 3
    return branch.refine(starts, points, tol)


def test_nodes_are_doubled_until_the_quadrature_is_accurate() -> None:
    """Exact at once; in three doublings; as good as the tolerance with the last rule; never."""
    columns = _refined(_branch(), 1e-8)
    n = FIRST_NODES
    # 10^(−96/9) is above the accuracy that is wanted while there are more nodes to take.
    assert columns.nodes.tolist() == [n, 8 * n, 8 * n, 8 * n, 0]
    assert columns.reason[[0, 1, 2]].tolist() == ["", "", ""]
    assert "quadrature not converged with 192 nodes" in columns.reason[3]
    assert columns.reason[4] == "not started"
    np.testing.assert_allclose(columns.values["q"][:3], [1, 4, 9], rtol=1e-9)
    np.testing.assert_allclose(columns.values["r"][:3], 2 * columns.nodes[:3])
    assert np.isnan(columns.values["q"][3:]).all()
    assert columns.iterations[0] == 3 + 1
    assert columns.iterations[4] == 3


def test_what_a_refinement_says_of_its_errors(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setitem(globals(), "_RULES", (*_RULES[:2], lambda n: 1e-9 * (n > 24), _RULES[3]))
    columns = _refined(_branch(accuracy=1e-8), 1e-8)
    assert columns.quadrature_error[2] == pytest.approx(1e-9, rel=1e-5)
    assert columns.residual[2] == columns.quadrature_error[2]
    # ln v inherits the error through a row (1/4, 0) of the inverse Jacobian.
    assert columns.rounding_error[2] == pytest.approx(1e-9 / 4, rel=1e-5)
    assert 4e-16 / 4 <= columns.rounding_error[0] < 1e-15
    assert columns.nodes[2] == FIRST_NODES
    assert _refined(_branch(), 1e-8).nodes[2] == 2 * FIRST_NODES
    plain = _refined(_branch(plain=1e-7), 1e-8)
    assert plain.residual[0] == 1e-7
    assert plain.quadrature_error[0] < 1e-15
    assert "above tol" in plain.reason[0]


def test_no_digit_of_q_is_told() -> None:
    branch = _branch()
    steep = branch.equations

    def flat(unknowns: Array, points: Points, n: int) -> tuple[Array, Array]:
        errors, jacobian = steep(unknowns, points, n)
        scale = np.array([1e-16, 1.0])
        return errors * scale, jacobian * scale[:, None]

    columns = _refined(Branch("b", flat, branch.observables, branch.limit), 1e-8)
    assert "no digit of q" in columns.reason[0]
    assert columns.rounding_error[0] == pytest.approx(4e-16 / 4e-16, rel=0.3)


def test_starts_of_paths() -> None:
    """Who arrived keeps its unknowns; the others met a fold, or had too many steps to take."""
    target = np.array([1.0, 1.0, 1.0, 1.0])
    path = Path(
        np.array([[1.0], [2.0], [3.0], [np.nan]]), np.array([1.0, 0.5, 0.5, 0.0]),
        np.array([4, 5, 6, 0]), np.array([False, False, True, False]),
    )  # fmt: skip
    starts = Starts.arrived(path, target)
    np.testing.assert_array_equal(starts.unknowns[:, 0], [1, np.nan, np.nan, np.nan])
    assert starts.iterations.tolist() == [4, 5, 6, 0]
    assert starts.reason[1] == FOLD
    assert "too many steps" in starts.reason[2]
    assert starts.reason[0] == starts.reason[3] != FOLD
    other = Starts.empty(2, 1)
    other.iterations[:] = 10
    starts.write(np.array([0, 3]), other)
    assert starts.iterations.tolist() == [14, 5, 6, 10]


def _full(limit: float):  # type: ignore[no-untyped-def]
    return lambda y, step, rows: np.full(len(y), limit)


def test_newton_counts_and_stops() -> None:
    """Each point by itself: solved, on a floor of rounding, too high a floor, never, not begun."""
    seen: list[list[int]] = []

    def system(y: Array, rows: NDArray[np.intp]) -> tuple[Array, Array]:
        seen.append(rows.tolist())
        size = np.array([0.0, 2e-12, 2e-11, 0.0, np.nan, 0.0])[rows]
        sign = np.array([2.0, -2.0, 2.0, 2.0, 2.0, 2.0])[rows]
        slope = np.where(rows == 3, np.inf, sign)
        return (sign * (y[:, 0] - 1) + size)[:, None] * np.where(y == 9, 0, 1), slope[:, None, None]

    # The floors stay whatever y is: the equation knows them beside a root that is at y = 1.
    def floored(y: Array, rows: NDArray[np.intp]) -> tuple[Array, Array]:
        error, slope = system(y, rows)
        floor = np.array([0.0, 2e-12, 2e-11, 0.0, 0.0, 0.0])[rows][:, None]
        return np.where(np.abs(error) < floor, floor, error), slope

    start = np.array([[3.0], [3.0], [3.0], [3.0], [3.0], [np.nan]])
    solved = newton(floored, start, _full(1.0), max_iterations=6)
    assert solved.iterations.tolist() == [1, 2, 6, 0, 0, 0]
    np.testing.assert_allclose(
        solved.residual, [0, 2e-12, 2e-11, np.inf, np.inf, np.inf], rtol=1e-3, atol=1e-15
    )
    assert solved.orientation.tolist() == [1, -1, 0, 0, 0, 0]
    assert len(seen) == 6
    assert seen[0] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(start[:, 0], [3, 3, 3, 3, 3, np.nan])
    # Steps are shortened by the limit.
    half = newton(system, start[:1], _full(0.5), max_iterations=3)
    assert half.unknowns[0, 0] == 1.25
    assert half.iterations[0] == 3
    assert half.residual[0] == 1.0
    none = newton(system, start[:1], _full(1.0), max_iterations=0)
    assert none.residual[0] == np.inf
    assert none.unknowns[0, 0] == 3


def test_a_falling_residual_has_not_stalled() -> None:
    """Below the level where rounding counts it goes on as long as it halves."""
    sizes = [8e-12, 4e-12, 2e-12, 1.2e-12, 1e-13]
    calls = iter(sizes)

    def system(y: Array, rows: NDArray[np.intp]) -> tuple[Array, Array]:
        return np.full((1, 1), next(calls)), np.ones((1, 1, 1))

    solved = newton(system, np.ones((1, 1)), _full(1.0))
    assert solved.residual[0] == 1.2e-12
    assert solved.iterations[0] == 3


@pytest.mark.parametrize("towards", [1.0, -1.0])
def test_steps_of_a_path(towards: float) -> None:
    """y = p: the first prediction knows no slope, later ones are exact."""
    tried: list[float] = []

    def correct(y: Array, p: Array, rows: NDArray[np.intp]) -> NewtonResult:
        tried.append(float(p[0]))
        one = np.ones(1)
        return NewtonResult(p[:, None].copy(), 0 * one, 2 * one.astype(int), one)

    end = towards * 6.0
    path = follow(correct, np.zeros((1, 1)), np.zeros(1), np.array([end]), max_step=1.5)
    # 1/4 misses by more than 0.15; a third of it by more than a quarter of that: no longer step.
    expected, at, step = [0.25], 0.25 / 3, 0.25 / 3
    while at < 6:
        expected.append(at)
        at += step
        step = min(1.7 * step, 1.5)
    np.testing.assert_allclose(np.array(tried) * towards, [*expected, 6.0], rtol=1e-12)
    assert path.reached[0] == path.unknowns[0, 0] == end
    assert path.iterations[0] == 2 * len(tried)
    assert not path.exhausted[0]
    short = follow(correct, np.zeros((1, 1)), np.zeros(1), np.array([end]), max_steps=4)
    assert short.exhausted[0]
    assert abs(short.reached[0]) == pytest.approx(expected[3])


@pytest.mark.parametrize(
    ("residual", "turned", "miss", "far"),
    [
        (1e-10, False, 0.0, True), (1.1e-10, False, 0.0, False), (0.0, True, 0.0, False),
        (0.0, False, 0.149, True), (0.0, False, 0.151, False),
    ],
)  # fmt: skip
def test_which_steps_are_taken(residual: float, turned: bool, miss: float, far: bool) -> None:
    """An exact enough solution near the prediction, on the same side of a fold as before."""
    steps: list[float] = []

    def correct(y: Array, p: Array, rows: NDArray[np.intp]) -> NewtonResult:
        steps.append(float(p[0]))
        beyond = p[0] > 0.2
        moved = y + (miss if beyond else 0.0) * (-1.0) ** len(steps)
        one = np.ones(1)
        sign = -one if beyond and turned else one
        return NewtonResult(moved, residual * one * beyond, one.astype(int), sign)

    path = follow(correct, np.zeros((1, 1)), np.full(1, -0.1), np.ones(1), max_step=0.25)
    assert (path.reached[0] == 1) == far
    if not far:
        assert path.reached[0] == pytest.approx(0.2, abs=1e-5)
        # Thirds, down to a millionth.
        trials = np.array(steps)
        last = np.diff([path.reached[0], trials[-1]])[0]
        assert 3e-7 < last < 3e-6
    assert not path.exhausted[0]


def test_a_visitor_stops_a_path() -> None:
    """It is told of every step that was taken, of these points alone."""
    told: list[tuple[list[int], list[float]]] = []

    def correct(y: Array, p: Array, rows: NDArray[np.intp]) -> NewtonResult:
        one = np.ones(len(p))
        return NewtonResult(0 * y, np.where(p > 2, 1.0, 0.0), one.astype(int), one)

    def visit(y: Array, p: Array, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        told.append((rows.tolist(), p.tolist()))
        return (rows == 0) & (p > 0.3)

    start, begin = np.zeros((4, 1)), np.array([0.0, 0.0, 1.9, 5.0])
    path = follow(correct, start, begin, np.array([1.0, 1.0, 5.0, 5.0]), visit=visit, max_step=0.25)
    np.testing.assert_allclose(path.reached[[0, 1, 3]], [0.5, 1, 5])
    assert path.reached[2] == pytest.approx(2, abs=1e-5)
    assert path.iterations[3] == 0
    assert told[0] == ([0, 1], [0.25, 0.25])
    assert sum(0 in rows for rows, _ in told) == 2
    assert max(max(p) for _, p in told) <= 2
