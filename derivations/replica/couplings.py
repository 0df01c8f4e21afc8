"""From the energy to the order parameters: Gaussian fields x̂ and the average over couplings.

√(β/2π) exp(−βf²/2) is an integral of exp(i x̂ f) over x̂.  The couplings then enter through
exp(i Σ x̂_i^a J_ij φ_j^a) only, i ≠ j, and pairs (J_ij, J_ji) are independent.  With
Q_ab = ⟨φ_a φ_b⟩, S_ab = ⟨x̂_a φ_b⟩ = −i r_ab and X_ab = ⟨x̂_a x̂_b⟩, averages over the neurons, the
result is exp(−N F), F = (g²/2) Σ_ab (Q_ab X_ab + γ S_ab S_ba), up to the i = j terms, O(1).
"""

from __future__ import annotations

import itertools

import sympy as sp
from sympy import I

from ..algebra import require_equal, require_zero
from ..registry import check

_g, _N, _beta = sp.symbols("g N beta", positive=True)
_gamma = sp.Symbol("gamma", real=True)
_REPLICAS = (0, 1)


def _site(name: str, neuron: int) -> list[sp.Symbol]:
    return [sp.Symbol(f"{name}_{neuron}{a}", real=True) for a in _REPLICAS]


def _pair_exponent(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """Logarithm of E exp(i(J_ij a + J_ji b)): minus half the variance of J_ij a + J_ji b."""
    return -(_g**2 / (2 * _N)) * (a**2 + b**2 + 2 * _gamma * a * b)


@check("couplings.gaussian_route", "√(β/2π) exp(−βf²/2) = ∫ dx̂/2π exp(−x̂²/(2β) + i x̂ f)")
def gaussian_route() -> None:
    """The integral over x̂, done by sympy."""
    conjugate, f = sp.symbols("xhat f", real=True)
    weight = sp.exp(-(conjugate**2) / (2 * _beta) + I * conjugate * f) / (2 * sp.pi)
    integral = sp.integrate(weight, (conjugate, -sp.oo, sp.oo))
    require_equal(
        sp.simplify(integral), sp.sqrt(_beta / (2 * sp.pi)) * sp.exp(-_beta * f**2 / 2), "integral"
    )


@check(
    "couplings.pair_average",
    "E exp(i(J_ij a + J_ji b)) = exp(−(g²/2N)(a² + b² + 2γab)) by two Gaussian integrals",
)
def pair_average() -> None:
    """J_ij = (g/√N) s and J_ji = (g/√N)(γ s + √(1−γ²) t) with independent s, t ~ N(0, 1)."""
    s, t, a, b = sp.symbols("s t a b", real=True)
    # |γ| ≤ 1 is written as cos θ so that √(1−γ²) = sin θ is real.
    cosine, sine = sp.symbols("c sigma", real=True)
    scale = _g / sp.sqrt(_N)
    pair = (scale * s, scale * (cosine * s + sine * t))
    density = sp.exp(-(s**2 + t**2) / 2) / (2 * sp.pi)

    def average(value: sp.Expr) -> sp.Expr:
        inner = sp.integrate(value * density, (s, -sp.oo, sp.oo))
        return sp.integrate(sp.expand(inner, power_exp=False), (t, -sp.oo, sp.oo))

    on_circle = {sine**2: 1 - cosine**2}
    require_zero(average(pair[0] ** 2) - _g**2 / _N, "variance of J_ij")
    require_zero(average(pair[1] ** 2).expand().subs(on_circle) - _g**2 / _N, "variance of J_ji")
    require_zero(average(pair[0] * pair[1]) - cosine * _g**2 / _N, "covariance")

    # Completing the squares in s, then in t: each integral of exp(−s²/2 + i u s) is exp(−u²/2).
    u = sp.Symbol("u", real=True)
    characteristic = sp.integrate(
        sp.exp(-(s**2) / 2 + I * u * s) / sp.sqrt(2 * sp.pi), (s, -sp.oo, sp.oo)
    )
    require_equal(sp.simplify(characteristic), sp.exp(-(u**2) / 2), "characteristic function")
    phase = sp.expand(pair[0] * a + pair[1] * b)
    log_average = -(phase.coeff(s) ** 2 + phase.coeff(t) ** 2) / 2
    require_zero(
        sp.expand(log_average).subs(on_circle).subs(cosine, _gamma) - _pair_exponent(a, b),
        "exponent",
    )


@check(
    "couplings.order_parameters",
    "sum over pairs, n = 2: −(g²N/2) Σ_ab (Q_ab X_ab + γ S_ab S_ba) plus O(1) terms of i = j",
)
def order_parameters() -> None:
    """Pair by pair for generic neurons, then the sum for N = 3 including the i = j terms."""

    def drive(i: int, j: int) -> sp.Expr:  # Σ_a x̂_i^a φ_j^a, the factor of J_ij
        return sum(x * f for x, f in zip(_site("xhat", i), _site("phi", j), strict=True))

    def summand(i: int, j: int) -> sp.Expr:
        """The (i, j) term of N² Σ_ab (Q_ab X_ab + γ S_ab S_ba)."""
        xi, xj, fi, fj = _site("xhat", i), _site("xhat", j), _site("phi", i), _site("phi", j)
        return sum(
            fj[a] * fj[b] * xi[a] * xi[b] + _gamma * xi[a] * fi[b] * xj[b] * fj[a]
            for a, b in itertools.product(_REPLICAS, repeat=2)
        )

    # Any pair of neurons: its exponent is half of the two ordered terms of the double sum.
    pair = _pair_exponent(drive(1, 2), drive(2, 1))
    ordered = summand(1, 2) + summand(2, 1)
    require_equal(pair, -(_g**2) / (2 * _N) * ordered, "one pair")

    neurons = range(3)
    n = len(neurons)
    total = sum(_pair_exponent(drive(i, j), drive(j, i)) for i in neurons for j in range(i))

    def overlap(one: str, two: str, a: int, b: int) -> sp.Expr:
        return sum(_site(one, i)[a] * _site(two, i)[b] for i in neurons) / n

    bilinear = sum(
        overlap("phi", "phi", a, b) * overlap("xhat", "xhat", a, b)
        + _gamma * overlap("xhat", "phi", a, b) * overlap("xhat", "phi", b, a)
        for a, b in itertools.product(_REPLICAS, repeat=2)
    )
    diagonal = _g**2 / (2 * n) * (1 + _gamma) * sum(drive(i, i) ** 2 for i in neurons)
    require_equal(total.subs(_N, n), -(_g**2) * n / 2 * bilinear + diagonal, "N = 3")


@check(
    "couplings.single_site",
    "the conjugates of Q, S, X eliminated, n = 2: ψ_n = F + ln of a single-site integral",
)
def single_site() -> None:
    """Legendre elimination: F is quadratic, so −N F(O) becomes N F(O) − N ∂F·o per site."""
    names = [(a, b) for a in _REPLICAS for b in _REPLICAS]
    Q, X = (
        {(a, b): sp.Symbol(f"{m}_{min(a, b)}{max(a, b)}", real=True) for a, b in names}
        for m in ("Q", "X")
    )
    S = {pair: sp.Symbol(f"S_{pair[0]}{pair[1]}") for pair in names}
    F = _g**2 / 2 * sum(Q[p] * X[p] + _gamma * S[p] * S[p[::-1]] for p in names)
    order = sorted({*Q.values(), *X.values(), *S.values()}, key=str)
    # Stationarity of −F(O) + Ô·O − … in O fixes Ô = ∂F; Euler: −F + O·∂F = +F.
    require_equal(sum(o * sp.diff(F, o) for o in order) - F, F, "Euler")

    # Per site, o = (φ_aφ_b, x̂_aφ_b, x̂_a x̂_b); diagonal and off-diagonal entries once each.
    xhat, phi = _site("xhat", 1), _site("phi", 1)
    local = {Q[a, b]: phi[a] * phi[b] for a, b in names if a <= b}
    local |= {X[a, b]: xhat[a] * xhat[b] for a, b in names if a <= b}
    local |= {S[a, b]: xhat[a] * phi[b] for a, b in names}
    r = {pair: sp.Symbol(f"r_{pair[0]}{pair[1]}", real=True) for pair in names}
    exponent = -sum(value * sp.diff(F, o) for o, value in local.items())
    exponent = exponent.subs({S[p]: -I * r[p] for p in names})
    expected = sum(
        -(_g**2) / 2 * (Q[a, b] * xhat[a] * xhat[b] + X[a, b] * phi[a] * phi[b])
        + I * _g**2 * _gamma * xhat[a] * r[b, a] * phi[b]
        for a, b in names
    )
    require_equal(exponent, expected, "single-site exponent")
