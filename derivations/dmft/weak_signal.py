"""A weak signal s in the stationary state at γ = κ = 0: ẋ = Ax + Jψ + su, A = −1 + mJ, ψ = φ − mx.

In the eigenvectors of A, of eigenvalues −p, mode a filters what drives it: x_a = ∫e^(−p_a t)(…)dt.
The autocovariances below are c = exp(−ν|τ|), of which any other is a superposition.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Symbol

from ..algebra import gaussian_mean, require_equal, require_zero
from ..registry import check

_a, _b, _nu = sp.symbols("a b nu", positive=True)
_t, _s, _tau = sp.symbols("t s tau", positive=True)


def transform(p: Expr) -> Expr:
    """F(p) = ∫₀^∞ c(τ) e^(−pτ) dτ."""
    return 1 / (_nu + p)


def covariance(a: Expr, b: Expr) -> Expr:
    """G_ab, of two modes that the same process drives."""
    return (transform(a) + transform(b)) / (a + b)


def answer(p: Expr) -> Expr:
    """H(τ) = ∫₀^∞ e^(−pt) c(τ − t) dt for τ > 0."""
    return 2 * _nu * sp.exp(-p * _tau) / (_nu**2 - p**2) - sp.exp(-_nu * _tau) / (_nu - p)


@check("weak_signal.split", "⟨ψ(t)x(t')⟩ = 0 and ⟨ψψ⟩ = C − m²Δ, of the order Δ³ for an odd φ")
def split() -> None:
    """Of φ = c₁x + c₃x³, x(t') = (Δ/Δ₀)x(t) + an independent part."""
    x, y, own = sp.symbols("x y z", real=True)
    start, now = sp.symbols("Delta0 Delta", positive=True)
    first, third = sp.symbols("c1 c3", real=True)

    def phi(at: Expr) -> Expr:
        return first * at + third * at**3

    def mean(expression: Expr) -> Expr:
        inner = expression.subs(y, now / start * x + own)
        rest = start - now**2 / start
        return sp.expand(gaussian_mean(gaussian_mean(inner, own, rest), x, start))

    slope = mean(sp.diff(phi(x), x))
    psi = {at: phi(at) - slope * at for at in (x, y)}
    require_zero(mean(psi[x] * y), "⟨ψx⟩")
    together = mean(psi[x] * psi[y])
    require_equal(together, mean(phi(x) * phi(y)) - slope**2 * now, "⟨ψψ⟩")
    require_equal(together, 6 * third**2 * now**3, "order")


@check("weak_signal.modes", "Σ = V(Q∘G)Vᵀ: G_ab = [F(p_a) + F(p_b)]/(p_a + p_b)")
def modes() -> None:
    """∫∫ e^(−at−bs) c(t − s) dt ds, its two halves apart."""

    def half(one: Symbol, other: Symbol) -> Expr:
        later = sp.exp(-one * (_s + _tau) - other * _s - _nu * _tau)
        return sp.integrate(sp.integrate(later, (_tau, 0, sp.oo)), (_s, 0, sp.oo))

    require_equal(half(_a, _b) + half(_b, _a), covariance(_a, _b), "G")


@check("weak_signal.recall", "⟨x(t)s(t−τ)⟩ = V diag(H)V⁻¹u, and its equation k' = −pk + c")
def recall() -> None:
    """The signal after t − τ and before it; H(0) is what x(t) and s(t) share."""
    after = sp.integrate(sp.exp(-_a * _t - _nu * (_tau - _t)), (_t, 0, _tau), conds="none")
    before = sp.integrate(sp.exp(-_a * (_tau + _t) - _nu * _t), (_t, 0, sp.oo))
    H = answer(_a)
    generic = sp.exp(-_nu * _tau) * (sp.exp((_nu - _a) * _tau) - 1) / (_nu - _a)
    require_zero(after.subs({_a: 2, _nu: 3}) - generic.subs({_a: 2, _nu: 3}), "after")
    require_equal(generic + before, H, "H")
    require_equal(sp.diff(H, _tau), -_a * H + sp.exp(-_nu * _tau), "equation")
    require_equal(H.subs(_tau, 0), transform(_a), "start")


@check("weak_signal.present", "without noise m(0) = Σp/(ν + Σp) = −tr A/(ν − tr A)")
def present() -> None:
    """Of two modes, whatever they are."""
    rates, weights = (_a, _b), sp.symbols("u1:3", positive=True)
    pairs = list(zip(rates, weights, strict=True))
    sigma = sp.Matrix([[v * w * covariance(p, r) for r, w in pairs] for p, v in pairs])
    k = sp.Matrix([w * transform(p) for p, w in pairs])
    require_equal((k.T * sigma.inv() * k)[0], (_a + _b) / (_nu + _a + _b), "m(0)")
