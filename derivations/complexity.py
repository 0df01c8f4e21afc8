"""Fixed points of weight |det A|^(s−1), A = ∂f/∂x = −1 + JD, D = diag φ'(x), J elliptic.

    Σ_s = lim (1/N) ln E Σ_zeros |det A|^(s−1);   s = 1 counts them, s = 0 is exp(−βE) at β = ∞.

In this order: ln |det(w − JD)| from the resolvent, and the spectrum of A at z = w − 1; Σ_s by the
formula of Kac and Rice, where it is stationary, and its limit s = 0; how the zeros leave x = 0.
With a = w − γg²rφ' and den = |a|² + yφ'²

    L = ½⟨ln den⟩ + ½γg² Re r² − y/(2g²),
    Σ_s = ln∫dx exp{−x²/(2g²q) + γρxφ/q − q̂φ² + (s/2) ln den}
          − ½ ln(2πg²q) − ½γ(1+γ)g²ρ² + q̂q + s[½γg²r² − y/(2g²)].

An identity between integrands, or between formal moments, holds for every law of x.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, reduce
from typing import Any

import sympy as sp
from sympy import QQ, Expr, I, Rational, Symbol, ring
from sympy.polys.ring_series import rs_exp, rs_log, rs_mul, rs_series_inversion, rs_trunc

from .algebra import (
    FormalMean,
    double_factorial_moment,
    gaussian_mean,
    require_equal,
    require_positive,
    require_zero,
)
from .registry import check

_g, _q = sp.symbols("g q", positive=True)
_gamma, _s, _rho, _hat, _r, _y = sp.symbols("gamma s rho qhat r y", real=True)
_x, _phi, _slope, _bend = sp.symbols("x phi phi' phi''", real=True)
_log_den, _inverse = sp.symbols("ln(den) 1/den", real=True)
_w, _wbar, _rbar = sp.symbols("w wbar rbar")
_c, _d, _epsilon = sp.symbols("c d epsilon", positive=True)
_X, _nu = sp.symbols("X nu", real=True)
TANH = {_c: Rational(1, 3), _d: Rational(2, 15)}


# The determinant.


def shifted(w: Expr, r: Expr) -> Expr:
    """The shifted point a = w − γg²rφ'."""
    return w - _gamma * _g**2 * r * _slope


def denominator(w: Expr, wbar: Expr, r: Expr, rbar: Expr, y: Expr) -> Expr:
    """The denominator den = aā + yφ'²."""
    return shifted(w, r) * shifted(wbar, rbar) + y * _slope**2


def _den() -> Expr:
    """`denominator` at z = 0, where all is real."""
    return denominator(sp.S.One, sp.S.One, _r, _r, _y)


def log_determinant(log_den: Expr, r: Expr, rbar: Expr, y: Expr) -> Expr:
    """The integrand of L."""
    return log_den / 2 + _gamma * _g**2 * (r**2 + rbar**2) / 4 - y / (2 * _g**2)


def resolvent_parts(c: Expr) -> tuple[Expr, Expr]:
    """Re a/X and Im a/ν at w = X + i(1−γ)ν within the spectrum, c = g²⟨φ'/den⟩."""
    tilt = _gamma * _slope * c
    return 1 - tilt / (1 + _gamma), 1 - _gamma + tilt


def boundary_phase(c: Expr, nu: Expr) -> Expr:
    """Im[ln a + ½γg²r²] at w = 1 + i(1−γ)ν on the boundary: its integrand."""
    real, imaginary = resolvent_parts(c)
    return sp.atan(nu * imaginary / real) - _gamma * c**2 * nu / (_g**2 * (1 + _gamma))


@check(
    "complexity.resolvent",
    "(w − JD)⁻¹ has the diagonal ā/den, r = ⟨φ'ā/den⟩, and g²⟨φ'²/den⟩ = 1 or y = 0",
)
def resolvent() -> None:
    """Dyson's equation of [[JD, 0], [0, DJᵀ]] at ε = 0, one site at a time.

    By elliptic.self_energy J(DG₁₁)JD → γg²⟨φ'G₁₁⟩φ', J(DG₁₂D)Jᵀ → g²⟨φ'²G₁₂⟩,
    DJᵀ(G₂₁)JD → g²φ'²⟨G₂₁⟩ and DJᵀ(G₂₂D)Jᵀ → γg²φ'⟨φ'G₂₂⟩.
    """
    upper, lower = sp.symbols("upper lower")  # ⟨φ'²G₁₂⟩ and ⟨G₂₁⟩: −i times what is positive
    self_energy = _g**2 * sp.Matrix(
        [[_gamma * _r * _slope, upper], [_slope**2 * lower, _gamma * _rbar * _slope]]
    )
    green = (sp.diag(_w, _wbar) - self_energy).inv()
    y = -(_g**4) * upper * lower
    den = denominator(_w, _wbar, _r, _rbar, y)
    require_equal(green[0, 0], shifted(_wbar, _rbar) / den, "G₁₁")
    require_equal(green[1, 1], shifted(_w, _r) / den, "G₂₂")
    room = 1 - _g**2 * _slope**2 / den  # of mean 0, or both of them vanish
    require_equal(upper - _slope**2 * green[0, 1], upper * room, "⟨φ'²G₁₂⟩")
    require_equal(lower - green[1, 0], lower * room, "⟨G₂₁⟩")


@check(
    "complexity.log_determinant",
    "L is stationary in r, r̄, y at the equations of the resolvent, 2∂L/∂w = ⟨ā/den⟩, L → ln|w|",
)
def determinant() -> None:
    """So dL/dw is half the trace of (w − JD)⁻¹ per neuron, and L = ln |det(w − JD)|/N."""
    den = denominator(_w, _wbar, _r, _rbar, _y)
    L = log_determinant(sp.log(den), _r, _rbar, _y)
    a, bar = shifted(_w, _r), shifted(_wbar, _rbar)
    for order, conjugate, value in ((_r, _r, bar), (_rbar, _rbar, a)):
        expected = _gamma * _g**2 / 2 * (conjugate - _slope * value / den)
        require_equal(sp.diff(L, order), expected, f"∂L/∂{order}")
    require_equal(sp.diff(L, _y), (_slope**2 / den - 1 / _g**2) / 2, "∂L/∂y")
    require_equal(2 * sp.diff(L, _w), bar / den, "resolvent")
    # At z = 0, where all is real.
    den = _den()
    L = log_determinant(sp.log(den), _r, _r, _y)
    a = shifted(sp.S.One, _r)
    require_equal(sp.diff(L, _r), _gamma * _g**2 * (_r - _slope * a / den), "∂L/∂r, real")
    require_equal(sp.diff(L, _y), (_slope**2 / den - 1 / _g**2) / 2, "∂L/∂y, real")
    # Far out r ≈ ⟨φ'⟩/w.
    size = Symbol("size", positive=True)
    response = _slope / size
    den = denominator(size, size, response, response, sp.S.Zero)
    L = log_determinant(sp.log(den), response, response, sp.S.Zero)
    require_zero(sp.limit(L - sp.log(size), size, sp.oo), "L at infinity")


@check(
    "complexity.inside",
    "y > 0: r = p Re w/(1+γ) − ip Im w/(1−γ), p = ⟨φ'/den⟩; edge: ⟨φ'(cφ'−1)/den⟩ = 0, c = g²p",
)
def inside() -> None:
    """By g²⟨φ'²/den⟩ = 1 the equation of r is r + γr̄ = p w̄."""
    p, u, v, x, height = sp.symbols("p u v x height", real=True)
    mean = FormalMean(_slope, _inverse)
    equations = {mean(_slope * _inverse): p, mean(_slope**2 * _inverse): 1 / _g**2}
    r, w = u + I * v, x + I * height
    bar = shifted(x - I * height, u - I * v)
    error = sp.expand(mean(_slope * bar * _inverse).subs(equations) - r)
    ((u0, v0),) = sp.linsolve([sp.re(error), sp.im(error)], [u, v])
    require_equal(u0, p * x / (1 + _gamma), "Re r")
    require_equal(v0, -p * height / (1 - _gamma), "Im r")
    c = _g**2 * p
    a = shifted(w, u0 + I * v0).subs({x: _X, height: (1 - _gamma) * _nu})
    real, imaginary = resolvent_parts(c)
    require_equal(sp.re(sp.expand(a)), _X * real, "Re a")
    require_equal(sp.im(sp.expand(a)), _nu * imaginary, "Im a")
    edge = mean(_slope * (c * _slope - 1) * _inverse).subs(equations)
    require_zero(edge, "without the size of den, which X and ν share at y = 0")


@check(
    "complexity.outside",
    "y = 0: L = Re F, F = ⟨ln a⟩ + ½γg²r², ∂F/∂r = 0, dF/dw = ⟨1/a⟩ = ⟨ā/den⟩",
)
def outside() -> None:
    """F is analytic: r depends on w alone."""
    r = sp.Function("r")(_w)
    F = sp.log(shifted(_w, r)) + _gamma * _g**2 * r**2 / 2
    equation = r - _slope / shifted(_w, r)
    expected = 1 / shifted(_w, r) + _gamma * _g**2 * equation * sp.diff(r, _w)
    require_equal(sp.diff(F, _w), expected, "dF/dw")
    den = denominator(_w, _wbar, _r, _rbar, sp.S.Zero)
    a, bar = shifted(_w, _r), shifted(_wbar, _rbar)
    require_equal(bar / den, 1 / a, "m")
    require_equal(_slope * bar / den, _slope / a, "r")
    halves = sum(
        (sp.log(one) + _gamma * _g**2 * r**2 / 2) / 2 for one, r in ((a, _r), (bar, _rbar))
    )
    same = log_determinant(sp.log(a) + sp.log(bar), _r, _rbar, sp.S.Zero)
    require_equal(halves, same, "L = (F + F̄)/2")


@check(
    "complexity.density",
    "(1/π)∂m/∂w̄ is real, (1/2π)[∂⟨X Re/den⟩/∂X + (1−γ)⁻¹∂⟨ν Im/den⟩/∂ν]; 1/(πg²(1−γ²)) for φ' = 1",
)
def density() -> None:
    """As m = 2∂L/∂w, it is the Laplacian of L over 2π: eigenvalues are charges."""
    x, height = sp.symbols("x height", real=True)
    L = sp.Function("L")(x, height)
    m = sp.diff(L, x) - I * sp.diff(L, height)
    twice = sp.diff(m, x) + I * sp.diff(m, height)  # 2∂m/∂w̄
    require_equal(twice, sp.diff(L, x, 2) + sp.diff(L, height, 2), "Laplacian")
    # With c and Y at hand, X·Re and ν·Im of `resolvent_parts` are the parts of ā; dIm w = (1−γ)dν.
    real, imaginary = (part.subs(_slope, 1) for part in resolvent_parts(sp.S.One))
    along, across = _X * real / _g**2, _nu * imaginary / _g**2
    uniform = (sp.diff(along, _X) + sp.diff(across, _nu) / (1 - _gamma)) / (2 * sp.pi)
    require_equal(uniform, 1 / (sp.pi * _g**2 * (1 - _gamma**2)), "elliptic law")


@check(
    "complexity.index",
    "share of Re z > 0 = ½ − (1/π)∫₀^∞ Re m(1+iv)dv = (1/π)[phase on the boundary − ∫ Re m inside]",
)
def unstable_share() -> None:
    """One eigenvalue at a time; then d Im F/dv = Re m outside, and Im F → π/2."""
    v, omega = sp.symbols("v omega", real=True)
    growth = Symbol("growth", positive=True)
    for real_part in (growth, -growth):
        primitive = -sp.atan((v - omega) / real_part)
        term = sp.re(1 / (I * v - real_part - I * omega))
        require_equal(sp.diff(primitive, v), term, "Re 1/(z − λ) on Re z = 0")
        both = sp.limit(primitive, v, sp.oo) - sp.limit(primitive, v, -sp.oo)
        share = Rational(1, 2) - both / (2 * sp.pi)
        require_equal(share, sp.Heaviside(real_part), "one eigenvalue")
    # Along w = 1 + iv the derivative of Im F(w) is Re F', by complexity.outside Re m.
    a1, a2 = sp.symbols("a1 a2", real=True)  # F' = a1 + i a2
    require_equal(sp.im(sp.expand((a1 + I * a2) * I)), a1, "d Im F/dv")
    require_equal(sp.limit(sp.atan(v), v, sp.oo), sp.pi / 2, "Im F at infinity, where r = 0")
    # ½ − (1/π)[∫ inside + π/2 − phase] is (phase − ∫ inside)/π.
    within, phase = sp.symbols("within phase", real=True)
    total = Rational(1, 2) - (within + sp.pi / 2 - phase) / sp.pi
    require_equal(total, (phase - within) / sp.pi, "sum")
    # At w = 1 + i(1−γ)ν, where dv = (1−γ)dν and Re m = ⟨Re a/den⟩.
    c = Symbol("c", real=True)
    r = c / _g**2 * (1 / (1 + _gamma) - I * _nu)
    a = sp.expand(shifted(1 + I * (1 - _gamma) * _nu, r))
    reaction = _gamma * _g**2 / 2 * sp.im(sp.expand(r**2))
    (angle,) = boundary_phase(c, _nu).atoms(sp.atan)
    require_equal(angle.args[0], sp.im(a) / sp.re(a), "arg a")
    require_equal(boundary_phase(c, _nu) - angle, reaction, "½γg² Im r²")
    require_equal(sp.re(a), resolvent_parts(c)[0], "Re a")


@check(
    "complexity.elliptic",
    "φ' = 1: y = g² − X²/(1+γ)² − ν² ≥ 0, r, L₀ = ln g − ½ + 1/(2g²(1+γ)) or γg²G²/2 − ln G, index",
)
def elliptic() -> None:
    """At x = 0, with right end g(1+γ) and index (θ − sin θ cos θ)/π, cos θ = 1/(g(1+γ))."""
    one = {_slope: 1}
    r = _X / (1 + _gamma) - I * _nu  # p = 1/g², as den = g²
    w = _X + I * (1 - _gamma) * _nu
    pair = shifted(w, r / _g**2), shifted(sp.conjugate(w), sp.conjugate(r) / _g**2)
    (y,) = sp.solve(sp.expand(pair[0] * pair[1] + _y).subs(one) - _g**2, _y)
    require_equal(y, _g**2 - _X**2 / (1 + _gamma) ** 2 - _nu**2, "y")
    require_zero(y.subs({_nu: 0, _X: _g * (1 + _gamma)}), "right end")
    response = 1 / (_g**2 * (1 + _gamma))
    at = {_r: response, _y: y.subs({_X: 1, _nu: 0})} | one
    den = _den().subs(at)
    require_equal(den, _g**2, "den")
    require_equal(_slope * shifted(1, _r).subs(at) / den, response * _slope, "r")
    L = log_determinant(sp.log(_g**2), _r, _r, _y).subs(at)
    require_zero(sp.expand_log(L - null_log_determinant()), "L₀ inside")
    G = Symbol("G", positive=True)
    null = {_gamma: (G - 1) / (_g * G) ** 2}
    den = denominator(1, 1, G, G, sp.S.Zero).subs(one)
    L = log_determinant(sp.log(den), G, G, sp.S.Zero)
    expected = _gamma * _g**2 * G**2 / 2 - sp.log(G)
    require_zero(sp.expand_log(sp.simplify((L - expected).subs(null))), "L₀ outside")
    # cos θ = 1/(g(1+γ)): X = 1 meets the boundary at ν = tan θ/(1+γ).
    theta, plus = sp.symbols("theta p", positive=True)
    place = {_gamma: plus - 1, _g: 1 / (plus * sp.cos(theta))}
    nu = sp.tan(theta) / plus
    require_zero(sp.simplify(y.subs(_X, 1).subs(_nu, nu).subs(place)), "boundary")
    real, _ = resolvent_parts(sp.S.One)
    inner = ((1 - _gamma) * nu * real / _g**2).subs(one).subs(place)
    phase = boundary_phase(sp.S.One, nu).subs(one).subs(place)
    angle = phase.atoms(sp.atan).pop()
    require_zero(sp.simplify(angle.args[0] - sp.tan(theta)), "arg a = θ")
    index = theta + phase - angle - inner
    require_zero(sp.simplify(index - theta + sp.sin(theta) * sp.cos(theta)), "index")
    # The ellipse is a disc when scaled: beyond u = cos θ its share grows by 2√(1−u²)du/π.
    strip = sp.diff(theta - sp.sin(theta) * sp.cos(theta), theta)
    require_zero(sp.simplify(strip - 2 * sp.sin(theta) ** 2), "uniform")


@check(
    "complexity.disc",
    "γ = 0: share within b of −1 is ⟨b²/(b²+yφ'²)⟩, R² = g²⟨φ'²⟩, πR²·density(R) = ⟨φ'²⟩²/⟨φ'⁴⟩",
)
def disc() -> None:
    """Gauss: the flux of m through the circle, on which w m is constant."""
    size2 = Symbol("b^2", positive=True)
    y = sp.Function("y")(size2)
    den = denominator(_w, size2 / _w, _r, _rbar, y).subs(_gamma, 0)
    flux = _w * shifted(size2 / _w, _rbar).subs(_gamma, 0) / den
    require_equal(flux, size2 / (size2 + y * _slope**2), "w m")
    edge = {y: 0, sp.diff(y, size2): Symbol("y'")}
    mean = FormalMean(_slope)
    (R2,) = sp.solve(mean(_g**2 * _slope**2 / size2) - 1, size2)
    require_equal(R2, _g**2 * mean(_slope**2), "R²")
    (rate,) = sp.solve(mean(sp.diff(_slope**2 / den, size2).subs(edge) * size2**2), Symbol("y'"))
    require_equal(rate, -mean(_slope**2) / mean(_slope**4), "dy/db²")
    crowd = mean(size2 * sp.diff(flux, size2).subs(edge)).subs(Symbol("y'"), rate)
    require_equal(crowd, mean(_slope**2) ** 2 / mean(_slope**4), "density at R")


# The number of zeros.


def log_weight(log_den: Expr) -> Expr:
    """Logarithm of p(x) at a zero, without its norm."""
    gaussian = -(_x**2) / (2 * _g**2 * _q) + _gamma * _rho * _x * _phi / _q
    return gaussian - _hat * _phi**2 + _s / 2 * log_den


def explicit() -> Expr:
    """Σ_s without the logarithm of the norm."""
    quadratic = -_gamma * (1 + _gamma) * _g**2 * _rho**2 / 2 + _hat * _q
    reaction = log_determinant(sp.S.Zero, _r, _r, _y)
    return -sp.log(2 * sp.pi * _g**2 * _q) / 2 + quadratic + _s * reaction


_mean = FormalMean(_x, _phi, _slope, _log_den, _inverse)


def score(order: Symbol) -> Expr:
    """Slope of the exponent, in x, φ, φ', ln den and 1/den."""
    return sp.diff(log_weight(_log_den), order) + _s / 2 * sp.diff(_den(), order) * _inverse


def _entropy_slope(order: Symbol) -> Expr:
    """∂Σ_s/∂order: that of ln∫ is an average."""
    return sp.diff(explicit(), order) + _mean(score(order))


@check(
    "complexity.kac_rice",
    "E ff' at x gives −x²/(2g²q) + ½γ(1+γ)g²ρ², ρ = ⟨xφ⟩/((1+γ)g²q); f = 0 leaves J elliptic",
)
def kac_rice() -> None:
    """The field h = Jφ at x has the covariance g²(q + γφφᵀ/N); N = 3.

    Given h, J is free on the space orthogonal to φ, so that A changes by a matrix of finite rank.
    """
    n = 3
    phi, x = sp.Matrix(sp.symbols(f"phi:{n}")), sp.Matrix(sp.symbols(f"x:{n}"))
    q = phi.dot(phi) / n
    delta = sp.KroneckerDelta

    def pair(i: int, j: int, k: int, m: int) -> Expr:
        return _g**2 / n * (delta(i, k) * delta(j, m) + _gamma * delta(i, m) * delta(j, k))

    def force(i: int, k: int) -> Expr:
        return sum(phi[j] * phi[m] * pair(i, j, k, m) for j in range(n) for m in range(n))

    covariance = sp.Matrix(n, n, force)
    require_equal(covariance, _g**2 * (q * sp.eye(n) + _gamma * phi * phi.T / n), "covariance")
    inverse = (sp.eye(n) - _gamma * phi * phi.T / (n * q * (1 + _gamma))) / (_g**2 * q)
    require_equal(covariance * inverse, sp.eye(n), "inverse")
    require_equal(covariance.det(), (_g**2 * q) ** n * (1 + _gamma), "determinant")
    rho = x.dot(phi) / n / ((1 + _gamma) * _g**2 * q)
    exponent = -x.dot(x) / (2 * _g**2 * q) + n * _gamma * (1 + _gamma) * _g**2 * rho**2 / 2
    require_equal(-(x.T * inverse * x)[0] / 2, exponent, "exponent")
    # Made linear in xφ: γρxφ/q − ½γ(1+γ)g²ρ² is that at its stationary ρ.
    cross, level = sp.symbols("cross level", real=True)
    linear = _gamma * level * cross / _q - _gamma * (1 + _gamma) * _g**2 * level**2 / 2
    (best,) = sp.solve(sp.diff(linear / _gamma, level), level)
    require_equal(best, cross / ((1 + _gamma) * _g**2 * _q), "ρ")
    top = _gamma * (1 + _gamma) * _g**2 * best**2 / 2
    require_equal(linear.subs(level, best), top, "stationary value")
    # In axes whose first is φ: h is the first column, and knows nothing of the block below.
    known = [pair(i, 0, k, m) for i in range(n) for k in range(1, n) for m in range(1, n)]
    require_zero(sp.Matrix(known), "block")


@check(
    "complexity.stationary",
    "Σ_s is stationary in q, ρ, q̂, r, y where q̂, ρ, q, r, y obey their equations; dΣ_s/ds = L",
)
def stationary() -> None:
    """Each slope is its equation times a factor, plus, for q, that of ρ."""
    a = shifted(sp.S.One, _r)
    expected = {
        _hat: _q - _mean(_phi**2),
        _rho: _gamma / _q * (_mean(_x * _phi) - (1 + _gamma) * _g**2 * _q * _rho),
        _r: _s * _gamma * _g**2 * (_r - _mean(_slope * a * _inverse)),
        _y: _s / 2 * (_mean(_slope**2 * _inverse) - 1 / _g**2),
        _s: _mean(log_determinant(_log_den, _r, _r, _y)),
    }
    for order, value in expected.items():
        require_equal(_entropy_slope(order), value, f"∂Σ/∂{order}")
    hat = 1 / (2 * _q) - _mean(_x**2) / (2 * _g**2 * _q**2)
    hat += _gamma * (1 + _gamma) * _g**2 * _rho**2 / _q
    require_equal(_entropy_slope(_q), _hat - hat - _rho / _q * expected[_rho], "∂Σ/∂q")
    # Along s only s itself differentiates: S_s = Σ_s + (1−s)L is the Legendre transform.
    sigma, s = sp.Function("Sigma"), Symbol("s")
    L = sp.diff(sigma(s), s)
    require_equal(sp.diff(sigma(s) + (1 - s) * L, s), (1 - s) * sp.diff(L, s), "dS_s/ds")


@check(
    "complexity.scaled",
    "2vq̂⟨φ_s d⟩ = γg²ρ⟨ξd⟩ − s⟨ξ(φ''/√v)(yφ'−k(1−kφ'))/den⟩ is the equation of q̂ and ⟨(ξp)'⟩ = 0",
)
def scaled() -> None:
    """With x = √v ξ, v = g²q, φ_s = φ/√v, d = (φ_s − ξφ')/v, k = γg²r.

    No term is large as v → 0.
    """
    xi, value, v = sp.symbols("xi phi_s v", positive=True)
    mean = FormalMean(xi, value, _slope, _bend, _inverse)
    change = {_x: sp.sqrt(v) * xi, _phi: sp.sqrt(v) * value, _q: v / _g**2}
    W = sp.expand(log_weight(_log_den).subs(change))
    kappa, stretch, k = _gamma * _g**2 * _rho, v * _hat, _gamma * _g**2 * _r
    plain = -(xi**2) / 2 + kappa * xi * value - stretch * value**2 + _s / 2 * _log_den
    require_equal(W, plain, "log-weight")
    push = _y * _slope - k * (1 - k * _slope)
    require_equal(sp.diff(_den(), _slope), 2 * push, "d den/dφ'")
    # dφ_s/dξ = φ' and dφ'/dξ = √v φ''.
    rate = sp.diff(W, xi) + sp.diff(W, value) * _slope
    rate += _s / 2 * sp.diff(_den(), _slope) * sp.sqrt(v) * _bend * _inverse
    by_parts = mean(1 + xi * rate)
    activity = _g**2 * mean(value**2) - 1
    cross = mean(xi * value) - (1 + _gamma) * _rho
    third = 2 * stretch / _g**2 - (1 - mean(xi**2) + 2 * (1 + _gamma) * kappa * _rho)
    d = (value - xi * _slope) / v
    claimed = 2 * stretch * mean(value * d) - kappa * mean(xi * d)
    claimed += _s * mean(xi * _bend / sp.sqrt(v) * push * _inverse)
    combined = by_parts + third + 2 * stretch / _g**2 * activity - 2 * kappa * cross
    require_zero(v * claimed - combined, "combination of the four")
    # `third` is the equation of q̂, times 2q.
    hat = 1 / (2 * _q) - Symbol("x2") / (2 * _g**2 * _q**2)
    hat += _gamma * (1 + _gamma) * _g**2 * _rho**2 / _q
    asked = (2 * _q * (_hat - hat)).subs(Symbol("x2"), v * mean(xi**2)).subs(_q, v / _g**2)
    require_equal(third, asked, "equation of q̂")


@check(
    "complexity.measure",
    "s = 0: the paramagnetic replica equations at T = 0, ρ = r, q̂ = ½g²X + g²γ²r²/(2q), Σ_0 = ψ",
)
def measure() -> None:
    """Law, order parameters and free entropy; y and the r of the determinant drop out."""
    v, response, X = _g**2 * _q, Symbol("r_replica", real=True), Symbol("X", real=True)
    field = _x - _g**2 * _gamma * response * _phi
    law = -(field**2) / (2 * v) - _g**2 / 2 * X * _phi**2
    hat = _g**2 * X / 2 + _g**2 * _gamma**2 * response**2 / (2 * _q)
    same = {_s: 0, _rho: response, _hat: hat}
    require_equal(log_weight(_log_den).subs(same), law, "law")
    psi = _g**2 / 2 * (X * _q - _gamma * response**2) - sp.log(2 * sp.pi * v) / 2
    require_equal(explicit().subs(same), psi, "ψ")
    # The slopes of Σ_0 are the replica equations r = ⟨yφ⟩/v and X = 1/v − ⟨y²⟩/v².
    r_error = response - _mean(field * _phi) / v
    X_error = X - 1 / v + _mean(field**2) / v**2
    q_error = _q - _mean(_phi**2)
    by_rho = _entropy_slope(_rho).subs(same)
    require_equal(by_rho, -_gamma * _g**2 * (r_error + _gamma * response * q_error / _q), "ρ")
    by_q = _g**2 / 2 * X_error + (_gamma * _g * response / _q) ** 2 / 2 * q_error
    require_equal(_entropy_slope(_q).subs(same), by_q, "q")


@check("complexity.independent", "γ = 0, s = 0: q̂ = 0, p(x) is N(0, g²q) and Σ_0 = 0")
def independent() -> None:
    """The mean weight of all zeros is one: E Σ 1/|det A| is the norm of the density of f."""
    at = {_gamma: 0, _s: 0, _hat: 0}
    weight = log_weight(_log_den).subs(at)
    norm = sp.integrate(sp.exp(weight), (_x, -sp.oo, sp.oo))
    require_zero(sp.expand_log(sp.log(norm) + explicit().subs(at), force=True), "Σ_0")
    square = sp.integrate(_x**2 * sp.exp(weight), (_x, -sp.oo, sp.oo)) / norm
    equation = _entropy_slope(_q).subs(at).subs(_mean(_x**2), square)
    require_zero(equation, "equation of q̂")


# How the zeros leave x = 0: φ = x − cx³ + dx⁵ − ex⁷ + fx⁹.

_FIELD = QQ.frac_field(_gamma)
_FIRST, _SECOND = sp.symbols("rho1 qhat1 r1 y1"), sp.symbols("rho2 qhat2 r2 y2")
_t, _square = sp.symbols("t eta^2", positive=True)
_COEFFICIENTS = (_c, _d, *sp.symbols("e f"))
_SYMBOLS = (_epsilon, _square, _t, _s, *_COEFFICIENTS, *_FIRST, *_SECOND)
_RING, *_GENERATORS = ring(_SYMBOLS, _FIELD)
_ELEMENT = dict(zip(_SYMBOLS, _GENERATORS, strict=True))
_SMALL, _SQUARE = _ELEMENT[_epsilon], _ELEMENT[_square]
_HALF = Rational(1, 2)

Product = Callable[..., Any]


def null_slope(bend: Expr) -> Expr:
    """∂Σ_s/∂q at q = 0, where `bend` is ½∂ ln den/∂φ' at φ' = 1."""
    return 3 * _c * (1 - 1 / (_g**2 * (1 + _gamma)) - _s * bend)


def null_log_determinant() -> Expr:
    """L₀ = L at x = 0, where 0 is within the spectrum."""
    return sp.log(_g) - _HALF + 1 / (2 * _g**2 * (1 + _gamma))


def onset_profile() -> Expr:
    """Σ₁/ε³ at g = (1+ε)/(1+γ), q = εt → 0, stationary in all else."""
    part = 3 * _c * _t
    return Rational(4, 3) * (1 + _gamma) ** 2 * part**2 * (1 - part)


def onset_activity() -> Expr:
    """Activity q at weight 1 to order ε²."""
    second = (32 * _gamma**2 - 24 * _gamma + 61) * _c**2 - 40 * _d
    return 2 * _epsilon / (9 * _c) - second * _epsilon**2 / (243 * _c**3)


def onset_complexity() -> Expr:
    """Σ₁ to order ε⁴."""
    second = 16 * _gamma**2 + 96 * _gamma + 17 + 40 * _d / _c**2
    series = Rational(16, 81) * _epsilon**3 - Rational(8, 729) * second * _epsilon**4
    return sp.expand((1 + _gamma) ** 2 * series)


def onset_edge() -> Expr:
    """Right end of the spectrum of A at a zero, weight 1, to order ε."""
    return _epsilon / 3


def onset_index() -> Expr:
    """The share of unstable directions to order ε^(3/2)."""
    return 4 * sp.sqrt(2) / (3 * sp.pi) * onset_edge() ** Rational(3, 2)


def tricritical_weight() -> Expr:
    """s_t: from there on x = 0 is left at a jump, γ > 0."""
    return (3 + _gamma) / (3 * (1 + _gamma))


def family_slope() -> Expr:
    """dq/dδ at δ = 1 − 1/(g²(1+γ)) → 0⁺, s < s_t."""
    return (1 - _s) / (6 * _c * (1 + _gamma) * (tricritical_weight() - _s))


def jump_distance() -> Expr:
    """ε at the jump from x = 0, weight s → 1, γ > 0."""
    return sp.sqrt(3 * _gamma * (1 - _s)) / (1 + _gamma)


def _element(value: Expr) -> Any:
    """A function of γ, and a polynomial in the other symbols, in the ring."""
    return _RING.from_expr(sp.expand(value))


def _wick(series: Any) -> Any:
    """The average over the standard normal whose square is a generator."""
    total, place = _RING.zero, _SYMBOLS.index(_square)
    for powers, coefficient in series.terms():
        rest = (*powers[:place], 0, *powers[place + 1 :])
        moment = int(double_factorial_moment(2 * powers[place]))
        total += _RING.from_dict({rest: coefficient * moment})
    return total


def reduced_weight(
    times: Product, square: Any, ratio: Any, log_den: Any, gamma: Any, inverse_g2: Any, rho: Any,
    level: Any, s: Any,
) -> Any:  # fmt: skip
    """Logarithm of p over N(0, q), `square` = x²/q, `ratio` = φ/x, `level` = q̂q."""
    gaussian = times(square, 1 - inverse_g2) * _HALF + times(gamma, rho, square, ratio)
    return gaussian - times(level, square, ratio, ratio) + times(s, log_den) * _HALF


def reduced_explicit(
    times: Product, log_g2: Any, gamma: Any, g2: Any, inverse_g2: Any, rho: Any, level: Any,
    r: Any, y: Any, s: Any,
) -> Any:  # fmt: skip
    """What Σ_s is beside ln⟨exp of `reduced_weight`⟩ over N(0, q)."""
    reaction = times(gamma, g2, r, r) - times(y, inverse_g2)
    quadratic = times(gamma, 1 + gamma, g2, rho, rho)
    return level + (times(s, reaction) - quadratic - log_g2) * _HALF


def _entropy(
    base: Expr, growth: Any, q: Any, s: Any, unknowns: tuple[Any, ...], count: int
) -> tuple[Expr, ...]:
    """The first `count` orders of Σ_s + (1−s) ln g₀ in the small parameter.

    1/g₀² is `base`, g² = g₀²·`growth`, and the unknowns are ρ, q̂q, r, y.  To order 0 x is N(0, q)
    and φ' = 1, hence den = g₀².
    """

    def times(*factors: Any) -> Any:
        return reduce(lambda one, two: rs_mul(one, two, _SMALL, count), factors)

    rho, level, r, y = unknowns
    gamma, start, inverse_start = (_element(value) for value in (_gamma, base, 1 / base))
    g2 = times(inverse_start, growth)
    inverse_g2 = times(start, rs_series_inversion(growth, _SMALL, count))
    ratio = slope = power = _RING.one
    for k, coefficient in enumerate(_COEFFICIENTS, 1):
        power = times(power, -q, _SQUARE)
        ratio += _ELEMENT[coefficient] * power
        slope += (2 * k + 1) * _ELEMENT[coefficient] * power
    a = 1 - times(gamma, g2, r, slope)
    log_den = rs_log(times(start, times(a, a) + times(y, slope, slope)), _SMALL, count)
    exponent = reduced_weight(times, _SQUARE, ratio, log_den, gamma, inverse_g2, rho, level, s)
    norm = _wick(rs_exp(rs_trunc(exponent, _SMALL, count), _SMALL, count))
    log_g2 = rs_log(growth, _SMALL, count)
    sigma = rs_log(norm, _SMALL, count)
    sigma += reduced_explicit(times, log_g2, gamma, g2, inverse_g2, rho, level, r, y, s)
    orders = sp.Poly(sigma.as_expr(), _epsilon)
    return tuple(orders.coeff_monomial(_epsilon**k) for k in range(count))


@cache
def _at_onset(first: tuple[Expr, ...], s: Expr, count: int) -> tuple[Expr, ...]:
    """The orders of Σ_s at g = (1+ε)/(1+γ), q = εt; s − 1 is of order ε² at most."""
    start = (1 + _gamma, _gamma**2 / 2, 1 + _gamma, sp.S.Zero)
    unknowns = tuple(
        _element(zeroth + _epsilon * one + _epsilon**2 * two)
        for zeroth, one, two in zip(start, first, _SECOND, strict=True)
    )
    q, growth = _SMALL * _ELEMENT[_t], (1 + _SMALL) ** 2
    return _entropy((1 + _gamma) ** 2, growth, q, _element(s), unknowns, count)


@cache
def _at_measure_onset(count: int) -> tuple[Expr, ...]:
    """The orders of Σ_s in δ = 1 − 1/(g²(1+γ)), at q = δt."""
    start = (sp.S.One, _gamma / 2, sp.S.One, _gamma / (1 + _gamma) ** 2)
    unknowns = tuple(
        _element(zeroth + _epsilon * one) for zeroth, one in zip(start, _FIRST, strict=True)
    )
    q, growth = _SMALL * _ELEMENT[_t], rs_series_inversion(1 - _SMALL, _SMALL, count)
    return _entropy(1 + _gamma, growth, q, _ELEMENT[_s], unknowns, count)


@cache
def _stationary(value: Expr, unknowns: tuple[Symbol, ...]) -> dict[Symbol, Expr]:
    """Where a quadratic function is stationary."""
    (found,) = sp.linsolve([sp.diff(value, one) for one in unknowns], unknowns)
    return dict(zip(unknowns, map(sp.factor, found), strict=True))


def _first() -> tuple[Expr, Expr, Expr, Expr]:
    """ρ, q̂q, r, y of order ε at the onset, weight 1."""
    part = 3 * _c * _t
    response = (1 + _gamma) * (part - 2)
    return response, (1 - _gamma**2) * (1 - part), response, 2 * (1 - part) / (1 + _gamma) ** 2


@check(
    "complexity.null",
    "∂Σ_s/∂q at q = 0: 3c(1−s)δ, δ = 1 − 1/(g²(1+γ)), inside; 3c[δ + s(G−1)] outside, < 0 at s = 1",
)
def null() -> None:
    """First order in q at given order parameters: all other slopes vanish."""
    eta, phi1 = sp.symbols("eta phi1", real=True)
    half_bend = Symbol("bend", real=True)
    # x = √q η: the term of order q of the log-weight, and what makes η a N(0, 1).
    rho = 1 / ((1 + _gamma) * _g**2)
    level = (1 - 1 / _g**2) / 2 + _gamma * rho
    W = log_weight(sp.S.Zero).subs({_hat: level / _q, _rho: rho, _x: sp.sqrt(_q) * eta})
    W = sp.expand(W.subs(_phi, sp.sqrt(_q) * (eta + _q * phi1)))
    require_equal(W.coeff(_q, 0), -(eta**2) / 2, "law")
    first = W.coeff(_q, 1).subs(phi1, -_c * eta**3) + _s * half_bend * (-3 * _c * eta**2)
    require_equal(gaussian_mean(first, eta), null_slope(half_bend), "slope")
    bend = sp.diff(_den(), _slope) / (2 * _den())
    inside = {_r: rho, _y: _g**2 - 1 / (1 + _gamma) ** 2, _slope: 1}
    room = 1 - 1 / (_g**2 * (1 + _gamma))
    require_equal(null_slope(bend.subs(inside)), 3 * _c * (1 - _s) * room, "inside")
    G = Symbol("G", positive=True)
    slope = null_slope(bend.subs({_r: G, _y: 0, _slope: 1}))
    null_response = {_gamma: (G - 1) / (_g * G) ** 2}
    expected = 3 * _c * (room + _s * (G - 1))
    require_zero((slope - expected).subs(null_response), "outside")
    # g(1+γ) < 1 is gG < 1 (regimes.one_margin), and (1+γ)g² = g² + (G−1)/G².
    small = Symbol("small", positive=True)  # 1 − g²G²
    ratio = expected.subs(_s, 1) * (1 + _gamma) * _g**2 / (3 * _c)
    left = sp.factor(ratio.subs(null_response).subs(_g, sp.sqrt(1 - small) / G))
    require_positive(-left, "decreasing at s = 1")


@check(
    "complexity.reduced",
    "x = √q η: over N(0, 1) ½η²(1 − 1/g²) + γρη²φ/x − q̂q(ηφ/x)² + (s/2) ln den, with no q beside φ",
)
def reduced() -> None:
    """The forms that are expanded, against `log_weight` and `explicit`."""

    def times(*factors: Expr) -> Expr:
        return sp.Mul(*factors)

    eta, ratio, level = sp.symbols("eta ratio level", positive=True)
    change = {_x: sp.sqrt(_q) * eta, _phi: sp.sqrt(_q) * eta * ratio, _hat: level / _q}
    common = {"gamma": _gamma, "inverse_g2": 1 / _g**2, "rho": _rho, "level": level, "s": _s}
    weight = reduced_weight(times, eta**2, ratio, _log_den, **common) - eta**2 / 2
    require_equal(log_weight(_log_den).subs(change), weight, "log-weight")
    rest = reduced_explicit(times, sp.log(_g**2), g2=_g**2, r=_r, y=_y, **common)
    rest -= sp.log(2 * sp.pi * _q) / 2  # dx = √(2πq) dη/√(2π)
    require_zero(sp.expand_log(explicit().subs(change) - rest), "explicit part")


@check(
    "complexity.onset",
    "s = 1, g = (1+ε)/(1+γ), q = εt, τ = 3ct: Σ₁ = (4/3)(1+γ)²τ²(1−τ)ε³ + O(ε⁴), orders 0–2 vanish",
)
def onset() -> None:
    """ρ, q̂q, r, y = (1+γ)(τ−2), (1−γ²)(1−τ), (1+γ)(τ−2), 2(1−τ)/(1+γ)² at order ε; τ = 2/3."""
    *lower, second = _at_onset(_FIRST, sp.S.One, 3)
    require_zero(sp.Matrix(lower), "orders 0 and 1")
    along = _stationary(second, _FIRST)
    require_equal(sp.Matrix(list(along.values())), sp.Matrix(_first()), "first order")
    require_zero(second.subs(along), "order 2")
    # Unknowns of order ε² do not enter, nor do d, e and f.
    require_equal(_at_onset(_first(), sp.S.One, 4)[3], onset_profile(), "order 3")
    best = 2 / (9 * _c)
    require_zero(sp.diff(onset_profile(), _t).subs(_t, best), "stationary")
    require_equal(onset_profile().subs(_t, best), onset_complexity().coeff(_epsilon, 3), "Σ₁")
    require_equal(best, onset_activity().coeff(_epsilon, 1), "q")
    # Σ₁(q) = 0 again at 3cq = ε: there the static branch has its Q (onset.amplitude, c → 2c).
    require_zero(onset_profile().subs(_t, 1 / (3 * _c)), "end")


@check(
    "complexity.onset_second",
    "tanh: q = 2ε/3 − (32γ²−24γ+13)ε²/81, Σ₁ = (1+γ)²[16ε³/81 − 8(16γ²+96γ+65)ε⁴/729]",
)
def onset_second() -> None:
    """The unknowns of order ε² are where the order ε⁴ of Σ₁ is stationary; e and f do not enter."""
    orders = _at_onset(_first(), sp.S.One, 5)
    require_equal(orders[3], onset_profile(), "order 3")
    fourth = sp.factor(orders[4].subs(_stationary(orders[4], _SECOND)))
    best = 2 / (9 * _c)
    shift = -sp.diff(fourth, _t) / sp.diff(onset_profile(), _t, 2)
    require_equal(shift.subs(_t, best), onset_activity().coeff(_epsilon, 2), "q, order 2")
    require_equal(fourth.subs(_t, best), onset_complexity().coeff(_epsilon, 4), "Σ₁, order 4")
    q = Rational(2, 3) * _epsilon - (32 * _gamma**2 - 24 * _gamma + 13) * _epsilon**2 / 81
    require_equal(onset_activity().subs(TANH), q, "q of tanh")
    cubic = Rational(8, 729) * (16 * _gamma**2 + 96 * _gamma + 65)
    sigma = (1 + _gamma) ** 2 * (Rational(16, 81) * _epsilon**3 - cubic * _epsilon**4)
    require_equal(onset_complexity().subs(TANH), sigma, "Σ₁ of tanh")
    require_equal(
        sp.series(sp.tanh(_x), _x, 0, 6).removeO(), _x - TANH[_c] * _x**3 + TANH[_d] * _x**5
    )


@check(
    "complexity.onset_spectrum",
    "s = 1, every γ and φ: edge of A ≈ ε/3, index ≈ (4√2/(9√3π))ε^(3/2)",
)
def onset_spectrum() -> None:
    """Near w = 1, on its scales hε and i(1−γ)n√ε, with φ' = 1 + εψ and ⟨ψ⟩ = −3ct."""
    root = Symbol("root", positive=True)  # √ε
    n, c1, y1, far = sp.symbols("n c1 y1 far")
    psi, mean_psi = sp.symbols("psi mean_psi", real=True)
    g = (1 + root**2) / (1 + _gamma)
    bent = {_slope: 1 + root**2 * psi, _g: g}

    def terms(value: Expr, order: int) -> Expr:
        """To an order in √ε; ψ enters by its mean."""
        series = sp.series(value.subs(bent), root, 0, order + 1).removeO()
        polynomial = sp.Poly(sp.expand(series), psi)
        if polynomial.degree() > 1:
            raise AssertionError("ψ² enters")
        return sp.factor(polynomial.as_expr().subs(psi, mean_psi))

    def solved(X: Expr, nu: Expr, y: Expr, unknown: Symbol) -> Expr:
        real, imaginary = resolvent_parts(1 + root**2 * c1)
        den = (X * real) ** 2 + (nu * imaginary) ** 2 + y * _slope**2
        one = terms(g**2 * _slope / den, 2) - 1 - root**2 * c1
        two = terms(g**2 * _slope**2 / den, 2) - 1
        ((c_value, value),) = sp.linsolve(
            [sp.cancel(one / root**2), sp.cancel(two / root**2)], [c1, unknown]
        )
        require_equal(c_value, -mean_psi, "c")
        return sp.factor(value)

    onset = {mean_psi: -3 * _c * onset_activity().coeff(_epsilon, 1)}
    edge = solved(1 + root**2 * far, sp.S.Zero, sp.S.Zero, far)
    require_equal(edge.subs(onset) * _epsilon, onset_edge(), "edge")
    y = solved(sp.S.One, n * root, root**2 * y1, y1)
    top = sp.sqrt(2 * (1 + mean_psi)) / (1 + _gamma)
    require_zero(y.subs(n, top), "boundary")
    real, imaginary = resolvent_parts(1 - root**2 * mean_psi)
    den = real**2 + (n * root * imaginary) ** 2 + root**2 * y * _slope**2
    inner = terms((1 - _gamma) * root * real / den, 3)
    within = sp.integrate(sp.expand(inner), (n, 0, top))
    phase = terms(boundary_phase(1 - root**2 * mean_psi, n * root), 3).subs(n, top)
    index = sp.expand(sp.simplify((phase - within).subs(onset)) / sp.pi)
    require_equal(index, onset_index().subs(_epsilon, root**2), "index")


@check(
    "complexity.family",
    "γ ≥ 0, s < s_t = (3+γ)/(3(1+γ)), any φ: q ≈ (1−s)δ/(6c(1+γ)(s_t−s)); s > s_t: Σ_s(q) bends up",
)
def family() -> None:
    """Order δ² of Σ_s at q = δt, δ = 1 − 1/(g²(1+γ)) for ε; d does not enter."""
    orders = _at_measure_onset(3)
    gain = 1 / sp.sqrt((1 + _gamma) * (1 - _epsilon))
    null = sp.expand_log(null_log_determinant().subs(_g, gain) + sp.log(1 + _gamma) / 2, force=True)
    null = (_s - 1) * sp.series(null, _epsilon, 0, 3).removeO()
    null = [sp.expand(null).coeff(_epsilon, k) for k in range(3)]
    require_equal(sp.Matrix(orders[:2]), sp.Matrix(null[:2]), "orders 0 and 1")
    second = orders[2].subs(_stationary(orders[2], _FIRST))
    apart = tricritical_weight() - _s
    rise = 3 * _c * (1 - _s) * _t - 9 * _c**2 * (1 + _gamma) * apart * _t**2
    require_equal(second, rise + null[2], "order 2")
    (best,) = sp.solve(sp.diff(rise, _t), _t)
    require_equal(best, family_slope(), "q/δ")
    tanh = (1 - _s) / (2 * (1 + _gamma) * apart)
    require_equal(family_slope().subs(TANH), tanh, "tanh")
    # At s = 0 with c → c/2 it is the slope of measure.onset.
    require_equal(family_slope().subs(_s, 0), 1 / (2 * _c * (3 + _gamma)), "s = 0")


@check(
    "complexity.jump",
    "γ > 0, s → 1: Σ_s(q) reaches (s−1)L₀ at 3cq = ε/2 and ε = √(3γ(1−s))/(1+γ)",
)
def jump() -> None:
    """1 − s = λε²: Σ_s − (s−1)L₀ = [(4/3)(1+γ)²τ²(1−τ) − λγτ]ε³, which touches 0."""
    lam = _s  # which has no other use here
    orders = _at_onset(_first(), 1 - lam * _epsilon**2, 4)
    gain = (1 + _epsilon) / (1 + _gamma)
    null = null_log_determinant().subs(_g, gain) + sp.log(1 + _gamma)
    null = sp.series(sp.expand_log(null, force=True), _epsilon, 0, 2).removeO()
    require_equal(orders[2], -lam * null.coeff(_epsilon, 0), "order 2")
    above = orders[3] + lam * null.coeff(_epsilon, 1)
    require_equal(above, onset_profile() - lam * _gamma * 3 * _c * _t, "order 3")
    per_q = sp.cancel(above / _t)
    (top,) = sp.solve(sp.diff(per_q, _t), _t)
    require_equal(3 * _c * top, _HALF, "q")
    (level,) = sp.solve(per_q.subs(_t, top), lam)
    require_equal(level * jump_distance() ** 2, 1 - _s, "1 − s = λε²")
