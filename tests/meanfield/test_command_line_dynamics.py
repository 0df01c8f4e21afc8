"""`python -m meanfield response-curve`: files, tables, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from meanfield.command_line import cli, main

Capture = pytest.CaptureFixture[str]

STEADY = "--trajectories 1024 --batches 2 --t-skip 5 --t-max 20 --window 5 --dt 0.2"
COMMANDS = {
    "response-curve": f"response-curve --quick --g 0.6,1.1 {STEADY}",
}


def call(command: str, folder: Path) -> int:
    return main([*command.split(), "--output", str(folder)])


def load(folder: Path) -> xr.Dataset:
    (path,) = folder.glob("*.nc")
    with xr.open_dataset(path, engine="scipy") as data:
        return data.load()


@pytest.mark.parametrize("name", COMMANDS)
def test_dataset_figure_and_provenance(name: str, tmp_path: Path, capsys: Capture) -> None:
    assert call(COMMANDS[name] + " --seed 7", tmp_path / "out") == 0
    command = COMMANDS[name].split()[0]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {f"{command}.nc", f"{command}.png"}
    printed = capsys.readouterr()
    assert f"wrote {command}.nc and {command}.png" in printed.out
    assert "±" in printed.out
    # No progress bar in a pipe; a steady state this short is not converged and says so.
    assert all(line.startswith("warning: ") for line in printed.err.splitlines())
    attributes = load(tmp_path / "out").attrs
    assert attributes["phi" if name != "lyapunov" else "onsager"] in ("tanh", 0)
    assert attributes["seed"] == "7"
    assert int(attributes["n_trajectories"]) == 1024
    assert {"quasipotential_version", "numpy_version", "created"} <= set(attributes)


@pytest.mark.parametrize("name", ["response-curve"])
def test_same_seed_same_numbers(name: str, tmp_path: Path) -> None:
    runs = []
    for folder, options in (("a", ""), ("b", " --workers 1"), ("c", " --seed 1")):
        assert call(COMMANDS[name] + options, tmp_path / folder) == 0
        runs.append(load(tmp_path / folder))
    first, second, other = runs
    assert first.equals(second)
    quantity = "q" if name == "response-curve" else "C"
    assert not np.array_equal(first[quantity], other[quantity])


def test_response_curve_has_the_lines_of_the_theory(tmp_path: Path, capsys: Capture) -> None:
    assert call(COMMANDS["response-curve"], tmp_path) == 0
    data = load(tmp_path)
    assert data.q.shape == (3, 2)
    assert {"Q_static", "G_static", "converged", "reason", "seed"} <= set(data)
    # The peak of G is on the line: G = 1/g at the critical gain.
    peaks = data.G_line.max("g_line")
    np.testing.assert_allclose(peaks, 1 / data.critical_gain, rtol=1e-9)
    assert len(capsys.readouterr().out.splitlines()) == 2 + data.q.size


def test_one_gain(tmp_path: Path) -> None:
    assert call("response-curve --g 0.5 --gamma 0", tmp_path / "curve") == 0


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("response-curve --g 1.1:0.5:3", "empty range"),
        ("response-curve --gamma 0.5,0.2", "gamma: the axis must be strictly increasing"),
        ("response-curve --gamma 0.5 --window 0", "window=0: must be positive"),
        ("response-curve --batches 1", "1 is not in the range"),
        ("response-curve --trajectories many", "not a valid integer"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    command: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    assert call(command, tmp_path / "out") == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert words in printed.err
    assert printed.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["response-curve"])
def test_unwritable_output(command: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "taken").write_text("a file, not a directory")
    assert call(command, tmp_path / "taken" / "below") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_no_answer_is_exit_code_1(tmp_path: Path, capsys: Capture) -> None:
    """Linear networks beyond the line: nothing stationary."""
    assert call("response-curve --phi linear --g 1.5 --gamma 0", tmp_path / "curve") == 1
    assert "error: no point has" in capsys.readouterr().err


def test_help_names_every_command_and_figure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meanfield", "--help"], capture_output=True, text=True, check=True
    )
    for name in cli.commands:
        assert name in done.stdout
    assert "figure 4 of [QH]" in done.stdout
