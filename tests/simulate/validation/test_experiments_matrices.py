"""The rows about random matrices, E–I networks, onset and stiffness agree and refuse errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest

from meanfield import null_response, stationary
from meanfield.common import seeds
from simulate import couplings
from simulate.couplings import PAPER_SETS, dale_mean, dale_outlier, dale_radius
from simulate.dynamics import kinetic_energy
from simulate.validation.experiments import (
    EXPERIMENTS,
    identities,
    null_phase,
    onset_series,
    stiffness,
)
from simulate.validation.statement import Experiment, TheoryValue
from simulate.validation.table import SizeLimit, deviation, extrapolated, threshold

# `simulate validate` runs every experiment at these sizes.
pytestmark = pytest.mark.slow

# Of the whole table.
TESTED = sum(p.bound is None for e in EXPERIMENTS.values() for p in e.predictions)
LIMIT = threshold(0.01, TESTED)
SIZES: Mapping[str, Mapping[int, int]] = {
    "null_phase": {100: 60, 200: 40},
    "dale": {1000: 64, 2000: 40},
    "onset": {100: 24, 200: 20},
    "stiffness": {100: 28, 300: 28},
}
# A coarser search than in the quick design.
COARSE: Mapping[str, Mapping[str, int]] = {"stiffness": {"bisections": 3}}


@cache
def found(key: str) -> dict[str, SizeLimit]:
    """Limits n → ∞ of all rows of an experiment."""
    experiment: Experiment = EXPERIMENTS[key]
    design = {**experiment.presets["quick"].measure, **COARSE.get(key, {})}
    samples = {
        n: [experiment.measure(n, seeds.member(2, n, k), **design) for k in range(count)]
        for n, count in SIZES[key].items()
    }
    return {
        row.name: extrapolated(
            {n: [one[row.name] for one in v] for n, v in samples.items()}, row.power
        )
        for row in experiment.predictions
    }


def z(key: str, name: str, theory: float) -> float:
    return abs(deviation(found(key)[name], TheoryValue(theory)).z)


@pytest.mark.parametrize("key", SIZES)
def test_agrees(key: str) -> None:
    experiment: Experiment = EXPERIMENTS[key]
    theory = experiment.theory(seed=0)
    for row in experiment.predictions:
        one = found(key)[row.name]
        if row.bound is None:
            assert abs(deviation(one, theory[row.name]).z) <= LIMIT, row.name
        else:
            assert np.abs(one.means).max() <= row.bound, row.name


def test_onset_series() -> None:
    theory, measured = onset_series.theory(seed=0), onset_series.measure(0, 0)
    for row in onset_series.PREDICTIONS:
        assert row.bound is not None
        assert abs(measured[row.name] - theory[row.name].value) <= row.bound, row.name


def test_identities_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """An energy wrong by a thousandth shows in all rows about its gradient."""
    bounds = {row.name: row.bound or 0.0 for row in identities.PREDICTIONS}
    assert all(value <= bounds[name] for name, value in identities.measure(20, 3).items())
    monkeypatch.setattr(identities, "kinetic_energy", lambda x, J: 1.001 * kinetic_energy(x, J))
    wrong = identities.measure(20, 3)
    for name in ("decomposition", "gradient", "inverse"):
        assert wrong[name] > 10 * bounds[name], name


def test_null_phase_refuses() -> None:
    """No reaction, the other sign of γ, an X of the other sign, and outer formulas inside."""
    for name, g, gamma in (("positive", 0.5, 0.5), ("negative", 0.9, -0.5), ("symmetric", 0.4, 1)):
        for wrong in (1.0, float(null_response(g, -gamma))):
            assert z("null_phase", f"response_{name}", wrong) > LIMIT
            assert z("null_phase", f"fluctuation_{name}", wrong**2 / (1 - (g * wrong) ** 2)) > LIMIT
    # q/T of independent couplings without the feedback of the fluctuations.
    assert z("null_phase", "fluctuation_independent", 1.0) > LIMIT
    for name in ("positive", "negative"):
        right = null_phase.theory(seed=0)[f"X_{name}"].value
        for wrong in (0.0, -right, right / 2):
            assert z("null_phase", f"X_{name}", wrong) > LIMIT
    # Real part of the outer resolvent 2/(1 + √(1−4γg²)), continued where the root is imaginary.
    g, gamma = 0.7, 0.6
    outer = 1 / (2 * gamma * g**2)
    assert z("null_phase", "response_beyond", outer) > LIMIT
    inner = 1 / (g**2 * (1 + gamma))
    for wrong in (outer, inner):
        entropy = -(g**2) * gamma * wrong**2 / 2 + math.log(wrong)
        assert z("null_phase", "entropy_beyond", entropy) > LIMIT


def test_dale_refuses() -> None:
    """Variances without dilution, or of existing couplings alone; kinds exchanged; no √N."""
    for name, set_ in PAPER_SETS.items():
        f, alpha, mu_e, mu_i, sigma_e, sigma_i = set_.values()
        undiluted = f * (mu_e**2 + sigma_e**2) + (1 - f) * (mu_i**2 + sigma_i**2)
        noise = f * sigma_e**2 + (1 - f) * sigma_i**2
        for wrong in (alpha * undiluted, alpha * noise, dale_radius(**set_)):
            assert z("dale", f"radius_{name}", wrong) > LIMIT
    # [HH] Fig. 6: the balanced disc lies inside the unit circle.
    assert (
        found("dale")["radius_balanced"].value + 3 * found("dale")["radius_balanced"].value_err < 1
    )
    for name in ("inhibitory", "excitatory"):
        means = {key: PAPER_SETS[name][key] for key in ("alpha", "mu_e", "mu_i")}
        right = dale_outlier(1000, f=PAPER_SETS[name]["f"], **means)[0].real
        swapped = dale_outlier(1000, f=1 - PAPER_SETS[name]["f"], **means)[0].real
        for wrong in (swapped / right, -1.0, PAPER_SETS[name]["alpha"]):
            assert z("dale", f"outlier_{name}", wrong) > LIMIT
        # In units of the formula, ∝ √N, the outlier is the same at both N.
        one = found("dale")[f"outlier_{name}"]
        (small, large), errors, freedom = one.means, one.means_err, one.counts - 1
        at_large = one._replace(value=large, value_err=errors[1], dof=freedom[1])
        assert abs(deviation(at_large, TheoryValue(small, errors[0], freedom[0])).z) <= LIMIT
        # In other powers, 1 and N, it is not.
        for factor in np.sqrt(one.sizes / one.sizes[::-1]):
            unscaled = TheoryValue(factor * small, factor * errors[0], freedom[0])
            assert abs(deviation(at_large, unscaled).z) > LIMIT


def test_fixed_point_refuses() -> None:
    """A mean coupling off by a tenth."""
    set_ = PAPER_SETS["excitatory"]
    means = {key: set_[key] for key in ("f", "alpha", "mu_e", "mu_i")}
    J0 = 2000 * dale_mean(2000, **means)
    right, wrong = (stationary(dale_radius(**set_), mean_coupling=k * J0) for k in (1, 1.1))
    assert z("dale", "fixed_mean", float(wrong.mean / right.mean)) > LIMIT


def test_onset_refuses() -> None:
    """Noise of half and of twice the power, and the energy without its σ²."""
    for sigma in (0.5 / math.sqrt(2), 0.5 * math.sqrt(2)):
        wrong = stationary(1.0, sigma=sigma, n_tau=2)
        assert z("onset", "delta0", float(wrong.delta0)) > LIMIT
        assert z("onset", "q", float(wrong.q)) > LIMIT
        assert z("onset", "energy", float(wrong.kinetic_energy)) > LIMIT
    for name, g in (("energy", 1.0), ("energy_beyond", 1.5)):
        right = float(stationary(g, sigma=0.5, n_tau=2).kinetic_energy)
        assert z("onset", name, right - 0.5**2 / 2) > LIMIT
    # Another gain, a fifth below.
    assert z("onset", "energy", float(stationary(0.8, sigma=0.5, n_tau=2).kinetic_energy)) > LIMIT


def test_stiffness_refuses() -> None:
    """Edges without the leak, or of J and the leak apart; Δt λ_max = 1; no leak in the ratio."""
    for g in (0.5, 2.0):
        for wrong in (4 * g**2, (1 + g) ** 2, (1 + 2 * g) ** 2):
            assert z("stiffness", f"top_{g:g}", wrong) > LIMIT
    assert z("stiffness", "bottom", (1 - 0.5) ** 2) > LIMIT
    assert z("stiffness", "euler", stiffness._euler_gain(2 * 0.04)) > LIMIT
    assert z("stiffness", "euler_ratio", 2.0) > LIMIT


def test_energy_rises_beyond_the_euler_gain() -> None:
    """The bound of the row "descent" is no triviality: a fifth above the onset E does rise."""
    unit = couplings.elliptic(100, 1.0, seed=0)
    start = np.random.default_rng(1).standard_normal(100)
    gain = 1.2 * stiffness.theory(seed=0)["euler"].value
    assert stiffness._rises(gain * unit, start, 0.04, 150) > 0.1


def test_onset_outside_of_the_gains_searched() -> None:
    """No number is made up where E rises at the smallest gain, or never."""
    unit = couplings.elliptic(60, 1.0, seed=0)
    start = 1e-6 * np.random.default_rng(1).standard_normal(60)
    for factor in (0.5, 1.5):
        assert math.isnan(stiffness._onset(factor * unit, start, 0.04, 100, 2))
