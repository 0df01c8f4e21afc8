"""`phase_diagram` and its command, `python -m meanfield sweep`: grids, pictures, files, tables."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from meanfield import (
    SaddlePoint,
    SweepWarning,
    TransferFunction,
    load,
    phase_diagram,
    saddle_point,
)
from meanfield.command_line import main
from meanfield.common.store import Store
from meanfield.studies.phase_diagram import PHASE_DIAGRAM, fluctuation_response, order_parameters

Capture = pytest.CaptureFixture[str]

FILES = {
    "static.nc", "paramagnetic.nc", "order-parameters.png", "fluctuation-response.png",
    "phase-diagram.md",
}  # fmt: skip


def call(options: str, folder: Path) -> int:
    return main(["sweep", *options.split(), "--output", str(folder)])


def test_grid_is_labelled_and_equals_the_solver() -> None:
    grid = phase_diagram([0.8, 1.2, 1.3], [0.0, 0.5], branch="paramagnetic", beta=20.0)
    assert dict(grid.sizes) == {"gamma": 2, "g": 3}
    assert grid.q.dims == ("gamma", "g")
    alone = saddle_point(1.2, 0.5, beta=20.0, branch="paramagnetic")
    assert float(grid.q.sel(g=1.2, gamma=0.5)) == float(alone.q)
    for variable in [*grid.data_vars.values(), *grid.coords.values()]:
        assert variable.attrs["long_name"]
    assert grid.q.attrs["units"] == "1"
    assert grid.attrs["beta"] == 20.0
    assert grid.attrs["tol"] == 1e-10
    assert {"phi", "branch", "numpy_version", "quasipotential_version", "created"} <= set(
        grid.attrs
    )
    np.testing.assert_allclose(grid.critical_gain, [1, 2 / 3])
    np.testing.assert_allclose(grid.measure_transition_gain, [1, np.sqrt(2 / 3)])


def test_unsolved_points_are_flagged_not_filled() -> None:
    grid = phase_diagram([1.1, 1.2], 1.0, branch="static")
    assert grid.converged.values.tolist() == [[True, False]]
    assert np.isnan(grid.Q.values[0, 1])
    assert "monotone" in str(grid.reason.values[0, 1])


def test_chunks_do_not_change_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    whole = phase_diagram(np.linspace(0.5, 1.5, 7), [-0.4, 0.3], branch="stable", beta=30.0)
    monkeypatch.setattr(sys.modules["meanfield.replica.solver"], "_CHUNK_TWO_FIELDS", 3)
    parts = phase_diagram(np.linspace(0.5, 1.5, 7), [-0.4, 0.3], branch="stable", beta=30.0)
    for name in ("q", "Q", "r", "R", "X", "P", "free_entropy"):
        np.testing.assert_array_equal(whole[name].values, parts[name].values)


@pytest.mark.parametrize("branch", ["static", "paramagnetic"])
def test_rows_are_solved_as_the_whole(branch: str) -> None:
    g, gamma = np.linspace(0.5, 1.2, 8), np.array([-0.3, 0.0, 0.6, 1.0])
    grid = phase_diagram(g, gamma, branch=branch)
    whole = saddle_point(g, gamma[:, None], branch=branch, throw=False)
    for name in ("q", "Q", "r", "R", "X", "P", "chi", "free_entropy", "residual", "iterations"):
        np.testing.assert_array_equal(grid[name], getattr(whole, name))
    for name in ("stable", "converged", "branch_of", "sheet_of", "reason"):
        assert grid[name].values.tolist() == getattr(whole, name).tolist()


def test_rows_are_kept_and_done_by_processes(tmp_path: Path) -> None:
    alone = phase_diagram([0.7, 1.2], [0.0, 0.5], branch="static")
    twice = [
        phase_diagram([0.7, 1.2], [0.0, 0.5], branch="static", store=tmp_path, workers=2)
        for _ in range(2)
    ]
    for found in twice:
        assert found.equals(alone)
    assert len(Store(tmp_path).read()) == 2


def test_a_row_that_breaks_down_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meanfield.studies import phase_diagram as module

    def broken(g: Any, gamma: Any, **how: Any) -> SaddlePoint:
        if np.any(gamma):
            raise np.linalg.LinAlgError("singular")
        return saddle_point(g, gamma, **how)

    monkeypatch.setattr(module, "saddle_point", broken)
    with pytest.warns(SweepWarning, match="1 of 2 points failed"):
        grid = phase_diagram([0.7, 1.2], [0.0, 0.5], branch="static", store=tmp_path)
    assert grid.converged.values.tolist() == [[True, True], [False, False]]
    assert grid.reason.values.tolist() == [["", ""], ["singular", "singular"]]
    assert np.isnan(grid.Q.sel(gamma=0.5)).all()


def test_netcdf_round_trip(tmp_path) -> None:  # type: ignore[no-untyped-def]
    grid = phase_diagram([0.7, 1.2], [0.5, 1.0], branch="static")
    grid.to_netcdf(tmp_path / "grid.nc", engine="scipy")
    back = xr.load_dataset(tmp_path / "grid.nc")
    for name in grid.data_vars:
        np.testing.assert_array_equal(back[name].values.astype(grid[name].dtype), grid[name].values)
    assert back.attrs["phi"] == "tanh"


def test_figures_carry_the_symbols_of_the_paper() -> None:
    grids = [
        phase_diagram(np.linspace(0.4, 1.2, 9), [0.0, 0.5], branch="static"),
        phase_diagram(np.linspace(0.4, 1.2, 9), [0.0, 0.5], branch="paramagnetic"),
    ]
    figure = order_parameters(grids)
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels[:6] == ["$Q$", "$G = r - R$", "$X_d$", "$q$", "$r$", "$X_d$"]
    assert all(axis.get_xlabel() == "gain $g$" for axis in figure.axes[:6])
    assert figure.axes[6].get_ylabel() == r"symmetry $\gamma$"
    relations = fluctuation_response(grids)
    assert [axis.get_ylabel() for axis in relations.axes[:3]] == [
        r"$\beta\sigma_{x\phi}$",
        r"$\beta\sigma_{x\phi}$",
        "$r - R$",
    ]


@pytest.mark.parametrize(
    ("g", "gamma", "message"),
    [
        ([], 0.0, "g: expected a non-empty"),
        ([1.0], [[0.1]], "gamma: expected"),
        ([-1.0], 0.0, "g=-1"),
        ([1.0, 1.0], 0.0, "g: the axis must be strictly increasing"),
    ],
)
def test_bad_axes(g: list[float], gamma: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        phase_diagram(g, gamma, branch="static")  # type: ignore[arg-type]


def test_lines_scale_with_the_slope() -> None:
    steep = TransferFunction(
        name="steep",
        phi=lambda x: 2 * np.tanh(x),
        d1=lambda x: 2 * (1 - np.tanh(x) ** 2),
        d2=lambda x: -4 * np.tanh(x) * (1 - np.tanh(x) ** 2),
        bound=2.0,
    )
    grid = phase_diagram([0.3, 0.6], 0.0, branch="static", phi=steep)
    assert float(grid.critical_gain[0]) == 0.5
    assert float(grid.measure_transition_gain[0]) == 0.5
    assert grid.Q.values[0, 0] == 0
    assert grid.Q.values[0, 1] > 0
    with pytest.raises(ValueError, match=r"beta=.*must be a real number"):
        phase_diagram([0.3], 0.0, branch="paramagnetic", beta=[1.0, 2.0])  # type: ignore[arg-type]


def test_dashes_mark_the_unstable_part() -> None:
    grid = phase_diagram(np.linspace(0.4, 1.2, 17), 0.5, branch="static")
    axis = order_parameters([grid]).axes[0]
    solid, dashed = axis.lines[:2]
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    line = float(grid.critical_gain[0])
    shown = [curve.get_xdata()[np.isfinite(curve.get_ydata())] for curve in (solid, dashed)]
    assert shown[0].max() <= line
    assert shown[1].min() >= line - 0.05
    # The relations of the static branch leave its unstable part out.
    points = fluctuation_response([grid]).axes[0].lines[0].get_xydata()
    assert np.isfinite(points).all(axis=1).sum() == int(grid.stable.sum())


def test_sweep_writes_data_and_figures(tmp_path: Path) -> None:
    """In a subprocess, from a directory that is not the repository."""
    done = subprocess.run(
        [sys.executable, "-m", "meanfield", "sweep", "--g", "0.4:1.2:9", "--gamma", "-0.2,0.5,1.0"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    folder = tmp_path / "results" / "phase-diagram"
    assert {path.name for path in folder.iterdir()} == FILES
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["static", "inf", "0", "27", "26"] in [row[:5] for row in rows]
    assert ["paramagnetic", "inf", "0", "27", "27"] in [row[:5] for row in rows]
    assert "worst_residual" in done.stdout
    assert "1 × k = g^2 gamma G reaches 1" in done.stdout
    grid = load(folder / "paramagnetic.nc")
    expected = saddle_point(1.2, 0.5, branch="paramagnetic")
    assert float(grid.q.sel(g=1.2, gamma=0.5)) == float(expected.q)
    page = (folder / "phase-diagram.md").read_text()
    for name in ("order-parameters.png", "fluctuation-response.png"):
        assert f"]({name})" in page
    assert "`python -m meanfield sweep --seed 0 --g 0.4,0.5," in page


def test_numbers_of_the_table() -> None:
    data = PHASE_DIAGRAM.run(g=[0.6, 0.9, 1.2], gamma=[-0.2, 0.5, 1.0])
    for branch in ("static", "paramagnetic"):
        grid = phase_diagram([0.6, 0.9, 1.2], [-0.2, 0.5, 1.0], branch=branch)
        ours, known = data.sel(branch=branch), grid.converged
        for name in ("q", "G", "residual", "reason"):
            np.testing.assert_array_equal(ours[name], grid[name])
        residual = grid.residual.where(known)
        assert ours.worst_residual == residual.max()
        assert residual.sel(g=ours.worst_g, gamma=ours.worst_gamma) == residual.max()
        assert ours.worst_quadrature_error == grid.quadrature_error.max()
        assert ours.n_unstable == (known & ~grid.stable).sum()
        assert ours.n_unstable_negative == (known & ~grid.stable).sel(gamma=-0.2).sum()
        assert (ours.points, ours.n_converged) == (9, known.sum())


def test_sweep_with_all_options(tmp_path: Path) -> None:
    options = "--g 0.8 --gamma -0.5:0.5:3 --beta 20 --branch stable --phi erf --eta 0.1 --tol 1e-9"
    assert call(options, tmp_path) == 0
    grid = load(tmp_path / "stable.nc")
    assert grid.attrs["phi"] == "erf"
    assert grid.attrs["beta"] == 20
    assert grid.attrs["eta"] == pytest.approx(0.1)
    assert grid.attrs["tol"] == 1e-9
    assert bool(grid.converged.all())


def test_the_static_branch_stays_cold(tmp_path: Path) -> None:
    assert call("--g 0.8 --gamma 0 --beta 20 --branch paramagnetic,static", tmp_path) == 0
    static, measure = (load(tmp_path / f"{name}.nc") for name in ("static", "paramagnetic"))
    assert (static.attrs["branch"], static.attrs["beta"]) == ("static", np.inf)
    assert (measure.attrs["branch"], measure.attrs["beta"]) == ("paramagnetic", 20)
    expected = saddle_point(0.8, 0.0, beta=20.0, branch="paramagnetic")
    assert measure.q.item() == expected.q


def test_sheets(tmp_path: Path) -> None:
    options = "--g 1.5 --gamma -0.5 --beta 100 --branch paramagnetic --sheet null"
    assert call(options, tmp_path) == 0
    expected = saddle_point(1.5, -0.5, beta=100.0, branch="paramagnetic", sheet="null")
    assert load(tmp_path / "paramagnetic.nc").q.item() == expected.q


def test_sweep_of_unstable_points_only(tmp_path: Path) -> None:
    assert call("--g 0.9 --gamma 0.5", tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_that_there_is_no_solution_is_an_answer(tmp_path: Path, capsys: Capture) -> None:
    assert call("--branch ordered --beta 1 --g 0.8 --gamma 0.5", tmp_path) == 0
    error = capsys.readouterr().err
    assert error.startswith("warning: no point converged on branch ordered: ")
    assert error.count("\n") == 1
    assert load(tmp_path / "ordered.nc").status.item() == "absent"


def test_a_sweep_that_breaks_down_is_exit_code_1(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meanfield.studies import phase_diagram as module

    def broken(g: Any, gamma: Any, **how: Any) -> SaddlePoint:
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr(module, "saddle_point", broken)
    assert call("--g 0.8 --gamma 0.5", tmp_path) == 1
    assert capsys.readouterr().err == "error: singular\n"


def test_a_branch_without_a_solution_is_a_warning(tmp_path: Path, capsys: Capture) -> None:
    assert call("--branch paramagnetic,ordered --beta 1 --g 0.8 --gamma 0.5", tmp_path) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("warning: no point converged on branch ordered: ")
    assert load(tmp_path / "paramagnetic.nc").converged.all()
    assert not load(tmp_path / "ordered.nc").converged.any()


def test_help(capsys: Capture) -> None:
    assert main(["sweep", "--help"]) == 0
    printed = capsys.readouterr().out
    assert "Usage: python -m meanfield sweep" in printed
    assert "results/phase-diagram" in printed
    assert "Of: static, paramagnetic, ordered, stable." in " ".join(printed.split())


def test_each_branch_says_at_which_beta_it_is(tmp_path: Path, capsys: Capture) -> None:
    assert call("--g 0.8 --gamma 0 --beta 50 --eta 0.1 --csv", tmp_path) == 0
    assert "static: infinite, whatever --beta says" in capsys.readouterr().out
    for branch, where in (("static", (np.inf, 0.0)), ("paramagnetic", (50.0, 0.1))):
        table = pd.read_csv(tmp_path / f"{branch}.csv")
        assert tuple(table.loc[0, ["beta", "eta"]]) == where
        data = load(tmp_path / f"{branch}.nc")
        assert (data.attrs["beta"], data.attrs["eta"]) == where


def test_kept_rows_of_one_grid_of_gains(tmp_path: Path) -> None:
    how: dict[str, Any] = {"branch": ["stable"], "beta": 10.0, "store": tmp_path}
    PHASE_DIAGRAM.run(g=[1.0], gamma=[0.5], **how)
    (cost,) = PHASE_DIAGRAM.plan(g=[1.0], gamma=[0.2, 0.5], **how)
    assert (cost.points, cost.kept) == (2, 1)
    assert PHASE_DIAGRAM.run(g=[1.2], gamma=[0.5], **how).sizes["g"] == 1
    # What is solved in one call is timed.
    (cost,) = PHASE_DIAGRAM.plan(g=[1.0], gamma=[0.5], store=tmp_path)
    assert (cost.points, len(cost.seconds)) == (1, 1)
