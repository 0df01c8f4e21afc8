"""The paramagnetic branch solved: which sheet, from which start, with which quadrature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from ..elliptic import linear_temperature_ratio
from . import paramagnetic
from .continuation import MAX_STEP, Visitor, follow, in_temperature
from .newton import NewtonResult, newton
from .null_state import measure_null
from .points import Columns, Points
from .polish import DIVERGED, FIRST_NODES, BranchEquations, Starts, polish

PATH_NODES = 40
# Sets how cold the null sheet is its linear limit, and the cooled one that of T = 0.
_COLD = 1e-9
# In ln v, between the null state and any state of finite q at that temperature.
_FAR_ABOVE_NULL = 5.0
FOLD = "this sheet ends in a fold before the requested temperature"
NO_NULL = "the null sheet needs g(1+gamma) < 1 (slope-1 units) at eta = 0"
UNBOUNDED = "the measure is not normalisable: linear phi needs g(1+gamma) < 1 or eta > 0"


def solve(points: Points, sheet: str, tol: float) -> Columns:
    """Solve the paramagnetic branch at every point on the named sheet."""
    columns = Columns(len(points))
    columns.branch_of[:] = "paramagnetic"
    edge = points.effective_gain * (1 + points.gamma)
    barred = np.zeros(len(points), dtype=bool)
    if points.phi.is_linear:
        barred = (edge >= 1) & (points.eta == 0)
        columns.reject(barred, UNBOUNDED)
    todo = ~barred

    frozen = todo & (points.temperature == 0)
    null = frozen & _null_at_zero_temperature(points, sheet)
    columns.write(null, measure_null(points.take(null)))
    absent = frozen & (points.gamma < 0) & (edge > 1) & (sheet == "null")
    columns.reject(absent, NO_NULL)
    todo &= ~null & ~absent

    index = np.flatnonzero(todo)
    here = points.take(index)
    unique = ((here.gamma >= 0) & here.phi.is_concave) | here.phi.is_linear
    start = Starts.empty(len(here), 3)
    for mask, find in ((unique, _direct), (~unique, _cooled if sheet == "cooled" else _null)):
        start.write(mask, find(here.take(mask)))

    # Where the branch is not unique cooling may have led to the null state.
    fallen = (here.temperature == 0) & ~unique & _fallen(start.unknowns[:, 0], here)
    start.unknowns[fallen] = np.nan
    columns.write(index, polish(_EQUATIONS, start, here, tol))
    columns.write(index[fallen], measure_null(here.take(fallen)))
    columns.sheet_of[points.gamma < 0] = sheet
    columns.iterations[index[fallen]] = start.iterations[fallen]
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
    return _COLD * (points.g * points.phi.length * np.where(tau > 0, tau, 1.0)) ** 2


def _fallen(log_v: Array, points: Points) -> NDArray[np.bool_]:
    """Whether ln v, reached at `_coldest`, is that of a state that ends in v = 0."""
    cold = points.at(_coldest(points))
    null = _linear_limit(cold)[:, 0]
    # Beyond g(1+γ) = 1 only regime II of γ > 0 does, with v ∝ √T on the way.
    two = np.where(_finite_only(points), -np.inf, np.log(cold.temperature) / 2)
    beyond = points.effective_gain * (1 + points.gamma) >= 1
    return np.asarray(log_v < np.where(beyond, two, null) + _FAR_ABOVE_NULL, dtype=bool)


def _finite_only(points: Points) -> NDArray[np.bool_]:
    """Beyond the line where x = 0 at T = 0 is no solution of γ ≥ 0 any more."""
    return np.asarray(points.effective_gain**2 * (1 + points.gamma) > 1, dtype=bool)


def newton_at(start: Array, points: Points, n: int, max_iterations: int = 60) -> NewtonResult:
    """Newton's method for the unknowns (ln v, r, A) on n quadrature intervals."""

    def system(unknowns: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
        return paramagnetic.equations(unknowns, points.take(index), n)

    return newton(system, start, _limit, max_iterations=max_iterations)


def _limit(unknowns: Array, step: Array, index: NDArray[np.intp]) -> Array:
    room = np.stack([np.ones(len(step)), 0.5 * np.maximum(np.abs(unknowns[:, 1]), 0.1)], axis=1)
    return np.minimum(1.0, (room / np.abs(step[:, :2])).min(axis=1))


def _linear_limit(points: Points) -> Array:
    """The unknowns where φ is linear: exact as x → 0."""
    gain = points.effective_gain
    tau = linear_temperature_ratio(gain, points.gamma, points.eta)
    rest = 1 / (1 + points.gamma * (1 - tau))  # 1 − k
    with np.errstate(divide="ignore"):
        log_v = np.log(points.temperature) - np.log(tau)
    response = points.phi.slope * rest * (1 - tau) / gain**2
    stretch = 1 - rest**2 * (1 - tau) / gain**2
    return np.stack([log_v, response, np.where(points.eta > 0, stretch, 0.0)], axis=1)


def direct_starts(points: Points) -> tuple[Array, Array]:
    """Two starts for Newton's method: the linear limit cut off at order one, and a hot one."""
    cold = _linear_limit(points)
    scale = points.g**2 * min(points.phi.bound, 3.0) ** 2 * 0.3
    log_v, response = np.log(points.temperature + scale), np.full_like(scale, 0.6)
    hot = np.stack([log_v, response, np.zeros_like(scale)], axis=1)
    if not points.phi.is_linear:
        # At T = 0 only regime III is left to solve: v grows linearly from its onset.
        onset = np.maximum(points.effective_gain**2 * (1 + points.gamma) - 1, 1e-9)
        frozen = points.temperature == 0
        limit = np.where(frozen, np.log(np.minimum(scale, onset)), hot[:, 0])
        cold[:, 0] = np.where(frozen, limit, np.minimum(limit, cold[:, 0]))
    return cold, hot


def _direct(points: Points) -> Starts:
    """Newton from two starts, where the branch is unique (γ ≥ 0 with concave φ, or linear φ)."""
    result = Starts.empty(len(points), 3)
    todo = np.arange(len(points))
    for start in direct_starts(points):
        solved = newton_at(start[todo], points.take(todo), FIRST_NODES)
        good = solved.residual <= 1e-9
        result.iterations[todo] += solved.iterations
        result.unknowns[todo[good]] = solved.unknowns[good]
        todo = todo[~good]
    if todo.size:
        result.write(todo, _cooled(points.take(todo)))
        result.reason[todo] = DIVERGED
    return result


def cool(
    points: Points, target: Array, visit: Visitor | None = None, max_step: float = MAX_STEP
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Follow the cooled sheet from a high temperature down to ln T = `target`."""
    bound = min(points.phi.bound, 3.0)
    hot = np.maximum(np.log(30 * (1 + points.g**2 + points.eta)), target)
    log_v = np.log(np.exp(hot) + points.g**2 * bound**2 * 0.6)
    start = np.stack([log_v, np.full(len(points), 0.3), np.zeros(len(points))], axis=1)
    return _follow(points, start, hot, target, visit, max_step)


def _follow(
    points: Points,
    start: Array,
    log_temperature: Array,
    target: Array,
    visit: Visitor | None = None,
    max_step: float = MAX_STEP,
) -> tuple[Array, Array, NDArray[np.int64]]:
    solved = newton_at(start, points.at(np.exp(log_temperature)), PATH_NODES)
    start = np.where(solved.residual[:, None] <= 1e-9, solved.unknowns, np.nan)
    correct = in_temperature(newton_at, points, PATH_NODES)
    unknowns, reached, iterations = follow(
        correct, start, log_temperature, target, visit=visit, max_step=max_step
    )
    return unknowns, reached, iterations + solved.iterations


def _cooled(points: Points) -> Starts:
    frozen = points.temperature == 0
    target = np.log(np.where(frozen, _coldest(points), points.temperature))
    return _arrived(cool(points, target), target)


def _null(points: Points) -> Starts:
    """Follow the null sheet from T → 0 up to the wanted temperature."""
    exists = (points.eta > 0) | (points.effective_gain * (1 + points.gamma) < 1)
    target = np.log(points.temperature)
    cold = np.minimum(target, np.log(_coldest(points)))
    start = np.where(exists[:, None], _linear_limit(points.at(np.exp(cold))), np.nan)
    result = _arrived(_follow(points, start, cold, target), target)
    result.reason[~exists] = NO_NULL
    return result


def _arrived(followed: tuple[Array, Array, NDArray[np.int64]], target: Array) -> Starts:
    unknowns, reached, iterations = followed
    arrived = reached == target
    started = np.isfinite(unknowns[:, 0])
    return Starts(
        np.where(arrived[:, None], unknowns, np.nan),
        iterations,
        np.where(arrived | ~started, DIVERGED, FOLD).astype(object),
    )


_EQUATIONS = BranchEquations(
    "paramagnetic",
    newton_at,
    paramagnetic.equations,
    paramagnetic.observables,
    paramagnetic.plain_errors,
)
