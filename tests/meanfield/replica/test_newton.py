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
        return np.full((len(unknowns), 1), plain)

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
