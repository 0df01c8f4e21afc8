"""Steady state of the vanilla dynamics for any symmetry."""

from .solution import SteadyState
from .solver import steady_state

__all__ = ["SteadyState", "steady_state"]
