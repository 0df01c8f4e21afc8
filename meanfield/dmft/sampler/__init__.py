"""The causal sampler: one forward sweep for any symmetry, any κ(t) and any single-site model."""

from .run import SamplerError
from .site import SiteModel, Slopes

__all__ = ["SamplerError", "SiteModel", "Slopes"]
