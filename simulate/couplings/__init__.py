"""Random coupling matrices, in memory or revealed on request."""

from .dale import dale, dale_mean, dale_outlier, dale_radius
from .elliptic import elliptic
from .lazy import lazy

__all__ = ["dale", "dale_mean", "dale_outlier", "dale_radius", "elliptic", "lazy"]
