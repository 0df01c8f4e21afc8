"""Fixed points of a network and the local minima of E that are none."""

from .points import FixedPoints, StationaryPoints
from .search import FixedPointError, find_fixed_points

__all__ = ["FixedPointError", "FixedPoints", "StationaryPoints", "find_fixed_points"]
