"""Rows about response, correlated couplings and the OR force agree, and refuse other theories."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

import meanfield
from meanfield import Blocks, null_response, participation_ratio, saddle_point, stationary
from meanfield.common import seeds
from simulate.couplings import PAPER_SETS, dale_mean, dale_radius
from simulate.validation.experiments import (
    EXPERIMENTS,
    biases,
    common_mode,
    correlated,
    dimension,
    onsager,
    populations,
    response,
    spectrum,
    static,
    stationary_correlated,
)
from simulate.validation.statement import Experiment, TheoryValue
from simulate.validation.table import SizeLimit, deviation, extrapolated, threshold
from simulate.validation.validation import pick

# `simulate validate` runs every experiment at these sizes.
pytestmark = pytest.mark.slow

# Of the whole table.
TESTED = sum(p.bound is None for e in EXPERIMENTS.values() for p in e.predictions)
LIMIT = threshold(0.01, TESTED)
SIZES = {150: 10, 300: 10}


def found(
    experiment: Experiment, design: Mapping[str, Any], sizes: Mapping[int, int] = SIZES
) -> dict[str, SizeLimit]:
    """Limits n → ∞ of all rows."""
    samples = {
        n: [experiment.measure(n, seeds.member(1, n, k), **design) for k in range(count)]
        for n, count in sizes.items()
    }
    return {
        row.name: extrapolated(
            {n: [one[row.name] for one in v] for n, v in samples.items()}, row.power
        )
        for row in experiment.predictions
    }


def agrees(one: SizeLimit, theory: TheoryValue) -> bool:
    return abs(deviation(one, theory).z) <= LIMIT


def test_static() -> None:
    """Closed rows of the static branch hold at random points."""
    for seed in range(4):
        measured = static.measure(0, seed)
        for row in static.PREDICTIONS:
            assert row.bound is not None
            assert abs(measured[row.name]) <= row.bound, row.name


def test_static_refuses() -> None:
    """The measure instead of the fixed points, no reaction, and a peak where γ < 0."""
    for g, gamma in ((1.0, 0.5), (2.5, -0.5)):
        point = saddle_point(g, gamma, branch="static")
        other = saddle_point(g, gamma, beta=50.0, branch="paramagnetic")
        Q, G = float(point.Q), float(point.G)
        right = static._single_site(g, gamma, Q, G)
        assert max(map(abs, right.values())) <= static._SOLVER
        for wrong in (
            static._single_site(g, gamma, float(other.q), float(other.r)),
            static._single_site(g, 0.0, Q, G),
            static._single_site(g, -gamma, Q, G),
        ):
            # nan: the fixed points are not unique.
            assert not max(map(abs, wrong.values())) <= 0.01
    assert static._not_below(0.5) == 0
    assert static._not_below(-0.5) > 0


RESPONSE = EXPERIMENTS["response"].presets["quick"]


@cache
def responses() -> dict[str, SizeLimit]:
    return found(EXPERIMENTS["response"], RESPONSE.measure)


def test_response_agrees() -> None:
    theory = response.theory(seed=0, **RESPONSE.theory)
    for row in EXPERIMENTS["response"].predictions:
        one = responses()[row.name]
        if row.bound is not None:
            assert np.abs(one.means).max() <= row.bound, row.name
        else:
            assert agrees(one, theory[row.name]), row.name


def test_response_refuses() -> None:
    """No reaction (γ = 0), the other sign of γ, and the temperature +2e of equal energy."""
    for sign, g, gamma in (("positive", 0.5, 0.5), ("negative", 1.5, -0.5)):
        one = responses()[f"rest_{sign}"]
        assert agrees(one, TheoryValue(float(null_response(g, gamma))))
        assert not agrees(one, TheoryValue(1.0))
        assert not agrees(one, TheoryValue(float(null_response(0.5, -gamma))))
        # Leak alone, 1 − e^−t at t = 3.
        assert not agrees(responses()[f"early_{sign}"], TheoryValue(1 - np.exp(-3)))
    energy = float(stationary(3.0, n_tau=2).kinetic_energy)
    assert not agrees(responses()["chaos_temperature"], TheoryValue(4 * energy))
    assert not agrees(responses()["chaos_response"], TheoryValue(1.0))


def test_dimension_refuses() -> None:
    """Agree; without reaction, with γ of the other sign, and without noise, they do not."""
    design = EXPERIMENTS["dimension"].presets["quick"].measure
    measured, theory = found(EXPERIMENTS["dimension"], design), dimension.theory(seed=0)
    for name, one in measured.items():
        assert agrees(one, theory[name]), name
    for name, g, wrong in (("positive", 0.5, 0.0), ("negative", 0.9, 0.0), ("positive", 0.5, -0.5)):
        other = participation_ratio(g, wrong, sigma=1, phi="linear").value
        assert not agrees(measured[f"linear_{name}"], TheoryValue(float(other)))
    for of in ("phi", "x"):
        still = participation_ratio(1.5, of=of).value
        assert not agrees(measured[f"noise_{of}"], TheoryValue(float(still)))


def test_spectrum_refuses() -> None:
    """Agree; gains that do not move, with exponents on a semicircle, do not."""
    experiment = pick(["spectrum"], "quick")[0]
    design = experiment.presets["quick"]
    measured, theory = found(experiment, design.measure), spectrum.theory(seed=0, **design.theory)
    for name, one in measured.items():
        assert agrees(one, theory[name]), name
    for name, g in (("middle", 3.0), ("far", 5.0)):
        # The disc has the radius g√⟨φ'²⟩, which λ > 0 makes exceed 1.
        z = np.random.default_rng(0).standard_normal(100_000)
        x = np.sqrt(float(stationary(g, n_tau=2).delta0)) * z
        radius = g * np.sqrt(np.mean(np.cosh(x) ** -4))
        still = np.sort(stats.semicircular(-1, radius).ppf((np.arange(10_000) + 0.5) / 10_000))
        share = np.mean(np.cumsum(still[::-1]) > 0)
        assert not agrees(measured[f"dimension_{name}"], TheoryValue(float(share)))
        entropy = np.sum(still[still > 0]) / still.size
        assert not agrees(measured[f"entropy_{name}"], TheoryValue(float(entropy)))


def test_common_mode() -> None:
    """Agree; without the feedback, and with the gain of couplings as printed, they do not."""
    design = EXPERIMENTS["common_mode"].presets["quick"].measure
    measured = found(EXPERIMENTS["common_mode"], design, {150: 32, 300: 24})
    theory = common_mode.theory(seed=0)
    for name, one in measured.items():
        assert agrees(one, theory[name]), name
    state = stationary(
        dale_radius(**PAPER_SETS["inhibitory"]), sigma=1, tau=np.linspace(0, 40, 801)
    )
    J0 = 300 * dale_mean(300, f=0.8, alpha=0.2, mu_e=1.0, mu_i=-6.0)
    heard = meanfield.common_mode(state, mean_coupling=J0, strength=0.32)
    assert not agrees(
        measured["shared_inhibitory"], TheoryValue(float(heard.source / heard.variance))
    )
    printed = stationary(dale_radius(**PAPER_SETS["inhibitory"]), n_tau=2)
    assert not agrees(measured["chaos_delta0"], TheoryValue(float(printed.delta0)))


@pytest.mark.parametrize("experiment", [biases, populations], ids=["biases", "populations"])
def test_offsets_refuse(experiment: Any) -> None:
    """With twice the bias, without inhibition, without what the blocks send to each other."""
    key = experiment.__name__.rpartition(".")[2]
    design = {**EXPERIMENTS[key].presets["quick"].measure, "t_max": 90.0}
    measured, theory = (
        found(EXPERIMENTS[key], design, {150: 16, 300: 12}),
        experiment.theory(seed=0),
    )
    for name, one in measured.items():
        assert agrees(one, theory[name]), name
    alone = Blocks([0.6, 0.4], np.diag([1.5, 2.0]))
    if experiment is biases:
        free = stationary(6.0, phi="logistic", bias_mean=1.5, n_tau=2)
        others = {
            "biased_q": float(stationary(2.0, bias_std=1.0, n_tau=2).q),
            "inhibited_mean": float(free.mean),
            "rectified_mean": 1.0,
        }
    else:
        others = {f"chaos_q_{k}": float(q) for k, q in enumerate(stationary(alone, n_tau=2).q)}
        others["inhibition_mean_0"] = 1.0 + 0.8 * 1.5 * 0.7
    for name, wrong in others.items():
        assert not agrees(measured[name], TheoryValue(wrong)), name


CASES = [
    {"g": 1.5, "gamma": 0.5, "early": 3.0, "late": 5.0, "dt": 0.1},
    {"g": 3.0, "gamma": -0.5, "early": 3.0, "late": 4.0, "dt": 0.1},
]


def test_correlated() -> None:
    """Agree with γ; without the memory term, and with γ of the other sign, activities differ."""
    measured = found(EXPERIMENTS["correlated"], {"cases": CASES, "starts": 4})

    def theory(factor: float) -> dict[str, TheoryValue]:
        cases = [{**case, "gamma": factor * case["gamma"]} for case in CASES]
        return correlated.theory(seed=0, cases=cases, n_trajectories=12_800, batches=8)

    own, without, other = theory(1), theory(0), theory(-1)
    for name, one in measured.items():
        assert agrees(one, own[name]), name
    for name in ("C_positive", "C_negative", "delta_positive", "delta_negative"):
        assert not agrees(measured[name], without[name]), name
        assert not agrees(measured[name], other[name]), name


TIMES = {"full": [1, 3], "partial": [1, 3], "correlated": [1, 2], "switched": [2, 4]}
FORCE = {"g": 2.0, "times": TIMES, "dt": 0.05}


def test_onsager() -> None:
    """Agree with their own protocol; κ = 1, κ = 0.5, γ = 0.5 and the switch are told apart."""
    measured = found(EXPERIMENTS["onsager"], {**FORCE, "tol": 1e-3, "starts": 4})
    theory = onsager.theory(seed=0, **FORCE, n_trajectories=12_800, batches=8)
    for name, one in measured.items():
        assert agrees(one, theory[name]), name
    for one, other in (("full", "partial"), ("full", "correlated"), ("switched", "full")):
        assert not agrees(measured[f"energy_{one}"], theory[f"energy_{other}"]), (one, other)


def test_stationary_correlated() -> None:
    """A short average; the stationary theory without correlation of the couplings is refused."""
    design = {"g": 3.0, "t_skip": 10.0, "t_max": 30.0, "window": 10.0, "dt": 0.1}
    measured = found(EXPERIMENTS["stationary_correlated"], {**design, "starts": 2, "probes": 2})
    theory = stationary_correlated.theory(seed=0, **design, n_trajectories=8000, batches=8)
    independent = stationary(3.0, n_tau=2)
    for name, one in measured.items():
        assert agrees(one, theory[name]), name
    for name in ("q", "delta0"):
        assert not agrees(measured[name], TheoryValue(float(getattr(independent, name)))), name


@pytest.mark.parametrize(
    "experiment",
    [EXPERIMENTS[key] for key in ("response", "correlated", "onsager", "stationary_correlated")],
    ids=lambda one: one.key,
)
def test_designs(experiment: Experiment) -> None:
    """Quick and paper designs measure every row, in one small network."""
    for design in experiment.presets.values():
        assert len(design.sizes) > 1
        assert min(design.sizes.values()) >= 4
    quick = experiment.presets["quick"]
    measured = experiment.measure(30, 0, **quick.measure)
    assert set(measured) == {row.name for row in experiment.predictions}
    assert measured == experiment.measure(30, 0, **quick.measure)
