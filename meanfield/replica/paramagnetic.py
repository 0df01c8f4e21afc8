"""The paramagnetic branch Q = R = P = 0: its equations, its two sheets and their paths in T.

Unknowns are (ln v, r, A) with v = T + g²q and A = X v, and x = √v ξ, φ_s(ξ) = φ(√v ξ)/√v.  In
these the law p(ξ) ∝ exp{−ψ²/2 − (g²/2)A φ_s² − (βηv/2) ξ²}, ψ = ξ − kφ_s, k = g²γr, has a limit
as v → 0, and so have the equations

    T/v + g²⟨φ_s²⟩ = 1,    r = ⟨ψφ_s⟩,
    A (T/v² + g²⟨φ_s d⟩) = k⟨ψ d⟩ + βη⟨ξ²⟩,    d = (φ_s − ξφ')/v.

The third is A = 1 − ⟨ψ²⟩ after integrating d/dξ(ξ p) by parts and using the first: it has no
cancellation at small T, where A ∝ T, nor where T/v → 0 and the plain equations are degenerate.
`derivations.replica` proves it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from ..elliptic import linear_temperature_ratio, null_margin
from ..quadrature import LOG_CUT, POLE, half_line_rule
from ..transfer import TransferFunction
from .newton import DIVERGED, FIRST_NODES, GOOD_START, Branch, Path, Starts
from .points import NO_NULL, NOT_NORMALISABLE, Columns, Points, null_state
from .two_fields import leading_mode, susceptibility_map

PATH_NODES = 40
# Where Newton's method begins, for slope and length 1: a part of the largest variance of φ (of an
# unbounded one as if it ended at _BOUND), a response, the least onset, and a step of r at most.
_BOUND, _WIDE, _RESPONSE, _ONSET, _ROOM = 3.0, 0.3, 0.6, 1e-9, 0.1
# The same where cooling begins, at so many times the largest scale of T.
_HOT, _HOT_WIDE, _HOT_RESPONSE = 30.0, 0.6, 0.3
# Sets how cold the null sheet is its linear limit, and the cooled one that of T = 0.
_COLD = 1e-9
# In ln v, between the null state and any state of finite q at that temperature.
_FAR_ABOVE_NULL = 5.0
# Widths of the law, at most, where confinement alone limits it: ⟨ξ²⟩ < 1/g², and g > 1/2 there.
_REACH = 10.0


def unpack(unknowns: Array, points: Points) -> tuple[Array, Array, Array, Array, Array]:
    """v, r, A, k and the confinement βηv of the unknowns (points, 3)."""
    log_v, r, xv = unknowns.T
    v = np.exp(log_v)
    return v, r, xv, points.g**2 * points.gamma * r, points.beta_eta * v


def reach(phi: TransferFunction, s: Array, k: Array, c: Array) -> Array:
    """A ξ beyond which exp{−(ξ − kφ_s)²/2 − cφ_s²/2} is below exp(−LOG_CUT) of its value at 0."""
    # The smaller of two bounds, from |φ_s| ≤ bound/s and φ_s ≤ steepness·ξ.
    c, k = np.minimum(c, 0), np.maximum(k, 0)
    top = phi.bound / s
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.sqrt(2 * LOG_CUT - c * top**2) + np.where(k > 0, k * top, 0)
        width = np.maximum(1 - k * phi.steepness, 0) ** 2 + c * phi.steepness**2
        near = np.where(width > 0, np.sqrt(2 * LOG_CUT / width), np.inf)
    found = np.fmin(far, near)
    return np.where(np.isfinite(found), found, _REACH * np.sqrt(2 * LOG_CUT))


class _SymmetricLaw:
    """The law of ξ on its nodes, as columns (points, nodes)."""

    def __init__(self, unknowns: Array, points: Points, n: int) -> None:
        self.points = points
        v, _, xv, k, b = unpack(unknowns, points)
        s = np.sqrt(v)
        self.v, self.k, self.b = v[:, None], k[:, None], b[:, None]
        self.c = (points.g**2 * xv)[:, None]
        phi = points.phi

        def log_weight(xi: Array) -> Array:
            phi_s = phi(s[:, None] * xi) / s[:, None]
            return -(((xi - self.k * phi_s) ** 2 + self.c * phi_s**2 + self.b * xi**2) / 2)

        span = reach(phi, s, k, self.c[:, 0])
        self.xi, weights = half_line_rule(log_weight, POLE * phi.length / s, span, n)
        x = s[:, None] * self.xi
        jet = phi.evaluate(x)
        self.phi_s = jet.phi / s[:, None]
        self.d = self.xi**3 * jet.defect
        self.curvature = jet.d2 / s[:, None]
        self.psi = self.xi - self.k * self.phi_s
        log = -(self.psi**2 + self.c * self.phi_s**2 + self.b * self.xi**2) / 2
        self.top = log.max(axis=1)
        weights = weights * np.exp(log - self.top[:, None])
        self.norm = weights.sum(axis=1)
        self.p = weights / self.norm[:, None]

    def mean(self, values: Array) -> Array:
        return np.asarray((self.p * values).sum(axis=1))


def equations(unknowns: Array, points: Points, n: int) -> tuple[Array, Array]:
    """Equation errors (points, 3) and their Jacobian (points, 3, 3) on n quadrature intervals."""
    law = _SymmetricLaw(unknowns, points, n)
    v, r, xv, k, _ = unpack(unknowns, points)
    g2, beta_eta, tau = points.g**2, points.beta_eta, points.temperature / v
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
        source = k * drive + beta_eta * spread
        error[:, 0] = tau + g2 * phi2 - 1
        error[:, 1] = mixed - r
        error[:, 2] = xv - source / scale
        for j in range(3):
            by_k = g2 * points.gamma if j == 1 else 0.0
            source_j = k * drive_[j] + by_k * drive + beta_eta * spread_[j]
            scale_j = g2 * bend_[j] - (2 * tau / v if j == 0 else 0.0)
            jacobian[:, 0, j] = g2 * phi2_[j] - (tau if j == 0 else 0.0)
            jacobian[:, 1, j] = mixed_[j] - float(j == 1)
            jacobian[:, 2, j] = float(j == 2) - (source_j - source * scale_j / scale) / scale
    return error, jacobian


def observables(unknowns: Array, points: Points, n: int) -> dict[str, Array]:
    """Order parameters and moments at a solution: the columns of `Columns` by name."""
    law = _SymmetricLaw(unknowns, points, n)
    v, r, xv, _, _ = unpack(unknowns, points)
    q = v * law.mean(law.phi_s**2)
    zero = np.zeros_like(v)
    with np.errstate(divide="ignore"):
        chi = q / points.temperature
    log_norm = law.top + np.log(2 * law.norm / np.sqrt(2 * np.pi))
    return {
        "q": q,
        "Q": zero,
        "r": r,
        "R": zero,
        "X": xv / v,
        "P": zero,
        "chi": chi,
        "sigma_xphi": v * law.mean(law.xi * law.phi_s),
        "x2": v * law.mean(law.xi**2),
        "free_entropy": points.g**2 / 2 * (xv * q / v - points.gamma * r**2) + log_norm,
        "instability": instability(q / v, r, xv, points),
    }


def plain_errors(unknowns: Array, points: Points, n: int) -> Array:
    """Relative errors (points, 3) of the plain equations of [QH], for the residual."""
    # q = ⟨φ²⟩ relative to v/g², r = ⟨yφ⟩/v, and X = 1/v − ⟨y²⟩/v² relative to 1/v.
    law = _SymmetricLaw(unknowns, points, n)
    v, r, xv, _, _ = unpack(unknowns, points)
    of_q = points.temperature / v + points.g**2 * law.mean(law.phi_s**2) - 1
    of_r = law.mean(law.psi * law.phi_s) - r
    return np.stack([of_q, of_r, 1 - law.mean(law.psi**2) - xv], axis=1)


def instability(u: Array, r: Array, xv: Array, points: Points) -> Array:
    """Largest eigenvalue of the linearised (Q, R, P) map, u = q/v and A = X v."""
    return leading_mode(susceptibility_map(r, u, -xv, r, points.gamma), points.g)[0]


def solve(points: Points, sheet: str, tol: float) -> Columns:
    """Solve the paramagnetic branch at every point on the named sheet."""
    columns = Columns(len(points), "paramagnetic")
    edge = points.effective_gain * (1 + points.gamma)
    barred = np.zeros(len(points), dtype=bool)
    if points.phi.is_linear:
        barred = (edge >= 1) & (points.eta == 0)
        columns.reject(barred, NOT_NORMALISABLE)
    todo = ~barred

    frozen = todo & (points.temperature == 0)
    null = frozen & _null_at_zero_temperature(points, sheet)
    columns.write(null, _null_state(points.take(null)))
    absent = frozen & (points.gamma < 0) & (edge > 1) & (sheet == "null")
    columns.reject(absent, NO_NULL)
    todo &= ~null & ~absent

    index = np.flatnonzero(todo)
    here = points.take(index)
    unique = ((here.gamma >= 0) & here.phi.is_concave) | here.phi.is_linear
    starts = Starts.empty(len(here), 3)
    for mask, find in ((unique, _direct), (~unique, _cooled if sheet == "cooled" else _null)):
        starts.write(mask, find(here.take(mask)))

    # Where the branch is not unique cooling may have led to the null state.
    fallen = (here.temperature == 0) & ~unique & _fallen(starts.unknowns[:, 0], here)
    starts.unknowns[fallen] = np.nan
    columns.write(index, BRANCH.refine(starts, here, tol))
    columns.write(index[fallen], _null_state(here.take(fallen)))
    columns.sheet_of[points.gamma < 0] = sheet
    columns.iterations[index[fallen]] = starts.iterations[fallen]
    return columns


def _null_state(points: Points) -> Columns:
    """The limit T → 0 where q → 0: regimes I and II."""
    # In regime II r is the elliptic law's resolvent inside its support, X and χ diverge, and the
    # branch is marginal.
    columns = null_state(points, "paramagnetic")
    values, gain, gamma = columns.values, points.effective_gain, points.gamma
    margin = null_margin(gain, gamma)
    inside = margin == 0
    entropy = 0.5 - 1 / (2 * gain**2 * (1 + gamma)) - np.log(gain)
    values["free_entropy"] = np.where(inside, entropy, values["free_entropy"])
    # Proved in derivations.replica: g²G² outside, exactly 1 inside the support.
    values["instability"] = np.where(inside, 1.0, 1 - margin)
    values["sigma_xphi"] = np.zeros(len(points))
    return columns


def _null_at_zero_temperature(points: Points, sheet: str) -> NDArray[np.bool_]:
    """Where the sheet is known to end in v = 0 at T = 0: regimes I and II, and the null sheet."""
    gain, gamma = points.effective_gain, points.gamma
    exists = gain * (1 + gamma) <= 1
    alone = ~_finite_only(points) & points.phi.is_concave
    below = exists if sheet == "null" else exists & alone
    return np.asarray(np.where((gamma >= 0) & points.phi.is_concave, alone, below), dtype=bool)


def _coldest(points: Points) -> Array:
    """A temperature so low that v = T/τ of the null state is small next to its margin τ."""
    tau = linear_temperature_ratio(points.effective_gain, points.gamma, points.eta)
    gain = points.effective_gain
    return _COLD * (gain * points.phi.length * np.where(tau > 0, tau, 1.0)) ** 2


def _fallen(log_v: Array, points: Points) -> NDArray[np.bool_]:
    """Whether ln v, reached at `_coldest`, is that of a state that ends in v = 0."""
    cold = points.at(_coldest(points))
    null = _linear_limit(cold)[:, 0]
    # Beyond g(1+γ) = 1 only regime II of γ > 0 does, with v ∝ √T on the way.
    root = np.log(cold.temperature) / 2 + np.log(points.phi.length)
    two = np.where(_finite_only(points), -np.inf, root)
    beyond = points.effective_gain * (1 + points.gamma) >= 1
    return np.asarray(log_v < np.where(beyond, two, null) + _FAR_ABOVE_NULL, dtype=bool)


def _finite_only(points: Points) -> NDArray[np.bool_]:
    """Beyond the line where x = 0 at T = 0 is no solution of γ ≥ 0 any more."""
    return np.asarray(points.effective_gain**2 * (1 + points.gamma) > 1, dtype=bool)


def _limit(unknowns: Array, step: Array, points: Points) -> Array:
    least = _ROOM * points.phi.slope
    room = np.stack([np.ones(len(step)), np.maximum(np.abs(unknowns[:, 1]), least) / 2], axis=1)
    return np.minimum(1.0, (room / np.abs(step[:, :2])).min(axis=1))


def _linear_limit(points: Points) -> Array:
    """The unknowns where φ is linear: exact as x → 0."""
    gain = points.effective_gain
    tau = linear_temperature_ratio(gain, points.gamma, points.eta)
    rest = 1 / (1 + points.gamma * (1 - tau))  # 1 − k
    with np.errstate(divide="ignore"):
        log_v = np.log(points.temperature) - np.log(tau)
    response = points.phi.slope * rest * (1 - tau) / gain**2
    xv = 1 - rest**2 * (1 - tau) / gain**2
    return np.stack([log_v, response, np.where(points.eta > 0, xv, 0.0)], axis=1)


def _largest(points: Points) -> Array:
    """g² sup φ², or about that where φ is unbounded."""
    phi = points.phi
    return points.g**2 * min(phi.bound, _BOUND * phi.slope * phi.length) ** 2


def direct_starts(points: Points) -> tuple[Array, Array]:
    """Two starts for Newton's method: the linear limit cut off at order one, and a hot one."""
    phi = points.phi
    cold = _linear_limit(points)
    scale = _WIDE * _largest(points)
    log_v, response = np.log(points.temperature + scale), np.full_like(scale, _RESPONSE * phi.slope)
    hot = np.stack([log_v, response, np.zeros_like(scale)], axis=1)
    if not phi.is_linear:
        # At T = 0 only regime III is left to solve: v grows linearly from its onset.
        onset = np.maximum(points.effective_gain**2 * (1 + points.gamma) - 1, _ONSET)
        onset = phi.length**2 * onset
        frozen = points.temperature == 0
        limit = np.where(frozen, np.log(np.minimum(scale, onset)), hot[:, 0])
        cold[:, 0] = np.where(frozen, limit, np.minimum(limit, cold[:, 0]))
    return cold, hot


def _direct(points: Points) -> Starts:
    """Newton from two starts, where the branch is unique (γ ≥ 0 with concave φ, or linear φ)."""
    starts = Starts.empty(len(points), 3)
    todo = np.arange(len(points))
    for start in direct_starts(points):
        solved = BRANCH.solve(start[todo], points.take(todo), FIRST_NODES)
        good = solved.residual <= GOOD_START
        starts.iterations[todo] += solved.iterations
        starts.unknowns[todo[good]] = solved.unknowns[good]
        todo = todo[~good]
    if todo.size:
        starts.write(todo, _cooled(points.take(todo)))
        starts.reason[todo] = DIVERGED
    return starts


def cool(points: Points, target: Array, **how: Any) -> Path:
    """Follow the cooled sheet from a high temperature down to ln T = `target`."""
    phi, largest = points.phi, _largest(points)
    hot = np.maximum(np.log(_HOT * (phi.length**2 * (1 + points.eta) + largest)), target)
    log_v = np.log(np.exp(hot) + _HOT_WIDE * largest)
    response = np.full_like(log_v, _HOT_RESPONSE * phi.slope)
    start = np.stack([log_v, response, np.zeros_like(log_v)], axis=1)
    return _follow(points, start, hot, target, **how)


def _follow(points: Points, start: Array, log_t: Array, target: Array, **how: Any) -> Path:
    solved = BRANCH.solve(start, points.at(np.exp(log_t)), PATH_NODES)
    start = np.where(solved.residual[:, None] <= GOOD_START, solved.unknowns, np.nan)
    path = BRANCH.cool(points, PATH_NODES, start, log_t, target, **how)
    return path._replace(iterations=path.iterations + solved.iterations)


def _cooled(points: Points) -> Starts:
    frozen = points.temperature == 0
    target = np.log(np.where(frozen, _coldest(points), points.temperature))
    return Starts.arrived(cool(points, target), target)


def _null(points: Points) -> Starts:
    """Follow the null sheet from T → 0 up to the wanted temperature."""
    exists = (points.eta > 0) | (points.effective_gain * (1 + points.gamma) < 1)
    target = np.log(points.temperature)
    cold = np.minimum(target, np.log(_coldest(points)))
    start = np.where(exists[:, None], _linear_limit(points.at(np.exp(cold))), np.nan)
    starts = Starts.arrived(_follow(points, start, cold, target), target)
    starts.reason[~exists] = NO_NULL
    return starts


BRANCH = Branch("paramagnetic", equations, observables, _limit, plain_errors)
