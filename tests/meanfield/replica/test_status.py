"""What `saddle_point` says of points without a solution, and what its result can do."""

import pickle

import numpy as np
import pytest

from meanfield import NotConvergedError, SaddlePoint, TransferFunction, saddle_point


@pytest.mark.parametrize(
    ("g", "gamma", "how", "word"),
    [
        (1.6, -0.5, {"beta": 80.0, "branch": "paramagnetic", "sheet": "null"}, "fold"),
        (2.1, -0.5, {"branch": "paramagnetic", "sheet": "null"}, "g(1+gamma) < 1"),
        (1.5, 0.2, {"beta": 3.0, "branch": "paramagnetic", "phi": "linear"}, "not normalisable"),
        (1.5, 0.2, {"phi": "linear"}, "linear phi has no static branch"),
        (1.2, 1.0, {}, "not monotone"),
        (1.5, -0.2, {"beta": 5.0, "branch": "ordered"}, "stable down to this temperature"),
        (1.2, 0.3, {"beta": 100.0, "branch": "ordered"}, "stable down to this temperature"),
        (1.9, -0.5, {"beta": 1e6, "branch": "ordered"}, "gone back to Q = 0"),
    ],
)
def test_what_the_theory_excludes_is_absent(g, gamma, how, word) -> None:  # type: ignore[no-untyped-def]
    point = saddle_point(g, gamma, **how, throw=False)
    assert point.status == "absent"
    assert word in str(point.reason)
    assert not point.converged
    assert np.isnan(point.q)
    with pytest.raises(NotConvergedError, match="1 of 1 points have no solution, 1 absent and 0"):
        saddle_point(g, gamma, **how)


@pytest.mark.parametrize(
    ("g", "gamma", "how", "advice"),
    [
        (1.2, 0.5, {"beta": 3.0, "branch": "paramagnetic", "tol": 1e-18}, "raise tol"),
        (1.0, 0.0, {"beta": 1e36, "branch": "paramagnetic"}, "move away"),
        (2.2, -0.5, {"branch": "stable"}, "needs finite beta: give one"),
    ],
)
def test_what_fails_is_flagged_with_advice(g, gamma, how, advice) -> None:  # type: ignore[no-untyped-def]
    point = saddle_point(g, gamma, **how, throw=False)
    assert point.status == "flagged"
    assert advice in str(point.reason)
    assert np.isnan(point.q)


def test_an_onset_that_cannot_be_followed_is_flagged() -> None:
    bumpy = TransferFunction(
        name="bumpy",
        phi=lambda x: np.tanh(0.3 * x + x**3),
        d1=lambda x: (0.3 + 3 * x**2) * (1 - np.tanh(0.3 * x + x**3) ** 2),
        d2=lambda x: (
            (6 * x - 2 * (0.3 + 3 * x**2) ** 2 * np.tanh(0.3 * x + x**3))
            * (1 - np.tanh(0.3 * x + x**3) ** 2)
        ),
        bound=1.0,
    )
    point = saddle_point(5.0, -0.2, phi=bumpy, throw=False)
    assert point.status == "flagged"
    assert "use branch='paramagnetic'" in str(point.reason)


def test_the_error_counts_both_and_holds_the_result() -> None:
    g, gamma = [1.2, 2.1, 1.0], [0.5, -0.5, 0.0]
    beta = [100.0, np.inf, 1e36]
    how = {"branch": "paramagnetic", "sheet": "null"}
    with pytest.raises(NotConvergedError, match="2 of 3 points") as caught:
        saddle_point(g, gamma, beta=beta, **how)  # type: ignore[arg-type]
    assert "1 absent and 1 failed" in str(caught.value)
    assert "(first: g=2.1, gamma=-0.5, beta=inf)" in str(caught.value)
    solution = pickle.loads(pickle.dumps(caught.value)).solution
    assert solution.status.tolist() == ["converged", "absent", "flagged"]
    assert solution.converged.tolist() == [True, False, False]
    assert repr(solution) == (
        "SaddlePoint(q: 3, Q: 3, r: 3, stable: 3, 1 absent, 1 converged, 1 flagged)"
    )
    data = solution.to_dataset(("place",))
    assert data.status.values.tolist() == solution.status.tolist()
    assert data.beta.dims == ("place",)
    assert data.attrs["call"].startswith("meanfield.saddle_point([1.2, 2.1, 1.0], gamma=")


def test_attributes_and_docstring() -> None:
    point = saddle_point(1.2, 0.5, beta=100.0, branch="paramagnetic")
    assert point.attributes["tol"] == 1e-10
    assert point.attributes["sheet"] == "cooled"
    assert repr(point) == "SaddlePoint(q=0.325425, Q=0, r=0.640462, stable=True, converged)"
    text = SaddlePoint.__doc__ or ""
    assert "X : (...,) ndarray\n    Conjugate of q, diagonal X_d." in text
    assert "At β = ∞ its limit, which may be ``inf``." in text


def test_picture_along_the_parameter_that_varies() -> None:
    beta = np.array([1.0, 3.0, 10.0])
    point = saddle_point(1.2, 0.5, beta=beta, branch="paramagnetic")
    axes = point.plot()
    q, overlap = axes.get_lines()[:2]
    np.testing.assert_array_equal(q.get_xdata(), beta)
    np.testing.assert_array_equal(q.get_ydata(), point.q)
    np.testing.assert_array_equal(overlap.get_ydata(), point.Q)
    assert axes.get_xlabel() == r"$\beta$ inverse temperature"
    for many in (
        saddle_point(1.2, 0.5),
        saddle_point([0.5, 0.6], [0.1, 0.2]),
        saddle_point([0.5, 0.6], [[0.1], [0.2]]),
    ):
        with pytest.raises(TypeError, match="one curve along one parameter"):
            many.plot()


def test_a_picture_tells_what_is_not_stable() -> None:
    """Solid where the point is stable, dashed along all of it, and words if need be."""
    point = saddle_point(np.linspace(0.5, 1.2, 15), 0.5)
    assert 0 < point.stable.sum() < 15
    axes = point.plot()
    solid, dashed = axes.get_lines()[0], axes.get_lines()[2]
    np.testing.assert_array_equal(solid.get_ydata(), np.where(point.stable, point.q, np.nan))
    np.testing.assert_array_equal(dashed.get_ydata(), point.q)
    (solid, dashed, label) = (axes.get_legend().get_texts()[k].get_text() for k in range(3))
    assert label == "not stable"
    stable = saddle_point([0.2, 0.4], 0.5).plot()
    assert len(stable.get_legend().get_texts()) == 2
