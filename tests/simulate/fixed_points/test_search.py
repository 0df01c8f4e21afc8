"""How zeros of f are searched: descents, seeds, what is counted, failures, files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.sparse.linalg import aslinearoperator

from meanfield import ArgumentError, load, transfer_function
from meanfield.common.arguments import Array
from simulate import couplings, energy_gradient, integrate
from simulate.fixed_points import FixedPointError, descent, find_fixed_points
from simulate.fixed_points.descent import (
    EPS,
    Landscape,
    _below,
    _newton,
    _refined_minimum,
    _refined_zero,
    descend,
    rms,
)
from simulate.fixed_points.points import _measured
from simulate.fixed_points.search import _drawn_starts
from simulate.network import Network


@pytest.fixture(scope="module")
def couplings_100() -> Array:
    return couplings.elliptic(100, 2.0, seed=1)


def test_convergence_is_quadratic(couplings_100: Array) -> None:
    landscape = Landscape(couplings_100, transfer_function("tanh"))
    x = np.random.default_rng(0).standard_normal((100, 8))
    orders = []
    for column in x.T:
        end = descend(landscape, column, tol=1e-10, max_iter=1000)
        r = np.log([value for value in end.residuals if value > 1e-14])
        if end.kind == "zero" and np.any(end.point.x):
            orders.append((r[-1] - r[-2]) / (r[-2] - r[-3]))
    assert len(orders) > 2
    assert np.median(orders) > 1.7


def test_energy_never_rises(couplings_100: Array) -> None:
    landscape = Landscape(couplings_100, transfer_function("tanh"))
    for seed in range(4):
        x = 3 * np.random.default_rng(seed).standard_normal(100)
        residuals = np.array(descend(landscape, x, tol=1e-10, max_iter=1000).residuals)
        assert np.all(np.diff(residuals) < 1e-13)


def test_saddles_of_the_energy_are_left() -> None:
    """Two uncoupled neurons, one or both at the hump of E between their zeros 0 and x*."""
    a = np.array([2.0, 2.5])
    hump = np.arccosh(np.sqrt(a))  # where d(−x + a tanh x)/dx = 0
    J = np.diag(a)
    exact = brentq(lambda x: 2 * np.tanh(x) - x, 0.1, 3)
    starts = np.array([[hump[0], hump[0], exact], [0.0, hump[1], hump[1]]])
    assert np.max(np.abs(energy_gradient(starts, J))) < 1e-14
    points = find_fixed_points(J, x0=starts)
    assert points.outcome.tolist() == ["zero"] * 3
    assert points.escapes >= 3


def test_a_saddle_is_left_as_far_as_one_per_neuron() -> None:
    """64 uncoupled neurons at the hump: all fall together, to 0 or to x*, as far as E falls."""
    n, hump = 64, float(np.arccosh(np.sqrt(2.0)))
    landscape = Landscape(2 * np.eye(n), transfer_function("tanh"))
    lowest = _below(landscape.at(np.full(n, hump)), np.full(n, 1 / np.sqrt(n)))
    assert lowest is not None
    assert np.sqrt(np.mean((lowest.x - hump) ** 2)) == pytest.approx(1)


def test_starts_depend_on_seed_and_number_only() -> None:
    J = couplings.elliptic(40, 2.5, seed=2)
    few, many = (find_fixed_points(J, n_starts=k, seed=7) for k in (5, 37))
    np.testing.assert_array_equal(few.outcome, many.outcome[:5])
    np.testing.assert_array_equal(few.iterations, many.iterations[:5])
    for k in range(5):
        early = (few if few.outcome[k] == "zero" else few.minima).x[:, few.index[k]]
        late = (many if many.outcome[k] == "zero" else many.minima).x[:, many.index[k]]
        np.testing.assert_allclose(early, late, atol=1e-8)
    again = find_fixed_points(J, n_starts=5, seed=7)
    np.testing.assert_array_equal(few.x, again.x)
    np.testing.assert_array_equal(few.eigenvalues, again.eigenvalues)


@pytest.mark.parametrize("starts", ["chaos", "gradient"])
def test_kinds_of_starts(starts: str) -> None:
    J = couplings.elliptic(40, 2.5, seed=2)
    points = find_fixed_points(J, n_starts=6, seed=1, starts=starts)
    assert points.n_starts == 6
    assert points.n_failed == 0
    assert points.attributes["starts"] == starts


@pytest.mark.slow
def test_probability_of_a_new_zero() -> None:
    """Good's and Turing's estimate against the zeros that fresh starts add."""
    J = couplings.elliptic(60, 2.5, seed=3)
    first, long = (find_fixed_points(J, n_starts=k, seed=0) for k in (48, 240))
    known = first.x
    fresh = 0
    for k in range(48, 240):
        if long.outcome[k] == "zero":
            x = long.x[:, long.index[k], None]
            distance = np.minimum(np.abs(known - x).max(axis=0), np.abs(known + x).max(axis=0))
            fresh += bool(np.min(distance) > 1e-6)
    share = fresh / 192
    error = first.new_zero_probability_err + np.sqrt(share / 192)
    assert abs(first.new_zero_probability - share) < 4 * error


def test_error_of_the_probability_by_counts() -> None:
    """Esty (1983): (f₁ + 2f₂ − f₁²/n)/n², for f₁ zeros met once and f₂ met twice."""
    a = np.array([2.0, 2.5])
    first, second = (brentq(lambda x, a=a: a * np.tanh(x) - x, 0.1, 3) for a in a)
    once = [[first, 0.0], [0.0, second]]
    twice = [[first, second]] * 2
    points = find_fixed_points(np.diag(a), x0=np.array([*once, *twice, *[[0.0, 0.0]] * 3]).T)
    assert sorted(points.hits) == [1, 1, 2, 3]
    assert points.new_zero_probability == 2 / 7
    expected = np.sqrt((2 + 2 * 1 - 2**2 / 7) / 7**2)
    assert points.new_zero_probability_err == pytest.approx(expected, rel=1e-12)


def test_states_beside_a_threefold_zero_are_one_with_it() -> None:
    """f = −x³/3 there: rms f = EPS displaces all of 64 neurons by (3 EPS)^(1/3)."""
    n = 64
    landscape = Landscape(np.eye(n), transfer_function("tanh"))
    rest = _measured(landscape.at(np.zeros(n)), "zero", 1)
    assert not rest.proven
    assert rest.radius > np.sqrt(n) * np.cbrt(3 * EPS)
    defect = np.sqrt(n) * EPS
    assert rest.radius == pytest.approx(4 * np.cbrt(6 * defect / landscape.lipschitz), rel=1e-12)


def test_failures_are_counted(couplings_100: Array) -> None:
    x0 = np.random.default_rng(0).standard_normal((100, 3))
    with pytest.raises(FixedPointError, match=r"none of 3 starts converged: .*max_iter=2"):
        find_fixed_points(couplings_100, x0=x0, max_iter=2)
    points = find_fixed_points(couplings_100, x0=x0, max_iter=2, throw=False)
    assert points.n_failed == 3
    assert (points.status, points.converged) == ("flagged", False)
    # Minima may be missing, too; a list without entries has an empty picture.
    assert points.minima.reason == points.reason
    assert len(points.minima.plot().get_lines()) == 1
    assert points.reason.startswith("none of 3 starts converged: still descending after max_iter=2")
    assert sorted(points.reasons) == [0, 1, 2]
    np.testing.assert_array_equal(points.index, -1)
    np.testing.assert_array_equal(points.x, np.zeros((100, 1)))
    assert points.hits.tolist() == [0]


def test_far_starts(couplings_100: Array) -> None:
    x0 = np.random.default_rng(0).standard_normal((100, 2)) * [1e30, 1e200]
    points = find_fixed_points(couplings_100, x0=x0)
    assert points.outcome[0] != "failed"
    assert points.reasons == {1: "a start beyond 1e+100"}
    assert points.status == "flagged"
    assert points.reason.startswith("1 of 2 starts failed: a start beyond 1e+100; raise max_iter")


def test_dataset(couplings_100: Array, tmp_path: Path) -> None:
    points = find_fixed_points(couplings_100, n_starts=16, seed=0)
    path = tmp_path / "points.nc"
    points.save(path)
    read = load(path)
    np.testing.assert_array_equal(read["x"], points.x)
    np.testing.assert_array_equal(
        read["eigenvalues_real"] + 1j * read["eigenvalues_imag"], points.eigenvalues
    )
    np.testing.assert_array_equal(read["minimum_hits"], points.minima.hits)
    np.testing.assert_array_equal(read["outcome"], points.outcome)
    assert read["minimum_x"].dims == ("neuron", "minimum")
    assert read["q"].dims == ("zero",)
    assert read.attrs["n_zeros"] == len(points)
    assert read.attrs["seed"] == 0
    assert read.attrs["status"] == points.status == "converged"
    assert read.attrs["call"].startswith("simulate.find_fixed_points(<float64 array (100, 100)>, n")
    assert "numpy_version" in read.attrs
    lone = find_fixed_points([[0.0]], n_starts=2, seed=0)
    lone.save(path)
    assert "minimum_x" not in load(path)
    assert "minimum_x" not in lone.to_dataset()


def test_picture_and_pickle(couplings_100: Array) -> None:
    points = find_fixed_points(couplings_100, n_starts=16, seed=0)
    zeros, minima = points.plot().get_lines()
    np.testing.assert_array_equal(zeros.get_ydata(), points.n_unstable)
    np.testing.assert_array_equal(minima.get_xdata(), points.minima.x2)
    assert (zeros.get_marker(), minima.get_marker()) == ("o", "x")
    copy = pickle.loads(pickle.dumps(FixedPointError("none of 16", points)))
    assert str(copy) == "none of 16"
    np.testing.assert_array_equal(copy.result.minima.x, points.minima.x)


J2 = np.zeros((2, 2))


@pytest.mark.parametrize(
    ("J", "arguments", "message"),
    [
        (J2, {}, "n_starts: give"),
        (J2, {"n_starts": 0}, "n_starts=0"),
        (J2, {"n_starts": 2, "x0": np.zeros(2)}, "x0: leave out"),
        (J2, {"x0": np.zeros(3)}, r"x0 of shape \(3,\)"),
        (J2, {"n_starts": 2, "starts": "noise"}, "starts='noise'"),
        (J2, {"n_starts": 2, "tol": 0.0}, "tol=0"),
        (J2, {"n_starts": 2, "settle": -1.0}, "settle=-1"),
        (J2, {"n_starts": 2, "seed": -1}, "seed=-1"),
        (J2, {"n_starts": 2, "max_iter": 0}, "max_iter=0"),
        (np.full((2, 2), np.nan), {"n_starts": 2}, "J: must be finite"),
        (np.zeros((2, 3)), {"n_starts": 2}, "must be square"),
        (aslinearoperator(J2), {"n_starts": 2}, "not a LinearOperator"),
    ],
)
def test_refuses(J: object, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        find_fixed_points(J, **arguments)  # type: ignore[arg-type]


@pytest.mark.slow
def test_descents_from_chaos_end_in_zeros_at_weak_coupling_only() -> None:
    means, errors = [], []
    for n, g, networks in ((100, 2.0, 40), (200, 4.0, 20)):
        shares = []
        for seed in range(networks):
            J = couplings.elliptic(n, g, seed=seed)
            points = find_fixed_points(J, n_starts=8, starts="chaos", seed=seed)
            assert points.converged
            shares.append(points.zero_fraction)
        means.append(np.mean(shares))
        # Over networks: the starts of one network share its zeros.
        errors.append(np.std(shares, ddof=1) / np.sqrt(networks))
    assert means[0] - means[1] > 3 * np.hypot(*errors)
    assert means[1] < 0.15


@pytest.mark.parametrize(
    ("name", "value"), [("n_starts", 10**14), ("settle", 1e20), ("relax", 1e20)]
)
def test_searches_of_days_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=rf"^{name}=.*: (needs|would run)"):
        find_fixed_points(np.eye(3), **{"n_starts": 2, "seed": 0, name: value})


def test_refinement_stops_where_newton_cannot_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A singular matrix, or a point that is no better, leaves what there was."""
    landscape = Landscape(couplings.elliptic(5, 1.0, seed=1), transfer_function("tanh"))
    here = landscape.at(0.1 * np.ones(5))
    assert _newton(here, np.zeros((5, 5)), here.force) is None
    for refine in (_refined_zero, _refined_minimum):
        assert refine(here).residual < 1e-12
        monkeypatch.setattr(descent, "_newton", lambda *of: None)
        assert refine(here) is here
        monkeypatch.setattr(descent, "_newton", lambda *of: landscape.at(0.5 * np.ones(5)))
        assert refine(here) is here
        monkeypatch.undo()


def test_a_minimum_is_not_refined_to_more_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = Landscape(np.zeros((2, 2)), transfer_function("tanh"))
    here = landscape.at(np.array([1.0, 0.0]))
    higher = landscape.at(np.array([0.9, 0.0]))
    assert rms(higher.gradient) < rms(here.gradient)
    # E of a point is kept once it was asked for.
    higher.__dict__["energy"] = here.energy * 1.01
    monkeypatch.setattr(descent, "_newton", lambda *of: higher)
    assert _refined_minimum(here) is here
    higher.__dict__["energy"] = here.energy * (1 + 1e-12)
    assert _refined_minimum(here) is higher


def test_a_start_that_is_too_far_is_not_followed() -> None:
    landscape = Landscape(np.zeros((2, 2)), transfer_function("tanh"))
    end = descend(landscape, np.array([1e101, 0.0]), tol=1e-10, max_iter=10)
    assert (end.kind, end.iterations, end.escapes, end.residuals) == ("failed", 0, 0, [])
    assert not np.any(end.point.x)
    assert descend(landscape, np.array([1e99, 0.0]), tol=1e-10, max_iter=99).kind == "zero"


def test_starts_in_blocks_of_sixteen() -> None:
    """Start k from child k of the seed; even and odd ones go through the runs in turn."""
    J = couplings.elliptic(4, 2.0, seed=1)
    for number in (1, 16, 17, 33):
        sequence = np.random.SeedSequence(5)
        drawn = list(_drawn_starts(Network(J), number, sequence, 0.5, [(0.0, 0.0), (2.0, 1.0)]))
        assert len(drawn) == number
        children = np.random.SeedSequence(5).spawn(number)
        for k, (found, child) in enumerate(zip(drawn, children, strict=True)):
            x = 0.5 * np.random.default_rng(child).standard_normal(4)
            if k % 2 == 0:
                np.testing.assert_array_equal(found, x)
            elif k < 3:
                end = integrate(J, x, t_max=2, dt=0.1, onsager=1.0, method="chebyshev").x_end
                np.testing.assert_allclose(found, end, atol=1e-2)
                assert np.linalg.norm(end - x) > 0.1
    free = next(_drawn_starts(Network(J), 1, np.random.SeedSequence(5), 0.5, [(2.0, 0.0)]))
    x = 0.5 * np.random.default_rng(np.random.SeedSequence(5).spawn(1)[0]).standard_normal(4)
    end = integrate(J, x, t_max=2, dt=0.1, method="exponential").x_end
    np.testing.assert_allclose(free, end, atol=1e-12)


def test_a_start_may_be_left_as_it_is_drawn() -> None:
    J = couplings.elliptic(4, 0.5, seed=1)
    for kind, option in (("chaos", "settle"), ("gradient", "relax")):
        found = find_fixed_points(J, n_starts=1, seed=1, starts=kind, **{option: 0.0})
        assert found.outcome.tolist() == ["zero"]
        assert found.index.tolist() == [0]
    assert find_fixed_points(J, n_starts=1, seed=1, max_iter=1, throw=False).n_starts == 1
