"""Zeros of f and minima of E, against scans, SciPy's solvers and the definitions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, least_squares, root
from scipy.sparse import csr_array

from meanfield import TransferFunction, transfer_function
from meanfield.common.arguments import Array
from simulate import couplings, energy_gradient, force, jacobian, kinetic_energy
from simulate.fixed_points import FixedPoints, find_fixed_points, points
from simulate.fixed_points.descent import EPS, Landscape
from simulate.fixed_points.points import DistinctPoints, _ball, _canonical


def dense(n: int, g: float, seed: int) -> Array:
    """Independent couplings with a diagonal: few neurons then have many zeros."""
    return np.random.default_rng(seed).standard_normal((n, n)) * g / np.sqrt(n)


def solve(J: Array, start: Array, method: Literal["hybr", "lm"] = "hybr") -> Array | None:
    """A zero of f by SciPy's root, or None."""

    def f(x: Array) -> Array:
        return J @ np.tanh(x) - x

    def slope(x: Array) -> Array:
        return J / np.cosh(x) ** 2 - np.eye(len(x))

    end = root(f, start, jac=slope, method=method, tol=1e-13)
    return end.x if np.max(np.abs(f(end.x))) < 1e-11 else None


def scanned_zeros(J: Array, per_axis: int) -> list[Array]:
    """Zeros, one of each pair ±x, by SciPy's root from a grid over all states Jφ can reach."""
    reach = np.abs(J).sum(axis=1)
    axes = [np.linspace(-r, r, per_axis) for r in reach]
    zeros: list[Array] = []
    for start in np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, len(J)):
        x = solve(J, start)
        if x is None:
            continue
        if all(min(np.abs(x - y).max(), np.abs(x + y).max()) > 1e-5 for y in zeros):
            zeros.append(x)
    return zeros


def assert_same_points(x: Array, others: list[Array], atol: float = 1e-8) -> None:
    """The columns of x are the other points up to order and sign."""
    assert x.shape[1] == len(others)
    for y in others:
        distance = np.minimum(
            np.abs(x - y[:, None]).max(axis=0), np.abs(x + y[:, None]).max(axis=0)
        )
        assert np.sum(distance < atol) == 1


@pytest.fixture(scope="module")
def couplings_100() -> Array:
    return couplings.elliptic(100, 2.0, seed=1)


@pytest.fixture(scope="module")
def points_100(couplings_100: Array) -> FixedPoints:
    return find_fixed_points(couplings_100, n_starts=64, seed=0)


@pytest.mark.parametrize("phi", ["tanh", "erf", "algebraic"])
@pytest.mark.parametrize("a", [1.1, 2.0, 5.0])
def test_one_neuron(a: float, phi: str) -> None:
    function = transfer_function(phi)

    def f(x: float) -> float:
        return float(a * function.phi(np.array([x]))[0] - x)

    exact = brentq(f, 1e-3, 2 * a, xtol=1e-15)
    points = find_fixed_points([[a]], n_starts=16, seed=3, phi=phi)
    np.testing.assert_allclose(points.x, [[0, exact]], rtol=1e-12)
    slope = function.d1(np.array([exact]))[0]
    np.testing.assert_allclose(points.eigenvalues, [[a - 1], [a * slope - 1]], rtol=1e-10)
    np.testing.assert_array_equal(points.n_unstable, [1, 0])
    np.testing.assert_allclose(points.smallest_singular_value, [a - 1, 1 - a * slope], rtol=1e-10)
    np.testing.assert_allclose(points.q, [0, function.phi(np.array([exact]))[0] ** 2], rtol=1e-12)
    assert points.proven.all()
    assert points.hits.sum() == 16
    assert len(points.minima) == 0


@pytest.mark.parametrize("a", [0.0, -2.0, 0.7, 1.0])
def test_one_neuron_at_rest(a: float) -> None:
    """At a = 1 the zero is threefold: found and merged, but not proven to be one."""
    points = find_fixed_points([[a]], n_starts=16, seed=3)
    np.testing.assert_array_equal(points.x, [[0]])
    assert points.hits.tolist() == [16]
    assert bool(points.proven[0]) == (a != 1)


@pytest.mark.parametrize(("n", "per_axis", "seeds"), [(2, 16, range(5)), (3, 10, range(3))])
def test_few_neurons_against_a_scan(n: int, per_axis: int, seeds: range) -> None:
    for seed in seeds:
        J = 2.5 * np.eye(n) + dense(n, 0.6, seed)
        exact = scanned_zeros(J, per_axis)
        assert len(exact) > n
        grid = np.random.default_rng(seed).uniform(-1, 1, (n, 300))
        points = find_fixed_points(J, x0=grid * np.abs(J).sum(axis=1)[:, None])
        assert_same_points(points.x, exact)
        assert points.index_sum == 1


def test_zeros(couplings_100: Array, points_100: FixedPoints) -> None:
    J, points = couplings_100, points_100
    assert len(points) > 3
    assert np.max(np.abs(force(points.x, J))) < 1e-12
    assert np.max(np.abs(force(-points.x, J))) < 1e-12
    assert points.proven.all()
    np.testing.assert_allclose(
        points.residual, np.sqrt(np.mean(force(points.x, J) ** 2, axis=0)), atol=1e-15
    )
    np.testing.assert_allclose(points.x2, np.mean(points.x**2, axis=0))
    np.testing.assert_allclose(points.q, np.mean(np.tanh(points.x) ** 2, axis=0))
    assert np.all(np.diff(points.x2) > 0)
    for k in range(len(points)):
        A = jacobian(points.x[:, k], J)
        eigenvalues = points.eigenvalues[k]
        assert np.all(np.diff(eigenvalues.real) <= 0)
        # Each eigenvalue makes A − λ singular; sums and numbers of them are those of A.
        assert np.linalg.svd(A - eigenvalues[0] * np.eye(100))[1][-1] < 1e-12
        np.testing.assert_allclose(eigenvalues.sum(), np.trace(A), rtol=1e-10)
        assert points.n_unstable[k] == np.sum(np.linalg.eigvals(A).real > 0)
        smallest = np.linalg.svd(A)[1][-1]
        np.testing.assert_allclose(points.smallest_singular_value[k], smallest, rtol=1e-10)


def test_minima_that_are_no_zeros(couplings_100: Array, points_100: FixedPoints) -> None:
    J, minima = couplings_100, points_100.minima
    assert len(minima) > 3
    assert np.max(np.abs(energy_gradient(minima.x, J))) < 1e-13
    assert np.min(minima.residual) > 1e-5
    # Where E is nearly flat the theorem is silent.
    assert minima.proven[minima.smallest_curvature > 1e-4].all()
    np.testing.assert_allclose(minima.energy, kinetic_energy(minima.x, J) / 100, rtol=1e-9)
    # Aᵀf = 0 with f ≠ 0: A is singular, with null vector f from the left.
    assert np.max(minima.smallest_singular_value) < 1e-13
    rng = np.random.default_rng(5)
    for k in range(len(minima)):
        x = minima.x[:, k]
        curvatures = np.linalg.eigvalsh(-jacobian(x, J, onsager=1.0))
        assert curvatures[0] > 0
        np.testing.assert_allclose(minima.smallest_curvature[k], curvatures[0], rtol=1e-6)
        nearby = x[:, None] + 1e-4 * rng.standard_normal((100, 50))
        assert np.all(kinetic_energy(nearby, J) > kinetic_energy(x, J))


def test_minima_stay_minima_for_least_squares(
    couplings_100: Array, points_100: FixedPoints
) -> None:
    J, minima = couplings_100, points_100.minima

    def f(x: Array) -> Array:
        return J @ np.tanh(x) - x

    def slope(x: Array) -> Array:
        return J / np.cosh(x) ** 2 - np.eye(100)

    for k in range(3):
        start = minima.x[:, k] + 1e-5 * np.random.default_rng(k).standard_normal(100)
        end = least_squares(f, start, jac=slope, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=2000)
        np.testing.assert_allclose(end.cost, 100 * minima.energy[k], rtol=1e-6)


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_zeros_of_another_solver_are_listed(method: Literal["hybr", "lm"]) -> None:
    J = 2.2 * np.eye(4) + dense(4, 0.6, 3)
    states = 2 * np.random.default_rng(0).standard_normal((4, 400))
    points = find_fixed_points(J, x0=states)
    reached = set()
    for start in states.T[:40]:
        x = solve(J, start, method)
        if x is not None:
            distance = np.minimum(
                np.abs(points.x - x[:, None]).max(axis=0), np.abs(points.x + x[:, None]).max(axis=0)
            )
            assert np.min(distance) < 1e-8
            reached.add(int(np.argmin(distance)))
    assert len(reached) > 5


@pytest.mark.parametrize("g", [0.4, 0.8])
def test_only_the_origin_below_the_transition(g: float) -> None:
    points = find_fixed_points(couplings.elliptic(100, g, seed=4), n_starts=16, seed=1)
    np.testing.assert_array_equal(points.x, np.zeros((100, 1)))
    assert points.hits.tolist() == [16]
    assert points.n_unstable.tolist() == [0]
    assert points.new_zero_probability == 0
    assert points.index_sum == 1


def test_permuted_neurons() -> None:
    J = couplings.elliptic(25, 2.0, 0.3, seed=8)
    rng = np.random.default_rng(1)
    x0, order = rng.standard_normal((25, 40)), rng.permutation(25)
    points = find_fixed_points(J, x0=x0)
    permuted = find_fixed_points(J[np.ix_(order, order)], x0=x0[order])
    assert_same_points(permuted.x, list(points.x[order].T))
    assert_same_points(permuted.minima.x, list(points.minima.x[order].T))
    np.testing.assert_array_equal(points.hits, permuted.hits)
    np.testing.assert_allclose(
        points.eigenvalues.real.max(axis=1), permuted.eigenvalues.real.max(axis=1), atol=1e-9
    )


def test_mirror_starts_end_at_one_point() -> None:
    J = couplings.elliptic(25, 2.0, seed=8)
    x0 = np.random.default_rng(1).standard_normal((25, 10))
    few, both = find_fixed_points(J, x0=x0), find_fixed_points(J, x0=np.hstack([x0, -x0]))
    np.testing.assert_array_equal(2 * few.hits, both.hits)
    np.testing.assert_array_equal(few.x, both.x)


def test_sparse_couplings() -> None:
    J = couplings.elliptic(20, 2.0, seed=3)
    dense, sparse = (find_fixed_points(a, n_starts=6, seed=0) for a in (J, csr_array(J)))
    np.testing.assert_array_equal(dense.x, sparse.x)


@settings(max_examples=40)
@given(
    n=st.integers(1, 5),
    g=st.floats(0.1, 6),
    phi=st.sampled_from(["tanh", "erf", "algebraic"]),
    seed=st.integers(0, 10**6),
)
def test_every_listed_point_is_what_it_claims(n: int, g: float, phi: str, seed: int) -> None:
    J = dense(n, g, seed)
    x0 = 2 * np.random.default_rng(seed).standard_normal((n, 12))
    points = find_fixed_points(J, x0=x0, phi=phi)
    scale = 1 + np.abs(J).sum()
    assert np.max(np.abs(force(points.x, J, phi=phi))) < 1e-13 * scale
    minima = points.minima
    if len(minima):
        assert np.max(np.abs(energy_gradient(minima.x, J, phi=phi))) < 1e-12 * scale**2
        assert np.min(minima.residual) > 1e-10
        assert np.max(minima.smallest_singular_value) < 1e-6 * scale
    assert points.n_failed == 0
    assert points.hits.sum() + minima.hits.sum() == 12
    zero = points.outcome == "zero"
    np.testing.assert_array_equal(
        np.bincount(points.index[zero], minlength=len(points)), points.hits
    )
    for table in (points, minima):
        x = table.x
        for sign in (1, -1):
            distance = np.linalg.norm(x[:, :, None] - sign * x[:, None, :], axis=0)
            assert np.all(distance[~np.eye(len(table), dtype=bool)] > 1e-9)


def test_a_line_of_zeros_is_not_proven() -> None:
    points = find_fixed_points(np.eye(2), x0=np.array([[1.0], [2.0]]), phi="linear")
    np.testing.assert_array_equal(points.x, [[0, 1], [0, 2]])
    assert not points.proven.any()
    assert "2 zeros of f (x and -x are one), 2 of them unproven" in points.summary
    assert "unproven" not in find_fixed_points([[2.0]], n_starts=2, seed=0).summary


@pytest.mark.parametrize(
    ("smallest", "defect", "lipschitz", "expected"),
    [
        # One zero by Newton and Kantorovich up to a defect of smallest²/(2 lipschitz).
        (0.1, 0.0049, 1.0, (True, 0.1)),
        (0.1, 0.0051, 1.0, (False, 4 * 0.0306 ** (1 / 3))),
        (2.0, 0.99, 2.0, (True, 1.0)),
        (0.5, 0.125, 1.0, (True, 0.5)),
        (2.0, 1.01, 2.0, (False, 4 * 3.03 ** (1 / 3))),
        (1.0, 5.0, 0.0, (True, np.inf)),
        (0.0, 0.0, 0.0, (False, 1e-6)),
        (-1.0, 0.0, 1.0, (False, 0.0)),
    ],
)
def test_how_far_a_point_is_alone(
    smallest: float, defect: float, lipschitz: float, expected: tuple[bool, float]
) -> None:
    proven, radius = _ball(smallest, defect, lipschitz)
    assert proven == expected[0]
    assert radius == pytest.approx(expected[1])


def landscape(J: Array, phi: str = "tanh") -> Landscape:
    return Landscape(np.array(J, dtype=float), transfer_function(phi))


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_ends_near_a_point_or_its_mirror_are_one(
    size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the radius of the point listed first; each end counts once, for the first point."""
    made = landscape(np.eye(2))
    measured = points._measured
    monkeypatch.setattr(
        points, "_measured", lambda *of: replace(measured(*of), radius=0.1 if of[2] < 9 else 0.3)
    )
    table = DistinctPoints(made, "zero")

    def add(x: float, y: float, hits: int = 1) -> int:
        return table.add(made.at(np.array([x, y])), hits)

    assert add(size, 0.0) == 0
    assert add(size, 0.099) == 0
    assert add(size, 0.101) == 1
    assert add(-size, 0.099) == 0
    assert add(-size, -0.099, 2) == 0
    assert add(-size - 0.201, -0.101) == 2
    assert add(size, 5.0, 9) == 3
    assert add(-size - 0.29, -5.0) == 3
    assert add(size + 0.31, 5.0) == 4
    columns, order = table.fields()
    assert dict(zip(order, columns["hits"], strict=True)) == {0: 5, 1: 1, 2: 1, 3: 10, 4: 1}
    assert np.all(np.diff(columns["x2"]) >= 0)
    np.testing.assert_allclose(columns["x2"], np.sum(columns["x"] ** 2, axis=0) / 2)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([-1.0, 0.5], [1.0, -0.5]),
        ([0.5, -1.0], [-0.5, 1.0]),
        ([1.0, -1.0], [1.0, -1.0]),
        ([-1.0, 1.0], [1.0, -1.0]),
        # The first of those that are largest to 1e−6.
        ([-1 + 5e-7, 1.0], [1 - 5e-7, -1.0]),
        ([-1 + 2e-6, 1.0], [-1 + 2e-6, 1.0]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([-0.0, 1.0], [0.0, 1.0]),
        ([0.0, -1.0], [0.0, 1.0]),
    ],
)
def test_which_of_two_mirror_points_is_listed(x: list[float], expected: list[float]) -> None:
    found = _canonical(np.array(x))
    assert found.tolist() == expected
    assert not np.any(np.signbit(found[found == 0]))


def test_points_tied_by_symmetry_are_in_order() -> None:
    """Three neurons that are alike: the points with one of them off 0 follow its number."""
    first = brentq(lambda x: 2 * np.tanh(x) - x, 1, 3)
    x0 = first * np.eye(3)[:, [1, 2, 0]]
    found = find_fixed_points(2 * np.eye(3), x0=x0)
    np.testing.assert_allclose(found.x[:, 1:], first * np.eye(3), atol=1e-12)
    assert found.index.tolist() == [2, 3, 1]
    # Two directions lead away from each, three from 0.
    assert found.n_unstable.tolist() == [3, 2, 2, 2]
    slope = 2 / np.cosh(first) ** 2 - 1
    np.testing.assert_allclose(found.eigenvalues[1:], [[1, 1, slope]] * 3)
    # −1 for 0, and 2 for each of the three that are listed of 26 others.
    assert found.index_sum == -1 + 3 * 2
    assert found.zero_fraction == 1
    assert found.n_failed == 0


@pytest.mark.parametrize("kind", ["zero", "minimum"])
def test_what_is_measured_at_a_point(kind: str) -> None:
    """The radius of a point by the theorem, from |F| and rounding, for f or for ∇E."""
    J = dense(4, 0.5, 2)
    made = landscape(J)
    x = 1e-9 * np.ones(4)
    point = made.at(x)
    found = points._measured(point, kind, 7)
    singular = np.linalg.svd(jacobian(x, J))[1][-1]
    assert found.smallest_singular_value == pytest.approx(singular)
    assert found.smallest_curvature == pytest.approx(singular**2)
    assert found.hits == 7
    assert found.proven
    rounding = 2 * max(point.rounding, EPS)
    if kind == "zero":
        of = singular, np.linalg.norm(force(x, J)) + rounding, made.lipschitz
    else:
        defect = np.linalg.norm(energy_gradient(x, J)) + made.jacobian_bound * rounding
        of = singular**2, defect, made.hessian_lipschitz(point)
    assert (found.proven, found.radius) == pytest.approx(_ball(*map(float, of)))
    # Farther away than the theorem reaches the defect counts.
    far = made.at(np.full(4, 0.7))
    lost = points._measured(far, kind, 1)
    if kind == "zero":
        defect = np.linalg.norm(far.force) + 2 * far.rounding
        assert lost.radius == pytest.approx(4 * np.cbrt(6 * defect / made.lipschitz))
    else:
        defect = np.linalg.norm(far.gradient) + made.jacobian_bound * 2 * far.rounding
        expected = 4 * np.cbrt(6 * defect / made.hessian_lipschitz(far))
        assert lost.radius == pytest.approx(expected)
        top = np.linalg.eigvalsh(-jacobian(far.x, J, onsager=1.0))[0]
        assert lost.smallest_curvature == pytest.approx(top)
    assert not lost.proven


def test_shares_of_starts() -> None:
    """Three starts at 0, one at another zero and one too far; the error is 1/n at least."""
    a = np.array([2.0, 2.5])
    first = brentq(lambda x: 2 * np.tanh(x) - x, 0.1, 3)
    x0 = np.array([[0, 0], [0, 0], [0, 0], [first, 0], [0, 1e200]]).T
    found = find_fixed_points(np.diag(a), x0=x0)
    assert found.zero_fraction == 0.8
    assert (found.n_starts, found.n_failed) == (5, 1)
    assert found.new_zero_probability == 0.2
    assert found.outcome.tolist() == ["zero"] * 4 + ["failed"]
    assert found.index.tolist() == [0, 0, 0, 1, -1]
    assert found.new_zero_probability_err == 0.2
    assert "reached from 4 of 5 starts; 0 minima of E with f != 0 from 0; 1 starts" in found.summary
    still = find_fixed_points(np.diag(a), x0=np.zeros((2, 5)))
    assert still.new_zero_probability_err == 0.2
    assert still.new_zero_probability == 0
    assert still.x2.tolist() == still.q.tolist() == still.energy.tolist() == [0.0]


def zeros_between_corners(J: Array, bias: Array) -> list[Array]:
    """Zeros of −x + J max(x, 0) + b: which neurons are active decides a linear system."""
    found = []
    for active in itertools.product([0.0, 1.0], repeat=len(J)):
        x = np.linalg.solve(np.eye(len(J)) - J * active, bias)
        if np.array_equal(x > 0, np.array(active, dtype=bool)):
            found.append(x)
    return found


@pytest.mark.parametrize("seed", range(2))
def test_three_neurons_with_a_bias(seed: int) -> None:
    """Against SciPy's root from a grid; their indices sum to one, and x and −x are two."""
    b, J = np.array([0.3, -0.2, 0.1]), 2.5 * np.eye(3) + dense(3, 0.6, seed)
    axes = [np.linspace(-r, r, 8) for r in np.abs(J).sum(axis=1)]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 3)
    exact: list[Array] = []
    for start in grid:
        x = root(lambda x: J @ np.tanh(x) + b - x, start, tol=1e-13).x
        is_zero = np.abs(J @ np.tanh(x) + b - x).max() < 1e-11
        if is_zero and all(np.abs(x - y).max() > 1e-5 for y in exact):
            exact.append(x)
    assert len(exact) > 9
    found = find_fixed_points(J, x0=grid.T, bias=b)
    assert len(found) == len(exact)
    for y in exact:
        assert np.sum(np.abs(found.x - y[:, None]).max(axis=0) < 1e-8) == 1
    assert found.index_sum == 1
    assert not found.is_odd
    assert "x and -x" not in found.summary
    for x, eigenvalues in zip(found.x.T, found.eigenvalues, strict=True):
        spectrum = np.linalg.eigvals(jacobian(x, J, bias=b))
        np.testing.assert_allclose(
            np.sort_complex(eigenvalues), np.sort_complex(spectrum), atol=1e-9
        )


def test_a_logistic_network_is_a_tanh_network_with_a_bias() -> None:
    """2/(1 + e^−x) = 1 + tanh(x/2): y = x/2 has the couplings J/4 and the bias (b + J1/2)/2."""
    J, b = 6.5 * np.eye(3) + dense(3, 1.5, 1), np.array([-3.0, -3.4, -2.9])
    x0 = 4 * np.random.default_rng(1).standard_normal((3, 200))
    ours = find_fixed_points(J, x0=x0, phi="logistic", bias=b)
    other = find_fixed_points(J / 4, x0=x0 / 2, bias=(b + J.sum(axis=1) / 2) / 2)
    assert ours.index_sum == other.index_sum == 1
    assert len(ours) == len(other) > 3
    np.testing.assert_allclose(ours.x, 2 * other.x, atol=1e-9)
    np.testing.assert_allclose(ours.eigenvalues, other.eigenvalues, atol=1e-9)
    assert ours.proven.all()


def test_a_bias_of_the_other_sign_mirrors_the_points() -> None:
    J, b = couplings.elliptic(30, 2.0, seed=1), np.random.default_rng(2).standard_normal(30)
    starts = np.random.default_rng(3).standard_normal((30, 24))
    ahead, behind = (find_fixed_points(J, x0=sign * starts, bias=sign * b) for sign in (1.0, -1.0))
    assert len(ahead) + len(ahead.minima) > 1
    for one, other in ((ahead, behind), (ahead.minima, behind.minima)):
        np.testing.assert_allclose(one.x, -other.x, atol=1e-9)
    assert np.max(np.abs(force(ahead.x, J, bias=b)), initial=0.0) < 1e-12
    if len(ahead.minima):
        assert np.max(np.abs(energy_gradient(ahead.minima.x, J, bias=b))) < 1e-12


@pytest.mark.parametrize(("n", "seed"), [(2, 0), (3, 0), (5, 2), (8, 3)])
def test_relu_against_all_sets_of_active_neurons(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    J, b = rng.standard_normal((n, n)) * 3 / np.sqrt(n) - 1.5, rng.standard_normal(n) + 1
    if n == 2:
        # Each silences the other, or both are half as active: a switch.
        J, b = np.array([[0.0, -2.0], [-2.0, 0.0]]), np.ones(2)
    exact = zeros_between_corners(J, b)
    assert len(exact) == (3 if n == 2 else len(exact) or 1)
    found = find_fixed_points(J, x0=5 * rng.standard_normal((n, 60)), phi="relu", bias=b)
    assert len(found) == len(exact)
    for y in exact:
        assert np.min(np.abs(found.x - y[:, None]).max(axis=0)) < 1e-12
    assert found.proven.all()
    # Half of the descents of eight neurons end at a corner, and go on from there.
    assert found.n_failed == 0
    if n == 2:
        assert sorted(found.n_unstable.tolist()) == [0, 0, 1]


def test_a_corner_at_a_zero_proves_nothing() -> None:
    """relu at x = 0; softsign there has a slope that is continuous."""
    J = couplings.elliptic(10, 0.9, seed=1)
    for phi, is_proven, is_odd in (("relu", False, False), ("softsign", True, True)):
        found = find_fixed_points(J, n_starts=4, phi=phi, seed=1)
        np.testing.assert_array_equal(found.x, np.zeros((10, 1)))
        assert (bool(found.proven[0]), found.is_odd) == (is_proven, is_odd)
    assert _ball(1.0, 1e-3, 0.0, 1e-3) == (False, 1e-6)
    assert _ball(1.0, 1e-3, 0.0, 3e-3) == (True, 3e-3)
    assert _ball(1.0, 1e-3, 100.0, 1.0) == (True, 0.01)


@pytest.mark.parametrize("place", [0.4, 30.0])
def test_one_neuron_of_any_function(place: float) -> None:
    """A φ that bends away from 0, by itself or far out with its slope: zeros by their signs."""
    d1 = (lambda x: 1 / np.cosh(x - place) ** 2) if place > 1 else None
    function = TransferFunction(lambda x: np.tanh(x - place), d1, name="moved")
    scan = np.linspace(-4, 4, 8001) + place + 1e-4
    a, b = 2.5, place + 0.2

    def f(x: Any) -> Any:
        return a * np.tanh(x - place) + b - x

    found = find_fixed_points([[a]], x0=scan[None, ::200], phi=function, bias=b)
    changes = np.flatnonzero(np.diff(np.sign(f(scan))))
    exact = [brentq(f, scan[k], scan[k + 1], xtol=1e-15) for k in changes]
    assert len(exact) == 3
    np.testing.assert_allclose(np.sort(found.x[0]), exact, rtol=1e-12)
    assert found.proven.all()
    slopes = a / np.cosh(found.x[0] - place) ** 2
    np.testing.assert_allclose(found.eigenvalues[:, 0], slopes - 1, atol=1e-9)
    assert found.index_sum == 1


def test_a_start_that_a_corner_holds_is_told() -> None:
    """−x + 2 max(x, 0) + 1 has no zero from x > 0 on, and −x + 1 none below: E is least at 0."""
    found = find_fixed_points([[2.0]], x0=[[3.0, -2.0]], phi="relu", bias=1.0, throw=False)
    assert (len(found), found.status, found.n_failed) == (0, "flagged", 2)
    assert all("E may have a minimum at a kink of phi" in text for text in found.reasons.values())


def test_zeros_of_a_clipped_function_given_alone() -> None:
    """x = 3·clip(x, 0, 1) − 1 at −1, ½ and 2; derivatives by differences are no bend."""
    clip = TransferFunction(lambda x: np.clip(x, 0, 1), name="clip")
    points = find_fixed_points([[3.0]], x0=[[-1.0, 0.5, 2.0]], bias=-1.0, phi=clip)
    assert sorted(points.x[0].tolist()) == pytest.approx([-1, 0.5, 2])
    assert points.converged
    assert points.proven.all()
    assert points.index_sum == 1


def test_a_zero_at_a_kink_is_told() -> None:
    """x = 0 of ẋ = −x + 2 max(x, 0) is unstable on one side only."""
    points = find_fixed_points([[2.0]], n_starts=4, seed=1, phi="relu", starts="chaos", throw=False)
    assert points.status == "flagged"
    assert "1 zeros with a neuron at a kink" in points.reason
