"""Samples of exp(−βE) against the zeros of f, each weighted by 1/|det A|: one network, one law."""

import warnings
from typing import Any

import numpy as np

from meanfield.common import seeds
from meanfield.common.arguments import Array

from ... import couplings
from ...boltzmann import BoltzmannSamples, SamplingWarning, sample_boltzmann
from ...fixed_points import FixedPoints
from ..statement import Design, Prediction, TheoryValue
from .enumeration import determinants, is_complete, zeros

G, GAMMA = 2.0, 0.5
# Averages are extrapolated to β = ∞ from both.
_BETAS = np.array([100.0, 400.0])
# Networks are taken that are in their limit at these β: Gaussians of width 1/(σ√β) about zeros
# with singular values σ, and nothing at minima of E with f ≠ 0.
_SMALLEST_SINGULAR_VALUE, _SMALLEST_ENERGY = 0.25, 0.08
_CANDIDATES = 200

PREDICTIONS = (
    Prediction(
        "q",
        "⟨q⟩ by exp(−βE), β → ∞, less the mean over zeros by 1/|det A|, "
        f"g = {G:g}, γ = {GAMMA:g}: 0",
        "Laplace's method",
    ),
)


def theory(*, seed: int) -> dict[str, TheoryValue]:
    """No difference."""
    return {"q": TheoryValue(0.0)}


def network(n: int, seed: int, starts: int) -> tuple[Array, FixedPoints]:
    """The first couplings of a seed that have zeros x ≠ 0 and are in the limit of large β."""
    for k in range(_CANDIDATES):
        own = seeds.member(seed, k)
        J = couplings.elliptic(n, G, GAMMA, seed=own)
        found = zeros(J, G, own, starts)
        if (
            len(found) > 1
            and is_complete(found)
            and found.smallest_singular_value.min() >= _SMALLEST_SINGULAR_VALUE
            and n * found.minima.energy.min(initial=np.inf) >= _SMALLEST_ENERGY
        ):
            return J, found
    raise ArithmeticError(f"none of {_CANDIDATES} networks is in the limit of large β")


def means(found: FixedPoints) -> tuple[float, float]:
    """Mean q of the zeros by 1/|det A|, and with equal weights."""
    equal = np.where(found.x2 > 0, 2.0, 1.0)
    weights = equal / determinants(found)
    return float(weights @ found.q / weights.sum()), float(equal @ found.q / equal.sum())


def sampled(J: Array, seed: int, **how: Any) -> BoltzmannSamples:
    """Tempered samples of one network."""
    with warnings.catch_warnings():
        # The errors are those between networks.
        warnings.simplefilter("ignore", SamplingWarning)
        return sample_boltzmann(J, _BETAS, seed=seed, leapfrog=10, store_samples=False, **how)


def measure(n: int, seed: int, *, starts: int, **how: int) -> dict[str, float]:
    """Both means of one network."""
    J, found = network(n, seed, starts)
    hot, cold = sampled(J, seed, **how).q
    # Corrections are of order 1/β.
    return {"q": float((_BETAS[1] * cold - _BETAS[0] * hot) / np.ptp(_BETAS)) - means(found)[0]}


TITLE = "The measure exp(−βE) at large β as a sum over fixed points"
PRESETS = {
    "quick": Design({4: 4}, {"starts": 32, "n_samples": 3000, "warmup": 700, "chains": 8}),
    "paper": Design({6: 16}, {"starts": 96, "n_samples": 20_000, "warmup": 5000, "chains": 8}),
}
