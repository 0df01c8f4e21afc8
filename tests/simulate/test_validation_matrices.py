"""The rows about random matrices, E–I networks, onset and stiffness agree and refuse errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest

from meanfield import null_response, seeds, stationary
from simulate import couplings
from simulate.couplings import PAPER_SETS, dale_outlier, dale_radius
from simulate.validation.experiments import dale, null_phase, onset, stiffness
from simulate.validation.extrapolation import Estimate, deviation, estimate, threshold
from simulate.validation.statement import Experiment, Value

# Of a table of sixty rows.
LIMIT = threshold(0.01, 60)
MODULES = {module.EXPERIMENT.key: module for module in (null_phase, dale, onset, stiffness)}
# None takes the sizes of the quick design.
SIZES: Mapping[str, Mapping[int, int] | None] = {
    "null_phase": None,
    "dale": None,
    "onset": {100: 16, 200: 8},
    "stiffness": None,
}


@cache
def found(key: str) -> dict[str, Estimate]:
    """Limits n → ∞ of all rows of an experiment."""
    experiment: Experiment = MODULES[key].EXPERIMENT
    quick = experiment.scales["quick"]
    samples = {
        n: [experiment.measure(n, seeds.member(2, n, k), **quick.measure) for k in range(count)]
        for n, count in (SIZES[key] or quick.sizes).items()
    }
    return {
        row.name: estimate({n: [one[row.name] for one in v] for n, v in samples.items()}, row.power)
        for row in experiment.predictions
    }


def z(key: str, name: str, theory: float) -> float:
    return abs(deviation(found(key)[name], Value(theory)).z)


@pytest.mark.parametrize("key", MODULES)
def test_agrees(key: str) -> None:
    experiment: Experiment = MODULES[key].EXPERIMENT
    theory = experiment.theory(seed=0)
    for row in experiment.predictions:
        one, expected = found(key)[row.name], theory.get(row.name, Value(0.0))
        if row.bound is None:
            assert abs(deviation(one, expected).z) <= LIMIT, row.name
        else:
            assert np.abs(one.means - expected.value).max() <= row.bound, row.name


def test_null_phase_refuses() -> None:
    """No reaction, the other sign of γ, an X of the other sign, and outer formulas inside."""
    for name, g, gamma in (("positive", 0.5, 0.5), ("negative", 0.9, -0.5), ("symmetric", 0.4, 1)):
        for wrong in (1.0, float(null_response(g, -gamma))):
            assert z("null_phase", f"response_{name}", wrong) > LIMIT
            assert z("null_phase", f"fluctuation_{name}", wrong**2 / (1 - (g * wrong) ** 2)) > LIMIT
    # q/T of independent couplings without the feedback of the fluctuations.
    assert z("null_phase", "fluctuation_independent", 1.0) > LIMIT
    for name in ("positive", "negative"):
        right = null_phase.theory(seed=0)[f"stretch_{name}"].value
        for wrong in (0.0, -right, right / 2):
            assert z("null_phase", f"stretch_{name}", wrong) > LIMIT
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
    assert found("dale")["radius_balanced"].value + 3 * found("dale")["radius_balanced"].error < 1
    for name in ("inhibitory", "excitatory"):
        means = {key: PAPER_SETS[name][key] for key in ("alpha", "mu_e", "mu_i")}
        right = dale_outlier(1000, f=PAPER_SETS[name]["f"], **means)
        swapped = dale_outlier(1000, f=1 - PAPER_SETS[name]["f"], **means)
        for wrong in (swapped / right, -1.0, PAPER_SETS[name]["alpha"]):
            assert z("dale", f"outlier_{name}", wrong) > LIMIT
        # In units of the formula the outlier is the same at both N.
        means_at_sizes = found("dale")[f"outlier_{name}"].means
        assert abs(means_at_sizes[1] / means_at_sizes[0] - 1) < 0.25


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
