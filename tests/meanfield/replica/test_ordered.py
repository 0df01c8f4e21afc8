from types import SimpleNamespace

import numpy as np
import pytest

from meanfield import replica_map, saddle_point, spin_glass_beta
from meanfield.quadrature import gauss_hermite
from meanfield.replica import ordered, two_fields
from meanfield.replica.newton import Path, Starts
from meanfield.replica.points import NO_ORDERED, RETURNED, Columns, Points
from meanfield.transfer import transfer_function


def _order(point):  # type: ignore[no-untyped-def]
    return (point.q, point.Q, point.r, point.R, point.X, point.P)


@pytest.mark.parametrize(
    ("g", "gamma", "beta"), [(2.2, -0.5, 10.0), (1.5, -0.2, 1e3), (4.0, -0.45, 50.0)]
)
def test_solution_is_a_fixed_point_of_the_map(g: float, gamma: float, beta: float) -> None:
    point = saddle_point(g, gamma, beta=beta, branch="ordered")
    assert 0 < point.Q < point.q < 1
    assert point.P * point.Q > gamma**2 * point.R**2
    new = replica_map(_order(point), g, gamma, beta=beta, nodes=150)
    np.testing.assert_allclose(new, _order(point), rtol=1e-8)


def test_it_leaves_the_paramagnetic_branch_at_the_spin_glass_beta() -> None:
    g, gamma = 1.5, -0.2
    beta = float(spin_glass_beta(g, gamma)) * (1 + np.array([1e-3, 2e-3, 4e-3]))
    ordered = saddle_point(g, gamma, beta=beta, branch="ordered")
    paramagnetic = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
    distance = beta / float(spin_glass_beta(g, gamma)) - 1
    # Continuous: Q grows linearly from 0, the other order parameters follow.
    np.testing.assert_allclose(ordered.Q / distance / (ordered.Q[0] / distance[0]), 1, atol=0.02)
    assert np.all(np.abs(ordered.q - paramagnetic.q) < 10 * distance**2 + 1e-3 * distance)
    assert np.all(ordered.Q < 0.2 * distance)


def test_replica_symmetry_breaks_with_the_order() -> None:
    # The replicon eigenvalue starts from 1 at β_SG and exceeds it at once.
    beta_sg = float(spin_glass_beta(1.5, -0.2))
    point = saddle_point(
        1.5, -0.2, beta=beta_sg * np.array([1.002, 1.1, 2.0, 20.0]), branch="ordered"
    )
    assert point.instability[0] == pytest.approx(1, abs=1e-4)
    assert np.all(np.diff(point.instability) > 0)
    assert np.all(point.instability > 1)
    assert not point.stable.any()
    strong = saddle_point(2.2, -0.5, beta=10.0, branch="ordered")
    assert strong.instability == pytest.approx(1.078, abs=5e-4)


def test_equations_and_replicon_by_an_own_sum() -> None:
    """The six equations and the overlap map: z, w by Gauss–Hermite, x by the rectangle rule."""
    point = saddle_point(2.2, -0.5, beta=10.0, branch="ordered")
    q, overlap, r, cross, x_d, noise = (float(a) for a in _order(point))
    g, gamma = 2.2, -0.5
    v, k = 0.1 + g**2 * (q - overlap), g**2 * gamma * (r - cross)
    u, weight = gauss_hermite(40)
    z = g * np.sqrt(overlap) * u[:, None, None]
    w = gamma * cross / overlap * z
    w = w + g * np.sqrt(noise - gamma**2 * cross**2 / overlap) * u[None, :, None]
    x = np.linspace(-12, 12, 1201)
    phi = np.tanh(x)
    y = x - z - k * phi
    p = np.exp(-(y**2) / (2 * v) + w * phi - g**2 * (x_d + noise) * phi**2 / 2)
    p /= p.sum(axis=-1, keepdims=True)

    def cov(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (p * a * b).sum(-1) - (p * a).sum(-1) * (p * b).sum(-1)

    def mean(a: np.ndarray) -> np.ndarray:
        return (p * a).sum(-1)

    phi_z, phi_w = cov(phi, y) / v, cov(phi, phi)
    y_z, y_w = cov(y, y) / v**2 - 1 / v, cov(y, phi) / v
    joint = np.outer(weight, weight)
    updates = (
        mean(phi * phi),
        mean(phi) ** 2,
        mean(y * phi) / v,
        mean(y) * mean(phi) / v,
        1 / v - mean(y * y) / v**2,
        mean(y) ** 2 / v**2,
    )
    for value, expected in zip(updates, _order(point), strict=True):
        assert np.sum(joint * value) == pytest.approx(float(expected), rel=1e-9)

    def image(s: np.ndarray) -> np.ndarray:
        c = g**2 * np.array([[s[0], gamma * s[1]], [gamma * s[1], s[2]]])
        rows = ((phi_z, phi_w), (y_z, y_w))
        out = []
        for i, j in ((0, 0), (0, 1), (1, 1)):
            total = sum(c[m, n] * rows[i][m] * rows[j][n] for m in (0, 1) for n in (0, 1))
            out.append(np.sum(joint * total))
        return np.array(out)

    matrix = np.stack([image(e) for e in np.eye(3)], axis=1)
    assert np.abs(np.linalg.eigvals(matrix)).max() == pytest.approx(
        float(point.instability), rel=1e-9
    )
    x2 = np.sum(joint * (p * x * x).sum(-1))
    assert point.x2 == pytest.approx(float(x2), rel=1e-9)
    assert point.chi == pytest.approx(10.0 * (q - overlap), rel=1e-12)


def test_low_temperature_limits() -> None:
    point = saddle_point(1.5, -0.2, beta=1.3e5, branch="ordered")
    for name, value in (("q", 0.1842), ("Q", 0.1663), ("r", 0.8577), ("R", 0.2026)):
        assert float(getattr(point, name)) == pytest.approx(value, abs=1.5e-4)


def test_where_it_does_not_exist() -> None:
    point = saddle_point(
        [1.5, 1.2, 1.9], [-0.2, 0.3, -0.5], beta=[5.0, 100.0, 1e6], branch="ordered", throw=False
    )
    assert not point.converged.any()
    assert "stable down to this temperature" in point.reason[0]
    assert "stable down to this temperature" in point.reason[1]
    assert "gone back to Q = 0" in point.reason[2]
    assert np.isnan(point.q).all()


def test_stable_picks_per_point() -> None:
    g = [0.5, 1.2, 1.6, 2.2, 1.6]
    gamma = [0.5, 0.5, -0.5, -0.5, -0.5]
    beta = [np.inf, 100.0, 1e6, 10.0, 0.5]
    point = saddle_point(g, gamma, beta=beta, branch="stable")
    kinds = ["paramagnetic", "paramagnetic", "paramagnetic", "ordered", "paramagnetic"]
    assert point.branch_of.tolist() == kinds
    null = saddle_point(1.6, -0.5, beta=1e6, branch="paramagnetic", sheet="null")
    assert point.q[2] == pytest.approx(float(null.q), rel=1e-12)
    # A numerical failure of the paramagnetic branch keeps its own reason.
    failed = saddle_point(1.2, 0.5, beta=100.0, branch="stable", tol=1e-30, throw=False)
    assert failed.branch_of == "paramagnetic"
    assert "above tol" in str(failed.reason)
    lost = saddle_point(2.2, -0.5, branch="stable", throw=False)
    assert "needs finite beta" in str(lost.reason)


def test_stationarity_of_the_free_entropy() -> None:
    point = saddle_point(1.8, -0.35, beta=[19.999, 20.0, 20.001], branch="ordered")
    slope = (point.free_entropy[2] - point.free_entropy[0]) / 0.002
    assert slope == pytest.approx(float(point.X[1]) / (2 * 20.0**2), rel=1e-6)


def test_fluctuation_response_identity() -> None:
    g, gamma = np.array([2.2, 1.5]), np.array([-0.5, -0.2])
    point = saddle_point(g, gamma, beta=[10.0, 200.0], branch="ordered")
    v = 1 / point.beta + g**2 * (point.q - point.Q)
    np.testing.assert_allclose(
        point.G * (v + g**2 * gamma * (point.q - point.Q)), point.sigma_xphi, rtol=1e-9
    )


@pytest.mark.parametrize("gamma", [-0.5, 0.6])
def test_jacobian_of_the_map(gamma: float) -> None:
    order = np.array([[0.35, 0.2, 0.65, 0.19, -0.8, 0.5], [0.5, 0.1, 0.5, -0.05, 0.3, 0.4]])
    points = Points(
        np.array([2.2, 0.9]),
        np.full(2, gamma),
        np.array([0.1, 0.3]),
        np.array([0.0, 0.2]),
        transfer_function("tanh"),
    )
    _, jacobian = two_fields.update(order, points, 96)
    for j in range(6):
        h = np.zeros(6)
        h[j] = 1e-5
        up = two_fields.update(order + h, points, 96)[0]
        down = two_fields.update(order - h, points, 96)[0]
        np.testing.assert_allclose(jacobian[:, :, j], (up - down) / 2e-5, rtol=1e-5, atol=1e-6)


def test_odd_numbers_of_nodes() -> None:
    """Half of the nodes of a field are left out by symmetry: none of them may be 0."""
    order = (0.35, 0.2, 0.65, 0.19, -0.8, 0.5)
    even, odd = (replica_map(order, 2.2, -0.5, beta=10.0, nodes=n) for n in (40, 41))
    np.testing.assert_allclose(odd, even, rtol=1e-6)


def test_map_refuses_fields_without_a_covariance() -> None:
    new = replica_map((0.5, 0.1, 0.6, 5.0, 0.0, 0.1), 1.2, 0.5, beta=10.0)
    assert np.isnan(new.q)
    assert np.isnan(replica_map((0.3, 0.0, 0.5, 0.2, 0.1, 0.1), 2.0, -0.5, beta=10.0).q)
    with pytest.raises(ValueError, match=r"order=.*must be 6 values"):
        replica_map((0.3, 0.0, 0.5, 0.2, 0.1), 2.0, -0.5, beta=10.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nodes=3"):
        replica_map((0.5, 0.1, 0.6, 0.0, 0.0, 0.1), 1.2, 0.5, beta=10.0, nodes=3)


def test_other_transfer_functions_and_confinement() -> None:
    for phi, eta in (("erf", 0.0), ("algebraic", 0.0), ("tanh", 0.01)):
        point = saddle_point(2.2, -0.5, beta=10.0, branch="ordered", phi=phi, eta=eta)
        new = replica_map(_order(point), 2.2, -0.5, beta=10.0, phi=phi, eta=eta, nodes=100)
        np.testing.assert_allclose(new, _order(point), rtol=1e-8)


def test_the_branch_is_reentrant() -> None:
    """At g = 1.6, γ = −0.5 it ends on the null sheet, where that is stable again."""
    temperature = np.array([0.2, 0.011, 0.0100, 0.0099, 0.008])
    point = saddle_point(1.6, -0.5, beta=1 / temperature, branch="ordered", throw=False)
    assert point.status.tolist() == ["absent", "converged", "converged", "converged", "absent"]
    assert point.Q[1] == pytest.approx(0.00317, abs=1e-5)
    # Q vanishes linearly at the end, and the null sheet becomes stable there.
    end = 0.0099 - point.Q[3] * 1e-4 / (point.Q[2] - point.Q[3])
    colder = 1 / np.array([0.011, end * 1.001, end * 0.999, 0.008])
    null = saddle_point(1.6, -0.5, beta=colder, branch="paramagnetic", sheet="null")
    assert null.stable.tolist() == [False, False, True, True]


def _instability(monkeypatch, excess, nodes_error=lambda nodes: 0.0):  # type: ignore[no-untyped-def]
    """An instability known along ln T in the place of the sheet's; the guesses that it is given."""
    calls = []

    def at(points, log_t, guess, nodes=ordered.PATH_NODES):  # type: ignore[no-untyped-def]
        calls.append(guess[:, 0])
        x = log_t - nodes_error(nodes)
        unknowns = np.stack([x, 2 * x, x**2], axis=1)
        assert np.max(np.abs(guess[:, 0] - x)) < 0.5
        return unknowns, excess(x)

    monkeypatch.setattr(ordered, "_at", at)
    return calls


@pytest.mark.parametrize("top", [1e-7, -1e-7])
@pytest.mark.parametrize("skew", [0.0, 0.6, -0.6])
def test_a_summit_is_found_where_it_exceeds_one(monkeypatch, top: float, skew: float) -> None:  # type: ignore[no-untyped-def]
    """A lopsided maximum at ln T = −1.5: just above 1 it is found, just below it is not."""

    def excess(log_t):  # type: ignore[no-untyped-def]
        x = log_t + 1.5
        return top - x**2 / 2 + skew * x**3 - 3 * x**4

    calls = _instability(monkeypatch, excess)
    log_t = np.array([-1.43, -1.51, -1.59])
    unknowns = np.stack([log_t, 2 * log_t, log_t**2], axis=1)
    found = ordered._summit(None, log_t, unknowns, 1 + excess(log_t))  # type: ignore[arg-type]
    assert len(calls) < 17
    if top < 0:
        assert found is None
    else:
        assert found is not None
        where, state = found
        assert where == pytest.approx(-1.5, abs=1e-3)
        assert excess(np.array(where)) > 0
        np.testing.assert_allclose(state, [where, 2 * where, where**2])


def test_a_low_summit_is_left_at_once(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    calls = _instability(monkeypatch, lambda x: -0.01 - (x + 1.5) ** 2 + (x + 1.5) ** 3)
    log_t = np.array([-1.4, -1.5, -1.6])
    value = 0.99 - (log_t + 1.5) ** 2 + (log_t + 1.5) ** 3
    assert ordered._summit(None, log_t, np.stack([log_t] * 3, axis=1), value) is None  # type: ignore[arg-type]
    assert len(calls) == 1


def _points(count: int) -> Points:
    ones = np.ones(count)
    return Points(1.5 * ones, -0.2 * ones, 0.1 * ones, 0 * ones, transfer_function("tanh"))


def test_crossings_to_rounding(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Three curved functions at once, from brackets of unequal sides: in a few calls."""
    roots = np.array([-1.2, -2.0, 0.3])

    def excess(x):  # type: ignore[no-untyped-def]
        return np.expm1(3 * (roots - x))

    calls = _instability(monkeypatch, excess)
    ends = np.stack([roots + 0.3, roots - 0.1], axis=1)
    states = np.stack([ends, 2 * ends, ends**2], axis=2)
    found, state = ordered._crossing_with(_points(3), ends, states, 24)
    np.testing.assert_allclose(found, roots, atol=2e-14)
    np.testing.assert_allclose(state[:, 2], roots**2, atol=2e-14)
    assert len(calls) < 14
    # Both ends begin with their own states.
    np.testing.assert_array_equal(calls[0], ends[:, 0])
    np.testing.assert_array_equal(calls[1], ends[:, 1])


def test_crossings_settle_with_the_nodes(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """One moves less and less as nodes double, another by the same each time."""
    asked = []

    def error(nodes: int) -> float:
        asked.append(nodes)
        return 10.0 ** (-nodes / 12)

    _instability(monkeypatch, lambda x: -1.0 - x, error)
    ends = np.array([[-0.8, -1.2]])
    states = np.stack([ends, 2 * ends, ends**2], axis=2)
    found, state = ordered._settled(_points(1), ends, states)
    assert set(asked) == {ordered.PATH_NODES * 2**k for k in range(len(set(asked)))}
    # It ends with the first change below the limit.
    last = max(asked)
    assert error(last // 2) < ordered._SETTLED < error(last // 4)
    assert found[0] == -1 + error(last)
    np.testing.assert_allclose(state[0, 0], -1)
    _instability(monkeypatch, lambda x: -1.0 - x, lambda nodes: 1e-3 * np.log(nodes))
    found, _ = ordered._settled(_points(1), ends, states)
    assert np.isnan(found[0])
    assert max(asked) <= ordered.MAX_NODES


def _unknowns() -> tuple[Points, np.ndarray, np.ndarray]:
    """Any unknowns (ln q, Q/q, r, R, X_d q, P q), of no solution, and their order parameters."""
    points = Points(
        np.array([2.2, 0.9]), np.array([-0.5, 0.6]), np.array([0.1, 0.3]), np.array([0.0, 0.2]),
        transfer_function("tanh"),
    )  # fmt: skip
    order = np.array([[0.35, 0.2, 0.65, 0.19, -0.8, 0.5], [0.5, 0.1, 0.5, -0.05, 0.3, 0.4]])
    q, overlap, r, cross, x_d, noise = order.T
    return points, np.stack([np.log(q), overlap / q, r, cross, x_d * q, noise * q], axis=1), order


def test_scaled_equations_and_their_jacobian() -> None:
    """Update − order parameters, q and Q in units of q, X and P of 1/q; and by differences."""
    points, unknowns, order = _unknowns()
    np.testing.assert_allclose(ordered.unpack(unknowns), order, rtol=1e-14)
    error, jacobian = ordered.equations(unknowns, points, 12)
    q = order[:, :1]
    units = np.concatenate([1 / q, 1 / q, q / q, q / q, q, q], axis=1)
    new, _ = two_fields.update(order, points, 12)
    np.testing.assert_allclose(error, (new - order) * units, rtol=1e-12)
    _, jacobian = ordered.equations(unknowns, points, 40)
    for j in range(6):
        h = np.zeros(6)
        h[j] = 1e-5
        up, down = (ordered.equations(unknowns + sign * h, points, 40)[0] for sign in (1, -1))
        np.testing.assert_allclose(jacobian[:, :, j], (up - down) / 2e-5, rtol=1e-4, atol=1e-6)
    values = ordered._observables(unknowns, points, 12)
    np.testing.assert_allclose(values["chi"], (order[:, 0] - order[:, 1]) / [0.1, 0.3], rtol=1e-12)
    for name, column in zip(("q", "Q", "r", "R", "X", "P"), order.T, strict=True):
        np.testing.assert_allclose(values[name], column, rtol=1e-14)


@np.errstate(divide="ignore")
def test_steps_are_shortened_to_their_room() -> None:
    """The one that is longest in its own units decides; none is made longer."""
    step = np.diag([1.4, 0.8, 0.6, 1.2, 0.625, 2.0])
    found = ordered._limit(step, step, None)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, [0.5, 0.25, 0.5, 0.25, 0.8, 0.25])
    np.testing.assert_array_equal(ordered._limit(step, -step, None), found)  # type: ignore[arg-type]
    assert ordered._limit(step, 0.01 * step[:1], None)[0] == 1  # type: ignore[arg-type]
    both = np.array([[1.4, 0.8, 0.0, 0.0, 0.0, 0.0]])
    assert ordered._limit(both, both, None)[0] == pytest.approx(0.25)  # type: ignore[arg-type]


def test_the_seed_of_the_branch_solves_its_equations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The point with a given Q/q beside the bifurcation; its start is right to first order."""
    starts = []
    newton = ordered.newton

    def seen(system, start, limit):  # type: ignore[no-untyped-def]
        starts.append(start)
        return newton(system, start, limit)

    monkeypatch.setattr(ordered, "newton", seen)
    ones = np.ones(2)
    points = Points(
        np.array([1.5, 2.2]), np.array([-0.2, -0.5]), ones, 0 * ones, transfer_function("tanh")
    )
    with np.errstate(all="ignore"):
        log_t, unknowns = ordered.bifurcation(points)
        assert np.max(np.abs(ordered._eigenvalue(unknowns, points.at(np.exp(log_t))) - 1)) < 1e-9
        for overlap in (0.03, 0.002):
            seed, seed_t = ordered._seed(points, log_t, unknowns, overlap)
            assert np.all(seed_t < log_t)
            assert np.all(log_t - seed_t < 10 * overlap)
            np.testing.assert_array_equal(seed[:, 1], overlap)
            error, _ = ordered.equations(seed, points.at(np.exp(seed_t)), ordered._SEED_NODES)
            assert np.max(np.abs(error)) < 1e-9
            start = starts.pop()
            assert np.max(np.abs(start[:, [0, 2, 4]] - seed[:, [0, 2, 4]])) < 3 * overlap
            # R and P, which are themselves of the order of Q.
            assert np.max(np.abs(start[:, [3, 5]] / seed[:, [3, 5]] - 1)) < 10 * overlap
            np.testing.assert_array_equal(start[:, 1], log_t)
        lost, lost_t = ordered._seed(points, log_t, np.nan * unknowns, 0.03)
    assert np.isnan(lost).all()
    assert np.isnan(lost_t).all()


def test_what_is_watched_along_the_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last three steps of each point, and the maxima between 0.9 and 1 among them."""
    values = {
        0: [0.5, 0.95, 0.99, 0.95, 0.5, 0.3],
        1: [0.2, 0.6, 1.0, 0.7, 0.2, 0.1],
        2: [0.92, 0.95, 0.95, 0.9, 0.91, 0.9],
        3: [0.9, 0.95, 1.1, 0.0, 0.0, 0.0],
        4: [0.2, 0.6, 0.8, 0.7, 0.2, 0.1],
    }
    at = {"step": 0}
    monkeypatch.setattr(
        ordered, "_eigenvalue",
        lambda unknowns, points: np.array([values[int(u)][at["step"]] for u in unknowns[:, 0]]),
    )  # fmt: skip
    watch = ordered._Crossing(_points(5))
    index = np.arange(5)
    for step in range(6):
        at["step"] = step
        unknowns = np.stack([index, 10.0 * index + step, 0.0 * index], axis=1)
        stopped = watch(unknowns, -1.0 * step - 0.1 * index, index)
        assert stopped.tolist() == [values[int(i)][step] > 1 for i in index]
        index = index[~stopped]
    np.testing.assert_array_equal(watch.value[0], values[0][3:])
    np.testing.assert_array_equal(watch.value[3], values[3][:3])
    np.testing.assert_allclose(watch.log_t[1], [-3.1, -4.1, -5.1])
    np.testing.assert_array_equal(watch.unknowns[2, :, 1], [23, 24, 25])
    # Of two equal values the first counts.
    assert [row for row, *_ in watch.peaks] == [2, 0, 1, 2]
    _, log_t, unknowns, value = watch.peaks[1]
    np.testing.assert_array_equal(value, values[0][1:4])
    np.testing.assert_allclose(log_t, [-1, -2, -3])
    np.testing.assert_array_equal(unknowns[:, 1], [1, 2, 3])


def test_which_crossing_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A summit beyond 1 before the open crossing, the first of two; what ended or was lost."""
    steps = np.array([-1.0, -1.1, -1.2])

    def three(at: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return steps + at, np.stack([steps + at] * 3, axis=1), np.ones(3)

    def cool(points: Points, target: np.ndarray, visit, max_step: float):  # type: ignore[no-untyped-def]
        np.testing.assert_allclose(np.exp(target), 1e-10 * points.g**2)
        visit.value[:, 2] = [2.0, 0.5, 0.5, 2.0, 0.5, 0.5, 1.0]
        visit.log_t[:] = steps - 5
        visit.unknowns[:] = (steps - 5)[:, None]
        visit.peaks += [(1, *three(-3)), (0, *three(-2)), (1, *three(-1)), (2, *three(-4))]
        # It begins just before the open crossing and has its summit after its first end.
        visit.peaks.append((3, *three(-5.05)))
        reached = np.ones((7, 3))
        reached[4] = np.nan
        exhausted = np.arange(7) == 5
        return ordered.paramagnetic.Path(reached, np.ones(7), np.zeros(7, dtype=int), exhausted)

    def summit(point: Points, log_t: np.ndarray, unknowns: np.ndarray, value: np.ndarray):  # type: ignore[no-untyped-def]
        return None if log_t[0] == -5 else (log_t[1] + 0.01, unknowns[1] + 0.01)

    def settled(points: Points, ends: np.ndarray, states: np.ndarray):  # type: ignore[no-untyped-def]
        # Each end has its own state.
        np.testing.assert_allclose(states, np.repeat(ends[:, :, None], 3, axis=2))
        return ends[:, 0], states[:, 1]

    monkeypatch.setattr(ordered.paramagnetic, "cool", cool)
    monkeypatch.setattr(ordered, "_summit", summit)
    monkeypatch.setattr(ordered, "_settled", settled)
    found, solution = ordered.bifurcation(_points(7))
    np.testing.assert_allclose(found, [-3, -2, -np.inf, -6.05, np.nan, np.nan, -np.inf])
    np.testing.assert_allclose(solution[[0, 1, 3], 0], [-3.09, -2.09, -6.14])
    assert np.isnan(solution[[2, 4, 5, 6]]).all()


def test_every_bifurcation_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each (g, γ, η); then who is beyond it, who has a seed, and who was followed."""
    log_t_sg = {1.0: -1.0, 2.0: -np.inf, 3.0: np.nan, 4.0: -1.0, 5.0: -1.0}
    seeds: list[tuple[list[float], float]] = []
    followed: list[tuple[list[float], int]] = []

    def bifurcation(points: Points) -> tuple[np.ndarray, np.ndarray]:
        assert sorted(points.g.tolist()) == [1.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        return np.array([log_t_sg[g] for g in points.g]), points.g[:, None] * np.ones(3)

    def seed(points: Points, log_t: np.ndarray, unknowns: np.ndarray, overlap: float):  # type: ignore[no-untyped-def]
        seeds.append((points.g.tolist(), overlap))
        np.testing.assert_array_equal(unknowns[:, 0], points.g)
        good = (points.g != 5) & ((points.g != 4) | (overlap < 0.01))
        found = np.where(good[:, None], points.g[:, None] + overlap, np.nan) * np.ones(6)
        return found, np.where(good, -1.5, np.nan)

    def follow(starts, points, rows, seed, seed_t, nodes):  # type: ignore[no-untyped-def]
        followed.append((points.g[rows].tolist(), nodes))
        np.testing.assert_array_equal(seed_t, -1.5)
        np.testing.assert_allclose(seed[:, 0], points.g[rows], atol=0.05)
        return rows[points.g[rows] == 4]

    monkeypatch.setattr(ordered, "bifurcation", bifurcation)
    monkeypatch.setattr(ordered, "_seed", seed)
    monkeypatch.setattr(ordered, "_follow", follow)
    g = np.array([5.0, 1.0, 4.0, 1.0, 2.0, 3.0, 1.0, 1.0])
    log_t = np.array([-2.0, -2.0, -3.0, -4.0, -9.0, -9.0, -0.5, -2.0])
    eta = np.where(np.arange(8) == 7, 0.5, 0.0)
    points = Points(g, 0 * g - 0.5, np.exp(log_t), eta, transfer_function("tanh"))
    starts = ordered._starts(points)
    assert seeds == [([1.0, 1.0, 4.0, 5.0], 0.03), ([4.0, 5.0], 0.002)]
    assert followed == [([1.0, 4.0, 1.0, 1.0], 32), ([4.0], 80)]
    assert starts.reason[[4, 6]].tolist() == [NO_ORDERED] * 2
    assert starts.reason[5] == ordered._UNSETTLED
    assert starts.reason[0] == ordered._WEAK_ONSET
    assert starts.reason[[1, 2, 3, 7]].tolist() == [ordered._ENDED] * 4


def test_who_arrives_and_who_went_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without steps left to take nothing is known; at a small Q/q the branch has ended."""
    target = np.log([0.1, 0.2, 0.3, 0.4, 0.5])
    reached = np.where([True, False, False, False, False], target, target + 1)
    overlaps = np.array([0.5, 0.029, 0.5, 0.029, 0.031])

    def cool(points, nodes, seed, seed_t, aim, max_steps):  # type: ignore[no-untyped-def]
        np.testing.assert_array_equal(aim, target)
        assert (nodes, max_steps) == (32, ordered._MAX_STEPS)
        unknowns = overlaps[:, None] * np.ones(6)
        exhausted = np.array([False, False, True, True, False])
        return Path(unknowns, reached, np.full(5, 7), exhausted)

    monkeypatch.setattr(ordered, "_BRANCH", SimpleNamespace(cool=cool))
    one = np.ones(6)
    points = Points(one, -one / 2, np.append(9.0, np.exp(target)), 0 * one, _points(1).phi)
    starts = Starts.empty(6, 6)
    starts.iterations[:] = 1
    starts.reason[:] = "before"
    rows = np.arange(1, 6)
    left = ordered._follow(starts, points, rows, np.ones((5, 6)), np.zeros(5), 32)
    assert left.tolist() == [2, 3, 4, 5]
    assert starts.iterations.tolist() == [1, 8, 8, 8, 8, 8]
    assert starts.reason.tolist() == ["before", "before", RETURNED, *["before"] * 3]
    np.testing.assert_array_equal(starts.unknowns[1], 0.5)
    assert np.isnan(starts.unknowns[[0, 2, 3, 4, 5]]).all()


def test_an_overlap_of_rounding_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = Columns(4, "ordered")
    columns.values["q"][:] = 0.5
    columns.values["Q"][:] = 0.5 * np.array([0.9e-7, 1.1e-7, -0.1, 0.0])
    columns.reason[:3] = ""
    monkeypatch.setattr(ordered, "_starts", lambda points: None)
    monkeypatch.setattr(
        ordered, "_BRANCH", SimpleNamespace(refine=lambda starts, points, tol: columns)
    )
    found = ordered.solve(_points(4), 1e-9)
    assert found.reason.tolist() == [RETURNED, "", RETURNED, "not attempted"]
    assert np.isnan(found.values["q"]).tolist() == [True, False, True, False]
