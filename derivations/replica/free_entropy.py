"""The free entropy and its derivatives: the saddle-point equations term by term.

ψ = (g²/2)[X_d q + P Q − γ(r² − R²)] + E ln Z(z, w; v, k, ΔX), with (z, w) Gaussian of covariance
Σ = g² [[Q, γR], [γR, P]], v = 1/β + g²(q−Q), k = g²γ(r−R), ΔX = X_d + P.  Derivatives through Σ
follow from Price's theorem, ∂E F/∂Σ_zz = ½ E ∂²F/∂z² and ∂E F/∂Σ_zw = E ∂²F/∂z∂w; those of ln Z
from differentiating its log-weight, with formal moments ⟨φ^a y^b⟩ of the conditional law.  Each
equation holds under E because it holds for the integrands at every (z, w).
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Symbol

from ..algebra import SingleSite, require_equal, require_zero
from ..registry import check

_site = SingleSite()
_g, _beta, _eta = _site.g, _site.beta, _site.eta
_gamma = Symbol("gamma", real=True)
_q, _Q, _r, _R, _Xd, _P = _ORDER = sp.symbols("q Q r R X_d P", real=True)
_V = 1 / _beta + _g**2 * (_q - _Q)
_PARAMETERS = {
    _site.v: _V,
    _site.k: _g**2 * _gamma * (_r - _R),
    _site.delta_x: _Xd + _P,
}
_COVARIANCE = {
    (_site.z, _site.z): _g**2 * _Q,
    (_site.z, _site.w): _g**2 * _gamma * _R,
    (_site.w, _site.w): _g**2 * _P,
}
_LAGRANGE = _g**2 / 2 * (_Xd * _q + _P * _Q - _gamma * (_r**2 - _R**2))


def _mean(expression: Expr) -> Expr:
    return _site.mean(expression)


def _slope(order: Symbol) -> Expr:
    """Integrand, under E over the fields, of ∂ψ/∂order."""
    total = sp.diff(_LAGRANGE, order)
    for parameter, value in _PARAMETERS.items():
        total += _site.log_norm_slope(parameter) * sp.diff(value, order)
    for (one, two), value in _COVARIANCE.items():
        price = sp.Rational(1, 2) if one == two else sp.Integer(1)
        total += price * _site.log_norm_curvature(one, two) * sp.diff(value, order)
    return total


def _require_slope(order: Symbol, expected: Expr) -> None:
    require_equal(_slope(order), expected, f"∂ψ/∂{order}")


_phi, _y, _v = _site.phi, _site.y, _site.v


@check(
    "free_entropy.price",
    "∂E F/∂Σ_zz = ½E F_zz, ∂E F/∂Σ_zw = E F_zw: ∂ρ/∂Σ of the Gaussian density, then by parts",
)
def price() -> None:
    """∂ρ/∂Σ_zz = ½ ∂²ρ/∂z² and ∂ρ/∂Σ_zw = ∂²ρ/∂z∂w for the density ρ of two Gaussian fields."""
    z, w, c = sp.symbols("z w Sigma_zw", real=True)
    a, b = sp.symbols("Sigma_zz Sigma_ww", positive=True)
    determinant = a * b - c**2
    log_density = -(b * z**2 - 2 * c * z * w + a * w**2) / (2 * determinant)
    log_density -= sp.log(determinant) / 2
    # Divided by ρ: ∂²ρ/ρ = ∂∂ln ρ + ∂ln ρ ∂ln ρ.
    for entry, one, two, factor in ((a, z, z, 2), (b, w, w, 2), (c, z, w, 1)):
        curvature = sp.diff(log_density, one, two)
        curvature += sp.diff(log_density, one) * sp.diff(log_density, two)
        require_zero(factor * sp.diff(log_density, entry) - curvature, f"∂ρ/∂{entry}")
    # By parts, twice, both derivatives move to F (ρ decays): F ρ_zw − ρ F_zw is a divergence.
    F, rho = sp.Function("F")(z, w), sp.Function("rho")(z, w)
    flux_w, flux_z = F * sp.diff(rho, z), -rho * sp.diff(F, w)
    divergence = sp.diff(flux_w, w) + sp.diff(flux_z, z)
    require_zero(F * sp.diff(rho, z, w) - rho * sp.diff(F, z, w) - divergence, "by parts")


@check("free_entropy.X_d", "∂ψ/∂X_d = (g²/2)(q − E⟨φ²⟩)")
def slope_x_d() -> None:
    """Stationarity gives q = E⟨φ²⟩."""
    _require_slope(_Xd, _g**2 / 2 * (_q - _mean(_phi**2)))


@check("free_entropy.P", "∂ψ/∂P = (g²/2)(Q − E⟨φ⟩²)")
def slope_p() -> None:
    """Stationarity gives Q = E⟨φ⟩²."""
    _require_slope(_P, _g**2 / 2 * (_Q - _mean(_phi) ** 2))


@check("free_entropy.r", "∂ψ/∂r = g²γ(E⟨yφ⟩/v − r)")
def slope_r() -> None:
    """Stationarity gives r = E⟨yφ⟩/v."""
    _require_slope(_r, _g**2 * _gamma * (_mean(_y * _phi) / _v - _r))


@check("free_entropy.R", "∂ψ/∂R = g²γ(R − E⟨y⟩⟨φ⟩/v)")
def slope_r_overlap() -> None:
    """Stationarity gives R = E⟨y⟩⟨φ⟩/v."""
    _require_slope(_R, _g**2 * _gamma * (_R - _mean(_y) * _mean(_phi) / _v))


@check("free_entropy.q", "∂ψ/∂q = (g²/2)(X_d − 1/v + E⟨y²⟩/v²)")
def slope_q() -> None:
    """Stationarity gives X_d = 1/v − E⟨y²⟩/v²."""
    _require_slope(_q, _g**2 / 2 * (_Xd - 1 / _v + _mean(_y**2) / _v**2))


@check("free_entropy.Q", "∂ψ/∂Q = (g²/2)(P − E⟨y⟩²/v²)")
def slope_q_overlap() -> None:
    """Stationarity gives P = E⟨y⟩²/v²."""
    _require_slope(_Q, _g**2 / 2 * (_P - _mean(_y) ** 2 / _v**2))


@check(
    "free_entropy.paramagnetic",
    "Q = R = P = z = w = 0: ψ = (g²/2)(Xq − γr²) + ln Z(q, r, X) gives q, r, X; Q, R, P are 0",
)
def paramagnetic() -> None:
    """Three unknowns, and by parity the other three equations hold at 0."""
    zero = {_Q: 0, _R: 0, _P: 0, _site.z: 0, _site.w: 0}
    psi = (_g**2 / 2) * (_Xd * _q - _gamma * _r**2)
    require_equal(_LAGRANGE.subs(zero), psi, "explicit part")
    expected = {
        _Xd: _g**2 / 2 * (_q - _mean(_phi**2)),
        _r: _g**2 * _gamma * (_mean(_y * _phi) / _v - _r),
        _q: _g**2 / 2 * (_Xd - 1 / _v + _mean(_y**2) / _v**2),
    }
    for order, value in expected.items():
        total = sp.diff(psi, order)
        for parameter, entry in _PARAMETERS.items():
            total += _site.log_norm_slope(parameter) * sp.diff(entry.subs(zero), order)
        require_equal(total.subs(zero), value, f"∂ψ/∂{order}")
    # x → −x leaves the law at z = w = 0 alone: ⟨φ⟩ = ⟨y⟩ = 0 since φ and y are odd.
    flip = {_site.x: -_site.x, _phi: -_phi, _y: -_y}
    fixed = {_site.z: 0, _site.w: 0}
    weight = _site.log_weight.subs(fixed)
    require_zero(weight.subs(flip, simultaneous=True) - weight, "parity of the weight")
    relation = (_y - _site.y_of_x).subs(fixed)
    require_zero(relation.subs(flip, simultaneous=True) + relation, "parity of y")
    odd = {_mean(_phi): 0, _mean(_y): 0}
    for order in (_Q, _R, _P):
        require_zero(_slope(order).subs(odd).subs(zero), f"∂ψ/∂{order}")


@check(
    "free_entropy.energy",
    "e = (1 − X_d/β)/(2β) + ½ηE⟨x²⟩; dψ/dβ = X_d/(2β²) − ½ηE⟨x²⟩, X_d/(2β²) at η = 0",
)
def energy() -> None:
    """ψ = (1/N) ln[(β/2π)^(N/2) Z] and ln Z has −β derivative N e; ψ is stationary in the rest."""
    # Explicit dependence on β: through v and through the confinement βη.
    slope = _site.log_norm_slope(_v) * sp.diff(_V, _beta) + _site.log_norm_slope(_beta)
    x2 = _mean(_site.x**2)
    saddle = {_mean(_y**2): _v**2 * (1 / _v - _Xd)}
    slope = sp.expand(slope).subs(saddle)
    require_equal(slope, _Xd / (2 * _beta**2) - _eta * x2 / 2, "dψ/dβ")
    require_equal(slope.subs(_eta, 0), _Xd / (2 * _beta**2), "dψ/dβ at η = 0")
    log_normalisation = sp.log(_beta / (2 * sp.pi)) / 2
    e = sp.diff(log_normalisation, _beta) - slope
    require_equal(e, (1 - _Xd / _beta) / (2 * _beta) + _eta * x2 / 2, "energy")
