"""What is measured on states: freezing, correlations, distributions, principal components."""

from .correlations import Autocorrelation, autocorrelation
from .distribution import ActivityDistribution, activity_distribution
from .pca import PrincipalComponents, principal_components
from .states import freezing, state_at

__all__ = [
    "ActivityDistribution",
    "Autocorrelation",
    "PrincipalComponents",
    "activity_distribution",
    "autocorrelation",
    "freezing",
    "principal_components",
    "state_at",
]
