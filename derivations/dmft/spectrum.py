"""The whole Lyapunov spectrum from the minimum-norm inverse K⁺ of the tangent dynamics.

K = L − JD with L = d/dt + s + 1, D = diag φ', or K = T − M of a map with the shift T.  Stacked as
[[η, K], [−Kᵀ, η]] on (u, v), of inverse 𝒢, it is linear in the couplings; 𝒢^vu → K⁺ for η → 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy import Expr, Matrix, Rational, Symbol

from ..algebra import require_equal, require_zero
from ..registry import check
from .lyapunov import exponent, operator

_g, _eta, _u = sp.symbols("g eta u", positive=True)
_gamma, _s, _omega = sp.symbols("gamma s omega", real=True)
# Elements at two times.
_D, _own = (sp.diag(*sp.symbols(f"{k}1:3")) for k in "de")
_b, _uu, _vv = (Matrix([[*sp.symbols(f"{k}1:3")], [*sp.symbols(f"{k}2:4")]]) for k in "bpv")
_L, _uv, _vu, _X = (Matrix(2, 2, sp.symbols(f"{k}1:5")) for k in "lmwx")


def counted(excess: Expr, root: Expr) -> Expr:
    """½ and the average of the response across its jump."""
    return Rational(1, 2) + excess / (2 * root)


def window_count(products: Sequence[Matrix], k: int) -> Expr:
    """Trace of R^vv(k + 1, k) on a window, from the maps U_n from its start to its times."""
    squares = [U.T * U for U in products]
    return (sum(squares[1 : k + 1], squares[0]) * sum(squares[1:], squares[0]).inv()).trace()


def self_energy(green: Any, gain: Any, own: Any) -> list[list[Any]]:
    """Σ of a neuron of gain `own`, where the others have this 𝒢 = [[uu, uv], [vu, vv]] and gain."""
    (uu, uv), (vu, vv) = green
    square = _g**2
    return [
        [-square * gain * vv * gain, _gamma * square * gain * vu * own],
        [_gamma * square * own * uv * gain, -square * own * uu * own],
    ]


def responses(a: Matrix, b: Matrix, X: Matrix) -> tuple[Matrix, Matrix]:
    """𝒢^vv and 𝒢^vu of the neuron [[a, X], [−Xᵀ, b]]."""
    vv = (b + X.T * a.inv() * X).inv()
    return vv, vv * X.T * a.inv()


def tangent(J: Matrix, gain: Matrix, a: Expr, ahead: Matrix) -> Matrix:
    """K of couplings J and gains, `ahead` the derivative in time."""
    return a * sp.eye(gain.rows) + ahead - J * gain


def inside(a: Expr) -> Expr:
    """X at rest where there is a response, of L = a + iω; then 𝒢^vu = X*/g²."""
    return a / (1 + _gamma) + sp.I * _omega / (1 - _gamma)


def fraction(u: Expr) -> Expr:
    """F at rest, u = (s + 1)/(g(1 + γ))."""
    return Rational(1, 2) + (sp.asin(u) + u * sp.sqrt(1 - u**2)) / sp.pi


@check("spectrum.window", "tr R^vv(k+1, k) = tr Σ_n≤k U_nᵀU_n (Σ_n U_nᵀU_n)⁻¹, exact on a window")
def window() -> None:
    """K⁺ = Kᵀ(KKᵀ)⁻¹ of two steps of two neurons, triangular as QR makes them."""
    steps = [Matrix([[Symbol(f"a{k}"), Symbol(f"b{k}")], [0, Symbol(f"c{k}")]]) for k in "12"]
    one, none = sp.eye(2), sp.zeros(2)
    K = Matrix([[-steps[0], one, none], [none, -steps[1], one]])
    inverse, det = K.T * (K * K.T).adjugate(), (K * K.T).det()
    for k in range(2):
        trace = inverse[2 * k + 2 : 2 * k + 4, 2 * k : 2 * k + 2].trace() / det
        closed = window_count([one, steps[0], steps[1] * steps[0]], k)
        require_equal(trace, closed, f"step {k}")


@check("spectrum.flow", "of K = d/dt + a: ½ + the mean of K⁺ across its jump is 1 if a > 0, else 0")
def flow() -> None:
    """(a − d/dt)h, h of (a² + η² − d²/dt²)h = δ, before and after the jump."""
    t, a = sp.symbols("t a", real=True)
    root = sp.sqrt(a**2 + _eta**2)
    before, after = (sp.exp(sign * root * t) / (2 * root) for sign in (1, -1))
    for h in (before, after):
        require_zero(root**2 * h - sp.diff(h, t, 2), "h")
    require_equal(sp.diff(before - after, t).subs(t, 0), sp.S.One, "δ")
    mean = sum(a * h - sp.diff(h, t) for h in (before, after)).subs(t, 0) / 2
    require_equal(counted(a, root), Rational(1, 2) + mean, "count")
    require_equal(Matrix([counted(_g, _g), counted(-_g, _g)]), Matrix([1, 0]), "η → 0")


@check("spectrum.self_energy", "Σ = ⟨𝒥𝒢𝒥⟩: −g²⟨D𝒢^vvD⟩, γg²⟨D𝒢^vu⟩D, γg²D⟨𝒢^uvD⟩, −g²D⟨𝒢^uu⟩D")
def wick() -> None:
    """Couplings of two neurons at two times, ⟨J_ij²⟩ = g² and ⟨J_ijJ_ji⟩ = γg²."""
    out, home = sp.symbols("J12 J21")
    none, green = sp.zeros(2), [[_uu, _uv], [_vu, _vv]]
    there = Matrix([[none, -out * _D], [_own * home, none]])
    hence = Matrix([[none, -home * _own], [_D * out, none]])
    product = sp.expand(there * Matrix(green) * hence)
    pairs = {out**2: _g**2, home**2: _g**2, out * home: _gamma * _g**2}
    require_equal(product.subs(pairs), Matrix(self_energy(green, _D, _own)), "Σ")


def _pairing(word: Sequence[int], pairs: Sequence[tuple[int, int]]) -> Expr:
    """Leading average of a closed word of J (0) and Jᵀ (1); letter k has indices k and k + 1."""
    total = sp.S.Zero
    for flips in itertools.product((0, 1), repeat=2):
        index, weight = list(range(4)), sp.S.One
        for (a, b), flip in zip(pairs, flips, strict=True):
            weight *= _g**2 * (_gamma if (word[a] == word[b]) == flip else 1)
            for one, other in ((a, b + flip), (a + 1, b + 1 - flip)):
                old, new = index[one % 4], index[other % 4]
                index = [new if label == old else label for label in index]
        total += weight if len(set(index)) == 3 else 0
    return total


@check("spectrum.planar", "N → ∞: 𝒢 = 𝒢₀ + 𝒢₀Σ(𝒢)𝒢 to fourth order in J, for D = 1")
def planar() -> None:
    """All pairings of four letters J and Jᵀ; those that leave three indices free are of order 1."""
    G = Matrix(2, 2, sp.symbols("uu uv vu vv"))
    letters = Matrix([[0, -1], [0, 0]]), Matrix([[0, 0], [1, 0]])
    total = sp.zeros(2)
    for word in itertools.product((0, 1), repeat=4):
        term = sp.prod([G, *(letters[letter] * G for letter in word)])
        for pairs in (((0, 1), (2, 3)), ((0, 3), (1, 2)), ((0, 2), (1, 3))):
            total += term * _pairing(word, pairs)

    def energy(green: Matrix) -> Matrix:
        return Matrix(self_energy(green.tolist(), 1, 1))

    second = G * energy(G) * G
    require_equal(total, G * energy(second) * G + G * energy(G) * second, "fourth order")


@check("spectrum.neuron", "X = L − BD, Xᵀ in vu; 𝒢^vv = [b + Xᵀa⁻¹X]⁻¹, 𝒢^vu = 𝒢^vvXᵀa⁻¹")
def neuron() -> None:
    """Two times; 𝒢^uv = −(𝒢^vu)ᵀ, as b and a, which a rotation makes diagonal, are symmetric."""
    energy = self_energy([[_uu, -_vu.T], [_vu, _vv]], _D, _own)
    X = _L - _gamma * _g**2 * _D * _vu * _own
    require_equal(_L - energy[0][1], X, "X")
    require_equal(-_L.T - energy[1][0], -X.T, "−Xᵀ")
    vv, vu = responses(_D, _b, _X)
    require_equal(vu * _D, vv * _X.T, "vu a − vv Xᵀ")
    require_equal(vu * _X + vv * _b, sp.eye(2), "vu X + vv b")
    require_equal(_D * _b * vu, _D * _X.T * _D.inv() * (sp.eye(2) - _X * vu), "a uu = 1 − X vu")


@check("spectrum.mirror", "F(s) + F(−2 − s) = 1: K at s is similar to −Kᵀ at −2 − s of −Jᵀ and D")
def mirror() -> None:
    """Two neurons at two times; what grows slower than s in one grows faster in the adjoint."""
    one, a = sp.eye(2), sp.symbols("a", real=True)
    J = sp.KroneckerProduct(Matrix(2, 2, sp.symbols("J1:5")), one).as_explicit()
    ahead = sp.KroneckerProduct(one, Matrix([[0, 1], [-1, 0]])).as_explicit()
    gain = sp.diag(_D, _own)
    similar = J.inv() * tangent(J, gain, a, ahead) * J
    require_equal(similar, -tangent(-J.T, gain, -a, ahead).T, "K")


@check("spectrum.edge", "γ = 0: A → 0 where LLᵀψ = g²⟨φ'φ'⟩ψ, the bound state of λ in `lyapunov`")
def edge() -> None:
    """By spectrum.neuron 𝒢^vv = X⁻¹aX⁻ᵀ − 𝒢^vv bX⁻¹aX⁻ᵀ; ψ = L⁻¹AL⁻ᵀ, A = g²⟨φ'φ'⟩ψ."""
    t, later, tau = sp.symbols("t t' tau", positive=True)
    psi, slopes = sp.Function("psi"), Symbol("C'")
    half = (1 + _s) * psi(t - later) + sp.diff(psi(t - later), t)
    both = ((1 + _s) * half + sp.diff(half, later)).subs(t, tau + later).doit()
    bound = operator(psi(tau), slopes) - (1 - (1 + _s) ** 2) * psi(tau)
    require_equal(both - _g**2 * slopes * psi(tau), bound, "bound state")
    at_rest = exponent(operator(sp.S.One, sp.S.One))
    require_equal(fraction((at_rest + 1) / _g), sp.S.One, "F at the edge, D = 1")


@check("spectrum.rest", "D = 1: 𝒢 inside |X| < g, an ellipse of a and ω, and F of a semicircle")
def rest() -> None:
    """Solved inside; outside 𝒢^vu = 1/X is one function of L: ∂_a𝒢^vu = −i∂_ω𝒢^vu is integrated."""
    a, V = sp.symbols("a V", positive=True)
    X, L = inside(a), a + sp.I * _omega
    W, square = sp.conjugate(X) / _g**2, X * sp.conjugate(X)
    green = Matrix([[(_g**2 - square) / (_g**4 * V), -sp.conjugate(W)], [W, V]])
    bare = Matrix([[0, L], [-sp.conjugate(L), 0]])
    solved = (bare - Matrix(self_energy(green.tolist(), 1, 1))) * green
    require_equal(solved, sp.eye(2), "inside")
    end = (1 - _gamma) * _g * sp.sqrt(1 - _u**2)
    boundary = {a: _g * (1 + _gamma) * _u, _omega: end}
    require_equal(square.subs(boundary), _g**2, "boundary")
    # At |X| = g both agree.
    real, imaginary = sp.re(W), sp.im(W)
    density = (end * sp.diff(real, a) - imaginary.subs(boundary)) / sp.pi
    require_equal(density, sp.diff(fraction(_u), _u) / (_g * (1 + _gamma)), "density")
    require_equal(fraction(sp.S.Zero), Rational(1, 2), "F(−1)")
