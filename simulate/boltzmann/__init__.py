"""Samples of the equilibrium measure exp(−βE)."""

from .estimators import Estimate
from .sampler import ALGORITHMS, NAMES, BoltzmannSamples, SamplingWarning, sample_boltzmann

__all__ = [
    "ALGORITHMS",
    "NAMES",
    "BoltzmannSamples",
    "Estimate",
    "SamplingWarning",
    "sample_boltzmann",
]
