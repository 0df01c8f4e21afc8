"""Dynamical mean-field theory."""

from .solution import Stationary
from .stationary import stationary

__all__ = ["Stationary", "stationary"]
