"""The Runge–Kutta–Chebyshev scheme RKC2 (Sommeijer, Shampine & Verwer 1998).

With T_j the Chebyshev polynomials, w0 = 1 + ε/s², w1 = T_s'(w0)/T_s''(w0), for j ≥ 2
b_j = T_j''(w0)/T_j'(w0)², b_0 = b_1 = b_2, a_j = 1 − b_jT_j(w0):

    Y_0 = x, Y_1 = Y_0 + μ̃_1 hF_0, μ̃_1 = b_1w1,
    Y_j = (1 − μ_j − ν_j)Y_0 + μ_jY_j−1 + ν_jY_j−2 + μ̃_j hF_j−1 + γ̃_j hF_0, x' = Y_s,
    μ_j = 2b_jw0/b_j−1, ν_j = −b_j/b_j−2, μ̃_j = 2b_jw1/b_j−1, γ̃_j = −a_j−1μ̃_j.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Rational

from ..algebra import require_equal, require_positive, require_zero
from ..registry import check

_z, _w = sp.symbols("z w")
_eps = sp.Symbol("epsilon", positive=True)
_W0 = sp.Symbol("w0", positive=True)
STAGES = (2, 3, 4, 5, 8)


def chebyshev_value(j: int, at: Expr, order: int = 0) -> Expr:
    """The derivative of given order of T_j at a point."""
    return sp.diff(sp.chebyshevt(j, _w), _w, order).subs(_w, at)


def scale(s: int, w0: Expr) -> Expr:
    """w1 = T_s'(w0)/T_s''(w0)."""
    return chebyshev_value(s, w0, 1) / chebyshev_value(s, w0, 2)


def amplitude(j: int, w0: Expr) -> Expr:
    """b_j = T_j''(w0)/T_j'(w0)², and b_0 = b_1 = b_2."""
    j = max(j, 2)
    return chebyshev_value(j, w0, 2) / chebyshev_value(j, w0, 1) ** 2


def stability_polynomial(s: int, w0: Expr, z: Expr) -> Expr:
    """R_s(z) = a_s + b_sT_s(w0 + w1z), a_s = 1 − b_sT_s(w0)."""
    b = amplitude(s, w0)
    shifted = chebyshev_value(s, w0 + scale(s, w0) * z)
    return 1 - b * chebyshev_value(s, w0) + b * shifted


def real_interval(s: int, w0: Expr) -> Expr:
    """ℓ = (w0 + 1)/w1: for −ℓ ≤ z ≤ 0 the argument of T_s runs from −1 to w0."""
    return (w0 + 1) / scale(s, w0)


@check(
    "schemes.rkc_order",
    "RKC2: R_s = a_s + b_sT_s(w0 + w1z) has R(0) = R'(0) = R''(0) = 1 for any ε, s = 2…5, 8",
)
def rkc_order() -> None:
    """Orders 1 and 2 have one tree each, seen by the linear equation: second order for any F."""
    for s in STAGES:
        polynomial = stability_polynomial(s, 1 + _eps / s**2, _z)
        for order in range(3):
            value = sp.diff(polynomial, _z, order).subs(_z, 0)
            require_equal(sp.cancel(value), sp.S.One, f"s = {s}, derivative {order}")


@check(
    "schemes.rkc_recursion",
    "the recursion of RKC2 with a_j, b_j, μ_j, ν_j, μ̃_j, γ̃_j has Y_s = R_s(z) x, s = 2, 3, 4",
)
def rkc_recursion() -> None:
    """One step of ẋ = λx, hλ = z, in the form that is run; w0 stands for 1 + ε/s²."""
    for s in (2, 3, 4):
        step = _linear_step(s)
        require_zero(sp.cancel(step - stability_polynomial(s, _W0, _z)), f"s = {s}")


def _linear_step(s: int) -> Expr:
    b = [amplitude(j, _W0) for j in range(s + 1)]
    a = [1 - b[j] * chebyshev_value(j, _W0) for j in range(s + 1)]
    w1 = scale(s, _W0)
    stages = [sp.S.One, 1 + b[1] * w1 * _z]
    for j in range(2, s + 1):
        mu, nu = 2 * b[j] * _W0 / b[j - 1], -b[j] / b[j - 2]
        mu_tilde = 2 * b[j] * w1 / b[j - 1]
        gamma_tilde = -a[j - 1] * mu_tilde
        following = (
            (1 - mu - nu)
            + mu * stages[j - 1]
            + nu * stages[j - 2]
            + _z * (mu_tilde * stages[j - 1] + gamma_tilde)
        )
        stages.append(sp.cancel(following))
    return stages[s]


@check(
    "schemes.rkc_interval",
    "RKC2: |R| ≤ 1 on −(1+w0)/w1 ≤ z ≤ 0, (2/3)(s²−1)[1 − (2ε/15)(1 − 1/(4s²)) + …] long",
)
def rkc_interval() -> None:
    """|T_s| ≤ 1 on [−1, 1] and T_s(w0) > 1 grows on [1, w0]: a_s − b_s ≤ R ≤ 1.

    On [−1, 1] R ≤ a_s + b_s = 1 − b_s(T_s(w0) − 1) < 1, the damping, and R ≥ a_s − b_s > 0.
    """
    for s in STAGES:
        w0 = 1 + _eps / s**2
        length = sp.cancel(real_interval(s, w0))
        undamped = Rational(2, 3) * (s**2 - 1)
        slope = -undamped * Rational(2, 15) * (1 - Rational(1, 4 * s**2))
        require_equal(length.subs(_eps, 0), undamped, f"s = {s}, ε = 0")
        require_equal(sp.diff(length, _eps).subs(_eps, 0), slope, f"s = {s}, first order")
        # With all terms positive, sympy sees the signs; b_s > 0 and T_s(w0) > 1.
        excess = sp.expand(chebyshev_value(s, w0) - 1)
        require_positive(amplitude(s, w0).expand(), f"s = {s}, b_s > 0")
        require_positive(excess, f"s = {s}, damping")
        lowest = sp.numer(sp.together(1 - amplitude(s, w0) * (chebyshev_value(s, w0) + 1)))
        require_positive(sp.expand(lowest), f"s = {s}, a_s > b_s")
