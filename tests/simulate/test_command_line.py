"""`python -m simulate`: files, figures, tables, exit codes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from simulate.command_line import cli, main

LYAPUNOV = ["lyapunov", "--n", "30", "--g", "2,4", "--trials", "2", "--t-max", "40"]


def test_lyapunov_writes_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LYAPUNOV, "--output", str(tmp_path / "out")]) == 0
    assert "wrote lyapunov.nc, lyapunov.png, lyapunov.md" in capsys.readouterr().out
    names = {"lyapunov.nc", "lyapunov.png", "lyapunov.md", "points"}
    assert {p.name for p in (tmp_path / "out").iterdir()} == names
    with xr.open_dataset(tmp_path / "out" / "lyapunov.nc", engine="scipy") as data:
        assert data.lyapunov.dims == ("onsager", "g", "replicate")
        assert data.attrs["n"] == 30
        assert "quasipotential_version" in data.attrs
        assert "seed" in data.attrs


def test_trials_of_neighbouring_seeds_share_no_network(tmp_path: Path) -> None:
    found = []
    for seed in ("0", "1"):
        assert main([*LYAPUNOV, "--seed", seed, "--output", str(tmp_path / seed)]) == 0
        found.append(xr.load_dataset(tmp_path / seed / "lyapunov.nc", engine="scipy").lyapunov)
    assert not np.isin(found[0], found[1]).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lyapunov", "--g", "2:1:3"], "empty range"),
        (["lyapunov", "--g", "2,2"], "a value stands twice"),
        (["lyapunov", "--n", "5", "--t-max", "3"], "t_skip=20"),
        (["frozen"], "No such command 'frozen'"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ["--output", str(tmp_path / "out")] if len(arguments) > 1 else []
    assert main([*arguments, *target]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help_names_every_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulate", "--help"], capture_output=True, text=True, check=True
    )
    for name in cli.places:
        assert name in done.stdout
