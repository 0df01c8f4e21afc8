"""Two-time mean-field theory from an initial state on."""

from .solution import TwoTime
from .solver import two_time

__all__ = ["TwoTime", "two_time"]
