"""The covariance of two neurons: N times its mean square, for every γ at κ = 0.

Neurons 1 and 2 are added to a network.  To the order N^(−1/2), at one frequency, what they send
to each other and the cross-spectrum of the fields that they hear are

    F = J_12 + Σ J_1k χ_kl J_l2,   F' = J_21 + Σ J_2k χ_kl J_l1,   G = Σ J_1k c_kl J_2l,

χ the response and c the cross-spectrum of φ in the network without them, diagonals included, and

    c_12 = |S|² G + S C F + C (S F')*.

Products of two such sums at two frequencies are averaged over the couplings of 1 and 2, and c_12 is
one of the c_kl of the network: the averages close.  Conjugates are written as symbols of their own.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Matrix

from ..algebra import gaussian_mean, require_zero
from ..registry import check

_g, _gamma = sp.symbols("g gamma", real=True)
# At frequencies 1 and 2: S, S*, C; of x the response, its conjugate, ⟨φx*⟩ and its conjugate.
_S, _T, _C = sp.symbols("S1:3"), sp.symbols("T1:3"), sp.symbols("C1:3")
_X, _Y, _B, _D = (sp.symbols(f"{name}1:3") for name in "XYBD")


def _conjugate(expression: Expr) -> Expr:
    pairs = [*zip(_S, _T, strict=True), *zip(_X, _Y, strict=True), *zip(_B, _D, strict=True)]
    swaps = {a: b for one, other in pairs for a, b in ((one, other), (other, one))}
    return expression.subs(swaps, simultaneous=True)


def _exchanged(expression: Expr) -> Expr:
    swaps = {
        a: b
        for one, two in (_S, _T, _C, _X, _Y, _B, _D)
        for a, b in ((one, two), (two, one))
    }  # fmt: skip
    return expression.subs(swaps, simultaneous=True)


def paths() -> Expr:
    """N⟨F(ω₁)F(ω₂)⟩."""
    return _g**2 / (1 - _g**2 * _S[0] * _S[1])


def returns() -> Expr:
    """N⟨F(ω₁)F'(ω₂)*⟩."""
    return _gamma * _g**2 / (1 - _gamma * _g**2 * _S[0] * _T[1])


def mixed() -> Expr:
    """(1/N) Σ χ_kl(ω₁)c_kl(ω₂)."""
    forth, back = _g**2 * _S[0] * _S[1], _gamma * _g**2 * _S[0] * _T[1]
    return _S[0] * _C[1] / ((1 - forth) * (1 - back))


def factor() -> Expr:
    """N⟨c(ω₁)c(ω₂)⟩ of φ over C(ω₁)C(ω₂), and 1."""
    forth, back = _g**2 * _S[0] * _S[1], _gamma * _g**2 * _S[0] * _T[1]
    squares = (1 - forth) * (1 - _conjugate(forth)) * (1 - back) * (1 - _conjugate(back))
    return (1 - back * _conjugate(back)) / squares


def mean_square(network: Expr, response: tuple[Expr, ...], covariance: tuple[Expr, ...]) -> Expr:
    """N⟨c(ω₁)c(ω₂)⟩ of y = φ or x, from that of φ in the network."""
    # Responses and covariances with φ, each at both frequencies and conjugated.
    first, second, *conjugates = response
    sent, other = (a * b for a, b in zip(response[:2], covariance[:2], strict=True))
    back = [a * b for a, b in zip(conjugates, covariance[2:], strict=True)]
    shared = _g**4 * first * second * conjugates[0] * conjugates[1] * (_C[0] * _C[1] + network)
    direct = sent * other * paths() + sent * back[1] * returns()
    # What the neurons send at ω₂ with the fields that they hear at ω₁, and the reverse.
    one = first * conjugates[0] * _gamma * _g**4 * other * _exchanged(mixed())
    two = second * conjugates[1] * _gamma * _g**4 * sent * mixed()
    return shared + sum(part + _conjugate(part) for part in (direct, one, two))


@check(
    "dimension.averages",
    "over the couplings of two neurons, any γ: FF, FF', GG, FG are sums of χχ, cc and χc",
)
def averages() -> None:
    """Two neurons beside a network of two, in units of g/√N: J_1k and J_k1 have covariance γ."""
    normal = Matrix(2, 2, sp.symbols("a11 a12 a21 a22"))
    apart = Matrix(2, 2, sp.symbols("b11 b12 b21 b22"))
    # Row i has the couplings towards, row i of `sent` those from the new neuron i.
    heard, sent = normal, _gamma * normal + sp.sqrt(1 - _gamma**2) * apart
    chi, psi, c, d = (
        Matrix(2, 2, sp.symbols(f"{name}11 {name}12 {name}21 {name}22"))
        for name in ("chi", "psi", "c", "d")
    )

    def path(response: Matrix, start: int, end: int) -> Expr:
        return (heard[end, :] * response * sent[start, :].T)[0]

    def fields(covariance: Matrix) -> Expr:
        return (heard[0, :] * covariance * heard[1, :].T)[0]

    def mean(product: Expr) -> Expr:
        product = sp.expand(product)
        for one in (*normal, *apart):
            product = sp.expand(gaussian_mean(product, one))
        return product

    def inner(one: Matrix, two: Matrix) -> Expr:
        return sum(a * b for a, b in zip(one, two, strict=True))

    there, back = path(chi, 1, 0), path(psi, 0, 1)
    require_zero(mean(there * path(psi, 1, 0)) - inner(chi, psi), "FF")
    require_zero(mean(there * back) - _gamma**2 * inner(chi, psi.T), "FF'")
    require_zero(mean(fields(c) * fields(d)) - inner(c, d), "GG")
    require_zero(mean(there * fields(d)) - _gamma * inner(chi, d), "FG")
    require_zero(mean(back * fields(d)) - _gamma * inner(psi.T, d), "F'G")


@check(
    "dimension.closure",
    "N⟨F F⟩ = g²/(1−A), N⟨F F'*⟩ = γg²/(1−a), (1/N)Σχc = SC/((1−A)(1−a))",
)
def closure() -> None:
    """Off the diagonal χ_kl = S F_kl S, and c_kl by its own equation."""
    (S, other), (_, T), (_, C) = _S, _T, _C
    response = S * other + S**2 * other**2 * paths()
    require_zero(paths() - _g**2 - _g**4 * response, "FF")
    reverse = S * T + S**2 * T**2 * returns()
    require_zero(returns() - _gamma * _g**2 - _gamma**2 * _g**4 * reverse, "FF'")
    heard = other * T * _gamma * _g**4 * mixed()
    require_zero(mixed() - S * C - S**2 * (heard + other * C * paths() + T * C * returns()), "χc")


@check(
    "dimension.activity",
    "φ: N⟨cc⟩ = [(1−|a|²)/(|1−A|²|1−a|²) − 1]CC; γ = 0: 1/|1−A|² − 1",
)
def activity() -> None:
    """The mean square of c_12 is that of the c_kl in the fields."""
    found = (factor() - 1) * _C[0] * _C[1]
    require_zero(found - mean_square(found, (*_S, *_T), (*_C, *_C)), "closure")
    forth = _g**2 * _S[0] * _S[1]
    alone = 1 / ((1 - forth) * (1 - _conjugate(forth)))
    require_zero(factor().subs(_gamma, 0) - alone, "γ = 0")


@check(
    "dimension.states",
    "x, γ = 0: N⟨dd⟩ = DD/|1−A|² + 2Re[A/(1−A)]ΔΔ, D = g²C/(1+ω²) = Δ − σ²/(1+ω²)",
)
def states() -> None:
    """S = r/(1+iω), and ⟨φx*⟩ = rΔ since x is Gaussian."""
    r, delta, shared = sp.symbols("r"), sp.symbols("Delta1:3"), sp.symbols("shared1:3")
    found = mean_square((factor() - 1) * _C[0] * _C[1], (*_X, *_Y), (*_B, *_D)).subs(_gamma, 0)
    known = {one: shared[k] / (_g**2 * _X[k] * _Y[k]) for k, one in enumerate(_C)}
    for k in range(2):
        known |= {_S[k]: r * _X[k], _T[k]: r * _Y[k], _B[k]: r * delta[k], _D[k]: r * delta[k]}
    forth = (_g * r) ** 2 * _X[0] * _X[1]
    alone = 1 / ((1 - forth) * (1 - _conjugate(forth)))
    direct = forth / (1 - forth) * delta[0] * delta[1]
    expected = shared[0] * shared[1] * alone + direct + _conjugate(direct)
    require_zero(found.subs(known, simultaneous=True) - expected, "x")
