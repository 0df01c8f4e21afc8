"""The decay of Δ(τ) by quadrature of the energy integral, and the state bound in its well.

With ρ = Δ/Δ₀ = sech θ and the energy integral ρ'² = ρ² W,

    W = w₀ + tanh²θ H(ρ²),   w₀ = σ⁴/(4Δ₀²),
    dτ/dθ = 1 / √(H + w₀/tanh²θ),

where H has a series of positive terms: smooth down to θ = 0 with and without noise, and to any
τ.  Gauss–Legendre panels in θ, refined geometrically towards 0, give τ(θ); Newton's method on the
polynomial of each panel inverts it.

The Lyapunov exponent needs the even ground state of −d²/dτ² + V(τ) on the whole line, V ≤ 0 and
V → 0: ψ'/ψ, carried over the panels as spectral elements, must be −s at the end, exact where V
has died out for an eigenvalue −s²: weakly bound states, which reach far beyond the well, cost
nothing, and neither do wells that are narrow.

Everything is done for many points at once, and for each as if it were alone.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
# quadrature; a last Newton step, relative.
_LONGEST, _ABOVE, _LAST_STEP = 6.0, 1 + 1e-6, 1e-9
# Changes of x and of s, relative, that are rounding.
_STILL, _ROUNDING = 1e-15, 1e-13


def levels(pair: PairFunctions, w0: float, width: float) -> int:
    """How often the first panel is halved; `width` is the θ on which H varies near 0."""
    scale = width
    if w0 > 0 and w0 < pair.depth:
        scale = min(scale, math.sqrt(w0 / pair.depth))
    return min(math.ceil(math.log2(HALF / (_FIRST_PANEL * scale))), _MAX_LEVELS)


class CovarianceDecay:
    """ρ(τ) of points with panels in common, from their H."""

    # Each panel has `nodes` Gauss–Legendre nodes: `inside` are their θ, `slowness` is there dτ by
    # the coordinate of the panel.  `theta` and `tau` are the edges of the panels, `rate` is the
    # decay rate of ρ at long times, √(w₀ + H(0)), and ρ = 1/2 at `tau_half`.
    def __init__(
        self, pairs: Sequence[PairFunctions], w0: Array, halvings: int, nodes: int
    ) -> None:
        self.halvings = halvings
        self.rate = np.sqrt(w0 + np.array([pair.limit for pair in pairs]))
        start = HALF * 2.0 ** -np.arange(halvings, -1.0, -1.0)
        self.theta = np.concatenate([[0.0], start, np.linspace(HALF, _END, _TAIL_PANELS + 1)[1:]])
        x, weights, series = _gauss(nodes)
        half = np.diff(self.theta) / 2
        self.inside = self.theta[:-1, None] + half[:, None] * (x + 1)
        wells = np.array([pair.well(self.inside) for pair in pairs])
        speed = wells + w0[:, None, None] / np.tanh(self.inside) ** 2
        self.slowness = half[:, None] / np.sqrt(speed)
        self._slope = self.slowness @ series.T
        self._integral = np.polynomial.legendre.legint(self._slope, lbnd=-1, axis=-1)
        lasting = np.cumsum(self.slowness @ weights, axis=1)
        self.tau = np.concatenate([np.zeros((len(pairs), 1)), lasting], axis=1)
        self.tau_half = self.tau[:, halvings + 1]

    def rho(self, tau: Array) -> Array:
        """ρ at the times `tau` ≥ 0, a row for each point."""
        inside = np.minimum(tau, self.tau[:, -1:])
        return np.exp(-self.rate[:, None] * (tau - inside)) / np.cosh(self.angle(inside))

    def angle(self, inside: Array) -> Array:
        """θ at times from 0 to the end of the panels, a row for each point."""
        point = np.arange(len(inside))[:, None]
        panel = np.sum(inside[..., None] >= self.tau[:, None, 1:-1], axis=-1)
        start, end = self.tau[point, panel], self.tau[point, panel + 1]
        local = inside - start
        # Transposed, so that every time has its own column of coefficients.
        slope, integral = (
            np.moveaxis(of[point, panel], -1, 0).reshape(of.shape[-1], -1)
            for of in (self._slope, self._integral)
        )
        legval = np.polynomial.legendre.legval
        x, goal = (2 * local / (end - start) - 1).ravel(), local.ravel()
        moving = np.arange(x.size)
        for _ in range(_NEWTON):
            at = x[moving]
            step = legval(at, integral[:, moving], tensor=False) - goal[moving]
            step /= np.maximum(legval(at, slope[:, moving], tensor=False), np.finfo(float).tiny)
            x[moving] = np.clip(at - step, -1, 1)
            moving = moving[np.abs(x[moving] - at) >= _STILL]
            if not moving.size:
                break
        half = np.diff(self.theta)[panel] / 2
        theta = self.theta[panel] + half * (x.reshape(inside.shape) + 1)
        return np.where(inside > 0, theta, 0.0)


@lru_cache(maxsize=8)
def _gauss(nodes: int) -> tuple[Array, Array, Array]:
    """Gauss–Legendre nodes and weights, and the matrix of Legendre coefficients from values."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    basis = np.polynomial.legendre.legvander(x, nodes - 1)
    return x, weights, (np.arange(nodes) + 0.5)[:, None] * basis.T * weights


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


@lru_cache(maxsize=8)
def _element(nodes: int) -> list[Array]:
    """ψ and ψ' on the Gauss nodes from ψ on all Lobatto nodes but the last; products of columns."""
    x, _, derivative = lobatto(nodes)
    legvander = np.polynomial.legendre.legvander
    values = legvander(_gauss(nodes)[0], nodes - 1) @ np.linalg.inv(legvander(x, nodes - 1))
    both = [values[:, :-1], (values @ derivative)[:, :-1]]
    return both + [(of[:, :, None] * of[:, None]).reshape(nodes, -1) for of in both]


def binding_rate(potential: Array, slowness: Array, start: Array | None = None) -> Array:
    """The s ≥ 0 of the lowest eigenvalue −s² of −d²/dτ² + V, V ≤ 0 and nearly 0 past the end.

    V and dτ/dx are given on the Gauss–Legendre nodes x of elements from τ = 0 on: the axes are
    point, element and node.
    """
    weights = _gauss(potential.shape[-1])[1]
    # Bounds on s: the depth of the well, and its area, the limit of a weak one.
    area = np.maximum(-np.sum((potential * slowness) @ weights, axis=1), 0.0)
    depth = np.maximum(-np.min(potential, axis=(1, 2)), 0.0)
    high = np.minimum(np.sqrt(depth), area) * _ABOVE
    start = high if start is None else np.where(start > 0, np.minimum(start, high), high)
    parts = np.ceil((slowness @ weights) * high[:, None] / _LONGEST).astype(int)
    kinds, kind = np.unique(np.maximum(parts, 1), axis=0, return_inverse=True)
    s = np.zeros(high.size)
    for number, pieces in enumerate(kinds):
        (some,) = np.nonzero((kind.ravel() == number) & (high > 0))
        if not some.size:
            continue
        wells = _divided(potential[some], pieces)
        within = _divided(slowness[some] / pieces[:, None], pieces)
        elements = _Elements(weights / within, weights * within, weights * within * wells)
        s[some] = elements.root(start[some], high[some])
    return s


def _divided(values: Array, numbers: Array) -> Array:
    """Values on the nodes of the parts of every element."""
    points, _, nodes = values.shape
    x, _, series = _gauss(nodes)
    found = []
    for number, run in groupby(range(numbers.size), key=numbers.__getitem__):
        inside = (2 * np.arange(number)[:, None] + 1 + x) / number - 1
        matrix = np.polynomial.legendre.legvander(inside, nodes - 1) @ series
        found.append((matrix @ values[:, list(run), None, :, None]).reshape(points, -1, nodes))
    return np.concatenate(found, axis=1)


class _Elements(NamedTuple):
    """Weights of ψ'², ψ² and Vψ² on the nodes."""

    stiffness: Array
    mass: Array
    wells: Array

    @np.errstate(all="ignore")
    def root(self, s: Array, high: Array) -> Array:
        """The s of every point between 0 and `high`, by Newton's method from `s` on."""
        s, low, high, moving = s.copy(), np.zeros_like(s), high.copy(), np.arange(s.size)
        for _ in range(_NEWTON_OF_BOUND):
            here = s[moving]
            jump, slope, whole = _Elements(*(of[moving] for of in self)).mismatch(here)
            above = whole & (jump >= 0)
            low[moving] = np.where(above, low[moving], here)
            high[moving] = np.where(above, here, high[moving])
            new = here - jump / slope
            inside = whole & (low[moving] <= new) & (new <= high[moving])
            s[moving] = np.where(inside, new, (low[moving] + high[moving]) / 2)
            enough = np.where(inside, _LAST_STEP, _ROUNDING) * here
            moving = moving[np.abs(s[moving] - here) > enough]
            if not moving.size:
                break
        return s

    def mismatch(self, s: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """What ψ'/ψ jumps by where both sides meet, its slope in s, and whether ψ has no node."""
        # ψ'/ψ is carried from 0 at τ = 0 through the well, and back from −s at the end, over one
        # element after the other, each way where it is stable, until both meet.  With ψ = 1 + χ at
        # the edge that is next, the quadratic form of the element is a sum without differences
        # however short it is, and an error of ψ enters squared; its slope in s² is ∫ψ².
        values, slopes, squares, slants = _element(self.mass.shape[-1])
        s2 = (s * s)[:, None, None]
        back = np.logical_or.accumulate((self.wells + s2 * self.mass).sum(axis=-1) >= 0, axis=1)
        stiffness, mass, wells = (np.where(back[..., None], of[..., ::-1], of) for of in self)
        weight = wells + s2 * mass
        inner = values.shape[1]
        matrix = stiffness @ slants + weight @ squares
        sides = np.zeros((*back.shape, inner, 2))
        sides[..., 0] = -(weight @ values)
        sides[..., 0, 1] = 1
        # χ = u − v ψ(0) (ψ'/ψ)(0), with 0 for the edge that is done.
        solved = np.linalg.solve(matrix.reshape(*back.shape, inner, inner), sides)
        u, v = (chi.copy() for chi in np.moveaxis(solved, -1, 0))
        psi, bend = [1 + u @ values.T, -(v @ values.T)], [u @ slopes.T, -(v @ slopes.T)]
        # Of both the form and its slope in s.
        terms = []
        for i, j in ((0, 0), (0, 1), (1, 1)):
            squared = psi[i] * psi[j]
            form = (bend[i] * bend[j] * stiffness + squared * weight).sum(axis=-1)
            terms.append(np.array([form, (squared * mass).sum(axis=-1) * 2 * s[:, None]]))
        flow, start = np.zeros_like(u[..., 0]), np.ones_like(u[..., 0])
        meet, last = np.sum(~back, axis=1), back.shape[1]
        total = np.zeros((2, s.size))
        for side, order in enumerate((range(max(meet)), range(last - 1, min(meet) - 1, -1))):
            edge = side * np.array([s, np.ones_like(s)])
            for k in order:
                on = (k >= meet) == side
                first = 1 + edge[0] * v[:, k, 0]
                begin = (1 + u[:, k, 0]) / first
                left = edge[0] * begin
                here = terms[0][..., k] + left * (2 * terms[1][..., k] + left * terms[2][..., k])
                edge = np.where(on, here + begin * begin * edge, edge)
                flow[on, k], start[on, k] = left[on], first[on]
            total += edge
        nodes = 1 + u - flow[..., None] * v
        whole = (start.min(axis=1) > 0) & (nodes.min(axis=(1, 2)) > 0)
        return total[0], total[1], whole
