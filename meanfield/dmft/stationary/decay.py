"""The decay of Δ(τ) by quadrature of the energy integral, and the state bound in its well.

With ρ = Δ/Δ₀ = sech θ and the energy integral ρ'² = ρ² W,

    W = w₀ + tanh²θ H(ρ²),   w₀ = σ⁴/(4Δ₀²),
    dτ/dθ = 1 / √(H + w₀/tanh²θ),

where H has a series of positive terms: smooth down to θ = 0 with and without noise, and to any
τ.  Gauss–Legendre panels in θ, refined geometrically towards 0, give τ(θ); Newton's method on the
polynomial of each panel inverts it.

The Lyapunov exponent needs the even ground state of −d²/dτ² + V(τ) on the whole line, V ≤ 0 and
V → 0: ψ'/ψ, carried over spectral elements of the half line, must be −s at the end, exact where V
has died out for an eigenvalue −s²: weakly bound states, which reach far beyond the well, cost
nothing, and neither do wells that are narrow.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ...common.arguments import Array
from .hermite import PairFunctions

# ρ = 1/2, an edge of the panels, so that the half time is a sum of panels.
HALF = math.acosh(2.0)
# ρ² = 1e-17 at the end of the panels; an exponential from there on.
_END = 20.0
_TAIL_PANELS = 10
_FIRST_PANEL = 0.25
_MAX_LEVELS = 40
_NEWTON = 60
_NEWTON_OF_BOUND = 40
# Longest element in units of the decay length of ψ; what the bounds on s are raised by, for the
# quadrature.
_LONGEST, _ABOVE = 4.0, 1 + 1e-6


class CovarianceDecay:
    """ρ(τ) for one point, from its H."""

    # `width` is the θ on which H varies near 0 and sets, with w₀, the scale on which the panels, of
    # `nodes` Gauss–Legendre nodes each, start.  `theta` and `tau` are the edges of the panels,
    # `rate` is the decay rate of ρ at long times, √(w₀ + H(0)), and ρ = 1/2 at `tau_half`.
    def __init__(self, pair: PairFunctions, w0: float, width: float, nodes: int) -> None:
        self.rate = math.sqrt(w0 + pair.limit)
        scale = width
        if w0 > 0 and w0 < pair.depth:
            scale = min(scale, math.sqrt(w0 / pair.depth))
        levels = min(math.ceil(math.log2(HALF / (_FIRST_PANEL * scale))), _MAX_LEVELS)
        start = HALF * 2.0 ** -np.arange(levels, -1.0, -1.0)
        self.theta = np.concatenate([[0.0], start, np.linspace(HALF, _END, _TAIL_PANELS + 1)[1:]])
        x, weights = np.polynomial.legendre.leggauss(nodes)
        half = np.diff(self.theta) / 2
        theta = self.theta[:-1, None] + half[:, None] * (x + 1)
        speed = pair.well(theta) + w0 / np.tanh(theta) ** 2
        slowness = half[:, None] / np.sqrt(speed)
        basis = np.polynomial.legendre.legvander(x, nodes - 1)
        self._slope = (slowness * weights) @ basis * (np.arange(nodes) + 0.5)
        self._integral = np.polynomial.legendre.legint(self._slope, lbnd=-1, axis=1)
        self.tau = np.concatenate([[0.0], np.cumsum(self._integral.sum(axis=1))])
        self.tau_half = float(self.tau[levels + 1])

    def rho(self, tau: Array) -> Array:
        """ρ at the times `tau` ≥ 0."""
        inside = np.minimum(tau, self.tau[-1])
        return np.exp(-self.rate * (tau - inside)) / np.cosh(self.angle(inside))

    def angle(self, inside: Array) -> Array:
        """θ at times from 0 to the end of the panels."""
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
        return np.where(inside > 0, theta, 0.0)


@lru_cache(maxsize=8)
def lobatto(nodes: int) -> tuple[Array, Array, Array]:
    """Gauss–Lobatto nodes and weights on [−1, 1] and the matrix of the derivative."""
    basis = np.polynomial.legendre.Legendre.basis(nodes - 1)
    inner = np.sort(np.real(basis.deriv().roots()))
    for _ in range(3):
        inner = inner - basis.deriv()(inner) / basis.deriv(2)(inner)
    x = np.concatenate([[-1.0], inner, [1.0]])
    value = basis(x)
    weights = 2 / (nodes * (nodes - 1) * value**2)
    gap = x[:, None] - x[None, :] + np.eye(nodes)
    derivative = value[:, None] / value[None, :] / gap
    np.fill_diagonal(derivative, 0.0)
    np.fill_diagonal(derivative, -derivative.sum(axis=1))
    return x, weights, derivative


def binding_rate(potential: Callable[[Array], Array], edges: Array, nodes: int) -> float:
    """The s ≥ 0 of the lowest eigenvalue −s² of −d²/dτ² + V, V ≤ 0 and nearly 0 past the edges."""
    # ψ'/ψ is carried from 0 at τ = 0 through the well, and back from −s at the end, over one
    # element after the other, each way where it is stable, until both meet.  With ψ = 1 + χ at the
    # edge that is next, the quadratic form of the element is a sum without differences however
    # short it is, and an error of ψ enters squared; its slope in s² is ∫ψ².
    x, weights, derivative = lobatto(nodes)

    def measured(edges: Array) -> tuple[Array, Array, Array]:
        half = np.diff(edges) / 2
        mass = weights * half[:, None]
        return half, mass, mass * potential(edges[:-1, None] + half[:, None] * (x + 1))

    half, mass, wells = measured(edges)
    # Bounds on s: the depth of the well, and its area, the limit of a weak one.
    area, depth = max(-float(np.sum(wells)), 0.0), max(-float(np.min(wells / mass)), 0.0)
    high = min(math.sqrt(depth), area) * _ABOVE
    parts = np.ceil(2 * half * high / _LONGEST).astype(int)
    if np.any(parts > 1):
        shares = [np.arange(part) / part for part in np.maximum(parts, 1)]
        pieces = zip(edges[:-1], 2 * half, shares, strict=True)
        inside = [start + length * share for start, length, share in pieces]
        half, mass, wells = measured(np.append(np.concatenate(inside), edges[-1]))
    stiffness = (derivative.T @ (weights[:, None] * derivative))[:-1, :-1] / half[:, None, None]
    inner = np.arange(nodes - 1)
    first = np.zeros((half.size, nodes - 1))
    first[:, 0] = 1
    depths = np.sum(wells, axis=1) / np.sum(mass, axis=1)

    def mismatch(s: float) -> tuple[float, float] | None:
        # What ψ'/ψ jumps by where both meet, and its slope in s; None if ψ has a node.
        form = wells + s * s * mass
        meet = int(np.argmin(np.append(depths < -s * s, False)))
        form[meet:] = form[meet:, ::-1]
        matrix = stiffness.copy()
        matrix[:, inner, inner] += form[:, :-1]
        pair = np.linalg.solve(matrix, np.stack([-form[:, :-1], first], axis=-1))
        chi = np.zeros((half.size, nodes))
        edge = [0.0, s]
        slope = [0.0, 1.0]
        orders = range(meet), range(half.size - 1, meet - 1, -1)
        for side, order in enumerate(orders):
            for k in order:
                start = 1 + edge[side] * pair[k, 0, 1]
                if start <= 0:
                    return None
                left = edge[side] * (1 + pair[k, 0, 0]) / start
                chi[k, :-1] = pair[k, :, 0] - left * pair[k, :, 1]
                psi = 1 + chi[k]
                if np.min(psi) <= 0:
                    return None
                bend = weights @ (derivative @ chi[k]) ** 2 / half[k]
                square = psi * psi
                slope[side] = 2 * s * float(mass[k] @ square) + square[0] * slope[side]
                edge[side] = float(bend + form[k] @ square + square[0] * edge[side])
        return sum(edge), sum(slope)

    low, s = 0.0, high
    for _ in range(_NEWTON_OF_BOUND):
        if s == 0:
            break
        found = mismatch(s)
        if found is None or found[0] < 0:
            low = s
        else:
            high = s
        new = (low + high) / 2
        if found is not None and low <= s - found[0] / found[1] <= high:
            new = s - found[0] / found[1]
        moved, s = abs(new - s), new
        if moved <= 1e-13 * s:
            break
    return s
