"""The command line: every command on bad input, and from a directory that is not the repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meanfield.command_line import cli, main

Capture = pytest.CaptureFixture[str]

# What each command refuses, and how.
BAD = {
    "lyapunov": [
        ("--gamma 0.5,2", "gamma=2: must lie in"),
        ("--g 0:3:4", "g=0: must be positive"),
        ("--temperature -1", "temperature=-1"),
        ("--gamma 0.5 --t-max 10", "t_skip=60: must be at least two steps below"),
        ("--onsager nan", "onsager=nan"),
    ],
    "dmft": [
        ("--gamma 2", "gamma=2: must lie in [-1, 1]"),
        ("--g 0", "g=0: must be positive"),
        ("--dt 50", "dt=50: longer than t_max=10"),
        ("--dt 0", "dt=0: must be positive"),
        ("--t-max nan", "t_max=nan"),
        ("--save-step 0", "save_step=0: must be positive"),
        ("--phi rely", "'rely' is not one of"),
        ("--onsager 0,1", "expected a number, or e.g. 0,1@100"),
        ("--onsager 1 --method closed", "needs gamma=0, onsager=0"),
        ("--temperature -1", "temperature=-1"),
        ("--gamma 0.5 --trajectories 3", "n_trajectories=3: must be at least"),
        ("--t-skip 5", "--t-skip needs --steady"),
        ("--lag-step 0.1", "--lag-step needs --steady"),
        ("--method exact", "without --steady it is called closed"),
        ("--steady --onsager 1", "--onsager does not go with --steady"),
        ("--steady --onsager 0,1@2", "--onsager does not go with --steady"),
        ("--steady --response", "--response does not go with --steady"),
        ("--steady --save-step 1", "--save-step does not go with --steady"),
        ("--steady --finite-m ignore", "--finite-m does not go with --steady"),
        ("--steady --temperature 0,1@2", "needs one --temperature"),
        ("--steady --method closed", "it is called exact"),
        ("--steady --gamma 0.5 --method exact", "no closed form"),
        ("--steady --gamma 0.5 --t-max 50", "t_max=50: must be at least"),
        ("--steady --dt 0.3", "lag_step=0.2: must be a multiple"),
    ],
    "response-curve": [
        ("--g 1.1:0.5:3", "empty range"),
        ("--gamma 0.5,0.2", "gamma: the axis must be strictly increasing"),
        ("--gamma 0.5 --window 0", "window=0: must be positive"),
        ("--g 1.0 --gamma 0.5 --t-max 20", "t_max=20: must be at least"),
        ("--batches 0", "0 is not in the range"),
        ("--g 1.0 --gamma 0.5 --batches 1", "batches=1"),
        ("--n-trajectories many", "not a valid integer"),
    ],
    "freezing": [
        ("--g 2,1", "g: the axis must be strictly increasing"),
        ("--onsager 1:0:3", "empty range"),
        ("--gamma 2", "gamma=2"),
        ("--t-frozen -1", "t_frozen=-1"),
        ("--finite-m none", "'none' is not one of"),
        ("--batches 1", "batches=1: must be at least 2"),
    ],
    "sweep": [
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
        ("--phi rely", "is not one of"),
        ("--phi relu", "phi='relu': must be odd here"),
        ("--tol 0", "must be positive"),
        ("--g 1,1", "a value stands twice"),
        ("--branch static --sheet null", "needs branch='paramagnetic'"),
    ],
    "solve": [
        ("--g 1 --sheet null", "--sheet needs --branch paramagnetic"),
        ("", "Missing option '--g'"),
        ("--g 0", "g=0: must be positive"),
        ("--g 1 --gamma 2", "gamma=2: must lie in"),
        ("--g nan", "g=nan"),
        ("--g 1 --tol 0", "tol=0: must be positive"),
        ("--g 1 --beta -3", "beta=-3: must be positive"),
        ("--g 1 --branch static --beta 3", "needs beta = inf"),
    ],
}
WRITING = [name for name in BAD if name != "solve"]


def call(command: str, options: str, output: Path) -> int:
    place = ["--workers", "1", "--output", str(output)] if command in WRITING else []
    return main([command, *options.split(), *place])


@pytest.mark.parametrize(
    ("command", "options", "words"), [(name, *row) for name, rows in BAD.items() for row in rows]
)
def test_bad_input_is_one_line_and_exit_code_2(
    command: str, options: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    assert call(command, options, tmp_path / "out") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("error: ")
    assert words in printed.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", WRITING)
def test_unwritable_output_leaves_nothing(command: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "taken").write_text("a file, not a directory")
    for target in ("taken", "taken/below"):
        assert call(command, "", tmp_path / target) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "taken" in error
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_forbidden_output(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    assert call("sweep", "--g 1.0 --gamma 0", locked / "out") == 2
    assert list(locked.iterdir()) == []


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
