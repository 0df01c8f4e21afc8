"""The public call: rows and verdicts, resuming, shards, workers."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import meanfield.common.identity
from meanfield import ArgumentError, SamplerError, StepSizeWarning, load
from meanfield.common.jobs import Attempt, carry_out
from meanfield.common.labelled import labelled
from meanfield.common.store import FileWarning
from simulate import SamplingWarning, validate
from simulate.validation.experiments import EXPERIMENTS
from simulate.validation.statement import Design, Experiment, TheoryValue
from simulate.validation.table import cells, judged
from simulate.validation.validation import _APART, ExperimentJob, plan

MakeToy = Callable[..., Experiment]
LIMIT = 0.7


def test_rows_and_verdicts(toy: Experiment, make_toy: MakeToy) -> None:
    table = validate(rows=["toy"], seed=1)
    assert [row.verdict for row in table.rows] == ["agrees", "exact"]
    assert table.passed
    assert table.complete
    assert "toy.mean" in table.table()
    make_toy(theory=lambda *, seed: {"mean": TheoryValue(0.0)})
    table = validate(rows=["toy"], seed=1)
    assert [row.verdict for row in table.rows] == ["DIFFERS", "exact"]
    assert not table.passed
    assert "toy.mean: DIFFERS" in table.summary()


def _outcome(experiment: Experiment) -> Attempt:
    """Of the last job, a network of the smallest size."""
    return dict(carry_out(plan([experiment], "quick", 1)[-1:]))[0]


def test_a_number_that_is_none_is_no_result(make_toy: MakeToy) -> None:
    broken = make_toy(measure=lambda n, seed: {"mean": math.nan, "identity": 1e-13})
    outcome = _outcome(broken)
    assert outcome.reason == "nan: mean"
    theory = Attempt(xr.Dataset(), [], None, 0.0)
    row = judged(broken, broken.predictions[0], theory, {10: [outcome, outcome]}, 3.0)
    assert row.verdict == "flagged"
    assert not row.passed
    assert "nan" in row.reason
    assert cells(row)["verdict"].startswith("flagged")


def _fails(make_toy: MakeToy, error: Exception) -> None:
    def fails(n: int, seed: int) -> dict[str, float]:
        raise error

    make_toy(measure=fails)


def test_jobs_that_fail_are_rows_without_result(make_toy: MakeToy) -> None:
    _fails(make_toy, SamplerError("no answer"))
    table = validate(rows=["toy"], seed=1)
    assert [row.verdict for row in table.rows] == ["flagged"] * 2
    assert [row.reason for row in table.rows] == ["no answer"] * 2
    assert table.failures == ["toy: no answer"]
    assert table.status.tolist() == ["flagged"] * 2
    assert table.warnings == ("no answer",)


@pytest.mark.parametrize("kind", [TypeError, AttributeError, NameError])
@pytest.mark.parametrize("workers", [1, 2])
def test_mistakes_of_the_program_are_raised(
    kind: type[Exception], workers: int, make_toy: MakeToy
) -> None:
    _fails(make_toy, kind("a mistake"))
    with pytest.raises(kind, match="a mistake"):
        validate(rows=["toy"], seed=1, workers=workers)


def test_the_table_is_a_result(toy: Experiment, tmp_path: Path) -> None:
    table = validate(rows=["toy"], seed=1)
    table.save(tmp_path / "table.nc")
    data = load(tmp_path / "table.nc")
    assert data.row.values.tolist() == ["toy.mean", "toy.identity"]
    assert data.attrs["seed"] == 1
    assert data.attrs["call"] == "simulate.validate(rows=['toy'], seed=1)"
    assert data.z.values[0] == table.rows[0].z
    assert data.theory.values.tolist() == [LIMIT, 0.0]
    assert np.isnan(data.simulation_err.values[1])
    assert repr(table) == f"Validation(passed=True, limit={table.limit:.6g}, 2 converged)"
    axes = table.plot()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["toy.mean"]


@pytest.mark.parametrize("category", [StepSizeWarning, RuntimeWarning, SamplingWarning])
def test_warnings_of_jobs(category: type[Warning], make_toy: MakeToy) -> None:
    def warns(n: int, seed: int) -> dict[str, float]:
        warnings.warn("careful", category, stacklevel=1)
        return {"mean": LIMIT + np.random.default_rng(seed).standard_normal(), "identity": 0.0}

    make_toy(measure=warns)
    table = validate(rows=["toy.mean"], seed=1)
    assert table.job_warnings == ["toy: careful"]
    if category is SamplingWarning:
        assert table.rows[0].verdict == "agrees"
        assert "8 of 9 jobs warned" in table.rows[0].reason
    else:
        assert table.rows[0].verdict == "flagged"
        assert table.failures == ["toy: careful"]


def test_a_forgotten_theory_is_a_mistake(make_toy: MakeToy) -> None:
    make_toy(theory=lambda *, seed: {})
    with pytest.raises(KeyError):
        validate(rows=["toy"], seed=1)


def test_measurements_of_other_code_are_not_taken_up(
    toy: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate(rows=["toy"], seed=5, store=tmp_path)
    monkeypatch.setattr("simulate.validation.validation.sources", lambda *apart: "other code")
    assert validate(rows=["toy"], seed=5, store=tmp_path).n_reused == 0


@pytest.mark.parametrize(
    ("place", "counts"),
    [
        ("experiments/probe.py", True),
        ("validation.py", True),
        ("report.py", False),
        ("table.py", False),
    ],
)
def test_measurements_depend_on_the_code_that_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, counts: bool
) -> None:
    digest = meanfield.common.identity.sources.__wrapped__
    engine = tmp_path / "meanfield" / "common" / "identity.py"
    monkeypatch.setattr(meanfield.common.identity, "__file__", str(engine))
    before = digest(*_APART), digest("validation")
    file = tmp_path / "simulate" / "validation" / place
    file.parent.mkdir(parents=True)
    file.write_text("1 / 0")
    assert (digest(*_APART) != before[0]) == counts
    # No figure depends on them.
    assert digest("validation") == before[1]


def test_equal_couplings_have_no_error_and_no_verdict(toy: Experiment) -> None:
    same = Attempt(labelled({"mean": 0.7}), [], None, 0.0)
    theory = Attempt(labelled({"mean": np.array([0.7, 0.0, math.inf])}), [], None, 0.0)
    assert judged(toy, toy.predictions[0], theory, {10: [same, same]}, 3.0).verdict == "flagged"


def test_seeds_of_jobs_do_not_depend_on_other_experiments(toy: Experiment) -> None:
    def of_toy(jobs: list[ExperimentJob]) -> set[tuple[str, int]]:
        return {(job.key, job.seed) for job in jobs if job.experiment is toy}

    others = [EXPERIMENTS["identities"], toy]
    assert of_toy(plan(others, "quick", 3)) == of_toy(plan([toy], "quick", 3))
    jobs = plan(others, "quick", 3)
    assert len({job.seed for job in jobs}) == len(jobs) == len({job.key for job in jobs})


def test_resumes_and_shards(toy: Experiment, tmp_path: Path) -> None:
    whole = validate(rows=["toy"], seed=5)
    first = validate(rows=["toy"], seed=5, store=tmp_path, shard=(1, 2))
    assert not first.complete
    assert "jobs still to do" in first.rows[0].reason
    validate(rows=["toy"], seed=5, store=tmp_path, shard=(2, 2))
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    last = validate(rows=["toy"], seed=5, store=tmp_path)
    assert last.n_reused == last.n_jobs == 9
    assert [row.to_dict() for row in last.rows] == [row.to_dict() for row in whole.rows]
    # Another seed shares nothing.
    assert validate(rows=["toy"], seed=6, store=tmp_path).n_reused == 0


def test_a_torn_line_is_measured_again(toy: Experiment, tmp_path: Path) -> None:
    whole = validate(rows=["toy"], seed=5, store=tmp_path)
    file = tmp_path / "points-all.jsonl"
    file.write_text(file.read_text()[:-40])
    again = validate(rows=["toy"], seed=5, store=tmp_path)
    assert again.n_reused == again.n_jobs - 1
    assert again.rows[0].z == whole.rows[0].z
    assert validate(rows=["toy"], seed=5, store=tmp_path).n_reused == whole.n_jobs


@pytest.mark.parametrize(
    ("kept", "altered"),
    [
        (r'(?<=\[1\], ")\w', "/"),  # A digit of a number.
        (r'(?<="key": ")\w', "x"),
        (r'"<f8"', '"<i8"'),
        (r"^\{", "["),
    ],
)
def test_an_altered_measurement_is_told_and_made_again(
    toy: Experiment, tmp_path: Path, kept: str, altered: str
) -> None:
    whole = validate(rows=["toy"], seed=5, store=tmp_path)
    file = tmp_path / "points-all.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    text, count = re.subn(kept, altered, lines[-1], count=1)
    assert count == 1
    assert text != lines[-1]
    file.write_text("".join([*lines[:-1], text]))
    with pytest.warns(FileWarning):
        again = validate(rows=["toy"], seed=5, store=tmp_path)
    assert again.n_reused == again.n_jobs - 1
    assert [row.to_dict() for row in again.rows] == [row.to_dict() for row in whole.rows]
    assert validate(rows=["toy"], seed=5, store=tmp_path).n_reused == whole.n_jobs


def test_workers_do_not_change_the_table() -> None:
    one, two = (validate(rows=["identities"], seed=2, workers=k) for k in (1, 2))
    assert [a.to_dict() for a in one.rows] == [b.to_dict() for b in two.rows]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"preset": "huge"}, "preset"),
        ({"rows": ["nothing*"]}, "nothing"),
        ({"false_alarm": 1.0}, "false_alarm"),
        ({"shard": (3, 2)}, "shard"),
        ({"seed": -1}, "seed"),
        ({"workers": 0}, "workers"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        validate(**{"rows": ["identities"], **arguments})  # type: ignore[arg-type]


def test_a_preset_may_leave_rows_out(make_toy: MakeToy) -> None:
    make_toy(presets={"quick": Design({10: 4}, without=("identity",)), "paper": Design({10: 4})})
    for preset, names in (("quick", ["toy.mean"]), ("paper", ["toy.mean", "toy.identity"])):
        assert [row.name for row in validate(preset, rows=["toy"], seed=1).rows] == names
    with pytest.raises(ArgumentError, match=r"'toy.identity': matches nothing of preset=quick"):
        validate(rows=["toy.identity"])


def test_the_spectrum_measures_the_rows_of_its_preset() -> None:
    experiment = EXPERIMENTS["spectrum"]
    for design in experiment.presets.values():
        measured = experiment.measure(20, 0, **{**design.measure, "t_skip": 1.0, "t_max": 30.0})
        assert {*measured, *design.without} == {row.name for row in experiment.predictions}
        assert not {*measured} & {*design.without}


def test_every_experiment_is_whole() -> None:
    for key, experiment in EXPERIMENTS.items():
        names = [p.name for p in experiment.predictions]
        assert experiment.key == key
        assert len(set(names)) == len(names)
        assert set(experiment.presets) == {"quick", "paper"}
        for design in experiment.presets.values():
            tested = [p for p in experiment.predictions if p.bound is None]
            assert not tested or min(design.sizes.values()) >= 4
