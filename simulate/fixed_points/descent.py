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

from typing import Literal, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

from meanfield.common.arguments import Array

from .landscape import Landscape, Site, rms, with_diagonal

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
_POLISHING_STEPS = 8


class Ending(NamedTuple):
    """Where one descent stopped.

    Attributes
    ----------
    kind : str
        "zero" (rms f ≤ tol), "minimum" (∇E = 0, f ≠ 0, Hess E ≥ 0) or "failed".
    site : Site
    iterations : int
        Matrices factored, refused steps included.
    escapes : int
        How often a saddle of E was left along its lowest curvature.
    reason : str
        Why it failed, else empty.
    residuals : list of float
        rms f at the start and after every accepted step.
    """

    kind: Kind
    site: Site
    iterations: int
    escapes: int
    reason: str
    residuals: list[float]


def descend(landscape: Landscape, x: Array, *, tol: float, max_iter: int) -> Ending:
    """Follow E down from `x`.

    Parameters
    ----------
    landscape : Landscape
    x : (n,) ndarray
    tol : float
        A point with rms f ≤ tol is a zero, never asked below rounding.  Steps go on to rounding
        whatever `tol`, which only judges where they end.
    max_iter : int
        Largest number of matrices factored.
    """
    if np.max(np.abs(x)) > _LARGEST:
        # f² would overflow, and infinities pass any comparison of f with its rounding.
        site = landscape.at(np.zeros_like(x))
        return Ending("failed", site, 0, 0, f"a start beyond {_LARGEST:g}", [])
    return _Descent(landscape.at(x), tol, max_iter).run()


class _Descent:
    """The moving state of `descend`."""

    def __init__(self, site: Site, tol: float, max_iter: int) -> None:
        self.site = site
        self.tol = tol
        self.max_iter = max_iter
        self.damping = 1.0  # α
        self.full = False  # whether the model has the second term
        self.iterations = 0
        self.escapes = 0
        self.residuals = [site.residual]

    def run(self) -> Ending:
        while self.site.residual > self.site.rounding:
            if self._is_stationary():
                values, vectors = eigh(
                    self.site.hessian(), subset_by_index=[0, 0], check_finite=False
                )
                is_minimum = values[0] >= -_FLAT * self.site.landscape.stretch**2
                if self._is_zero() or is_minimum:
                    break
                lower = _below(self.site, vectors[:, 0]) if self.escapes < _MAX_ESCAPES else None
                if lower is None:
                    return self._ending("failed", "held at a saddle of E with f != 0")
                self.escapes += 1
                self._accept(lower)
                self.damping = 1.0
            elif reason := self._step():
                return self._ending("zero" if self._is_zero() else "failed", reason)
        return self._ending("zero" if self._is_zero() else "minimum")

    def _is_zero(self) -> bool:
        return self.site.residual <= max(self.tol, self.site.rounding)

    def _is_stationary(self) -> bool:
        # Rounding of f reaches ∇E through A.
        relative = max(_STATIONARY * self.site.residual, self.site.rounding)
        return rms(self.site.gradient) <= self.site.landscape.stretch * relative

    def _accept(self, site: Site) -> None:
        self.site = site
        self.residuals.append(site.residual)

    def _ending(self, kind: Kind, reason: str = "") -> Ending:
        site = self.site
        if kind == "zero":
            site, reason = _polished_zero(site), ""
        elif kind == "minimum":
            site = _polished_minimum(site)
        return Ending(kind, site, self.iterations, self.escapes, reason, self.residuals)

    def _step(self) -> str:
        """One accepted step; the reason if there is none."""
        here = self.site
        steepness = rms(here.gradient)
        # Beyond ‖A‖² a shift is damping already: far starts need no more.
        unit = min(steepness, here.landscape.stretch**2)
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


def _polished_zero(site: Site) -> Site:
    """Newton's method on f as long as rms f falls; unlike AᵀA it does not square the condition."""
    for _ in range(_POLISHING_STEPS):
        moved = _newton(site, site.jacobian, site.force)
        if moved is None or not moved.residual < site.residual:
            break
        site = moved
    return site


def _polished_minimum(site: Site) -> Site:
    """Newton's method on ∇E as long as its norm falls and E does not rise."""
    for _ in range(_POLISHING_STEPS):
        moved = _newton(site, site.hessian(), site.gradient)
        if moved is None or not rms(moved.gradient) < rms(site.gradient):
            break
        if moved.energy > site.energy * (1 + 1e-9):
            break
        site = moved
    return site


def _newton(site: Site, matrix: Array, value: Array) -> Site | None:
    try:
        step = np.linalg.solve(matrix, -value)
    except np.linalg.LinAlgError:
        return None
    return site.landscape.at(site.x + step) if np.all(np.isfinite(step)) else None


def _below(site: Site, direction: Array) -> Site | None:
    """The lowest of a few points to both sides along a direction of negative curvature."""
    lengths = np.geomspace(1e-4, 1.0, 9) * np.sqrt(site.landscape.n)
    points = [
        site.landscape.at(site.x + length * direction)
        for length in np.concatenate([lengths, -lengths])
    ]
    lowest = min(points, key=lambda point: point.energy)
    return lowest if lowest.energy < site.energy else None
