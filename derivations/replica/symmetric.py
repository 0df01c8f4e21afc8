"""Replica symmetry and n → 0.

Diagonal and off-diagonal values: (q, Q), (r, R), (X_d, −P).  With v = 1/β + g²(q−Q), G = r − R,
ΔX = X_d + P, the coupling of the replicas decouples exactly, at every n, by two Gaussian fields
(z, w) of covariance g² [[Q, γR], [γR, P]]; then n → 0 turns ln E Zⁿ / n into E ln Z.

Symmetric matrices a 1 + b J, J all ones with J² = n J, are pairs (a, b) here; n is a symbol.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy import I, Rational

from ..algebra import require_equal, require_zero
from ..registry import check

_g, _beta, _n = sp.symbols("g beta n", positive=True)
_gamma = sp.Symbol("gamma", real=True)
_q, _Q, _r, _R, _Xd, _P = sp.symbols("q Q r R X_d P", real=True)
_v = 1 / _beta + _g**2 * (_q - _Q)
_k = _g**2 * _gamma * (_r - _R)
_delta_x = _Xd + _P


@dataclass(frozen=True)
class RSMatrix:
    """The n × n matrix a 1 + b J."""

    a: sp.Expr
    b: sp.Expr

    def __matmul__(self, other: RSMatrix) -> RSMatrix:
        cross = self.a * other.b + self.b * other.a
        return RSMatrix(self.a * other.a, cross + _n * self.b * other.b)

    def __add__(self, other: RSMatrix) -> RSMatrix:
        return RSMatrix(self.a + other.a, self.b + other.b)

    def times(self, factor: sp.Expr) -> RSMatrix:
        """The matrix times a number."""
        return RSMatrix(factor * self.a, factor * self.b)

    def inverse(self) -> RSMatrix:
        """(1/a) 1 − b/(a(a + nb)) J; proved by the check `symmetric.inverse`."""
        return RSMatrix(1 / self.a, -self.b / (self.a * (self.a + _n * self.b)))

    def determinant(self) -> sp.Expr:
        """a^(n−1) (a + nb); proved by the check `symmetric.determinant`."""
        return self.a ** (_n - 1) * (self.a + _n * self.b)

    def explicit(self, size: int) -> sp.Matrix:
        """As a sympy matrix of a given size."""
        return self.a * sp.eye(size) + self.b * sp.ones(size, size)


def _per_replica(expression: sp.Expr) -> sp.Expr:
    """Limit of expression/n as n → 0, for an expression that vanishes there."""
    require_zero(expression.subs(_n, 0), "value at n = 0")
    return sp.diff(expression, _n).subs(_n, 0)


@check("symmetric.inverse", "(v1 + g²Q J)⁻¹ = 1/v − g²Q/(v(v + n g²Q)) J for symbolic n")
def inverse() -> None:
    """The product is the identity, from J² = nJ alone."""
    v, b = sp.symbols("v b", positive=True)
    matrix = RSMatrix(v, b)
    product = matrix @ matrix.inverse()
    require_zero(product.a - 1, "diagonal part")
    require_zero(product.b, "J part")
    # At n → 0: 1/v − (g²Q/v²) J, the matrix of exp(−½ u·M⁻¹u) averaged over z at fixed v.
    require_equal(matrix.inverse().b.subs(_n, 0), -b / v**2, "n = 0")


@check(
    "symmetric.determinant",
    "det(v1 + g²Q J) = v^(n−1)(v + n g²Q) (explicit for n ≤ 5); (1/n) ln det → ln v + g²Q/v",
)
def determinant() -> None:
    """Eigenvalues: v + nb on the uniform vector, v on its complement."""
    v, b = sp.symbols("v b", positive=True)
    matrix = RSMatrix(v, b)
    for size in range(1, 6):
        explicit = matrix.explicit(size).det()
        require_equal(explicit, matrix.determinant().subs(_n, size), f"n = {size}")
    log = (_n - 1) * sp.log(v) + sp.log(v + _n * b)
    require_equal(_per_replica(log), sp.log(v) + b / v, "n → 0")


@check(
    "symmetric.prefactor",
    "(g²/2) Σ_ab (Q_ab X_ab − γ r_ab r_ba)/n → (g²/2)[X_d q + P Q − γ(r² − R²)]",
)
def prefactor() -> None:
    """There are n diagonal and n(n−1) off-diagonal entries; S = −i r makes γ S S = −γ r r."""
    total = _n * (_q * _Xd - _gamma * _r**2) + _n * (_n - 1) * (-_Q * _P - _gamma * _R**2)
    expected = _Xd * _q + _P * _Q - _gamma * (_r**2 - _R**2)
    require_equal(_per_replica(_g**2 / 2 * total), _g**2 / 2 * expected)


@check(
    "symmetric.two_fields",
    "the n-replica weight is E_zw Π_a of single-site weights, Cov(z,w) = g²[[Q,γR],[γR,P]]",
)
def two_fields() -> None:
    """Exact at every n: both sides depend on the replicas through the same sums.

    In the variables x̂ the exponent is a quadratic form; sums over replicas are written
    s = Σ x̂_a, f = Σ φ_a, s2 = Σ x̂_a², f2 = Σ φ_a², c = Σ x̂_aφ_a, d = Σ x̂_a x_a.
    """
    s, f, s2, f2, c, d = sp.symbols("s f s2 f2 c d", real=True)

    def double_sum(diagonal: sp.Expr, off: sp.Expr, same: sp.Expr, product: sp.Expr) -> sp.Expr:
        """Σ_ab M_ab u_a w_b of a symmetric matrix from Σ u_a w_a and (Σ u_a)(Σ w_b)."""
        return (diagonal - off) * same + off * product

    coupled = (
        -s2 / (2 * _beta)
        - I * d
        - _g**2 / 2 * double_sum(_q, _Q, s2, s**2)
        - _g**2 / 2 * double_sum(_Xd, -_P, f2, f**2)
        + I * _g**2 * _gamma * double_sum(_r, _R, c, s * f)
    )
    # Given (z, w): exp(−v x̂²/2 − i x̂ y + wφ − (g²/2)ΔXφ²), y = x − z − kφ, for each replica.
    own = -_v * s2 / 2 - I * (d - _k * c) - _g**2 / 2 * _delta_x * f2
    # The fields enter as exp(i z s + w f): their Gaussian average is half the variance.
    source = sp.Matrix([I * s, f])
    covariance = _g**2 * sp.Matrix([[_Q, _gamma * _R], [_gamma * _R, _P]])
    fields = (source.T * covariance * source)[0] / 2
    require_equal(coupled, own + fields, "exponent")


@check("symmetric.site_weight", "∫dx̂/2π e^(−v x̂²/2 − i x̂ y) = (2πv)^(−1/2) e^(−y²/(2v))")
def site_weight() -> None:
    """The x̂ integral at given fields, which brings the normalisation of the single-site law."""
    conjugate, y = sp.symbols("xhat y", real=True)
    v = sp.Symbol("v", positive=True)
    weight = sp.exp(-v * conjugate**2 / 2 - I * conjugate * y) / (2 * sp.pi)
    integral = sp.integrate(weight, (conjugate, -sp.oo, sp.oo))
    require_equal(sp.simplify(integral), sp.exp(-(y**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v))


@check("symmetric.replica_limit", "(1/n) ln E Zⁿ → E ln Z as n → 0 (three-valued Z)")
def replica_limit() -> None:
    """For a Z of three values with any probabilities; the general case is the same sum."""
    values = sp.symbols("Z1:4", positive=True)
    p1, p2 = sp.symbols("p1 p2", positive=True)
    weights = (p1, p2, 1 - p1 - p2)
    average = sum(p * value**_n for p, value in zip(weights, values, strict=True))
    expected = sum(p * sp.log(value) for p, value in zip(weights, values, strict=True))
    require_equal(sp.simplify(_per_replica(sp.log(average))), expected)


@check(
    "symmetric.linear_consistency",
    "linear φ, symbolic n: determinants of the n replicas as n → 0 equal E ln Z with two fields",
)
def linear_consistency() -> None:
    """A test of the whole chain where every integral is Gaussian (any η)."""
    eta = sp.Symbol("eta", nonnegative=True)
    v, k, dX = sp.symbols("v k DeltaX", positive=True)
    # Replicas: M couples x̂, u = B x with B = 1 − g²γ r_ab; the weight is a Gaussian in x.
    M = RSMatrix(v, _g**2 * _Q)
    B = RSMatrix(1 - k, -(_g**2) * _gamma * _R)
    X = RSMatrix(dX, -_P)
    stiffness = B @ M.inverse() @ B + X.times(_g**2) + RSMatrix(_beta * eta, sp.Integer(0))
    # ∫ Π dx_a/√2π det M^(−1/2) exp(−½ x·Kx) = (det M det K)^(−1/2).
    replicas = -sum(
        Rational(1, 2) * ((_n - 1) * sp.log(m.a) + sp.log(m.a + _n * m.b)) for m in (M, stiffness)
    )
    # One site: exponent −c x²/2 + h x − z²/(2v), c the stiffness and h = (1−k) z/v + w.
    c = (1 - k) ** 2 / v + _g**2 * dX + _beta * eta
    variance = _g**2 * ((1 - k) ** 2 * _Q / v**2 + 2 * (1 - k) * _gamma * _R / v + _P)
    site = -sp.log(v * c) / 2 + variance / (2 * c) - _g**2 * _Q / (2 * v)
    difference = sp.expand_log(_per_replica(replicas) - site, force=True)
    require_zero(difference)
