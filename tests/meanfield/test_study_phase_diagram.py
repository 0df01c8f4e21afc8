"""`python -m meanfield sweep`: files, tables, exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from meanfield import load, phase_diagram, saddle_point
from meanfield.command_line import main
from meanfield.studies.phase_diagram import PHASE_DIAGRAM

Capture = pytest.CaptureFixture[str]

FILES = {
    "static.nc", "paramagnetic.nc", "order-parameters.png", "fluctuation-response.png",
    "phase-diagram.md",
}  # fmt: skip


def call(options: str, folder: Path) -> int:
    return main(["sweep", *options.split(), "--output", str(folder)])


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
    assert ["static", "27", "26"] in [row[:3] for row in rows]
    assert ["paramagnetic", "27", "27"] in [row[:3] for row in rows]
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--bogus", "No such option"),
        ("--g -0.4:1.2:5", "g=-0.4: must be positive"),
        ("--g 0:1:5", "g=0: must be positive"),
        ("--g nan", "g=nan"),
        ("--g 1.2:0.4:9", "empty range"),
        ("--g 0.4:1.2:0", "COUNT must lie in"),
        ("--g a:b:c", "expected START:STOP:COUNT"),
        ("--gamma 0:1.5:4", "gamma=1.5: must lie in"),
        ("--gamma inf:1:3", "must be finite"),
        ("--beta 0", "must be positive"),
        ("--beta nan", "must be positive"),
        ("--eta 0.1", "eta > 0 needs finite beta"),
        ("--branch ordered", "needs finite beta"),
        ("--branch frozen", "branch='frozen': expected one of"),
        ("--branch static,frozen", "branch='frozen': expected one of"),
        ("--phi relu", "is not one of"),
        ("--tol 0", "must be positive"),
        ("--g 1,1", "a value stands twice"),
        ("--branch static --sheet null", "needs branch='paramagnetic'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    assert call(arguments, tmp_path / "out") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("error: ")
    assert words in printed.err
    assert list(tmp_path.iterdir()) == []


def test_unwritable_output_leaves_nothing(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "taken").write_text("a file, not a directory")
    for target in ("taken", "taken/below"):
        assert call("--g 1.0 --gamma 0", tmp_path / target) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "taken" in error
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_forbidden_output(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    assert call("--g 1.0 --gamma 0", locked / "out") == 2
    assert list(locked.iterdir()) == []


def test_sweep_of_unstable_points_only(tmp_path: Path) -> None:
    assert call("--g 0.9 --gamma 0.5", tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_sweep_without_a_solution_is_exit_code_1(tmp_path: Path, capsys: Capture) -> None:
    assert call("--branch ordered --beta 1 --g 0.8 --gamma 0.5", tmp_path) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: no point converged on branch ordered: ")
    assert error.count("\n") == 1


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
