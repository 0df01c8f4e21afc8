"""[QH] Fig. 5 at tiny scale: the fluctuation–response identity on both branches."""

from pathlib import Path

import numpy as np
import pytest

from meanfield import load, phase_diagram
from meanfield.common.study import Answer, answer
from simulate import couplings
from simulate.studies.qh5_fluctuation_response import QH5

GRID = {"g": [0.5, 0.6, 0.75, 0.9, 1.0, 1.2], "gamma": [-0.2, 0.0, 0.5, 1.0]}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    return answer(QH5, output=tmp_path_factory.mktemp("qh5"), **GRID)


def test_files(found: Answer) -> None:
    assert [path.name for path in found.files] == ["qh5.nc", "qh5.png", "qh5.md"]
    stored = load(found.files[0])
    assert set(stored.data_vars) == set(found.data["converged"].data_vars)
    assert found.caption in found.files[-1].read_text()
    assert "NaN" not in found.caption


def test_grids_are_those_of_phase_diagram(found: Answer) -> None:
    for branch in ("static", "paramagnetic"):
        grid = phase_diagram(**GRID, branch=branch)
        for name in ("q", "G", "chi", "sigma_xphi"):
            ours = found.data["converged"][name].sel(branch=branch)
            np.testing.assert_array_equal(ours, grid[name])


def test_identity_holds_on_both_branches(found: Answer) -> None:
    data = found.data["converged"]
    for branch in ("static", "paramagnetic"):
        error = data.identity_error.sel(branch=branch)
        assert np.isfinite(error).sum() >= 8
        assert error.max() < 1e-9
    measure = data.sel(branch="paramagnetic")
    finite = measure.q > 0
    np.testing.assert_array_equal(np.isfinite(measure.identity_error), finite)
    row = data.sel(stretch="paramagnetic, q > 0")
    assert row.identity_points == finite.sum()
    assert row.identity_largest == measure.identity_error.max()
    assert f"{float(row.identity_largest):.4g}" in found.caption
    null = data.Q.sel(branch="static") == 0
    errors = data.identity_error.sel(branch="static")
    for stretch, part in (("static, null", null), ("static, beyond its line", ~null)):
        assert data.identity_points.sel(stretch=stretch) == errors.where(part).notnull().sum()
        assert data.identity_largest.sel(stretch=stretch) == errors.where(part).max()


def test_null_state_fluctuates_as_the_linear_network(found: Answer) -> None:
    data = found.data["converged"].sel(branch="static")
    g, gamma, n = 0.6, 0.5, 800
    matrix = np.eye(n) - couplings.elliptic(n, g, gamma, seed=3)
    # At T → 0 around x = 0: β⟨xφ⟩ = β⟨x²⟩ = Tr (AᵀA)⁻¹/N.
    measured = np.mean(np.linalg.svd(matrix, compute_uv=False) ** -2)
    assert data.sigma_xphi.sel(g=g, gamma=gamma) == pytest.approx(measured, rel=0.1)


def test_a_grid_below_every_line(tmp_path: Path) -> None:
    data = answer(QH5, output=tmp_path, g=[0.3, 0.4], gamma=[0.5]).data["converged"]
    assert data.n_beyond == data.n_positive == 0
    assert (data.n_pairs, data.n_chi_rises) == (1, 1)


def test_a_grid_beyond_every_line(tmp_path: Path) -> None:
    data = answer(QH5, output=tmp_path, g=[1.1, 1.2], gamma=[0.5]).data["converged"]
    assert np.isnan(data.chi_largest)
    assert data.n_pairs == 0
    assert (data.n_beyond, data.n_positive) == (2, 2)


def test_fluctuation_rises_towards_the_line_of_antisymmetric_couplings() -> None:
    data = QH5.run(g=[0.6, 0.8, 1.0], gamma=[-0.2])
    assert (data.n_pairs, data.n_chi_rises, data.n_response_rises) == (2, 2, 0)
