"""`python -m simulate`: files, figures, tables, exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

from simulate.command_line import cli, main

COMMANDS = {
    "lyapunov": ["--n", "30", "--g", "2,4", "--trials", "2", "--t-max", "40"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_dataset_and_figure(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *COMMANDS[command], "--output", str(tmp_path / "out")]) == 0
    output = capsys.readouterr().out
    assert f"wrote {command}.nc and {command}.png" in output
    assert {p.name for p in (tmp_path / "out").iterdir()} == {f"{command}.nc", f"{command}.png"}
    with xr.open_dataset(tmp_path / "out" / f"{command}.nc", engine="scipy") as data:
        assert data.attrs["n"] == int(COMMANDS[command][1])
        assert "quasipotential_version" in data.attrs
        assert "seed" in data.attrs


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
    for name in cli.commands:
        assert name in done.stdout
