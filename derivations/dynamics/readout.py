"""Linear readout ẑ = XW: least squares, ridge and the memory function of [HH] Eqs. 19–21.

Averages over time are sums here; the factor 1/L cancels.  W = V/d with d = det(XᵀX + α) and V of
polynomials, so every identity is proved for dW and dz: polynomials without a denominator.
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr, Matrix

from ..algebra import require_equal, require_zero
from ..registry import check

_L, _N = 3, 2
_X = Matrix(_L, _N, lambda t, i: sp.Symbol(f"X{int(t) + 1}{int(i) + 1}", real=True))
_z = Matrix([sp.Symbol(f"z{t + 1}", real=True) for t in range(_L)])
_W = Matrix(sp.symbols(f"W1:{_N + 1}", real=True))
_alpha = sp.Symbol("alpha", nonnegative=True)


def readout_weights(X: Matrix, z: Matrix, ridge: Expr = sp.S.Zero) -> tuple[Matrix, Expr]:
    """Numerator V and denominator d of the readout W = (XᵀX + α)⁻¹Xᵀz = V/d."""
    gram = X.T * X + ridge * sp.eye(X.cols)
    return gram.adjugate() * X.T * z, gram.det()


def memory(z: Matrix, predicted: Matrix) -> Expr:
    """The memory 1 − |z − ẑ|²/|z|² = (2ẑ·z − ẑ·ẑ)/|z|² of any prediction ẑ, from inner products."""
    return (2 * predicted.dot(z) - predicted.dot(predicted)) / z.dot(z)


def _error(W: Matrix, z: Matrix, ridge: Expr = sp.S.Zero) -> Expr:
    """|XW − z|² + α|W|²."""
    rest = _X * W - z
    return rest.dot(rest) + ridge * W.dot(W)


@check(
    "readout.optimum", "[HH] 20: W* = (XᵀX)⁻¹Xᵀz is the stationary point of |XW−z|², Hessian 2XᵀX"
)
def optimum() -> None:
    """With the ridge α: (XᵀX + α)⁻¹Xᵀz, Hessian 2(XᵀX + α) ≥ 0, hence the minimum."""
    slope = Matrix([sp.diff(_error(_W, _z, _alpha), w) for w in _W])
    hessian = slope.jacobian(_W)
    require_equal(hessian, 2 * (_X.T * _X + _alpha * sp.eye(_N)), "Hessian")
    V, d = readout_weights(_X, _z, _alpha)
    at_zero = slope.subs(dict.fromkeys(_W, 0))
    require_zero(hessian * V + d * at_zero, "stationary")


@check("readout.projection", "least squares: ẑ·ẑ = ẑ·z, the residual is orthogonal to the readout")
def projection() -> None:
    """ẑ = X W* is the projection of z on the columns of X."""
    V, d = readout_weights(_X, _z)
    predicted, target = _X * V, d * _z
    require_equal(predicted.dot(predicted), predicted.dot(target), "ẑ·ẑ = ẑ·z")
    require_zero(_X.T * (target - predicted), "orthogonal to every column")


@check("readout.memory", "[HH] 19 = 21: 1 − min|XW−z|²/|z|² = zᵀX(XᵀX)⁻¹Xᵀz/|z|² = |ẑ|²/|z|²")
def memory_of_least_squares() -> None:
    """A matrix identity for L = 3, N = 2, times d²|z|²."""
    V, d = readout_weights(_X, _z)
    predicted, target = _X * V, d * _z
    power = target.dot(target)
    middle = d * (_z.T * _X * (_X.T * _X).adjugate() * _X.T * _z)[0]
    require_equal(power - _error(V, target), middle, "Eq. 19 = Eq. 21, right")
    require_equal(predicted.dot(predicted), middle, "Eq. 21, left")
    require_equal(memory(target, predicted) * power, middle, "general form")


@check(
    "readout.ridge",
    "any W: m = 1 − |z−ẑ|²/|z|² = (2ẑ·z − ẑ·ẑ)/|z|²; ridge: = (|ẑ|² + 2α|W|²)/|z|², 21 is too low",
)
def ridge() -> None:
    """ẑ·z − ẑ·ẑ = α|W|²: [HH] 21 misses 2α|W|²/|z|² in one form and α|W|²/|z|² in the other."""
    power = _z.dot(_z)
    require_equal(power - _error(_W, _z), memory(_z, _X * _W) * power, "any W")
    V, d = readout_weights(_X, _z, _alpha)
    predicted, target, penalty = _X * V, d * _z, _alpha * V.dot(V)
    require_equal(predicted.dot(target) - predicted.dot(predicted), penalty, "ẑ·z − ẑ·ẑ")
    general = memory(target, predicted) * target.dot(target)
    require_equal(general, predicted.dot(predicted) + 2 * penalty, "from |ẑ|²")
    require_equal(general, predicted.dot(target) + penalty, "from ẑ·z")
