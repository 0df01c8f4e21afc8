"""The ordered branch (Q, R, P ≠ 0, finite β): from β_SG of the cooled sheet to the wanted β.

Unknowns are (ln q, Q/q, r, R, X_d q, P q), which stay of order one where q → 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from . import bifurcation, paramagnetic, two_fields
from .continuation import follow, in_temperature
from .newton import NewtonResult, newton
from .points import Columns, Points
from .polish import BranchEquations, Starts, polish
from .stability import leading_mode, susceptibility_map

ABSENT = (
    "no ordered branch: the cooled paramagnetic sheet is stable down to this temperature "
    "or ends in a fold before"
)
UNSETTLED = "the quadrature at the bifurcation does not settle"
WEAK_ONSET = "the ordered branch could not be followed away from its bifurcation"
ENDED = "the ordered branch could not be followed to the requested temperature"
RETURNED = "the ordered branch has gone back to Q = 0 before the requested temperature"
_PATH_NODES = (32, 80)
_SEED_NODES = 32
# Q/q of the first point of the branch, from which it is followed in temperature; the second is
# for branches that hardly leave Q = 0.
_FIRST_OVERLAPS = (0.03, 0.002)
_SMALLEST_OVERLAP = 1e-7
MAX_NODES = 192
# A path that needs more steps is limited by its quadrature.
_MAX_STEPS = 120
ACCURACY = 1e-11


def unpack(unknowns: Array) -> Array:
    """Order parameters (points, 6): q, Q, r, R, X_d, P."""
    q = np.exp(unknowns[:, 0])
    _, ratio, r, cross, x_d, noise = unknowns.T
    return np.stack([q, ratio * q, r, cross, x_d / q, noise / q], axis=1)


def equations(unknowns: Array, points: Points, n: int) -> tuple[Array, Array]:
    """Scaled errors (points, 6) of update − order parameters, and their Jacobian."""
    order = unpack(unknowns)
    q = order[:, 0]
    new, slope = two_fields.update(order, points, n)
    slope = slope - np.eye(6)
    # Columns: derivatives to the scaled unknowns; rows: errors in the same units.
    by_log_q = (
        q[:, None] * slope[:, :, 0]
        + order[:, 1, None] * slope[:, :, 1]
        - order[:, 4, None] * slope[:, :, 4]
        - order[:, 5, None] * slope[:, :, 5]
    )
    one = np.ones_like(q)
    jacobian = slope * np.stack([one, q, one, one, 1 / q, 1 / q], axis=1)[:, None, :]
    jacobian[:, :, 0] = by_log_q
    units = np.stack([1 / q, 1 / q, one, one, q, q], axis=1)
    error = (new - order) * units
    jacobian = jacobian * units[:, :, None]
    # The units themselves move with q.
    jacobian[:, :, 0] += error * np.array([-1.0, -1.0, 0.0, 0.0, 1.0, 1.0])
    return error, jacobian


def _limit(unknowns: Array, step: Array, index: NDArray[np.intp]) -> Array:
    room = np.array([0.7, 0.2, 0.3, 0.3, 0.5, 0.5])
    return np.fmin(1.0, (room / np.abs(step)).min(axis=1))


def newton_at(start: Array, points: Points, n: int, max_iterations: int = 40) -> NewtonResult:
    """Newton's method for the six unknowns with n nodes per field."""

    def system(unknowns: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
        return equations(unknowns, points.take(index), n)

    return newton(system, start, _limit, max_iterations=max_iterations)


def _seed(points: Points, log_t: Array, unknowns: Array, overlap: float) -> tuple[Array, Array]:
    """Unknowns and ln T of the point with Q/q = `overlap`, from the eigenvector at β_SG."""
    here = points.at(np.exp(log_t))
    v, r, stretch, _, _ = paramagnetic.unpack(unknowns, here)
    q = (v - here.temperature) / here.g**2
    _, vectors = leading_mode(susceptibility_map(r, q / v, -stretch, r, here.gamma), here.g)
    mode = vectors / vectors[:, :1]  # (Q/v, R, P v) with Q/v = 1
    amount = overlap * q / v
    cross, noise = amount * mode[:, 1], amount * mode[:, 2] * q / v
    # Q/q is prescribed and ln T takes its place among the unknowns.
    start = np.stack([np.log(q), log_t, r, cross, stretch * q / v, noise], axis=1)

    def system(y: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
        part = points.take(index)
        full = y.copy()
        full[:, 1] = overlap
        error, jacobian = equations(full, part.at(np.exp(y[:, 1])), _SEED_NODES)
        shift = 1e-6
        moved, _ = equations(full, part.at(np.exp(y[:, 1] + shift)), _SEED_NODES)
        jacobian[:, :, 1] = (moved - error) / shift
        return error, jacobian

    solved = newton(system, start, _limit)
    found = np.where(solved.residual[:, None] <= 1e-9, solved.unknowns, np.nan)
    first_t = found[:, 1].copy()
    found[:, 1] = np.where(np.isfinite(first_t), overlap, np.nan)
    return found, first_t


def solve(points: Points, tol: float) -> Columns:
    """Solve the ordered branch at every point (finite β)."""
    columns = polish(_EQUATIONS, _starts(points), points, tol)
    back = columns.converged & ~(columns.values["Q"] > _SMALLEST_OVERLAP * columns.values["q"])
    columns.reject(back, RETURNED)
    return columns


def _starts(points: Points) -> Starts:
    """Follow the branch from its bifurcation to every point."""
    # The bifurcation depends on (g, γ, η) alone: search it once for each.
    key = np.stack([points.g, points.gamma, points.eta], axis=1)
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    base = points.take(first)
    log_t_sg, at_bifurcation = bifurcation.locate(base)
    starts = Starts.empty(len(points), 6)
    target = np.log(points.temperature)
    exists = target < log_t_sg[group]
    starts.reason[~exists] = ABSENT
    starts.reason[np.isnan(log_t_sg[group])] = UNSETTLED
    rows = np.flatnonzero(exists)
    wanted = np.unique(group[rows])
    seed = np.full((len(base), 6), np.nan)
    seed_t = np.full(len(base), np.nan)
    for overlap in _FIRST_OVERLAPS:
        seed[wanted], seed_t[wanted] = _seed(
            base.take(wanted), log_t_sg[wanted], at_bifurcation[wanted], overlap
        )
        wanted = wanted[np.isnan(seed_t[wanted])]
    started = np.isfinite(seed_t[group[rows]])
    starts.reason[rows] = np.where(started, ENDED, WEAK_ONSET)
    rows = rows[started]
    for nodes in _PATH_NODES:
        if rows.size:
            rows = _follow(starts, points, rows, seed[group[rows]], seed_t[group[rows]], nodes)
    return starts


def _follow(
    starts: Starts, points: Points, rows: NDArray[np.intp], seed: Array, seed_t: Array, nodes: int
) -> NDArray[np.intp]:
    """Follow the points `rows` with `nodes` per field; returns those that did not arrive."""
    here = points.take(rows)
    target = np.log(here.temperature)
    correct = in_temperature(newton_at, here, nodes)
    unknowns, reached, iterations = follow(correct, seed, seed_t, target, max_steps=_MAX_STEPS)
    arrived = reached == target
    starts.iterations[rows] += iterations
    starts.unknowns[rows[arrived]] = unknowns[arrived]
    gone = ~arrived & (unknowns[:, 1] < _FIRST_OVERLAPS[0])
    starts.reason[rows[gone]] = RETURNED
    return rows[~arrived]


def _observables(unknowns: Array, points: Points, n: int) -> dict[str, Array]:
    order = unpack(unknowns)
    values = dict(zip(("q", "Q", "r", "R", "X", "P"), order.T, strict=True))
    values["chi"] = (values["q"] - values["Q"]) / points.temperature
    return values | two_fields.field_observables(order, points, n)


_EQUATIONS = BranchEquations(
    "ordered", newton_at, equations, _observables, max_nodes=MAX_NODES, accuracy=ACCURACY
)
