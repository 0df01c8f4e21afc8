"""Stationary mean-field theory of the random network with γ = 0."""

from .solver import Stationary, stationary

__all__ = ["Stationary", "stationary"]
