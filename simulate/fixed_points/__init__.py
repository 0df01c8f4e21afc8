"""Fixed points: of a network, with the local minima of E that are none, and of all couplings."""

from .mean_number import KacRice, kac_rice
from .points import FixedPoints, StationaryPoints
from .search import FixedPointError, find_fixed_points

__all__ = [
    "FixedPointError",
    "FixedPoints",
    "KacRice",
    "StationaryPoints",
    "find_fixed_points",
    "kac_rice",
]
