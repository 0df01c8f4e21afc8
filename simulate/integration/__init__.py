"""Time stepping: problem, schemes, one loop, and the public call."""

from meanfield.exponential import StepSizeWarning

from .loop import IntegrationError
from .schemes import Scheme, runge_kutta
from .solver import METHODS, Trajectory, integrate

__all__ = [
    "METHODS",
    "IntegrationError",
    "Scheme",
    "StepSizeWarning",
    "Trajectory",
    "integrate",
    "runge_kutta",
]
