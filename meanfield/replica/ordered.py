"""The ordered branch (Q, R, P ≠ 0, finite β): from β_SG of the cooled sheet to the wanted β.

The cooled paramagnetic sheet loses stability against Q, R, P at β_SG, where this branch bifurcates
from it.  Unknowns are (ln q, Q/q, r, R, X_d q, P q), which stay of order one where q → 0.
"""

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from . import paramagnetic, two_fields
from .newton import GOOD_START, MAX_NODES, Branch, Starts, newton
from .paramagnetic import PATH_NODES
from .points import NO_ORDERED, RETURNED, Columns, Points
from .two_fields import leading_mode, susceptibility_map

# Temperature (in units of g²) below which the search for β_SG ends, and its step in ln T.
_COLDEST = 1e-10
_STEP = 0.08
# Change of ln T on doubling the nodes below which the crossing counts as converged.
_SETTLED = 1e-10
_UNSETTLED = "beta_SG, where this branch begins, could not be located: use a smoother phi"
_WEAK_ONSET = (
    "the ordered branch could not be followed away from its bifurcation: move g or gamma a little"
)
_ENDED = "the ordered branch could not be followed to the requested temperature: lower beta"
# Nodes per field on the path, a second try with the finer rule, and next to the bifurcation.
_PATH_NODES = (32, 80)
_SEED_NODES = 32
# Q/q of the first point of the branch, from which it is followed in temperature; the second is
# for branches that hardly leave Q = 0.
_FIRST_OVERLAPS = (0.03, 0.002)
_SMALLEST_OVERLAP = 1e-7
# A path that needs more steps is limited by its quadrature.
_MAX_STEPS = 120


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
    ones = np.ones_like(q)
    jacobian = slope * np.stack([ones, q, ones, ones, 1 / q, 1 / q], axis=1)[:, None, :]
    jacobian[:, :, 0] = by_log_q
    units = np.stack([1 / q, 1 / q, ones, ones, q, q], axis=1)
    error = (new - order) * units
    jacobian = jacobian * units[:, :, None]
    # The units themselves move with q.
    jacobian[:, :, 0] += error * np.array([-1.0, -1.0, 0.0, 0.0, 1.0, 1.0])
    return error, jacobian


def _limit(unknowns: Array, step: Array, points: Points) -> Array:
    room = np.array([0.7, 0.2, 0.3, 0.3, 0.5, 0.5])
    return np.fmin(1.0, (room / np.abs(step)).min(axis=1))


def _seed(points: Points, log_t: Array, unknowns: Array, overlap: float) -> tuple[Array, Array]:
    """Unknowns and ln T of the point with Q/q = `overlap`, from the eigenvector at β_SG."""
    here = points.at(np.exp(log_t))
    v, r, xv, _, _ = paramagnetic.unpack(unknowns, here)
    q = (v - here.temperature) / here.g**2
    _, vectors = leading_mode(susceptibility_map(r, q / v, -xv, r, here.gamma), here.g)
    mode = vectors / vectors[:, :1]  # (Q/v, R, P v) with Q/v = 1
    amount = overlap * q / v
    cross, noise = amount * mode[:, 1], amount * mode[:, 2] * q / v
    # Q/q is prescribed and ln T takes its place among the unknowns.
    start = np.stack([np.log(q), log_t, r, cross, xv * q / v, noise], axis=1)

    def system(y: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
        part = points.take(index)
        full = y.copy()
        full[:, 1] = overlap
        error, jacobian = equations(full, part.at(np.exp(y[:, 1])), _SEED_NODES)
        shift = 1e-6
        moved, _ = equations(full, part.at(np.exp(y[:, 1] + shift)), _SEED_NODES)
        jacobian[:, :, 1] = (moved - error) / shift
        return error, jacobian

    solved = newton(system, start, lambda y, step, index: _limit(y, step, points))
    seed = np.where(solved.residual[:, None] <= GOOD_START, solved.unknowns, np.nan)
    first_t = seed[:, 1].copy()
    seed[:, 1] = np.where(np.isfinite(first_t), overlap, np.nan)
    return seed, first_t


def solve(points: Points, tol: float) -> Columns:
    """Solve the ordered branch at every point (finite β)."""
    columns = _BRANCH.refine(_starts(points), points, tol)
    back = columns.converged & ~(columns.values["Q"] > _SMALLEST_OVERLAP * columns.values["q"])
    columns.reject(back, RETURNED)
    return columns


def _starts(points: Points) -> Starts:
    # The bifurcation depends on (g, γ, η) alone: search it once for each.
    key = np.stack([points.g, points.gamma, points.eta], axis=1)
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    base = points.take(first)
    log_t_sg, at_bifurcation = bifurcation(base)
    starts = Starts.empty(len(points), 6)
    target = np.log(points.temperature)
    exists = target < log_t_sg[group]
    starts.reason[~exists] = NO_ORDERED
    starts.reason[np.isnan(log_t_sg[group])] = _UNSETTLED
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
    starts.reason[rows] = np.where(started, _ENDED, _WEAK_ONSET)
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
    path = _BRANCH.cool(here, nodes, seed, seed_t, target, max_steps=_MAX_STEPS)
    arrived = path.reached == target
    starts.iterations[rows] += path.iterations
    starts.unknowns[rows[arrived]] = path.unknowns[arrived]
    gone = ~arrived & ~path.exhausted & (path.unknowns[:, 1] < _FIRST_OVERLAPS[0])
    starts.reason[rows[gone]] = RETURNED
    return rows[~arrived]


def _observables(unknowns: Array, points: Points, n: int) -> dict[str, Array]:
    order = unpack(unknowns)
    values = dict(zip(("q", "Q", "r", "R", "X", "P"), order.T, strict=True))
    values["chi"] = (values["q"] - values["Q"]) / points.temperature
    return values | two_fields.field_observables(order, points, n)


def _eigenvalue(unknowns: Array, points: Points) -> Array:
    """Instability of the paramagnetic unknowns (ln v, r, A)."""
    v, r, xv, _, _ = paramagnetic.unpack(unknowns, points)
    u = (1 - points.temperature / v) / points.g**2
    return paramagnetic.instability(u, r, xv, points)


class _Crossing:
    """Watches the instability along the sheet and keeps the last three accepted steps."""

    def __init__(self, points: Points) -> None:
        self.points = points
        size = len(points)
        self.log_t = np.full((size, 3), np.nan)
        self.unknowns = np.full((size, 3, 3), np.nan)
        self.value = np.full((size, 3), np.nan)
        # Local maxima below 1 that a crossing may hide under.
        self.peaks: list[tuple[int, Array, Array, Array]] = []

    def __call__(self, unknowns: Array, log_t: Array, index: NDArray[np.intp]) -> NDArray[np.bool_]:
        value = _eigenvalue(unknowns, self.points.take(index).at(np.exp(log_t)))
        for store, new in ((self.log_t, log_t), (self.unknowns, unknowns), (self.value, value)):
            store[index, :-1] = store[index, 1:]
            store[index, -1] = new
        recent = self.value[index]
        peak = (recent[:, 1] > recent[:, 0]) & (recent[:, 1] >= recent[:, 2]) & (recent[:, 1] > 0.9)
        for row in index[peak]:
            three = self.log_t[row].copy(), self.unknowns[row].copy(), self.value[row].copy()
            self.peaks.append((int(row), *three))
        return value > 1


def bifurcation(points: Points) -> tuple[Array, Array]:
    """First crossing of instability 1 while cooling: ln T_SG and the paramagnetic solution."""
    # -inf and nan where the sheet stays stable down to T = 1e-10 g² or ends in a fold; nan for both
    # where it could not be followed or the quadrature does not settle.
    watch = _Crossing(points)
    path = paramagnetic.cool(points, np.log(_COLDEST * points.g**2), visit=watch, max_step=_STEP)
    crossed = np.flatnonzero(watch.value[:, 2] > 1)
    bracket = {int(i): (watch.log_t[i, 1:], watch.unknowns[i, 1:]) for i in crossed}
    for row, log_t, unknowns, value in watch.peaks:
        vertex = _summit(points.take(np.array([row])), log_t, unknowns, value)
        if vertex is not None:
            ends = np.array([log_t[0], vertex[0]])
            # The first summit beyond 1 comes before a later one and before the open crossing.
            if row not in bracket or ends[0] > bracket[row][0][0]:
                bracket[row] = (ends, np.stack([unknowns[0], vertex[1]]))
    result = np.where(path.exhausted | np.isnan(path.unknowns[:, 0]), np.nan, -np.inf)
    solution = np.full((len(points), 3), np.nan)
    rows = np.array(sorted(bracket), dtype=np.intp)
    if rows.size:
        ends = np.stack([bracket[int(i)][0] for i in rows])
        states = np.stack([bracket[int(i)][1] for i in rows])
        result[rows], solution[rows] = _settled(points.take(rows), ends, states)
    return result, solution


def _at(points: Points, log_t: Array, guess: Array, nodes: int = PATH_NODES) -> tuple[Array, Array]:
    here = points.at(np.exp(log_t))
    unknowns = paramagnetic.BRANCH.solve(guess, here, nodes).unknowns
    return unknowns, _eigenvalue(unknowns, here) - 1


def _summit(
    point: Points, log_t: Array, unknowns: Array, value: Array
) -> tuple[float, Array] | None:
    """The maximum of the instability between three steps, if it exceeds 1."""
    guess = unknowns[1:2]
    for _ in range(6):
        x = np.polynomial.polynomial.polyfit(log_t - log_t[1], value, 2)
        middle = float(np.clip(log_t[1] - x[1] / (2 * x[2]), log_t.min(), log_t.max()))
        guess, excess = _at(point, np.array([middle]), guess)
        if excess[0] > 0:
            return middle, guess[0]
        if value[1] + 4 * (excess[0] + 1 - value[1]) < 1 or abs(middle - log_t[1]) < 1e-9:
            return None
        step = abs(middle - log_t[1]) / 2
        log_t = middle + step * np.array([1.0, 0.0, -1.0])
        (before,), (after,) = (_at(point, log_t[i : i + 1], guess)[1] for i in (0, 2))
        value = 1 + np.array([before, excess[0], after])
    return None


def _settled(points: Points, ends: Array, states: Array) -> tuple[Array, Array]:
    """The crossing with nodes doubled until it moves no more; nan where it never stops."""
    nodes = PATH_NODES
    result, solution = _crossing_with(points, ends, states, nodes)
    moving = np.ones(len(points), dtype=bool)
    while np.any(moving) and nodes < MAX_NODES:
        nodes *= 2
        part = np.flatnonzero(moving)
        finer, state = _crossing_with(points.take(part), ends[part], states[part], nodes)
        moving[part] = ~(np.abs(finer - result[part]) < _SETTLED)
        result[part], solution[part] = finer, state
    result[moving] = np.nan
    return result, solution


def _crossing_with(points: Points, ends: Array, states: Array, nodes: int) -> tuple[Array, Array]:
    """Bracketed secant (Illinois) iteration on ln T for every point at once."""
    a, b = ends[:, 0].copy(), ends[:, 1].copy()
    _, fa = _at(points, a, states[:, 0], nodes)
    yb, fb = _at(points, b, states[:, 1], nodes)
    middle, y = b, yb
    for _ in range(60):
        with np.errstate(invalid="ignore", divide="ignore"):
            middle = b - fb * (b - a) / (fb - fa)
        middle = np.where(np.isfinite(middle), middle, b)
        y, f = _at(points, middle, yb, nodes)
        if np.all((np.abs(f) < 1e-14) | (np.abs(b - a) < 1e-14 * np.abs(b))):
            break
        same = np.sign(f) == np.sign(fb)
        # The end that stays has its value halved, so that it moves too.
        a, fa = np.where(same, a, b), np.where(same, fa / 2, fb)
        b, fb, yb = middle, f, y
    return middle, y


_BRANCH = Branch(
    "ordered", equations, _observables, _limit, max_nodes=192, accuracy=1e-11, max_iterations=40
)
