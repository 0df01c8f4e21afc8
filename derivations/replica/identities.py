"""Consequences of the saddle-point equations, by parts and from the definition of y.

Moments are formal: each identity holds for every law that satisfies the relations named in it.
The scaled variables of the paramagnetic law are x = √v ξ, φ_s = φ(√v ξ)/√v, ψ = ξ − kφ_s,
A = X v, and d = (φ_s − ξφ')/v, which stays finite as v → 0.
"""

from __future__ import annotations

import sympy as sp

from ..algebra import FormalMean, SingleSite, require_equal, require_positive, require_zero
from ..registry import check

_g, _T, _v, _beta = sp.symbols("g T v beta", positive=True)
_gamma, _k, _A = sp.symbols("gamma k A", real=True)
_eta = sp.Symbol("eta", nonnegative=True)


@check(
    "identities.response",
    "E⟨φ⟩_z = E[⟨yφ⟩−⟨y⟩⟨φ⟩]/v = r − R = G and E⟨φ⟩_w = E[⟨φ²⟩−⟨φ⟩²] = q − Q",
)
def response() -> None:
    """G is the response of φ to a field added to z, that is to the drift."""
    site = SingleSite()
    phi, y = site.phi, site.y
    covariance = site.mean(y * phi) - site.mean(y) * site.mean(phi)
    require_equal(site.mean_slope(phi, site.z), covariance / site.v, "∂⟨φ⟩/∂z")
    variance = site.mean(phi**2) - site.mean(phi) ** 2
    require_equal(site.mean_slope(phi, site.w), variance, "∂⟨φ⟩/∂w")
    r, R = sp.symbols("r R", real=True)
    saddle = {site.mean(y * phi): r * site.v, site.mean(y) * site.mean(phi): R * site.v}
    require_equal(sp.expand(covariance / site.v).subs(saddle), r - R, "under E")


@check(
    "identities.fluctuation_response",
    "G (v + g²γ(q−Q)) = E[⟨xφ⟩ − ⟨x⟩⟨φ⟩] = σ_xφ for every η; T = 0, χ = ∞: g²(1+γ)(q−Q)G",
)
def fluctuation_response() -> None:
    """From y = x − z − kφ at fixed z: Cov(y, φ) = Cov(x, φ) − k Var φ."""
    site = SingleSite()
    G, dq, sigma = sp.symbols("G Delta_q sigma", real=True)

    def covariance(one: sp.Expr, two: sp.Expr) -> sp.Expr:
        return site.mean(one * two) - site.mean(one) * site.mean(two)

    via_y = covariance(site.y_of_x, site.phi)
    split = covariance(site.x, site.phi) - site.k * covariance(site.phi, site.phi)
    require_equal(via_y, split, "covariance")
    # Under E the covariances are vG by the equations for r and R, σ_xφ and q − Q; k = g²γG.
    averaged = sp.Eq(_v * G, sigma - _g**2 * _gamma * G * dq)
    (solution,) = sp.solve(averaged, sigma)
    require_equal(solution, G * (_v + _g**2 * _gamma * dq), "identity")
    at_zero = solution.subs(_v, _g**2 * dq)
    require_equal(at_zero, _g**2 * (1 + _gamma) * dq * G, "T = 0 with finite q − Q")


def _paramagnetic_weight(xi: sp.Symbol, phi_s: sp.Expr) -> sp.Expr:
    """Log-weight of ξ: −ψ²/2 − (g²/2)A φ_s² − (βηv/2) ξ²."""
    psi = xi - _k * phi_s
    return -(psi**2) / 2 - _g**2 / 2 * _A * phi_s**2 - _beta * _eta * _v / 2 * xi**2


@check(
    "identities.stretch",
    "A = 1 − ⟨ψ²⟩ and T/v + g²⟨φ_s²⟩ = 1 give A(T/v² + g²⟨φ_s d⟩) = k⟨ψd⟩ + βη⟨ξ²⟩",
)
def stretch() -> None:
    """By parts: ⟨1 + ξ W'(ξ)⟩ = 0 for the law e^W, here for any φ(x)."""
    xi = sp.Symbol("xi", real=True)
    phi = sp.Function("phi_s")(xi)
    stein = 1 + xi * sp.diff(_paramagnetic_weight(xi, phi), xi)
    # As polynomials in ξ, φ_s and φ' (the derivative of φ_s(ξ) is φ'(x)).
    value, slope = sp.symbols("phi_s phi'", real=True)
    mean = FormalMean(xi, value, slope)
    stein = stein.subs(sp.diff(phi, xi), slope).subs(phi, value)
    psi, d = xi - _k * value, (value - xi * slope) / _v
    by_parts = mean(stein)
    first = _T / _v + _g**2 * mean(value**2) - 1
    third = _A - 1 + mean(psi**2)
    claimed = _A * (_T / _v**2 + _g**2 * mean(value * d))
    claimed -= _k * mean(psi * d) + _beta * _eta * mean(xi**2)
    # The claimed identity is this combination of the three relations.
    require_zero(_v * claimed - (by_parts + _A * first + third))


@check(
    "identities.scaled_equations",
    "q = ⟨φ²⟩, r = ⟨yφ⟩/v, X = 1/v − ⟨y²⟩/v² are g²⟨φ_s²⟩ = 1 − T/v, r = ⟨ψφ_s⟩, A = 1 − ⟨ψ²⟩",
)
def scaled_equations() -> None:
    """The change of variables x = √v ξ, of the equations and of the exponent."""
    xi, value = sp.symbols("xi phi_s", real=True)
    mean = FormalMean(xi, value)
    s = sp.sqrt(_v)
    x, phi, q, X = s * xi, s * value, (_v - _T) / _g**2, _A / _v
    y = x - _k * phi
    exponent = -(y**2) / (2 * _v) - _g**2 / 2 * X * phi**2 - _beta * _eta / 2 * x**2
    require_equal(exponent, _paramagnetic_weight(xi, value), "exponent")
    psi = xi - _k * value
    first = 1 - _T / _v - _g**2 * mean(value**2)
    require_equal(_g**2 / _v * (q - mean(phi**2)), first, "q")
    require_equal(mean(y * phi) / _v, mean(psi * value), "r")
    require_equal(_v * (X - 1 / _v + mean(y**2) / _v**2), _A - 1 + mean(psi**2), "X")


@check(
    "identities.independent_couplings",
    "γ = 0, η = 0: X_d = P = R = 0 for any Q, and βe = ½ exactly",
)
def independent_couplings() -> None:
    """With k = 0, ΔX = 0 and w = 0 the conditional law of x is N(z, v), for every φ."""
    y = sp.Symbol("y", real=True)
    density = sp.exp(-(y**2) / (2 * _v)) / sp.sqrt(2 * sp.pi * _v)
    site = SingleSite()
    free = {site.k: 0, site.delta_x: 0, site.w: 0, site.eta: 0}
    weight = site.log_weight.subs(free).subs(site.v, _v)
    require_equal(weight.subs(site.y, y), sp.expand_log(sp.log(density), force=True), "law")
    moments = [sp.integrate(y**n * density, (y, -sp.oo, sp.oo)) for n in range(3)]
    require_zero(moments[0] - 1, "normalised: E ln Z = 0")
    require_zero(moments[1], "⟨y⟩ = 0, hence R = E⟨y⟩⟨φ⟩/v = 0 and P = E⟨y⟩²/v² = 0")
    X_d = 1 / _v - moments[2] / _v**2
    require_zero(X_d, "X_d")
    require_equal(_beta * (1 - X_d / _beta) / (2 * _beta), sp.Rational(1, 2), "βe")


@check(
    "identities.independent_unique",
    "γ = η = 0, Q = 0: A(T/v² + g²⟨φ_s d⟩) = 0 and tanh has φ_s d > 0: only X = 0 solves it",
)
def independent_couplings_unique() -> None:
    """The bracket is positive because x(φ − xφ') > 0 for a φ concave on x > 0 and odd."""
    x = sp.Symbol("x", positive=True)
    phi = sp.Function("phi")(x)
    lag = phi - x * sp.diff(phi, x)
    require_equal(sp.diff(lag, x), -x * sp.diff(phi, x, 2), "growth of φ − xφ'")
    require_zero(lag.subs(phi, sp.tanh(x)).doit().subs(x, 0), "φ − xφ' at 0")
    # φ'' = −2 tanh sech² < 0 for x > 0, so φ − xφ' grows from 0 and φ_s d > 0.
    t = sp.tanh(x)
    curvature = sp.diff(t, x, 2)
    require_equal(curvature, -2 * t * (1 - t**2), "φ'' of tanh")
    bend, drive, spread = sp.symbols("bend drive spread", positive=True)
    equation = _A * (_T / _v**2 + _g**2 * bend) - _k * drive - _beta * _eta * spread
    homogeneous = sp.factor(equation.subs({_k: 0, _eta: 0}))
    require_positive(sp.cancel(homogeneous / _A), "factor of A")
