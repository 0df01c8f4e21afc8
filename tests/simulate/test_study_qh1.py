"""[QH] Fig. 1 at tiny size: three neurons, flows and fixed points, activity in both phases."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from meanfield import ArgumentError, load
from meanfield.common import seeds
from meanfield.common.study import Answer, quoted
from simulate import couplings, force, integrate, maximal_lyapunov, reproduce

FLOWS: dict[str, Any] = {
    "n": 60, "n_draws": 40, "n_trajectories": 6, "t_flow": 30.0, "t_max": 20.0,
    "t_lyapunov": 120.0, "n_shown": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    return reproduce("qh1", output=tmp_path_factory.mktemp("qh1"), **FLOWS)


@pytest.fixture(scope="module")
def data(found: Answer) -> xr.Dataset:
    return found.data["converged"]


def test_files_hold_picture_data_and_caption(found: Answer, data: xr.Dataset) -> None:
    assert [Path(path).name for path in found.files] == ["qh1.nc", "qh1.png", "qh1.md"]
    assert found.caption in found.files[-1].read_text(encoding="utf-8")
    assert "nan" not in found.caption
    assert set(load(found.files[0]).data_vars) == set(data.data_vars)


def test_three_neurons_are_the_first_draw_with_one_stable_pair(
    found: Answer, data: xr.Dataset
) -> None:
    chosen = int(data.draw_shown)
    assert data.stable_pairs[chosen] == 1
    assert np.all(data.stable_pairs[:chosen] != 1)
    assert np.all(data.index_sum == 1)
    assert data.n_incomplete == 0
    share = float((data.stable_pairs == 1).mean())
    assert 0 < share < 1
    assert float(data.pair_share) == share
    error = np.sqrt(share * (1 - share) / FLOWS["n_draws"])
    assert float(data.pair_share_err) == pytest.approx(error)
    assert quoted(share, error) in found.caption
    J = data.J.sel(g_flow=[1.2, 0.8])
    np.testing.assert_allclose(J[1] / 0.8, J[0] / 1.2, atol=1e-15)
    exact = couplings.elliptic(3, 1.2, 0.1, seed=seeds.member(0, chosen))
    np.testing.assert_array_equal(J[0], exact)


def test_crosses_are_zeros_and_flows_end_at_stable_ones(data: xr.Dataset) -> None:
    for gain, count in ((1.2, 3), (0.8, 1)):
        here = data.sel(g_flow=gain)
        known = np.isfinite(here.zero_unstable.values)
        zeros, unstable = here.zero_x.values[:, known], here.zero_unstable.values[known]
        assert zeros.shape[1] == count == here.n_zeros
        assert here.n_stable == (unstable == 0).sum()
        assert bool(here.null_stable) == (count == 1)
        J = here.J.values
        assert np.abs(force(zeros, J)).max() < 1e-9
        stable = zeros[:, unstable == 0]
        ends = here.x.isel(t=-1).values
        distance = np.linalg.norm(ends[:, :, None] - stable[:, None, :], axis=0).min(axis=1)
        assert distance.max() < 0.1
        speed = (here.velocity**2).sum("neuron")
        np.testing.assert_allclose(here.energy, speed / 2, rtol=1e-12, atol=1e-30)
        assert here.energy_end == here.energy.isel(t=-1).max()


def test_flow_is_that_of_integrate(data: xr.Dataset) -> None:
    here = data.sel(g_flow=1.2)
    run = integrate(here.J.values, here.x.isel(t=0).values, t_max=2.0, dt=0.01, method="rk4")
    np.testing.assert_allclose(here.x.sel(t=2.0, method="nearest"), run.x_end, atol=5e-3)


def test_null_phase_falls_silent(found: Answer, data: xr.Dataset) -> None:
    null, chaotic = data.sel(g=0.8), data.sel(g=2.0)
    assert null.onset < 1 < chaotic.onset
    np.testing.assert_allclose(data.onset, data.g * 1.1)
    assert null.lyapunov + 3 * null.lyapunov_err < 0
    assert np.abs(null.activity[:, -1]).max() < 0.1 * np.abs(null.activity[:, 0]).max()
    assert quoted(float(null.lyapunov), float(null.lyapunov_err)) in found.caption
    assert set(data.status.values) == {"converged"}


def test_both_phases_have_the_same_couplings(data: xr.Dataset) -> None:
    own = seeds.member(0, 0)
    for gain in (0.8, 2.0):
        J = couplings.elliptic(60, gain, 0.1, seed=own)
        exponent = maximal_lyapunov(J, dt=0.05, t_max=120, t_skip=100, seed=own)
        assert float(data.lyapunov.sel(g=gain)) == pytest.approx(float(exponent.value), rel=1e-6)
    start = np.tanh(seeds.generator(own, "start").standard_normal(60)[:4])
    for gain in (0.8, 2.0):
        np.testing.assert_allclose(data.activity.sel(g=gain).isel(time=0), start)


def test_no_pair_among_the_draws_is_said() -> None:
    with pytest.raises(ArgumentError, match=r"n_draws=2.*raise n_draws"):
        reproduce("qh1", **{**FLOWS, "n_draws": 2})
