"""The command line, in a subprocess, from a directory that is not the repository."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meanfield", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_solve_prints_one_point(tmp_path: Path) -> None:
    done = run(["solve", "--g", "1.2", "--gamma", "0.5", "--beta", "100"], tmp_path)
    assert done.returncode == 0
    assert "0.325425285299" in done.stdout
    assert "paramagnetic branch" in done.stdout


def test_solve_prints_json(tmp_path: Path) -> None:
    done = run(["solve", "--g", "0.75", "--gamma", "0.5", "--json"], tmp_path)
    point = json.loads(done.stdout)
    assert point["q"] == 0
    assert point["X"] == "inf"
    assert point["r"] == pytest.approx(1 / (0.75**2 * 1.5))
    assert point["converged"] is True
    assert point["phi"] == "tanh"
    assert "numpy_version" in point


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("solve --g 1 --sheet null", "--sheet needs --branch paramagnetic"),
        ("solve", "Missing option '--g'"),
        ("solve --g 0", "g=0: must be positive"),
        ("solve --g 1 --gamma 2", "gamma=2: must lie in"),
        ("solve --g nan", "g=nan"),
        ("solve --g 1 --beta -3", "beta=-3: must be positive"),
        ("solve --g 1 --branch static --beta 3", "needs beta = inf"),
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


def test_no_solution_is_exit_code_1(tmp_path: Path) -> None:
    done = run(["solve", "--g", "1.2", "--gamma", "1", "--branch", "static"], tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "not monotone" in done.stderr


@pytest.mark.parametrize("command", [[], ["solve"]])
def test_help(command: list[str], tmp_path: Path) -> None:
    done = run([*command, "--help"], tmp_path)
    assert done.returncode == 0
    assert "Usage: python -m meanfield" in done.stdout
