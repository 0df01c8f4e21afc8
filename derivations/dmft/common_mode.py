"""The mode that all neurons share, J = 1vᵀ − diag(v) + W: its feedback, for linear networks.

x = S(Jx + ζ) gives (1/S − W + diag(v))x = 1M + ζ with M = vᵀx, and M = 𝓛M + ξ with

    𝓛 = vᵀ(1/S − W + diag(v))⁻¹1,   ξ = vᵀ(1/S − W + diag(v))⁻¹ζ.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Matrix

from ..algebra import require_equal, require_zero
from ..registry import check

_S, _small = sp.symbols("S epsilon")
_N = 3
_v = Matrix(sp.symbols(f"v1:{_N + 1}"))
_W = Matrix(_N, _N, sp.symbols(f"W1:{_N**2 + 1}"))
_ones = sp.ones(_N, 1)


def feedback(coefficients: list[Expr], simple: Expr, square: Expr) -> Expr:
    """𝓛 = λ₀S − sS² + Σ c_k S^(k+1)."""
    loops = sum((c * _S ** (k + 1) for k, c in enumerate(coefficients, start=1)), sp.Integer(0))
    return simple * _S - square * _S**2 + loops


def loop(order: int) -> Expr:
    """c_k = vᵀWᵏ1."""
    return (_v.T * _W**order * _ones)[0]


@check(
    "common_mode.feedback",
    "vᵀ(1/S − W + diag(v))⁻¹1 = λ₀S − sS² + Σ c_k S^(k+1) + …: what is left has v twice and W, or "
    "v three times",
)
def expansion() -> None:
    """The Neumann series to S⁴ by words in W and diag(v), N = 3 and any entries."""
    found = sp.Integer(0)
    word = _ones
    for order in range(4):
        found += _S ** (order + 1) * (_v.T * word)[0]
        word = sp.expand((_W - sp.diag(*_v)) * word)
    square, simple = (_v.T * _v)[0], sum(_v)
    rest = sp.expand(found - feedback([loop(1), loop(2), loop(3)], simple, square))
    counted = rest.subs({one: _small * one for one in _v}, simultaneous=True)
    require_zero(sp.Poly(counted, _small).coeff_monomial(1), "no v")
    require_zero(sp.Poly(counted, _small).coeff_monomial(_small), "one v: all are in c_k")
    twice = sp.Poly(counted, _small).coeff_monomial(_small**2)
    require_zero(twice.subs(dict.fromkeys(_W, 0)), "v twice without W: s alone")


@check(
    "common_mode.solution",
    "x = S(Jx + ζ), M = vᵀx: M(1 − 𝓛) = vᵀ(1/S − W + diag(v))⁻¹ζ, N = 2 and any entries",
)
def solution() -> None:
    """Solved as it stands, and by the resolvent without the means."""
    two, zeta = 2, Matrix(sp.symbols("zeta1:3"))
    v, ones = _v[:two, :], sp.ones(two, 1)
    W = _W[:two, :two]
    J = ones * v.T - sp.diag(*v) + W
    mode = (v.T * ((sp.eye(two) / _S - J).inv() * zeta))[0]
    resolvent = (sp.eye(two) / _S - W + sp.diag(*v)).inv()
    gain, source = (v.T * resolvent * ones)[0], (v.T * resolvent * zeta)[0]
    require_equal(sp.cancel(mode * (1 - gain)), sp.cancel(source), "M(1 − 𝓛)")


@check("common_mode.coefficients", "⟨c_k⟩ = 0, ⟨c_1²⟩ = s g² exactly, ⟨c_2²⟩ = s g⁴ (1 + O(1/N))")
def coefficients() -> None:
    """Independent entries of variance g²/N: pairs of equal ones."""
    n, g = sp.symbols("N g", positive=True)
    square = sum(one**2 for one in _v)

    def mean(expression: Expr) -> Expr:
        total = sp.Integer(0)
        entries = list(_W)
        for powers, factor in sp.Poly(sp.expand(expression), *entries).terms():
            moments = {0: 1, 1: 0, 2: g**2 / n, 3: 0, 4: 3 * g**4 / n**2}
            total += factor * sp.prod([moments[p] for p in powers])
        return sp.expand(total)

    require_zero(mean(loop(1)), "⟨c_1⟩")
    require_equal(mean(loop(1) ** 2).subs(n, _N), square * g**2, "⟨c_1²⟩")
    # Σ_ijk v_i W_ij W_jk squared: i, j and k are free in one pairing, two of them in the others.
    pairs = mean(loop(2) ** 2) * n**2 / g**4
    leading = _N**2 * square
    rest = sp.expand(pairs - leading)
    bound = rest.subs(dict.fromkeys(_v, 1))
    require_equal(bound, sp.Integer(2 * _N**2), "N³ + 2N² pairs at v = 1")


@check(
    "common_mode.pair", "1 − 𝓛 = (z'² − λ₀z' + s)/z'² with z' = 1/S and no c_k: the outliers of J"
)
def pair() -> None:
    """What turns the mode unstable are the eigenvalues that the means add."""
    simple, square, z = sp.symbols("lambda0 s z")
    closed = 1 - feedback([], simple, square).subs(_S, 1 / z)
    require_equal(sp.cancel(closed * z**2), z**2 - simple * z + square, "secular equation")
