"""`python -m simulate`: files, figures, tables, exit codes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from simulate.command_line import cli, main

COMMANDS = {
    "run": ["--n", "60", "--t-max", "20", "--onsager", "0,1@10"],
    "lyapunov": ["--n", "30", "--g", "2,4", "--trials", "2", "--t-max", "40"],
    "fixed-points": ["--n", "20", "--starts", "6"],
    "sample": ["--n", "20", "--samples", "60", "--trials", "2", "--beta", "1,3"],
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


def test_run_switches_and_freezes(tmp_path: Path) -> None:
    assert main(["run", *COMMANDS["run"], "--output", str(tmp_path)]) == 0
    with xr.open_dataset(tmp_path / "run.nc", engine="scipy") as data:
        assert data.x.shape == (41, 10)
        np.testing.assert_array_equal(data.onsager[data.t < 10], 0)
        np.testing.assert_array_equal(data.onsager[data.t >= 10], 1)
        frozen = data.energy[data.t >= 10].values
        assert np.all(np.diff(frozen) <= 0)
        speed = data.freezing.values
        assert speed[-1] < 0.1 * speed[data.t.values == 10][0]
        assert data.attrs["g"] == 3
        assert frozen[-1] < 0.2 * frozen[0]


@pytest.mark.parametrize("kind", ["lazy", "dale-inhibitory", "dale-balanced", "dale-excitatory"])
def test_other_couplings(kind: str, tmp_path: Path) -> None:
    arguments = ["run", "--couplings", kind, "--n", "50", "--t-max", "5", "--onsager", "1"]
    assert main([*arguments, "--output", str(tmp_path)]) == 0


def test_the_whole_duration_is_run(tmp_path: Path) -> None:
    arguments = ["run", "--n", "10", "--t-max", "3.3", "--save-every", "0.5"]
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    with xr.open_dataset(tmp_path / "run.nc", engine="scipy") as data:
        assert data.t[-1] == 3.3
        assert data.t.size == 8


def test_large_seed_and_noise_between_switches(tmp_path: Path) -> None:
    """Segments that hold no whole number of steps; a seed beyond what a netCDF 3 file can hold."""
    arguments = ["run", "--n", "10", "--t-max", "5.03", "--seed", str(2**70)]
    arguments += ["--temperature", "0,0.1@2,0@3.01", "--onsager", "1"]
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    with xr.open_dataset(tmp_path / "run.nc", engine="scipy") as data:
        assert data.attrs["seed"] == str(2**70)
        assert {2.0, 3.01, 5.03} <= set(data.t.values)


def test_noise_is_saved_on_its_steps(tmp_path: Path) -> None:
    arguments = [
        "run",
        "--n",
        "20",
        "--t-max",
        "4.9",
        "--temperature",
        "0.1",
        "--save-every",
        "0.33",
    ]
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    with xr.open_dataset(tmp_path / "run.nc", engine="scipy") as data:
        np.testing.assert_allclose(np.diff(data.t), 0.35, rtol=1e-9)
        assert data.attrs["method"] == "heun"


def test_printed_step_is_exposed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "--n", "100", "--g", "16", "--onsager", "1", "--t-max", "3"]
    arguments += ["--method", "euler", "--dt", "0.01", "--output", str(tmp_path)]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert "warning: dt = 0.01 of method 'euler' exceeds the largest stable step" in captured.err
    assert "unstable step" in captured.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--g", "-1"], "g=-1"),
        (["run", "--gamma", "2"], "gamma=2"),
        (["run", "--onsager", "0,1"], "expected a number, or e.g. 0,1@100"),
        (["run", "--onsager", "0,1@5,0@3"], "must increase"),
        (["run", "--dt", "0", "--temperature", "0.1"], "dt=0"),
        (["run", "--save-every", "0"], "save_every=0"),
        (["run", "--t-max", "nan"], "t_max=nan"),
        (["run", "--couplings", "dale-balanced", "--g", "2"], "has no --g"),
        (["run", "--method", "implicit"], "'implicit' is not one of"),
        (["run", "--temperature", "1", "--method", "rk4"], "no noise in this scheme"),
        (["lyapunov", "--g", "2:1:3"], "empty range"),
        (["lyapunov", "--g", "2,2"], "a value stands twice"),
        (["lyapunov", "--n", "5", "--t-max", "3"], "t_skip=20"),
        (["sample", "--beta", "3,1"], "beta"),
        (["fixed-points", "--couplings", "lazy"], "'lazy' is not one of"),
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


def test_a_run_without_result_exits_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "--n", "2", "--phi", "linear", "--method", "euler", "--dt", "5"]
    assert main([*arguments, "--t-max", "9000", "--output", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("error: the state is not finite")


def test_help_names_every_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulate", "--help"], capture_output=True, text=True, check=True
    )
    for name in cli.commands:
        assert name in done.stdout
