"""Replica theory of the measure P(x) ∝ exp(−βE): branches, sheets and their stability."""

from .saddle_point import OrderParameters, replica_map, saddle_point, spin_glass_beta
from .solution import NotConvergedError, SaddlePoint

__all__ = [
    "NotConvergedError",
    "OrderParameters",
    "SaddlePoint",
    "replica_map",
    "saddle_point",
    "spin_glass_beta",
]
