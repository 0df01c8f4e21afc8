"""Samples of the equilibrium measure exp(−βE)."""

from .sampler import NAMES, BoltzmannSamples, SamplingWarning, sample_boltzmann

__all__ = ["NAMES", "BoltzmannSamples", "SamplingWarning", "sample_boltzmann"]
