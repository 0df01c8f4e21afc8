"""Time stepping: one public call, one scheme per class, one loop for all of them."""

from meanfield.exponential import StepSizeWarning

from .solver import METHODS, integrate
from .stepping import IntegrationError
from .trajectory import Trajectory

__all__ = ["METHODS", "IntegrationError", "StepSizeWarning", "Trajectory", "integrate"]
