"""`python -m meanfield dmft` and `lyapunov`: files, tables, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from meanfield import maximal_lyapunov, stationary, steady_state, two_time
from meanfield.command_line import cli, main
from meanfield.dmft.response_curve import point_seed

Capture = pytest.CaptureFixture[str]

SAMPLED = "--trajectories 1024 --batches 2"
STEADY = f"{SAMPLED} --t-skip 5 --t-max 20 --window 5 --dt 0.2"
COMMANDS = {
    "dmft": f"dmft --g 1.4 --gamma 0.5 --t-max 1 --dt 0.1 {SAMPLED}",
    "steady": f"dmft --steady --g 1.4 --gamma 0.5 {STEADY}",
    "lyapunov": f"lyapunov --g 0.5,1.5 --gamma 0,0.5 {STEADY}",
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


@pytest.mark.parametrize("name", ["dmft", "steady"])
def test_same_seed_same_numbers(name: str, tmp_path: Path) -> None:
    runs = []
    for folder, options in (("a", ""), ("b", " --workers 1"), ("c", " --seed 1")):
        assert call(COMMANDS[name] + options, tmp_path / folder) == 0
        runs.append(load(tmp_path / folder))
    first, second, other = runs
    assert first.equals(second)
    assert not np.array_equal(first.C, other.C)


def test_dmft_is_two_time(tmp_path: Path, capsys: Capture) -> None:
    command = f"dmft --g 2 --onsager 0,1@0.5 --temperature 0.1 --t-max 1 --dt 0.05 {SAMPLED}"
    assert call(command + " --response --save-every 0.1 --x0-std 0.5 --phi erf", tmp_path) == 0
    data = load(tmp_path)
    np.testing.assert_allclose(data.t, np.linspace(0, 1, 11))
    np.testing.assert_array_equal(data.onsager, data.t.values >= 0.5)
    np.testing.assert_allclose(data.temperature, 0.1)
    assert data.R.shape == data.R_err.shape == data.C.shape == (11, 11)
    assert f"{float(data.energy[-1]):.6g} ± {float(data.energy_err[-1]):.2g}" in (
        capsys.readouterr().out
    )


def test_dmft_without_sampling(tmp_path: Path, capsys: Capture) -> None:
    assert call("dmft --g 1.5 --t-max 2 --dt 0.1", tmp_path) == 0
    expected = two_time(1.5, t_max=2, dt=0.1)
    data = load(tmp_path)
    np.testing.assert_array_equal(data.C, expected.C)
    assert "seed" not in data.attrs
    assert "closed" in capsys.readouterr().out


def test_dmft_saves_no_more_points_than_promised(tmp_path: Path) -> None:
    assert call("dmft --g 0.5 --t-max 15 --dt 0.05", tmp_path) == 0
    assert load(tmp_path).t.size <= 201


def test_steady_states_without_sampling(tmp_path: Path, capsys: Capture) -> None:
    assert call("dmft --steady --g 1.5 --window 20", tmp_path / "chaos") == 0
    data = load(tmp_path / "chaos")
    assert float(data.q) == float(steady_state(1.5).q)
    assert float(data.tau[-1]) == pytest.approx(20)
    assert call("dmft --steady --g 0.5 --gamma 0.5", tmp_path / "rest") == 0
    assert float(load(tmp_path / "rest").q) == 0
    assert "tau_half      undefined" in capsys.readouterr().out


def test_long_steps_are_a_warning(tmp_path: Path, capsys: Capture) -> None:
    assert call(f"dmft --g 3 --onsager 1 --t-max 2 --dt 0.2 {SAMPLED}", tmp_path) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("warning: dt = 0.2 exceeds the largest stable step")
    assert "unstable step: " in printed.out


def test_lyapunov_methods(tmp_path: Path) -> None:
    assert call(COMMANDS["lyapunov"], tmp_path) == 0
    data = load(tmp_path)
    assert data.method.values.tolist() == [["null", "stationary"], ["null", "sampler"]]
    np.testing.assert_allclose(data.lyapunov.sel(g=0.5), [-0.5, -0.25])
    assert float(data.lyapunov.sel(g=1.5, gamma=0)) == float(stationary(1.5).lyapunov)
    sampled = maximal_lyapunov(
        1.5, 0.5, n_trajectories=1024, batches=2, t_skip=5, t_max=20, window=5, dt=0.2,
        seed=point_seed(0, 1.5, 0.5),
    )  # fmt: skip
    assert float(data.lyapunov.sel(g=1.5, gamma=0.5)) == sampled.value
    assert float(data.stderr.sel(g=1.5, gamma=0.5)) == sampled.stderr
    np.testing.assert_allclose(data.critical_gain, [1, 2 / 3])


def test_lyapunov_of_the_gradient_flow_is_sampled(tmp_path: Path) -> None:
    assert call(f"lyapunov --g 0.5 --onsager 1 {STEADY}", tmp_path) == 0
    data = load(tmp_path)
    assert data.method.item() == "sampler"
    # At rest −(1 − g)², reached slowly from above.
    assert -0.25 < data.lyapunov.item() < 0


def test_one_gain(tmp_path: Path) -> None:
    assert call("lyapunov --g 0.5", tmp_path / "exponent") == 0


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("dmft --gamma 2", "gamma=2: must lie in [-1, 1]"),
        ("dmft --g 0", "g=0: must be positive"),
        ("dmft --dt 50", "--dt 50: longer than --t-max 10"),
        ("dmft --dt 0", "dt=0: must be positive"),
        ("dmft --t-max nan", "t_max=nan"),
        ("dmft --save-every 0", "0: must be positive"),
        ("dmft --phi relu", "'relu' is not one of"),
        ("dmft --onsager 0,1", "expected a number, or e.g. 0,1@100"),
        ("dmft --onsager 1 --method closed", "needs gamma=0 and onsager=0"),
        ("dmft --temperature -1", "temperature=-1"),
        ("dmft --gamma 0.5 --trajectories 3", "n_trajectories=3: must be at least"),
        ("dmft --t-skip 5", "--t-skip needs --steady"),
        ("dmft --lag-step 0.1", "--lag-step needs --steady"),
        ("dmft --method exact", "without --steady it is called closed"),
        ("dmft --steady --onsager 0", "--onsager does not go with --steady"),
        ("dmft --steady --response", "--response does not go with --steady"),
        ("dmft --steady --save-every 1", "--save-every does not go with --steady"),
        ("dmft --steady --temperature 0,1@2", "needs one --temperature"),
        ("dmft --steady --method closed", "it is called exact"),
        ("dmft --steady --gamma 0.5 --method exact", "no closed form"),
        ("dmft --steady --gamma 0.5 --t-max 50", "t_max=50: must be at least"),
        ("dmft --steady --dt 0.3", "lag_step=0.2: must be a multiple"),
        ("lyapunov --gamma 0.5,2", "gamma=2: must lie in"),
        ("lyapunov --g 0:3:4", "g=0: must be positive"),
        ("lyapunov --temperature -1", "temperature=-1"),
        ("lyapunov --gamma 0.5 --t-max 10", "t_skip=60: must be below"),
        ("lyapunov --onsager nan", "onsager=nan"),
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


@pytest.mark.parametrize("command", ["dmft", "lyapunov"])
def test_unwritable_output(command: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "taken").write_text("a file, not a directory")
    assert call(command, tmp_path / "taken" / "below") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_no_answer_is_exit_code_1(tmp_path: Path, capsys: Capture) -> None:
    """Linear networks beyond the line: nothing stationary."""
    assert call("lyapunov --phi linear --g 1.5 --gamma 0", tmp_path / "lyapunov") == 1
    assert "error: no point has" in capsys.readouterr().err
    assert call("dmft --steady --phi linear --g 1.5", tmp_path / "dmft") == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "dmft").exists()


def test_help_names_every_command_and_figure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meanfield", "--help"], capture_output=True, text=True, check=True
    )
    for name in cli.commands:
        assert name in done.stdout
