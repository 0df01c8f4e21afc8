"""`response_curve` and its command: closed forms, the sampler point by point, seeds, files."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from meanfield import (
    ArgumentError,
    SweepWarning,
    load,
    null_response,
    response_curve,
    saddle_point,
    stationary,
    steady_state,
)
from meanfield.command_line import main
from meanfield.common import seeds
from meanfield.common.store import Store
from meanfield.common.study import quoted
from meanfield.studies.response_curve import RESPONSE_CURVE

Capture = pytest.CaptureFixture[str]

SMALL_COMMAND = (
    "--quick --g 0.6,1.1 --n-trajectories 512 --batches 2 --t-skip 5 --t-max 15 --window 5 --dt 0.2"
)

SMALL: dict[str, Any] = {
    "n_trajectories": 1024,
    "batches": 2,
    "dt": 0.2,
    "t_skip": 10.0,
    "t_max": 30.0,
    "window": 10.0,
    "neglect": 1e-2,
}


@pytest.fixture(scope="module")
def curve() -> xr.Dataset:
    return response_curve([0.6, 0.9, 1.2], [-0.3, 0.0, 0.5], seed=3, **SMALL)


def test_methods_follow_the_critical_line(curve: xr.Dataset) -> None:
    assert curve.q.dims == ("gamma", "g")
    assert curve.method.values.tolist() == [
        ["null", "null", "null"],
        ["null", "null", "stationary"],
        ["null", "sampler", "sampler"],
    ]
    np.testing.assert_allclose(curve.critical_gain, 1 / (1 + curve.gamma))


def test_closed_forms(curve: xr.Dataset) -> None:
    null = curve.method.values == "null"
    g, gamma = np.meshgrid(curve.g.values, curve.gamma.values)
    np.testing.assert_array_equal(curve.q.values[null], 0)
    expected = null_response(g, gamma)[null]
    np.testing.assert_allclose(curve.r_int.values[null], expected, rtol=1e-12)
    np.testing.assert_allclose(curve.G_static.values[null], expected, rtol=1e-12)
    assert curve.static_stable.values[null].all()
    assert not curve.static_stable.values[~null].any()
    chaos, found = stationary(1.2), curve.sel(g=1.2, gamma=0.0)
    assert float(found.q) == pytest.approx(float(chaos.q), rel=1e-12)
    assert float(found.r_int) == pytest.approx(float(chaos.r_int), rel=1e-12)
    static = saddle_point(1.2, 0.5, branch="static")
    assert float(curve.Q_static.sel(g=1.2, gamma=0.5)) == pytest.approx(float(static.Q), rel=1e-9)


def test_a_sampled_point_is_that_of_steady_state(curve: xr.Dataset) -> None:
    """To the last bit, with the seed that the point says, and whatever the number of workers."""
    point = curve.sel(g=1.2, gamma=0.5)
    seed = int(point.seed.item())
    assert seed == seeds.point(3, 0, {"g": 1.2, "gamma": 0.5})
    alone = steady_state(1.2, 0.5, seed=seed, **SMALL)
    for name in ("q", "q_err", "r_int", "r_int_err"):
        assert float(point[name]) == getattr(alone, name)
    assert bool(point.converged) is alone.converged
    assert point.reason.item() == alone.reason
    assert 0.3 < float(point.q) < 0.7
    assert 0 < float(point.q_err) < 0.1


def test_other_points_do_not_matter(curve: xr.Dataset) -> None:
    alone = response_curve(0.9, 0.5, seed=3, workers=2, **SMALL)
    for name in ("q", "r_int", "r_int_err"):
        assert alone[name].item() == curve[name].sel(g=0.9, gamma=0.5).item()
    other = response_curve(0.9, 0.5, seed=4, **SMALL)
    assert other.q.item() != alone.q.item()


def test_processes_and_kept_points_do_not_change_the_numbers(
    curve: xr.Dataset, tmp_path: Path
) -> None:
    for _ in range(2):
        again = response_curve([0.9, 1.2], 0.5, seed=3, workers=2, store=tmp_path, **SMALL)
        for name in ("q", "r_int", "r_int_err", "seed"):
            np.testing.assert_array_equal(again[name], curve[name].sel(gamma=[0.5], g=[0.9, 1.2]))
    assert len(Store(tmp_path).read()) == 2


def test_near_the_onset_points_are_flagged() -> None:
    few = {"n_trajectories": 4096, "batches": 8, "t_skip": 2.0, "t_max": 22.0, "window": 8.0}
    point = response_curve(0.7, 0.5, seed=0, **SMALL | few)
    assert not point.converged.item()
    assert "raise" in point.reason.item()
    assert np.isfinite(point.q.item())


def test_seeds_of_points_are_distinct_and_stable() -> None:
    def seed_of(seed: int, g: float, gamma: float) -> int:
        return seeds.point(seed, 0, {"g": g, "gamma": gamma})

    places = list(product((0, 1, 2**70), np.linspace(0.5, 1.1, 13), (-0.5, 0.0, 0.5, 1.0)))
    assert len({seed_of(*place) for place in places}) == len(places)
    # Rounding of an axis and the sign of zero do not make another point.
    assert seed_of(0, 0.1 + 0.2, -0.0) == seed_of(0, 0.3, 0.0)
    assert seed_of(0, 0.8, 0.5) == 3098743520022353200
    assert response_curve(0.5, 0.0).attrs["seed"] != response_curve(0.5, 0.0).attrs["seed"]


def test_a_point_without_solution_does_not_end_the_sweep() -> None:
    with pytest.warns(SweepWarning, match=r"1 of 2 points failed, first gamma=0.0, g=1.2"):
        found = response_curve([0.5, 1.2], 0.0, phi="linear", **SMALL)
    assert found.converged.values.tolist() == [[True, False]]
    assert np.isnan(found.q.values[0, 1])
    assert found.reason.values[0, 1]
    assert found.method.values[0, 1] == ""


def test_provenance(curve: xr.Dataset) -> None:
    assert curve.attrs["seed"] == 3
    assert curve.attrs["phi"] == "tanh"
    assert curve.attrs["window"] == 10
    assert "quasipotential_version" in curve.attrs


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"g": [1.0, 0.5]}, "g: the axis must be strictly increasing"),
        ({"g": [0.0, 0.5]}, "g=0: must be positive"),
        ({"g": [0.5, np.nan]}, "g=nan: must be finite"),
        ({"gamma": ["0", "0.5"]}, "gamma=.*must be real"),
        ({"gamma": 2.0}, "gamma=2: must lie in"),
        ({"seed": -1}, "seed=-1"),
        ({"dt": 0.0}, "dt=0: must be positive"),
        ({"t_max": 20.0}, "t_max=20: must be at least"),
        ({"n_trajectories": 16}, "n_trajectories=16: must be at least"),
    ],
)
def test_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        response_curve(**{"g": 1.0, "gamma": 0.5} | SMALL | arguments)


def call(options: str, folder: Path) -> int:
    return main(["response-curve", *options.split(), "--workers", "1", "--output", str(folder)])


def saved(folder: Path) -> xr.Dataset:
    return load(folder / "response-curve.nc")


def test_dataset_figure_and_provenance(tmp_path: Path, capsys: Capture) -> None:
    assert call(f"{SMALL_COMMAND} --seed 7", tmp_path / "out") == 0
    names = {f"response-curve.{end}" for end in ("nc", "png", "md")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*names, "points"}
    printed = capsys.readouterr()
    assert "wrote response-curve.nc, response-curve.png, response-curve.md" in printed.out
    # No progress bar in a pipe; a steady state this short is not converged and says so.
    assert all(line.startswith("warning: ") for line in printed.err.splitlines())
    data = saved(tmp_path / "out")
    assert data.attrs["phi"] == "tanh"
    assert data.attrs["seed"] == 7
    assert data.attrs["n_trajectories"] == 512
    assert {"quasipotential_version", "numpy_version", "created"} <= set(data.attrs)
    for point in (data.sel(g=1.1, gamma=gamma) for gamma in (0.2, 0.5)):
        assert quoted(float(point.q), float(point.q_err)) in printed.out
        assert quoted(float(point.r_int), float(point.r_int_err)) in printed.out
        assert point.reason.item() in printed.out


def test_same_seed_same_numbers(tmp_path: Path) -> None:
    runs = []
    for folder, options in (("a", " --workers 2"), ("b", " --seed 1")):
        assert call(SMALL_COMMAND + options, tmp_path / folder) == 0
        runs.append(saved(tmp_path / folder))
    first, other = runs
    assert not np.array_equal(first.q, other.q)
    options = {"n_trajectories": 512, "batches": 2, "t_skip": 5, "t_max": 15, "window": 5}
    alone = response_curve([0.6, 1.1], [0.0, 0.2, 0.5], seed=0, dt=0.2, **options)
    np.testing.assert_array_equal(first.q, alone.q)
    np.testing.assert_array_equal(first.seed, alone.seed)


def test_lines_of_the_theory_and_peaks(tmp_path: Path) -> None:
    assert call(SMALL_COMMAND, tmp_path) == 0
    data = saved(tmp_path)
    assert data.q.shape == (3, 2)
    assert {"Q_static", "G_static", "converged", "reason", "seed"} <= set(data)
    # The peak of G is on the line: G = 1/g at the critical gain.
    peaks = data.G_line.max("g_line")
    np.testing.assert_allclose(peaks, 1 / data.critical_gain, rtol=1e-9)
    np.testing.assert_allclose(data.r_int_line, 1 / data.critical_gain)
    np.testing.assert_array_equal(data.r_int_largest, data.r_int.max("g"))
    for gamma in data.gamma.values:
        row = data.sel(gamma=gamma)
        assert row.r_int.sel(g=row.g_largest) == row.r_int_largest
        assert row.r_int_err.sel(g=row.g_largest) == row.r_int_largest_err
    assert data.g_nearest.values.tolist() == [1.1, 0.6, 0.6]
    assert data.n_beyond.values.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(data.n_static_above, (data.Q_static > data.q).sel(g=1.1))
    np.testing.assert_array_equal(data.n_converged, data.converged.sum("g"))


def test_one_gain(tmp_path: Path) -> None:
    assert call("--g 0.5 --gamma 0", tmp_path) == 0
    assert np.isnan(saved(tmp_path).g_nearest)


def test_a_symmetry_without_solutions() -> None:
    with pytest.warns(UserWarning, match="1 of 2 points failed"):
        data = RESPONSE_CURVE.run(g=[1.5], gamma=[-0.9, 0.0], phi="linear")
    assert np.isnan(data.r_int_largest.sel(gamma=0.0))
    assert data.n_beyond.values.tolist() == [0, 0]


def test_an_absent_state_is_told_and_no_failure(tmp_path: Path, capsys: Capture) -> None:
    """Linear networks beyond the line: nothing stationary."""
    assert call("--phi linear --g 1.5 --gamma 0", tmp_path / "out") == 0
    error = capsys.readouterr().err
    assert error.startswith("absent: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help(capsys: Capture) -> None:
    assert main(["response-curve", "--help"]) == 0
    assert "[QH] Fig. 4" in capsys.readouterr().out
