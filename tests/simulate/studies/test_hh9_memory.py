"""[HH] Fig. 9 on small networks: held-out scores, singular inverses, comparisons, the command."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import t

from meanfield import ArgumentError, load
from meanfield.common import seeds
from meanfield.common.study import as_tables, numbers, quoted
from simulate import memory_curve, reproduce
from simulate.command_line import main
from simulate.couplings import elliptic
from simulate.studies.hh9_memory import HH9, MEMORY, derive, draw, memory_functions

SMALL: dict[str, Any] = {
    "n": 60, "g": [2.0, 14.0], "tau": [0.0, 10.0], "trials": 2, "t_skip": 20.0, "seed": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def converged() -> xr.Dataset:
    return HH9.run("quick", windows=[140.0], **SMALL)


@pytest.fixture(scope="module")
def printed() -> xr.Dataset:
    with warnings.catch_warnings():
        # The printed choices are used on purpose: rank and crosses say what they do.
        warnings.simplefilter("error")
        # Of old versions of Matplotlib with new ones of pyparsing.
        warnings.simplefilter("ignore", DeprecationWarning)
        return HH9.run("quick", "printed", windows=[5.0, 40.0], n_samples=500, **SMALL)


def test_point_is_the_memory_curve() -> None:
    tau = [0.0, 5.0, 20.0]
    both = ["recall", "forecast"]
    found = memory_functions(1.5, 0.0, n=30, tau=tau, task=both, t_skip=19.5, t_max=100, seed=4)
    biased = memory_functions(1.5, 0.0, n=30, tau=tau, bias_std=1.0, t_skip=19.5, t_max=100, seed=4)
    b = seeds.generator(4, "bias").standard_normal(30)
    how: dict[str, Any] = {"t_skip": 20, "t_max": 100, "dt": 0.05, "seed": 4, "intercept": False}
    curve = memory_curve(elliptic(30, 1.5, seed=4), tau, bias=b, **how)
    np.testing.assert_allclose(biased["m"][1][0, 0], curve.m, rtol=1e-6)
    for task, m in zip(both, found["m"][1][0], strict=True):
        curve = memory_curve(elliptic(30, 1.5, seed=4), tau, task=task, **how)
        np.testing.assert_allclose(m, curve.m, rtol=1e-6)


def test_windows_are_evaluated_by_themselves() -> None:
    how: dict[str, Any] = {"n": 20, "tau": [0.0, 5.0], "t_skip": 20, "seed": 2}
    whole = memory_functions(2.0, 1.0, windows=[80, 160], **how)
    assert whole["window"] == [80, 160]
    for k, end in enumerate((100, 180)):
        alone = memory_functions(2.0, 1.0, t_max=end, **how)
        np.testing.assert_allclose(whole["m"][1][k], alone["m"][1][0], rtol=1e-6)


def test_printed_formula_inverts_a_singular_matrix(printed: xr.Dataset) -> None:
    assert printed.window.values.tolist() == [5, 40]
    short = printed.sel(window=5.0, onsager=1.0)
    assert np.all(short["rank"].sel(g=2.0) < printed.attrs["n"])
    assert np.all(short.condition.sel(g=2.0) > 1e14)
    # Eqs. 19 and 21 agree for exact weights.
    gap = np.abs(short.m - short.m_train).sel(g=2.0)
    assert float(gap.max()) > 0.1
    assert float(short.mismatch.sel(g=2.0)) == float(gap.max())
    assert float(short.m_least.sel(g=2.0)) == float(short.m.sel(g=2.0).min())
    # The unstable step is rough in time, which lifts the rank.
    assert np.all(short.unstable_step.sel(g=14.0) == 1)
    assert np.all(short.unstable_step.sel(g=2.0) == 0)
    assert np.all(short["rank"].sel(g=14.0) > short["rank"].sel(g=2.0))
    assert np.all(0.01 * short.stiffness.sel(g=14.0) > 2)


def test_held_out_score(converged: xr.Dataset) -> None:
    assert np.all(converged.m <= 1)
    assert float(converged.m_train.mean()) > float(converged.m.mean())
    # The present is known best by a driven network just beyond the onset of chaos.
    recall = converged.m.sel(task="recall", onsager=0.0, g=2.0).mean("replicate").isel(window=0)
    assert float(recall.sel(tau=0)) > 0.8
    # τ = 0 is one task.
    np.testing.assert_allclose(
        converged.m.sel(task="recall", tau=0), converged.m.sel(task="forecast", tau=0), atol=1e-8
    )


def test_tables_have_the_numbers(converged: xr.Dataset, printed: xr.Dataset) -> None:
    data = {"converged": converged, "printed": printed}
    text = "\n".join(as_tables(HH9, data))
    shown = converged.m.sel(task="recall", g=2.0, onsager=1.0, tau=0.0).isel(window=0)
    mean, error = float(shown.mean()), float(np.abs(shown.diff("replicate")[0]) / 2)
    assert quoted(mean, error) in text
    names = {name for table in numbers(HH9, data) for name in table.columns}
    assert set(HH9.columns) <= names
    ranks = next(one for one in numbers(HH9, data) if "rank" in one)
    assert ranks.loc[(1.0, 2.0, 5.0, "printed"), "rank"] == float(
        printed["rank"].sel(onsager=1.0, g=2.0, window=5.0).mean()
    )


def test_differences_are_compared_all_together(converged: xr.Dataset) -> None:
    count = 4
    data = converged.drop_vars([name for name in converged if name not in ("m", "m_train")])
    data = xr.concat([data.isel(replicate=0)] * count, "replicate", join="override")
    cells = 2 * data.sizes["g"] * data.sizes["tau"]
    needed = t.isf(0.05 / (2 * cells), count - 1)
    noise = np.array([-1.0, 1.0, -1.0, 1.0])
    error = noise.std(ddof=1) / 2
    for factor, better, worse in ((0.99, 0, 0), (1.01, cells, 0), (-1.01, 0, cells)):
        m = xr.zeros_like(data.m)
        m.loc[{"onsager": 1.0}] = factor * needed * error
        m = m + xr.DataArray(noise, dims="replicate") * (data.onsager == 1)
        found = derive(data.assign(m=m))
        assert (int(found.better.sum()), int(found.worse.sum())) == (better, worse)
        assert (int(found.n_better.sum()), int(found.n_worse.sum())) == (better, worse)
        assert int(found.n_compared) == cells
        assert float(found.errors_needed) == pytest.approx(needed)
        np.testing.assert_allclose(found.difference, factor * needed * error)
        np.testing.assert_allclose(found.difference_err, error)


def test_one_coupling_and_printed_scores_are_not_compared(
    converged: xr.Dataset, printed: xr.Dataset
) -> None:
    names = [name for name in converged if name not in ("m", "m_train")]
    alone = derive(converged.drop_vars(names).isel(replicate=[0]))
    for data in (alone, printed):
        assert not {"difference", "better", "worse", "errors_needed"} & set(data)
    assert "m_shown" in alone


def test_files_without_warnings(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Of old versions of Matplotlib with new ones of pyparsing.
        warnings.simplefilter("ignore", DeprecationWarning)
        found = reproduce("hh9", output=tmp_path, n=20, g=[2.0], tau=[0.0, 5.0], trials=1)
    stems = ("hh9", "hh9-printed")
    names = {"hh9.md", *(f"{stem}.{end}" for stem in stems for end in ("png", "nc"))}
    assert {path.name for path in found.files} == names
    assert all(path.stat().st_size > 0 for path in found.files)


def test_pictures(converged: xr.Dataset, printed: xr.Dataset) -> None:
    for data, rows in ((converged, 1), (printed, 2)):
        figure = draw(data)
        assert len(figure.axes) == 2 * rows * data.sizes["g"]
        assert any("window" in axis.get_ylabel() for axis in figure.axes) == (rows == 2)
        said = [text.get_text() for text in figure.legends[0].get_texts()]
        # Crosses where the printed step is too long; the vanilla network is dashed and hollow.
        assert ("step too long" in said) == (data is printed)
        lines = figure.axes[data.sizes["g"] - 1].lines
        crosses = [line for line in lines if line.get_marker() == "x"]
        assert bool(crosses) == (data is printed)
        hollow = [line for line in lines if line.get_markerfacecolor() == "white"]
        assert [line.get_linestyle() for line in hollow] == ["--"]


def test_sizes_of_the_figure() -> None:
    quick, paper = (HH9.values(name) for name in ("quick", "paper"))
    assert (quick["n"], quick["trials"], quick["windows"]) == (300, 3, [600.0])
    assert (paper["n"], paper["trials"], paper["windows"]) == (1000, 5, [800.0])
    for name in ("quick", "paper"):
        values = HH9.values(name, "printed")
        assert values["windows"] == [20.0, 100.0]
        assert (values["n_samples"], values["formula"], values["dt"]) == (2000, "printed", 0.01)
        assert values["dtype"] == "float64"
    assert set(HH9.options) == set(MEMORY.options)


def test_memory_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--n", "20", "--g", "2", "--t-max", "200", "--tau", "0:20:5", "--workers", "1"]
    assert main(["memory", *arguments, "--output", str(tmp_path)]) == 0
    assert "wrote memory.nc, memory.png, memory.md" in capsys.readouterr().out
    data = load(tmp_path / "memory.nc")
    assert (data.attrs["n"], data.attrs["seed"], data.attrs["t_max"]) == (20, 0, 200.0)
    assert "quasipotential_version" in data.attrs
    assert data.m.sizes == {
        "onsager": 2, "g": 1, "replicate": 1, "window": 1, "task": 1, "tau": 5
    }  # fmt: skip
    assert data.task.values.tolist() == ["recall"]
    again = MEMORY.run(n=20, g=[2.0], t_max=200.0, tau=data.tau.values)
    np.testing.assert_array_equal(again.m, data.m)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tau", "-1"], "tau"),
        (["--task", "dream"], "task"),
        (["--t-max", "100"], "t_max=100: must be longer than t_skip"),
        (["--gap", "-1"], "gap"),
        (["--gap", "400"], "gap"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["--n", "10", "--g", "2", "--workers", "1", "--output", str(tmp_path / "out")]
    assert main(["memory", *own, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_windows_and_gaps_are_checked_before_the_run() -> None:
    """A run of this size would take hours."""
    for wrong in (
        {"gap": 500.0},
        {"t_max": 99.0},
        {"windows": [-1.0]},
        {"n_samples": 0},
        {"task": ["dream"]},
    ):
        with pytest.raises(ArgumentError):
            memory_functions(2.0, 1.0, **{"n": 100_000, "seed": 0, **wrong})  # type: ignore[arg-type]
