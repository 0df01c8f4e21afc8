"""What temperature the stationary state at γ = 0 would have, were it a state of P ∝ exp(−βE).

At γ = η = 0 the paramagnetic saddle point is x ~ N(0, v), v = T + g²q, q = ⟨φ²⟩, energy T/2
(identities.independent_couplings).  The stationary state is x ~ N(0, Δ₀) too.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from ..algebra import require_equal, require_positive, require_zero
from ..registry import check
from .stationary import kinetic_energy
from .trajectory import excess

_g, _delta0, _v = sp.symbols("g Delta0 v", positive=True)
_sigma = sp.Symbol("sigma", nonnegative=True)
_q = sp.Symbol("q", real=True)


def activity_temperature() -> Expr:
    """T_q, at which the measure has the q of the stationary state: Δ₀ − g²q."""
    return _delta0 - _g**2 * _q


def energy_temperature() -> Expr:
    """T_e, at which the measure has its energy: 2e."""
    return 2 * kinetic_energy()


@check(
    "temperature.response",
    "γ = 0: R(t,s) = ⟨φ'⟩e^(−(t−s)), R_int = ⟨φ'⟩, and 1 − q for tanh",
)
def response() -> None:
    """A field ε at s moves x(t) by εe^(−(t−s)) whatever the trajectory."""
    t, s = sp.symbols("t s", positive=True)
    moved, slope = sp.Function("delta_x"), sp.Symbol("slope", positive=True)
    decay = sp.dsolve(moved(t).diff(t) + moved(t), moved(t), ics={moved(0): 1}).rhs
    require_equal(decay, sp.exp(-t), "δx")
    R = slope * decay.subs(t, t - s)
    require_equal(sp.integrate(R.subs(t, t + s), (t, 0, sp.oo)), slope, "R_int")
    x = sp.Symbol("x", real=True)
    require_equal(sp.diff(sp.tanh(x), x), 1 - sp.tanh(x) ** 2, "tanh' = 1 − tanh²")


@check(
    "temperature.activity",
    "same q: v = Δ₀ and T_q = Δ₀ − g²q = σ² − 2e, e = ½⟨f²⟩; −2e < 0 without noise",
)
def activity() -> None:
    """q(v) = E φ(√v z)² grows with v for increasing odd φ, so that q fixes v."""
    z = sp.Symbol("z", real=True)
    phi = sp.Function("phi")
    inner = sp.Symbol("u", positive=True)
    grows = sp.diff(phi(sp.sqrt(_v) * z) ** 2, _v)
    slope = sp.diff(phi(inner), inner).subs(inner, sp.sqrt(_v) * z)
    # For each z, φ(x) x φ'(x)/v with x = √v z: φ(x) has the sign of x.
    require_zero((grows - phi(sp.sqrt(_v) * z) * slope * z / sp.sqrt(_v)).doit(), "dq/dv")
    T = sp.Symbol("T")
    (temperature,) = sp.solve(sp.Eq(_delta0, T + _g**2 * _q), T)
    require_equal(temperature, activity_temperature(), "T_q")
    require_equal(activity_temperature(), _sigma**2 - 2 * kinetic_energy(), "by the energy")
    # Without noise 2e = Σ of positive terms, see trajectory.kinetic_energy.
    require_positive(excess(), "−T_q at σ = 0")


@check(
    "temperature.energy",
    "same energy: T_e = 2e, so T_q + T_e = σ²: the two agree only at 2e = σ²/2",
)
def energies() -> None:
    """The measure has e = T/2; without noise the two temperatures are opposite."""
    require_equal(activity_temperature() + energy_temperature(), _sigma**2, "sum")
    at_half = sp.solve(activity_temperature() - energy_temperature(), _q)[0]
    require_equal(2 * kinetic_energy().subs(_q, at_half), _sigma**2 / 2, "where they agree")
