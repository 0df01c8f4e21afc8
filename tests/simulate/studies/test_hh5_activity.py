"""[HH] Fig. 5 at small size: densities, theory, and the U shape that the printed step makes."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from meanfield import load
from meanfield.common.study import CONVERGED, PRINTED, Answer, answer, as_tables
from simulate.studies.hh5_activity import HH5

SMALL: dict[str, Any] = {
    "n": 120, "g_large": 14.0, "trials": 2, "t_switch": 20.0, "t_after": 20.0,
    "n_trajectories": 24, "n_samples": 81,
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    folder = tmp_path_factory.mktemp("hh5")
    return answer(HH5, preset="quick", output=folder, seed=1, **SMALL)


@pytest.fixture
def data(found: Answer) -> dict[str, xr.Dataset]:
    return found.data


def test_files_and_numbers(found: Answer) -> None:
    files = {path.name: path for path in found.files}
    assert set(files) == {f"hh5{v}.{e}" for v in ("", "-printed") for e in ("nc", "png")} | {
        "hh5.md"
    }
    text = files["hh5.md"].read_text()
    for table in as_tables(HH5, {CONVERGED: load(files["hh5.nc"]), PRINTED: found.data[PRINTED]}):
        assert table in text
    total = found.data[CONVERGED].explained.sel(start="near").sum()
    assert f"{float(total):.4g}" in text
    assert f"{found.data[CONVERGED].phi2_theory.item():.4g}" in text


def test_densities(data: dict[str, xr.Dataset]) -> None:
    for part in data.values():
        np.testing.assert_allclose(part.phi_density.sum("phi_center") * 2 / 50, 1, rtol=1e-12)
        # Second moment of the histogram against the mean of φ², to the width of its bins.
        second = (part.phi_density * part.phi_center**2).sum("phi_center") * 2 / 50
        np.testing.assert_allclose(second, part.phi2, atol=0.02)


def test_chaos_is_u_shaped_in_phi_and_keeps_its_shape(data: dict[str, xr.Dataset]) -> None:
    part = data[CONVERGED]
    assert float(part.edge.sel(panel="a").mean()) > float(part.centre.sel(panel="a").mean())
    # Within the spread of two networks of 160: the theory is for N → ∞.
    assert abs(float(part.phi2.sel(panel="a").mean()) - float(part.phi2_theory)) < 0.2
    assert np.all(part.energy_panel.sel(panel="b") < part.energy_panel.sel(panel="a"))


def test_the_step_makes_the_u_shape_at_large_gain(data: dict[str, xr.Dataset]) -> None:
    printed, flow = (data[v].sel(panel="c") for v in (PRINTED, CONVERGED))
    assert np.all(flow.energy_rise_fraction == 0)
    assert np.all(printed.energy_rise_fraction > 0.3)
    assert np.all(0.01 * printed.stiffness > 2)
    assert np.all(printed.unstable_step)
    assert not np.any(flow.unstable_step)
    assert np.all(printed.energy_panel > 10 * flow.energy_panel)
    assert float(printed.edge.mean()) > float(printed.centre.mean())
    assert float(flow.edge.mean()) < float(flow.centre.mean())


def test_explained_variance_is_that_of_the_starts(data: dict[str, xr.Dataset]) -> None:
    for part in data.values():
        total = part.explained.sum("component")
        np.testing.assert_allclose(part.explained_total, total)
        assert float(total.sel(start="near")) > float(total.sel(start="independent")) + 0.1
        assert np.all((part.explained > 0) & (total < 1))
        # Energy falls along the flow of every trajectory.
        after = part.energy.sel(t=slice(part.attrs["t_projection"] / 2, None))
        assert np.all(after.diff("t") < 0)
    both = [data[v].explained for v in (CONVERGED, PRINTED)]
    np.testing.assert_allclose(*both, atol=0.02)
