"""Spectra of networks beside N → ∞, and their end in the gradient flow."""

import numpy as np
import pytest
import xarray as xr

from simulate.studies.spectrum import SPECTRUM


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    return SPECTRUM.run(
        gamma=[0.0], g=[5.0], n=[100, 200], onsager=[1.0], trials=3, t_max=90.0, t_skip=30.0,
        paths=64, share=0.3, force_n=50, force_g=4.0, seed=1, workers=1,
    )  # fmt: skip


@pytest.mark.slow
def test_networks_are_near_the_theory(found: xr.Dataset) -> None:
    """F within 0.02, five errors of three networks of 200; dimension and entropy by their fit."""
    one = found.sel(gamma=0.0, g=5.0)
    near = one.F.sel(n=200).mean("replicate", skipna=False) - one.F_theory
    assert np.abs(near).max() < 0.02
    assert near.notnull().sum() >= 25
    for name in ("dimension", "entropy"):
        limit, theory = one[f"{name}_limit"], one[f"{name}_theory"]
        assert abs(limit - theory) < 5 * one[f"{name}_limit_err"]
        # A fit of two sizes runs through both.
        small, large = one[name].mean("replicate")
        assert float(limit) == pytest.approx(2 * float(large) - float(small), rel=1e-9)


@pytest.mark.slow
def test_no_chaos_in_the_gradient_flow(found: xr.Dataset) -> None:
    """Within what an average over 60 time constants leaves of transients."""
    assert (found.lyapunov.sel(n=200) > 0.2).all()
    assert (found.lyapunov_force < 0.02).all()
    assert (found.dimension_force < 0.1).all()


def test_of_one_network_no_limit_is_told() -> None:
    data = SPECTRUM.run(
        gamma=[0.0], g=[0.9], n=[10, 12], onsager=[1.0], trials=1, t_max=20.0, t_skip=5.0, seed=0,
        workers=1,
    )  # fmt: skip
    assert data.dimension_limit.isnull().all()
    # Rest, where g < 1.
    assert data.dimension_theory.item() == 0.0


@pytest.mark.slow
def test_the_picture(found: xr.Dataset) -> None:
    figure = SPECTRUM.draw(found)
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels.count("$D_{KY}/N$") == labels.count("$h/N$") == 2
    assert all(axis.get_xlabel() for axis in figure.axes)
