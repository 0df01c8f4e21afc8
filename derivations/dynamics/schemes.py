"""Explicit integration schemes: order conditions, stability polynomials, real stability intervals.

The real stability interval ℓ of a scheme is the largest one with |R(z)| ≤ 1 on −ℓ ≤ z ≤ 0, where
x' = R(hλ) x is one step of ẋ = λx.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy import Expr, Matrix, Rational

from ..algebra import require_equal, require_positive, require_zero
from ..registry import check

_z, _rho = sp.symbols("z rho")
_h = sp.Symbol("h", positive=True)


@dataclass(frozen=True)
class Tableau:
    """Butcher tableau of an explicit Runge–Kutta scheme: strictly lower matrix A, weights b."""

    A: Matrix
    b: Matrix

    @property
    def c(self) -> Matrix:
        """Nodes, the row sums of A."""
        return self.A * sp.ones(self.A.rows, 1)

    def stability_polynomial(self) -> Expr:
        """R(z) = 1 + z bᵀ(1 − zA)⁻¹1; the series in zA ends."""
        stages = sum(((_z * self.A) ** k for k in range(1, self.A.rows)), sp.eye(self.A.rows))
        return sp.expand(1 + _z * (self.b.T * stages * sp.ones(self.A.rows, 1))[0])

    def order_conditions(self) -> dict[int, list[Expr]]:
        """What must vanish at each order 1…4, one entry for each rooted tree."""
        A, b, c, one = self.A, self.b, self.c, sp.ones(self.A.rows, 1)

        def weight(*factors: Matrix) -> Expr:
            product = one
            for factor in factors:
                product = product.multiply_elementwise(factor)
            return b.dot(product)

        return {
            1: [weight() - 1],
            2: [weight(c) - Rational(1, 2)],
            3: [weight(c, c) - Rational(1, 3), weight(A * c) - Rational(1, 6)],
            4: [
                weight(c, c, c) - Rational(1, 4),
                weight(c, A * c) - Rational(1, 8),
                weight(A * c.multiply_elementwise(c)) - Rational(1, 12),
                weight(A * A * c) - Rational(1, 24),
            ],
        }


EULER = Tableau(Matrix([[0]]), Matrix([1]))
HEUN = Tableau(Matrix([[0, 0], [1, 0]]), Matrix([1, 1]) / 2)
RK4 = Tableau(
    Matrix([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0]]) / 2, Matrix([1, 2, 2, 1]) / 6
)


def rk4_interval() -> Expr:
    """Real stability interval of RK4: [4 + ∛(36√29 + 172) − ∛(36√29 − 172)]/3 = 2.78529…"""
    root = 36 * sp.sqrt(29)
    return (4 + sp.cbrt(root + 172) - sp.cbrt(root - 172)) / 3


def exponential_weights(h: Expr) -> tuple[Expr, Expr]:
    """Weights (c1, c2) of exponential Adams–Bashforth 2 for ẋ = −x + N.

    x_n+1 = e^(−h) x_n + h(c1 N_n + c2 N_n−1), c1 = [2h − 1 + (1−h)e^(−h)]/h²,
    c2 = [1 − h − e^(−h)]/h².
    """
    decay = sp.exp(-h)
    return (2 * h - 1 + (1 - h) * decay) / h**2, (1 - h - decay) / h**2


@check("schemes.orders", "order conditions (rooted trees): Euler 1, Heun 2, RK4 4, and no higher")
def orders() -> None:
    """All conditions up to the order hold; one of the next does not."""
    for tableau, order in ((EULER, 1), (HEUN, 2), (RK4, 4)):
        conditions = tableau.order_conditions()
        for p in range(1, order + 1):
            for i, remainder in enumerate(conditions[p]):
                require_zero(remainder, f"order {p}, tree {i}")
        exponential = sp.series(sp.exp(_z), _z, 0, order + 1).removeO()
        require_zero(
            sp.series(tableau.stability_polynomial() - exponential, _z, 0, order + 1).removeO(),
            "R(z) = e^z + O(z^(p+1))",
        )
    # The first failures: Σb c = 0, Σb c² = 1/2 and, at order 5, Σb c⁴ = 5/24.
    require_equal(EULER.order_conditions()[2][0], -Rational(1, 2), "Euler")
    require_equal(HEUN.order_conditions()[3][0], Rational(1, 6), "Heun")
    fourth = sum(b * c**4 for b, c in zip(RK4.b, RK4.c, strict=True))
    require_equal(fourth - Rational(1, 5), Rational(1, 120), "RK4")


@check(
    "schemes.real_intervals",
    "Euler 2, Heun 2, RK4 [4 + ∛(36√29+172) − ∛(36√29−172)]/3 = 2.7853",
)
def real_intervals() -> None:
    """|R(−y)| ≤ 1 by the signs of 1 − R and 1 + R for y ≥ 0."""
    y = sp.Symbol("y", real=True)
    euler, heun, rk4 = (t.stability_polynomial().subs(_z, -y) for t in (EULER, HEUN, RK4))
    require_equal(1 - euler**2, y * (2 - y), "Euler")
    # 1 + R > 0 always, for Heun and RK4 as sums of squares.
    require_equal(1 - heun, y * (2 - y) / 2, "Heun, upper")
    require_equal(1 + heun, ((y - 1) ** 2 + 3) / 2, "Heun, lower")
    lower = ((y**2 - 2 * y) ** 2 + 8 * (y - Rational(3, 2)) ** 2 + 30) / 24
    require_equal(1 + rk4, lower, "RK4, lower")
    cubic = y**3 - 4 * y**2 + 12 * y - 24
    require_equal(1 - rk4, -y * cubic / 24, "RK4, upper")
    # The cubic increases (slope 3(y − 4/3)² + 20/3): one root, by Cardano the closed form.
    require_equal(sp.diff(cubic, y), 3 * (y - Rational(4, 3)) ** 2 + Rational(20, 3), "increasing")
    p, q = sp.symbols("p q", positive=True)  # the two cube roots
    at_root = sp.Poly(sp.expand(cubic.subs(y, (4 + p - q) / 3)), p, q)
    # (p − q)³ = p³ − q³ − 3pq(p − q), with p³ − q³ = 344 and pq = ∛(36²·29 − 172²) = 20.
    by_hand = (p**3 - q**3 - 344 - 3 * (p * q - 20) * (p - q)) / 27
    require_zero(at_root.as_expr() - by_hand, "Cardano")
    radical = 36 * sp.sqrt(29)
    require_equal((radical + 172) - (radical - 172), sp.Integer(344), "p³ − q³")
    require_equal(sp.expand((radical + 172) * (radical - 172)), sp.Integer(20) ** 3, "(pq)³")
    require_equal(rk4_interval(), (4 + sp.cbrt(radical + 172) - sp.cbrt(radical - 172)) / 3, "ℓ")
    require_positive(Rational(1, 10**4) - abs(rk4_interval() - Rational(27853, 10**4)), "2.7853")


@check(
    "schemes.exponential_weights",
    "exponential AB2 for ẋ = −x + N, N linear in t: x' = e^(−h)x + h(c1 N_n + c2 N_n−1),"
    " c1 = [2h − 1 + (1−h)e^(−h)]/h², c2 = [1 − h − e^(−h)]/h²",
)
def exponential_weights_follow() -> None:
    """∫₀ʰ e^(−(h−t)) [N_n + (N_n − N_n−1) t/h] dt, done by sympy."""
    t, now, before = sp.symbols("t N_n N_nm1", real=True)
    line = now + (now - before) * t / _h
    integral = sp.expand(sp.integrate(sp.exp(t - _h) * line, (t, 0, _h)))
    c1, c2 = exponential_weights(_h)
    require_zero(sp.simplify(integral.coeff(now) - _h * c1), "c1")
    require_zero(sp.simplify(integral.coeff(before) - _h * c2), "c2")
    require_equal(sp.limit(c1, _h, 0), Rational(3, 2), "AB2, c1")
    require_equal(sp.limit(c2, _h, 0), -Rational(1, 2), "AB2, c2")
    # A constant N has the exact fixed point x = N: h(c1 + c2) = 1 − e^(−h).
    require_equal(_h * (c1 + c2), 1 - sp.exp(-_h), "fixed point")


@check(
    "schemes.exponential_order",
    "exponential AB2: exact for N of degree 1, local error (5/12)h³N'' + O(h⁴): second order",
)
def exponential_order() -> None:
    """x(h) − x' for N = 1, t, t² at times 0 and −h, from the exact solution."""
    t = sp.Symbol("t", real=True)
    c1, c2 = exponential_weights(_h)
    for degree, expected in ((0, 0), (1, 0)):
        require_zero(sp.simplify(_local_error(t**degree, t, c1, c2) - expected), f"t^{degree}")
    # N = t²/2 has N'' = 1.
    error = _local_error(t**2 / 2, t, c1, c2)
    require_equal(sp.limit(error / _h**3, _h, 0), Rational(5, 12), "N''")


def _local_error(source: Expr, t: sp.Symbol, c1: Expr, c2: Expr) -> Expr:
    exact = sp.integrate(sp.exp(t - _h) * source, (t, 0, _h))
    return exact - _h * (c1 * source.subs(t, 0) + c2 * source.subs(t, -_h))


@check(
    "schemes.multistep_intervals",
    "N = −μx: AB2 is stable for 0 < h(1+μ) < 1, exponential AB2 for −1 < μ < (1+e^(−h))/[h(c1−c2)]",
)
def multistep_intervals() -> None:
    """Schur–Cohn: the roots of ρ² + a1ρ + a0 lie inside for 1 ± a1 + a0 > 0, 1 − a0 > 0."""
    mu, z = sp.symbols("mu z", real=True)
    c1, c2 = exponential_weights(_h)
    ab2 = sp.Poly(_rho**2 - _rho - z * (Rational(3, 2) * _rho - Rational(1, 2)), _rho)
    require_equal(ab2.eval(1), -z, "AB2 at ρ = 1")
    require_equal(ab2.eval(-1), 2 * (1 + z), "AB2 at ρ = −1")
    require_equal(1 - ab2.eval(0), 1 - z / 2, "AB2, product of the roots")
    decay = sp.exp(-_h)
    polynomial = _rho**2 - decay * _rho + _h * mu * (c1 * _rho + c2)
    at_one, at_minus = polynomial.subs(_rho, 1), polynomial.subs(_rho, -1)
    # At ρ = 1 the condition is μ > −1 whatever h: the linear instability is where it should be.
    require_zero(sp.simplify(at_one - (1 - decay) * (1 + mu)), "at ρ = 1")
    limit = (1 + decay) / (_h * (c1 - c2))
    require_zero(sp.simplify(at_minus.subs(mu, limit)), "at ρ = −1")
    # 1 − a0 = 1 − hμc2 with c2 < 0: e^(−h) > 1 − h.  For −1 < μ < 0, h|c2| < 1 suffices.
    require_zero(sp.simplify(-_h * c2 - (1 - (1 - decay) / _h)), "h|c2| < 1")
    # As h → 0 the limit on hμ is that of AB2.
    require_equal(sp.limit(_h * limit, _h, 0), sp.S.One, "AB2 limit")
