"""`python -m meanfield dmft`, in time and in the steady state: files, numbers, exit codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from meanfield import load, steady_state, two_time
from meanfield.command_line import main

Capture = pytest.CaptureFixture[str]

SAMPLED = "--trajectories 1024 --batches 2"
COMMANDS = {
    "time": f"dmft --g 1.4 --gamma 0.5 --t-max 1 --dt 0.1 {SAMPLED}",
    "steady": "dmft --steady --g 1.4 --gamma 0.5 --t-skip 3 --t-max 11 --window 4 --dt 0.2 "
    + SAMPLED,
}


def call(command: str, folder: Path) -> int:
    return main([*command.split(), "--output", str(folder), "--workers", "1"])


def found(folder: Path) -> xr.Dataset:
    return load(folder / "dmft.nc")


@pytest.mark.parametrize("name", COMMANDS)
def test_dataset_figure_and_provenance(name: str, tmp_path: Path, capsys: Capture) -> None:
    # A steady state this short has not converged.
    assert call(COMMANDS[name] + " --seed 7", tmp_path) == (name == "steady")
    assert {p.name for p in tmp_path.iterdir()} == {"dmft.nc", "dmft.png", "dmft.md"}
    printed = capsys.readouterr()
    assert "wrote dmft.nc, dmft.png, dmft.md" in printed.out
    assert "±" in printed.out
    # No progress bar in a pipe.
    assert all(line.startswith("warning: flagged: ") for line in printed.err.splitlines())
    assert len(printed.err.splitlines()) == (name == "steady")
    facts = found(tmp_path).attrs
    assert (facts["phi"], facts["seed"], facts["n_trajectories"]) == ("tanh", 7, 1024)
    assert facts["steady"] == (name == "steady")
    assert {"quasipotential_version", "numpy_version", "created"} <= set(facts)
    assert facts["command"].startswith("python -m meanfield dmft --seed 7")


@pytest.mark.parametrize("name", COMMANDS)
def test_same_seed_same_numbers(name: str, tmp_path: Path) -> None:
    runs = []
    for folder, options in (("a", ""), ("b", " --workers 2"), ("c", " --seed 1")):
        assert call(COMMANDS[name] + options, tmp_path / folder) == (name == "steady")
        runs.append(found(tmp_path / folder))
    first, second, other = runs
    assert first.equals(second)
    assert not np.array_equal(first.C, other.C)


def test_in_time_it_is_two_time(tmp_path: Path, capsys: Capture) -> None:
    command = "dmft --g 2 --onsager 0,1@0.5 --temperature 0.1 --t-max 1 --dt 0.05"
    command += " --trajectories 2048 --batches 2"
    assert call(command + " --response --save-step 0.1 --x0-std 0.5 --phi erf", tmp_path) == 0
    data = found(tmp_path)
    np.testing.assert_allclose(data.t, np.linspace(0, 1, 11))
    np.testing.assert_array_equal(data.onsager, data.t.values >= 0.5)
    np.testing.assert_allclose(data.temperature, 0.1)
    assert data.R.shape == data.R_err.shape == data.C.shape == (11, 11)
    assert data.attrs["onsager"] == "0,1@0.5"
    # The summary that is printed.
    assert data["quantity"].values.tolist() == ["energy", "C(t,t)", "C(t,0)", "r_int"]
    for part in ("", "_err", "_finite_m"):
        curves = [data[name + part] for name in ("energy", "C", "C", "r_int")]
        last = [curves[0][-1], curves[1][-1, -1], curves[2][-1, 0], curves[3][-1]]
        np.testing.assert_array_equal(data["value" + part], last)
    printed = capsys.readouterr().out
    assert "C(t,0)" in printed
    assert "sampler" in printed


def test_without_sampling(tmp_path: Path, capsys: Capture) -> None:
    assert call("dmft --g 1.5 --t-max 2 --dt 0.1", tmp_path) == 0
    expected = two_time(1.5, t_max=2, dt=0.1)
    data = found(tmp_path)
    np.testing.assert_array_equal(data.C, expected.C)
    assert (data.solver.item(), data.status.item()) == ("closed", "converged")
    assert "closed" in capsys.readouterr().out


def test_no_more_points_than_promised(tmp_path: Path) -> None:
    assert call("dmft --g 0.5 --t-max 15", tmp_path) == 0
    assert found(tmp_path).t.size <= 201
    assert found(tmp_path).attrs["dt"] == 0.05


def test_steady_states_without_sampling(tmp_path: Path, capsys: Capture) -> None:
    assert call("dmft --steady --g 1.5 --window 20", tmp_path / "chaos") == 0
    data = found(tmp_path / "chaos")
    assert float(data.q) == float(data.value.sel(quantity="q")) == float(steady_state(1.5).q)
    assert float(data.tau[-1]) == pytest.approx(20)
    assert (data.solver.item(), data.status.item()) == ("stationary", "converged")
    assert data["quantity"].values.tolist() == ["energy", "q", "delta0", "r_int", "tau_half"]
    capsys.readouterr()
    assert call("dmft --steady --g 0.5 --gamma 0.5", tmp_path / "rest") == 0
    assert float(found(tmp_path / "rest").q) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "tau_half" in one]
    assert line.split() == ["tau_half", "nan"]


def test_long_steps_are_a_warning(tmp_path: Path, capsys: Capture) -> None:
    assert call(f"dmft --g 3 --onsager 1 --t-max 2 --dt 0.2 {SAMPLED}", tmp_path) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("warning: dt = 0.2 exceeds the largest stable step")
    assert printed.err.count("\n") == 1
    assert "flagged" in printed.out


def test_an_absent_state_is_told_and_no_failure(tmp_path: Path, capsys: Capture) -> None:
    """A linear network beyond the line: nothing stationary."""
    assert call("dmft --steady --phi linear --g 1.5", tmp_path / "dmft") == 0
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "dmft").exists()
