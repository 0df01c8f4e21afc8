"""`--couplings FILE`: every command that draws couplings asks a matrix of one's own instead."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from meanfield import ArgumentError, load, seeds
from simulate import couplings, reproduce
from simulate.command_line import main
from simulate.studies.catalogue import study

N, GAIN = 20, 2.5
# Short runs, and how an ensemble of that gain is asked for.
ALONE: dict[str, Any] = {"g": GAIN, "n": N}
GRID: dict[str, Any] = {"g": [GAIN], "n": N, "trials": 1}
COMMANDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "run": (ALONE, {"t_max": 5.0}),
    "lyapunov": (GRID, {"onsager": [0.0, 1.0], "t_max": 20.0, "t_skip": 5.0}),
    "fixed-points": (ALONE, {"n_starts": 4}),
    "sample": (GRID | {"n": [N]}, {"beta": [1.0], "n_samples": 40}),
    "memory": (
        GRID,
        {"onsager": [1.0], "windows": [30.0], "t_skip": 10.0, "tau": [0.0, 5.0], "gap": 2.0},
    ),
    "dimension": (GRID, {"t_max": 100.0, "t_skip": 20.0, "exponents": 16}),
}


def matrix(name: str, gain: float = 1.0) -> Any:
    """What the command draws from the seed 0."""
    seed = 0 if COMMANDS[name][0] is ALONE else seeds.member(0, 0)
    return couplings.elliptic(N, gain, seed=seed)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_of_what_is_drawn_has_the_same_numbers(name: str, tmp_path: Path) -> None:
    drawn, short = COMMANDS[name]
    np.save(tmp_path / "J.npy", matrix(name, GAIN))
    one = reproduce(name, **drawn, **short).data["converged"]
    other = reproduce(name, couplings=str(tmp_path / "J.npy"), **short).data["converged"]
    assert other.attrs["couplings"] == str(tmp_path / "J.npy")
    assert np.ravel(other.get("g", other.attrs.get("g"))).tolist() == [1.0]
    assert np.ravel(other.get("n", other.attrs.get("n"))).tolist() == [N]
    # The theory is that of an ensemble.
    for key in set(study(name).columns) & set(one.data_vars):
        if other[key].dtype.kind != "f":
            continue
        if "theory" in key:
            assert np.all(np.isnan(other[key]))
        else:
            np.testing.assert_allclose(other[key], one[key], rtol=1e-6, atol=1e-9, err_msg=key)


def test_g_is_a_factor_on_sparse_couplings_too(tmp_path: Path) -> None:
    sp.save_npz(tmp_path / "J.npz", sp.csr_matrix(matrix("lyapunov")))
    drawn, short = COMMANDS["lyapunov"]
    one = reproduce("lyapunov", **drawn, **short).data["converged"]
    other = reproduce("lyapunov", couplings=str(tmp_path / "J.npz"), g=[GAIN], **short)
    np.testing.assert_allclose(other.data["converged"].lyapunov, one.lyapunov, atol=1e-6)


def test_a_changed_file_is_another_matrix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its kept points are not taken; the picture and the command name the file."""
    file, out = str(tmp_path / "my_$J.npy"), str(tmp_path / "out")
    found = []
    for seed in (1, 2):
        np.save(file, couplings.elliptic(N, GAIN, seed=seed))
        size = ["--t-max", "20", "--t-skip", "5", "--onsager", "0", "--workers", "1"]
        code = main(["lyapunov", "--couplings", file, *size, "--output", out, "--json"])
        assert code == 0
        found.append(json.loads(capsys.readouterr().out)["tables"][0][0]["lyapunov"])
    assert found[0] != found[1]
    data = load(Path(out) / "lyapunov.nc")
    assert f"--couplings '{file}'" in data.attrs["command"]
    assert np.isnan(data.attrs["gamma"])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.zeros((3, 2)), r"shape \(3, 2\), must be square"),
        (np.zeros(4), r"shape \(4,\), must be square"),
        (np.array([[0.0, np.nan], [0.0, 0.0]]), "real and finite"),
        (np.zeros((2, 2), complex), "real and finite"),
        (np.array([["a", "b"], ["c", "d"]]), "real and finite"),
    ],
)
def test_matrices_that_are_none(values: Any, text: str, tmp_path: Path) -> None:
    np.save(tmp_path / "J.npy", values)
    with pytest.raises(ArgumentError, match="couplings=.*J.npy: .*" + text):
        reproduce("lyapunov", couplings=str(tmp_path / "J.npy"))


def test_files_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "dense.npz", J=np.eye(2))
    (tmp_path / "text.npy").write_text("0 1\n1 0\n")
    for name in ("dense.npz", "text.npy", "missing.npz"):
        assert main(["dimension", "--couplings", str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert "'--couplings'" in error
        assert "cannot be read as a matrix" in error
        assert error.count("\n") == 1
    assert main(["sample", "--couplings", "gauss"]) == 2
    assert "name of an ensemble, or a file .npy or .npz" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "value"), [("n", 5), ("gamma", 0.5), ("trials", 2)])
def test_what_the_file_settles_cannot_be_asked_for(name: str, value: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "J.npy", np.eye(3))
    with pytest.raises(ArgumentError, match=f"{name}={value}: couplings=.*one matrix of 3 neurons"):
        reproduce("lyapunov", couplings=str(tmp_path / "J.npy"), **{name: value})
