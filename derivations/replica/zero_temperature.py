"""β → ∞ in the unknowns that [QH] solve at T = 0, and the static branch as their special case.

In the units of [QH] q − Q = χ/β stays of order 1/β, while ΔX and R grow like β and P like β²:
v = σ²/β, σ² = 1 + g²χ, g²ΔX/2 = βχ̂, g²P = β²Q̂, R = βr̃, κ = g²γr̃, ξ = −G, Γ = −g²γξ and
η = 2η_QH.  The law of x is exp(βS(x)) then, and sits at the maximum x* of S.  Where its energy is
zero, y = x − z − Γφ(x) vanishes at x*, and so do Q̂, χ̂, r̃ and κ.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from ..algebra import SingleSite, gaussian_mean, require_equal, require_zero
from ..registry import check

_g, _q, _beta, _variance = sp.symbols("g q beta sigma^2", positive=True)
_gamma, _xi, _chi, _r, _Q_hat, _chi_hat = sp.symbols("gamma xi chi r~ Q^ chi^", real=True)
_eta, _u, _n, _z, _x = sp.symbols("eta_QH u n z x", real=True)
_kappa, _Gamma = _g**2 * _gamma * _r, -(_g**2) * _gamma * _xi
_phi = sp.Function("phi")(_x)
# √(Q̂ − κ²/(g²q)) and g√q, of which only the squares matter.
_own, _spread = sp.symbols("sqrt(Q^-kappa^2/g^2q) gsqrt(q)", positive=True)


def _printed(x: Expr, phi: Expr) -> Expr:
    """S of [QH] at the normal numbers u and n of one site."""
    field = _own * _u + _kappa * _n / _spread
    y = x - _spread * _n - _Gamma * phi
    return -_eta * x**2 - _chi_hat * phi**2 + field * phi - y**2 / (2 * _variance)


@check("zero_temperature.dictionary", "βσ_xφ = G[1 + βg²(1+γ)(q−Q)]: [QH]'s σ_xφ with r/√β, R/√β")
def dictionary() -> None:
    """The identity σ_xφ = G(v + g²γ(q−Q)), v = 1/β + g²(q−Q), in G_QH = G/√β."""
    G, apart = sp.symbols("G q-Q", real=True)
    ours = G * (1 / _beta + _g**2 * apart + _g**2 * _gamma * apart)
    theirs = (G / sp.sqrt(_beta)) * (1 + _beta * _g**2 * (1 + _gamma) * apart) / sp.sqrt(_beta)
    require_equal(ours, theirs)


@check(
    "zero_temperature.exponent",
    "ln p(x|z,w) = βS(x) + const, S that of [QH], z = g√q n and Var w = g²P, Cov(z, w) = g²γR",
)
def exponent() -> None:
    """The law of the symmetric section in the scaled unknowns; its fields from u and n."""
    site = SingleSite()
    z, w = _spread * _n, _beta * (_own * _u + _kappa * _n / _spread)
    scaled = {
        site.v: _variance / site.beta, site.delta_x: 2 * site.beta * _chi_hat / site.g**2,
        site.eta: 2 * _eta, site.k: _Gamma, site.z: z, site.w: w,
    }  # fmt: skip
    weight = (site.log_weight.subs(site.y, site.y_of_x) + sp.log(2 * sp.pi * site.v) / 2).subs(
        scaled, simultaneous=True
    )
    weight = weight.subs({site.g: _g, site.beta: _beta})
    require_equal(weight, _beta * _printed(site.x, site.phi), "exponent")

    squares = {_own**2: _Q_hat - _kappa**2 / _spread**2}

    def mean(expression: Expr) -> Expr:
        return gaussian_mean(gaussian_mean(expression, _u), _n).expand().subs(squares)

    require_equal(mean(w**2), _beta**2 * _Q_hat, "Var w = g²P")
    require_equal(mean(z * w), _g**2 * _gamma * _beta * _r, "Cov(z, w) = g²γR")


@check(
    "zero_temperature.covariance",
    "Cov(A, B) = A'B'/(−βS'') + O(β⁻²) for the law exp(βS) at the maximum of S",
)
def covariance() -> None:
    """At x = x* + e s, e² = 1/(−βS''): the next terms of S and of A, B do not enter."""
    e, s, cubic, quartic = sp.symbols("e s S3 S4", real=True)
    a, b = sp.symbols("a1:4", real=True), sp.symbols("b1:4", real=True)

    def taylor(slopes: tuple[Expr, ...]) -> Expr:
        return sum(d * (e * s) ** n / sp.factorial(n) for n, d in enumerate(slopes, 1))

    def cut(expression: Expr) -> Expr:
        return sum(sp.expand(expression).coeff(e, n) * e**n for n in range(4))

    weight = cut(1 + e * cubic * s**3 + e**2 * (quartic * s**4 + cubic**2 * s**6 / 2))

    def mean(observable: Expr) -> Expr:
        norm = gaussian_mean(weight, s) - 1
        return cut(gaussian_mean(cut(observable * weight), s) * (1 - norm))

    A, B = taylor(a), taylor(b)
    require_equal(cut(mean(A * B) - mean(A) * mean(B)), e**2 * a[0] * b[0])


@check(
    "zero_temperature.equations",
    "q = Eφ*², χ = Eφ'²/(−S''), −ξ = E y'φ'/(−σ²S''), r̃ = E y*φ*/σ², Q̂ = g²E y*²/σ⁴, "
    "χ̂ = (g²/2)E[1/σ² − y'²/(−σ⁴S'')]; energy Q̂/(2g²)",
)
def equations() -> None:
    """The saddle-point equations at ⟨A⟩ = A* and Cov(A, B) = A'B'/(βc), c = −S''."""
    c, slope, d1, y, f, temperature = sp.symbols("-S'' y' phi' y* phi* T", real=True)
    v = _variance * temperature
    var_phi, var_y = d1**2 * temperature / c, slope**2 * temperature / c
    cov = slope * d1 * temperature / c
    require_equal(var_phi / temperature, d1**2 / c, "χ = β(q − Q)")
    require_equal(cov / v, slope * d1 / (_variance * c), "−ξ = r − R")
    require_equal(temperature * y * f / v, y * f / _variance, "r̃ = R/β")
    require_equal(temperature**2 * y**2 / v**2, y**2 / _variance**2, "P/β²")
    # X_d = 1/v − E⟨y²⟩/v² and P = E⟨y⟩²/v².
    P = y**2 / v**2
    X_d = 1 / v - (var_y + y**2) / v**2
    expected = 1 / _variance - slope**2 / (_variance**2 * c)
    require_equal(temperature * (X_d + P), expected, "ΔX/β")
    energy = temperature * (1 - temperature * X_d) / 2
    require_zero(sp.limit(energy, temperature, 0) - y**2 / (2 * _variance**2), "energy")


@check(
    "zero_temperature.static",
    "at zero energy (Q̂ = χ̂ = r̃ = κ = 0): x* = g√q n + Γφ(x*), Γ = g²γG, ξ = −G, "
    "χ = K/(1−g²K): the static branch",
)
def static() -> None:
    """S = −y²/(2σ²) has its maximum at y = 0, which reproduces the four zeros."""
    S = -((_x - _z - _Gamma * _phi) ** 2) / (2 * _variance)
    require_equal(
        _printed(_x, _phi).subs({_own: 0, _chi_hat: 0, _r: 0, _eta: 0, _spread: _z / _n}), S, "S"
    )
    slope, d1 = 1 - _Gamma * sp.diff(_phi, _x), sp.diff(_phi, _x)
    there = {_z: _x - _Gamma * _phi}  # y* = 0
    require_zero(sp.diff(S, _x).subs(there), "S' = 0")
    curvature = -sp.diff(S, _x, 2).subs(there)
    require_equal(curvature, slope**2 / _variance, "−S'' = y'²/σ²")
    # r̃ and Q̂ are proportional to y*; χ̂ needs the curvature.
    require_zero(1 / _variance - slope**2 / (_variance**2 * curvature), "χ̂ = 0")
    require_equal(slope * d1 / (_variance * curvature), d1 / slope, "−ξ = G = E φ'/y'")
    require_equal(d1**2 / curvature, _variance * (d1 / slope) ** 2, "χ = σ²K")
    K = sp.Symbol("K", positive=True)
    (chi,) = sp.solve(_chi - (1 + _g**2 * _chi) * K, _chi)
    require_equal(chi, K / (1 - _g**2 * K), "χ")
