"""What jumps of φ′ add to the two-time functions, in closed form.

A jump s of φ′ at k is s δ(x − k) in φ″.  Hence of a normal pair of variance Δ₀ and correlation
r = cos β, with y and w the places of two jumps in standard deviations from the mean,

    ⟨φ′φ′⟩ = ∫ e dβ from β to π/2,    e = Σ (s t/2π) exp{−(y − w)²/(2 sin²β) − y w/(1 + cos β)},

and ⟨φφ⟩ and its integral are of the same kind: smooth in β, but for two kinks nearer than β.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ...common.arguments import Array
from ...transfer import TransferFunction

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
# The first panel ends at this share of the gap between two kinks, where they see nothing of each
# other.
_APART = 0.1


class Jumps:
    """The jumps of φ′ in units of √Δ₀ about the mean."""

    def __init__(self, phi: TransferFunction, mean: float, delta0: float) -> None:
        self.delta0 = delta0
        self.places = (phi.corners - mean) / math.sqrt(delta0)
        self.sizes = phi.jumps[phi.jumps != 0]
        one, other = np.triu_indices(self.places.size)
        s, y = self.sizes, self.places
        self._weight = np.where(one == other, 1, 2) * s[one] * s[other] / (2 * math.pi)
        self._gap2, self._product = (y[one] - y[other]) ** 2 / 2, y[one] * y[other]
        gap = float(np.min(np.diff(y), initial=math.inf))
        edges = [math.pi]
        while len(edges) < 2 or edges[-1] > _APART * gap:
            edges.append(edges[-1] / 2)
        self._edges = [0.0, *edges[::-1]]

    def coefficients(self, order: int) -> Array:
        """What they are of the Hermite coefficients of φ up to `order`, those of 0 and 1 apart."""
        found = np.zeros(order + 1)
        if not self.sizes.size:
            return found
        y = self.places
        density = math.sqrt(self.delta0 / (2 * math.pi)) * self.sizes * np.exp(-(y**2) / 4)
        before, now = np.zeros_like(y), np.exp(-(y**2) / 4)
        for j in range(2, order + 1):
            found[j] = float(density @ now) / math.sqrt((j - 1) * j)
            before, now = now, (y * now - math.sqrt(j - 2) * before) / math.sqrt(j - 1)
        return found

    def integral(
        self, low: Array | float, high: Array | float, factor: Callable[[Array], Array]
    ) -> Array:
        """∫ e(β) f(β) dβ between arrays of limits; f takes β on a last axis."""
        low, high = np.broadcast_arrays(low, high)
        total = np.zeros(low.shape)
        if not self.sizes.size:
            return total
        for start, end in pairwise(self._edges):
            left, right = np.clip(low, start, end), np.clip(high, start, end)
            half = (right - left) / 2
            beta = left[..., None] + half[..., None] * (_NODES + 1)
            # In the middle of an empty panel nothing is divided by 0.
            square, slant = np.maximum(np.sin(beta) ** 2, 1e-300), 1 + np.cos(beta)
            slant = np.maximum(slant, 1e-300)
            density = np.zeros_like(beta)
            for weight, gap2, product in zip(self._weight, self._gap2, self._product, strict=True):
                density += weight * np.exp(-gap2 / square - product / slant)
            total += half * ((density * factor(beta)) @ _WEIGHTS)
        return total

    def slope(self, low: Array | float, high: Array | float = math.pi / 2) -> Array:
        """What ⟨φ′φ′⟩ at β = `low` exceeds that at `high` by."""
        return self.integral(low, high, np.ones_like)

    def value(self, low: Array | float, high: Array | float = math.pi / 2) -> Array:
        """∫⟨φ′φ′⟩ dr from r = cos `high`, less what that is with ⟨φ′φ′⟩ of there."""
        r = np.cos(low)[..., None]
        return self.integral(low, high, lambda beta: r - np.cos(beta))


def angle(less: Array | float) -> Array:
    """The β whose cosine is less than 1 by so much."""
    return np.asarray(2 * np.arcsin(np.sqrt(np.minimum(less, 2.0) / 2)))
