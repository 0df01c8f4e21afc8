"""Noise in the exponential Adams–Bashforth scheme: ẋ = −x + N + ξ, ⟨ξξ⟩ = σ²δ.

x' = e^(−h)x + h(c1 N_n + c2 N_n−1) + s w, w ~ N(0, 1), s² = σ²(1−e^(−2h))/2, the noise of the
Ornstein–Uhlenbeck process without N.  Weights, order and real stability interval of the
deterministic scheme, and the limit hλ < 1 of plain Adams–Bashforth 2, are proved in
schemes.exponential_weights, exponential_order and multistep_intervals.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Rational, Symbol

from ..algebra import require_equal, require_zero
from ..dynamics.schemes import exponential_weights
from ..registry import check

_h, _sigma = sp.symbols("h sigma", positive=True)
_a = Symbol("a", real=True)


def step_noise() -> Expr:
    """s², exact without N."""
    return _sigma**2 * (1 - sp.exp(-2 * _h)) / 2


def stationary_variance(noise: Expr) -> Expr:
    """⟨x²⟩ of the recursion for N = ax and the given variance of the noise of a step."""
    p, q = _recursion()
    return noise * (1 - q) / ((1 + q) * (1 - q - p) * (1 - q + p))


def bias() -> Expr:
    """The b of ⟨x²⟩ = σ²/(2(1−a)) (1 + bh² + …)."""
    return _a * (6 * _a - 5) / 12


def _recursion() -> tuple[Expr, Expr]:
    """The p and q of x' = px + qx₋ for N = ax."""
    c1, c2 = exponential_weights(_h)
    return sp.exp(-_h) + _h * c1 * _a, _h * c2 * _a


def _series(expression: Expr, order: int) -> Expr:
    return sp.expand(sp.series(expression, _h, 0, order + 1).removeO())


def _polynomial(expression: Expr, order: int) -> Expr:
    """The series of a polynomial in h, e^(−h), c1 and c2."""
    h, decay = Symbol("h'"), sp.series(sp.exp(-_h), _h, 0, order + 3).removeO()
    # c1 and c2 are divided by at most h², whence the two orders more of e^(−h).
    terms = expression.subs(sp.exp(-_h), decay)
    polynomial = sp.Poly(sp.cancel(terms.subs(_h, h)), h)
    return sum(c * _h**k for (k,), c in polynomial.terms() if k <= order)


@check(
    "exponential.recursion",
    "x' = px + qx₋ + sw: ⟨x²⟩ = s²(1−q)/[(1+q)((1−q)²−p²)]",
)
def recursion() -> None:
    """Stationarity of ⟨x²⟩ and ⟨x x₋⟩; exact in h at a = 0."""
    p, q, s2, V, K = sp.symbols("p q s2 V K")
    ((variance, _),) = sp.linsolve(
        [V - (p**2 + q**2) * V - 2 * p * q * K - s2, K - p * V - q * K], [V, K]
    )
    own = dict(zip((p, q), _recursion(), strict=True))
    require_zero(variance.subs(own) - stationary_variance(s2), "⟨x²⟩")
    exact = stationary_variance(step_noise()).subs(_a, 0)
    require_zero(sp.simplify(exact - _sigma**2 / 2), "a = 0")


@check(
    "exponential.stationary_variance",
    "N = ax: ⟨x²⟩ = σ²/(2(1−a)) [1 + a(6a−5)h²/12 + O(h³)], no term of order h; with s² = σ²h"
    " instead there is one, 1 + h",
)
def variance() -> None:
    """V/V_exact = 1 + bh² multiplied out, for both variances of the noise of a step."""
    exact = _sigma**2 / (2 * (1 - _a))
    for name, noise, claimed, order in (
        ("exact noise", step_noise(), 1 + bias() * _h**2, 2),
        ("Euler–Maruyama noise", _sigma**2 * _h, 1 + _h, 1),
    ):
        above, below = sp.fraction(stationary_variance(noise) / exact)
        # The denominator is of order h: one order more.
        above, below = (_polynomial(part, order + 1) for part in (above, below))
        require_zero(_polynomial(above - below * claimed, order + 1), name)
        if below.coeff(_h, 0) != 0 or below.coeff(_h, 1) == 0:
            raise AssertionError(f"{name}: the denominator is not of order h")


@check(
    "exponential.network_noise",
    "N = Ax, any matrix A and noise covariance D: ⟨xxᵀ⟩ = S + O(h²), (A−1)S + S(A−1)ᵀ + D = 0",
)
def network() -> None:
    """What a step changes of S is O(h³), in non-commuting letters; K = ⟨x x₋ᵀ⟩."""
    A, AT, S = sp.symbols("A A^T S", commutative=False)
    c1, c2 = exponential_weights(_h)
    decay, now, before = (_series(w, 2) for w in (sp.exp(-_h), _h * c1, _h * c2))
    P, PT = decay + now * A, decay + now * AT
    Q, QT = before * A, before * AT
    # K = PS + QKᵀ; Q = O(h), so that Kᵀ = S + O(h) gives K to order h.
    K, KT = P * S + Q * S, S * PT + S * QT
    D = -((A - 1) * S + S * (AT - 1))
    noise = _series((1 - sp.exp(-2 * _h)) / 2, 2) * D
    change = sp.expand(P * S * PT + P * K * QT + Q * KT * PT + Q * S * QT + noise - S)
    for order in range(3):
        require_zero(change.coeff(_h, order), f"order {order}")


@check(
    "exponential.principal_root",
    "N = ax: the root that follows the flow is e^((a−1)h) − (5/12)a(a−1)²h³ + O(h⁴), second order;"
    " a first step with N constant, of error O(h²), keeps it",
)
def principal_root() -> None:
    """ρ² = pρ + q to order h³, the other root being near ah/2; c1 + c2 for the first step."""
    p, q = _recursion()
    flow = _series(sp.exp((_a - 1) * _h), 3)
    root = flow - Rational(5, 12) * _a * (_a - 1) ** 2 * _h**3
    remainder = _series(root**2 - p * root - q, 3)
    require_zero(remainder, "characteristic equation")
    require_equal(sp.limit((p - root) / _h, _h, 0), _a / 2, "the other root, p − ρ")
    c1, c2 = exponential_weights(_h)
    first = sp.exp(-_h) + _h * (c1 + c2) * _a
    require_zero(_series(first - sp.exp((_a - 1) * _h), 1), "first step, to order h")
    require_equal(
        _series(first - sp.exp((_a - 1) * _h), 2).coeff(_h, 2), _a * (1 - _a) / 2, "its error"
    )
