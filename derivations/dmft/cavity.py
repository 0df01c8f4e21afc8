"""One neuron added to the network: the single-site equations, for every γ and κ.

ẋ = f − κφ'(x)u, f = −x + h, h = Jφ, u = Jᵀf.  The neuron 0 acts on neuron i of the rest through
the fields J_i0 φ_0(t) in h_i and J_0i f_0(t) in u_i, and hears the answers in h_0 = Σ J_0i φ_i and
u_0 = Σ J_i0 f_i.  With its own row and column of J averaged, and per unit field and unit time,

    h = η_h + g²∫R_φu f + γg²∫R_φh φ,   u = η_u + g²∫R_fh φ + γg²∫R_fu f,

R_φh(t,s) the mean of δφ_i(t)/δ(field in h_i at s), and so on.  Everything is proved for Euler
steps Δ: there the responses to the field of one step are ΔR, and a δ(t−s) in R is a 1 at t = s.
Initial values and noise are held fixed.  At κ = 0 this is the theory of [SCS] and [ZH].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy as sp
from sympy import Expr, Matrix, Symbol

from ..algebra import require_zero
from ..dynamics.model import OddTransfer, odd
from ..registry import check

_step = Symbol("Delta", positive=True)
_kappa = Symbol("kappa", real=True)
STEPS = 3


@dataclass(frozen=True)
class Run:
    """An Euler run of neurons 1…n beside a neuron 0 of given trajectory: lists over time.

    `x`, `phi` and `f` are columns of neurons 1…n, `h_0` and `u_0` what neuron 0 hears.
    """

    x: list[Matrix]
    phi: list[Matrix]
    f: list[Matrix]
    h_0: list[Expr]
    u_0: list[Expr]


def run(J: Matrix, x: Matrix, phi_0: Matrix, f_0: Matrix, h: Matrix, u: Matrix) -> Run:
    """The network h = Jφ, u = Jᵀf with a generic odd φ.

    Parameters
    ----------
    J : (n+1, n+1) Matrix
    x : (n, 1) Matrix
        Initial state of neurons 1…n.
    phi_0, f_0 : (steps, 1) Matrix
        Trajectory of neuron 0.
    h, u : (n, steps) Matrix
        Fields added to h and u of neurons 1…n.
    """
    result = Run([], [], [], [], [])
    for t in range(phi_0.rows):
        phi = x.applyfunc(odd)
        inputs = J * Matrix([phi_0[t], *phi])
        f = -x + inputs[1:, :] + h[:, t]
        answers = J.T * Matrix([f_0[t], *f])
        result.x.append(x)
        result.phi.append(phi)
        result.f.append(f)
        result.h_0.append(inputs[0])
        result.u_0.append(answers[0])
        slope = x.applyfunc(lambda y: OddTransfer(1, y))
        x = x + _step * (f - _kappa * slope.multiply_elementwise(answers[1:, :] + u[:, t]))
    return result


@dataclass(frozen=True)
class Rest:
    """Neurons 1 and 2 without neuron 0, and their fields."""

    J: Matrix
    h: Matrix
    u: Matrix
    run: Run

    def response(self, signal: Matrix, field: Matrix) -> Matrix:
        """Derivatives with respect to the fields of one step, at zero fields."""
        return signal.jacobian(field).applyfunc(self.undisturbed)

    def undisturbed(self, expression: Expr) -> Expr:
        """The expression at zero fields."""
        return expression.subs(dict.fromkeys([*self.h, *self.u], 0))


def couplings(row: Matrix, column: Matrix) -> Matrix:
    """J of three neurons without self-couplings, row and column 0 given."""
    J_12, J_21 = sp.symbols("J_12 J_21", real=True)
    return Matrix([[0, *row], [column[0], 0, J_12], [column[1], J_21, 0]])


def symbols(name: str, rows: int, columns: int = 1) -> Matrix:
    """A matrix of real symbols."""
    return Matrix(rows, columns, lambda i, j: Symbol(f"{name}_{i + 1}{j + 1}", real=True))


@cache
def rest() -> Rest:
    """The rest with a field of its own at each time in each h_i and each u_i."""
    J, silent = couplings(sp.zeros(2, 1), sp.zeros(2, 1)), sp.zeros(STEPS, 1)
    h, u = symbols("zeta", 2, STEPS), symbols("theta", 2, STEPS)
    return Rest(J, h, u, run(J, symbols("x", 2), silent, silent, h, u))


@check(
    "cavity.expansion",
    "h_0, u_0 to second order in row and column 0: ΣJ_0iφ_i, ΣJ_i0f_i of the rest and its linear"
    " responses, for any trajectory of neuron 0 (n = 2, generic φ)",
)
def expansion() -> None:
    """Row and column 0 of J are multiplied by ε; the network itself is differentiated."""
    order = Symbol("epsilon", real=True)
    others = rest()
    row, column = symbols("J_0", 2), symbols("J^0", 2)
    phi_0, f_0 = symbols("phi", STEPS), symbols("f", STEPS)
    none = sp.zeros(2, STEPS)
    whole = run(couplings(order * row, order * column), symbols("x", 2), phi_0, f_0, none, none)
    for t in range(STEPS):
        for name, heard, weights, signal in (
            ("h", whole.h_0[t], row, others.run.phi[t]),
            ("u", whole.u_0[t], column, others.run.f[t]),
        ):
            require_zero(heard.subs(order, 0), f"{name}_0, order 0, t = {t}")
            heard = sp.expand(heard / order, deep=False)  # φ and f of the rest still depend on ε
            first = weights.dot(others.undisturbed(signal))
            require_zero(heard.subs(order, 0) - first, f"{name}_0, order 1, t = {t}")
            second = sp.diff(heard, order).subs(order, 0)
            for s in range(t + 1):
                answer = others.response(signal, others.h[:, s]) * column * phi_0[s]
                answer += others.response(signal, others.u[:, s]) * row * f_0[s]
                second -= weights.dot(answer)
            require_zero(second, f"{name}_0, order 2, t = {t}")
