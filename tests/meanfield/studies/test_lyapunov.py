"""`python -m meanfield lyapunov`: methods, seeds, files, exit codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from meanfield import load, maximal_lyapunov, stationary
from meanfield.command_line import main
from meanfield.common import seeds
from meanfield.common.study import as_tables
from meanfield.studies.lyapunov import LYAPUNOV, closed_line

Capture = pytest.CaptureFixture[str]

MODEL = {
    "onsager": 0.0, "temperature": 0.0, "bias_mean": 0.0, "bias_std": 0.0, "mean_coupling": 0.0,
    "phi": "tanh",
}  # fmt: skip
FEW = "--trajectories 1024 --batches 2 --t-skip 5 --t-max 20 --window 5 --dt 0.2"
COMMAND = f"lyapunov --g 0.5,1.5 --gamma 0,0.5 {FEW}"


def call(command: str, folder: Path) -> int:
    return main([*command.split(), "--output", str(folder), "--workers", "1"])


def test_methods_files_and_provenance(tmp_path: Path, capsys: Capture) -> None:
    assert call(f"{COMMAND} --seed 7", tmp_path) == 0
    assert {p.name for p in tmp_path.iterdir()} == {
        "lyapunov.nc", "lyapunov.png", "lyapunov.md", "points"
    }  # fmt: skip
    printed = capsys.readouterr()
    assert "wrote lyapunov.nc, lyapunov.png, lyapunov.md" in printed.out
    # No progress bar in a pipe.
    assert printed.err == ""
    data = load(tmp_path / "lyapunov.nc")
    assert data.method.values.tolist() == [["null", "stationary"], ["null", "sampler"]]
    np.testing.assert_allclose(data.lyapunov.sel(g=0.5), [-0.5, -0.25])
    assert float(data.lyapunov.sel(g=1.5, gamma=0)) == float(stationary(1.5).lyapunov)
    sampled = maximal_lyapunov(
        1.5, 0.5, n_trajectories=1024, batches=2, t_skip=5, t_max=20, window=5, dt=0.2,
        seed=seeds.point(7, 0, {"g": 1.5, "gamma": 0.5}),
    )  # fmt: skip
    point = data.sel(g=1.5, gamma=0.5)
    assert float(point.lyapunov) == sampled.value
    assert float(point.lyapunov_err) == sampled.value_err
    assert float(point.lyapunov_finite_m) == sampled.value_finite_m
    for name in ("drift", "drift_err"):
        assert float(point[name]) == getattr(sampled, name)
    np.testing.assert_allclose(data.critical_gain, [1, 2 / 3])
    facts = data.attrs
    assert (facts["seed"], facts["n_trajectories"], facts["onsager"]) == (7, 1024, 0)
    assert {"quasipotential_version", "numpy_version", "created"} <= set(facts)
    (table,) = as_tables(LYAPUNOV, {"converged": data})
    assert all(word in table for word in ("null", "stationary", "sampler", "drift"))
    assert " ± " in table


def test_without_a_window_the_method_chooses() -> None:
    options = {"g": [0.5], "gamma": [0.0]}
    assert LYAPUNOV.values(**options)["window"] is None


def test_the_gradient_flow_is_sampled(tmp_path: Path) -> None:
    # Enough that batches of a quarter of the size have room for matched innovations.
    enough = FEW.replace("1024", "4096")
    assert call(f"lyapunov --g 0.5 --onsager 1 {enough}", tmp_path) == 0
    data = load(tmp_path / "lyapunov.nc")
    assert data.method.item() == "sampler"
    # At rest −(1 − g)², reached slowly from above.
    assert -0.25 < data.lyapunov.item() < 0


def test_one_gain(tmp_path: Path) -> None:
    assert call("lyapunov --g 0.5", tmp_path) == 0


def test_a_point_without_an_exponent_says_why(tmp_path: Path, capsys: Capture) -> None:
    """A linear network beyond the line has nothing stationary."""
    call("lyapunov --phi linear --g 0.5,1.5", tmp_path)
    assert "warning: 1 of 2 points failed, first gamma=0.0, g=1.5" in capsys.readouterr().err
    data: xr.Dataset = load(tmp_path / "lyapunov.nc").sel(gamma=0.0)
    assert data.failed.values.tolist() == [False, True]
    assert np.isnan(data.lyapunov[1])
    assert data.status.values[0] == "converged"
    assert data.status.values[1] != "converged"
    assert data.reason.values[0] == ""
    assert "±" not in data.reason.values[1] != ""


@pytest.mark.slow
def test_the_line_is_closed_and_has_the_kink() -> None:
    """Known at rest for every γ and in chaos at γ = 0, with g_c among its gains; else no line."""
    few = {"n_trajectories": 1024, "batches": 2, "t_skip": 5, "t_max": 20, "window": 5, "dt": 0.2}
    data = LYAPUNOV.run(g=[0.5, 0.6], gamma=[0.0, 0.9], **few)
    line = data.lyapunov_line.sel(gamma_line=0.9).dropna("g_line")
    np.testing.assert_allclose(line, 1.9 * line.g_line - 1, atol=1e-12)
    assert float(line.g_line[-1]) == pytest.approx(1 / 1.9)
    chaos = LYAPUNOV.run(g=[0.9, 1.5], gamma=[0.0])
    assert 1.0 in chaos.g_line
    np.testing.assert_array_equal(
        chaos.lyapunov_line.sel(gamma_line=0.0, g_line=chaos.g), chaos.lyapunov.sel(gamma=0.0)
    )
    assert chaos.lyapunov_line.sel(g_line=1.0).item() == 0
    assert closed_line(chaos, 0.0, **{**MODEL, "onsager": 1.0}).lyapunov_line.isnull().all()


def test_an_absent_state_is_told_and_no_failure(tmp_path: Path, capsys: Capture) -> None:
    assert call("lyapunov --phi linear --g 1.5 --gamma 0", tmp_path) == 0
    assert capsys.readouterr().err.count("\n") == 1
