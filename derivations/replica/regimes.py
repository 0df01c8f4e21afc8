"""T → 0 with x → 0: the regimes of the paramagnetic branch around the state x = 0.

As v → 0 the scaled law of ξ = x/√v becomes Gaussian of variance 1/D,
D = (1−k)² + g²A + βηv, k = g²γr, and φ enters through its cubic coefficient only:
φ = x − (c/2)x³, c = −φ'''(0)/3 (2/3 for tanh).  With τ = T/v the equations are

    τ = 1 − g²/D,    r = (1−k)/D,    A (T/v² + 3c g²/D²) = 3c k(1−k)/D²      (η = 0).

Regime I has A → 0, regime II τ → 0; on the line between them both vanish.
"""

from __future__ import annotations

import sympy as sp
from sympy import Rational

from ..algebra import gaussian_mean, require_equal, require_positive, require_zero
from ..registry import check

_g, _v, _T, _c, _D = sp.symbols("g v T c D", positive=True)
_gamma, _k, _A, _G = sp.symbols("gamma k A G", real=True)
_tau, _u = sp.symbols("tau u", positive=True)


def square_root_ratio() -> sp.Expr:
    """T/v² of regime II as a function of the symbols g, gamma and c.

    Returns
    -------
    sympy expression
        (3c/g²)(1+γ)(1 − g²(1+γ))/(g²(1+γ)² − 1), then q = c_q √T with c_q = 1/(g²√(T/v²)).
    """
    fall, rise = 1 - _g**2 * (1 + _gamma), (_g * (1 + _gamma)) ** 2 - 1
    return 3 * _c / _g**2 * (1 + _gamma) * fall / rise


def null_stretch() -> sp.Expr:
    """X of regime I, 3c g²γG⁴/(1−g²G²), in the symbols g, gamma, c and G."""
    return 3 * _c * _g**2 * _gamma * _G**4 / (1 - _g**2 * _G**2)


def null_margin() -> sp.Expr:
    """1 − g²G² of the null state, a function of the symbols g and gamma.

    Returns
    -------
    sympy expression
        4(1−g²(1+γ)²)/((1+s)(1−γ+s(1+γ))), s = √(1−4γg²).
    """
    s = sp.sqrt(1 - 4 * _gamma * _g**2)
    edge = 1 - _g**2 * (1 + _gamma) ** 2
    return 4 * edge / ((1 + s) * (1 - _gamma + s * (1 + _gamma)))


def line_cube() -> sp.Expr:
    """q³/T² on the line g(1+γ) = 1 as T → 0, (1−γ)(1+γ)³/(3cγ), in the symbols c and gamma."""
    return (1 - _gamma) * (1 + _gamma) ** 3 / (3 * _c * _gamma)


def _third_equation(A: sp.Expr, k: sp.Expr, D: sp.Expr, ratio: sp.Expr) -> sp.Expr:
    """Left minus right side of the equation for A, `ratio` = T/v²."""
    return A * (ratio + 3 * _c * _g**2 / D**2) - 3 * _c * k * (1 - k) / D**2


@check(
    "regimes.linearised",
    "v → 0: ⟨φ_s²⟩ = 1/D, ⟨ψφ_s⟩ = (1−k)/D, ⟨φ_s d⟩ = 3c/D², ⟨ψd⟩ = 3c(1−k)/D²",
)
def linearised() -> None:
    """Moments of the Gaussian limit, and its exponent."""
    xi, pull = sp.symbols("xi b", real=True)
    phi_s = xi - _c / 2 * _v * xi**3
    require_equal(sp.diff(phi_s, xi, 3).subs(_v, 1) / (-3), _c, "c = −φ'''(0)/3")
    tanh = sp.series(sp.tanh(xi), xi, 0, 5).removeO()
    require_equal(tanh, phi_s.subs({_v: 1, _c: Rational(2, 3)}), "tanh has c = 2/3")
    psi = xi - _k * phi_s
    d = sp.expand((phi_s - xi * sp.diff(phi_s, xi)) / _v)
    exponent = -(psi**2) / 2 - _g**2 / 2 * _A * phi_s**2 - pull / 2 * xi**2
    require_equal(
        exponent.subs(_v, 0), -((1 - _k) ** 2 + _g**2 * _A + pull) * xi**2 / 2, "exponent"
    )
    limits = {
        phi_s**2: 1 / _D,
        psi * phi_s: (1 - _k) / _D,
        phi_s * d: 3 * _c / _D**2,
        psi * d: 3 * _c * (1 - _k) / _D**2,
    }
    for product, value in limits.items():
        require_equal(gaussian_mean(sp.expand(product).subs(_v, 0), xi, 1 / _D), value)


@check(
    "regimes.one_response",
    "γg²G² − G + 1 = 0, v = T/(1−g²G²), χ = G²/(1−g²G²) and X → 3c g²γG⁴/(1−g²G²)",
)
def regime_one() -> None:
    """A = X v with X finite: A is of order v and leaves D = (1−k)² at leading order."""
    X = sp.Symbol("X", real=True)
    k = _g**2 * _gamma * _G
    D = (1 - k) ** 2
    quadratic = _gamma * _g**2 * _G**2 - _G + 1
    require_equal((1 - k) * ((1 - k) / D - _G), quadratic, "r = (1−k)/D at r = G")
    # γ from the quadratic makes every D a power of G.
    solved = {_gamma: (_G - 1) / (_g**2 * _G**2)}
    require_equal(D.subs(solved), 1 / _G**2, "D")
    tau = 1 - _g**2 / D.subs(solved)
    require_equal(tau, 1 - _g**2 * _G**2, "T/v")
    require_equal(1 / (D.subs(solved) * tau), _G**2 / (1 - _g**2 * _G**2), "χ = q/T")
    ratio = tau / _v  # T/v²
    equation = _third_equation(X * _v, k, D, ratio).subs(solved)
    leading = sp.limit(sp.expand(equation), _v, 0)
    expected = null_stretch().subs(solved)
    (solution,) = sp.solve(leading, X)
    require_equal(solution, expected, "X")
    tanh = 2 * _g**2 * _gamma * _G**4 / (1 - _g**2 * _G**2)
    require_equal(null_stretch().subs(_c, Rational(2, 3)), tanh, "tanh")


@check(
    "regimes.one_margin",
    "1 − g²G² = 4(1−g²(1+γ)²)/((1+s)(1−γ+s(1+γ))), s = √(1−4γg²), G = 2/(1+s)",
)
def margin() -> None:
    """Rational in (g, s) once γ = (1−s²)/(4g²)."""
    s = sp.Symbol("s", positive=True)
    G = 2 / (1 + s)
    at = {_gamma: (1 - s**2) / (4 * _g**2)}
    require_zero((_gamma * _g**2 * G**2 - G + 1).subs(at), "G solves the quadratic")
    root = (1 - s) / (2 * _gamma * _g**2)
    require_equal(root.subs(at), G, "(1−s)/(2γg²) = 2/(1+s)")
    require_equal(null_margin().subs(at), 1 - _g**2 * G**2, "margin")
    # On the line g = 1/(1+γ), s = (1−γ)/(1+γ): G = 1/g and the margin vanishes.
    line = {_g: 1 / (1 + _gamma)}
    s_line = (1 - _gamma) / (1 + _gamma)
    require_equal((1 - 4 * _gamma * _g**2).subs(line), s_line**2, "s on the line")
    require_equal(G.subs(s, s_line), 1 + _gamma, "G on the line")


def _regime_two() -> dict[str, sp.Expr]:
    r = 1 / (_g**2 * (1 + _gamma))
    return {"D": _g**2, "r": r, "k": _g**2 * _gamma * r, "A": 1 - _g**2 * r**2}


def _any_ratio() -> dict[str, sp.Expr]:
    """D and r at a given τ = T/v: the solution of τ = 1 − g²/D and r = (1 − g²γr)/D."""
    r = sp.Symbol("r", real=True)
    (D,) = sp.solve(1 - _g**2 / _D - _tau, _D)
    (root,) = sp.solve(r - (1 - _g**2 * _gamma * r) / D, r)
    return {"D": D, "r": root}


@check(
    "regimes.two_values",
    "τ = 0: D = g², r = 1/(g²(1+γ)), A = Xv = 1 − 1/(g²(1+γ)²); A = 0 at g(1+γ) = 1",
)
def regime_two() -> None:
    """The only solution of the first two equations and of D = (1−k)² + g²A at T/v = 0."""
    two, r = _regime_two(), sp.Symbol("r", real=True)
    require_equal(sp.Matrix(sp.solve(1 - _g**2 / _D, _D)), sp.Matrix([two["D"]]), "D")
    (root,) = sp.solve(r - (1 - _g**2 * _gamma * r) / two["D"], r)
    require_equal(root, two["r"], "r")
    (stretch,) = sp.solve(two["D"] - (1 - two["k"]) ** 2 - _g**2 * _A, _A)
    require_equal(stretch, two["A"], "A from D")
    require_equal(two["A"], 1 - 1 / (_g * (1 + _gamma)) ** 2, "A")
    require_zero(two["A"].subs(_g, 1 / (1 + _gamma)), "A on the line")
    # X q → 1/g² − r², since X q = A q/v and q/v = 1/D.
    require_equal(two["A"] / two["D"], 1 / _g**2 - two["r"] ** 2, "X q")


@check(
    "regimes.two_square_root",
    "q = v/g² ∝ √T: T/v² = (3c/g⁴)[γ/((1+γ)²A) − g²], zero at g²(1+γ) = 1, onset of the measure",
)
def square_root() -> None:
    """The third equation fixes T/v²."""
    two, t = _regime_two(), sp.Symbol("t")
    (ratio,) = sp.solve(_third_equation(two["A"], two["k"], two["D"], t), t)
    printed = 3 * _c / _g**4 * (_gamma / ((1 + _gamma) ** 2 * two["A"]) - _g**2)
    require_equal(ratio, printed, "T/v²")
    require_equal(ratio, square_root_ratio(), "factored")
    gamma = sp.Symbol("gamma", positive=True)  # 1 + γ > 0
    at_onset = square_root_ratio().subs(_gamma, gamma).subs(_g, 1 / sp.sqrt(1 + gamma))
    require_zero(at_onset, "T/v² at g²(1+γ) = 1")


@check(
    "regimes.intermediate_branch",
    "T/v² > 0 exactly between the lines, for γ > 0 and γ < 0: v = √(T/t) is a branch there",
)
def intermediate_branch() -> None:
    """With a = g(1+γ) and b = g²(1+γ), t = (3c/g²)(1+γ)(1−b)/(a²−1).

    γ > 0: 1/(1+γ) < g < 1/√(1+γ) is a > 1 > b (regime II).  γ < 0: 1/√(1+γ) < g < 1/(1+γ) is
    b > 1 > a, the branch between the null and the cooled sheet; there A < 0 but D = g² > 0.
    """
    above, below = sp.symbols("m n", positive=True)  # distances of a² and b from 1
    one_plus = sp.Symbol("p", positive=True)
    a2, b = (_g * one_plus) ** 2, _g**2 * one_plus
    form = 3 * _c / _g**2 * one_plus * (1 - b) / (a2 - 1)
    require_equal(form, square_root_ratio().subs(_gamma, one_plus - 1), "in a and b")
    U, W = sp.symbols("U W")
    template = 3 * _c / _g**2 * one_plus * (1 - W) / (U - 1)
    require_positive(template.subs({U: 1 + above, W: 1 - below}), "a > 1 > b")
    require_positive(template.subs({U: 1 - above, W: 1 + below}), "a < 1 < b")
    require_positive(-template.subs({U: 1 + above, W: 1 + below}), "both above")
    require_positive(-template.subs({U: 1 - above, W: 1 - below}), "both below")
    # The order of the lines: b/a² = 1/(1+γ) is below 1 for γ > 0 and above it for γ < 0.
    require_equal(b / a2, 1 / one_plus, "order of the lines")
    # T/v² = t solves the third equation whatever the sign of A.
    two = _regime_two()
    residual = _third_equation(two["A"], two["k"], two["D"], square_root_ratio())
    require_zero(residual, "third equation")


@check(
    "regimes.line",
    "g(1+γ) = 1, 0 < γ < 1: A = τ(1−γ)/(1+γ), v³ = (1−γ)T²/(3cγ(1+γ)³), q = (1+γ)²v ∝ T^(2/3)",
)
def line() -> None:
    """Both A and τ = T/v vanish there: two equations solved at any τ, then small τ in the third.

    With τ ∝ T^(1/3), corrections to the Gaussian law are of order v ∝ T^(2/3), beyond A ∝ τ.
    """
    two = _any_ratio()
    k = _g**2 * _gamma * two["r"]
    on_line = {_g: 1 / (1 + _gamma)}
    A = ((two["D"] - (1 - k) ** 2) / _g**2).subs(on_line)
    A1 = (1 - _gamma) / (1 + _gamma)
    require_zero(A.subs(_tau, 0), "A at τ = 0")
    require_zero(sp.diff(A, _tau).subs(_tau, 0) - A1, "slope of A")
    # T/v² = τ²/T: to leading order A T/v² balances the constant right side, τ ∝ T^(1/3).
    scale = sp.Symbol("s", positive=True)  # T = s³, τ = u s
    equation = _third_equation(A, k.subs(on_line), two["D"].subs(on_line), _tau**2 / _T)
    leading = sp.limit(sp.factor(equation.subs({_tau: _u * scale, _T: scale**3})), scale, 0)
    require_zero(leading - (A1 * _u**3 - 3 * _c * _gamma * (1 + _gamma) ** 2), "leading order")
    u_cubed = 3 * _c * _gamma * (1 + _gamma) ** 2 / A1
    v_cubed = (1 - _gamma) * _T**2 / (3 * _c * _gamma * (1 + _gamma) ** 3)
    require_equal(_T**2 / u_cubed, v_cubed, "v³ = T³/τ³ = T²/u³")
    u = (1 / two["D"]).subs(on_line).subs(_tau, 0)
    require_equal(u, (1 + _gamma) ** 2, "q/v")
    require_equal(u**3 * v_cubed / _T**2, line_cube(), "q³/T²")


@check(
    "regimes.free_entropy",
    "ψ = −g²γG²/2 + ln G (I), ½ − 1/(2g²(1+γ)) − ln g (II); equal, with slope, at g(1+γ) = 1",
)
def free_entropy() -> None:
    """ψ = (g²/2)(Xq − γr²) + ln D^(−1/2) with q = v/D and Xv = A, to leading order in T."""

    def psi(A: sp.Expr, r: sp.Expr, D: sp.Expr) -> sp.Expr:
        return _g**2 / 2 * (A / D - _gamma * r**2) - sp.log(D) / 2

    two = _regime_two()
    second = Rational(1, 2) - 1 / (2 * _g**2 * (1 + _gamma)) - sp.log(_g)
    require_zero(sp.expand_log(psi(two["A"], two["r"], two["D"]) - second), "regime II")
    G = sp.Symbol("G", positive=True)
    first = -(_g**2) * _gamma * G**2 / 2 + sp.log(G)
    require_zero(sp.expand_log(psi(sp.S.Zero, G, 1 / G**2) - first), "regime I")
    p = sp.Symbol("p", positive=True)  # 1 + γ
    at = {_gamma: p - 1, G: p, _g: 1 / p}
    require_zero(sp.expand_log((first - second).subs(at)), "continuity")
    # Written with D = (1−g²γr)² it is stationary in r at r = G: only g differentiates.
    D = (1 - _g**2 * _gamma * G) ** 2
    quadratic = {_gamma: (G - 1) / (_g**2 * G**2)}
    require_zero(sp.diff(psi(sp.S.Zero, G, D), G).subs(quadratic), "stationary")
    slope = sp.diff(psi(sp.S.Zero, G, D), _g)
    require_zero((slope - sp.diff(second, _g)).subs(at), "slope")


@check(
    "regimes.linear_network",
    "linear φ, η ≥ 0: g²/(1−τ) = 1/(1+γ(1−τ))² + η/τ² exactly, at every T",
)
def linear_network() -> None:
    """The law is Gaussian with D = (1−k)² + g²A + η/τ, since βηv = η/τ."""
    eta = sp.Symbol("eta", nonnegative=True)
    two = _any_ratio()
    D, k = two["D"], _g**2 * _gamma * two["r"]
    A = 1 - (1 - k) ** 2 / D  # A = 1 − ⟨ψ²⟩
    residual = D - (1 - k) ** 2 - _g**2 * A - eta / _tau
    claimed = _g**2 / (1 - _tau) - 1 / (1 + _gamma * (1 - _tau)) ** 2 - eta / _tau**2
    require_equal(residual, _tau * claimed, "D")
