"""The frame of every study: options, presets, variants, files, tables, the command line."""

import json
import re
import shlex
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from distributed import LocalCluster
from matplotlib.figure import Figure

from meanfield import ArgumentError, SamplerError, StepSizeWarning, Switching, load
from meanfield.common.cli import Commands, command_of, run
from meanfield.common.options import as_text
from meanfield.common.store import Store
from meanfield.common.study import (
    Part,
    Study,
    answer,
    as_tables,
    averaged,
    deviations,
    numbers,
    quoted,
    tables,
)
from meanfield.schedule import Schedule


def decay(
    g: float,
    onsager: float,
    *,
    n: int = 30,
    rate: float = 1.0,
    method: str = "exact",
    forced: bool = False,
    window: float | None = None,
    force: Schedule = 0.0,
    seed: int,
) -> dict[str, Any]:
    """A number with scatter over replicates.

    Parameters
    ----------
    g : float
        Gain.
    onsager : float
        Factor κ.
    n : int
        Neurons, that is how many
        numbers are averaged.
    rate : float
        A rate.
    method : {"exact", "euler"}
        Scheme.
    forced : bool
        Warn of the step.
    window : float
        A time.  [default: all]
    force : Schedule
        A schedule.

    Returns
    -------
    dict
    """
    if g > 90:
        raise SamplerError("no answer")
    if forced or method == "euler":
        warnings.warn("step too long", StepSizeWarning, stacklevel=1)
    x = np.random.default_rng(seed).standard_normal(n)
    return {
        "y": ((), g * onsager + x.mean(), {"long_name": "mean of x"}),
        "curve": ("t", rate * np.arange(3.0)),
    }


def one(*, n: int = 30, power: float = 2.0, seed: int) -> dict[str, Any]:
    """A panel of its own."""
    return {"z": ("k", np.arange(4) ** power), "z_err": ("k", np.full(4, 0.5))}


def draw(data: xr.Dataset) -> Figure:
    figure = Figure()
    figure.subplots().plot(data.curve.mean(("g", "onsager", "replicate")))
    return figure


TOY = Study(
    name="toy",
    source="[XY] Fig. 1",
    title="a toy",
    parts=(Part(decay, ("onsager", "g"), replicated=True), Part(one)),
    draw=draw,
    text="What is seen.\n\nWhat it\nmeans.",
    axes={"onsager": (0.0, 1.0), "g": (1.0, 2.0)},
    replicates=3,
    columns=("y", "z", "twice"),
    derive=lambda data: data.assign(twice=2 * data.y.mean("replicate")),
    presets={"quick": {"n": 3, "trials": 2}, "paper": {"g": [1.0, 3.0]}},
    variants={"converged": {}, "printed": {"method": "euler"}},
    command="python -m toys toy",
)
CLI = Commands("toys", places={"toy": f"{__name__}:TOY"})


def main(arguments: list[str], study: Study = TOY) -> int:
    group = click.Group("toys", commands={"toy": command_of(study)})
    return run(group, ["toy", *arguments], program="python -m toys")


def test_options_come_from_signatures_and_texts() -> None:
    options = TOY.options
    names = ["g", "onsager", "n", "rate", "method", "forced", "window", "force", "power", "trials"]
    assert list(options) == names
    assert options["n"].text == "Neurons, that is how many numbers are averaged."
    assert options["method"].choices == ("exact", "euler")
    assert options["g"].is_axis
    assert options["g"].default == [1.0, 2.0]
    assert options["trials"].default == 3


def test_parameters_are_defaults_preset_variant_and_changes() -> None:
    assert TOY.values()["n"] == 30
    assert TOY.values("quick")["n"] == 3
    assert TOY.values("quick", "printed", n=5, method="exact")["method"] == "exact"
    assert TOY.values("paper", "printed") == {
        **TOY.values(),
        "g": [1.0, 3.0],
        "method": "euler",
    }


def test_dataset_has_everything_that_made_it() -> None:
    data = TOY.run("quick", "printed", seed=4, rate=2, force=Switching([3], [0, 1]))
    assert data.y.dims == ("onsager", "g", "replicate")
    assert data.sizes["replicate"] == 2
    facts = data.attrs
    assert (facts["n"], facts["rate"], facts["g"], facts["trials"]) == (3, 2.0, [1.0, 2.0], 2)
    assert (facts["study"], facts["preset"], facts["variant"]) == ("toy", "quick", "printed")
    assert (facts["seed"], facts["force"]) == (4, "0,1@3")
    assert "numpy_version" in facts
    np.testing.assert_array_equal(data.twice, 2 * data.y.mean("replicate"))


def test_one_replicate_keeps_its_dimension() -> None:
    assert TOY.run(trials=1).y.dims == ("onsager", "g", "replicate")


def test_couplings_are_shared_over_axes_and_fresh_where_asked() -> None:
    data = TOY.run("quick", seed=1)
    np.testing.assert_allclose(data.y.sel(onsager=1.0) - data.g, data.y.sel(onsager=0.0))
    fresh = replace(TOY, parts=(Part(decay, ("onsager", "g"), True, shared=()), Part(one)))
    assert len(np.unique(fresh.run("quick", seed=1).y)) == 8


def test_the_command_in_the_dataset_makes_it_again(tmp_path: Path) -> None:
    first = TOY.run(
        "quick", "printed", seed=4, g=[0.1, 1 / 3], forced=True, force=Switching([2.5], [0.0, 1.5])
    )
    program, *arguments = shlex.split(first.attrs["command"].removeprefix("python -m toys "))
    assert program == "toy"
    assert main([*arguments, "--output", str(tmp_path), "--workers", "1"]) == 0
    again = load(tmp_path / "toy-printed.nc")
    np.testing.assert_array_equal(again.y, first.y)
    assert again.attrs["force"] == first.attrs["force"]
    assert again.attrs["command"] == f"{first.attrs['command']} --output {tmp_path}"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"preset": "huge"}, "preset='huge'"),
        ({"variant": "wrong"}, "variant='wrong'"),
        ({"neurons": 3}, "neurons=3: toy has no such parameter, only g, onsager, n"),
        ({"seed": -1}, "seed=-1"),
        ({"n": 0}, "n=0"),
        ({"n": 2.5}, "n=2.5"),
        ({"n": [3]}, "n="),
        ({"rate": "fast"}, "rate='fast'"),
        ({"rate": True}, "rate=True"),
        ({"method": "implicit"}, "method='implicit'"),
        ({"forced": 1}, "forced=1"),
        ({"g": 3.0}, "g=3.0: must be a list"),
        ({"g": []}, r"g=\[\]"),
        ({"g": [1.0, 1.0]}, "a value stands twice"),
        ({"g": ["a"]}, "g='a'"),
        ({"trials": 0}, "trials=0"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        TOY.run(**arguments)


def test_printed_steps_are_told_by_the_picture_and_others_by_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", StepSizeWarning)
        TOY.run("quick", "printed")
    with pytest.warns(StepSizeWarning, match="too long"):
        TOY.run("quick", forced=True)


def test_files_of_an_answer(tmp_path: Path) -> None:
    found = answer(TOY, preset="quick", output=tmp_path, seed=4, n=5)
    names = {"toy.png", "toy.nc", "toy-printed.png", "toy-printed.nc", "toy.md"}
    assert {path.name for path in found.files} == names
    assert {path.name for path in tmp_path.iterdir()} == {*names, "points"}
    data = load(tmp_path / "toy-printed.nc")
    assert data.attrs == found.data["printed"].attrs
    assert data.y.equals(found.data["printed"].y)
    page = (tmp_path / "toy.md").read_text(encoding="utf-8")
    assert found.caption in page
    assert "python -m toys toy --seed 4 --preset quick --variant printed --n 5" in page
    assert "toy-printed.png" in page
    assert found.caption.startswith("What is seen.\n\nWhat it means.\n\n")


def test_nothing_of_an_earlier_run_is_left_beside_a_new_one(tmp_path: Path) -> None:
    answer(TOY, preset="quick", output=tmp_path)
    answer(TOY, preset="quick", output=tmp_path, n=6, variants=("converged",), ending="svg")
    assert not list(tmp_path.glob("toy-printed.*"))
    found = answer(TOY, preset="quick", output=tmp_path, variants=("printed",))
    assert {path.name for path in tmp_path.iterdir()} == {
        "toy-printed.nc", "toy-printed.png", "toy.md", "points"
    }  # fmt: skip
    assert all(path.exists() for path in found.files)


def test_fresh_runs_keep_the_points_of_every_variant(tmp_path: Path) -> None:
    counts = []
    for fresh in (False, True, True):
        answer(TOY, preset="quick", output=tmp_path, fresh=fresh)
        logs = (tmp_path / "points").glob("toy-*/points-all.jsonl")
        counts.append(sorted(len(log.read_text().splitlines()) for log in logs))
    assert counts[1:] == [counts[0]] * 2


def lines(folder: Path) -> list[int]:
    return sorted(len(log.read_text().splitlines()) for log in folder.rglob("*.jsonl"))


def test_longer_axes_and_more_trials_extend_what_is_kept(tmp_path: Path) -> None:
    first = TOY.run("quick", seed=4, store=tmp_path)
    # With a line each for what the sweep is.
    assert lines(tmp_path) == [1 + 1, 1 + 8]
    more = TOY.run("quick", seed=4, store=tmp_path, g=[1.0, 2.0, 3.0], trials=3)
    assert lines(tmp_path) == [1 + 1, 2 + 18]
    np.testing.assert_array_equal(more.y.sel(g=[1.0, 2.0], replicate=[0, 1]), first.y)
    np.testing.assert_array_equal(TOY.run("quick", seed=4, g=[1.0, 2.0, 3.0], trials=3).y, more.y)


@pytest.mark.parametrize("change", [{"n": 4}, {"seed": 5}, {"method": "euler"}])
def test_other_parameters_have_a_store_of_their_own(tmp_path: Path, change: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepSizeWarning)
        TOY.run("quick", **{"seed": 4, "store": tmp_path})
        kept = TOY.run("quick", **{"seed": 4, "store": tmp_path, **change})
        assert kept.y.equals(TOY.run("quick", **{"seed": 4, **change}).y)
    assert lines(tmp_path).count(1 + 8) == 2


def test_plans_of_all_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = TOY.plan("quick", store=tmp_path / "points")
    assert (first.label, first.points, first.kept, len(first.seconds)) == ("toy, decay", 8, 3, 3)
    assert (second.label, second.points, second.kept) == ("toy, one", 1, 0)
    assert first.bytes > 0
    common = ["--quick", "--workers", "3", "--output", str(tmp_path), "--plan"]
    assert main(common) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("toy, decay: 8 tasks, 3 kept, 5 to do; ")
    assert "with workers=3" in shown.out
    assert "MB on disk" in shown.out
    assert shown.out.endswith("toy: what follows from these points, as theory, is not counted\n")
    assert shown.err == ""
    # A question deletes nothing.
    before = lines(tmp_path)
    assert main([*common, "--fresh", "--variant", "printed"]) == 0
    assert capsys.readouterr().out.startswith("toy, decay (printed): 8 tasks, 0 kept")
    assert lines(tmp_path) == before
    assert not (tmp_path / "toy.nc").exists()


def test_a_plan_of_what_has_no_grid(tmp_path: Path) -> None:
    def solver(*, n: int = 3, store: Path | None = None) -> xr.Dataset:
        return xr.Dataset({"y": ("k", np.zeros(n))})

    def single(*, n: int = 3) -> xr.Dataset:
        raise AssertionError

    for function, timed in ((solver, 1), (single, 0)):
        study = replace(TOY, parts=(Part(function, whole=True),), axes={})
        (cost,) = study.plan(store=tmp_path)
        assert (cost.label, cost.points, cost.kept, len(cost.seconds)) == ("toy", 1, 0, timed)


def test_fresh_does_not_take_points_from_another_run(tmp_path: Path) -> None:
    TOY.run("quick", store=tmp_path)
    for folder in tmp_path.iterdir():
        with Store(folder), pytest.raises(ArgumentError, match="already writes there"):
            TOY.run("quick", store=tmp_path, fresh=True)
    assert lines(tmp_path) == [1 + 1, 1 + 8]


def test_tables_of_every_set_of_dimensions(tmp_path: Path) -> None:
    assert main(["--quick", "--g", "2,99", "--csv", "--output", str(tmp_path)]) == 1
    names = {path.name for path in tmp_path.glob("*.csv")}
    assert names == {"toy.csv", "toy-t.csv", "toy-k.csv"}
    points = pd.read_csv(tmp_path / "toy.csv", keep_default_na=False)
    assert list(points)[:4] == ["onsager", "g", "replicate", "y"]
    assert points.reason.tolist() == ["", "", "no answer", "no answer"] * 2
    assert points[["n", "method", "trials"]].drop_duplicates().values.tolist() == [[3, "exact", 2]]
    curves = pd.read_csv(tmp_path / "toy-t.csv")
    assert list(curves) == ["onsager", "g", "replicate", "t", "curve"]
    assert curves.curve.notna().sum() == 4 * 3
    assert pd.read_csv(tmp_path / "toy-k.csv").z.tolist() == [0, 1, 4, 9]


def test_a_table_of_numbers_alone() -> None:
    (table,) = tables(
        xr.Dataset({"y": 1.0, "status": "converged"}, attrs={"study": "toy"})
    ).values()
    assert table.reset_index().to_dict("records") == [
        {"study": "toy", "y": 1.0, "status": "converged"}
    ]


def test_a_scheduler_does_the_work(tmp_path: Path) -> None:
    whole = replace(TOY, parts=(Part(in_worker, whole=True),), derive=None, draw=lambda d: Figure())
    with LocalCluster(
        n_workers=1, processes=False, protocol="tcp://", dashboard_address=":0"
    ) as cluster:
        common = ["--seed", "4", "--scheduler", cluster.scheduler_address]
        assert main([*common, "--quick", "--output", str(tmp_path)]) == 0
        for study in (whole, replace(whole, parts=(Part(in_worker),))):
            assert main([*common, "--output", str(tmp_path / "whole")], study) == 0
            assert load(tmp_path / "whole" / "toy.nc").there
    assert load(tmp_path / "toy.nc").y.equals(TOY.run("quick", seed=4).y)


def in_worker() -> xr.Dataset:
    return xr.Dataset({"there": threading.current_thread() is not threading.main_thread()})


def test_an_unwritable_place_and_a_bad_argument_fail_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments: Any, **parameters: Any) -> xr.Dataset:
        raise AssertionError

    monkeypatch.setattr(Study, "_part", never)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        answer(TOY, output=tmp_path / "file")
    with pytest.raises(ArgumentError, match="n=0"):
        answer(TOY, output=tmp_path / "new", n=0)
    assert not (tmp_path / "new").exists()


def test_data_are_kept_when_a_picture_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(data: xr.Dataset) -> Figure:
        if data.attrs["variant"] == "printed":
            raise RuntimeError("no picture")
        return draw(data)

    assert main(["--output", str(tmp_path), "--preset", "quick", "--variant", "converged",
                 "--variant", "printed"], replace(TOY, draw=refuse)) == 0  # fmt: skip
    said = "warning: toy-printed: no picture, RuntimeError: no picture; the data are kept\n"
    assert capsys.readouterr().err == said
    names = {"toy.nc", "toy.png", "toy-printed.nc", "toy.md", "points"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert "toy-printed.png" not in (tmp_path / "toy.md").read_text()


def test_tables_have_means_errors_and_descriptions() -> None:
    data = {name: TOY.run("quick", name, seed=1) for name in TOY.variants}
    first, second = numbers(TOY, data)
    row = data["printed"].y.sel(onsager=1.0, g=2.0)
    assert first.loc[(1.0, 2.0, "printed"), "y"] == pytest.approx(float(row.mean()))
    error = float(row.std(ddof=1)) / np.sqrt(2)
    assert first.loc[(1.0, 2.0, "printed"), "y_err"] == pytest.approx(error)
    assert second.loc[(3, "converged"), ["z", "z_err"]].tolist() == [9.0, 0.5]
    assert list(first.columns) == ["y", "y_err", "twice"]
    text = "\n".join(as_tables(TOY, data))
    assert quoted(float(row.mean()), error) in text
    assert "- y: mean of x" in text


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (1.2345, 0.067, "1.234 ± 0.067"),
        (1.2345, np.nan, "1.234"),
        (1234.5, 67.0, "1234 ± 67"),
        (1.2e-5, 3e-6, "(1.20 ± 0.30)e-5"),
        (2.0, 0.0, "2"),
    ],
)
def test_numbers_with_errors(mean: float, error: float, text: str) -> None:
    assert quoted(mean, error) == text


def test_deviations_from_theory_are_told() -> None:
    """Means 1 and 4 with standard errors 1 and 0.5 beside 0.5 and 2: 0.5 and 4 errors."""
    data = xr.Dataset(
        {
            "x": (("g", "replicate"), [[0.0, 2.0], [3.5, 4.5]]),
            "x_theory": ("g", [0.5, 2.0]),
            "y": ("replicate", [1.0, 2.0]),
            "y_theory": ((), np.nan),
        },
        {"g": [1.0, 2.0]},
    )
    compared = replace(TOY, compared={"x": "x_theory", "y": "y_theory"})
    text = "x is at most 4.0 standard errors from x_theory (g = 2.0), 1 beyond 2, 1 beyond 3 of 2"
    text += "; errors over 2 couplings"
    assert deviations(compared, {"converged": data}) == [f"- {text}"]
    both = deviations(compared, {"converged": data, "printed": data})
    assert both == [f"- converged: {text}", f"- printed: {text}"]
    assert deviations(compared, {"converged": data.isel(replicate=[0])}) == []


def test_values_are_written_as_the_command_line_reads_them() -> None:
    assert as_text(Switching([100, 200], [0, 1, 0])) == "0,1@100,0@200"
    assert as_text([0.1, 1 / 3]) == "0.1,0.3333333333333333"


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--quick", "--n", "7", "--g", "3:4:2", "--output", str(tmp_path)]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "wrote toy.nc, toy.png, toy.md" in shown
    assert "- y: mean of x" in shown
    data = load(tmp_path / "toy.nc")
    assert data.attrs["n"] == 7
    assert data.attrs["trials"] == 2
    assert data.g.values.tolist() == [3.0, 4.0]
    for spelled in (["--scale", "paper"], ["--paper"], ["--preset", "paper"]):
        assert main([*spelled, "--output", str(tmp_path), "--format", "svg"]) == 0
        assert load(tmp_path / "toy.nc").attrs["preset"] == "paper"
    assert (tmp_path / "toy.svg").exists()


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--json", "--trials", "1", "--output", str(tmp_path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["tables"][0][0].keys() == {"onsager", "g", "y", "y_err", "twice"}
    assert facts["tables"][0][0]["y_err"] is None
    assert facts["runs"]["converged"]["n"] == 3


def test_warnings_and_failed_points_are_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--quick", "--forced", "--g", "1,99", "--output", str(tmp_path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "warning: step too long"
    assert lines[1].startswith("warning: 4 of 8 points failed, first onsager=0.0, g=99.0")
    assert main(["--quick", "--g", "99", "--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "error: no answer\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--g", "2:1:3"],
        ["--g", "1,1"],
        ["--g", "a"],
        ["--g", "0:1:0"],
        ["--g", "0:inf:3"],
        ["--n", "0"],
        ["--n", "x"],
        ["--preset", "huge"],
        ["--variant", "wrong"],
        ["--method", "implicit"],
        ["--force", "0,1"],
        ["--force", "0,1@5,0@3"],
        ["--workers", "0"],
        ["--scheduler", "nonsense"],
        ["--scheduler", "tcp://"],
        ["--format", "gif"],
        ["--power", "3", "more"],
        ["--unknown"],
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help_names_options_presets_and_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "Neurons, that is how many numbers are averaged." in " ".join(text.split())
    for part in ("--onsager RANGE", "--force SCHEDULE", "[exact|euler]", "--trials", "--workers"):
        assert part in text
    assert "--preset quick: n=3, trials=2" in text
    assert "--variant printed: method=euler" in text
    assert re.search(r"Code: .*test_study\.py", text)


def test_an_interruption_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*arguments: Any, **parameters: Any) -> xr.Dataset:
        raise KeyboardInterrupt

    monkeypatch.setattr(Study, "_part", stopped)
    assert main(["--output", str(tmp_path)]) == 130
    assert "goes on from what it has" in capsys.readouterr().err


def test_failed_replicates_are_no_part_of_a_share_and_the_worst_is_told() -> None:
    failed = xr.DataArray([False, True, False], dims="replicate")
    data = xr.Dataset({
        "bad": ("replicate", [True, False, True]),
        "rate": ("replicate", [1.0, np.nan, 3.0], {"reduce": "max"}),
        "failed": failed,
    })  # fmt: skip
    assert float(averaged(data, "bad")["bad"]) == 1.0
    assert {name: float(v) for name, v in averaged(data, "rate").items()} == {"rate": 3.0}


def test_a_group_imports_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(CLI, ["--version"], program="python -m toys") == 0
    assert "version" in capsys.readouterr().out
    assert run(CLI, ["tot"], program="python -m toys") == 2
    assert run(CLI, [], program="python -m toys") == 2
