"""`python -m simulate fixed-points`: files, counts, options."""

from pathlib import Path

import numpy as np
import pytest

from meanfield import load, seeds
from simulate import couplings, find_fixed_points
from simulate.command_line import main
from simulate.fixed_points.search import KINDS
from simulate.studies.fixed_points import FIXED_POINTS

SMALL = ["fixed-points", "--n", "20", "--starts", "6"]


def test_files_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*SMALL, "--from", "chaos", "--output", str(tmp_path / "out")]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert "wrote fixed-points.nc, fixed-points.png, fixed-points.md" in output
    names = {f"fixed-points.{ending}" for ending in ("nc", "png", "md")}
    assert {p.name for p in (tmp_path / "out").iterdir()} == names
    data = load(tmp_path / "out" / "fixed-points.nc")
    assert data.attrs["n"] == 20
    assert data.attrs["seed"] == 0
    assert data.attrs["g"] == 2
    assert "quasipotential_version" in data.attrs
    command = "python -m simulate fixed-points --seed 0 --n 20 --n-starts 6 --from chaos"
    assert data.attrs["command"] == f"{command} --output {tmp_path / 'out'}"
    # The numbers that are shown are those of the search.
    found = find_fixed_points(
        couplings.elliptic(20, 2.0, seed=0), n_starts=6, seed=0, starts="chaos"
    )
    assert data.attrs["summary"] == found.summary
    assert data.n_zeros == len(found)
    assert data.n_unproven == np.sum(~found.proven)
    assert data.n_minima == len(found.minima)
    assert data.zero_starts + data.minimum_starts + data.n_failed == 6
    assert data.zero_starts / 6 == found.zero_fraction
    assert data.index_sum == found.index_sum
    assert data.new_zero_probability == found.new_zero_probability
    assert data.new_zero_probability_err == found.new_zero_probability_err


def test_couplings_that_are_not_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["fixed-points", "--couplings", "lazy", "--output", str(tmp_path / "out")]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "'lazy': expected the name of an ensemble, or a file" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_starts_are_those_of_the_library() -> None:
    assert set(FIXED_POINTS.options["from_"].choices) == set(KINDS)


def test_biases_are_drawn_from_the_seed(tmp_path: Path) -> None:
    """The same command is one call; a spread of 0 draws nothing."""
    for std in (0.0, 0.5):
        options = ["--bias", "0.2", "--bias-std", f"{std}", "--phi", "logistic", "--g", "9"]
        assert main([*SMALL, *options, "--output", str(tmp_path / f"{std}")]) == 0
        data = load(tmp_path / f"{std}" / "fixed-points.nc")
        bias = 0.2 + std * seeds.generator(0, "bias").standard_normal(20)
        J = couplings.elliptic(20, 9.0, seed=0)
        found = find_fixed_points(J, n_starts=6, seed=0, phi="logistic", bias=bias)
        assert data.attrs["summary"] == found.summary
        np.testing.assert_array_equal(data.x.values, found.x)
        assert (data.attrs["bias"], data.attrs["bias_std"]) == (0.2, std)
    # The draws are those of no other stream.
    draws = {seeds.generator(0, name).random() for name in ("bias", "start", "couplings")}
    assert len(draws) == 3
