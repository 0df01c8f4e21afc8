"""Extrapolation, error rates and verdicts of rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from simulate.validation.experiments import EXPERIMENTS
from simulate.validation.statement import TheoryValue
from simulate.validation.table import deviation, extrapolated, threshold

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


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sizes", [{50: 8, 100: 6}, {50: 20, 100: 10, 400: 4}, {100: 5}])
def test_a_true_theory_is_refused_as_rarely_as_stated(sizes: dict[int, int], noise: float) -> None:
    rng = np.random.default_rng(1)
    z = np.array(
        [
            deviation(extrapolated(_samples(rng, sizes, 0.5, noise), 0.5),
                      TheoryValue(LIMIT + (SLOPE * 0.1 if len(sizes) == 1 else 0))).z
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
    unit = [
        extrapolated({a: [float(a == b)] * k for a, k in counted.items()}, 1.0) for b in counted
    ]
    weights, dof = np.array([limit.value for limit in unit]), unit[0].dof
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
        theory = TheoryValue(float(drawn.mean()), float(error), batches - 1)
        z.append(deviation(extrapolated(_samples(rng, {100: 6}, 1.0), 1.0), theory).z)
    for limit in (2.0, 3.0):
        expected = 2 * stats.norm.sf(limit) * len(z)
        assert np.sum(np.abs(z) > limit) <= stats.poisson.isf(1e-4, 1.1 * expected)
    assert np.std(z) > 0.5


def test_what_would_be_noticed_is_noticed() -> None:
    rng = np.random.default_rng(4)
    measured = extrapolated(_samples(rng, {50: 8, 100: 6}, 1.0), 1.0)
    there = deviation(measured, TheoryValue(LIMIT))
    least = there.resolution(3.5)
    for sign in (-1, 1):
        beyond = deviation(measured, TheoryValue(measured.value + sign * 1.001 * least))
        short = deviation(measured, TheoryValue(measured.value + sign * 0.999 * least))
        assert abs(short.z) < 3.5 < abs(beyond.z)


def test_a_wrong_theory_is_refused() -> None:
    rng = np.random.default_rng(3)
    measured = extrapolated(_samples(rng, {50: 8, 100: 6}, 1.0), 1.0)
    wrong = TheoryValue(LIMIT + 12 * measured.value_err)
    assert abs(deviation(measured, wrong).z) > threshold(0.01, TESTED)
    assert abs(deviation(measured, TheoryValue(LIMIT)).z) < 3


def test_the_extrapolation_is_exact_for_its_law() -> None:
    sizes = np.array([50, 100, 200])
    samples = {int(n): [1 + 2 / n - 1e-6, 1 + 2 / n + 1e-6] for n in sizes}
    measured = extrapolated(samples, 1.0)
    assert measured.value == pytest.approx(1, abs=1e-10)
    assert measured.slope == pytest.approx(2, abs=1e-8)
    assert measured.misfit == pytest.approx(0, abs=1e-6)
    bent = {n: [v + 1e-3 * (n == 100) for v in values] for n, values in samples.items()}
    assert extrapolated(bent, 1.0).misfit > 100


def test_bonferroni() -> None:
    assert threshold(0.05, 1) == pytest.approx(1.959964, abs=1e-6)
    assert 2 * stats.norm.sf(threshold(0.01, 60)) * 60 == pytest.approx(0.01)
