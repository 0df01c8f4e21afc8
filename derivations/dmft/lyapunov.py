"""Two copies of the stationary state at γ = 0 in one network and one noise ([SCS]).

Δ^ab(t,t') of the copies a, b obeys (∂_t+1)(∂_t'+1)Δ^ab = g²C_φ(Δ^aa(t,t), Δ^ab(t,t'), Δ^bb(t',t'))
+ σ²δ(t−t'), the noise being the same.  ψ is a perturbation of Δ^12 around Δ^ab = Δ(t−t').
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Symbol

from ..algebra import require_equal, require_positive, require_zero
from ..registry import check
from .stationary import initial_slope, kinetic_energy
from .temperature import activity_temperature

_g, _tau, _delta0 = sp.symbols("g tau Delta0", positive=True)
_sigma = Symbol("sigma", nonnegative=True)
_k = Symbol("k", real=True)


def exponent(lowest: Expr) -> Expr:
    """λ = −1 + √(1 − E₀)."""
    return -1 + sp.sqrt(1 - lowest)


def operator(wave: Expr, slopes: Expr) -> Expr:
    """−ψ'' + (1 − g²⟨φ'(0)φ'(τ)⟩)ψ, with `slopes` for ⟨φ'φ'⟩."""
    return -sp.diff(wave, _tau, 2) + (1 - _g**2 * slopes) * wave


def ground_state_sum(at_zero: Expr, overlap: Expr) -> Expr:
    """E₀ = −(g²q − Δ₀) ψ(0)/∫₀^∞ ψ|Δ'| dτ for the even ground state ψ."""
    return activity_temperature() * at_zero / overlap


@check(
    "lyapunov.distance",
    "d = Δ¹¹ + Δ²² − Δ¹² − Δ²¹: (∂_t+1)(∂_t'+1)d = g²⟨φ'(t)φ'(t')⟩d to first order, for"
    " every perturbation",
)
def distance() -> None:
    """The variances' part of δC_φ cancels in the sum; ∂C_φ/∂Δ^12 = ⟨φ'φ'⟩ is stationary.price."""
    covariances = {(a, b): Symbol(f"delta_{a}{b}") for a in (1, 2) for b in (1, 2)}
    early, late = sp.symbols("v_1 v_2"), sp.symbols("v'_1 v'_2")  # δΔ^aa(t,t), δΔ^bb(t',t')
    C = sp.Function("C")
    slots = sp.symbols("V W V'")
    one = {slots[0]: _delta0, slots[1]: Symbol("Delta"), slots[2]: _delta0}
    slope = [sp.diff(C(*slots), slot).subs(one) for slot in slots]

    def change(a: int, b: int) -> Expr:
        return slope[0] * early[a - 1] + slope[1] * covariances[a, b] + slope[2] * late[b - 1]

    total = sum((1 if a == b else -1) * change(a, b) for a, b in covariances)
    d = sum((1 if a == b else -1) * entry for (a, b), entry in covariances.items())
    require_zero(total - slope[1] * d, "δC_φ")


@check(
    "lyapunov.growth",
    "ψ(τ)e^(k(t+t')): −ψ'' + (1 − g²⟨φ'φ'⟩)ψ = Eψ, E = 1 − (1+k)²; distances grow with"
    " λ = −1 + √(1 − E₀)",
)
def growth() -> None:
    """(∂_t+1)(∂_t'+1) on a function of t − t' and t + t'."""
    t, s = sp.symbols("t t'", positive=True)
    psi, slopes = sp.Function("psi"), sp.Function("C'")
    wave = psi(t - s) * sp.exp(_k * (t + s))
    left = wave + sp.diff(wave, t) + sp.diff(wave, s) + sp.diff(wave, t, s)
    reduced = (left * sp.exp(-_k * (t + s))).doit().subs(t, _tau + s).doit()
    expected = (1 + _k) ** 2 * psi(_tau) - sp.diff(psi(_tau), _tau, 2)
    require_zero(sp.simplify(reduced - expected), "left side")
    E = Symbol("E", real=True)
    balance = expected - _g**2 * slopes(_tau) * psi(_tau)
    eigen = operator(psi(_tau), slopes(_tau)) - E * psi(_tau)
    require_zero((balance - eigen).subs(E, 1 - (1 + _k) ** 2), "eigenvalue problem")
    # The square of the distance is ∝ e^(2kt) at t = t'; the root that grows is k = λ(E).
    require_zero((1 - (1 + _k) ** 2 - E).subs(_k, exponent(E)), "k of E")
    require_positive(-sp.diff(exponent(E), E).subs(E, 1 - Symbol("a", positive=True)), "E₀ largest")


@check(
    "lyapunov.translation",
    "τ > 0: −ψ'' + (1 − g²⟨φ'φ'⟩)ψ = 0 for ψ = Δ'; odd and smooth at σ = 0, an eigenfunction",
)
def translation() -> None:
    """The derivative of Δ'' = Δ − g²C_φ(Δ); C_φ' = ⟨φ'φ'⟩."""
    C, u = sp.Function("C"), Symbol("u")
    delta = sp.Function("Delta")(_tau)
    motion = sp.diff(delta, _tau, 2) - delta + _g**2 * C(delta)
    slopes = sp.diff(C(u), u).subs(u, delta)
    mode = operator(sp.diff(delta, _tau), slopes)
    require_zero(sp.simplify((mode + sp.diff(motion, _tau)).doit()), "zero mode")
    require_zero(initial_slope().subs(_sigma, 0), "no kink: Δ' is continuous at 0")


@check(
    "lyapunov.sign",
    "E₀ ∫₀^∞ ψ|Δ'|dτ = −(g²q − Δ₀)ψ(0) for the even ground state ψ > 0: λ > 0 exactly if"
    " g²q > Δ₀, that is T_q < 0; at σ = 0 always",
)
def sign() -> None:
    """Wronskian of ψ and χ = −Δ' > 0, for every σ: (ψχ' − ψ'χ)' = E₀ψχ on τ > 0."""
    psi, chi, V = (sp.Function(name)(_tau) for name in ("psi", "chi", "V"))
    E, q = Symbol("E_0", real=True), Symbol("q", real=True)
    wronskian = psi * sp.diff(chi, _tau) - sp.diff(psi, _tau) * chi
    rate = sp.diff(wronskian, _tau).subs(
        {sp.diff(psi, _tau, 2): (V - E) * psi, sp.diff(chi, _tau, 2): V * chi}
    )
    require_zero(rate - E * psi * chi, "Wronskian")
    # From 0, where ψ' = 0 and χ' = −Δ''(0⁺) = g²q − Δ₀, to ∞, where both vanish.
    at_zero, kick, overlap = sp.symbols("psi(0) chi(0) overlap", positive=True)
    bend = -(_delta0 - _g**2 * q)
    values = {sp.diff(psi, _tau): 0, sp.diff(chi, _tau): bend}
    boundary = wronskian.subs(values).subs({psi: at_zero, chi: kick})
    (lowest,) = sp.solve(-boundary - E * overlap, E)
    require_equal(lowest, ground_state_sum(at_zero, overlap), "E₀")
    without_noise = lowest.subs(_delta0, _g**2 * q - 2 * Symbol("e", positive=True))
    require_positive(-without_noise, "−E₀ at σ = 0, 2e = g²q − Δ₀ > 0")
    require_equal(
        2 * kinetic_energy() - _sigma**2, -activity_temperature(), "λ > 0 where ⟨f²⟩ > σ²"
    )
    # χ > 0: (Δ'/Δ)² = w₀ + (1−ρ²)H > 0 for τ > 0, see trajectory.well.  ψ exists where φ is not
    # linear: ⟨φ'φ'⟩ − ⟨φ'⟩² is a series of positive terms, and such a well binds on a line.
