"""The causal sampler: one forward sweep for any symmetry, any κ(t) and any single-site model."""

from .site import SiteModel, Slopes
from .sweep import SamplerError

__all__ = ["SamplerError", "SiteModel", "Slopes"]
