"""The static branch: β → ∞ with β(q−Q) = χ finite, Laplace expansion around one state.

At v = T(1 + g²χ) → 0 the law of y = x − z − kφ(x) concentrates at y = 0, x = x*(z).  With
y' = 1 − kφ' and D = d/dy = (1/y') d/dx it is exp(−y²/(2v) + L(y)),
L = wφ − (g²/2)ΔXφ² − ln y'.  Averages over z ~ N(0, g²Q) and w remain, Cov(z, w) = g²γR.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from ..algebra import gaussian_mean, require_equal, require_zero
from ..registry import check

_g, _Q = sp.symbols("g Q", positive=True)
_gamma, _G, _R, _P, _chi, _K = sp.symbols("gamma G R P chi K", real=True)
_x, _w, _k, _delta_x = sp.symbols("x w k DeltaX", real=True)
_phi = sp.Function("phi")(_x)
_slope = 1 - _k * sp.diff(_phi, _x)  # y'
_L = _w * _phi - _g**2 / 2 * _delta_x * _phi**2 - sp.log(_slope)


def _D(expression: Expr) -> Expr:
    return sp.diff(expression, _x) / _slope


class _LaplaceLaw:
    """The law exp(−y²/(2v) + L(y)), L by its Taylor coefficients, expanded in e = √v."""

    def __init__(self, order: int) -> None:
        self.order = order
        self.e, self.s = sp.symbols("e s", positive=True)
        self.l = sp.symbols("L1:5", real=True)
        self.y = self.e * self.s
        exponent = self.taylor(sp.S.Zero, self.l)
        exponential = sum(exponent**n / sp.factorial(n) for n in range(5))
        self.weight = self.cut(exponential)

    def taylor(self, value: Expr, slopes: tuple[Expr, ...]) -> Expr:
        """The function of y with a value and derivatives at y = 0."""
        terms = (d * self.y**n / sp.factorial(n) for n, d in enumerate(slopes, 1))
        return value + sum(terms)

    def cut(self, expression: Expr) -> Expr:
        polynomial = sp.Poly(sp.expand(expression), self.e)
        return sum(c * self.e**n for (n,), c in polynomial.terms() if n <= self.order)

    def mean(self, observable: Expr) -> Expr:
        """⟨observable⟩ up to e^order."""
        norm = self.cut(gaussian_mean(self.weight, self.s))
        value = self.cut(gaussian_mean(self.cut(observable * self.weight), self.s))
        excess = norm - 1  # of order e²
        return self.cut(value * (1 - excess + excess**2))

    def covariance(self, one: Expr, two: Expr) -> Expr:
        """Cov(one, two) up to e^order."""
        return self.cut(self.mean(self.cut(one * two)) - self.mean(one) * self.mean(two))

    def leading(self, expression: Expr, power: int) -> Expr:
        """Limit of expression / v^power as v → 0."""
        return sp.expand(expression / self.e ** (2 * power)).subs(self.e, 0)


@check(
    "laplace.change_of_variable",
    "p(x) dx = exp(−y²/(2v) + L) dy; dx*/dz = 1/y', so d/dz = D on functions of x*",
)
def change_of_variable() -> None:
    """The Jacobian dy = y' dx goes into L; x* = z + kφ(x*) is differentiated implicitly."""
    weight = sp.exp(_w * _phi - _g**2 / 2 * _delta_x * _phi**2)
    require_zero(sp.simplify(sp.exp(_L) * _slope / weight) - 1, "Jacobian")
    z = sp.Symbol("z", real=True)
    moved = sp.Function("xs")(z)
    equation = moved - z - _k * _phi.subs(_x, moved)
    (rate,) = sp.solve(sp.diff(equation, z).doit(), sp.diff(moved, z))
    require_zero(sp.simplify(rate * _slope.subs(_x, moved).doit() - 1), "dx*/dz")


@check(
    "laplace.fluctuations",
    "leading orders: G = E φ'/y', q − Q = vK with K = E(φ'/y')², χ = K/(1−g²K)",
)
def fluctuations() -> None:
    """⟨φ⟩ → φ(x*), Cov(y, φ)/v → Dφ and Var φ/v → (Dφ)²; v = T(1+g²χ), q − Q = χT."""
    law = _LaplaceLaw(2)
    f = sp.symbols("f0:4", real=True)
    phi = law.taylor(f[0], f[1:])
    require_zero(law.mean(phi).subs(law.e, 0) - f[0], "⟨φ⟩")
    require_zero(law.leading(law.covariance(law.y, phi), 1) - f[1], "Cov(y, φ)/v")
    require_zero(law.leading(law.covariance(phi, phi), 1) - f[1] ** 2, "Var φ/v")
    require_zero(sp.simplify(_D(_phi) * _slope - sp.diff(_phi, _x)), "Dφ = φ'/y'")
    (chi,) = sp.solve(_chi - (1 + _g**2 * _chi) * _K, _chi)
    require_equal(chi, _K / (1 - _g**2 * _K), "χ")


@check(
    "laplace.tree_level",
    "R = E[φ DL], P = E[(DL)²], ΔX = −E[D²L] from ⟨y⟩⟨φ⟩/v, ⟨y⟩²/v² and 1/v − Var(y)/v²",
)
def tree_level() -> None:
    """Next order of the expansion: ⟨y⟩ = v DL, Var y = v + v² D²L."""
    law = _LaplaceLaw(4)
    f = sp.symbols("f0:4", real=True)
    phi, mean_y = law.taylor(f[0], f[1:]), law.mean(law.y)
    l1, l2 = law.l[:2]
    require_zero(law.leading(law.cut(mean_y * law.mean(phi)), 1) - f[0] * l1, "R")
    require_zero(law.leading(law.cut(mean_y**2), 2) - l1**2, "P")
    spread = law.cut(law.e**2 - law.covariance(law.y, law.y))
    require_zero(law.leading(spread, 2) + l2, "ΔX")


@check(
    "laplace.log_slope",
    "DL = wφ'/y' − g²ΔXφφ'/y' + kφ''/y'², and D of φ'/y', φφ'/y', φ''/y'²",
)
def log_slope() -> None:
    """Derivatives along y of the log-weight, for every φ."""
    d1, d2, d3 = (sp.diff(_phi, _x, n) for n in (1, 2, 3))
    ratio = d1 / _slope
    expected = _w * ratio - _g**2 * _delta_x * _phi * ratio + _k * d2 / _slope**2
    require_equal(_D(_L), expected, "DL")
    require_equal(_D(ratio), d2 / _slope**3, "D(φ'/y')")
    require_equal(_D(_phi * ratio), ratio**2 + _phi * d2 / _slope**3, "D(φφ'/y')")
    third = d3 / _slope**3 + 2 * _k * d2**2 / _slope**4
    require_equal(_D(d2 / _slope**2), third, "D(φ''/y'²)")


@check(
    "laplace.third_derivative",
    "E[φ'''/y'³ + 2kφ''²/y'⁴] = E[zφ''/y'²]/(g²Q), by parts in z",
)
def third_derivative() -> None:
    """d/dz = D on functions of x*, and ∫ρ dF/dz = ∫ρ F z/(g²Q) for ρ = N(0, g²Q)."""
    z = sp.Symbol("z", real=True)
    F, variance = sp.Function("F")(z), _g**2 * _Q
    density = sp.exp(-(z**2) / (2 * variance))
    integrand = density * (sp.diff(F, z) - z * F / variance)
    require_zero(sp.simplify(integrand - sp.diff(density * F, z)), "total derivative")
    d2, d3 = (sp.diff(_phi, _x, n) for n in (2, 3))
    third = d3 / _slope**3 + 2 * _k * d2**2 / _slope**4
    require_equal(_D(d2 / _slope**2), third, "dF/dz of F = φ''/y'²")


@check(
    "laplace.linear_system",
    "given Q, G: R and ΔX solve a linear system, then P(1−g²K) = E[force²] − g²γ²R²K/Q",
)
def linear_system() -> None:
    """With w = (γR/Q) z + w', w' independent of z; formal averages over z of the derivatives."""
    z, own = sp.symbols("z w'", real=True)
    tilt = _gamma * _R / _Q
    # Gaussian fields: Cov(z, w) = tilt Var z, and Var w' is what is left of Var w = g²P.
    rest = _g**2 * _P - tilt**2 * _g**2 * _Q
    require_equal(tilt * _g**2 * _Q, _g**2 * _gamma * _R, "covariance")
    require_equal(rest, _g**2 * (_P - _gamma**2 * _R**2 / _Q), "variance of w'")
    # At one z: ratio = φ'/y', bend = φ''/y'², c = φ''/y'³; ⟨w'⟩ = 0, ⟨w'²⟩ = rest.
    phi, ratio, bend, c = sp.symbols("phi ratio bend c", real=True)
    w = tilt * z + own

    def over_own(expression: Expr) -> Expr:
        polynomial = sp.Poly(sp.expand(expression), own)
        return sum(a * {0: sp.S.One, 1: sp.S.Zero, 2: rest}[n] for (n,), a in polynomial.terms())

    drive = w * ratio - _g**2 * _delta_x * phi * ratio + _k * bend  # DL
    force = drive.subs(own, 0)
    overlap = tilt * z * phi * ratio - _g**2 * _delta_x * phi**2 * ratio + _k * phi * bend
    require_equal(over_own(phi * drive), overlap, "R")
    # −D²L with its last term already by parts: E[D(φ''/y'²)] = E[z φ''/y'²]/(g²Q).
    curvature = w * c - _g**2 * _delta_x * (ratio**2 + phi * c) + _k * z * bend / (_g**2 * _Q)
    stretch = -tilt * z * c + _g**2 * _delta_x * (ratio**2 + phi * c) - _k * z * bend / (_g**2 * _Q)
    require_equal(over_own(-curvature), stretch, "ΔX")
    require_equal(over_own(drive**2), force**2 + rest * ratio**2, "P")
    rest_force = sp.Symbol("E[force²]")
    (P,) = sp.solve(_P - rest_force - rest * _K, _P)
    expected = (rest_force - _g**2 * _gamma**2 * _R**2 * _K / _Q) / (1 - _g**2 * _K)
    require_equal(P, expected, "solved for P")


@check(
    "laplace.fluctuation_response",
    "βσ_xφ = (1+g²χ) E[φ'/y'²] = G[1 + g²(1+γ)χ]",
)
def fluctuation_response() -> None:
    """Cov(x, φ)/v → Dx Dφ = φ'/y'², and 1/y' = 1 + kφ'/y' with k = g²γG."""
    law = _LaplaceLaw(2)
    f, x = sp.symbols("f0:4", real=True), sp.symbols("x0:4", real=True)
    covariance = law.covariance(law.taylor(x[0], x[1:]), law.taylor(f[0], f[1:]))
    require_zero(law.leading(covariance, 1) - x[1] * f[1], "Cov(x, φ)/v")
    ratio = sp.diff(_phi, _x) / _slope
    require_equal(_D(_x) * _D(_phi), ratio + _k * ratio**2, "DxDφ")
    # Under E: E[φ'/y'] = G, E[(φ'/y')²] = K.
    mean = _G + _g**2 * _gamma * _G * _K
    at = {_K: _chi / (1 + _g**2 * _chi)}  # χ = K/(1−g²K)
    expected = _G * (1 + _g**2 * (1 + _gamma) * _chi)
    require_equal(((1 + _g**2 * _chi) * mean).subs(at), expected, "identity")


@check("laplace.free_entropy", "ψ → −g²γG²/2 − E ln y' as β → ∞")
def free_entropy() -> None:
    """E ln Z → E L at y = 0, since the Gaussian factor is normalised; E[wφ] = g²γR G by parts."""
    law = _LaplaceLaw(0)
    require_zero(gaussian_mean(law.weight, law.s).subs(law.e, 0) - 1, "normalisation")
    X_d, q, r, mean_log = sp.symbols("X_d q r E[ln(y')]", real=True)
    lagrange = _g**2 / 2 * (X_d * q + _P * _Q - _gamma * (r**2 - _R**2))
    lagrange = lagrange.subs({q: _Q, r: _G + _R, X_d: _delta_x - _P})
    # E[wφ] = Cov(z, w) E[dφ/dz], dφ/dz = φ'/y' of mean G; E φ² = Q.
    mean_L = _g**2 * _gamma * _R * _G - _g**2 / 2 * _delta_x * _Q - mean_log
    require_equal(lagrange + mean_L, -(_g**2) * _gamma * _G**2 / 2 - mean_log)
