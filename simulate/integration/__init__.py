"""Time stepping: problem, schemes, one loop, and the public call."""

from .loop import IntegrationError
from .schemes import Scheme, runge_kutta
from .solver import Trajectory, integrate

__all__ = ["IntegrationError", "Scheme", "Trajectory", "integrate", "runge_kutta"]
