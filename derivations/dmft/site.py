"""The single-site equations: the expansion of `cavity`, averaged over row and column 0 of J.

R_φh here is the mean diagonal of δφ_i(t)/δ(field in h_j at s), and so on.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy import Expr, Matrix, Symbol

from ..algebra import double_factorial_moment, require_zero
from ..registry import check
from .cavity import symbols

_g = Symbol("g", positive=True)
_gamma = Symbol("gamma", real=True)


@dataclass(frozen=True)
class Site:
    """Symbols of a single site at the last of the times.

    φ_s and f_s of the neuron, and the responses at time t to unit fields of one step s.
    """

    phi: Matrix
    f: Matrix
    phi_h: Matrix
    phi_u: Matrix
    f_h: Matrix
    f_u: Matrix


def site_of_means(phi: Expr, f: Expr, phi_h: Expr, phi_u: Expr, f_h: Expr, f_u: Expr) -> Site:
    """A site at a single time, from numbers."""
    return Site(*(Matrix([entry]) for entry in (phi, f, phi_h, phi_u, f_h, f_u)))


def memory_of_h(site: Site) -> Expr:
    """g²Σ R_φu f + γg²Σ R_φh φ."""
    return _g**2 * (site.phi_u.dot(site.f) + _gamma * site.phi_h.dot(site.phi))


def memory_of_u(site: Site) -> Expr:
    """g²Σ R_fh φ + γg²Σ R_fu f."""
    return _g**2 * (site.f_h.dot(site.phi) + _gamma * site.f_u.dot(site.f))


def field_covariance(pp: Expr, pf: Expr, ff: Expr) -> tuple[Expr, Expr, Expr]:
    """⟨η_hη_h⟩, ⟨η_hη_u⟩ and ⟨η_uη_u⟩ from ⟨φφ⟩, ⟨φf⟩ and ⟨ff⟩."""
    return _g**2 * pp, _gamma * _g**2 * pf, _g**2 * ff


class Row:
    """Row J_0i and column J_i0 of the neuron 0, and exact averages over them.

    J_0i = (g/√n) a_i and J_i0 = (g/√n)(γ a_i + √(1−γ²) b_i), a and b standard normal.
    """

    def __init__(self, n: int) -> None:
        self._a = sp.symbols(f"a_1:{n + 1}", real=True)
        self._b = sp.symbols(f"b_1:{n + 1}", real=True)
        self._other = Symbol("rho", positive=True)  # √(1−γ²)
        scale = _g / sp.sqrt(n)
        self.outgoing = Matrix(
            [scale * (_gamma * a + self._other * b) for a, b in zip(self._a, self._b, strict=True)]
        )
        self.incoming = Matrix([scale * a for a in self._a])

    def mean(self, expression: Expr) -> Expr:
        """Average of a polynomial in the couplings of neuron 0."""
        normals = (*self._a, *self._b)
        terms = sp.Poly(sp.expand(expression), *normals, self._other).terms()
        return sp.expand(
            sum(
                coefficient
                * sp.prod(double_factorial_moment(k) for k in powers[:-1])
                * (1 - _gamma**2) ** sp.Rational(powers[-1], 2)
                for powers, coefficient in terms
            )
        )


@check(
    "site.memory",
    "⟨J_0i²⟩ = ⟨J_i0²⟩ = g²/n, ⟨J_0i J_i0⟩ = γg²/n: mean memory of h g²R_φu f + γg²R_φh φ,"
    " of u g²R_fh φ + γg²R_fu f, R the mean of the diagonal",
)
def memory() -> None:
    """The second order of cavity.expansion, averaged over row and column 0 (n = 3)."""
    n = 3
    row = Row(n)
    scale = _g**2 / n * sp.eye(n)
    for name, left, right, expected in (
        ("J_0i J_0j", row.incoming, row.incoming, scale),
        ("J_i0 J_j0", row.outgoing, row.outgoing, scale),
        ("J_0i J_j0", row.incoming, row.outgoing, _gamma * scale),
    ):
        require_zero((left * right.T).applyfunc(row.mean) - expected, name)
    names = ("phi_h", "phi_u", "f_h", "f_u")
    whole = {name: symbols(f"R_{name}", n, n) for name in names}
    phi_0, f_0 = sp.symbols("phi_0 f_0", real=True)
    site = site_of_means(phi_0, f_0, *(whole[name].trace() / n for name in names))
    into, out = row.incoming, row.outgoing
    h = into.dot(whole["phi_h"] * out * phi_0 + whole["phi_u"] * into * f_0)
    u = out.dot(whole["f_h"] * out * phi_0 + whole["f_u"] * into * f_0)
    require_zero(row.mean(h) - memory_of_h(site), "h")
    require_zero(row.mean(u) - memory_of_u(site), "u")


@check(
    "site.fields",
    "⟨η_hη_h⟩ = g²⟨φφ⟩, ⟨η_uη_u⟩ = g²⟨ff⟩, ⟨η_hη_u⟩ = γg²⟨φf⟩, uncorrelated with the second order",
)
def fields() -> None:
    """η_h = ΣJ_0iφ_i and η_u = ΣJ_i0f_i of the undisturbed rest at two times: Gaussian, n = 3."""
    n = 3
    row = Row(n)
    phi, later_phi, f, later_f = (symbols(name, n) for name in ("phi", "phi'", "f", "f'"))
    hh = row.mean(row.incoming.dot(phi) * row.incoming.dot(later_phi))
    hu = row.mean(row.incoming.dot(phi) * row.outgoing.dot(later_f))
    uu = row.mean(row.outgoing.dot(f) * row.outgoing.dot(later_f))
    means = (phi.dot(later_phi) / n, phi.dot(later_f) / n, f.dot(later_f) / n)
    for name, one, expected in zip(
        ("hh", "hu", "uu"), (hh, hu, uu), field_covariance(*means), strict=True
    ):
        require_zero(one - expected, name)
    whole = symbols("R", n, n)
    for weights in (row.incoming, row.outgoing):
        answer = weights.dot(whole * row.outgoing)
        require_zero(row.mean(row.incoming.dot(phi) * answer), "third moment, h")
        require_zero(row.mean(row.outgoing.dot(f) * answer), "third moment, u")


@check(
    "site.self_averaging",
    "the memory varies by O(1/N): Var ΣJ_0iR_ijJ_j0 = (g⁴/N²)Σ(R_ij² + γ²R_ijR_ji), the other two"
    " alike; R_ii = O(1), R_ij = O(N^(−1/2))",
)
def self_averaging() -> None:
    """Isserlis for n = 2, 3, exactly, and the size of the sums for R_ii = a, R_ij = b/√N."""
    N, a, b = sp.symbols("N a b", positive=True)
    for n in (2, 3):
        row, R = Row(n), symbols("R", n, n)
        square, exchange = (R.T * R).trace(), (R * R).trace()
        for name, left, right, expected in (
            ("γ", row.incoming, row.outgoing, square + _gamma**2 * exchange),
            ("1, row", row.incoming, row.incoming, square + exchange),
            ("1, column", row.outgoing, row.outgoing, square + exchange),
        ):
            form = left.dot(R * right)
            variance = row.mean(form**2) - row.mean(form) ** 2
            require_zero(variance - _g**4 / n**2 * expected, f"{name}, n = {n}")
    # Both sums are at most N a² + N(N−1) b²/N.
    bound = sp.expand(2 * _g**4 / N**2 * (N * a**2 + N * (N - 1) * b**2 / N))
    require_zero(sp.limit(bound, N, sp.oo), "N → ∞")
    require_zero(sp.limit(N * bound, N, sp.oo) - 2 * _g**4 * (a**2 + b**2), "O(1/N)")
