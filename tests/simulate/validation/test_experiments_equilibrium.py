"""Experiments of the equilibrium measure: they agree, and other theories are refused."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest

from meanfield import saddle_point
from simulate import SamplingWarning, couplings
from simulate.validation.experiments import EXPERIMENTS, equilibrium, overlaps, regimes
from simulate.validation.statement import TheoryValue
from simulate.validation.table import deviation, extrapolated

# `simulate validate` runs every experiment at these sizes.
pytestmark = pytest.mark.slow

# The limit of |z| of a table of 60 rows of which 1 % may raise a false alarm.
LEVEL = 3.8
Samples = dict[str, dict[int, list[float]]]


def sampled(measure: Callable[[int, int], dict[str, float]], sizes: dict[int, int]) -> Samples:
    """Values of every row at every n."""
    found: Samples = {}
    with warnings.catch_warnings():
        # Short chains: their errors are part of the spread between couplings.
        warnings.simplefilter("ignore", SamplingWarning)
        for n, count in sizes.items():
            for seed in range(count):
                for name, value in measure(n, 1000 * n + seed).items():
                    found.setdefault(name, {}).setdefault(n, []).append(value)
    return found


def deviations(experiment: str, found: Samples, theory: dict[str, TheoryValue]) -> dict[str, float]:
    """z of every row."""
    powers = {one.name: one.power for one in EXPERIMENTS[experiment].predictions}
    return {
        name: deviation(extrapolated(found[name], powers[name]), theory[name]).z for name in theory
    }


@pytest.fixture(scope="module")
def equilibrium_samples() -> Samples:
    return sampled(
        lambda n, seed: equilibrium.measure(n, seed, n_samples=200, chains=2), {50: 6, 100: 6}
    )


@pytest.fixture(scope="module")
def overlap_samples() -> Samples:
    return sampled(
        lambda n, seed: overlaps.measure(n, seed, n_samples=100, chains=4, n_ordered=100),
        {30: 32, 100: 32},
    )


def test_paramagnetic_branch(equilibrium_samples: Samples) -> None:
    z = deviations("equilibrium", equilibrium_samples, equilibrium.theory(seed=0))
    assert set(z) == {one.name for one in equilibrium.PREDICTIONS}
    assert max(map(abs, z.values())) < LEVEL


def test_the_other_symmetry_is_refused(
    equilibrium_samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """γ → −γ in the theory: q, βe or r tells at every point with γ ≠ 0."""
    flipped = {
        name: point._replace(gamma=-point.gamma) for name, point in equilibrium.POINTS.items()
    }
    monkeypatch.setattr(equilibrium, "POINTS", flipped)
    z = deviations("equilibrium", equilibrium_samples, equilibrium.theory(seed=0))
    for name, point in flipped.items():
        worst = max(abs(z[f"{quantity}_{name}"]) for quantity in ("q", "energy", "r"))
        assert (worst > LEVEL) == (point.gamma != 0)


def test_overlaps(overlap_samples: Samples) -> None:
    z = deviations("overlaps", overlap_samples, overlaps.theory(seed=0))
    assert set(z) == {one.name for one in overlaps.PREDICTIONS}
    assert max(map(abs, z.values())) < LEVEL


def test_the_paramagnetic_branch_is_refused_where_replicas_order(overlap_samples: Samples) -> None:
    _, g, gamma, beta, _ = overlaps.ORDERED
    point = saddle_point(g, gamma, beta=beta, branch="paramagnetic")
    wrong = {
        "overlap": TheoryValue(0.0),
        "q": TheoryValue(float(point.q)),
        "energy": TheoryValue(float(beta * point.energy)),
    }
    z = deviations("overlaps", overlap_samples, wrong)
    assert max(map(abs, z.values())) > LEVEL


def test_overlaps_without_the_response_of_the_others_are_refused(overlap_samples: Samples) -> None:
    """Sites that do not answer each other would have n⟨q_ab²⟩ = q²."""
    wrong = {}
    for name, (_, g, gamma, beta, _) in overlaps.POINTS.items():
        q = float(saddle_point(g, gamma, beta=beta, branch="paramagnetic").q)
        wrong[f"spread_{name}"] = TheoryValue(q**2)
    z = deviations("overlaps", overlap_samples, wrong)
    assert min(map(abs, z.values())) > LEVEL


def test_spread_of_independent_couplings() -> None:
    """γ = 0: n⟨q_ab²⟩ = q²/(1 − g²r²)²."""
    point = saddle_point(1.2, beta=2.0, branch="paramagnetic")
    expected = float(point.q) ** 2 / (1 - 1.2**2 * float(point.r) ** 2) ** 2
    assert overlaps.spread(1.2, 0.0, 2.0).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("gamma", [-0.6, 0.3])
def test_spread_in_the_null_state(gamma: float) -> None:
    """T → 0 in regime I: φ = x is Gaussian of covariance T(AᵀA)⁻¹, A = J − 1, of known squares."""
    n, g, beta = 600, 0.5, 1e6
    traces = []
    for seed in range(3):
        a = couplings.elliptic(n, g, gamma, seed=seed) - np.eye(n)
        traces.append(np.sum(np.linalg.svd(a, compute_uv=False) ** -4.0) / n)
    expected = beta**2 * overlaps.spread(g, gamma, beta).value
    assert np.mean(traces) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_regimes(seed: int) -> None:
    found = regimes.measure(0, seed)
    for one in regimes.PREDICTIONS:
        assert one.bound is not None
        assert abs(found[one.name]) <= one.bound, one.name


def test_limits_are_extrapolated() -> None:
    """Two orders of s are taken away, where s itself exceeds the bound."""
    assert regimes._limit(lambda s: 1 + 7 * s - 3 * s**2) == pytest.approx(1, abs=1e-12)
