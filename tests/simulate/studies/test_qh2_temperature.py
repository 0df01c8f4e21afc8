"""[QH] Fig. 2 and `sample` at tiny scale: samples of exp(−βE) against the replica theory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from meanfield import ArgumentError, load, saddle_point
from meanfield.common import seeds
from meanfield.common.study import Answer, answer, numbers, quoted
from simulate import couplings, sample_boltzmann
from simulate.command_line import main
from simulate.studies.qh2_temperature import QH2, SAMPLE

TINY: dict[str, Any] = {
    "n": [30], "beta": [1.0, 5.0], "trials": 4, "n_samples": 800, "thin": 1
}  # fmt: skip
FEW = ["sample", "--n", "20", "--n-samples", "60", "--trials", "2", "--beta", "1,3"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    return answer(QH2, preset="quick", output=tmp_path_factory.mktemp("qh2"), **TINY)


def test_files(found: Answer) -> None:
    assert [path.name for path in found.files] == ["qh2.nc", "qh2.png", "qh2.md"]
    stored = load(found.files[0])
    assert set(stored.data_vars) == set(found.data["converged"].data_vars)
    assert found.caption in found.files[-1].read_text()


def test_presets_are_the_sizes_of_the_figure() -> None:
    assert QH2.values("quick")["n"] == [40, 100]
    assert QH2.values("quick")["n_samples"] == 500
    assert QH2.values("paper")["n"] == [100, 300]
    assert QH2.values("paper")["g"] == [0.8, 1.2]


def test_energy_does_not_depend_on_the_gain(found: Answer) -> None:
    data = found.data["converged"]
    np.testing.assert_allclose(data.energy_theory * 2 * data.beta, 1, rtol=1e-12)
    twice = 2 * data.beta * data.energy
    error = twice.std("replicate", ddof=1) / 2
    # Finite size shifts the mean by less than 1/N; three degrees of freedom have wide tails.
    assert np.all(np.abs(twice.mean("replicate") - 1) < 5 * error + 1 / data.n)
    assert data.converged.all()
    assert not data.n_not_mixed.any()
    np.testing.assert_allclose(data.energy_shift, data.n * (twice - 1).mean("beta"), atol=1e-10)
    deviation = (twice.mean("replicate") - 1) / error
    np.testing.assert_allclose(data.rms_deviation, np.sqrt((deviation**2).mean("beta")))
    np.testing.assert_allclose(data.largest_deviation, abs(deviation).max("beta"))
    assert data.rms_expected == pytest.approx(np.sqrt(3))


def test_activity_tells_the_gains_apart(found: Answer) -> None:
    data = found.data["converged"]
    assert data.x2_limit.sel(g=0.8) == 0
    assert data.x2_limit.sel(g=1.2) > 0.2
    variance = 1 / data.beta + data.g**2 * data.q_theory
    np.testing.assert_allclose(data.x2_theory, variance.transpose("g", "beta"), rtol=1e-10)
    hot = data.x2.sel(beta=1.0).isel(n=0)
    error = hot.std("replicate", ddof=1) / 2
    assert np.all(np.abs(hot.mean("replicate") - data.x2_theory.sel(beta=1.0)) < 5 * error)
    paired = (data.x2.sel(g=1.2) - data.x2.sel(g=0.8)).isel(n=0)
    assert np.all(paired.mean("replicate") > 4 * paired.std("replicate", ddof=1) / 2)


def test_table_quotes_the_samples(found: Answer) -> None:
    cold = found.data["converged"].x2.sel(beta=5.0, g=1.2, n=30)
    mean, error = float(cold.mean()), float(cold.std(ddof=1) / 2)
    assert quoted(mean, error) in found.caption
    theory = found.data["converged"].x2_theory.sel(beta=5.0, g=1.2)
    assert found.data["converged"].x2_off.sel(beta=5.0, g=1.2, n=30) == pytest.approx(
        mean / float(theory) - 1
    )


def test_couplings_and_sampling_follow_the_seed(found: Answer) -> None:
    seed = seeds.member(0, 1)
    J = couplings.elliptic(30, 1.2, seed=seed)
    run = sample_boltzmann(J, [1.0, 5.0], n_samples=800, chains=2, seed=seed)
    ours = found.data["converged"].sel(n=30, g=1.2, replicate=1)
    np.testing.assert_array_equal(ours.q, run.q)
    assert run.samples is not None
    np.testing.assert_allclose(ours.x2, np.mean(run.samples**2, axis=(1, 2, 3)))


def test_one_coupling_has_the_errors_of_its_sampling(tmp_path: Path) -> None:
    few = {**TINY, "n": [8], "g": [0.8], "trials": 1, "n_samples": 300}
    found = answer(QH2, preset="quick", output=tmp_path, **few)
    data = found.data["converged"]
    for name in ("x2", "energy"):
        frame = next(one for one in numbers(QH2, found.data) if name in one)
        np.testing.assert_array_equal(frame[f"{name}_err"], data[f"{name}_err"].values.ravel())
        assert (data[f"{name}_err"] > 0).all()


@pytest.mark.slow
def test_samples_do_not_depend_on_workers() -> None:
    few = {**TINY, "n": [8], "trials": 2, "g": [0.8], "beta": [1.0], "n_samples": 300}
    first, second = (QH2.run("quick", workers=w, **few) for w in (1, 2))
    np.testing.assert_array_equal(first.x2, second.x2)


def test_sample_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Four chains of sixty samples are too few, and say so: no point has converged.
    assert main([*FEW, "--gamma", "0.5", "--output", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert "wrote sample.nc, sample.png, sample.md" in output
    data = load(tmp_path / "sample.nc")
    theory = saddle_point(0.9, 0.5, beta=[1.0, 3.0], branch="stable")
    one = data.sel(n=20, g=0.9)
    for name, expected in (("q", theory.q), ("r", theory.r), ("overlap", theory.Q)):
        np.testing.assert_array_equal(one[f"{name}_theory"], expected)
    np.testing.assert_array_equal(one.beta_energy_theory, [1.0, 3.0] * theory.energy)
    assert one.theory_branch.values.tolist() == theory.branch_of.tolist()
    assert (one.theory_reason == "").all()
    shown = one.beta_energy.sel(beta=3.0)
    error = float(shown.std(ddof=1) / np.sqrt(2))
    assert quoted(float(shown.mean()), error) in output
    assert data.attrs["seed"] == 0
    assert one.n_not_mixed == int((~one.converged).sum()) > 0
    assert (one.status == "flagged").all()
    assert one.reason.str.contains("raise n_samples").all()


@pytest.mark.filterwarnings("ignore::simulate.SamplingWarning")
def test_limits_of_the_theory() -> None:
    """At γ < 0 and β = ∞ the stable branch would be the ordered one."""
    data = SAMPLE.run(n=[6], g=[1.5], gamma=-0.2, beta=[1.0], trials=1, n_samples=20)
    assert np.isnan(data.x2_limit).all()
    assert np.isfinite(data.q_theory).all()
    confined = SAMPLE.run(n=[6], g=[2.0], eta=0.5, beta=[1.0], trials=1, n_samples=20)
    assert (confined.x2_limit == 0).all()


def test_biases(tmp_path: Path) -> None:
    """Without couplings x_i is normal about b_i with variance 1/β; no replica theory, and why not.

    Five of the Monte Carlo errors of each network, which share their biases.
    """
    options = ["--g", "1e-9", "--bias", "0.5", "--bias-std", "2", "--n-samples", "800"]
    assert main([*FEW, *options, "--output", str(tmp_path)]) == 0
    data = load(tmp_path / "sample.nc").sel(n=20).squeeze("g")
    for k in range(2):
        b = 0.5 + 2 * seeds.generator(seeds.member(0, k), "bias").standard_normal(20)
        one = data.isel(replicate=k)
        assert (abs(one.x2 - np.mean(b**2) - 1 / one.beta) < 5 * one.x2_err).all()
    assert np.isnan([data[f"{name}_theory"].values for name in ("q", "r", "overlap")]).all()
    assert np.isnan(data.x2_limit)
    reason = "the replica theory is that of random couplings, an odd smooth φ and no biases"
    assert (data.theory_reason == reason).all()
    other = SAMPLE.run(n=[6], phi="logistic", beta=[1.0], trials=1, n_samples=400)
    assert np.isnan(other.q_theory).all()
    assert isinstance(QH2.draw(other), Figure)


@pytest.mark.slow
def test_langevin(tmp_path: Path) -> None:
    assert main([*FEW, "--algorithm", "langevin", "--output", str(tmp_path)]) == 1
    assert load(tmp_path / "sample.nc").attrs["algorithm"] == "langevin"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--beta", "3,1"], "beta"),
        (["--n", "20.5"], "must be integers"),
        (["--n", "0"], "n=0: must be at least 1"),
        (["--algorithm", "exact"], "'exact' is not one of"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", *arguments, "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_unknown_parameter_is_refused() -> None:
    with pytest.raises(ArgumentError, match="qh2 has no such parameter"):
        QH2.run("quick", draws=4)


def test_a_figure_without_samples_has_the_theory(found: Answer) -> None:
    data = found.data["converged"]
    names = [f"{name}{end}" for name in ("energy", "x2", "beta_energy") for end in ("", "_err")]
    figure = QH2.draw(data.assign({name: data[name] * np.nan for name in names}))
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 3
