"""The command line, in a subprocess, from a directory that is not the repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

from meanfield import saddle_point

FILES = {"static.nc", "paramagnetic.nc", "order-parameters.png", "fluctuation-response.png"}


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meanfield", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_sweep_writes_data_and_figures(tmp_path: Path) -> None:
    done = run(["sweep", "--g", "0.4:1.2:9", "--gamma", "-0.2,0.5,1.0"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    folder = tmp_path / "results" / "phase-diagram"
    assert {path.name for path in folder.iterdir()} == FILES
    assert "26 of 27 converged" in done.stdout
    assert "27 of 27 converged" in done.stdout
    assert "worst residual" in done.stdout
    grid = xr.load_dataset(folder / "paramagnetic.nc")
    expected = saddle_point(1.2, 0.5, branch="paramagnetic")
    assert float(grid.q.sel(g=1.2, gamma=0.5)) == float(expected.q)


def test_sweep_with_all_options(tmp_path: Path) -> None:
    options = "--g 0.8 --gamma -0.5:0.5:3 --beta 20 --branch stable --phi erf --eta 0.1"
    done = run(["sweep", *options.split(), "--tol", "1e-9", "--output", "out"], tmp_path)
    assert done.returncode == 0, done.stderr
    grid = xr.load_dataset(tmp_path / "out" / "stable.nc")
    assert grid.attrs["phi"] == "erf"
    assert grid.attrs["beta"] == 20
    assert grid.attrs["eta"] == pytest.approx(0.1)
    assert bool(grid.converged.all())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("sweep --bogus", "No such option"),
        ("sweep --g -0.4:1.2:5", "g=-0.4: must be positive"),
        ("sweep --g 0:1:5", "g=0: must be positive"),
        ("sweep --g nan", "g=nan"),
        ("sweep --g 1.2:0.4:9", "empty range"),
        ("sweep --g 0.4:1.2:0", "COUNT must lie in"),
        ("sweep --g a:b:c", "expected START:STOP:COUNT"),
        ("sweep --gamma 0:1.5:4", "gamma=1.5: must lie in"),
        ("sweep --gamma inf:1:3", "must be finite"),
        ("sweep --beta 0", "must be positive"),
        ("sweep --beta nan", "must be positive"),
        ("sweep --branch ordered", "needs finite beta"),
        ("sweep --phi relu", "is not one of"),
        ("sweep --tol 0", "must be positive"),
        ("sweep --g 1,1", "a value stands twice"),
        ("sweep --branch static --sheet null", "--sheet needs --branch paramagnetic"),
        ("nonsense", "No such command"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: str, words: str, tmp_path: Path) -> None:
    done = run(arguments.split(), tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_unwritable_output_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a directory")
    for target in ("taken", "taken/below"):
        done = run(["sweep", "--g", "1.0", "--gamma", "0", "--output", target], tmp_path)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "taken" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_forbidden_output(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    done = run(["sweep", "--g", "1.0", "--gamma", "0", "--output", "locked/out"], tmp_path)
    assert done.returncode == 2
    assert list(locked.iterdir()) == []


def test_sweep_of_unstable_points_only(tmp_path: Path) -> None:
    done = run(["sweep", "--g", "0.9", "--gamma", "0.5", "--output", "out"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


def test_sweep_without_a_solution_is_exit_code_1(tmp_path: Path) -> None:
    options = "--branch ordered --beta 1 --g 0.8 --gamma 0.5 --output out"
    done = run(["sweep", *options.split()], tmp_path)
    assert done.returncode == 1
    assert "no point converged on branch ordered" in done.stderr
    assert "0 of 1 converged" in done.stdout


@pytest.mark.parametrize("command", [[], ["sweep"]])
def test_help(command: list[str], tmp_path: Path) -> None:
    done = run([*command, "--help"], tmp_path)
    assert done.returncode == 0
    assert "Usage: python -m meanfield" in done.stdout
