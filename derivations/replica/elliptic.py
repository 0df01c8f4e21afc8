"""The elliptic law: the null state's response from the spectrum of J.

Where x = 0 is the only state, x and x̂ are linear in the fields and the replica theory is a theory
of the matrix M = z − J at z = 1.  Its 2 × 2 resolvent

    𝒢 = [[M†(MM†+ε²)⁻¹, −iε(MM†+ε²)⁻¹], [−iε(M†M+ε²)⁻¹, M(M†M+ε²)⁻¹]],  traces per neuron,

solves 𝒢 (𝒵 − Σ[𝒢]) = 1, 𝒵 = [[z, iε], [iε, z̄]], Σ = g² [[γ𝒢₁₁, 𝒢₁₂], [𝒢₂₁, γ𝒢₂₂]] as N → ∞
(Sommers et al. 1988, here in the form of planar diagrams).
"""

from __future__ import annotations

import sympy as sp
from sympy import I

from ..algebra import require_equal, require_zero
from ..registry import check

_g = sp.Symbol("g", positive=True)
_gamma, _x, _y = sp.symbols("gamma x y", real=True)
_eps, _h = sp.symbols("epsilon h", positive=True)


def _dyson(green: sp.Matrix, z: sp.Expr, conjugate: sp.Expr, eps: sp.Expr) -> sp.Matrix:
    """The matrix 𝒢(𝒵 − Σ[𝒢]) − 1."""
    Z = sp.Matrix([[z, I * eps], [I * eps, conjugate]])
    self_energy = _g**2 * sp.Matrix(
        [[_gamma * green[0, 0], green[0, 1]], [green[1, 0], _gamma * green[1, 1]]]
    )
    return (green * (Z - self_energy) - sp.eye(2)).applyfunc(sp.expand)


@check(
    "elliptic.self_energy",
    "E JΓJ = (g²/N)(γ trΓ + Γᵀ), E JΓJᵀ = (g²/N)(trΓ + γΓᵀ) (N = 3): the leading terms are Σ",
)
def self_energy() -> None:
    """From ⟨J_ij J_kl⟩ = (g²/N)(δ_ik δ_jl + γ δ_il δ_jk); the trace is of order N."""
    n = 3
    Gamma = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"Gamma_{i}{j}"))
    delta = sp.KroneckerDelta

    def covariance(i: int, j: int, k: int, m: int) -> sp.Expr:
        return _g**2 / n * (delta(i, k) * delta(j, m) + _gamma * delta(i, m) * delta(j, k))

    def average(transpose: bool) -> sp.Matrix:
        def entry(i: int, m: int) -> sp.Expr:
            return sum(
                Gamma[j, k] * (covariance(i, j, m, k) if transpose else covariance(i, j, k, m))
                for j in range(n)
                for k in range(n)
            )

        return sp.Matrix(n, n, entry)

    trace, one = Gamma.trace(), sp.eye(n)
    plain = _g**2 / n * (_gamma * trace * one + Gamma.T)
    transposed = _g**2 / n * (trace * one + _gamma * Gamma.T)
    require_equal(average(False), plain, "JΓJ")
    require_equal(average(True), transposed, "JΓJᵀ")


@check(
    "elliptic.outside",
    "outside the support G = 1/(z − γg²G); at z = 1 G = (1−√(1−4γg²))/(2γg²) = 2/(1+√(1−4γg²))",
)
def outside() -> None:
    """No off-diagonal part at ε = 0: the 11 entry is the fixed-point equation."""
    z, bar, G = sp.symbols("z zbar G")
    green = sp.Matrix([[G, 0], [0, sp.Symbol("Gbar")]])
    equation = _dyson(green, z, bar, sp.S.Zero)
    require_zero(equation[0, 0] - (G * (z - _gamma * _g**2 * G) - 1), "equation")
    require_zero(equation[0, 1], "off-diagonal")
    s = sp.sqrt(1 - 4 * _gamma * _g**2)
    root = (1 - s) / (2 * _gamma * _g**2)
    require_zero(equation[0, 0].subs(z, 1).subs(G, root), "root")
    require_equal(sp.radsimp(2 / (1 + s)), root, "without cancellation")
    require_equal(sp.limit(root, _gamma, 0), sp.S.One, "γ → 0: the physical root")


@check(
    "elliptic.inside",
    "inside G = [x/(1+γ) − iy/(1−γ)]/g², at z = 1 1/(g²(1+γ)); support x²/(1+γ)² + y²/(1−γ)² < g²",
)
def inside() -> None:
    """An off-diagonal part ib ≠ 0 at ε = 0 fixes G, the diagonal then fixes b²."""
    u, w, b = sp.symbols("u w b", real=True)
    green = sp.Matrix([[u + I * w, I * b], [I * b, u - I * w]])
    equation = _dyson(green, _x + I * _y, _x - I * _y, sp.S.Zero)
    off_diagonal = sp.expand(equation[0, 1] / (I * b))
    parts = [sp.re(off_diagonal), sp.im(off_diagonal)]
    ((u0, w0),) = sp.linsolve(parts, [u, w])
    require_equal(u0, _x / (_g**2 * (1 + _gamma)), "real part")
    require_equal(w0, -_y / (_g**2 * (1 - _gamma)), "imaginary part")
    at = {u: u0, w: w0}
    ellipse = 1 - (_x / (_g * (1 + _gamma))) ** 2 - (_y / (_g * (1 - _gamma))) ** 2
    b2 = ellipse / _g**2
    for i in range(2):
        require_zero(equation[i, i].subs(b**2, b2).subs(at), f"diagonal {i}")
    # ∂G/∂z̄ = (∂_x + i∂_y)(u + iw)/2 is π times a uniform density, of total mass 1 on the ellipse.
    density = (sp.diff(u0, _x) - sp.diff(w0, _y)) / (2 * sp.pi)
    area = sp.pi * _g**2 * (1 + _gamma) * (1 - _gamma)
    require_equal(density * area, sp.S.One, "mass")
    at_one = u0.subs(_x, 1)
    require_equal(at_one, 1 / (_g**2 * (1 + _gamma)), "at z = 1")
    # The stretch of regime II: A = X v = 1 − g²r² is g²b², the order parameter of the inside.
    require_equal(_g**2 * b2.subs({_x: 1, _y: 0}), 1 - _g**2 * at_one**2, "A = g²b²")


@check("elliptic.edge", "at g(1+γ) = 1 both resolvents are 1+γ = 1/g and b = 0")
def edge() -> None:
    """Continuity where the right end of the ellipse reaches 1."""
    p = sp.Symbol("p", positive=True)  # 1 + γ, |γ| < 1
    line = {_gamma: p - 1, _g: 1 / p}
    require_equal((1 / (_g**2 * (1 + _gamma))).subs(line), p, "inside")
    # Outside, s² = 1 − 4γg² = ((1−γ)/(1+γ))², with s ≥ 0.
    s = (2 - p) / p
    require_equal((1 - 4 * _gamma * _g**2).subs(line), s**2, "s")
    require_equal(2 / (1 + s), p, "outside")
    require_zero((1 - 1 / (_g * (1 + _gamma)) ** 2).subs(line), "g²b²")


@check(
    "elliptic.singular_values",
    "outside, mean of 1/s² over the singular values of 1 − J is G²/(1−g²G²), the χ of regime I",
)
def singular_values() -> None:
    """ε → 0 of the off-diagonal entry −iεh, h = tr (MM†+ε²)⁻¹ per neuron."""
    G = sp.Symbol("G", positive=True)
    green = sp.Matrix([[G, -I * _eps * _h], [-I * _eps * _h, G]])
    equation = _dyson(green, sp.S.One, sp.S.One, _eps)
    off_diagonal = sp.expand(equation[0, 1] / (I * _eps))
    at_zero = off_diagonal.subs(_gamma, (G - 1) / (_g**2 * G**2))
    (h,) = sp.solve(at_zero, _h)
    require_equal(h, G**2 / (1 - _g**2 * G**2), "mean of 1/s²")


@check(
    "elliptic.confinement",
    "the linear network's g²/(1−τ) = 1/(1+γ(1−τ))² + η/τ² is the resolvent at ε² = η",
)
def confinement() -> None:
    """The covariance of x is T (MᵀM + η)⁻¹: β⟨x²⟩ = h and 1 + g²h = v/T = 1/τ."""
    tau, G, eta = sp.symbols("tau G eta", positive=True)
    green = sp.Matrix([[G, -I * _eps * _h], [-I * _eps * _h, G]])
    equation = _dyson(green, sp.S.One, sp.S.One, _eps).subs(_h, (1 / tau - 1) / _g**2)
    (root,) = sp.solve(sp.expand(equation[0, 1] / (I * _eps)), G)
    require_equal(root, (1 - tau) / (_g**2 * (1 + _gamma * (1 - tau))), "r")
    diagonal = sp.factor(equation[0, 0].subs(G, root).subs(_eps, sp.sqrt(eta)))
    claimed = _g**2 / (1 - tau) - 1 / (1 + _gamma * (1 - tau)) ** 2 - eta / tau**2
    require_equal(diagonal * _g**2 / (1 - tau), -claimed, "equation for τ")
