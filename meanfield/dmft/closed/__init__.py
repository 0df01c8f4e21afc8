"""Two-time theory of the random network with γ = 0: the closed equations of the covariances."""

from .solver import ClosedTwoTime, solve

__all__ = ["ClosedTwoTime", "solve"]
