"""Replica theory of the measure P(x) ∝ exp(−βE): branches, sheets and their stability."""

from .solver import OrderParameters, SaddlePoint, replica_map, saddle_point, spin_glass_beta

__all__ = ["OrderParameters", "SaddlePoint", "replica_map", "saddle_point", "spin_glass_beta"]
