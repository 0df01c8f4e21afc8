"""[QH] Fig. 3 at tiny scale: which branch leaves zero on which line, and the response."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meanfield import ArgumentError, load, phase_diagram
from meanfield.common.study import Answer, answer
from simulate.studies.qh3_order_parameters import QH3

GRID: dict[str, Any] = {
    "g": [0.5, 0.6, 0.75, 0.9, 1.0, 1.2], "gamma": [-0.2, 0.0, 0.5, 1.0]
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    return answer(QH3, output=tmp_path_factory.mktemp("qh3"), **GRID)


def test_files(found: Answer) -> None:
    assert [path.name for path in found.files] == ["qh3.nc", "qh3.png", "qh3.md"]
    stored = load(found.files[0])
    assert set(stored.data_vars) == set(found.data["converged"].data_vars)
    assert found.caption in found.files[-1].read_text()
    assert stored.attrs["command"].startswith("python -m simulate reproduce qh3")


def test_each_branch_leaves_zero_on_its_line(found: Answer) -> None:
    data = found.data["converged"]
    static, measure = (data.sel(branch=branch) for branch in ("static", "paramagnetic"))
    beyond = data.g * (1 + data.gamma) > 1 + 1e-12
    known = static.converged
    assert np.all((static.Q > 0).where(known, beyond) == beyond)
    positive = measure.sel(gamma=measure.gamma >= 0)
    later = positive.g**2 * (1 + positive.gamma) > 1 + 1e-12
    assert np.all((positive.q > 0) == later)
    assert np.all(static.stable.where(known, False) == (known & ~beyond))
    total = int(known.sum())
    assert data.onset_agrees.values.tolist() == [total, positive.q.size]
    assert data.onset_judged.values.tolist() == [total, positive.q.size]


def test_response_is_one_plus_gamma_on_the_line(found: Answer) -> None:
    data = found.data["converged"]
    inside = np.isfinite(data.G_line)
    # The line of γ = −0.2 lies beyond the grid.
    assert inside.values.tolist() == [False, True, True, True]
    np.testing.assert_allclose(data.G_line[inside], 1 + data.gamma[inside], rtol=1e-12)
    assert data.G_line_error.max() < 1e-12
    largest = data.G.sel(branch="static").max("g")
    assert np.all(largest[inside] <= data.G_line[inside] + 1e-12)
    np.testing.assert_array_equal(data.G_excess, largest - data.G_line)
    # G = 1 up to the line at γ = 0, the elliptic law elsewhere.
    assert data.G_null_error.max() < 1e-12


def test_branches_part_where_couplings_are_correlated(found: Answer) -> None:
    data = found.data["converged"].sel(g=1.2)
    static, measure = (data.sel(branch=branch) for branch in ("static", "paramagnetic"))
    assert static.Q.sel(gamma=0.0) == pytest.approx(float(measure.q.sel(gamma=0.0)))
    # 0.5426 of one fixed point against 0.3160 of the measure.
    assert static.Q.sel(gamma=0.5) == pytest.approx(0.542571, abs=1e-6)
    assert measure.q.sel(gamma=0.5) == pytest.approx(0.315974, abs=1e-6)


def test_points_without_solution_are_counted(found: Answer) -> None:
    data = found.data["converged"]
    # γ = 1, g = 1.2: beyond the end of the static branch.
    assert (data.points - data.n_converged).values.tolist() == [1, 0]
    assert data.reasons[0].item().startswith("1 × k = g^2 gamma G reaches 1")
    assert data.reasons[1] == ""
    assert data.reasons[0].item() in found.caption


def test_grids_are_those_of_phase_diagram(found: Answer) -> None:
    for branch in ("static", "paramagnetic"):
        grid = phase_diagram(**GRID, branch=branch)
        for name in ("q", "G", "chi", "sigma_xphi"):
            ours = found.data["converged"][name].sel(branch=branch)
            np.testing.assert_array_equal(ours, grid[name])


def test_unstable_points_are_counted(found: Answer) -> None:
    data = found.data["converged"]
    unstable = data.converged & ~data.stable
    np.testing.assert_array_equal(data.n_unstable, unstable.sum(("gamma", "g")))
    np.testing.assert_array_equal(
        data.n_unstable_negative, unstable.sel(gamma=-0.2).sum("g")
    )  # fmt: skip


def test_unknown_parameter_is_refused() -> None:
    with pytest.raises(ArgumentError, match="qh3 has no such parameter"):
        QH3.run(n=40)


def test_a_grid_below_every_line(tmp_path: Path) -> None:
    data = answer(QH3, output=tmp_path, g=[0.3, 0.4], gamma=[0.5]).data["converged"]
    assert data.onset_agrees.values.tolist() == data.onset_judged.values.tolist() == [2, 2]
    assert np.isnan(data.G_line).all()
    assert np.isnan(data.G_excess).all()
    assert data.n_rises == 1


def test_response_falls_along_the_gain_for_antisymmetric_couplings() -> None:
    assert QH3.run(g=[0.6, 0.8, 1.0], gamma=[-0.2]).n_rises == 0
