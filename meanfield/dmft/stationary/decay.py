"""The decay of Δ(τ) by quadrature of the energy integral, and the state bound in its well.

With ρ = Δ/Δ₀ = sech θ and the energy integral ρ'² = ρ² W,

    W = w₀ + tanh²θ H(ρ²),   w₀ = σ⁴/(4Δ₀²),
    dτ/dθ = 1 / √(H + w₀/tanh²θ),

where H has a series of positive terms: smooth down to θ = 0 with and without noise, and to any
τ.  Gauss–Legendre panels in θ, refined geometrically towards 0, give τ(θ); Newton's method on the
polynomial of each panel inverts it.

The Lyapunov exponent needs the even ground state of −d²/dτ² + V(τ) on the whole line, V ≤ 0 and
V → 0: spectral elements on the half line with the condition ψ'/ψ = −s at the end, exact where V has
died out for an eigenvalue −s²: weakly bound states, which reach far beyond the well, cost nothing.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.linalg import eigh

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
_NEWTON_OF_BOUND = 40


class CovarianceDecay:
    """ρ(τ) for one point, from the coefficients `well` of H in powers of ρ²."""

    # `width` is the θ on which H varies near 0 and sets, with w₀, the scale on which the panels, of
    # `nodes` Gauss–Legendre nodes each, start.  `theta` and `tau` are the edges of the panels,
    # `rate` is the decay rate of ρ at long times, √(w₀ + H(0)), and ρ = 1/2 at `tau_half`.
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


@lru_cache(maxsize=8)
def _lobatto(nodes: int) -> tuple[Array, Array, Array]:
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
    """The s ≥ 0 of the lowest eigenvalue −s² of −d²/dτ² + V, V negligible beyond the last edge."""
    # The lowest eigenvalue e(s) of the problem with the boundary term s ψ(T)² rises with s, with
    # slope ψ(T)²; Newton's method solves e(s) = −s².  The quadratic form of the eigenvector, a sum
    # over elements, replaces the eigenvalue: the fine elements would otherwise set its rounding.
    x, weights, derivative = _lobatto(nodes)
    half = np.diff(edges) / 2
    count, size = half.size, half.size * (nodes - 1) + 1
    places = (nodes - 1) * np.arange(count)[:, None] + np.arange(nodes)
    local = weights * half[:, None] * potential(edges[:-1, None] + half[:, None] * (x + 1))
    stiffness = derivative.T @ (weights[:, None] * derivative)
    matrix, mass = np.zeros((size, size)), np.zeros(size)
    for i, place in enumerate(places):
        matrix[np.ix_(place, place)] += stiffness / half[i]
        matrix[place, place] += local[i]
        mass[place] += weights * half[i]
    root = np.sqrt(mass)
    matrix /= root[:, None] * root
    end = matrix[-1, -1]
    s = math.sqrt(max(-float(np.min(local / (weights * half[:, None]))), 0.0)) / 2
    for _ in range(_NEWTON_OF_BOUND):
        matrix[-1, -1] = end + s / mass[-1]
        _, vectors = eigh(matrix, subset_by_index=[0, 0], check_finite=False)
        psi = vectors[:, 0] / root
        pieces = psi[places]
        slopes = pieces @ derivative.T
        form = np.sum(weights * slopes**2 / half[:, None]) + np.sum(local * pieces**2)
        value = float(form) + s * psi[-1] ** 2
        new = max(s - (value + s * s) / (2 * s + psi[-1] ** 2), 0.0)
        moved, s = abs(new - s), new
        if moved <= 1e-13 * s:
            break
    return s
