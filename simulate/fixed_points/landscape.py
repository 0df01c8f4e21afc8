"""E = ½|f|² of one network: values, derivatives, and bounds on their rounding and variation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from meanfield import TransferFunction
from meanfield.common.arguments import Array

_EPS = float(np.finfo(float).eps)


class Landscape:
    """A network with everything that does not depend on the state.

    Parameters
    ----------
    J : (n, n) ndarray
    function : TransferFunction

    Attributes
    ----------
    stretch : float
        Bound on ‖A‖ = ‖−I + J diag φ'‖ at any state (2-norm).
    lipschitz : float
        K with ‖A(x) − A(y)‖ ≤ K|x − y|: ‖J‖ sup|φ''|.
    """

    def __init__(self, J: Array, function: TransferFunction) -> None:
        self.J = J
        self.function = function
        self.n = len(J)
        norm = float(np.linalg.norm(J, 2))
        self._row_norms = np.linalg.norm(J, axis=1)
        # φ is a user's function: its suprema are read off a grid that resolves its bend, with 1 %
        # for what lies between the points.
        sample = np.linspace(-8, 8, 4001) * function.length
        # A cosh in a denominator may overflow harmlessly on the way out.
        with np.errstate(over="ignore"):
            slopes, bends = function.d1(sample), function.d2(sample)
        self.stretch = 1 + 1.01 * norm * float(np.max(np.abs(slopes)))
        self.lipschitz = 1.01 * norm * float(np.max(np.abs(bends)))
        self._third = 1.01 * float(np.max(np.abs(np.gradient(bends, sample))))

    def at(self, x: Array) -> Site:
        """The state with its force."""
        value = self.function.phi(x)
        return Site(self, x, value, self.J @ value - x)

    def rounding(self, x: Array, value: Array) -> float:
        """Rounding error of f, root mean square over neurons, by the Cauchy–Schwarz inequality."""
        return _EPS * rms(np.abs(x) + self._row_norms * np.linalg.norm(value))

    def hessian_lipschitz(self, site: Site) -> float:
        """L with ‖Hess E(x) − Hess E(y)‖ ≤ L|x − y| near a state.

        From Hess E = AᵀA + diag(φ''∘Jᵀf): 2‖A‖K and ‖A‖K for f, sup|φ'''| max|Jᵀf| for φ''.
        """
        pull = float(np.max(np.abs(self.J.T @ site.force)))
        return 3 * self.stretch * self.lipschitz + self._third * pull


@dataclass(frozen=True)
class Site:
    """A state with its force f."""

    landscape: Landscape
    x: Array
    value: Array
    force: Array

    @cached_property
    def energy(self) -> float:
        """E = ½ Σ f²."""
        return float(self.force @ self.force) / 2

    @cached_property
    def residual(self) -> float:
        """Root mean square of f over neurons."""
        return rms(self.force)

    @cached_property
    def rounding(self) -> float:
        """Rounding error of `residual`."""
        return self.landscape.rounding(self.x, self.value)

    @cached_property
    def jacobian(self) -> Array:
        """A = −I + J diag φ'."""
        slope = self.landscape.function.slope_at(self.x, self.value)
        return with_diagonal(self.landscape.J * slope, -1.0)

    @cached_property
    def gradient(self) -> Array:
        """∇E = Aᵀf."""
        return self.jacobian.T @ self.force

    @cached_property
    def bending(self) -> Array:
        """φ''∘Jᵀf, the diagonal of Hess E − AᵀA."""
        bend = self.landscape.function.bend_at(self.x, self.value)
        return bend * (self.landscape.J.T @ self.force)

    @cached_property
    def gauss_newton(self) -> Array:
        """AᵀA."""
        return self.jacobian.T @ self.jacobian

    def hessian(self) -> Array:
        """Hess E = AᵀA + diag(φ''∘Jᵀf)."""
        return with_diagonal(self.gauss_newton.copy(), self.bending)


def with_diagonal(matrix: Array, diagonal: Array | float) -> Array:
    """`matrix` itself after `diagonal` was added to its diagonal."""
    matrix[np.diag_indices_from(matrix)] += diagonal
    return matrix


def rms(v: Array) -> float:
    """Root mean square of the entries."""
    return float(np.sqrt(v @ v / len(v)))
