"""Which ends of descents are the same point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigvalsh, svdvals

from meanfield.common.arguments import Array

from .landscape import Landscape, Site

_EPS = float(np.finfo(float).eps)


@dataclass
class Found:
    """A point reached first by one descent and later perhaps by others.

    Attributes
    ----------
    site : Site
    smallest_singular_value : float
        Of A.
    smallest_curvature : float
        Smallest eigenvalue of Hess E.
    proven : bool
        Whether the Newton–Kantorovich theorem gives an exact zero (of f, or of ∇E) beside it.
    radius : float
        Ends nearer than this are the same point.
    hits : int
    """

    site: Site
    smallest_singular_value: float
    smallest_curvature: float
    proven: bool
    radius: float
    hits: int = 0


class Collection:
    """Distinct points of one kind; x and −x, one point of an odd φ, are merged.

    Parameters
    ----------
    landscape : Landscape
    kind : str
        "zero" or "minimum".
    """

    def __init__(self, landscape: Landscape, kind: str) -> None:
        self.landscape = landscape
        self.kind = kind
        self.points: list[Found] = []
        self._states = np.empty((0, landscape.n))
        self._radii = np.empty(0)

    def add(self, site: Site, hits: int = 1) -> int:
        """Count a hit of a known point or list a new one; its number."""
        squares = np.einsum("ij,ij->i", self._states, self._states) + site.x @ site.x
        # The nearer of x and −x to each known point; recomputed for the candidates below, as the
        # expanded square loses small distances to cancellation.
        near = squares - 2 * np.abs(self._states @ site.x)
        slack = 1e-12 * squares
        for k in np.flatnonzero(near <= self._radii**2 + slack):
            sign = 1.0 if self._states[k] @ site.x >= 0 else -1.0
            if np.linalg.norm(self._states[k] - sign * site.x) <= self._radii[k]:
                self.points[k].hits += hits
                return int(k)
        found = _measure(site, self.kind)
        found.hits = hits
        self.points.append(found)
        self._states = np.vstack([self._states, site.x])
        self._radii = np.append(self._radii, found.radius)
        return len(self.points) - 1


def _measure(site: Site, kind: str) -> Found:
    landscape = site.landscape
    singular = float(svdvals(site.jacobian, check_finite=False)[-1])
    curvature = float(eigvalsh(site.hessian(), subset_by_index=[0, 0], check_finite=False)[0])
    # At x = 0 nothing is rounded, but the ends to be merged with it were.
    rounding = np.sqrt(landscape.n) * max(site.rounding, _EPS)
    if kind == "zero":
        # Hess E = AᵀA up to rounding, and the square is positive.
        curvature = singular**2
        defect = float(np.linalg.norm(site.force)) + rounding
        proven, radius = _ball(singular, defect, landscape.lipschitz)
    else:
        defect = float(np.linalg.norm(site.gradient)) + landscape.stretch * rounding
        proven, radius = _ball(curvature, defect, landscape.hessian_lipschitz(site))
    # A fresh site: this one holds matrices.
    return Found(landscape.at(site.x), singular, curvature, proven, radius)


def _ball(smallest: float, defect: float, lipschitz: float) -> tuple[bool, float]:
    """Whether F has exactly one zero near a point, and how near no second one lies.

    Newton–Kantorovich theorem: with |F| ≤ `defect`, ‖DF⁻¹‖ = 1/`smallest` and DF Lipschitz, there
    is a zero if h = lipschitz·defect/smallest² ≤ ½, and no other one within
    (1 + √(1 − 2h)) smallest/lipschitz; the radius returned, smallest/lipschitz, lies within that.
    Where the theorem is silent the point is degenerate to rounding; at a triple zero, the generic
    one for odd φ, a defect displaces it by its third root.
    """
    if smallest > 0 and lipschitz * defect <= smallest**2 / 2:
        return True, smallest / lipschitz if lipschitz > 0 else np.inf
    return False, 4 * float(np.cbrt(6 * defect / lipschitz)) if lipschitz > 0 else 1e-6


def canonical(x: Array) -> Array:
    """Pick x or −x: the first of the entries of largest size is positive, and there is no −0."""
    size = np.abs(x)
    leader = int(np.argmax(size >= (1 - 1e-6) * np.max(size)))
    return (-x if x[leader] < 0 else x) + 0.0


def order(points: list[Found]) -> list[int]:
    """Numbers of the points by ‖x‖²/n; points tied by a symmetry of J follow their entries."""
    states = [canonical(point.site.x) for point in points]
    keys = [(round(float(x @ x) / len(x), 9), *np.round(-x, 6).tolist()) for x in states]
    return sorted(range(len(points)), key=keys.__getitem__)
