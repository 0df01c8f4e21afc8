"""Reservoir computing: how well a linear readout recalls or forecasts the stimulus."""

from .curve import memory_curve, stimulus_targets, two_sines
from .memory import MemoryCurve, SingularCovarianceWarning, memory_function

__all__ = [
    "MemoryCurve",
    "SingularCovarianceWarning",
    "memory_curve",
    "memory_function",
    "stimulus_targets",
    "two_sines",
]
