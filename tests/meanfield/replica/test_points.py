"""A batch of points and the columns that a branch returns for it."""

import dataclasses

import numpy as np
import pytest

from meanfield import ArgumentError
from meanfield.replica import points as room
from meanfield.replica import solver, static
from meanfield.replica.points import FOLD, Columns, Points, null_state
from meanfield.transfer import transfer_function


def _points() -> Points:
    g, gamma = np.array([[0.5, 0.8], [0.4, 0.6]]), np.array([[0.5, -0.3], [0.0, 0.2]])
    beta, eta = np.array([[np.inf, 2.0], [1e-320, 4.0]]), np.array([[0.0, 3.0], [2.0, 0.0]])
    return Points.flat(g, gamma, beta, eta, transfer_function("tanh"))


def test_flat_points() -> None:
    points = _points()
    assert len(points) == 4
    np.testing.assert_array_equal(points.g, [0.5, 0.8, 0.4, 0.6])
    np.testing.assert_array_equal(points.temperature, [0.0, 0.5, np.inf, 0.25])
    np.testing.assert_array_equal(points.beta_eta, [0.0, 6.0, 0.0, 0.0])
    part = points.take(np.array([3, 1]))
    np.testing.assert_array_equal(part.gamma, [0.2, -0.3])
    np.testing.assert_array_equal(part.at(np.array([1.0, 2.0])).beta_eta, [0.0, 1.5])


def test_effective_gain_has_the_slope() -> None:
    f = transfer_function("tanh")
    halved = type(f)(
        lambda x: f.phi(x) / 2, lambda x: f.d1(x) / 2, lambda x: f.d2(x) / 2, name="half"
    )
    points = Points(np.array([3.0]), np.zeros(1), np.zeros(1), np.zeros(1), halved)
    assert points.effective_gain[0] == 1.5


def test_columns_of_points() -> None:
    """Nothing is known at first; writing replaces, and what replaces a try counts it."""
    columns = Columns(3, "static")
    assert np.isnan([columns.values[name] for name in room.NUMBERS]).all()
    assert np.isnan([getattr(columns, name) for name in room.ERRORS]).all()
    assert columns.reason.tolist() == ["not attempted"] * 3
    assert columns.status.tolist() == ["flagged"] * 3
    assert columns.branch_of.tolist() == ["static"] * 3
    assert columns.sheet_of.tolist() == ["", "", ""]
    columns.iterations[:] = [5, 6, 7]
    other = Columns(2, "ordered")
    other.values["q"][:] = [0.1, 0.2]
    other.iterations[:], other.nodes[:], other.residual[:] = 10, 24, 1e-12
    other.reason[:] = ["", FOLD]
    columns.replace(np.array([2, 0]), other)
    assert columns.iterations.tolist() == [15, 6, 17]
    np.testing.assert_array_equal(columns.values["q"], [0.2, np.nan, 0.1])
    assert columns.status.tolist() == ["absent", "flagged", "converged"]
    assert columns.converged.tolist() == [False, False, True]
    columns.write(np.array([False, True, True]), other)
    assert columns.iterations.tolist() == [15, 10, 10]
    assert columns.nodes.tolist() == [24, 24, 24]
    columns.reject(np.array([1]), FOLD)
    np.testing.assert_array_equal(columns.values["q"], [0.2, np.nan, 0.2])
    assert columns.residual[1] == 1e-12
    assert columns.reason[1] == FOLD


def test_null_state_in_closed_form() -> None:
    """G = 2/(1 + s) with s = √(1 − 4γg²), χ = G²/(1 − g²G²), and X of −φ'''/3 = 2/3."""
    points = _points().take(np.array([0, 3]))
    columns = null_state(points, "static")
    for k, (g, gamma) in enumerate(((0.5, 0.5), (0.6, 0.2))):
        response = 2 / (1 + np.sqrt(1 - 4 * gamma * g**2))
        chi = response**2 / (1 - g**2 * response**2)
        expected = {
            "r": response, "chi": chi, "X": 2 * g**2 * gamma * response**2 * chi,
            "free_entropy": np.log(response) - gamma * (g * response) ** 2 / 2,
        }  # fmt: skip
        for name, number in expected.items():
            assert columns.values[name][k] == pytest.approx(number, rel=1e-12), name
        assert all(columns.values[name][k] == 0 for name in ("q", "Q", "R", "P", "x2"))
    assert columns.converged.all()
    assert columns.residual.tolist() == columns.rounding_error.tolist() == [0, 0]
    # Neither γ = 0 nor a linear φ has a bend, even on the line, where χ is infinite.
    line = Points(np.array([1.0, 0.5]), np.array([0.0, 1.0]), np.zeros(2), np.zeros(2), points.phi)
    assert null_state(line, "static").values["X"].tolist() == [0.0, np.inf]
    linear = Points(line.g, line.gamma, line.eta, line.eta, transfer_function("linear"))
    assert null_state(linear, "static").values["X"].tolist() == [0.0, 0.0]


def test_confinement_needs_a_temperature() -> None:
    for beta, eta in ((np.inf, 0.1), ([1.0, np.inf], [0.0, 0.1])):
        with pytest.raises(ArgumentError, match="needs finite beta"):
            room.checked(1.0, 0.0, beta, eta, 1e-4)
    g, *_ = room.checked([1.0, 2.0], 0.0, [1.0, np.inf], [0.1, 0.0], 1e-4)
    assert g.shape == (2,)
    with pytest.raises(ArgumentError, match="branch='other'"):
        room.seconds_of("other")


def test_result_of_columns() -> None:
    """Energy T(1 − XT)/2 + η⟨x²⟩/2, marginality to 1e-12 but on the static branch, G = r − R."""
    columns = Columns(6, "paramagnetic")
    for name in room.NUMBERS:
        columns.values[name][:] = 0.5
    columns.values["X"][:] = [0.3, np.inf, 0.3, 0.3, 0.3, 0.3]
    columns.values["x2"][:] = 4.0
    columns.values["R"][:] = 0.2
    columns.values["instability"] = 1 + np.array([5e-13, -5e-13, 2e-12, -2e-12, 5e-13, 0.0])
    columns.branch_of[4:] = "static"
    columns.reason[:] = ["", "", "", FOLD, "", ""]
    beta = np.array([[2.0, np.inf, 2.0], [2.0, 4.0, np.inf]])
    eta = np.array([[0.0, 0.0, 0.1], [0.0, 0.0, 0.0]])
    found = solver._result(columns, (beta, beta, beta, eta), {})
    expected = [[0.25 * 0.85, 0, 0.25 * 0.85 + 0.2], [np.nan, 0.125 * 0.925, 0]]
    np.testing.assert_allclose(found.energy, expected)
    np.testing.assert_allclose(found.G.ravel(), [0.3, 0.3, 0.3, np.nan, 0.3, 0.3])
    assert found.stable.tolist() == [[True, True, False], [False, False, True]]
    assert found.marginal.tolist() == [[True, True, False], [False, False, True]]
    assert found.status[1, 0] == "absent"


def test_parts_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points are solved a chunk at a time, of a size that the branch sets."""
    sizes: list[int] = []

    def solve(points: Points, branch: str, sheet: str, tol: float) -> Columns:
        sizes.append(len(points))
        columns = Columns(len(points))
        columns.values["q"][:] = points.g
        return columns

    monkeypatch.setattr(solver, "_solve", solve)
    monkeypatch.setattr(solver, "_CHUNK", 3)
    monkeypatch.setattr(solver, "_CHUNK_TWO_FIELDS", 2)
    for branch, expected in (
        ("static", [3, 1]), ("paramagnetic", [3, 1]), ("ordered", [2, 2]), ("stable", [2, 2]),
    ):  # fmt: skip
        columns = solver._solve_in_chunks(_points(), branch, "cooled", 1e-9, False)
        assert sizes == expected
        np.testing.assert_array_equal(columns.values["q"], [0.5, 0.8, 0.4, 0.6])
        sizes.clear()


def test_stable_takes_the_first_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Null, cooled, ordered; failed numerics are no reason to go on, nor is T = 0 solved there."""
    asked: list[tuple[str, list[float]]] = []

    def branch(name: str, instability: list[float], reasons: list[str]):  # type: ignore[no-untyped-def]
        def solve(points: Points, *how: object) -> Columns:
            label = f"{name} {how[0]}" if len(how) > 1 else name
            asked.append((label, points.g.tolist()))
            columns = Columns(len(points), name)
            rows = points.g.astype(int)
            columns.reason[:] = np.array(reasons, dtype=object)[rows]
            columns.values["instability"][:] = np.array(instability)[rows]
            columns.iterations[:] = 1
            return columns

        return solve

    null = branch("paramagnetic", [0.5, 1.5, 1.5, 0.5, 1.5, 1.0], ["", "", "", "lost", FOLD, ""])
    cooled = branch("paramagnetic", [9, 0.5, 1.5, 0.5, 9, 9], ["", "", "", "lost", FOLD, ""])
    monkeypatch.setattr(
        solver.paramagnetic, "solve",
        lambda points, sheet, tol: (null if sheet == "null" else cooled)(points, sheet, tol),
    )  # fmt: skip
    monkeypatch.setattr(solver.ordered, "solve", branch("ordered", [1.2] * 6, [""] * 6))
    one = np.ones(8)
    points = Points(
        np.array([0.0, 1, 2, 3, 4, 5, 2, 4]), -one / 2, np.append(one[:6], [0, 0]), 0 * one,
        transfer_function("tanh"),
    )  # fmt: skip
    columns = solver._solve(points, "stable", "cooled", 1e-9)
    assert asked == [
        ("paramagnetic null", points.g.tolist()),
        ("paramagnetic cooled", [1, 2, 3, 4, 2, 4]),
        ("ordered", [2, 4]),
    ]
    kinds = ["paramagnetic"] * 8
    kinds[2] = kinds[4] = "ordered"
    assert columns.branch_of.tolist() == kinds
    assert columns.iterations.tolist() == [1, 2, 3, 2, 3, 1, 2, 2]
    assert columns.reason[[0, 1, 2, 3, 4, 5]].tolist() == ["", "", "", "lost", "", ""]
    assert all("needs finite beta" in reason for reason in columns.reason[6:])


def test_points_and_branches_are_not_changed_in_place() -> None:
    for thing, name in ((_points(), "g"), (static._BRANCH, "max_nodes")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, 1)
