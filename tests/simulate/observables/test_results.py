"""Files, pictures and status of what is measured on states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from meanfield import load
from meanfield.common.result import Result
from simulate import (
    StepSizeWarning,
    Trajectory,
    activity_distribution,
    autocorrelation,
    couplings,
    integrate,
    principal_components,
)


def reopened(result: Result, path: Path) -> xr.Dataset:
    """The dataset of a result as its file gives it back, after it was compared."""
    data = result.to_dataset()
    result.save(path)
    loaded = load(path)
    xr.testing.assert_allclose(loaded, data, rtol=0, atol=0)
    assert all("long_name" in loaded[name].attrs for name in loaded.variables)
    assert "numpy_version" in loaded.attrs
    return loaded


def test_files_of_a_run(run: Trajectory, tmp_path: Path) -> None:
    components = principal_components(run, 2)
    read = reopened(components, tmp_path / "components.nc")
    np.testing.assert_array_equal(read.projections, components.projections)
    assert read.projections.dims == ("t", "component", "column")
    np.testing.assert_array_equal(read.t, run.t)
    correlation = autocorrelation(run, max_lag=4)
    read = reopened(correlation, tmp_path / "correlation.nc")
    np.testing.assert_array_equal(read.C, correlation.C)
    np.testing.assert_array_equal(read.tau, correlation.tau)
    assert read.attrs["error_over"] == "columns"
    distribution = activity_distribution(run, of="phi", phi="tanh", bins=7)
    read = reopened(distribution, tmp_path / "distribution.nc")
    np.testing.assert_array_equal(read.counts, distribution.counts)
    np.testing.assert_array_equal(read.edges, distribution.edges)
    assert read.attrs["n_samples"] == run.x.size
    assert (read.attrs["phi"], read.attrs["phi_of_activity"]) == ("erf", "tanh")
    assert (read.attrs["method"], read.attrs["status"]) == ("exponential", "converged")
    assert read.attrs["call"] == (
        "simulate.activity_distribution(<Trajectory>, of='phi', bins=7, phi='tanh')"
    )


def test_files_of_arrays(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((20, 3))
    read = reopened(principal_components(x, 1), tmp_path / "components.nc")
    assert read.projections.dims == ("t", "component")
    assert "t" not in read.coords
    read = reopened(autocorrelation(x[:, :1], max_lag=2), tmp_path / "correlation.nc")
    assert np.isnan(read.C_err).all()
    read = reopened(activity_distribution(x, bins=[-1, 0, 2]), tmp_path / "bins.nc")
    assert read.density.attrs["long_name"] == "density of x"


def test_pictures(run: Trajectory) -> None:
    distribution, components = activity_distribution(run, bins=7), principal_components(run, 2)
    axes = distribution.plot()
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), distribution.density)
    assert axes.get_ylabel() == "density of x"
    curves = components.plot().get_lines()
    assert len(curves) == 6
    np.testing.assert_array_equal(curves[3].get_ydata(), components.projections[:, 1, 0])
    assert principal_components(run.x, 1).plot().get_xlabel() == "state"


def test_results_of_a_flagged_run_are_flagged() -> None:
    J = couplings.elliptic(60, 6.0, seed=1)
    x0 = np.random.default_rng(1).standard_normal(60)
    with pytest.warns(StepSizeWarning):
        run = integrate(J, x0, t_max=4, dt=0.02, onsager=1.0, method="euler", save_at=9)
    for result in (
        principal_components(run, 1), autocorrelation(run, max_lag=1), activity_distribution(run)
    ):  # fmt: skip
        assert result.status == "flagged"
        assert "largest stable step" in result.reason
    assert activity_distribution(run.x).converged
