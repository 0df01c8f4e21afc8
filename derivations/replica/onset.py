"""How the static branch leaves x = 0, and why it is unstable beyond.

Near onset φ = x − (c/2)x³ and z ~ N(0, g²Q) with Q → 0; φ(x*) = a z + B z³ + O(z⁵) where
x* = z + kφ(x*), k = g²γG.
"""

from __future__ import annotations

import sympy as sp

from ..algebra import SingleSite, gaussian_mean, require_equal, require_positive, require_zero
from ..registry import check

_g, _c, _Q = sp.symbols("g c Q", positive=True)
_gamma, _G, _k, _z = sp.symbols("gamma G k z", real=True)


def onset_slope() -> sp.Expr:
    """dQ/d(g(1+γ)) at onset, 2/(3c) in the symbol c: 1 for tanh."""
    return 2 / (3 * _c)


def _truncate(expression: sp.Expr, symbol: sp.Symbol, order: int) -> sp.Expr:
    polynomial = sp.Poly(sp.expand(expression), symbol)
    return sum(coefficient * symbol**n for (n,), coefficient in polynomial.terms() if n <= order)


@check(
    "onset.null_boundary",
    "Q = 0: φ'/y' = G = 1/(1−γg²G), K = G²; g²K = 1 is gG = 1, that is g(1+γ) = 1",
)
def null_boundary() -> None:
    """x* = 0 there; gG = 1 in the quadratic for G gives G = 1 + γ."""
    k = _gamma * _g**2 * _G
    quadratic = _gamma * _g**2 * _G**2 - _G + 1
    require_equal((1 - k) * (1 / (1 - k) - _G), quadratic, "G = 1/(1−k)")
    at = sp.solve(quadratic.subs(_g, 1 / _G), _G)
    require_equal(sp.Matrix(at), sp.Matrix([1 + _gamma]), "G at gG = 1")
    # Conversely, on the line the quadratic has the roots 1 + γ and (1+γ)/γ; the first is physical.
    line = quadratic.subs(_g, 1 / (1 + _gamma))
    expected = _gamma * (_G - 1 - _gamma) * (_G - (1 + _gamma) / _gamma) / (1 + _gamma) ** 2
    require_equal(line, expected, "roots on the line")


@check(
    "onset.amplitude",
    "Q ≈ (2/(3c))(g(1+γ) − 1), for tanh Q ≈ g(1+γ) − 1; and G ≈ 1/g beyond the line",
)
def amplitude() -> None:
    """Both equations to first order in ε = g(1+γ) − 1 with Q, δG of order ε."""
    a = 1 / (1 - _k)
    B = -_c / 2 * a**4
    # x* = z + kφ(x*), φ(x*) = a z + B z³: the remainder is of order z⁵.
    phi_star = a * _z + B * _z**3
    x_star = _z + _k * phi_star
    remainder = sp.expand(phi_star - (x_star - _c / 2 * x_star**3))
    for power in (1, 3):
        require_zero(remainder.coeff(_z, power), f"z^{power}")
    variance = _g**2 * _Q
    # E φ² = Q divided by Q, and G = E dφ/dz, each up to order Q.
    square = sp.expand(_truncate(gaussian_mean(phi_star**2, _z, variance), _Q, 2) / _Q)
    response = gaussian_mean(sp.diff(phi_star, _z), _z, variance)
    epsilon, Q1, G1 = sp.symbols("epsilon Q1 G1")
    small = {
        _g: (1 + epsilon) / (1 + _gamma),
        _Q: Q1 * epsilon,
        _G: (1 + _gamma) * (1 + G1 * epsilon),
    }
    equations = []
    for equation in (square - 1, response - _G):
        along = equation.subs(_k, _g**2 * _gamma * _G).subs(small, simultaneous=True)
        require_zero(along.subs(epsilon, 0), "order 0")
        equations.append(sp.factor(sp.diff(along, epsilon).subs(epsilon, 0)))
    ((slope, response_slope),) = sp.linsolve(equations, [Q1, G1])
    require_equal(slope, onset_slope(), "Q")
    require_equal(slope.subs(_c, sp.Rational(2, 3)), sp.S.One, "Q for tanh")
    require_equal(response_slope, -sp.S.One, "G = (1+γ)(1 − ε)")


@check(
    "onset.null_stretch",
    "Q → 0 of the static ΔX is 3c g²γG⁴/(1−g²G²), the X of regime I, and R = P = 0",
)
def null_stretch() -> None:
    """The static linear system at x* → 0, where φ''/z → −3cG and φ'/y' → G."""
    X, R = sp.symbols("X R", real=True)
    variance = _g**2 * _Q
    phi, ratio, bend, c = _G * _z, _G, -3 * _c * _G * _z * _G**2, -3 * _c * _G * _z * _G**3
    # y' = 1/G; φ''/y'² = bend and φ''/y'³ = c to leading order in z; tilt = γR/Q.
    tilt = _gamma * R / _Q
    k = _g**2 * _gamma * _G

    def mean(expression: sp.Expr) -> sp.Expr:
        return gaussian_mean(expression, _z, variance)

    overlap = (
        tilt * mean(_z * phi * ratio) - _g**2 * X * mean(phi**2) * ratio + k * mean(phi * bend)
    )
    stretch = -tilt * mean(_z * c) + _g**2 * X * (ratio**2 + mean(phi * c))
    stretch -= k / variance * mean(_z * bend)
    at_zero = [sp.limit(sp.expand(e), _Q, 0) for e in (R - overlap, X - stretch)]
    ((R0, X0),) = sp.linsolve(at_zero, [R, X])
    expected = 3 * _c * _g**2 * _gamma * _G**4 / (1 - _g**2 * _G**2)
    require_zero(R0, "R")
    require_equal(X0, expected, "ΔX")
    force = -(_g**2) * X * phi * ratio + k * bend
    require_zero(mean(force**2).subs(_Q, 0), "P")


@check(
    "onset.response_peak",
    "γ > 0: dG/dε = 2γ(1+γ)/(1−γ) below the line and −(1+γ) beyond: G peaks there at 1+γ",
)
def response_peak() -> None:
    """Implicit derivative of γg²G² − G + 1 = 0 at g = 1/(1+γ), G = 1 + γ."""
    quadratic = _gamma * _g**2 * _G**2 - _G + 1
    rate = -sp.diff(quadratic, _g) / sp.diff(quadratic, _G) / (1 + _gamma)  # dg = dε/(1+γ)
    at_line = rate.subs({_g: 1 / (1 + _gamma), _G: 1 + _gamma})
    require_equal(at_line, 2 * _gamma * (1 + _gamma) / (1 - _gamma), "below the line")


@check(
    "onset.instability",
    "g²K ≥ 1 on the whole branch Q > 0 (Gaussian Poincaré, every Hermite order), = 1 for linear φ",
)
def instability() -> None:
    """φ(x*(z)) = Σ c_n He_n(z/s), s² = g²Q: Q = Σ n! c_n², g²Q K = s² E[(dφ/dz)²] = Σ n n! c_n².

    φ is odd, so n ≥ 1 and g²K − 1 = Σ (n−1) n! c_n² / Q ≥ 0, with equality only where
    φ(x*) is linear in z: the branch is unstable as soon as it has left x = 0.
    """
    n = sp.Symbol("n", integer=True, positive=True)
    norm = sp.factorial(n)  # E He_n² = n!
    derivative = n**2 * sp.factorial(n - 1)  # He_n' = n He_(n−1)
    require_zero(sp.gammasimp((derivative / norm).rewrite(sp.gamma)) - n, "ratio of the terms")
    m = sp.Symbol("m", integer=True, nonnegative=True)
    require_zero((n - 1).subs(n, 1), "n = 1 contributes 0")
    require_positive((n - 1).subs(n, m + 2), "n ≥ 2")
    # He_n' = n He_(n−1) and E He_m He_n = n! δ_mn, on which this rests, for n ≤ 6.
    s = sp.Symbol("s", real=True)
    hermite = [sp.expand(2 ** sp.Rational(-j, 2) * sp.hermite(j, s / sp.sqrt(2))) for j in range(7)]
    for j, one in enumerate(hermite):
        if j:
            require_zero(sp.diff(one, s) - j * hermite[j - 1], f"derivative of He_{j}")
        for i, two in enumerate(hermite):
            expected = sp.factorial(j) if i == j else sp.S.Zero
            require_zero(gaussian_mean(one * two, s) - expected, f"product {i}, {j}")


@check(
    "onset.replicon",
    "static branch, v → 0: the map of (δQ, δR, δP) has eigenvalues g²K, γg²K, g²K",
)
def replicon() -> None:
    """B = ∂(⟨φ⟩, ⟨y⟩/v)/∂(z, w) → [[φ'/y', 0], [D²L, φ'/y']] by the Laplace expansion.

    The averages over the fields replace (φ'/y')² by K.
    """
    ratio, curvature = sp.symbols("ratio curvature", real=True)
    site = SingleSite()
    phi, y, v = site.phi, site.y, site.v
    # Leading orders, as in laplace.fluctuations and laplace.tree_level.
    averages = {site.mean(phi): sp.Symbol("f"), site.mean(y): v * sp.Symbol("drive")}
    covariances = {(phi, phi): v * ratio**2, (y, phi): v * ratio, (y, y): v + v**2 * curvature}
    second = {
        site.mean(a * b): c + site.mean(a) * site.mean(b) for (a, b), c in covariances.items()
    }
    for i, observable in enumerate((phi, y / v)):
        for j, field in enumerate((site.z, site.w)):
            slope = sp.expand(site.mean_slope(observable, field)).subs(second).subs(averages)
            expected = (ratio, sp.S.Zero, curvature, ratio)[2 * i + j]
            require_zero(sp.limit(sp.expand(slope), v, 0) - expected, f"B[{i}, {j}]")
    dQ, dR, dP = sp.symbols("delta_Q delta_R delta_P", real=True)
    B = sp.Matrix([[ratio, 0], [curvature, ratio]])
    fields = _g**2 * sp.Matrix([[dQ, _gamma * dR], [_gamma * dR, dP]])
    new = B * fields * B.T
    matrix = sp.Matrix([new[0, 0], new[0, 1], new[1, 1]]).jacobian([dQ, dR, dP])
    for i in range(3):
        for j in range(i + 1, 3):
            require_zero(matrix[i, j], "triangular")
    expected = _g**2 * ratio**2 * sp.Matrix([1, _gamma, 1])
    require_equal(sp.Matrix([matrix[i, i] for i in range(3)]), expected, "diagonal")
