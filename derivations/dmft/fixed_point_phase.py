"""Around x = 0, and for linear φ: ẋ = −x + h, h = η + γg²∫R x, a² = γg².

R̂(s) = ∫₀^∞ R(t)e^(−st)dt, S = 1 + s; the transform of C(t,t') in both times is Ĉ(s,s').  Series in
t are taken term by term: t^n e^(−t) ↔ n!/S^(n+1).  I_k(2at)/a^k is a series in a², and a² < 0
turns I into J.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Symbol

from ..algebra import require_equal, require_zero
from ..registry import check

_g, _t = sp.symbols("g t", positive=True)
_gamma = Symbol("gamma", real=True)
_S, _S2, _R, _R2 = sp.symbols("S S' R R'", positive=True)
_k = Symbol("k", integer=True, positive=True)
_m = Symbol("m", integer=True, nonnegative=True)


def response_equation(R: Expr, S: Expr) -> Expr:
    """(S − γg²R̂)R̂ − 1, S = 1 + s."""
    return (S - _gamma * _g**2 * R) * R - 1


def transform(S: Expr, square: Expr) -> Expr:
    """R̂ = (S − √(S²−4a²))/(2a²) with `square` for a²."""
    return (S - sp.sqrt(S**2 - 4 * square)) / (2 * square)


def series_term(k: Expr, m: Expr) -> tuple[Expr, Expr]:
    """Coefficient and power of t in the m-th term of kI_k(2at)/(a^k t), over (a²)^m."""
    return k / (sp.factorial(m) * sp.factorial(m + k)), 2 * m + k - 1


def correlation_transform(R: Expr, R2: Expr) -> Expr:
    """Ĉ = R̂R̂'/(1 − g²R̂R̂') from ⟨x(0)²⟩ = 1."""
    return R * R2 / (1 - _g**2 * R * R2)


def _count(k: Expr, m: Expr) -> Expr:
    """Coefficient of (a²)^m/S^(2m+k) in the transform of kI_k(2at)e^(−t)/(a^k t)."""
    coefficient, power = series_term(k, m)
    return coefficient * sp.factorial(power)


def _ratio(numerator: Expr, denominator: Expr) -> Expr:
    return sp.gammasimp((numerator / denominator).rewrite(sp.gamma))


@check(
    "fixed_point_phase.equation",
    "Ṙ = −R + γg²∫₀ᵗ R(t−s)R(s)ds, R(0⁺) = 1 is R̂ = 1/(1 + s − γg²R̂), the resolvent of J",
)
def equation() -> None:
    """The field derivative of the single-site equation, to order t⁵ and transformed."""
    order = 6
    coefficients = [sp.S.One, *(Symbol(f"r_{n}") for n in range(1, order + 1))]
    R = sum(c * _t**n for n, c in enumerate(coefficients))
    s = Symbol("s", positive=True)
    memory = sp.integrate(sp.expand(R.subs(_t, _t - s) * R.subs(_t, s)), (s, 0, _t))
    motion = sp.expand(sp.diff(R, _t) + R - _gamma * _g**2 * memory)
    # (S − 1)R̂ − 1 + R̂ − γg²R̂², R̂ = Σ n! r_n/s^(n+1) in u = 1/s, holds to the same order.
    u = Symbol("u", positive=True)
    hat = sum(c * sp.factorial(n) * u ** (n + 1) for n, c in enumerate(coefficients))
    transformed = sp.expand(response_equation(hat, 1 + 1 / u))
    for n in range(order):
        require_zero(
            sp.factorial(n) * motion.coeff(_t, n) - transformed.coeff(u, n + 1), f"order {n}"
        )
    require_zero(transformed.coeff(u, 0), "R(0⁺) = 1")
    root = transform(_S, _gamma * _g**2)
    require_zero(response_equation(root, _S), "closed form")


@check(
    "fixed_point_phase.powers",
    "R̂^k ↔ e^(−t) k I_k(2at)/(a^k t), every k and every term; k = 1: R = e^(−t)I₁(2at)/(at)",
)
def powers() -> None:
    """Both sides obey T(k,m) = T(k−1,m) + T(k+1,m−1), T(k,0) = 1, which fixes all T by induction.

    On one side it is R̂^(k−1) = R̂^(k−1)·(S − a²R̂)R̂, on the other an identity of factorials.
    """
    require_zero(
        sp.expand(_S * _R - _gamma * _g**2 * _R**2 - 1) - sp.expand(response_equation(_R, _S)), "R̂"
    )
    left = _count(_k + 1, _m + 1)
    smaller = _ratio(_count(_k, _m + 1), left) + _ratio(_count(_k + 2, _m), left)
    require_zero(sp.factor(smaller) - 1, "T(k,m) for k ≥ 2")
    # T(0,m) = 0 for m ≥ 1, so T(1,m) = T(2,m−1).
    require_equal(_ratio(_count(sp.S.One, _m + 1), _count(sp.Integer(2), _m)), sp.S.One, "k = 1")
    require_equal(_ratio(_count(_k, sp.S.Zero), sp.S.One), sp.S.One, "T(k,0)")
    # The series are the Bessel functions, for both signs of a².
    a = Symbol("a", positive=True)
    for k in (1, 2, 3):
        for bessel, sign in ((sp.besseli, 1), (sp.besselj, -1)):
            closed = sp.series(k * bessel(k, 2 * a * _t) / (a**k * _t), _t, 0, k + 5).removeO()
            terms = (series_term(sp.Integer(k), sp.Integer(m)) for m in range(3))
            partial = sum(c * (sign * a**2) ** m * _t**p for m, (c, p) in enumerate(terms))
            require_zero(sp.expand(closed) - partial, f"k = {k}, sign {sign}")


@check(
    "fixed_point_phase.integral",
    "∫R = R̂(0) = (1−√(1−4γg²))/(2γg²), the G of the replica theory; 1+γ = 1/g at g(1+γ) = 1",
)
def integral() -> None:
    """At s = 0, and the value on the line where the state is lost."""
    G = transform(sp.S.One, _gamma * _g**2)
    require_zero(_gamma * _g**2 * G**2 - G + 1, "quadratic")
    require_equal(sp.limit(G, _gamma, 0), sp.S.One, "γ = 0")
    ratio = Symbol("p", positive=True)  # p = (1−γ)/(1+γ), for |γ| < 1
    gamma = (1 - ratio) / (1 + ratio)
    line = {_gamma: gamma, _g: 1 / (1 + gamma)}
    require_equal(sp.sqrt(sp.factor((1 - 4 * _gamma * _g**2).subs(line))), ratio, "root")
    require_zero(sp.simplify(G.subs(line) - (1 + gamma)), "G on the line")


@check(
    "fixed_point_phase.correlation",
    "linear φ, x(0) ~ N(0,1): Ĉ = R̂R̂'/(1 − g²R̂R̂'), C = Σ_k g^(2k−2) r_k(t) r_k(t'),"
    " r_k = e^(−t) k I_k(2at)/(a^k t)",
)
def correlation() -> None:
    """(∂_t+1)C = g²∫R(t',s)C(t,s)ds + γg²∫R(t,s)C(s,t')ds (Novikov), C(0,t') = R(t')."""
    C = Symbol("C")
    # Transformed in both times: ∂_tC ↔ (S − 1)Ĉ − R̂', the convolutions are products.
    balance = _S * C - _R2 - _g**2 * _R2 * C - _gamma * _g**2 * _R * C
    (solution,) = sp.solve(balance, C)
    gamma = sp.solve(response_equation(_R, _S), _gamma)[0]
    require_zero(sp.factor(solution.subs(_gamma, gamma)) - correlation_transform(_R, _R2), "Ĉ")
    product = Symbol("P", positive=True)
    geometric = product / (1 - _g**2 * product)
    for n in range(1, 6):
        coefficient = sp.diff(geometric, product, n).subs(product, 0) / sp.factorial(n)
        require_equal(coefficient, _g ** (2 * n - 2), f"power {n}")
    # Ĉ is finite at s = s' = 0 for g²G² < 1: g(1+γ) < 1.


@check(
    "fixed_point_phase.special",
    "C = e^(−t−t')I₀(2g√(tt')) at γ = 0, e^(−t−t')I₁(2gT)/(gT) with T = t+t' at γ = 1, and"
    " J₁ with t−t' at γ = −1",
)
def special() -> None:
    """Transforms of functions of tt', of t + t', of |t − t'|."""
    # γ = 0: R̂ = 1/S and I₀(2g√(tt')) = Σ (g²tt')^n/n!² ↔ Σ g^(2n)/(SS')^(n+1).
    at_zero = correlation_transform(1 / _S, 1 / _S2)
    require_equal(at_zero, 1 / (_S * _S2 - _g**2), "γ = 0")
    argument = Symbol("u", positive=True)  # g²tt'
    bessel = sp.series(sp.besseli(0, 2 * sp.sqrt(argument)), argument, 0, 5).removeO()
    for n in range(5):
        # u^n/n!² of the product u^n = g^(2n) t^n t'^n has the transform g^(2n)/(SS')^(n+1).
        require_equal(bessel.coeff(argument, n) * sp.factorial(n) ** 2, sp.S.One, f"I₀, {n}")
    # γ = 1: ∫∫F(t+t') ↔ (F̂(S') − F̂(S))/(S − S'), and C(t,t') = R(t+t').
    of = {sign: _S_of(_R, sign) for sign in (1, -1)}
    of_other = {sign: _S_of(_R2, sign) for sign in (1, -1)}
    require_zero(correlation_transform(_R, _R2) - (_R2 - _R) / (of[1] - of_other[1]), "γ = 1")
    # γ = −1: F(|t−t'|)e^(−t−t') ↔ (F̂(S) + F̂(S'))/(S + S'), and F e^(−t) = R.
    require_zero(correlation_transform(_R, _R2) - (_R + _R2) / (of[-1] + of_other[-1]), "γ = −1")
    # Both rules for any F: the weight of F at t + t' = T, and at t − t' = T or t' − t = T.
    T, t, gap = sp.symbols("T t d", positive=True)  # d = S − S'
    weight = sp.integrate(sp.exp(-gap * t), (t, 0, T)) * sp.exp(-_S2 * T)
    claimed = (sp.exp(-_S2 * T) - sp.exp(-(_S2 + gap) * T)) / gap
    require_zero(weight - claimed, "rule of t + t'")
    for late, early in ((_S, _S2), (_S2, _S)):
        weight = sp.integrate(sp.exp(-(late + early) * t), (t, 0, sp.oo)) * sp.exp(-late * T)
        require_zero(weight - sp.exp(-late * T) / (_S + _S2), "rule of |t − t'|")


def _S_of(R: Expr, gamma: int) -> Expr:
    """S of R̂ from the response equation."""
    (S,) = sp.solve(response_equation(R, _S).subs(_gamma, gamma), _S)
    return S


@check(
    "fixed_point_phase.noise",
    "linear φ, noise: S_x = σ²|R̂|²/(1 − g²|R̂|²); γ = 0: σ²/(1 + ω² − g²), Δ₀ = σ²/(2√(1−g²))",
)
def noise() -> None:
    """x̂ = R̂(η + ξ) with S_η = g²S_x; at γ = 0 also Δ = Δ₀e^(−κ_Δ|τ|), κ_Δ² = 1 − g²."""
    omega = Symbol("omega", real=True)
    sigma, kappa, power = sp.symbols("sigma kappa P", positive=True)
    S = Symbol("S_x")
    (spectrum,) = sp.solve(sp.Eq(S, power * (_g**2 * S + sigma**2)), S)
    require_equal(spectrum, sigma**2 * power / (1 - _g**2 * power), "S_x")
    free = spectrum.subs(power, 1 / (1 + omega**2)).subs(_g, sp.sqrt(1 - kappa**2))
    require_equal(sp.simplify(free), sigma**2 / (kappa**2 + omega**2), "γ = 0")
    variance = sp.integrate(sigma**2 / (kappa**2 + omega**2), (omega, -sp.oo, sp.oo))
    require_equal(variance / (2 * sp.pi), sigma**2 / (2 * kappa), "Δ₀")
