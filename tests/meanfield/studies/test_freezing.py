"""`freezing_curve` and its command: networks, closed forms, steps, seeds, arguments, files."""

from __future__ import annotations

import math
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from meanfield import (
    ArgumentError,
    StepSizeWarning,
    SweepWarning,
    Switching,
    freezing_curve,
    load,
    stationary,
    two_time,
)
from meanfield.command_line import main
from meanfield.common import seeds
from meanfield.common.study import as_tables
from meanfield.studies.freezing import _FIRST, FREEZING, _times
from simulate import couplings, integrate

Capture = pytest.CaptureFixture[str]

SMALL: dict[str, Any] = {"t_chaos": 1.0, "t_frozen": 1.0, "n_trajectories": 2048, "batches": 2}
MEASURED = ("energy", "C", "overlap", "displacement", "freezing")


@cache
def frozen(gamma: float = 0.0) -> xr.Dataset:
    return freezing_curve(
        2.0, [0.5, 1.0], gamma=gamma, t_chaos=3, t_frozen=4, n_trajectories=8000, batches=8,
        seed=2, finite_m="ignore",
    )  # fmt: skip


def networks(
    n: int, count: int, gamma: float, onsager: float, start: float, times: np.ndarray, dt: float
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Means and standard errors over stored couplings at g = 2, at 0 and `times` past the switch.

    `times` holds each time after its half: freezing measures are taken between pairs.
    """
    moments = np.concatenate([[start], start + times])
    found: dict[str, list[np.ndarray]] = {name: [] for name in MEASURED}
    for seed in range(count):
        J = couplings.elliptic(n, 2.0, gamma, seed=seed)
        x0 = np.random.default_rng(seed).standard_normal(n)
        x0 /= math.sqrt(np.mean(x0**2))
        run = integrate(
            J, x0, t_max=float(moments[-1]), dt=dt, onsager=Switching([start], [0.0, onsager]),
            method="exponential", save_at=moments,
        )  # fmt: skip
        phi = np.tanh(run.x)
        C = phi @ phi.T / n
        same = np.diagonal(C)
        moved = same[:, None] + same - 2 * C
        found["energy"].append(run.energy)
        found["C"].append(same)
        found["overlap"].append(C[:, 0] / np.sqrt(same * same[0]))
        found["displacement"].append(moved[:, 0])
        found["freezing"].append(np.diagonal(moved, 1))
    stacked = {name: np.array(values) for name, values in found.items()}
    return (
        {name: v.mean(axis=0) for name, v in stacked.items()},
        {name: v.std(axis=0, ddof=1) / math.sqrt(count) for name, v in stacked.items()},
    )


def check(
    curve: xr.Dataset, gamma: float, kappa: float, n: int, count: int, allowed: float, level: float
) -> None:
    """Deviations of at most `level` combined standard errors after `allowed` of the value."""
    times = curve.t.values[-1] / np.array([16.0, 8, 4, 2, 1])
    start = float(curve.attrs["t_chaos"])
    means, errors = networks(n, count, gamma, kappa, start, times, 0.035)
    part = curve.sel(g=2.0, onsager=kappa).sel(t=np.concatenate([[0.0], times]))
    for name in MEASURED:
        skip = {"freezing": 2, "displacement": 1}.get(name, 0)
        value, err = part[name].values[skip:], part[f"{name}_err"].values[skip:]
        mean, error = means[name], errors[name]
        # Intervals between neighbours: the first, from the switch on, is not one from t/2 to t.
        mean, error = (a[1 if name == "freezing" else skip :] for a in (mean, error))
        combined = np.hypot(error, err) + 1e-12
        off = np.maximum(np.abs(mean - value) - allowed * np.abs(value), 0) / combined
        assert off.max() < level, (name, kappa, off, mean / value)


# ---------------------------------------------------------------------------------- physics


@pytest.mark.slow
@pytest.mark.parametrize("kappa", [0.5, 1.0])
def test_networks(kappa: float) -> None:
    """5 networks of 800 neurons at g = 2, 4 % of O(1/N) and 4 combined standard errors.

    27 correlated comparisons of Student's t of 4 to 11 degrees of freedom.
    """
    check(frozen(), 0.0, kappa, 800, 5, 0.04, 4)


@pytest.mark.slow
@pytest.mark.parametrize(("gamma", "kappa"), [(0.0, 0.2), (0.5, 0.5), (-0.5, 1.0), (0.5, 1.0)])
def test_large_networks(gamma: float, kappa: float) -> None:
    """8 networks of 2000 neurons: 2 % and 4 combined standard errors."""
    curve = freezing_curve(
        2.0, kappa, gamma=gamma, t_chaos=4, t_frozen=4, n_trajectories=64_000, batches=16, seed=2
    )
    check(curve, gamma, kappa, 2000, 8, 0.02, 4)


def test_without_the_force_chaos_goes_on() -> None:
    """κ = 0, γ = 0 against the deterministic two-time solver, 4 errors and 1 % for the step."""
    run = freezing_curve(
        2.0, 0.0, t_chaos=4, t_frozen=4, n_trajectories=8000, batches=8, seed=1, finite_m="ignore"
    ).isel(g=0, onsager=0)
    exact = two_time(2.0, t_max=8, dt=0.05, save_every=10)
    late = run.sel(t=[0.5, 1.0, 2.0, 4.0])
    places = np.rint((4 + late.t.values) / 0.5).astype(int)
    half = np.rint((4 + late.t.values / 2) * 2).astype(int)
    np.testing.assert_allclose(exact.t[places], 4 + late.t)
    C, same = exact.C, np.diagonal(exact.C)
    expected = {
        "energy": exact.energy[places],
        "C": same[places],
        "overlap": C[places, 8] / np.sqrt(same[places] * same[8]),
        "displacement": exact.freezing[places, 8],
    }
    for name, values in expected.items():
        off = np.abs(late[name] - values) - 0.01 * np.abs(values)
        assert (off < 4 * late[f"{name}_err"]).all(), (name, values, late[name].values)
    pairs = slice(1, None)  # half of 0.5 was not saved by the other
    values = exact.freezing[places[pairs], half[pairs]]
    off = np.abs(late.freezing.values[pairs] - values) - 0.01 * values
    assert np.all(off < 4 * late.freezing_err.values[pairs])
    assert np.isnan(float(run.stiffness))


def test_long_chaos_is_stationary() -> None:
    """And its energy does not decay."""
    run = freezing_curve(
        2.0, 0.0, t_chaos=15, t_frozen=2, n_trajectories=8000, seed=0, finite_m="ignore"
    ).isel(g=0, onsager=0)
    steady = float(stationary(2.0).q)
    assert abs(float(run.C[0]) - steady) < 4 * float(run.C_err[0]) + 0.01 * steady
    assert np.isnan(float(run.decay_exponent))
    assert np.isnan(float(run.decay_exponent_err))


def test_the_force_freezes() -> None:
    """E falls at every saved time at κ = 1 ([HH]); what is frozen stays near where it was."""
    curve = frozen().sel(g=2.0)
    full, half = curve.sel(onsager=1.0), curve.sel(onsager=0.5)
    assert np.all(np.diff(full.energy) < 0)
    assert float(full.energy[-1]) < 0.15 * float(full.energy[0])
    assert float(full.final_overlap) > 0.9
    assert float(half.final_overlap) < float(full.final_overlap)
    assert float(full.freezing[-1]) < float(full.displacement[-1])
    exponent, err = float(full.decay_exponent), float(full.decay_exponent_err)
    assert 0 < err < 0.03
    assert 0.5 < exponent < 0.9
    assert exponent == float(full.local_exponent[-1])
    assert curve.status.values.tolist() == ["converged", "converged"]


def test_from_normal_states() -> None:
    """t_chaos = 0 is `two_time` with the force on: 4 combined errors."""
    run = freezing_curve(
        1.5, 1.0, t_chaos=0, t_frozen=2, n_trajectories=8000, batches=8, seed=3, finite_m="ignore"
    ).isel(g=0, onsager=0)
    other = two_time(
        1.5,
        t_max=2,
        dt=0.05,
        onsager=1.0,
        n_trajectories=8000,
        seed=4,
        finite_m="ignore",
        save_every=20,
    )
    assert float(run.energy[0]) == pytest.approx(float(other.energy[0]), rel=0.05)
    for k, t in ((1, 1.0), (2, 2.0)):
        part = run.sel(t=t)
        for name, value, err in (
            ("energy", other.energy[k], other.energy_err[k]),
            ("displacement", other.freezing[k, 0], other.freezing_err[k, 0]),
        ):
            error = np.hypot(float(part[f"{name}_err"]), err)
            assert abs(float(part[name]) - value) < 4 * error + 0.01 * value


# ------------------------------------------------------------------------------------- calls


def test_layout() -> None:
    curve = frozen()
    assert curve.energy.dims == ("g", "onsager", "t")
    assert curve.t.values[0] == 0
    assert curve.t.values[-1] == 4
    assert np.all(np.diff(curve.t) > 0)
    known = curve.local_exponent.notnull().all(["g", "onsager"]).values
    halves = [t > 0 and bool(np.any(curve.t.values == t / 2)) for t in curve.t.values]
    assert known.tolist() == halves
    assert known[-8:].all()
    for name in (*MEASURED, "local_exponent", "final_overlap", "decay_exponent"):
        assert curve[name].dims == curve[f"{name}_err"].dims == curve[f"{name}_finite_m"].dims
        assert curve[name].attrs["long_name"]
    assert (curve.displacement[..., 0] == 0).all()
    assert {"seed", "gamma", "quasipotential_version", "created"} <= set(curve.attrs)
    np.testing.assert_array_equal(curve.final_energy, curve.energy[..., -1])


@pytest.mark.parametrize("total", [0.7, 1.0, 3.0, 4.0, 1000.0])
def test_saved_times_begin_early(total: float) -> None:
    """Octaves down from the end, to the first time that is early enough."""
    t = _times(total).t
    assert t[-1] == total
    assert t[1] <= _FIRST
    assert t[2] > t[1]
    assert total <= _FIRST or 2 * t[1] > _FIRST


def test_seeds() -> None:
    """A point depends on its g, κ, γ and the seed; all κ of one g share the chaotic run."""
    both = freezing_curve([1.5, 2.0], [0.5, 1.0], seed=7, workers=2, **SMALL)
    alone = freezing_curve(2.0, 0.5, seed=7, workers=2, **SMALL)
    for name in MEASURED:
        np.testing.assert_array_equal(both[name].sel(g=2.0, onsager=0.5), alone[name][0, 0])
    start = both.energy.isel(t=0)
    np.testing.assert_array_equal(start[:, 0], start[:, 1])
    other = freezing_curve(2.0, 0.5, seed=8, **SMALL)
    assert float(other.energy[0, 0, 0]) != float(alone.energy[0, 0, 0])
    assert alone.attrs["seed"] == 7
    drawn = freezing_curve(2.0, 0.5, **SMALL)
    again = freezing_curve(2.0, 0.5, seed=drawn.attrs["seed"], **SMALL)
    assert drawn.equals(again)


def test_effect_of_finite_batches() -> None:
    found = {name: freezing_curve(1.5, 1.0, finite_m=name, seed=0, **SMALL) for name in
             ("report", "extrapolate", "ignore")}  # fmt: skip
    plain, better, fast = found.values()
    np.testing.assert_array_equal(plain.energy, fast.energy)
    assert np.isnan(fast.energy_finite_m).all()
    np.testing.assert_allclose(better.energy, plain.energy - plain.energy_finite_m)


@pytest.mark.parametrize("gamma", [-0.9, 0.0, 0.9])
@pytest.mark.parametrize("g", [0.8, 4.0])
def test_chosen_steps_are_stable(g: float, gamma: float) -> None:
    settings = SMALL | {"n_trajectories": 2048, "t_chaos": 1.0, "t_frozen": 0.7}
    with warnings.catch_warnings():
        warnings.simplefilter("error", StepSizeWarning)
        curve = freezing_curve(g, [0.2, 1.0], gamma=gamma, seed=0, finite_m="ignore", **settings)
    assert (curve.stiffness * curve.step < 1).all()
    assert (curve.status == "converged").all()


def test_long_steps_speak() -> None:
    with pytest.warns(StepSizeWarning, match=r"g = 3, kappa = 1: dt = 0\.1.* exceeds the largest"):
        curve = freezing_curve(3.0, 1.0, dt=0.15, seed=0, **SMALL)
    assert curve.status.item() == "flagged"
    assert "exceeds the largest stable step" in curve.reason.item()


def test_few_trajectories_speak() -> None:
    curve = freezing_curve(2.0, 1.0, seed=0, **(SMALL | {"n_trajectories": 200}))
    assert curve.status.item() == "flagged"
    assert "few trajectories" in curve.reason.item()


def test_divergence_is_a_status() -> None:
    with pytest.warns(SweepWarning, match="1 of 2 points failed, first g=3.0, onsager=-400.0"):
        curve = freezing_curve(
            3.0, [-400.0, 0.0], phi="linear", dt=0.05, seed=0, **(SMALL | {"n_trajectories": 512})
        )
    assert curve.status.values.tolist() == [["flagged", "converged"]]
    assert "beyond all bounds" in curve.reason.values[0, 0]
    assert np.isnan(curve.energy[0, 0]).all()
    assert np.isfinite(curve.energy[0, 1]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"g": [2.0, 1.5]}, "g: the axis must be strictly increasing"),
        ({"g": -1.0}, "g=-1: must be positive"),
        ({"g": []}, "g: expected a non-empty"),
        ({"onsager": [[1.0]]}, "onsager: expected a non-empty one-dimensional"),
        ({"onsager": math.nan}, "onsager=nan"),
        ({"gamma": 1.5}, "gamma=1.5: must lie in"),
        ({"t_chaos": -1.0}, "t_chaos=-1: must be >= 0"),
        ({"t_frozen": 0.0}, "t_frozen=0: must be positive"),
        ({"dt": 0.0}, "dt=0: must be positive"),
        ({"x0_std": -1.0}, "x0_std=-1"),
        ({"n_trajectories": 8}, "n_trajectories=8: must be at least"),
        ({"batches": 1}, "batches=1: must be at least 2"),
        ({"finite_m": "no"}, "finite_m='no': expected one of"),
        ({"neglect": -1.0}, "neglect=-1"),
        ({"workers": 0}, "workers=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_arguments(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        freezing_curve(**({"g": 2.0, "onsager": 1.0} | change))
    assert words in str(caught.value)


# ------------------------------------------------------------------------------ command line


COMMAND = (
    "freezing --g 1.5,2 --onsager 0.5,1 --trajectories 2048 --batches 2 --t-chaos 1 --t-frozen 1"
)


def call(command: str, folder: Path) -> int:
    return main([*command.split(), "--output", str(folder), "--workers", "1"])


def test_files(tmp_path: Path, capsys: Capture) -> None:
    assert call(COMMAND + " --seed 7", tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "freezing.nc", "freezing.png", "freezing.md", "points"
    }  # fmt: skip
    printed = capsys.readouterr()
    assert printed.err == ""
    data = load(tmp_path / "freezing.nc")
    expected = freezing_curve([1.5, 2.0], [0.5, 1.0], seed=7, **SMALL)
    for name in (*MEASURED, "status", "step"):
        np.testing.assert_array_equal(data[name], expected[name])
    assert data.attrs["g"] == [1.5, 2.0]
    assert data.attrs["n_trajectories"] == 2048
    # E/N, overlap, exponent and status of every point.
    (table,) = as_tables(FREEZING, {"converged": data})
    assert all(line in printed.out for line in table.splitlines() if "```" not in line)
    assert table.count(" converged ") == 4
    assert table.count("±") >= 8
    assert seeds.point(7, 0, {"g": 1.5}) != 7


def test_finished_points_are_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(COMMAND, tmp_path) == 0
    first = load(tmp_path / "freezing.nc")
    monkeypatch.setattr("meanfield.common.jobs._attempt", None)
    assert call(COMMAND, tmp_path) == 0
    assert load(tmp_path / "freezing.nc").equals(first)


def test_quick_is_a_set_of_defaults(tmp_path: Path) -> None:
    quick = "freezing --quick --g 1.2 --onsager 0,1 --trajectories 1024 --batches 2"
    assert call(f"{quick} --dt 0.1 --t-frozen 0.5", tmp_path) == 0
    data = load(tmp_path / "freezing.nc")
    assert data.attrs["t_chaos"] == 8
    assert float(data.t[-1]) == 0.5
    assert data.attrs["n_trajectories"] == 1024


def test_warnings_are_lines(tmp_path: Path, capsys: Capture) -> None:
    command = COMMAND.replace("1.5,2 --onsager 0.5,1", "3 --onsager 1")
    assert call(f"{command} --dt 0.15", tmp_path) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("warning: g = 3, kappa = 1: dt = ")
    assert printed.err.count("\n") == 1
    assert "flagged" in printed.out


def test_no_answer_is_exit_code_1(tmp_path: Path, capsys: Capture) -> None:
    command = COMMAND.replace("1.5,2 --onsager 0.5,1", "3 --onsager -400")
    assert call(f"{command} --phi linear --dt 0.05 --trajectories 512", tmp_path) == 1
    assert "error: trajectories grow" in capsys.readouterr().err


def test_hollow_where_not_converged() -> None:
    """The picture says which points are not to be used."""
    curve = freezing_curve(2.0, [0.5, 1.0], seed=0, **(SMALL | {"n_trajectories": 200}))
    figure = FREEZING.draw(curve)
    assert not isinstance(figure, dict)
    assert any("few trajectories" in text.get_text() for text in figure.axes[2].texts)
