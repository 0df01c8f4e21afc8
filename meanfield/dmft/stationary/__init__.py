"""Stationary mean-field theory of the random network with γ = 0."""

from .solution import Stationary
from .solver import stationary

__all__ = ["Stationary", "stationary"]
