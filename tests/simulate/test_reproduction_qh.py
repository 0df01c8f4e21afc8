"""[QH] Figs. 1, 2, 3 and 5 at tiny scale: physics of the data, captions, files."""

import numpy as np
import pytest
import xarray as xr

from meanfield import ArgumentError, phase_diagram
from simulate import couplings, force, integrate, reproduce
from simulate.reproduction import FIGURES
from simulate.reproduction.text import averaged, quoted

GRID = {"g": [0.5, 0.6, 0.75, 0.9, 1.0, 1.2], "gamma": [-0.2, 0.0, 0.5, 1.0]}
FLOWS = {
    "n": 60, "n_draws": 40, "n_trajectories": 6, "t_flow": 30.0, "t_max": 20.0,
    "t_lyapunov": 120.0, "n_shown": 4,
}  # fmt: skip
TEMPERATURES = {
    "n": [30], "beta": [1.0, 5.0], "n_couplings": 4, "n_samples": 800, "thin": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def flows(tmp_path_factory):
    return reproduce("qh1", output=tmp_path_factory.mktemp("figures") / "qh1", **FLOWS)


def test_figures_stand_in_the_order_of_the_paper() -> None:
    keys = [key for key in FIGURES if key.startswith("qh")]
    assert keys == ["qh1", "qh2", "qh3", "qh4", "qh5"]


@pytest.mark.parametrize("name", ["flows", "temperature", "order", "relation"])
def test_files_hold_picture_data_and_caption(name, request) -> None:
    found = request.getfixturevalue(name)
    assert [path.name for path in found.files] == [
        f"{found.key}.nc", f"{found.key}.png", f"{found.key}.md"
    ]  # fmt: skip
    assert found.caption in found.files[-1].read_text()
    assert "nan" not in found.caption
    assert "\n| ---" in found.caption or "\n- " in found.caption
    with xr.open_dataset(found.files[0], engine="scipy") as stored:
        assert set(stored.data_vars) == set(found.data["converged"].data_vars)


def test_three_neurons_are_the_first_draw_with_one_stable_pair(flows) -> None:
    data = flows.data["converged"]
    chosen = data.attrs["draw"]
    assert data.stable_pairs[chosen] == 1
    assert np.all(data.stable_pairs[:chosen] != 1)
    assert np.all(data.index_sum == 1)
    share = float((data.stable_pairs == 1).mean())
    assert 0 < share < 1
    error = np.sqrt(share * (1 - share) / FLOWS["n_draws"])
    assert f"{quoted(share, error)} of 40" in flows.caption
    np.testing.assert_allclose(data.J.sel(g=0.8) / 0.8, data.J.sel(g=1.2) / 1.2, atol=1e-15)


def test_crosses_are_zeros_and_flows_end_at_stable_ones(flows) -> None:
    data = flows.data["converged"]
    for gain, count in ((1.2, 3), (0.8, 1)):
        here = data.isel(zero=np.flatnonzero(data.zero_g == gain))
        J = data.J.sel(g=gain).values
        assert here.sizes["zero"] == count
        assert np.abs(force(here.zero_x.values, J)).max() < 1e-9
        stable = here.zero_x.values[:, here.zero_unstable.values == 0]
        ends = data.x.sel(g=gain).isel(t=-1).values
        distance = np.linalg.norm(ends[:, :, None] - stable[:, None, :], axis=0).min(axis=1)
        assert distance.max() < 0.1
        speed = (data.velocity.sel(g=gain) ** 2).sum("neuron")
        np.testing.assert_allclose(data.energy.sel(g=gain), speed / 2, rtol=1e-12, atol=1e-30)


def test_null_phase_falls_silent(flows) -> None:
    data = flows.data["converged"]
    null = data.isel(phase=0)
    assert null.phase_g * (1 + data.attrs["gamma"]) < 1
    assert null.lyapunov + 3 * null.lyapunov_err < 0
    assert np.abs(null.activity[:, -1]).max() < 0.1 * np.abs(null.activity[:, 0]).max()
    assert data.isel(phase=1).phase_g * (1 + data.attrs["gamma"]) > 1
    assert quoted(float(null.lyapunov), float(null.lyapunov_err)) in flows.caption


def test_no_pair_among_the_draws_is_said() -> None:
    with pytest.raises(ArgumentError, match=r"n_draws=2.*raise n_draws"):
        reproduce("qh1", **{**FLOWS, "n_draws": 2})


def test_flow_is_that_of_integrate(flows) -> None:
    data = flows.data["converged"]
    start = data.x.sel(g=1.2).isel(t=0).values
    run = integrate(data.J.sel(g=1.2).values, start, t_max=2.0, dt=0.01, method="rk4")
    np.testing.assert_allclose(data.x.sel(g=1.2, t=2.0), run.x_end, atol=5e-3)


