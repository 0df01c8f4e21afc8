"""What is measured on states: freezing, time-lagged correlations, distribution of activities."""

from .correlations import Autocorrelation, autocorrelation
from .distribution import ActivityDistribution, activity_distribution
from .freezing import freezing
from .states import state_at

__all__ = [
    "ActivityDistribution",
    "Autocorrelation",
    "activity_distribution",
    "autocorrelation",
    "freezing",
    "state_at",
]
