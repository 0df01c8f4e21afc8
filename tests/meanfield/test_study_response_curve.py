"""`python -m meanfield response-curve`: files, tables, exit codes."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from meanfield import load, response_curve
from meanfield.command_line import main
from meanfield.common.study import quoted
from meanfield.studies.response_curve import RESPONSE_CURVE

Capture = pytest.CaptureFixture[str]

SMALL = (
    "--quick --g 0.6,1.1 --n-trajectories 1024 --batches 2 --t-skip 5 --t-max 20 --window 5 "
    "--dt 0.2"
)


def call(options: str, folder: Path) -> int:
    return main(["response-curve", *options.split(), "--workers", "1", "--output", str(folder)])


def saved(folder: Path) -> xr.Dataset:
    return load(folder / "response-curve.nc")


def test_dataset_figure_and_provenance(tmp_path: Path, capsys: Capture) -> None:
    assert call(f"{SMALL} --seed 7", tmp_path / "out") == 0
    names = {f"response-curve.{end}" for end in ("nc", "png", "md")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*names, "points"}
    printed = capsys.readouterr()
    assert "wrote response-curve.nc, response-curve.png, response-curve.md" in printed.out
    # No progress bar in a pipe; a steady state this short is not converged and says so.
    assert all(line.startswith("warning: ") for line in printed.err.splitlines())
    data = saved(tmp_path / "out")
    assert data.attrs["phi"] == "tanh"
    assert data.attrs["seed"] == 7
    assert data.attrs["n_trajectories"] == 1024
    assert {"quasipotential_version", "numpy_version", "created"} <= set(data.attrs)
    for point in (data.sel(g=1.1, gamma=gamma) for gamma in (0.2, 0.5)):
        assert quoted(float(point.q), float(point.q_err)) in printed.out
        assert quoted(float(point.r_int), float(point.r_int_err)) in printed.out
        assert point.reason.item() in printed.out


def test_same_seed_same_numbers(tmp_path: Path) -> None:
    runs = []
    for folder, options in (("a", ""), ("b", " --threads 2"), ("c", " --seed 1")):
        assert call(SMALL + options, tmp_path / folder) == 0
        runs.append(saved(tmp_path / folder))
    first, second, other = runs
    assert first.equals(second)
    assert not np.array_equal(first.q, other.q)
    options = {"n_trajectories": 1024, "batches": 2, "t_skip": 5, "t_max": 20, "window": 5}
    alone = response_curve([0.6, 1.1], [0.0, 0.2, 0.5], seed=0, dt=0.2, **options)
    np.testing.assert_array_equal(first.q, alone.q)
    np.testing.assert_array_equal(first.seed, alone.seed)


def test_lines_of_the_theory_and_peaks(tmp_path: Path) -> None:
    assert call(SMALL, tmp_path) == 0
    data = saved(tmp_path)
    assert data.q.shape == (3, 2)
    assert {"Q_static", "G_static", "converged", "reason", "seed"} <= set(data)
    # The peak of G is on the line: G = 1/g at the critical gain.
    peaks = data.G_line.max("g_line")
    np.testing.assert_allclose(peaks, 1 / data.critical_gain, rtol=1e-9)
    np.testing.assert_allclose(data.r_int_line, 1 / data.critical_gain)
    np.testing.assert_array_equal(data.r_int_largest, data.r_int.max("g"))
    for gamma in data.gamma.values:
        row = data.sel(gamma=gamma)
        assert row.r_int.sel(g=row.g_largest) == row.r_int_largest
        assert row.r_int_err.sel(g=row.g_largest) == row.r_int_largest_err
    assert data.g_nearest.values.tolist() == [1.1, 0.6, 0.6]
    assert data.n_beyond.values.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(data.n_static_above, (data.Q_static > data.q).sel(g=1.1))
    np.testing.assert_array_equal(data.n_converged, data.converged.sum("g"))


def test_one_gain(tmp_path: Path) -> None:
    assert call("--g 0.5 --gamma 0", tmp_path) == 0
    assert np.isnan(saved(tmp_path).g_nearest)


def test_a_symmetry_without_solutions() -> None:
    with pytest.warns(UserWarning, match="1 of 2 points failed"):
        data = RESPONSE_CURVE.run(g=[1.5], gamma=[-0.9, 0.0], phi="linear")
    assert np.isnan(data.r_int_largest.sel(gamma=0.0))
    assert data.n_beyond.values.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--g 1.1:0.5:3", "empty range"),
        ("--gamma 0.5,0.2", "gamma: the axis must be strictly increasing"),
        ("--gamma 0.5 --window 0", "window=0: must be positive"),
        ("--g 1.0 --gamma 0.5 --t-max 20", "t_max=20: must be at least"),
        ("--batches 0", "0 is not in the range"),
        ("--g 1.0 --gamma 0.5 --batches 1", "batches=1"),
        ("--n-trajectories many", "not a valid integer"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    options: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    assert call(options, tmp_path / "out") == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert words in printed.err
    assert printed.out == ""
    assert not (tmp_path / "out").exists()


def test_unwritable_output(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "taken").write_text("a file, not a directory")
    assert call("", tmp_path / "taken" / "below") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_no_answer_is_exit_code_1(tmp_path: Path, capsys: Capture) -> None:
    """Linear networks beyond the line: nothing stationary."""
    assert call("--phi linear --g 1.5 --gamma 0", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help(capsys: Capture) -> None:
    assert main(["response-curve", "--help"]) == 0
    assert "[QH] Fig. 4" in capsys.readouterr().out
