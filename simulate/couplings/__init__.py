"""Random coupling matrices, in memory or revealed on request."""

from .dale import PAPER_SETS, dale, dale_mean, dale_outlier, dale_radius
from .gaussian import elliptic, lazy

__all__ = ["PAPER_SETS", "dale", "dale_mean", "dale_outlier", "dale_radius", "elliptic", "lazy"]
