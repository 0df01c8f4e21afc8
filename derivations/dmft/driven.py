"""A drive A cos(ωt + θ) with random phases, γ = 0: what it adds to x, C and Δ.

x = y + a cos(ωt + θ'), y Gaussian and independent of the phase.  With φ(√Δ₀ z + a cos θ) =
Σ b_kn h_k(z) cos nθ in orthonormal Hermite polynomials,

    C = E φφ' = Σ b_kn² w_n ρ^k cos(nωτ),   w_0 = 1, else ½.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from ..algebra import require_equal, require_zero
from ..registry import check

_t, _tau, _theta, _psi, _z = sp.symbols("t tau theta psi z", real=True)
_A, _omega, _a, _g, _var, _rho = sp.symbols("A omega a g Delta0 rho", positive=True)
# Of a neuron.
_x = sp.sqrt(_var) * _z + _a * sp.cos(_theta)


def low_passed(amplitude: Expr, frequency: Expr) -> Expr:
    """Amplitude a of the drive's part of x."""
    return amplitude / sp.sqrt(1 + frequency**2)


def _hermite(k: int) -> Expr:
    return sp.hermite_prob(k, _z) / sp.sqrt(sp.factorial(k))


def _normal(expression: Expr) -> Expr:
    """Average over a standard normal z of a polynomial."""
    total = sp.Integer(0)
    for (power,), factor in sp.Poly(sp.expand(expression), _z).terms():
        total += factor * (sp.factorial2(power - 1) if power % 2 == 0 else 0)
    return total


def coefficient(phi: Expr, k: int, n: int) -> Expr:
    """b_kn of a polynomial φ of z and θ."""
    mean = sp.integrate(
        sp.expand(_normal(phi * _hermite(k)) * sp.cos(n * _theta)), (_theta, 0, 2 * sp.pi)
    )
    return sp.simplify(mean / (2 * sp.pi if n == 0 else sp.pi))


def correlation(phi: Expr, order: int) -> Expr:
    """C at correlation ρ and phase ψ, of a polynomial φ of that order."""
    terms = [
        coefficient(phi, k, n) ** 2
        * (1 if n == 0 else sp.Rational(1, 2))
        * _rho**k
        * sp.cos(n * _psi)
        for k in range(order + 1)
        for n in range(order + 1)
    ]
    return sp.Add(*terms)


@check("driven.filter", "ẋ = −x + A cos ωt leaves a cos(ωt − arctan ω), a = A/√(1 + ω²), of x")
def filtered() -> None:
    """Put into the equation."""
    x = low_passed(_A, _omega) * sp.cos(_omega * _t - sp.atan(_omega))
    left = sp.diff(x, _t) + x - _A * sp.cos(_omega * _t)
    require_zero(sp.simplify(sp.expand_trig(left)), "what is left")


@check("driven.correlation", "E φφ' over y, y' and the phase is Σ b_kn² w_n ρ^k cos(nψ), φ cubic")
def cubic() -> None:
    """φ = x − c x³ by Gaussian moments and integrals over the phase."""
    c, other = sp.symbols("c zeta", real=True)

    def phi(x: Expr) -> Expr:
        return x - c * x**3

    there = sp.sqrt(_var) * (_rho * _z + sp.sqrt(1 - _rho**2) * other) + _a * sp.cos(_theta + _psi)
    product = sp.Poly(sp.expand(phi(_x) * phi(there)), other)
    moments = {0: 1, 2: 1, 4: 3, 6: 15}
    by_other = sum(f * moments.get(power, 0) for (power,), f in product.terms())
    averaged = sp.integrate(sp.expand(sp.expand_trig(_normal(by_other))), (_theta, 0, 2 * sp.pi))
    found = correlation(phi(_x), 3)
    require_zero(sp.simplify(sp.expand_trig(averaged / (2 * sp.pi) - found)), "difference")


@check("driven.linear", "φ linear: Δ has g²/(1 + ω² − g²) of the power a²/2 of the drive's part")
def linear() -> None:
    """Δ − Δ″ = g²(Δ + a²/2 cos ωτ) by one line."""
    power = _a**2 / 2
    delta = _g**2 / (1 + _omega**2 - _g**2) * power * sp.cos(_omega * _tau)
    left = delta - sp.diff(delta, _tau, 2)
    right = _g**2 * (delta + power * sp.cos(_omega * _tau))
    require_zero(sp.simplify(left - right), "difference")
    C = sp.simplify(correlation(_x, 1))
    require_equal(C, _var * _rho + power * sp.cos(_psi), "C of a linear φ")


@check("driven.locked", "an odd φ at half a period later: Δ(τ + π/ω) = −Δ(τ) makes C odd as well")
def locked() -> None:
    """Terms with k + n even vanish for a cubic φ, and the others turn."""
    phi = _x - _x**3 / 3
    for k in range(4):
        for n in range(4):
            if (k + n) % 2 == 0:
                require_zero(coefficient(phi, k, n), f"b_{k}{n}")
    C = correlation(phi, 3)
    turned = C.subs({_rho: -_rho, _psi: _psi + sp.pi}, simultaneous=True)
    require_zero(sp.simplify(sp.expand_trig(turned + C)), "C(−ρ, ψ + π) + C(ρ, ψ)")
