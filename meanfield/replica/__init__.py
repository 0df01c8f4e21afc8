"""Replica theory of the measure P(x) ∝ exp(−βE): branches, sheets and their stability."""

from .solution import SaddlePoint
from .solver import OrderParameters, replica_map, saddle_point, spin_glass_beta

__all__ = ["OrderParameters", "SaddlePoint", "replica_map", "saddle_point", "spin_glass_beta"]
