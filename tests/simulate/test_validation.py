"""The table itself: extrapolation, error rates, verdicts, resuming, shards, reports."""

import json
import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import meanfield.common.sweep
from meanfield import ArgumentError, SamplerError, StepSizeWarning
from meanfield.common.jobs import Attempt, carry_out
from simulate import SamplingWarning, validate
from simulate.command_line import main
from simulate.validation import EXPERIMENTS, Design, Experiment, Prediction, Value
from simulate.validation.extrapolation import deviation, estimate, threshold
from simulate.validation.report import save
from simulate.validation.table import as_text, row
from simulate.validation.validation import _APART, Job, plan

LIMIT, SLOPE = 0.7, 3.0
TESTED = sum(p.bound is None for e in EXPERIMENTS.values() for p in e.predictions)


def _samples(
    rng: np.random.Generator, sizes: dict[int, int], power: float, noise: float = 0.5
) -> dict[int, list[float]]:
    """Couplings with a shift ∝ n^−power and noise ∝ n^−noise."""
    return {
        n: (LIMIT + SLOPE * n**-power + 2 * n**-noise * rng.standard_normal(k)).tolist()
        for n, k in sizes.items()
    }


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sizes", [{50: 8, 100: 6}, {50: 20, 100: 10, 400: 4}, {100: 5}])
def test_a_true_theory_is_refused_as_rarely_as_stated(sizes: dict[int, int], noise: float) -> None:
    rng = np.random.default_rng(1)
    z = np.array(
        [
            deviation(estimate(_samples(rng, sizes, 0.5, noise), 0.5),
                      Value(LIMIT + (SLOPE * 0.1 if len(sizes) == 1 else 0))).z
            for _ in range(3000)
        ]
    )  # fmt: skip
    for limit in (1.0, 2.0, 3.0):
        expected = 2 * stats.norm.sf(limit) * z.size
        # One false alarm in 1e4 for each limit; 10 % is what the degrees of freedom may be off.
        assert np.sum(np.abs(z) > limit) <= stats.poisson.isf(1e-4, 1.1 * expected)
    assert abs(z.mean()) < 4 / math.sqrt(z.size)


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    "sizes", sorted({tuple(e.presets["quick"].sizes.items()) for e in EXPERIMENTS.values()})
)
def test_the_degrees_of_freedom_hold_at_the_limit_of_the_table(
    sizes: tuple[tuple[int, int], ...], noise: float
) -> None:
    """Student's law of the designs in use, far in the tails: a million tables each."""
    if sizes[0][0] == 0:
        return
    n, count = np.array(sorted(sizes), dtype=float).T
    counted = {int(a): int(k) for a, k in zip(n, count, strict=True)}
    # The limit is linear in the means: its weights are the limits of unit vectors.
    unit = [estimate({a: [float(a == b)] * k for a, k in counted.items()}, 1.0) for b in counted]
    weights, dof = np.array([one.value for one in unit]), unit[0].dof
    rng = np.random.default_rng(5)
    tables = 1_000_000
    spread = n**-noise
    means = rng.standard_normal((tables, n.size)) * spread / np.sqrt(count)
    variances = spread**2 * rng.chisquare(count - 1, (tables, n.size)) / (count - 1) / count
    t = means @ weights / np.sqrt(variances @ weights**2)
    level = 2 * stats.norm.sf(threshold(0.01, TESTED))
    expected = level * tables
    beyond = np.sum(np.abs(t) > stats.t.isf(level / 2, dof))
    assert beyond <= stats.poisson.isf(1e-4, 1.2 * expected)


@pytest.mark.parametrize("batches", [4, 8])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0])
def test_errors_of_the_theory_count(batches: int, ratio: float) -> None:
    rng = np.random.default_rng(2)
    scale = ratio * 2 / math.sqrt(100 * 6) * math.sqrt(batches)
    z = []
    for _ in range(3000):
        drawn = LIMIT + SLOPE / 100 + scale * rng.standard_normal(batches)
        error = drawn.std(ddof=1) / math.sqrt(batches)
        theory = Value(float(drawn.mean()), float(error), batches - 1)
        z.append(deviation(estimate(_samples(rng, {100: 6}, 1.0), 1.0), theory).z)
    for limit in (2.0, 3.0):
        expected = 2 * stats.norm.sf(limit) * len(z)
        assert np.sum(np.abs(z) > limit) <= stats.poisson.isf(1e-4, 1.1 * expected)
    assert np.std(z) > 0.5


def test_what_would_be_noticed_is_noticed() -> None:
    rng = np.random.default_rng(4)
    found = estimate(_samples(rng, {50: 8, 100: 6}, 1.0), 1.0)
    there = deviation(found, Value(LIMIT))
    least = there.resolution(3.5)
    for sign in (-1, 1):
        beyond = deviation(found, Value(found.value + sign * 1.001 * least))
        short = deviation(found, Value(found.value + sign * 0.999 * least))
        assert abs(short.z) < 3.5 < abs(beyond.z)


def test_a_wrong_theory_is_refused() -> None:
    rng = np.random.default_rng(3)
    found = estimate(_samples(rng, {50: 8, 100: 6}, 1.0), 1.0)
    wrong = Value(LIMIT + 12 * found.error)
    assert abs(deviation(found, wrong).z) > threshold(0.01, TESTED)
    assert abs(deviation(found, Value(LIMIT)).z) < 3


def test_the_extrapolation_is_exact_for_its_law() -> None:
    sizes = np.array([50, 100, 200])
    samples = {int(n): [1 + 2 / n - 1e-6, 1 + 2 / n + 1e-6] for n in sizes}
    found = estimate(samples, 1.0)
    assert found.value == pytest.approx(1, abs=1e-10)
    assert found.slope == pytest.approx(2, abs=1e-8)
    assert found.misfit == pytest.approx(0, abs=1e-6)
    bent = {n: [v + 1e-3 * (n == 100) for v in values] for n, values in samples.items()}
    assert estimate(bent, 1.0).misfit > 100


def test_bonferroni() -> None:
    assert threshold(0.05, 1) == pytest.approx(1.959964, abs=1e-6)
    assert 2 * stats.norm.sf(threshold(0.01, 60)) * 60 == pytest.approx(0.01)


def _experiment(**changes: object) -> Experiment:
    toy = Experiment(
        key="toy",
        title="A toy",
        predictions=(
            Prediction("mean", "⟨x⟩ = 0.7", "nowhere"),
            Prediction("identity", "0 = 0", "nowhere", bound=1e-12),
        ),
        theory=lambda *, seed: {"mean": Value(LIMIT)},
        measure=lambda n, seed: {
            "mean": LIMIT + np.random.default_rng(seed).standard_normal() / n,
            "identity": 1e-13,
        },
        presets={preset: Design({10: 4, 20: 4}) for preset in ("quick", "paper")},
    )
    return replace(toy, **changes)  # type: ignore[arg-type]


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    experiment = _experiment()
    monkeypatch.setitem(EXPERIMENTS, "toy", experiment)
    return experiment


def test_rows_and_verdicts(toy: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    found = validate(rows=["toy"], seed=1)
    assert [one.verdict for one in found.rows] == ["agrees", "exact"]
    assert found.passed
    assert found.complete
    assert "toy.mean" in found.table()
    wrong = _experiment(theory=lambda *, seed: {"mean": Value(0.0)})
    monkeypatch.setitem(EXPERIMENTS, "toy", wrong)
    found = validate(rows=["toy"], seed=1)
    assert [one.verdict for one in found.rows] == ["DIFFERS", "exact"]
    assert not found.passed
    assert "toy.mean: DIFFERS" in found.summary()


def _outcome(experiment: Experiment) -> Attempt:
    """Of the last job, a network of the smallest size."""
    return dict(carry_out(plan([experiment], "quick", 1)[-1:]))[0]


def test_a_number_that_is_none_is_no_result() -> None:
    broken = _experiment(measure=lambda n, seed: {"mean": math.nan, "identity": 1e-13})
    outcome = _outcome(broken)
    assert outcome.reason == "nan: mean"
    theory = Attempt(xr.Dataset(), [], None, 0.0)
    found = row(broken, broken.predictions[0], theory, {10: [outcome, outcome]}, 3.0)
    assert found.verdict == "NO RESULT"
    assert not found.passed
    assert "nan" in found.reason
    assert "NO RESULT" in as_text([found])


@pytest.mark.parametrize("error", [SamplerError("no answer"), TypeError("no answer")])
def test_jobs_that_fail_are_rows_without_result(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(n: int, seed: int) -> dict[str, float]:
        raise error

    monkeypatch.setitem(EXPERIMENTS, "toy", _experiment(measure=fails))
    found = validate(rows=["toy"], seed=1)
    assert [one.verdict for one in found.rows] == ["NO RESULT"] * 2
    assert [one.reason for one in found.rows] == ["no answer"] * 2
    assert found.failures == ["toy: no answer"]


@pytest.mark.parametrize("category", [StepSizeWarning, RuntimeWarning, SamplingWarning])
def test_warnings_of_jobs(category: type[Warning], monkeypatch: pytest.MonkeyPatch) -> None:
    def warns(n: int, seed: int) -> dict[str, float]:
        warnings.warn("careful", category, stacklevel=1)
        return {"mean": LIMIT + np.random.default_rng(seed).standard_normal(), "identity": 0.0}

    monkeypatch.setitem(EXPERIMENTS, "toy", _experiment(measure=warns))
    found = validate(rows=["toy.mean"], seed=1)
    assert found.warnings == ["toy: careful"]
    if category is SamplingWarning:
        assert found.rows[0].verdict == "agrees"
        assert "8 of 9 jobs warned" in found.rows[0].reason
    else:
        assert found.rows[0].verdict == "NO RESULT"
        assert found.failures == ["toy: careful"]


def test_a_forgotten_theory_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXPERIMENTS, "toy", _experiment(theory=lambda *, seed: {}))
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
    digest = meanfield.common.sweep.sources.__wrapped__
    engine = tmp_path / "meanfield" / "common" / "sweep.py"
    monkeypatch.setattr(meanfield.common.sweep, "__file__", str(engine))
    before = digest(*_APART), digest("validation")
    file = tmp_path / "simulate" / "validation" / place
    file.parent.mkdir(parents=True)
    file.write_text("1 / 0")
    assert (digest(*_APART) != before[0]) == counts
    # No figure depends on them.
    assert digest("validation") == before[1]


def test_equal_couplings_have_no_error_and_no_verdict(toy: Experiment) -> None:
    same = Attempt(xr.Dataset({"mean": 0.7}), [], None, 0.0)
    theory = Attempt(xr.Dataset({"mean": ("number", [0.7, 0.0, math.inf])}), [], None, 0.0)
    assert row(toy, toy.predictions[0], theory, {10: [same, same]}, 3.0).verdict == "NO RESULT"


def test_seeds_of_jobs_do_not_depend_on_other_experiments(toy: Experiment) -> None:
    def of_toy(jobs: list[Job]) -> set[tuple[str, int]]:
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
    assert [one.to_dict() for one in last.rows] == [one.to_dict() for one in whole.rows]
    # Another seed shares nothing.
    assert validate(rows=["toy"], seed=6, store=tmp_path).n_reused == 0


def test_a_torn_line_is_measured_again(toy: Experiment, tmp_path: Path) -> None:
    whole = validate(rows=["toy"], seed=5, store=tmp_path)
    file = tmp_path / "points-all.jsonl"
    file.write_text(file.read_text()[:-40])
    again = validate(rows=["toy"], seed=5, store=tmp_path)
    assert again.n_reused == again.n_jobs - 1
    assert [one.z for one in again.rows[:1]] == [one.z for one in whole.rows[:1]]
    assert validate(rows=["toy"], seed=5, store=tmp_path).n_reused == whole.n_jobs


def test_workers_do_not_change_the_table() -> None:
    one, two = (validate(rows=["identities"], seed=2, workers=k) for k in (1, 2))
    assert [a.to_dict() for a in one.rows] == [b.to_dict() for b in two.rows]


def test_report(toy: Experiment, tmp_path: Path) -> None:
    found = validate(rows=["toy", "identities"], seed=1)
    files = save(found, tmp_path, "python -m simulate validate")
    assert all(path.stat().st_size > 0 for path in files)
    facts = json.loads((tmp_path / "table.json").read_text())
    assert facts["passed"] is True
    assert facts["rows"][-1]["row"] == "toy.identity"
    assert {one["n"] for one in facts["rows"][-2]["sizes"]} == {10, 20}
    page = (tmp_path / "report.html").read_text()
    assert page.count("<img") == 2
    assert "⟨x⟩ = 0.7" in page


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


def test_every_experiment_is_whole() -> None:
    for key, experiment in EXPERIMENTS.items():
        names = [p.name for p in experiment.predictions]
        assert experiment.key == key
        assert len(set(names)) == len(names)
        assert set(experiment.presets) == {"quick", "paper"}
        for design in experiment.presets.values():
            tested = [p for p in experiment.predictions if p.bound is None]
            assert not tested or min(design.sizes.values()) >= 4


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    common = ["validate", "--rows", "identities", "--output", str(output), "--workers", "1"]
    assert main([*common, "--shard", "1/2"]) == 0
    assert "shard 1/2 done" in capsys.readouterr().out
    assert main([*common, "--shard", "2/2"]) == 0
    assert "6 of 6 rows agree" in capsys.readouterr().out
    assert main(common) == 0
    said = capsys.readouterr().out
    assert "6 of 6 rows agree" in said
    assert "26 of 26 jobs were read from" in said
    # Some rows do not take the place of the whole table.
    assert (output / "rows-report.html").exists()
    assert not (output / "report.html").exists()
    kept = {path.name: path.read_bytes() for path in (output / "measurements").iterdir()}
    assert main(["validate", "--rows", "nothing", "--output", str(output)]) == 2
    assert main([*common, "--shard", "3/2"]) == 2
    assert main([*common, "--shard", "1/2", "--fresh"]) == 2
    assert kept == {path.name: path.read_bytes() for path in (output / "measurements").iterdir()}
    capsys.readouterr()
    assert main([*common, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["verdict"] == "exact"
    assert main([*common, "--fresh"]) == 0
    assert "were read from" not in capsys.readouterr().out


def test_plan(capsys: pytest.CaptureFixture[str]) -> None:
    for paper in (["--paper"], ["--preset", "paper"], ["--scale", "paper"]):
        assert main(["validate", "--plan", *paper, "--rows", "identities"]) == 0
        said = capsys.readouterr().out
        assert "100 × 5" in said
        assert "chaos" not in said
    assert main(["validate", "--plan", "--rows", "nothing"]) == 2


def test_a_shard_whose_jobs_fail_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(n: int, seed: int) -> dict[str, float]:
        raise SamplerError("no answer")

    monkeypatch.setitem(EXPERIMENTS, "toy", _experiment(measure=fails))
    code = main(
        ["validate", "--rows", "toy", "--output", str(tmp_path), "--shard", "1/2", "--workers", "1"]
    )
    assert code == 1
    assert "toy: no answer" in capsys.readouterr().err


def test_a_row_that_differs_is_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = _experiment(theory=lambda *, seed: {"mean": Value(0.0)})
    monkeypatch.setitem(EXPERIMENTS, "toy", wrong)
    output = str(tmp_path)
    assert main(["validate", "--rows", "toy", "--output", output, "--workers", "1"]) == 1
    assert "DIFFERS" in capsys.readouterr().out
