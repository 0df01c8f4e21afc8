"""Samples of the equilibrium measure exp(−βE)."""

from .estimators import Estimate
from .sampler import ALGORITHMS, BoltzmannSamples, SamplingWarning, sample_boltzmann

__all__ = ["ALGORITHMS", "BoltzmannSamples", "Estimate", "SamplingWarning", "sample_boltzmann"]
