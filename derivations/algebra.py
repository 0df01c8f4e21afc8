"""Tools of the proofs: zero tests, formal averages, Gaussian moments, a law with parameters."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy import Expr, Rational, Symbol


def require_zero(expression: Expr, what: str = "remainder") -> None:
    """Raise AssertionError, naming what is left, unless the expression is identically zero.

    Parameters
    ----------
    expression : sympy expression or matrix
        Must vanish for all values of its symbols.
    what : str
        Name of the step in the message.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> require_zero((x + 1) ** 2 - x**2 - 2 * x - 1)
    >>> require_zero(x**2 - x, "square")
    Traceback (most recent call last):
    ...
    AssertionError: square: x*(x - 1) is left
    """
    entries = list(expression) if isinstance(expression, sp.MatrixBase) else [expression]
    for entry in entries:
        left = sp.factor(entry)
        if left != 0:
            left = sp.simplify(left)
        if left != 0:
            raise AssertionError(f"{what}: {left} is left")


def require_equal(one: Expr, two: Expr, what: str = "difference") -> None:
    """`require_zero` of the difference of two expressions or matrices."""
    require_zero(one - two, what)


def require_positive(expression: Expr, what: str = "sign") -> None:
    """Raise AssertionError unless sympy deduces from the assumptions that the expression is > 0."""
    if not sp.factor(expression).is_positive:
        raise AssertionError(f"{what}: {sp.factor(expression)} is not seen to be positive")


def double_factorial_moment(order: int) -> Expr:
    """⟨s^order⟩ of a standard normal s: (order − 1)!! or 0."""
    return sp.Integer(0) if order % 2 else sp.factorial2(order - 1)


def gaussian_mean(expression: Expr, s: Symbol, variance: Expr = sp.S.One) -> Expr:
    """Average of a polynomial in s over s ~ N(0, variance).

    Examples
    --------
    >>> s, v = sp.symbols("s v")
    >>> gaussian_mean(s**4 + s, s, v)
    3*v**2
    """
    terms = sp.Poly(sp.expand(expression), s).terms()
    moments = {n: double_factorial_moment(n) * variance ** Rational(n, 2) for (n,), _ in terms}
    return sp.Add(*(coefficient * moments[n] for (n,), coefficient in terms))


class FormalMean:
    """A normalised linear average ⟨·⟩ of polynomials, about which nothing else is known.

    Each monomial of `variables` becomes a symbol of its own.  An identity between such symbols
    holds for every probability law.

    Parameters
    ----------
    *variables : Symbol
        The random variables; all other symbols are numbers.

    Examples
    --------
    >>> a, x = sp.symbols("a x")
    >>> FormalMean(x)(a * x**2 + 3)
    a*⟨x**2⟩ + 3
    """

    def __init__(self, *variables: Symbol) -> None:
        self.variables = variables

    def __call__(self, integrand: Expr) -> Expr:
        """⟨integrand⟩ in symbols for the moments."""
        polynomial = sp.Poly(sp.expand(integrand), *self.variables)
        return sp.Add(*(c * self._symbol(powers) for powers, c in polynomial.terms()))

    def _symbol(self, powers: Sequence[int]) -> Expr:
        if not any(powers):
            return sp.Integer(1)
        factors = (v**n for v, n in zip(self.variables, powers, strict=True))
        return Symbol(f"⟨{sp.Mul(*factors)}⟩", real=True)


class SingleSite:
    """The law p(x|z,w) = e^W / Z with formal moments, and derivatives of its averages.

    W = −y²/(2v) − ½ ln(2πv) + wφ − (g²/2) ΔX φ² − (βη/2) x² with y = x − z − kφ(x), k = g²γG.
    Derivatives with respect to a parameter are taken under the integral over x at fixed x, where
    y moves with z and k:
    ∂Z = Z⟨∂W⟩ and ∂⟨F⟩ = ⟨∂F + F ∂W⟩ − ⟨F⟩⟨∂W⟩.  φ is any function; z, w are given fields.

    Attributes
    ----------
    x, phi, y : Symbol
        The random variables.
    v, k, delta_x, z, w, g, beta, eta : Symbol
        The parameters.
    """

    def __init__(self) -> None:
        self.x, self.phi, self.y = sp.symbols("x phi y", real=True)
        self.v, self.g, self.beta = sp.symbols("v g beta", positive=True)
        self.k, self.delta_x, self.z, self.w = sp.symbols("k DeltaX z w", real=True)
        self.eta = Symbol("eta", nonnegative=True)
        self.mean = FormalMean(self.x, self.phi, self.y)
        self.y_of_x = self.x - self.z - self.k * self.phi
        self.log_weight = (
            -(self.y**2) / (2 * self.v)
            - sp.log(2 * sp.pi * self.v) / 2
            + self.w * self.phi
            - self.g**2 / 2 * self.delta_x * self.phi**2
            - self.beta * self.eta / 2 * self.x**2
        )

    def at_fixed_x(self, expression: Expr, parameter: Symbol) -> Expr:
        """∂/∂parameter of a function of (x, φ, y) and the parameters, at fixed x."""
        drift = sp.diff(self.y_of_x, parameter)
        return sp.diff(expression, parameter) + sp.diff(expression, self.y) * drift

    def log_norm_slope(self, parameter: Symbol) -> Expr:
        """∂ ln Z/∂parameter."""
        return self.mean(self.at_fixed_x(self.log_weight, parameter))

    def mean_slope(self, observable: Expr, parameter: Symbol) -> Expr:
        """∂⟨observable⟩/∂parameter."""
        score = self.at_fixed_x(self.log_weight, parameter)
        moved = self.at_fixed_x(observable, parameter)
        return self.mean(moved + observable * score) - self.mean(observable) * self.mean(score)

    def log_norm_curvature(self, one: Symbol, two: Symbol) -> Expr:
        """∂² ln Z/∂one∂two."""
        return self.mean_slope(self.at_fixed_x(self.log_weight, one), two)
