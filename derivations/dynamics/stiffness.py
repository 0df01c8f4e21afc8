"""The Hessian of E at x = 0 and the edges of its spectrum for γ = 0, N → ∞.

The eigenvalues of (J−I)ᵀ(J−I) are the ω² of the eigenvalues ±ω of [[0, X], [Xᵀ, 0]], X = J − I.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from ..algebra import require_equal, require_positive, require_zero
from ..registry import check
from .model import networks

_g = sp.Symbol("g", positive=True)
_u = sp.Symbol("u", real=True)
_w = sp.Symbol("omega", positive=True)


def top_of_spectrum(g: Expr) -> Expr:
    """Largest eigenvalue of (J−I)ᵀ(J−I) at γ = 0, N → ∞: g²(s+3)³/[8(s+1)], s = √(1+8/g²)."""
    s = sp.sqrt(1 + 8 / g**2)
    return g**2 * (s + 3) ** 3 / (8 * (s + 1))


def bottom_of_spectrum(g: Expr) -> Expr:
    """Smallest eigenvalue for g < 1: g²(s−3)³/[8(s−1)], s = √(1+8/g²); zero at g = 1."""
    s = sp.sqrt(1 + 8 / g**2)
    return g**2 * (s - 3) ** 3 / (8 * (s - 1))


def resolvent_cubic() -> Expr:
    """The polynomial (ω − u)(u² − 1) − g²u, whose root u gives the resolvent (ω − u)/g²."""
    return (_w - _u) * (_u**2 - 1) - _g**2 * _u


@check("stiffness.null_state", "Hess E = (J−I)ᵀ(J−I) + ηI at x = 0, φ'(0) = 1")
def null_state() -> None:
    """φ''(0) = 0 and f(0) = 0 leave AᵀA, any diagonal."""
    for network in networks():
        one = sp.eye(network.n)
        at_zero = network.at(network.hessian, sp.zeros(network.n, 1))
        X = network.J - one
        require_equal(at_zero, X.T * X + network.eta * one, "Hess E(0)")


@check(
    "stiffness.cubic",
    "γ = 0: 𝒢_11 = G = (ω−g²G)/[(ω−g²G)²−1], or (ω−u)(u²−1) = g²u with u = ω − g²G",
)
def cubic() -> None:
    """Self-consistent resolvent of [[0, X], [Xᵀ, 0]].

    E JΓJᵀ = g² tr Γ per neuron and E JΓJ = 0 at γ = 0 and leading order (see elliptic.self_energy),
    so that Σ_11 = g²𝒢_22, Σ_22 = g²𝒢_11 and Σ_12 = 0; by symmetry 𝒢_11 = 𝒢_22 = G.
    """
    G = sp.Symbol("G", real=True)
    inverse = sp.Matrix([[_w - _g**2 * G, 1], [1, _w - _g**2 * G]])  # X = J − 1: ω − [[0, −1], …]
    equation = sp.together(inverse.inv()[0, 0] - G)
    numerator = sp.numer(equation).subs(G, (_w - _u) / _g**2)
    ratio = sp.cancel(sp.expand(numerator) / resolvent_cubic())
    require_zero(sp.diff(ratio, _u), "a multiple of the cubic, u")
    require_zero(sp.diff(ratio, _w), "a multiple of the cubic, ω")
    if ratio == 0:
        raise AssertionError("the equation is empty")


@check(
    "stiffness.edges",
    "discriminant of the cubic: zero at ω² = g²(s±3)³/[8(s±1)], s = √(1+8/g²); − only for g < 1",
)
def edges() -> None:
    """With g² = 8/(s²−1) the edges are rational in s."""
    s = sp.Symbol("s", positive=True)
    discriminant = sp.discriminant(sp.expand(resolvent_cubic()), _u)
    rational = sp.numer(sp.together(discriminant.subs(_g**2, 8 / (s**2 - 1))))
    gain = sp.sqrt(8 / (s**2 - 1))
    for name, edge in (("top", top_of_spectrum(gain)), ("bottom", bottom_of_spectrum(gain))):
        require_zero(rational.subs(_w, sp.sqrt(sp.simplify(edge))), name)
    require_zero(bottom_of_spectrum(sp.S.One), "the gap closes at g = 1")
    require_equal(sp.limit(top_of_spectrum(_g) / _g**2, _g, sp.oo), sp.Integer(4), "large g")
    require_equal(sp.limit(top_of_spectrum(_g), _g, 0), sp.S.One, "no couplings")


@check(
    "stiffness.outermost",
    "the top is the minimum of ω(u) = u + g²u/(u²−1) on u > 1, u²−1 = g²(1+s)/2, s = √(1+8/g²)",
)
def outermost() -> None:
    """From ω = ∞ inwards u falls from ∞, real, until dω/du = 0: there the density begins."""
    branch = _u + _g**2 * _u / (_u**2 - 1)
    require_zero(sp.numer(sp.together(resolvent_cubic().subs(_w, branch))), "root of the cubic")
    # U = u² − 1 > 0 at the zero of dω/du; d²ω/du² = 2g²u(u²+3)/(u²−1)³ > 0 makes it the minimum.
    U = _g**2 * (1 + sp.sqrt(1 + 8 / _g**2)) / 2
    slope = sp.diff(branch, _u)
    require_zero(sp.simplify(slope.subs(_u, sp.sqrt(1 + U))), "stationary")
    bend = sp.diff(branch, _u, 2)
    require_equal(bend, 2 * _g**2 * _u * (_u**2 + 3) / (_u**2 - 1) ** 3, "second derivative")
    require_positive(bend.subs(_u, sp.sqrt(1 + sp.Symbol("U", positive=True))), "convex")
    at_edge = (branch**2).subs(_u, sp.sqrt(1 + U))
    require_zero(sp.simplify(at_edge - top_of_spectrum(_g)), "ω²")
