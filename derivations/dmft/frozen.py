"""Biases, a mean coupling and φ that is not odd: the part of the activity that stands still.

x = μ + a Gaussian of covariance Δ(τ), which falls from Δ₀ to Δ_∞; σ_b² and b are the variance and
the mean of the biases, J₀/N the mean of a coupling, γ = κ = 0.  Averages are those of a pair
x, y ~ N(μ, Δ₀) of covariance Δ, for any φ up to the third power.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Matrix, Symbol

from ..algebra import gaussian_mean, require_equal, require_zero
from ..registry import check

_g, _J0, _b, _spread = sp.symbols("g J0 b sigma_b", real=True)
_sigma = Symbol("sigma", nonnegative=True)
_mu, _delta0, _delta, _frozen = sp.symbols("mu Delta0 Delta Delta_inf", real=True)
_x, _u, _v, _w = sp.symbols("x u v w", real=True)
_powers = sp.symbols("p0:4", real=True)
_PHI = sum(p * _x**k for k, p in enumerate(_powers))
_PRIMITIVE = sp.integrate(_PHI, _x)


def single(function: Expr) -> Expr:
    """E f(x)."""
    return sp.expand(gaussian_mean(function.subs(_x, _mu + _u), _u, _delta0))


def pair(function: Expr) -> Expr:
    """C_f = E f(x)f(y): both share a part of variance Δ, and have one of Δ₀ − Δ of their own."""
    one = gaussian_mean(function.subs(_x, _mu + _u + _v), _v, _delta0 - _delta)
    return sp.expand(gaussian_mean(sp.expand(one**2), _u, _delta))


def potential() -> Expr:
    """V(Δ) = −Δ²/2 + g²C_Φ + σ_b²Δ."""
    return -(_delta**2) / 2 + _g**2 * pair(_PRIMITIVE) + _spread**2 * _delta


def response() -> Matrix:
    """Of (J₀⟨φ⟩ + b, ½(g²⟨φ²⟩ + σ_b²)) to (μ, ½Δ₀)."""
    first, second = sp.diff(_PHI, _x), sp.diff(_PHI, _x, 2)
    return Matrix([
        [_J0 * single(first), _J0 * single(second)],
        [_g**2 * single(_PHI * first), _g**2 * single(first**2 + _PHI * second)],
    ])  # fmt: skip


@check("frozen.equation", "Δ'' = Δ − g²C_φ − σ_b² is −V'(Δ), for d C_Φ/dΔ = C_φ at any mean")
def equation() -> None:
    """Price's theorem for cubic φ."""
    require_equal(sp.diff(pair(_PRIMITIVE), _delta), pair(_PHI), "dC_Φ/dΔ")
    force = _delta - _g**2 * pair(_PHI) - _spread**2
    require_zero(sp.expand(force + sp.diff(potential(), _delta)), "Δ'' + V'")


@check(
    "frozen.energy",
    "½Δ'² + V is conserved: V(Δ₀) − V(Δ_∞) = −σ⁴/8, with Δ'(0⁺) = −σ²/2 and rest at Δ_∞, where "
    "Δ_∞ = g²C_φ(Δ_∞) + σ_b²; without biases that of the chaotic state",
)
def energy() -> None:
    """Along the flow, and its ends."""
    speed = Symbol("s", real=True)
    along = speed * -sp.diff(potential(), _delta) + sp.diff(potential(), _delta) * speed
    require_zero(sp.expand(along), "d/dτ")
    start = (-(_sigma**2) / 2) ** 2 / 2
    require_equal(start, _sigma**4 / 8, "kinetic part at 0⁺")
    rest = sp.diff(potential(), _delta).subs(_delta, _frozen)
    expected = _g**2 * pair(_PHI).subs(_delta, _frozen) + _spread**2 - _frozen
    require_zero(sp.expand(rest - expected), "V'(Δ_∞)")
    odd = {_mu: 0, _spread: 0, _powers[0]: 0, _powers[2]: 0}
    gap = potential().subs(odd).subs(_delta, _delta0) - potential().subs(odd).subs(_delta, 0)
    square = gaussian_mean(_PRIMITIVE.subs(odd).subs(_x, _u) ** 2, _u, _delta0)
    mean = gaussian_mean(_PRIMITIVE.subs(odd).subs(_x, _u), _u, _delta0)
    known = -(_delta0**2) / 2 + _g**2 * (square - mean**2)
    require_zero(sp.expand(gap - known), "Var Φ")


@check(
    "frozen.kinetic_energy",
    "½⟨f²⟩ = (g²q + σ_b² − Δ₀ + σ²)/2 for f = −x + h: f = ẋ − ξ, centred",
)
def kinetic_energy() -> None:
    """⟨(h − x)²⟩ with ⟨hx⟩ from d⟨(x − μ)²⟩/dt = 0."""
    crossed, q = sp.symbols("hx q", real=True)
    (found,) = sp.solve(sp.Eq(2 * (crossed - _delta0) + _sigma**2, 0), crossed)
    field = _g**2 * q + _spread**2
    require_equal(
        field - 2 * found + _delta0, field - _delta0 + _sigma**2, "⟨f²⟩ of centred h and x"
    )


@check(
    "frozen.response",
    "the static state answers by [[J₀⟨φ'⟩, J₀⟨φ''⟩], [g²⟨φφ'⟩, g²⟨φ'² + φφ''⟩]] to (μ, ½Δ₀)",
)
def static_response() -> None:
    """Derivatives of the two equations for cubic φ, the second one halved."""
    mean, variance = _J0 * single(_PHI) + _b, (_g**2 * single(_PHI**2) + _spread**2) / 2
    for row, equation_ in enumerate((mean, variance)):
        for column, (place, scale) in enumerate(((_mu, 1), (_delta0, 2))):
            moved = scale * sp.diff(equation_, place)
            require_zero(sp.expand(moved - response()[row, column]), f"{row}, {column}")
