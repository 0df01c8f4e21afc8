"""Samples of the equilibrium measure exp(−βE)."""

from .estimators import Estimate
from .sampler import ALGORITHMS, SamplingWarning, sample_boltzmann
from .samples import NAMES, BoltzmannSamples

__all__ = [
    "ALGORITHMS",
    "NAMES",
    "BoltzmannSamples",
    "Estimate",
    "SamplingWarning",
    "sample_boltzmann",
]
