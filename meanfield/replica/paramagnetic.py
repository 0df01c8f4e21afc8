"""The paramagnetic branch Q = R = P = 0: equations, Jacobian and observables.

Unknowns are (ln v, r, A) with v = T + g²q and A = X v, and x = √v ξ, φ_s(ξ) = φ(√v ξ)/√v.  In
these the law p(ξ) ∝ exp{−ψ²/2 − (g²/2)A φ_s² − (βηv/2) ξ²}, ψ = ξ − kφ_s, k = g²γr, has a limit
as v → 0, and so have the equations

    T/v + g²⟨φ_s²⟩ = 1,    r = ⟨ψφ_s⟩,
    A (T/v² + g²⟨φ_s d⟩) = k⟨ψ d⟩ + βη⟨ξ²⟩,    d = (φ_s − ξφ')/v.

The third is A = 1 − ⟨ψ²⟩ after integrating d/dξ(ξ p) by parts and using the first: it has no
cancellation at small T, where A ∝ T, nor where T/v → 0 and the plain equations are degenerate.
`derivations.replica` proves it.
"""

from __future__ import annotations

import numpy as np

from ..common.arguments import Array
from ..quadrature import LOG_CUT, POLE, half_line_rule
from ..transfer import Jet
from .points import Points
from .stability import leading_mode, susceptibility_map


def unpack(unknowns: Array, points: Points) -> tuple[Array, Array, Array, Array, Array]:
    """v, r, A, k and the confinement βηv of the unknowns (points, 3)."""
    log_v, r, stretch = unknowns.T
    v = np.exp(log_v)
    return v, r, stretch, points.g**2 * points.gamma * r, points.pull * v


class _Law:
    """The law of ξ on its nodes, as columns (points, nodes)."""

    def __init__(self, unknowns: Array, points: Points, n: int) -> None:
        self.points = points
        v, _, stretch, k, b = unpack(unknowns, points)
        s = np.sqrt(v)
        self.v, self.k, self.b = v[:, None], k[:, None], b[:, None]
        self.c = (points.g**2 * stretch)[:, None]
        phi = points.phi

        def log_weight(xi: Array) -> Array:
            phi_s = phi(s[:, None] * xi) / s[:, None]
            return -(((xi - self.k * phi_s) ** 2 + self.c * phi_s**2 + self.b * xi**2) / 2)

        self.xi, weights = half_line_rule(log_weight, POLE * phi.length / s, self._reach(s), n)
        x = s[:, None] * self.xi
        jet: Jet = phi.evaluate(x)
        self.phi_s = jet.phi / s[:, None]
        self.d = self.xi**3 * jet.defect
        self.curvature = jet.d2 / s[:, None]
        self.psi = self.xi - self.k * self.phi_s
        log = -(self.psi**2 + self.c * self.phi_s**2 + self.b * self.xi**2) / 2
        self.top = log.max(axis=1)
        weights = weights * np.exp(log - self.top[:, None])
        self.norm = weights.sum(axis=1)
        self.p = weights / self.norm[:, None]

    def _reach(self, s: Array) -> Array:
        """A ξ beyond which the weight is below exp(−LOG_CUT) of its value at 0.

        The smaller of two bounds: |φ_s| ≤ bound/s, and φ_s ≤ steepness·ξ.
        """
        phi = self.points.phi
        c, k = np.minimum(self.c[:, 0], 0), np.maximum(self.k[:, 0], 0)
        top = phi.bound / s
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.sqrt(2 * LOG_CUT - c * top**2) + np.where(k > 0, k * top, 0)
            width = np.maximum(1 - k * phi.steepness, 0) ** 2 + c * phi.steepness**2
            near = np.where(width > 0, np.sqrt(2 * LOG_CUT / width), np.inf)
        reach = np.fmin(far, near)
        return np.where(np.isfinite(reach), reach, 10 * np.sqrt(2 * LOG_CUT))

    def mean(self, values: Array) -> Array:
        return np.asarray((self.p * values).sum(axis=1))


def equations(unknowns: Array, points: Points, n: int) -> tuple[Array, Array]:
    """Equation errors (points, 3) and their Jacobian (points, 3, 3) on n quadrature intervals."""
    law = _Law(unknowns, points, n)
    v, r, stretch, k, _ = unpack(unknowns, points)
    g2, pull, tau = points.g**2, points.pull, points.temperature / v
    phi_s, psi, d, xi = law.phi_s, law.psi, law.d, law.xi

    # Logarithmic derivatives of the weight at fixed ξ with respect to (ln v, k, A).
    phi_v = -law.v * d / 2
    scores = (
        law.k * psi * phi_v - law.c * phi_s * phi_v - law.b * xi**2 / 2,
        psi * phi_s,
        -g2[:, None] * phi_s**2 / 2,
    )
    mean_scores = [law.mean(score) for score in scores]
    d_v = -(xi**2) * law.curvature / 2 - 1.5 * d

    def moment(value: Array, by_log_v: Array | None, by_k: Array | None) -> tuple[Array, ...]:
        mean = law.mean(value)
        weighted = law.p * value
        slopes = [(weighted * score).sum(axis=1) for score in scores]
        slopes = [slope - mean * m for slope, m in zip(slopes, mean_scores, strict=True)]
        if by_log_v is not None:
            slopes[0] = slopes[0] + law.mean(by_log_v)
        if by_k is not None:
            slopes[1] = slopes[1] + law.mean(by_k)
        return mean, slopes[0], slopes[1] * g2 * points.gamma, slopes[2]

    phi2, *phi2_ = moment(phi_s**2, 2 * phi_s * phi_v, None)
    mixed, *mixed_ = moment(psi * phi_s, (psi - law.k * phi_s) * phi_v, -(phi_s**2))
    bend, *bend_ = moment(phi_s * d, phi_v * d + phi_s * d_v, None)
    drive, *drive_ = moment(psi * d, psi * d_v - law.k * phi_v * d, -phi_s * d)
    spread, *spread_ = moment(xi**2, None, None)

    error = np.empty((len(points), 3))
    jacobian = np.empty((len(points), 3, 3))
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = tau / v + g2 * bend
        source = k * drive + pull * spread
        error[:, 0] = tau + g2 * phi2 - 1
        error[:, 1] = mixed - r
        error[:, 2] = stretch - source / scale
        for j in range(3):
            by_k = g2 * points.gamma if j == 1 else 0.0
            source_j = k * drive_[j] + by_k * drive + pull * spread_[j]
            scale_j = g2 * bend_[j] - (2 * tau / v if j == 0 else 0.0)
            jacobian[:, 0, j] = g2 * phi2_[j] - (tau if j == 0 else 0.0)
            jacobian[:, 1, j] = mixed_[j] - float(j == 1)
            jacobian[:, 2, j] = float(j == 2) - (source_j - source * scale_j / scale) / scale
    return error, jacobian


def observables(unknowns: Array, points: Points, n: int) -> dict[str, Array]:
    """Order parameters and moments at a solution: the columns of `Columns` by name."""
    law = _Law(unknowns, points, n)
    v, r, stretch, _, _ = unpack(unknowns, points)
    q = v * law.mean(law.phi_s**2)
    zero = np.zeros_like(v)
    with np.errstate(divide="ignore", invalid="ignore"):
        chi = np.where(points.temperature > 0, q / points.temperature, np.inf)
    log_norm = law.top + np.log(2 * law.norm / np.sqrt(2 * np.pi))
    return {
        "q": q,
        "Q": zero,
        "r": r,
        "R": zero,
        "X": stretch / v,
        "P": zero,
        "chi": chi,
        "sigma_xphi": v * law.mean(law.xi * law.phi_s),
        "x2": v * law.mean(law.xi**2),
        "free_entropy": points.g**2 / 2 * (stretch * q / v - points.gamma * r**2) + log_norm,
        "instability": instability(q / v, r, stretch, points),
    }


def plain_errors(unknowns: Array, points: Points, n: int) -> Array:
    """Relative errors (points, 3) of the plain equations of [QH], for the residual.

    q = ⟨φ²⟩ relative to v/g², r = ⟨yφ⟩/v, and X = 1/v − ⟨y²⟩/v² relative to 1/v.
    """
    law = _Law(unknowns, points, n)
    v, r, stretch, _, _ = unpack(unknowns, points)
    of_q = points.temperature / v + points.g**2 * law.mean(law.phi_s**2) - 1
    of_r = law.mean(law.psi * law.phi_s) - r
    return np.stack([of_q, of_r, 1 - law.mean(law.psi**2) - stretch], axis=1)


def instability(u: Array, r: Array, stretch: Array, points: Points) -> Array:
    """Largest eigenvalue of the linearised (Q, R, P) map, u = q/v and A = X v."""
    return leading_mode(susceptibility_map(r, u, -stretch, r, points.gamma), points.g)[0]
