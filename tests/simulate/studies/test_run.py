"""`python -m simulate run`: files, what is saved, exit codes."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from meanfield import Switching, load, seeds
from simulate.command_line import main
from simulate.couplings import PAPER_SETS
from simulate.integration.solver import METHODS
from simulate.studies.run import RUN, run

SMALL = ["run", "--n", "60", "--t-max", "20", "--onsager", "0,1@10"]


def saved(arguments: list[str], folder: Path, code: int = 0) -> xr.Dataset:
    assert main([*arguments, "--output", str(folder)]) == code
    return load(folder / "run.nc")


def test_files_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = saved(SMALL, tmp_path / "out")
    output = capsys.readouterr().out
    assert "wrote run.nc, run.png, run.md" in output
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"run.nc", "run.png", "run.md"}
    assert data.attrs["n"] == 60
    assert data.attrs["seed"] == 0
    assert "quasipotential_version" in data.attrs
    # What is shown is what is saved.
    np.testing.assert_array_equal(data.energy_end, data.energy[[0, -1]])
    np.testing.assert_array_equal(data.freezing_end, data.freezing[[1, -1]])
    shown = [*data.energy_end.values, *data.freezing_end.values, data.stiffness.item()]
    assert all(f"{value:.4g}" in output for value in shown)
    assert f"{data.n_steps.item()} " in output
    assert f"{data.n_evaluations.item()} " in output
    assert "converged damped" in output


def test_command_is_the_function_with_its_seed(tmp_path: Path) -> None:
    data = saved([*SMALL, "--seed", "3", "--threads", "1"], tmp_path)
    again = run(n=60, t_max=20.0, onsager=Switching([10.0], [0.0, 1.0]), threads=1, seed=3)
    np.testing.assert_array_equal(data.x, again.x)
    np.testing.assert_array_equal(data.energy, again.energy)
    assert "--n 60 --onsager 0,1@10 --t-max 20 --threads 1 --output " in data.attrs["command"]


def test_switches_and_freezes(tmp_path: Path) -> None:
    data = saved(SMALL, tmp_path)
    assert data.x.shape == (41, 10)
    np.testing.assert_array_equal(data.onsager[data.t < 10], 0)
    np.testing.assert_array_equal(data.onsager[data.t >= 10], 1)
    frozen = data.energy[data.t >= 10].values
    assert np.all(np.diff(frozen) <= 0)
    speed = data.freezing.values
    assert speed[-1] < 0.1 * speed[data.t.values == 10][0]
    # The usual gain, known to the function alone.
    assert data.attrs["g"] == 3
    assert frozen[-1] < 0.2 * frozen[0]


@pytest.mark.parametrize("kind", ["lazy", "dale-inhibitory", "dale-balanced", "dale-excitatory"])
def test_other_couplings(kind: str, tmp_path: Path) -> None:
    arguments = ["run", "--couplings", kind, "--n", "50", "--t-max", "5", "--onsager", "1"]
    data = saved(arguments, tmp_path)
    assert data.attrs["couplings"] == kind
    if kind.startswith("dale"):
        assert PAPER_SETS[kind.removeprefix("dale-")].items() <= data.attrs.items()


def test_choices_are_those_of_the_library() -> None:
    assert RUN.options["method"].choices == METHODS
    kinds = ("elliptic", *(f"dale-{name}" for name in PAPER_SETS), "lazy")
    assert RUN.options["couplings"].choices == kinds


def test_the_whole_duration_is_run(tmp_path: Path) -> None:
    data = saved(["run", "--n", "10", "--t-max", "3.3", "--save-step", "0.5"], tmp_path)
    assert data.t[-1] == 3.3
    assert data.t.size == 8


def test_large_seed_and_noise_between_switches(tmp_path: Path) -> None:
    """Segments that hold no whole number of steps; a seed beyond what a netCDF 3 file can hold."""
    arguments = ["run", "--n", "10", "--t-max", "5.03", "--seed", str(2**70)]
    arguments += ["--temperature", "0,0.1@2,0@3.01", "--onsager", "1"]
    data = saved(arguments, tmp_path)
    assert data.attrs["seed"] == 2**70
    assert {2.0, 3.01, 5.03} <= set(data.t.values)


def test_noise_is_saved_on_its_steps(tmp_path: Path) -> None:
    arguments = ["run", "--n", "20", "--t-max", "4.9", "--temperature", "0.1"]
    data = saved([*arguments, "--save-step", "0.33"], tmp_path)
    np.testing.assert_allclose(np.diff(data.t), 0.35, rtol=1e-9)
    assert data.scheme == "heun"


def test_printed_step_is_exposed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "--n", "100", "--g", "16", "--onsager", "1", "--t-max", "3"]
    data = saved([*arguments, "--method", "euler", "--dt", "0.01"], tmp_path, 1)
    assert data.unstable_step
    captured = capsys.readouterr()
    assert "warning: dt = 0.01 of method 'euler' exceeds the largest stable step" in captured.err
    assert "flagged" in captured.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--g", "-1"], "g=-1"),
        (["--gamma", "2"], "gamma=2"),
        (["--onsager", "0,1"], "expected a number, or e.g. 0,1@100"),
        (["--onsager", "0,1@5,0@3"], "must increase"),
        (["--dt", "0", "--temperature", "0.1"], "dt=0"),
        (["--save-step", "0"], "save_step=0"),
        (["--t-max", "nan"], "t_max=nan"),
        (["--couplings", "dale-balanced", "--g", "2"], "has no g"),
        (["--method", "implicit"], "'implicit' is not one of"),
        (["--temperature", "1", "--method", "rk4"], "no noise in this scheme"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *arguments, "--output", str(tmp_path / "out")]) == 2
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
    assert capsys.readouterr().err.startswith("error: E is not finite at t = ")


def test_a_bias(tmp_path: Path) -> None:
    """Without couplings every neuron goes to its own."""
    options = [
        "--g",
        "1e-9",
        "--bias",
        "0.3",
        "--bias-std",
        "2",
        "--shown",
        "20",
        "--tol",
        "1e-8",
    ]
    assert main(["run", "--n", "20", "--t-max", "40", "--onsager", "0", *options,
                 "--output", str(tmp_path)]) == 0  # fmt: skip
    data = load(tmp_path / "run.nc")
    exact = 0.3 + 2 * seeds.generator(0, "bias").standard_normal(20)
    np.testing.assert_allclose(data.x.values[-1], exact, atol=1e-6)
