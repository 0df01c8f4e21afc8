"""The symbolic network: f and E are written down, all other quantities are derivatives of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import sympy as sp
from sympy import Expr, Matrix
from sympy.core.function import ArgumentIndexError


class OddTransfer(sp.Function):  # type: ignore[misc]  # sympy is untyped
    """The derivative φ⁽ᵏ⁾(x) of an odd function with slope 1 at 0, of which nothing else is known.

    Written ``OddTransfer(k, x)``; it knows its derivative and its parity.

    Examples
    --------
    >>> x = sp.Symbol("x", real=True)
    >>> OddTransfer(0, -x) + OddTransfer(0, x)
    0
    >>> sp.diff(OddTransfer(0, x), x)
    OddTransfer(1, x)
    """

    @classmethod
    def eval(cls, order: Expr, argument: Expr) -> Expr | None:
        """Automatic simplification: the values at 0, and minus signs pulled out."""
        if argument.is_zero and order == 1:
            return sp.S.One
        if argument.is_zero and order.is_even:
            return sp.S.Zero
        if argument.could_extract_minus_sign():
            return (-1) ** (order + 1) * cls(order, -argument)
        return None

    def fdiff(self, argindex: int = 2) -> Expr:
        """Derivative with respect to x, the second argument."""
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        order, argument = self.args
        return OddTransfer(order + 1, argument)


def odd(x: Expr) -> Expr:
    """The generic odd φ(x)."""
    return OddTransfer(0, x)


class SymbolicNetwork:
    """Symbols of a network of n neurons with drift f, energy E and regulated drift F.

    Parameters
    ----------
    n : int
        Number of neurons.
    phi : callable
        Transfer function of a sympy expression; by default a generic odd one.
    zero_diagonal : bool
        Whether J_ii = 0.

    Attributes
    ----------
    x : (n, 1) Matrix
        State.
    J : (n, n) Matrix
        Couplings, J_ij from neuron j to i.
    kappa, eta : Symbol
        Factor of the Onsager-reaction force, confinement.

    Examples
    --------
    >>> network = SymbolicNetwork(2, phi=lambda x: x, zero_diagonal=True)
    >>> network.force
    Matrix([
    [J12*x2 - x1],
    [J21*x1 - x2]])
    """

    def __init__(
        self, n: int, *, phi: Callable[[Expr], Expr] = odd, zero_diagonal: bool = False
    ) -> None:
        self.n = n
        self.x = Matrix([sp.Symbol(f"x{i + 1}", real=True) for i in range(n)])
        self.J = Matrix(
            n,
            n,
            lambda i, j: (
                0
                if zero_diagonal and i == j
                else sp.Symbol(f"J{int(i) + 1}{int(j) + 1}", real=True)
            ),
        )
        self.kappa = sp.Symbol("kappa", real=True)
        self.eta = sp.Symbol("eta", nonnegative=True)
        self.transfer = phi

    @property
    def phi(self) -> Matrix:
        """φ(x), componentwise."""
        return self.x.applyfunc(self.transfer)

    def slope(self, order: int = 1) -> Matrix:
        """φ'(x), φ''(x), … as a column."""
        return Matrix([sp.diff(self.transfer(x), x, order) for x in self.x])

    @property
    def force(self) -> Matrix:
        """Vanilla drift f = −x + Jφ(x)."""
        return -self.x + self.J * self.phi

    @property
    def kinetic_energy(self) -> Expr:
        """E = ½|f|² + ½η|x|²."""
        return (self.force.dot(self.force) + self.eta * self.x.dot(self.x)) / 2

    @cached_property
    def gradient(self) -> Matrix:
        """∇E by differentiation."""
        return Matrix([sp.diff(self.kinetic_energy, x) for x in self.x])

    @cached_property
    def hessian(self) -> Matrix:
        """∂²E/∂x∂x by differentiation."""
        return self.gradient.jacobian(self.x)

    @cached_property
    def force_jacobian(self) -> Matrix:
        """A = ∂f/∂x by differentiation."""
        return self.force.jacobian(self.x)

    @property
    def drift(self) -> Matrix:
        """F = (1−κ) f − κ∇E."""
        return (1 - self.kappa) * self.force - self.kappa * self.gradient

    @cached_property
    def jacobian(self) -> Matrix:
        """∂F/∂x by differentiation."""
        return self.drift.jacobian(self.x)

    def at(self, expression: Expr, x: Matrix, J: Matrix | None = None) -> Expr:
        """The expression or matrix at another state and, if given, other couplings."""
        replaced = dict(zip(self.x, x, strict=True))
        if J is not None:
            replaced |= {old: new for old, new in zip(self.J, J, strict=True) if old != 0}
        return expression.subs(replaced, simultaneous=True)


def networks() -> list[SymbolicNetwork]:
    """Two and three neurons, with zero and with general diagonal of J, for generic odd φ."""
    return [SymbolicNetwork(n, zero_diagonal=zero) for n in (2, 3) for zero in (True, False)]
