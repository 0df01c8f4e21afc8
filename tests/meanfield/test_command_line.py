"""The command line, in a subprocess, from a directory that is not the repository."""

import subprocess
import sys
from pathlib import Path

from meanfield.command_line import cli


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meanfield", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_unknown_command_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = run(["nonsense"], tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: No such command")
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_command_and_figure(tmp_path: Path) -> None:
    done = run(["--help"], tmp_path)
    assert done.returncode == 0
    assert "Usage: python -m meanfield" in done.stdout
    for name in cli.places:
        assert name in done.stdout
    assert "[QH] Fig. 4" in done.stdout
