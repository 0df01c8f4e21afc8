"""Where the cooled paramagnetic sheet loses stability against Q, R, P: β_SG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from . import paramagnetic
from .points import Points
from .polish import MAX_NODES
from .sheets import PATH_NODES, cool, newton_at

# Temperature (in units of g²) below which the search ends, and its step in ln T.
_COLDEST = 1e-10
_STEP = 0.08
# Change of ln T on doubling the nodes below which the crossing counts as converged.
_SETTLED = 1e-10


def eigenvalue(unknowns: Array, points: Points) -> Array:
    """Instability of the paramagnetic unknowns (ln v, r, A)."""
    v, r, stretch, _, _ = paramagnetic.unpack(unknowns, points)
    u = (1 - points.temperature / v) / points.g**2
    return paramagnetic.instability(u, r, stretch, points)


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
        value = eigenvalue(unknowns, self.points.take(index).at(np.exp(log_t)))
        for store, new in ((self.log_t, log_t), (self.unknowns, unknowns), (self.value, value)):
            store[index, :-1] = store[index, 1:]
            store[index, -1] = new
        recent = self.value[index]
        peak = (recent[:, 1] > recent[:, 0]) & (recent[:, 1] >= recent[:, 2]) & (recent[:, 1] > 0.9)
        for row in index[peak]:
            three = self.log_t[row].copy(), self.unknowns[row].copy(), self.value[row].copy()
            self.peaks.append((int(row), *three))
        return value > 1


def locate(points: Points) -> tuple[Array, Array]:
    """First crossing of instability 1 while cooling.

    Returns
    -------
    log_temperature : (points,) array
        ln T_SG; ``-inf`` where the sheet stays stable down to T = 1e-10 g².
    unknowns : (points, 3) array
        The paramagnetic solution there; nan where there is none.
    """
    watch = _Crossing(points)
    cool(points, np.log(_COLDEST * points.g**2), visit=watch, max_step=_STEP)
    crossed = np.flatnonzero(watch.value[:, 2] > 1)
    bracket = {int(i): (watch.log_t[i, 1:], watch.unknowns[i, 1:]) for i in crossed}
    for row, log_t, unknowns, value in watch.peaks:
        vertex = _summit(points.take(np.array([row])), log_t, unknowns, value)
        if vertex is not None:
            ends = np.array([log_t[0], vertex[0]])
            # The first summit beyond 1 comes before a later one and before the open crossing.
            if row not in bracket or ends[0] > bracket[row][0][0]:
                bracket[row] = (ends, np.stack([unknowns[0], vertex[1]]))
    result = np.full(len(points), -np.inf)
    solution = np.full((len(points), 3), np.nan)
    rows = np.array(sorted(bracket), dtype=np.intp)
    if rows.size:
        ends = np.stack([bracket[int(i)][0] for i in rows])
        states = np.stack([bracket[int(i)][1] for i in rows])
        result[rows], solution[rows] = _refine_quadrature(points.take(rows), ends, states)
    return result, solution


def _at(points: Points, log_t: Array, guess: Array, nodes: int = PATH_NODES) -> tuple[Array, Array]:
    here = points.at(np.exp(log_t))
    unknowns = newton_at(guess, here, nodes).unknowns
    return unknowns, eigenvalue(unknowns, here) - 1


def _summit(
    point: Points, log_t: Array, unknowns: Array, value: Array
) -> tuple[float, Array] | None:
    """The maximum of the instability between three steps, if it exceeds 1."""
    for _ in range(6):
        x = np.polynomial.polynomial.polyfit(log_t - log_t[1], value, 2)
        middle = float(np.clip(log_t[1] - x[1] / (2 * x[2]), log_t.min(), log_t.max()))
        found, excess = _at(point, np.array([middle]), unknowns[1:2])
        if excess[0] > 0:
            return middle, found[0]
        if value[1] + 4 * (excess[0] + 1 - value[1]) < 1 or abs(middle - log_t[1]) < 1e-9:
            return None
        step = abs(middle - log_t[1]) / 2
        log_t = middle + step * np.array([1.0, 0.0, -1.0])
        sides = [_at(point, log_t[i : i + 1], found) for i in (0, 2)]
        unknowns = np.stack([sides[0][0][0], found[0], sides[1][0][0]])
        value = 1 + np.array([sides[0][1][0], excess[0], sides[1][1][0]])
    return None


def _refine_quadrature(points: Points, ends: Array, states: Array) -> tuple[Array, Array]:
    """The crossing with nodes doubled until it moves no more; nan where it never stops."""
    nodes = PATH_NODES
    result, solution = _refine(points, ends, states, nodes)
    moving = np.ones(len(points), dtype=bool)
    while np.any(moving) and nodes < MAX_NODES:
        nodes *= 2
        part = np.flatnonzero(moving)
        finer, state = _refine(points.take(part), ends[part], states[part], nodes)
        moving[part] = ~(np.abs(finer - result[part]) < _SETTLED)
        result[part], solution[part] = finer, state
    result[moving] = np.nan
    return result, solution


def _refine(points: Points, ends: Array, states: Array, nodes: int) -> tuple[Array, Array]:
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
