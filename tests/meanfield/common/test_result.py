"""The base of all results: declarations, dataset, status, picture, file, provenance, pickling."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from meanfield import (
    ArgumentError,
    NotConvergedError,
    Switching,
    TransferFunction,
    load,
    transfer_function,
)
from meanfield.common.arguments import Array
from meanfield.common.result import (
    ABSENT,
    CONVERGED,
    FLAGGED,
    Result,
    coordinate,
    error,
    fact,
    given,
    value,
)


class Curve(Result):
    """A curve for the tests."""

    t: Array = coordinate("time", ("t",), "time constant", symbol="$t$")
    m: Array = value("mean of {of}", ("t", "column"), symbol="$m$", note="A note.")
    m_err: Array = error("m")
    z: NDArray[np.complex128] | None = value("eigenvalues", ("index",), default=None)
    steps: int = fact("number of steps")
    _headline = ("t", "steps")
    _picture = ("t", "m")


class Grid(Result):
    """Numbers of many points for the tests."""

    g: Array = coordinate("gain", (...,))
    q: Array = value("mean square activity", (...,))
    q_err: Array = error("q")
    C: Array = value("correlation", (..., "lag"), unit="1/time constant")
    _headline = ("q",)


def curve(reason: str = "") -> Curve:
    t = np.linspace(0, 1, 5)
    facts = {"of": "x", "exact": True, "seed": 3, "unset": None, "list": [1, 2.5]}
    return Curve(t=t, m=t**2, m_err=0.1 * t, steps=4, reason=reason, attributes=facts)


def grid() -> Grid:
    shape = (2, 3)
    q = np.arange(6.0).reshape(shape)
    reason = np.full(shape, "", dtype="U9")
    reason[0, 1], reason[1, 2] = "shorten dt", "beyond it"
    status = np.where(reason == "", CONVERGED, FLAGGED)
    status[1, 2] = ABSENT
    C = np.ones((*shape, 4))
    return Grid(g=q + 1, q=q, q_err=q / 10, C=C, reason=reason, status=status)


def test_status_follows_from_the_reason() -> None:
    good, bad = curve(), curve("shorten dt")
    assert (good.status, good.converged, good.warnings) == (CONVERGED, True, ())
    assert (bad.status, bad.converged, bad.warnings) == (FLAGGED, False, ("shorten dt",))
    many = grid()
    assert many.converged.tolist() == [[True, False, True], [True, True, False]]
    assert many.warnings == ("shorten d", "beyond it")


def test_docstring_has_every_field_once() -> None:
    text = Curve.__doc__ or ""
    assert text.startswith("A curve for the tests.")
    assert "t : (t,) ndarray\n    Time, in units of time constant." in text
    assert "Mean of `of`.  A note." in text
    for name in ("m :", "m_err :", "status :", "reason :", "attributes :"):
        assert text.count(f"\n{name}") == 1


def test_dataset_of_a_curve() -> None:
    data = curve("shorten dt").to_dataset()
    assert data.m.dims == ("t",)
    assert data.m.attrs == {"long_name": "mean of x", "units": "1"}
    assert data.m_err.attrs["long_name"] == "standard error: mean of x"
    assert data.t.attrs["units"] == "time constant"
    assert data.attrs["exact"] is True
    assert data.attrs["steps"] == 4
    assert data.attrs["status"] == FLAGGED
    assert data.attrs["converged"] is False
    assert "unset" not in data.attrs
    assert "quasipotential_version" in data.attrs


def test_columns_and_complex_numbers() -> None:
    t = np.linspace(0, 1, 3)
    both = np.ones((3, 2))
    found = Curve(t=t, m=both, m_err=both, z=np.array([1 + 2j]), steps=1, attributes={"of": "x"})
    data = found.to_dataset()
    assert data.m.dims == ("t", "column")
    assert (float(data.z_real[0]), float(data.z_imag[0])) == (1.0, 2.0)


def test_variables_of_their_own_names_and_facts_by_name() -> None:
    class Several(Result):
        """Some arrays for the tests."""

        t: Array = coordinate("time", ("t",))
        observed: dict[str, Array] = value("what was asked for", ("t",))
        phi: TransferFunction = fact("transfer function")

    asked = {"q": np.arange(3.0), "corner": np.ones((3, 2, 2))}
    data = Several(t=np.arange(3.0), observed=asked, phi=transfer_function("erf")).to_dataset()
    assert data.q.dims == ("t",)
    assert data.corner.dims == ("t", "corner_0", "corner_1")
    assert data.attrs["phi"] == "erf"


def test_dataset_of_points() -> None:
    data = grid().to_dataset(("a", "b"))
    assert data.q.dims == ("a", "b")
    assert data.C.dims == ("a", "b", "lag")
    assert "g" in data.coords
    assert data.status.values[1, 2] == ABSENT
    assert data.reason.values[0, 1] == "shorten d"
    assert data.converged.dtype == bool
    assert grid().to_dataset().q.dims == grid().to_dataset(()).q.dims == ("dim_0", "dim_1")
    for wrong in (("a",), ("a", "a"), ("a", "lag"), ("q", "a"), ("q_err", "a"), "ab"):
        with pytest.raises(ArgumentError, match="dims="):
            grid().to_dataset(wrong)  # type: ignore[arg-type]


def test_repr() -> None:
    assert repr(curve()) == "Curve(t: 5, steps=4, converged)"
    assert repr(grid()) == "Grid(q: 2×3, 1 absent, 4 converged, 1 flagged)"
    one = Grid(g=np.array(2.0), q=np.array(0.5), q_err=np.array(0.01), C=np.ones(4))
    assert repr(one) == "Grid(q=0.5±0.01, converged)"
    shown = curve()._repr_html_()
    assert "Curve(" in shown
    assert "mean of x" in shown


def test_saved_and_opened_with_types(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "curve.nc"
    curve().save(path)
    data = load(path)
    np.testing.assert_array_equal(data.m, curve().m)
    assert data.attrs["exact"] is True
    assert data.attrs["seed"] == 3
    assert data.attrs["list"] == [1, 2.5]
    assert list(path.parent.iterdir()) == [path]


def test_dataset_can_be_written_by_xarray_too(tmp_path: Path) -> None:
    facts = {"of": "x", "seed": 2**70, "words": ["a", "b"], "table": {"a": 1}, "exact": True}
    found = Curve(t=np.ones(1), m=np.ones(1), m_err=np.ones(1), steps=1, attributes=facts)
    found.to_dataset().to_netcdf(tmp_path / "a.nc", engine="scipy")
    found.save(tmp_path / "b.nc")
    assert load(tmp_path / "a.nc").attrs["seed"] == str(2**70)
    assert {k: load(tmp_path / "b.nc").attrs[k] for k in facts} == facts


def test_picture() -> None:
    axes = curve().plot()
    assert axes.get_xlabel() == "$t$ time"
    assert axes.get_ylabel() == "$m$ mean of x"
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), curve().m)
    assert axes.get_legend() is None
    assert curve().plot(axes, label="again") is axes
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words == ["$m$ mean of x", "again"]
    first, second = axes.get_lines()
    assert first.get_color() != second.get_color()
    with pytest.raises(TypeError, match="no picture"):
        grid().plot()
    several = Curve(t=np.ones((2, 3)), m=np.ones((2, 3)), m_err=np.ones((2, 3)), steps=1)
    with pytest.raises(TypeError, match="not one curve"):
        several.plot()


def test_interval_of_many_samples_is_normal() -> None:
    known = curve()
    high = known.m + 1.959964 * known.m_err
    np.testing.assert_allclose(known.interval("m")[1], high, rtol=1e-6)
    with pytest.raises(ArgumentError, match=r"^name='t': expected one of m$"):
        known.interval("t")


def test_a_parameter_that_is_a_coordinate_is_told_once() -> None:
    result = Grid(
        g=np.array(2.0),
        q=np.array(0.5),
        C=np.ones(4),
        q_err=np.array(0.1),
        attributes={"g": 2.0, "tol": 1e-6},
    )
    data = result.to_dataset()
    assert "g" not in data.attrs
    assert (float(data.g), data.attrs["tol"]) == (2.0, 1e-6)


def test_points_without_a_solution_raise_together() -> None:
    with pytest.raises(NotConvergedError) as caught:
        grid().raise_unless_converged("g")
    assert caught.value.summary == (
        "2 of 6 points have no solution, 1 absent and 1 failed: 1 × shorten d; 1 × beyond it "
        "(first: g=2)"
    )
    curve().raise_unless_converged("steps")


def test_results_and_their_error_travel() -> None:
    for found in (curve("raise it"), grid()):
        copy = pickle.loads(pickle.dumps(found))
        assert repr(copy) == repr(found)
        assert copy.to_dataset().drop_attrs().equals(found.to_dataset().drop_attrs())
    failure = pickle.loads(pickle.dumps(NotConvergedError("2 of 6 points", grid(), "Try again")))
    assert str(failure) == "2 of 6 points. Try again."
    assert failure.solution.q.shape == (2, 3)


def test_parameters_as_they_were_given() -> None:
    def solver(J, g, *, dt=0.1, exact=True, phi="tanh", onsager=0.0, seed=None, progress=False):  # type: ignore[no-untyped-def]
        return given(solver, locals())

    solver.__module__ = "meanfield.somewhere"
    J = np.zeros((400, 400))
    plain = solver(J, np.float64(2.0))
    assert plain["call"] == "meanfield.solver(<float64 array (400, 400)>, 2.0)"
    assert plain["g"] == 2.0
    assert type(plain["g"]) is float
    assert plain["exact"] is True
    assert plain["seed"] is None
    assert "progress" not in plain
    switched = Switching([1.0], [0, 1])
    more = solver([1, 2], 2, exact=False, phi=transfer_function("erf"), onsager=switched, seed=1)
    assert more["call"] == (
        "meanfield.solver([1, 2], 2, exact=False, phi='erf', onsager=Switching(times=(1.0,), "
        "values=(0.0, 1.0)), seed=1)"
    )
    assert more["onsager"] == "Switching(times=(1.0,), values=(0.0, 1.0))"
    assert "onsager=<function " in solver(J, 1, onsager=lambda t: 0.0)["call"]
    assert solver(curve(), 1)["call"] == "meanfield.solver(<Curve>, 1)"
    for kind in (np.float32, np.dtype(np.float32)):
        assert solver(J, 1, phi=kind)["phi"] == "float32"
