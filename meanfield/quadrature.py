"""Quadrature rules fitted to the single-site laws.

The weights of the replica theory decay like Gaussians at both ends, where the trapezoidal rule
converges exponentially; what limits it are the poles of φ near the real axis.  The map
ξ = a sinh u with a about the distance of the nearest pole turns both scales, the pole and the
Gaussian width, into one, so that 24 to 100 nodes on the half line reach rounding.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.special import roots_hermitenorm

from .common.arguments import Array

# exp(−LOG_CUT) is the relative weight at which the half line is cut off.
LOG_CUT = 42.0
# Distance of the poles of tanh from the real axis, about, in units of `TransferFunction.length`.
POLE = 1.5
_SCAN = 32


def half_line_rule(
    log_weight: Callable[[Array], Array], scale: Array, reach: Array, n: int
) -> tuple[Array, Array]:
    """Trapezoidal rule in u for even integrands on ξ = a sinh u ≥ 0: nodes and weights."""
    # `log_weight` maps nodes (points, m) to the logarithm of the weight, up to a constant, `scale`
    # is the a of the map, and beyond `reach` the weight is negligible: the scan shortens it to
    # where it is not.  The factor dξ/du is in the weights; the node at 0 counts half.
    grid = np.arange(_SCAN + 1) / _SCAN
    top = np.arcsinh(reach / scale)
    values = log_weight(scale[:, None] * np.sinh(top[:, None] * grid))
    alive = values > values.max(axis=1, keepdims=True) - LOG_CUT
    last = _SCAN - np.argmax(alive[:, ::-1], axis=1)
    top = top * np.minimum(last + 1, _SCAN) / _SCAN
    u = top[:, None] * (np.arange(n + 1) / n)
    weights = (scale * top / n)[:, None] * np.cosh(u)
    weights[:, 0] *= 0.5
    return scale[:, None] * np.sinh(u), weights


@lru_cache(maxsize=32)
def gauss_hermite(n: int) -> tuple[Array, Array]:
    """Nodes and weights of E[h(u)] over a standard normal u."""
    nodes, weights = roots_hermitenorm(n)
    weights = weights / weights.sum()
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights
