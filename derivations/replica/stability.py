"""Stability of the paramagnetic branch against overlaps between replicas.

To first order in (Q, R, P) the conditional averages ⟨φ⟩ and ⟨y⟩/v are linear in the fields (z, w),
so S = [[Q, R], [R, P]] is mapped to B S̃ Bᵀ with S̃ = g² [[Q, γR], [γR, P]] the covariance of the
fields.  The induced changes of v, k and ΔX only multiply averages that vanish at z = w = 0.
"""

from __future__ import annotations

import sympy as sp

from ..algebra import SingleSite, require_equal, require_zero
from ..registry import check

_g = sp.Symbol("g", positive=True)
_gamma = sp.Symbol("gamma", real=True)
_Q, _R, _P = sp.symbols("Q R P", real=True)
_r, _u, _A = sp.symbols("r u A", real=True)  # u = q/v, A = X v


def _fields() -> sp.Matrix:
    return _g**2 * sp.Matrix([[_Q, _gamma * _R], [_gamma * _R, _P]])


def _map(B: sp.Matrix) -> sp.Matrix:
    """The 3 × 3 matrix of (Q, R, P) → entries of B S̃ Bᵀ."""
    new = (B * _fields() * B.T).applyfunc(sp.expand)
    return sp.Matrix([new[0, 0], new[0, 1], new[1, 1]]).jacobian([_Q, _R, _P])


@check(
    "stability.linear_response",
    "at z = w = 0: ∂(⟨φ⟩, ⟨y⟩/v)/∂(z, w) = [[r, q], [−X, r]], from the saddle-point equations",
)
def linear_response() -> None:
    """Conditional covariances with ⟨φ⟩ = ⟨y⟩ = 0 by parity."""
    site = SingleSite()
    phi, y, v = site.phi, site.y, site.v
    q, r, X = sp.symbols("q r X", real=True)
    parity = {site.mean(phi): 0, site.mean(y): 0}
    saddle = {
        site.mean(phi**2): q,
        site.mean(y * phi): r * v,
        site.mean(y**2): v - X * v**2,
    }
    B = sp.Matrix(
        [
            [site.mean_slope(observable, field) for field in (site.z, site.w)]
            for observable in (phi, y / v)
        ]
    )
    B = B.applyfunc(sp.expand).subs(parity).subs(saddle)
    require_equal(B, sp.Matrix([[r, q], [-X, r]]), "B")
    # The weight and ⟨φ⟩, ⟨y⟩ stay odd under (x, z, w) → −(x, z, w) at any v, k, ΔX, so these
    # change ⟨φ⟩ and ⟨y⟩ only in products with z and w: second order in S.
    flip = {s: -s for s in (site.x, phi, y, site.z, site.w)}
    weight = site.log_weight
    require_zero(weight.subs(flip, simultaneous=True) - weight, "symmetry")


@check(
    "stability.covariance_map",
    "⟨φ⟩, ⟨y⟩/v = B(z, w): Q, R, P become the entries of B S̃ Bᵀ",
)
def covariance_map() -> None:
    """Q = E⟨φ⟩², R = E⟨φ⟩⟨y⟩/v, P = E(⟨y⟩/v)² with the second moments of the fields."""
    z, w = sp.symbols("z w", real=True)
    B = sp.Matrix(2, 2, sp.symbols("b00 b01 b10 b11", real=True))
    averages = B * sp.Matrix([z, w])
    fields = _fields()
    second = {z**2: fields[0, 0], z * w: fields[0, 1], w**2: fields[1, 1]}

    def over_fields(expression: sp.Expr) -> sp.Expr:
        polynomial = sp.Poly(sp.expand(expression), z, w)
        return sum(c * second[z**i * w**j] for (i, j), c in polynomial.terms())

    new = (averages * averages.T).applyfunc(over_fields)
    require_equal(new, B * fields * B.T)


@check(
    "stability.positive_cone",
    "S̃ = g²[(1+γ)/2 S + (1−γ)/2 Z S Z]: congruences of weight ≥ 0, so S ≥ 0 stays ≥ 0",
)
def positive_cone() -> None:
    """Hence the largest modulus is a real eigenvalue (Perron–Frobenius on the cone S ≥ 0)."""
    S, Z = sp.Matrix([[_Q, _R], [_R, _P]]), sp.diag(1, -1)
    split = _g**2 * ((1 + _gamma) / 2 * S + (1 - _gamma) / 2 * Z * S * Z)
    require_equal(_fields(), split)


@check("stability.regime_one", "regime I: eigenvalues g²G², γg²G², g²G²; 1 at g(1+γ) = 1")
def regime_one() -> None:
    """A = 0 makes the map triangular, r = G and u = q/v = G²."""
    G = sp.Symbol("G", positive=True)
    matrix = _map(sp.Matrix([[G, G**2], [0, G]]))
    mu = sp.Symbol("mu")
    expected = (mu - _g**2 * G**2) ** 2 * (mu - _gamma * _g**2 * G**2)
    require_equal(matrix.charpoly(mu).as_expr(), expected, "eigenvalues")
    line = {G: 1 + _gamma, _g: 1 / (1 + _gamma)}
    require_equal((_g**2 * G**2).subs(line), sp.S.One, "on the line")


@check(
    "stability.regime_two",
    "regime II: 1 is an eigenvalue with a positive definite eigenvector, hence the spectral radius",
)
def regime_two() -> None:
    """A positive map with a fixed point inside the cone has spectral radius 1.

    u = 1/g², A = 1 − g²r² > 0, r = 1/(g²(1+γ)); only det B = r² + A/g² = 1/g² matters.
    """
    r = 1 / (_g**2 * (1 + _gamma))
    A = 1 - _g**2 * r**2
    matrix = _map(sp.Matrix([[r, 1 / _g**2], [-A, r]]))
    excess = matrix - sp.eye(3)
    require_zero(excess.det(), "eigenvalue 1")
    # det B = r² + A/g² = 1/g²: the map of S has determinant γ (g² det B)³ = γ.
    require_equal(matrix.det(), _gamma, "determinant")
    (vector,) = excess.applyfunc(sp.factor).nullspace()
    vector = (vector / vector[0]).applyfunc(sp.factor)
    require_zero((excess * vector).applyfunc(sp.factor), "eigenvector")
    # S = diag(1, g²A): positive definite exactly where A > 0.
    require_equal(vector, sp.Matrix([1, 0, _g**2 * A]), "S")


@check(
    "stability.intermediate_branch",
    "regime II formulas with A < 0 (γ < 0, between the lines): an eigenvalue above 1, unstable",
)
def intermediate_branch() -> None:
    """Beside μ = 1 the eigenvalues solve μ² − (2/(g²(1+γ)) − 1 − γ)μ + γ = 0, which is 2(1+γ)A
    at μ = 1: negative for A < 0, so that a real root lies above 1.
    """
    r, mu = 1 / (_g**2 * (1 + _gamma)), sp.Symbol("mu")
    A = 1 - _g**2 * r**2
    characteristic = _map(sp.Matrix([[r, 1 / _g**2], [-A, r]])).charpoly(mu).as_expr()
    rest = mu**2 - (2 / (_g**2 * (1 + _gamma)) - 1 - _gamma) * mu + _gamma
    require_zero(characteristic - (mu - 1) * rest, "factors")
    require_equal(rest.subs(mu, 1), 2 * (1 + _gamma) * A, "at 1")
