"""Onset of chaos at γ = 0, σ = 0: ε = g − 1 → 0⁺ with φ = x − (c/2)x³ + f x⁵ + O(x⁷).

For tanh c = 2/3 and f = 2/15.  Coefficients of φ beyond f enter at higher orders than those given.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Rational, Symbol

from ..algebra import gaussian_mean, require_equal, require_zero
from ..registry import check
from .lyapunov import exponent, operator
from .stationary import energy_condition, kinetic_energy
from .trajectory import excess, well

_epsilon, _c, _delta0, _g, _tau = sp.symbols("epsilon c Delta0 g tau", positive=True)
_f, _x = sp.symbols("f x", real=True)
TANH = {_c: Rational(2, 3), _f: Rational(2, 15)}
_PHI = _x - _c / 2 * _x**3 + _f * _x**5
_SQUARES = {k: Symbol(f"c{k}^2", positive=True) for k in (1, 3, 5, 7, 9)}


def variance() -> Expr:
    """Δ₀ to order ε²; ε + 7ε²/6 for tanh."""
    return 2 * _epsilon / (3 * _c) + (40 * _f - 5 * _c**2) / (9 * _c**3) * _epsilon**2


def rate_squared() -> Expr:
    """κ_Δ² to order ε³; ε²/3 − 11ε³/9 for tanh."""
    return _epsilon**2 / 3 + (Rational(1, 9) - 40 * _f / (9 * _c**2)) * _epsilon**3


def doubled_energy() -> Expr:
    """2e = ⟨f²⟩ to order ε⁴; ε³/3 − 5ε⁴/6 for tanh."""
    return _truncate(variance() * rate_squared(), 4)


def largest_exponent() -> Expr:
    """λ to order ε³, 3κ_Δ²/2; ε²/2 − 11ε³/6 for tanh."""
    return Rational(3, 2) * rate_squared()


def _truncate(expression: Expr, order: int) -> Expr:
    terms = sp.Poly(sp.expand(expression), _epsilon).terms()
    return sum(coefficient * _epsilon**k for (k,), coefficient in terms if k <= order)


def _mean(expression: Expr) -> Expr:
    return gaussian_mean(expression, _x, _delta0)


def _along(expression: Expr, order: int) -> Expr:
    """As a series in ε, at g = 1 + ε and Δ₀ = `variance`."""
    return _truncate(sp.expand(expression).subs({_delta0: variance(), _g: 1 + _epsilon}), order)


def _square(k: int) -> Expr:
    """c_k² = (E φ h_k)² to relative order Δ₀, from the derivatives: c_k = Δ₀^(k/2)⟨φ⁽ᵏ⁾⟩/√k!."""
    return _delta0**k * _mean(sp.diff(_PHI, _x, k)) ** 2 / sp.factorial(k)


@check(
    "chaos_onset.variance",
    "Δ₀ = 2ε/(3c) + (40f − 5c²)ε²/(9c³) + O(ε³); tanh: ε + 7ε²/6",
)
def amplitude() -> None:
    """Order by order in the energy condition Δ₀²/2 = g² Var Φ."""
    primitive = sp.integrate(_PHI, _x)
    condition = energy_condition(_mean(primitive**2) - _mean(primitive) ** 2)
    condition = sp.expand(condition.subs(Symbol("sigma", nonnegative=True), 0) / _delta0**2)
    require_zero(_along(condition, 2), "energy condition")
    # x⁸ in Φ would enter Var Φ/Δ₀² at order Δ₀³.
    require_equal(variance().subs(TANH), _epsilon + Rational(7, 6) * _epsilon**2, "tanh")
    series = sp.series(sp.tanh(_x), _x, 0, 7).removeO()
    require_equal(_PHI.subs(TANH), series, "coefficients of tanh")


@check(
    "chaos_onset.shape",
    "Δ = Δ₀ sech(κ_Δ τ)(1 + O(ε²)), κ_Δ ≈ ε/√3 whatever φ; κ_Δ² = ε²/3 + (1/9 − 40f/(9c²))ε³",
)
def shape() -> None:
    """H(r) = κ_Δ² + O(ε⁴)r: c_5² is of relative order ε² beside c_3²."""
    squares = {_SQUARES[k]: _square(k) for k in (1, 3, 5)} | {_SQUARES[k]: 0 for k in (7, 9)}
    r = Symbol("r", positive=True)
    depth = sp.expand(_along(well(r).subs(squares), 3))
    require_zero(depth - rate_squared(), "(dθ/dτ)² = κ_Δ² for every r")
    slope = _mean(sp.diff(_PHI, _x))
    require_zero(_along(1 - _g**2 * slope**2, 2) - _truncate(rate_squared(), 2), "1 − g²⟨φ'⟩²")
    require_equal(
        rate_squared().subs(TANH), _epsilon**2 / 3 - Rational(11, 9) * _epsilon**3, "tanh"
    )
    # θ = κ_Δ τ, that is ρ = sech κ_Δ τ, solves (ρ'/ρ)² = κ_Δ²(1 − ρ²).
    kappa = Symbol("kappa", positive=True)
    rho = 1 / sp.cosh(kappa * _tau)
    moving = (sp.diff(rho, _tau) / rho) ** 2 - kappa**2 * (1 - rho**2)
    require_zero(moving.rewrite(sp.exp), "sech")


@check(
    "chaos_onset.kinetic_energy",
    "⟨f²⟩ = Δ₀κ_Δ² = 2ε³/(9c) + O(ε⁴); tanh: ε³/3 − 5ε⁴/6",
)
def kinetic() -> None:
    """From the coefficients, and from ⟨f²⟩ = −Δ''(0) of the sech."""
    squares = {_SQUARES[k]: _square(k) for k in (1, 3, 5)} | {_SQUARES[k]: 0 for k in (7, 9)}
    require_zero(_along(excess().subs(squares), 4) - doubled_energy(), "series")
    require_equal(doubled_energy().coeff(_epsilon, 3), 2 / (9 * _c), "leading order")
    expected = _epsilon**3 / 3 - Rational(5, 6) * _epsilon**4
    require_equal(sp.expand(doubled_energy().subs(TANH)), expected, "tanh")
    kappa = Symbol("kappa", positive=True)
    bend = sp.diff(_delta0 / sp.cosh(kappa * _tau), _tau, 2).subs(_tau, 0)
    require_equal(-bend, _delta0 * kappa**2, "−Δ''(0)")
    # g²q − Δ₀ needs Δ₀ to order ε³ for the first term: orders ε and ε² cancel.
    q = Symbol("q", real=True)
    direct = 2 * kinetic_energy().subs(Symbol("sigma", nonnegative=True), 0)
    require_zero(_along(direct.subs(q, _mean(_PHI**2)), 2), "cancellation")


@check(
    "chaos_onset.lyapunov",
    "V = κ_Δ²(1 − 6 sech²(κ_Δ τ)) + O(ε⁴): Pöschl–Teller, ψ₀ = sech², E₀ = −3κ_Δ², λ = 3κ_Δ²/2"
    " ≈ ε²/2 whatever φ; tanh: ε²/2 − 11ε³/6",
)
def largest() -> None:
    """g²⟨φ'φ'⟩ = (g²/Δ₀) Σ k c_k² ρ^(k−1); the bound states are sech² and Δ' ∝ sech·tanh."""
    rho, kappa = sp.symbols("rho kappa", positive=True)
    slopes = sum(k * _square(k) * rho ** (k - 1) for k in (1, 3, 5)) / _delta0
    potential = sp.expand(_along(1 - _g**2 * slopes, 3))
    # The part without ρ is 1 − g²c_1²/Δ₀, proved to be κ_Δ² in trajectory.decay: its order ε³ needs
    # Δ₀ to order ε³, so that the energy condition replaces it.
    claimed = -6 * rate_squared() * rho**2
    require_zero(potential - potential.subs(rho, 0) - sp.expand(claimed), "depth of the well")
    require_zero(_truncate(potential.subs(rho, 0), 2) - _truncate(rate_squared(), 2), "edge")
    secant = 1 / sp.cosh(kappa * _tau)
    well_slopes = (1 - kappa**2 * (1 - 6 * secant**2)) / _g**2
    for name, wave, energy in (
        ("ground state", secant**2, -3 * kappa**2),
        ("translation", sp.diff(secant, _tau), sp.S.Zero),
    ):
        remainder = operator(wave, well_slopes) - energy * wave
        require_zero(remainder.rewrite(sp.exp), name)
    root = exponent(-3 * rate_squared())
    require_zero(sp.series(root, _epsilon, 0, 4).removeO() - largest_exponent(), "λ")
    require_equal(largest_exponent().coeff(_epsilon, 2), Rational(1, 2), "leading order")
    expected = _epsilon**2 / 2 - Rational(11, 6) * _epsilon**3
    require_equal(sp.expand(largest_exponent().subs(TANH)), expected, "tanh")
