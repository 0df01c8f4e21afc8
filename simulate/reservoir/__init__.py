"""Reservoir computing: how well a linear readout recalls or forecasts the stimulus."""

from .curve import memory_curve, stimulus_targets, two_sines
from .memory import MemoryCurve, SingularCovarianceWarning, memory_function
from .sweep import memory_sweep

__all__ = [
    "MemoryCurve",
    "SingularCovarianceWarning",
    "memory_curve",
    "memory_function",
    "memory_sweep",
    "stimulus_targets",
    "two_sines",
]
