"""The static branch: β → ∞ with β(q−Q) finite, Laplace around one fixed point.

x* solves x = z + kφ(x), k = g²γG, z ~ N(0, g²Q).  Unknowns are (ln v, G) with v = g²Q here; in
ξ = x/√v the two equations are g²⟨φ_s²⟩ = 1 and G = ⟨φ'/y'⟩, y' = 1 − kφ', averaged over the
standard normal ψ = ξ − kφ_s, that is with weight exp(−ψ²/2) y' dξ.  Integrating over ξ instead of
z resolves the peak of φ'/y' as k → 1, where the map x ↦ x − kφ(x) stops being monotone and the
branch ends.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from ..elliptic import null_margin
from ..quadrature import LOG_CUT, POLE, half_line_rule
from .newton import CORRECTIONS, DIVERGED, GOOD_START, Branch, NewtonResult, Starts, follow
from .points import NO_LINEAR_STATIC, NOT_MONOTONE, Columns, Points, null_state

_UNCONNECTED = (
    "not connected to the onset at a g(1+gamma) = 1, for phi is not concave for x > 0: use "
    "branch='paramagnetic'"
)
_PATH_NODES = 64
# The start of Newton's method: v at most, for length 1, and how G decays with g beyond the onset.
_WIDEST_START, _START_DECAY = 0.3, 1.2
# The continuation stops within 1e-6 in ln g of the end of the branch, where k is this close to 1.
_NEARLY_FLAT = 0.98


class _StaticLaw:
    """Averages over ψ ~ N(0, 1) on nodes in ξ, as columns (points, nodes)."""

    def __init__(self, unknowns: Array, points: Points, n: int) -> None:
        phi, log_v, response = points.phi, unknowns[:, 0], unknowns[:, 1]
        s = np.exp(log_v / 2)
        k = points.g**2 * points.gamma * response
        self.s, self.k = s[:, None], k[:, None]

        def log_weight(xi: Array) -> Array:
            return -((xi - self.k * phi(self.s * xi) / self.s) ** 2) / 2

        # Complex zeros of y' approach 0 like √(1−k).
        room = np.maximum(1 - k * phi.steepness, 0)
        scale = np.where(k > 0, np.sqrt(np.maximum(room, 1e-14)), 1.0)
        scale = scale * POLE * phi.length / s
        far = np.sqrt(2 * LOG_CUT)
        with np.errstate(divide="ignore"):
            reach = far + np.maximum(k, 0) * np.fmin(phi.bound / s, far * phi.steepness / room)
        self.xi, weights = half_line_rule(log_weight, scale, reach, n)
        jet = phi.evaluate(self.s * self.xi)
        self.phi_s, self.d1, self.d2 = jet.phi / self.s, jet.d1, jet.d2
        self.lag = -(self.s**2) * self.xi**3 * jet.defect  # ξφ' − φ_s
        self.psi = self.xi - self.k * self.phi_s
        self.slope = 1 - self.k * self.d1  # y'
        self.p = weights * 2 / np.sqrt(2 * np.pi) * np.exp(-(self.psi**2) / 2) * self.slope

    def mean(self, values: Array) -> Array:
        return np.asarray((self.p * values).sum(axis=1))


def equations(unknowns: Array, points: Points, n: int) -> tuple[Array, Array]:
    """Equation errors (points, 2) and Jacobian (points, 2, 2) on n quadrature intervals."""
    law = _StaticLaw(unknowns, points, n)
    g2, by_response = points.g**2, points.g**2 * points.gamma
    ratio = law.d1 / law.slope
    # At fixed ψ, x moves with the unknowns: dξ = (φ_s dk + k ∂φ_s)/y', ∂φ_s = lag d(ln v)/2.
    xi_v, xi_k = law.k * law.lag / (2 * law.slope), law.phi_s / law.slope
    phi_v, phi_k = law.lag / 2 + law.d1 * xi_v, law.d1 * xi_k
    d1_v = law.d2 * law.s * (xi_v + law.xi / 2)
    d1_k = law.d2 * law.s * xi_k
    error = np.stack([g2 * law.mean(law.phi_s**2) - 1, law.mean(ratio) - unknowns[:, 1]], axis=1)
    jacobian = np.empty((len(points), 2, 2))
    jacobian[:, 0, 0] = g2 * law.mean(2 * law.phi_s * phi_v)
    jacobian[:, 0, 1] = g2 * law.mean(2 * law.phi_s * phi_k) * by_response
    jacobian[:, 1, 0] = law.mean(d1_v / law.slope**2)
    jacobian[:, 1, 1] = law.mean(d1_k / law.slope**2 + ratio**2) * by_response - 1
    return error, jacobian


def observables(unknowns: Array, points: Points, n: int) -> dict[str, Array]:
    """The columns of `Columns`; X, R and P from the fluctuations around x*."""
    law = _StaticLaw(unknowns, points, n)
    v, response = np.exp(unknowns[:, 0]), unknowns[:, 1]
    g2, gamma, k = points.g**2, points.gamma, law.k[:, 0]
    q = v * law.mean(law.phi_s**2)
    ratio = law.d1 / law.slope
    z = law.s * law.psi
    phi = law.s * law.phi_s
    fluctuation = law.mean(ratio**2)  # K
    # g²K − 1 without cancellation: φ_s − Gψ and its derivative in ψ have the same mean square but
    # for the Hermite orders beyond the first (g²⟨φ_s²⟩ = 1 is the equation solved).
    mean_ratio = law.mean(ratio)[:, None]
    beyond = law.mean((ratio - mean_ratio) ** 2) - law.mean((law.phi_s - mean_ratio * law.psi) ** 2)
    excess = g2 * beyond
    chi = -fluctuation / excess
    # (R, ΔX) solve a linear system, φ''' being removed by Gaussian integration by parts; then P.
    third = law.mean(z * law.d2 / law.slope**3)
    bend = law.mean(phi * law.d2 / law.slope**3)
    tilt = gamma / q
    matrix = np.empty((len(points), 2, 2))
    vector = np.empty((len(points), 2))
    matrix[:, 0, 0] = 1 - tilt * law.mean(z * phi * ratio)
    matrix[:, 0, 1] = g2 * law.mean(phi**2 * ratio)
    matrix[:, 1, 0] = tilt * third
    matrix[:, 1, 1] = 1 - g2 * (fluctuation + bend)
    vector[:, 0] = k * law.mean(phi * law.d2 / law.slope**2)
    vector[:, 1] = -k / v * law.mean(z * law.d2 / law.slope**2)
    cross, delta_x = np.linalg.solve(matrix, vector[..., None])[..., 0].T
    force = (
        (tilt * cross)[:, None] * z * ratio
        - (g2 * delta_x)[:, None] * phi * ratio
        + law.k * law.d2 / law.slope**2
    )
    rest = law.mean(force**2) - g2 * gamma**2 * cross**2 * fluctuation / q
    noise = -rest / excess
    return {
        "q": q,
        "Q": q,
        "r": response + cross,
        "R": cross,
        "X": delta_x - noise,
        "P": noise,
        "chi": chi,
        "sigma_xphi": (1 + g2 * chi) * law.mean(law.d1 / law.slope**2),
        "x2": v * law.mean(law.xi**2),
        "free_entropy": -g2 * gamma * response**2 / 2 - law.mean(np.log(law.slope)),
        # Positive by the Gaussian Poincaré inequality, also where it is below rounding.
        "instability": np.maximum(1 + excess, np.nextafter(1, 2)),
    }


def _limit(unknowns: Array, step: Array, points: Points) -> Array:
    # Never lets 1 − k shrink by more than a factor of 4.
    k_of_response = points.g**2 * points.gamma * points.phi.steepness
    room = np.maximum(1 - k_of_response * unknowns[:, 1], 0)
    loss = k_of_response * step[:, 1]
    wall = np.where(loss > 0, 0.75 * room / loss, 1.0)
    half = 0.5 * np.abs(unknowns[:, 1] / step[:, 1])
    return np.fmin(np.fmin(1.0, wall), np.fmin(half, 1 / np.abs(step[:, 0])))


def onset_start(points: Points, distance: Array) -> Array:
    """Start close to the onset: for tanh Q ≈ distance = g(1+γ) − 1 and G ≈ 1+γ."""
    phi = points.phi
    spread = np.minimum(distance * phi.slope / (1.5 * phi.cubic), _WIDEST_START * phi.length**2)
    response = phi.slope * (1 + points.gamma) / (1 + distance) ** _START_DECAY
    return np.stack([np.log(points.effective_gain**2 * spread), response], axis=1)


def _follow_from_onset(points: Points) -> Starts:
    """Continuation in ln g from just above the onset, for what Newton does not reach at once."""
    onset = 1 / ((1 + points.gamma) * points.phi.slope)
    near = replace(points, g=onset * 1.001)
    first = _BRANCH.solve(onset_start(near, np.full(len(points), 0.001)), near, _PATH_NODES)
    start = np.where(first.residual[:, None] <= GOOD_START, first.unknowns, np.nan)

    def correct(unknowns: Array, log_g: Array, index: NDArray[np.intp]) -> NewtonResult:
        part = replace(points.take(index), g=np.exp(log_g))
        return _BRANCH.solve(unknowns, part, _PATH_NODES, CORRECTIONS)

    path = follow(correct, start, np.log(near.g), np.log(points.g))
    arrived = path.reached == np.log(points.g)
    k = np.exp(2 * path.reached) * points.gamma * path.unknowns[:, 1] * points.phi.steepness
    failure = DIVERGED if points.phi.is_concave else _UNCONNECTED
    return Starts(
        np.where(arrived[:, None], path.unknowns, np.nan),
        path.iterations + first.iterations,
        np.where(k > _NEARLY_FLAT, NOT_MONOTONE, failure).astype(object),
    )


def _null_state(points: Points) -> Columns:
    """The branch up to a g(1+γ) = 1, where χ and X diverge."""
    columns = null_state(points, "static")
    values = columns.values
    with np.errstate(invalid="ignore"):
        values["sigma_xphi"] = values["r"] * (1 + points.g**2 * (1 + points.gamma) * values["chi"])
    values["instability"] = 1 - null_margin(points.effective_gain, points.gamma)
    return columns


def solve(points: Points, tol: float) -> Columns:
    """Solve the static branch at every point (T is taken as 0)."""
    columns = Columns(len(points), "static")
    distance = points.effective_gain * (1 + points.gamma) - 1
    columns.write(distance <= 0, _null_state(points.take(distance <= 0)))
    index = np.flatnonzero(distance > 0)
    here = points.take(index)
    if here.phi.is_linear:
        columns.reject(index, NO_LINEAR_STATIC)
        return columns
    solved = _BRANCH.solve(onset_start(here, distance[index]), here, _PATH_NODES)
    starts = Starts(solved.unknowns, solved.iterations, np.full(len(here), "", dtype=object))
    lost = ~(solved.residual <= GOOD_START)
    if np.any(lost):
        starts.write(lost, _follow_from_onset(here.take(lost)))
    columns.write(index, _BRANCH.refine(starts, here, tol))
    return columns


_BRANCH = Branch("static", equations, observables, _limit)
