"""The stationary state at γ = κ = 0 of [SCS], with white noise ⟨ξξ⟩ = σ²δ.

Δ(τ) = ⟨x(t)x(t+τ)⟩ of ẋ = −x + h + ξ, with h Gaussian of covariance g²C_φ(Δ; Δ₀), is a particle in
a potential.  C_F(Δ; Δ₀) is E[F(x)F(y)] for a Gaussian pair of variance Δ₀ and covariance Δ = ρΔ₀;
φ(√Δ₀ z) = Σ c_k h_k(z), h_k = He_k/√k!, and Φ' = φ.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Symbol

from ..algebra import FormalMean, gaussian_mean, require_equal, require_zero
from ..registry import check

_g, _delta0, _tau = sp.symbols("g Delta0 tau", positive=True)
_sigma = Symbol("sigma", nonnegative=True)
_q, _s = sp.symbols("q s", real=True)


def initial_slope() -> Expr:
    """Δ'(0⁺) = −σ²/2."""
    return -(_sigma**2) / 2


def energy(delta: Expr, slope: Expr, potential: Expr) -> Expr:
    """½Δ'² − ½Δ² + g²C_Φ(Δ; Δ₀), the last as `potential`."""
    return (slope**2 - delta**2) / 2 + _g**2 * potential


def energy_condition(variance: Expr) -> Expr:
    """What vanishes at Δ₀: σ⁴/8 − Δ₀²/2 + g² Var Φ."""
    return _sigma**4 / 8 - _delta0**2 / 2 + _g**2 * variance


def kinetic_energy() -> Expr:
    """½⟨f²⟩ = (g²q − Δ₀ + σ²)/2 in the symbols g, q, Delta0, sigma."""
    return (_g**2 * _q - _delta0 + _sigma**2) / 2


@check(
    "stationary.equation",
    "(∂_t+1)(∂_t'+1)Δ(|t−t'|) = g²C_φ + σ²δ(t−t') is Δ'' = Δ − g²C_φ and Δ'(0⁺) = −σ²/2",
)
def equation() -> None:
    """The left side for a function of |t − t'|, with the δ of its kink."""
    t, s = sp.symbols("t t'", real=True)
    lag, F = Symbol("u", real=True), sp.Function("F")
    two_times = sp.Function("D")(t - s)
    left = two_times + sp.diff(two_times, t) + sp.diff(two_times, s) + sp.diff(two_times, t, s)
    one_time = sp.Function("D")(lag)
    require_zero(
        left.doit().subs(t, lag + s).doit() - (one_time - sp.diff(one_time, lag, 2)), "1 − ∂²"
    )
    kinked = sp.expand(sp.diff(F(sp.Abs(lag)), lag, 2))
    kink = kinked.coeff(sp.DiracDelta(lag))
    slope = sp.diff(F(_tau), _tau)
    require_equal(kink.subs(sp.Abs(lag), _tau).doit(), 2 * slope, "strength of δ")
    smooth = (kinked - kink * sp.DiracDelta(lag)).subs(lag, _tau).doit()
    require_equal(smooth, sp.diff(F(_tau), _tau, 2), "τ > 0")
    (at_zero,) = sp.solve(sp.Eq(-2 * Symbol("slope"), _sigma**2), Symbol("slope"))
    require_equal(at_zero, initial_slope(), "Δ'(0⁺)")


@check(
    "stationary.mehler",
    "E[h_m(x)h_n(y)] = δ_mn ρⁿ for unit normals of correlation ρ, all orders: C_φ = Σ c_k²ρ^k",
)
def mehler() -> None:
    """Generating functions: E e^(ax−a²/2) e^(by−b²/2) = e^(abρ), and Σ He_n aⁿ/n! = e^(ax−a²/2)."""
    a, b, x, w = sp.symbols("a b x w", real=True)
    rho = Symbol("rho", real=True)
    # y = ρx + √(1−ρ²)w: average over w, then over x, completing squares.
    exponent = sp.expand(a * x - a**2 / 2 + b * (rho * x + sp.sqrt(1 - rho**2) * w) - b**2 / 2)
    for normal in (w, x):
        linear = exponent.coeff(normal)
        exponent = sp.expand(exponent - linear * normal + linear**2 / 2)
    require_zero(exponent - a * b * rho, "average")
    series = sp.series(sp.exp(a * x - a**2 / 2), a, 0, 7).removeO()
    for n in range(7):
        hermite = 2 ** sp.Rational(-n, 2) * sp.hermite(n, x / sp.sqrt(2))
        require_zero(series.coeff(a, n) * sp.factorial(n) - sp.expand(hermite), f"He_{n}")


@check(
    "stationary.price",
    "∂C_Φ/∂Δ = C_φ, ∂C_φ/∂Δ = C_φ' at fixed Δ₀: term by term in Mehler's series, every order",
)
def price() -> None:
    """F(√Δ₀z) = Σ a_n He_n(z): He_n' = nHe_(n−1) gives F' = Σ n a_n/√Δ₀ He_(n−1)."""
    n = Symbol("n", integer=True, positive=True)
    a, rho = sp.symbols("a_n rho", positive=True)
    term = sp.factorial(n) * a**2 * rho**n
    along = sp.diff(term, rho) / _delta0  # ρ = Δ/Δ₀
    derivative = sp.factorial(n - 1) * (n * a / sp.sqrt(_delta0)) ** 2 * rho ** (n - 1)
    require_equal(sp.gammasimp(sp.powsimp(along / derivative)), sp.S.One, "ratio of the terms")
    for k in range(1, 7):
        hermite = [
            sp.expand(2 ** sp.Rational(-j, 2) * sp.hermite(j, _s / sp.sqrt(2))) for j in (k, k - 1)
        ]
        require_zero(sp.diff(hermite[0], _s) - k * hermite[1], f"He_{k}'")
        require_equal(gaussian_mean(hermite[0] ** 2, _s), sp.factorial(k), f"norm of He_{k}")


@check(
    "stationary.energy",
    "½Δ'² − ½Δ² + g²C_Φ is conserved; Δ(∞) = 0 gives σ⁴/8 − Δ₀²/2 + g² Var Φ(√Δ₀z) = 0",
)
def conservation() -> None:
    """V is any function with V' = C_φ; at Δ = Δ₀ it is ⟨Φ²⟩, at Δ = 0 it is ⟨Φ⟩²."""
    delta = sp.Function("Delta")(_tau)
    V = sp.Function("V")
    u = Symbol("u")
    C_phi = sp.diff(V(u), u).subs(u, delta)
    total = energy(delta, sp.diff(delta, _tau), V(delta))
    rate = sp.diff(total, _tau).doit().subs(sp.diff(delta, _tau, 2), delta - _g**2 * C_phi)
    require_zero(sp.simplify(rate.doit()), "dE/dτ")
    square, mean = sp.symbols("PhiPhi Phi", real=True)
    start = energy(_delta0, initial_slope(), square)
    end = energy(sp.S.Zero, sp.S.Zero, mean**2)
    require_equal(start - end, energy_condition(square - mean**2), "condition")
    # Linear φ, Φ = x²/2, below g = 1: Δ₀ = σ²/(2√(1−g²)), the Ornstein–Uhlenbeck value.
    variance = (
        gaussian_mean((_s**2 / 2) ** 2, _s, _delta0) - gaussian_mean(_s**2 / 2, _s, _delta0) ** 2
    )
    linear = energy_condition(variance).subs(_delta0, _sigma**2 / (2 * sp.sqrt(1 - _g**2)))
    require_zero(linear, "linear φ")


@check(
    "stationary.kinetic_energy",
    "½⟨f²⟩ = (g²q − Δ₀ + σ²)/2, f = −x + h: stationarity of ⟨x²⟩ gives ⟨xf⟩ = −σ²/2",
)
def kinetic() -> None:
    """One step x' = x + f dt + σ√dt w of a stationary process, dt → 0."""
    x, h, w = sp.symbols("x h w", real=True)
    dt = Symbol("dt", positive=True)
    f = -x + h
    mean = FormalMean(x, h)
    moved = sp.expand((x + f * dt + _sigma * sp.sqrt(dt) * w) ** 2 - x**2)
    drift = sp.expand(mean(gaussian_mean(moved, w)) / dt).subs(dt, 0)
    values = {mean(x**2): _delta0, mean(h**2): _g**2 * _q}
    (overlap,) = sp.solve(drift.subs(values), mean(x * h))
    require_equal(overlap, _delta0 - _sigma**2 / 2, "⟨xh⟩")
    square = mean(f**2).subs(values).subs(mean(x * h), overlap)
    require_equal(square / 2, kinetic_energy(), "½⟨f²⟩")
    # Without noise ⟨f²⟩ = ⟨ẋ²⟩ = −Δ''(0) = g²C_φ(Δ₀) − Δ₀.
    curvature = _delta0 - _g**2 * _q
    require_equal(2 * kinetic_energy().subs(_sigma, 0), -curvature, "−Δ''(0)")
