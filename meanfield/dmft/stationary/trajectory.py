"""The decay of Δ(τ) by quadrature of the energy integral.

With ρ = Δ/Δ₀ = sech θ and the energy integral ρ'² = ρ² W,

    W = w₀ + tanh²θ H(ρ²),   w₀ = σ⁴/(4Δ₀²),
    dτ/dθ = 1 / √(H + w₀/tanh²θ),

where H has a series of positive terms: smooth down to θ = 0 with and without noise, and to any
τ.  Gauss–Legendre panels in θ, refined geometrically towards 0, give τ(θ); Newton's method on the
polynomial of each panel inverts it.
"""

from __future__ import annotations

import math

import numpy as np

from ...common.arguments import Array
from .hermite import horner

# ρ = 1/2, an edge of the panels, so that the half time is a sum of panels.
HALF = math.acosh(2.0)
# ρ² = 1e-17 at the end of the panels; an exponential from there on.
_END = 20.0
_TAIL_PANELS = 10
_FIRST_PANEL = 0.25
_MAX_LEVELS = 40
_NEWTON = 60


class Trajectory:
    """ρ(τ) for one point, from the coefficients `well` of H in powers of ρ².

    `width` is the θ on which H varies near 0 and sets, with w₀, the scale on which the panels, of
    `nodes` Gauss–Legendre nodes each, start.  `theta` and `tau` are the edges of the panels, `rate`
    is the decay rate of ρ at long times, √(w₀ + H(0)), and ρ = 1/2 at `tau_half`.
    """

    def __init__(self, well: Array, w0: float, width: float, nodes: int) -> None:
        self.rate = math.sqrt(w0 + well[0])
        depth = float(np.sum(well))
        scale = width
        if w0 > 0 and w0 < depth:
            scale = min(scale, math.sqrt(w0 / depth))
        levels = min(math.ceil(math.log2(HALF / (_FIRST_PANEL * scale))), _MAX_LEVELS)
        start = HALF * 2.0 ** -np.arange(levels, -1.0, -1.0)
        self.theta = np.concatenate([[0.0], start, np.linspace(HALF, _END, _TAIL_PANELS + 1)[1:]])
        x, weights = np.polynomial.legendre.leggauss(nodes)
        half = np.diff(self.theta) / 2
        theta = self.theta[:-1, None] + half[:, None] * (x + 1)
        speed = horner(well, np.cosh(theta) ** -2.0) + w0 / np.tanh(theta) ** 2
        slowness = half[:, None] / np.sqrt(speed)
        basis = np.polynomial.legendre.legvander(x, nodes - 1)
        self._slope = (slowness * weights) @ basis * (np.arange(nodes) + 0.5)
        self._integral = np.polynomial.legendre.legint(self._slope, lbnd=-1, axis=1)
        self.tau = np.concatenate([[0.0], np.cumsum(self._integral.sum(axis=1))])
        self.tau_half = float(self.tau[levels + 1])

    def rho(self, tau: Array) -> Array:
        """ρ at the times `tau` ≥ 0."""
        inside = np.minimum(tau, self.tau[-1])
        panel = np.clip(np.searchsorted(self.tau, inside, side="right") - 1, 0, self.tau.size - 2)
        local = inside - self.tau[panel]
        # Transposed, so that every time has its own column of coefficients.
        slope, integral = self._slope[panel].T, self._integral[panel].T
        legval = np.polynomial.legendre.legval
        x = 2 * local / np.diff(self.tau)[panel] - 1
        for _ in range(_NEWTON):
            step = legval(x, integral, tensor=False) - local
            step /= np.maximum(legval(x, slope, tensor=False), np.finfo(float).tiny)
            new = np.clip(x - step, -1, 1)
            moved = float(np.max(np.abs(new - x), initial=0.0))
            x = new
            if moved < 1e-15:
                break
        theta = self.theta[panel] + np.diff(self.theta)[panel] * (x + 1) / 2
        theta = np.where(tau > 0, theta, 0.0)
        return np.exp(-self.rate * (tau - inside)) / np.cosh(theta)
