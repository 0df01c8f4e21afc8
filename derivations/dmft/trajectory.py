"""Δ(τ) from the Hermite coefficients c_k, k odd, of φ(√Δ₀ z): forms without cancellation.

ρ = Δ/Δ₀ = sech θ, w₀ = (σ²/2Δ₀)², H(r) = (2g²/Δ₀) Σ_j r^j Σ_(k≥2j+3) c_k²/(k+1).
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from ..algebra import require_equal, require_positive, require_zero
from ..registry import check
from .stationary import energy, energy_condition, kinetic_energy

_g, _delta0, _rho = sp.symbols("g Delta0 rho", positive=True)
_sigma = sp.Symbol("sigma", nonnegative=True)
_DEGREES = (1, 3, 5, 7, 9)
_SQUARES = {k: sp.Symbol(f"c{k}^2", positive=True) for k in _DEGREES}


def well(r: Expr) -> Expr:
    """H(r) of a series of the first few coefficients."""
    shallow = sum(
        r**j * sum(c / (k + 1) for k, c in _SQUARES.items() if k >= 2 * j + 3)
        for j in range(len(_DEGREES) - 1)
    )
    return 2 * _g**2 / _delta0 * shallow


def start() -> Expr:
    """w₀ = (ρ'/ρ)² at τ = 0⁺."""
    return (_sigma**2 / (2 * _delta0)) ** 2


def excess() -> Expr:
    """g² Σ c_k² (k−1)/(k+1), which is ⟨f²⟩ where σ = 0."""
    return _g**2 * sum(c * sp.Rational(k - 1, k + 1) for k, c in _SQUARES.items())


def _correlation() -> Expr:
    return sum(c * _rho**k for k, c in _SQUARES.items())


def _potential() -> Expr:
    """C_Φ(Δ) − C_Φ(0), the integral of C_φ over Δ = ρΔ₀."""
    s = sp.Symbol("s", positive=True)
    return sp.integrate(_delta0 * _correlation().subs(_rho, s), (s, 0, _rho))


def _first_square() -> Expr:
    """c_1² from the energy condition, Var Φ = C_Φ(Δ₀) − C_Φ(0)."""
    condition = energy_condition(_potential().subs(_rho, 1))
    (square,) = sp.solve(condition, _SQUARES[1])
    return square


@check(
    "trajectory.well",
    "energy conservation is (ρ'/ρ)² = w₀ + (1−ρ²)H(ρ²) once Δ₀ solves the energy condition",
)
def shape() -> None:
    """Δ'² from zero total energy relative to Δ = 0, c_1 eliminated."""
    slope = sp.Symbol("slope", real=True)
    total = energy(_delta0 * _rho, slope, _potential())
    (square,) = sp.solve(total.subs(slope**2, sp.Symbol("S")), sp.Symbol("S"))
    speed = square / (_delta0 * _rho) ** 2
    claimed = start() + (1 - _rho**2) * well(_rho**2)
    require_zero((speed - claimed).subs(_SQUARES[1], _first_square()), "(ρ'/ρ)²")


@check("trajectory.sech", "ρ = sech θ: (dθ/dτ)² = H(sech²θ) + w₀ coth²θ, all terms positive")
def angle() -> None:
    """dρ = −ρ tanh θ dθ; τ = ∫ dθ/√(…) is finite at every ρ > 0."""
    theta = sp.Symbol("theta", positive=True)
    rho = 1 / sp.cosh(theta)
    require_zero((sp.diff(rho, theta) / rho + sp.tanh(theta)).rewrite(sp.exp), "dρ/dθ")
    require_zero((1 - rho**2 - sp.tanh(theta) ** 2).rewrite(sp.exp), "1 − ρ²")
    tangent = sp.Symbol("T", positive=True)  # tanh θ, ρ² = 1 − T²
    square = 1 - tangent**2
    speed = start() + (1 - square) * well(square)
    claimed = well(square) + start() / tangent**2
    require_zero(speed / tangent**2 - claimed, "(dθ/dτ)²")


@check(
    "trajectory.decay",
    "Δ ~ e^(−κ_Δ τ), κ_Δ² = 1 − g²⟨φ'⟩² = w₀ + H(0): linear at Δ → 0, where C_φ' = ⟨φ'⟩² = c_1²/Δ₀",
)
def decay() -> None:
    """The linear term of C_φ(Δ), and its value by the energy condition."""
    slope = sp.diff(_correlation(), _rho).subs(_rho, 0) / _delta0
    require_equal(slope, _SQUARES[1] / _delta0, "C_φ' at Δ = 0")
    # c_1 = E[zφ(√Δ₀z)] = √Δ₀⟨φ'⟩ by parts: z e^(−z²/2) = −(e^(−z²/2))'.
    z = sp.Symbol("z", real=True)
    phi = sp.Function("phi")(sp.sqrt(_delta0) * z)
    weight = sp.exp(-(z**2) / 2)
    by_parts = z * phi * weight + sp.diff(phi * weight, z)
    inner = sp.diff(phi, z) / sp.sqrt(_delta0)  # φ' at √Δ₀z
    require_zero(by_parts - sp.sqrt(_delta0) * inner * weight, "c_1")
    rate = 1 - _g**2 * slope
    require_zero((rate - start() - well(sp.S.Zero)).subs(_SQUARES[1], _first_square()), "κ_Δ²")


@check(
    "trajectory.kinetic_energy",
    "⟨f²⟩ = g² Σ c_k²(k−1)/(k+1) + σ²(1 − σ²/(4Δ₀)), positive for σ = 0 unless φ is linear",
)
def kinetic() -> None:
    """With q = Σ c_k² in ½⟨f²⟩ = (g²q − Δ₀ + σ²)/2."""
    q = sp.Symbol("q", real=True)
    twice = 2 * kinetic_energy().subs(q, _correlation().subs(_rho, 1))
    claimed = excess() + _sigma**2 * (1 - _sigma**2 / (4 * _delta0))
    require_zero((twice - claimed).subs(_SQUARES[1], _first_square()), "⟨f²⟩")
    require_positive(claimed.subs(_sigma, 0), "chaos without noise")
    require_zero(
        claimed.subs({c: 0 for k, c in _SQUARES.items() if k > 1}).subs(_sigma, 0), "linear"
    )
