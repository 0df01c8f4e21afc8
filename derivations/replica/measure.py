"""T = 0: how the measure leaves x = 0 at g²(1+γ) = 1, γ ≥ 0.

With φ = x − (c/2)x³ + f x⁵ the scaled law is expanded to first order in v = g²q, one order beyond
the regimes of small x.  At onset its quartic term vanishes; f drops out of the result.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from ..algebra import gaussian_mean, require_equal, require_zero
from ..registry import check

_c, _gamma = sp.symbols("c gamma", positive=True)
_f = sp.Symbol("f", real=True)


def measure_slope() -> Expr:
    """dq/dδ at δ = g²(1+γ) − 1 → 0⁺ and T = 0: 1/(c(3+γ)) in the symbols c and gamma."""
    return 1 / (_c * (3 + _gamma))


@check(
    "measure.onset",
    "T = 0, γ ≥ 0, δ = g²(1+γ) − 1 → 0⁺: q ≈ δ/(c(3+γ)), r ≈ 1 − δ(3+2γ)/(2(3+γ))",
)
def onset() -> None:
    """The three equations to first order in δ, with v, r and A linear in it."""
    xi, v, r, A, g2, D = sp.symbols("xi v r A g2 D", positive=True)
    k = sp.Symbol("k", real=True)
    # Orders 0 and 1 in v of φ_s, d = (φ_s − ξφ')/v, ψ and of the log-weight (beside −Dξ²/2).
    phi_s = (xi, -_c / 2 * xi**3)
    expanded = phi_s[0] + v * phi_s[1] + v**2 * _f * xi**5
    lag = sp.expand((expanded - xi * sp.diff(expanded, xi)) / v)
    d = (lag.coeff(v, 0), lag.coeff(v, 1))
    psi = ((1 - k) * xi, -k * phi_s[1])
    quartic = -psi[0] * psi[1] - g2 * A * phi_s[0] * phi_s[1]

    def mean(one: tuple[Expr, Expr], two: tuple[Expr, Expr]) -> Expr:
        """⟨one · two⟩ to first order in v."""
        zeroth, first = one[0] * two[0], one[0] * two[1] + one[1] * two[0]

        def gaussian(value: Expr) -> Expr:
            return gaussian_mean(value, xi, 1 / D)

        shift = gaussian(zeroth * quartic) - gaussian(zeroth) * gaussian(quartic)
        return gaussian(zeroth) + v * (gaussian(first) + shift)

    equations = (
        g2 * mean(phi_s, phi_s) - 1,
        mean(psi, phi_s) - r,
        g2 * A * mean(phi_s, d) - k * mean(psi, d),  # by parts, at T = η = 0
    )
    law = {D: (1 - k) ** 2 + g2 * A}
    pull = {k: g2 * _gamma * r}
    start = {v: 0, r: 1, A: _gamma / (1 + _gamma), g2: 1 / (1 + _gamma)}
    require_zero(quartic.subs(pull).subs(start), "quartic term at onset")
    v1, r1, A1 = slopes = sp.symbols("v1 r1 A1")
    rates = {v: v1, r: r1, A: A1, g2: 1 / (1 + _gamma)}
    linear = []
    for equation in equations:
        closed = equation.subs(law).subs(pull)
        require_zero(closed.subs(start), "order 0")
        change = sum(sp.diff(closed, s).subs(start) * rate for s, rate in rates.items())
        linear.append(sp.factor(change))
    ((v_slope, r_slope, _),) = sp.linsolve(linear, slopes)
    require_equal(v_slope * (1 + _gamma), measure_slope(), "q = v/g²")
    require_equal(r_slope, -(3 + 2 * _gamma) / (2 * (3 + _gamma)), "r")
