"""Descent of E = ½|f|² from one state to a zero of f or to a minimum of E with f ≠ 0.

Damped steps (M + μI) δ = −∇E with one of two models M of the Hessian AᵀA + diag(φ''∘Jᵀf): its
first term (Levenberg–Marquardt) or all of it (Newton's method on ∇E = Aᵀf).  Levenberg–Marquardt
leads fast to zeros of f but crawls towards other minima, where A is singular and only the second
term curves E along the null direction.  The next step takes the model that foretold the last change
of E better, as in Dennis, Gay and Welsch, *An adaptive nonlinear least-squares algorithm*, ACM
Trans. Math. Softw. 7, 348 (1981).  Near the end μ = α|∇E| is of
the order of the distance left, so that convergence is quadratic where the Hessian is regular; far
away μ is bounded by α‖A‖².
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

from meanfield import TransferFunction
from meanfield.common.arguments import Array

EPS = float(np.finfo(float).eps)

Kind = Literal["zero", "minimum", "failed"]

# Gain ratios (actual over foretold decrease of E) below which a step is refused, below which α
# grows and above which it falls; the factors and limits of α.
_REFUSE, _POOR, _GOOD = 1e-4, 0.25, 0.75
_GROW, _FALL = 4.0, 0.2
_LEAST, _MOST = 1e-8, 1e20
# |∇E| relative to ‖A‖|f| below which a point is stationary; the last steps go on to rounding.
_STATIONARY = 1e-10
# A curvature above −_FLAT ‖A‖² counts as not negative: E gains nothing measurable along it.
_FLAT = 1e-10
_MAX_ESCAPES = 20
_LARGEST = 1e100
_REFINING_STEPS = 8
# Newton steps, whatever they do to E, from where a corner of φ holds a descent.
_FREE_STEPS = 60


class Landscape:
    """E = ½|f|² of one network: what does not depend on the state."""

    def __init__(self, J: Array, function: TransferFunction, bias: Array | float = 0.0) -> None:
        self.J = J
        self.function = function
        self.n = len(J)
        self.bias = np.broadcast_to(bias, self.n)
        self.is_odd = function.is_odd and not np.any(self.bias)
        norm = float(np.linalg.norm(J, 2))
        self.row_norms = np.linalg.norm(J, axis=1)
        # φ is a user's function: its suprema are read off a grid that resolves its bend, with 1 %
        # for what lies between the points.
        near, far = np.linspace(-8, 8, 4001), np.geomspace(8, 800, 1001)[1:]
        sample = np.concatenate([-far[::-1], near, far]) * function.length
        # A cosh in a denominator may overflow harmlessly on the way out, and two leave nan.
        with np.errstate(over="ignore", invalid="ignore"):
            slopes, bends = (np.nan_to_num(f(sample)) for f in (function.d1, function.d2))
        # ‖A‖ = ‖−I + J diag φ'‖ (2-norm) at any state, and K with ‖A(x) − A(y)‖ ≤ K|x − y| where no
        # corner is between them.
        self.jacobian_bound = 1 + 1.01 * norm * float(np.max(np.abs(slopes)))
        self.lipschitz = 1.01 * norm * float(np.max(np.abs(bends)))
        # Where φ' or φ'' jumps, and of these where φ' does.
        self.kinks, self.corners = np.array(function.kinks, dtype=float), function.corners
        third = np.abs(np.diff(bends) / np.diff(sample))
        # Between two points with a kink, or beside a point at one.
        place = np.searchsorted(sample, self.kinks)
        third[np.clip([place - 1, place], 0, third.size - 1)] = 0
        self._third = 1.01 * float(np.max(third))

    def at(self, x: Array) -> LandscapePoint:
        """The state with its force."""
        value = self.function.phi(x)
        return LandscapePoint(self, x, value, self.J @ value + self.bias - x)

    def hessian_lipschitz(self, point: LandscapePoint) -> float:
        """L with ‖Hess E(x) − Hess E(y)‖ ≤ L|x − y| near a state."""
        # From Hess E = AᵀA + diag(φ''∘Jᵀf): 2‖A‖K and ‖A‖K for f, sup|φ'''| max|Jᵀf| for φ''.
        feedback = float(np.max(np.abs(self.J.T @ point.force)))
        return 3 * self.jacobian_bound * self.lipschitz + self._third * feedback


@dataclass(frozen=True)
class LandscapePoint:
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
        """Rounding error of `residual`, by the Cauchy–Schwarz inequality."""
        landscape = self.landscape
        sent = landscape.row_norms * np.linalg.norm(self.value)
        return EPS * rms(np.abs(self.x) + np.abs(landscape.bias) + sent)

    def room(self, kinks: Array) -> float:
        """Distance of the state to where a neuron is at one of the kinks."""
        return float(np.min(np.abs(self.x[:, None] - kinks), initial=np.inf))

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


class DescentEnd(NamedTuple):
    """Where one descent stopped."""

    # "zero" is rms f ≤ tol, "minimum" ∇E = 0 with f ≠ 0 and Hess E ≥ 0.
    kind: Kind
    point: LandscapePoint
    # Matrices factored, refused steps included.
    iterations: int
    # How often a saddle of E was left along its lowest curvature.
    escapes: int
    # Why it failed, else empty.
    reason: str
    # rms f at the start and after every accepted step.
    residuals: list[float]


def descend(landscape: Landscape, x: Array, *, tol: float, max_iter: int) -> DescentEnd:
    """Follow E down from `x`, to rounding whatever `tol`, which only judges where the steps end."""
    if np.max(np.abs(x)) > _LARGEST:
        # f² would overflow, and infinities pass any comparison of f with its rounding.
        origin = landscape.at(np.zeros_like(x))
        return DescentEnd("failed", origin, 0, 0, f"a start beyond {_LARGEST:g}", [])
    point = landscape.at(x)
    return _Descent(point, tol, max_iter, [point.residual]).run()


@dataclass
class _Descent:
    """The moving state of `descend`."""

    point: LandscapePoint
    tol: float
    max_iter: int
    residuals: list[float]
    damping: float = 1.0  # α
    full: bool = False  # whether the model has the second term
    iterations: int = 0
    escapes: int = 0

    def run(self) -> DescentEnd:
        while self.point.residual > self.point.rounding:
            if self._is_stationary():
                values, vectors = eigh(
                    self.point.hessian(), subset_by_index=[0, 0], check_finite=False
                )
                is_minimum = values[0] >= -_FLAT * self.point.landscape.jacobian_bound**2
                if self._is_zero() or is_minimum:
                    break
                lower = _below(self.point, vectors[:, 0]) if self.escapes < _MAX_ESCAPES else None
                if lower is None:
                    return self._ending("failed", "held at a saddle of E with f != 0")
                self.escapes += 1
                self._accept(lower)
                self.damping = 1.0
            elif reason := self._step():
                if self.point.landscape.corners.size and not self._is_zero():
                    reason += "; E may have a minimum at a kink of phi"
                    self._leap()
                return self._ending("zero" if self._is_zero() else "failed", reason)
        return self._ending("zero" if self._is_zero() else "minimum")

    def _is_zero(self) -> bool:
        return self.point.residual <= max(self.tol, self.point.rounding)

    def _is_stationary(self) -> bool:
        # Rounding of f reaches ∇E through A.
        relative = max(_STATIONARY * self.point.residual, self.point.rounding)
        return rms(self.point.gradient) <= self.point.landscape.jacobian_bound * relative

    def _leap(self) -> None:
        """To a zero by Newton's method on f alone, if it leads to one: f is linear in between."""
        moved = self.point
        for _ in range(_FREE_STEPS):
            ahead = _newton(moved, moved.jacobian, moved.force)
            self.iterations += 1
            if ahead is None:
                return
            moved = ahead
            if moved.residual <= max(self.tol, moved.rounding):
                return self._accept(moved)

    def _accept(self, point: LandscapePoint) -> None:
        self.point = point
        self.residuals.append(point.residual)

    def _ending(self, kind: Kind, reason: str = "") -> DescentEnd:
        point = self.point
        if kind == "zero":
            point, reason = _refined_zero(point), ""
        elif kind == "minimum":
            point = _refined_minimum(point)
        return DescentEnd(kind, point, self.iterations, self.escapes, reason, self.residuals)

    def _step(self) -> str:
        """One accepted step; the reason if there is none."""
        here = self.point
        steepness = rms(here.gradient)
        # Beyond ‖A‖² a shift is damping already: far starts need no more.
        unit = min(steepness, here.landscape.jacobian_bound**2)
        noise = 4 * here.landscape.n * here.rounding * here.residual
        while True:
            if self.iterations >= self.max_iter:
                return f"still descending after max_iter={self.max_iter} steps"
            if self.damping > _MOST:
                return "E falls no further although its gradient is not 0"
            self.iterations += 1
            shift = self.damping * unit
            model = with_diagonal(
                here.gauss_newton.copy(), here.bending + shift if self.full else shift
            )
            try:
                factor = cho_factor(model, lower=True, overwrite_a=True, check_finite=False)
            except LinAlgError:
                # The full Hessian is not positive here, or AᵀA is singular to rounding.
                least = 1e-6 * float(np.max(here.gauss_newton.diagonal()))
                self.damping = max(_GROW * self.damping, least / unit)
                continue
            step = -cho_solve(factor, here.gradient, check_finite=False)
            trial = here.landscape.at(here.x + step)
            foretold = (shift * float(step @ step) - float(here.gradient @ step)) / 2
            if foretold <= noise:
                # The change of E drowns in rounding: its gradient, or f, has to tell.
                if trial.residual < here.residual / 2 or rms(trial.gradient) < steepness / 2:
                    gain = 1.0
                elif self._is_zero():
                    return "rounding"
                else:
                    gain = 0.0
            else:
                actual = here.energy - trial.energy
                gain = actual / foretold
                # The two models differ by the second term of the Hessian alone.
                second = float(here.bending @ step**2) / 2
                by_other = foretold + second if self.full else foretold - second
                if abs(by_other - actual) < abs(foretold - actual):
                    self.full = not self.full
            if gain < _POOR:
                self.damping *= _GROW
            elif gain > _GOOD:
                self.damping = max(_LEAST, _FALL * self.damping)
            if gain > _REFUSE:
                self._accept(trial)
                return ""


def _refined_zero(point: LandscapePoint) -> LandscapePoint:
    """Newton's method on f as long as rms f falls; unlike AᵀA it does not square the condition."""
    for _ in range(_REFINING_STEPS):
        moved = _newton(point, point.jacobian, point.force)
        if moved is None or not moved.residual < point.residual:
            break
        point = moved
    return point


def _refined_minimum(point: LandscapePoint) -> LandscapePoint:
    """Newton's method on ∇E as long as its norm falls and E does not rise."""
    for _ in range(_REFINING_STEPS):
        moved = _newton(point, point.hessian(), point.gradient)
        if moved is None or not rms(moved.gradient) < rms(point.gradient):
            break
        if moved.energy > point.energy * (1 + 1e-9):
            break
        point = moved
    return point


def _newton(point: LandscapePoint, matrix: Array, value: Array) -> LandscapePoint | None:
    try:
        step = np.linalg.solve(matrix, -value)
    except np.linalg.LinAlgError:
        return None
    return point.landscape.at(point.x + step) if np.all(np.isfinite(step)) else None


def _below(point: LandscapePoint, direction: Array) -> LandscapePoint | None:
    """The lowest of a few points to both sides along a direction of negative curvature."""
    lengths = np.geomspace(1e-4, 1.0, 9) * np.sqrt(point.landscape.n)
    trials = [
        point.landscape.at(point.x + length * direction)
        for length in np.concatenate([lengths, -lengths])
    ]
    lowest = min(trials, key=lambda trial: trial.energy)
    return lowest if lowest.energy < point.energy else None
