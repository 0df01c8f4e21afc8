"""Natural continuation of a branch in one parameter (ln T or ln g), every point with its own step.

A step is a secant prediction and a few Newton corrections; it is taken only if the correction
stays close to the prediction and the sign of the Jacobian's determinant is kept.  The sign changes
at a fold, so that a point follows its sheet to the fold and stops there instead of falling onto
another one, also next to a cusp where sheets come close.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from .newton import NewtonResult
from .points import Points

FIRST_STEP = 0.25
LAST_STEP = 1e-6
MAX_STEP = 3.0
# Largest allowed distance between prediction and correction, in the units of the unknowns.
TRUST = 0.15
ACCEPT = 1e-10
CORRECTIONS = 7
# A path that takes more steps than this is fighting its quadrature, not its curvature.
MAX_STEPS = 1000

# correct(unknowns, parameter, index) runs Newton's method for the points of the index
Corrector = Callable[[Array, Array, NDArray[np.intp]], NewtonResult]
# visit(unknowns, parameter, index) is told every accepted step; True stops those points
Visitor = Callable[[Array, Array, NDArray[np.intp]], NDArray[np.bool_]]


def in_temperature(
    newton_at: Callable[[Array, Points, int, int], NewtonResult], points: Points, nodes: int
) -> Corrector:
    """Newton's corrector of a branch followed in ln T, with a rule of `nodes`."""

    def correct(unknowns: Array, log_t: Array, index: NDArray[np.intp]) -> NewtonResult:
        return newton_at(unknowns, points.take(index).at(np.exp(log_t)), nodes, CORRECTIONS)

    return correct


def follow(
    correct: Corrector,
    start: Array,
    parameter: Array,
    target: Array,
    *,
    visit: Visitor | None = None,
    max_step: float = MAX_STEP,
    max_steps: int = MAX_STEPS,
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Follow solutions from `parameter` to `target`.

    Parameters
    ----------
    correct : callable
        Newton's corrector at given parameter.
    start : (points, m) array
        Solutions at `parameter`, unknowns scaled to order one.
    parameter, target : (points,) arrays
    visit : callable, optional
        Called with every accepted step; points for which it returns True stop there.
    max_step : float
        Largest step of the parameter.
    max_steps : int
        Attempted steps after which a point is given up.

    Returns
    -------
    unknowns : (points, m) array
        The solution at the last parameter reached.
    reached : (points,) array
        That parameter; it differs from `target` where the branch ends in a fold.
    iterations : (points,) array
        Newton iterations spent.
    """
    here = np.array(start, dtype=float)
    at = np.array(parameter, dtype=float)
    slope = np.zeros_like(here)
    sign = np.zeros(len(at))
    iterations = np.zeros(len(at), dtype=np.int64)
    step = np.full(len(at), FIRST_STEP)
    active = np.flatnonzero((at != target) & np.all(np.isfinite(here), axis=1))
    for _ in range(max_steps):
        if active.size == 0:
            break
        distance = target[active] - at[active]
        move = np.sign(distance) * np.minimum(np.abs(distance), step[active])
        last = np.abs(distance) <= step[active]
        trial_at = np.where(last, target[active], at[active] + move)
        predicted = here[active] + slope[active] * move[:, None]
        solved = correct(predicted, trial_at, active)
        corrected = solved.unknowns
        iterations[active] += solved.iterations
        miss = np.max(np.abs(corrected - predicted), axis=1)
        kept = (sign[active] == 0) | (solved.orientation == sign[active])
        taken = (solved.residual <= ACCEPT) & (miss <= TRUST) & kept

        good, move_good = active[taken], move[taken]
        slope[good] = (corrected[taken] - here[good]) / move_good[:, None]
        here[good], at[good] = corrected[taken], trial_at[taken]
        sign[good] = solved.orientation[taken]
        step[good] = np.minimum(
            max_step, np.abs(move_good) * np.where(miss[taken] < TRUST / 4, 1.7, 1.0)
        )
        step[active[~taken]] = np.abs(move[~taken]) / 3
        stop = np.zeros(active.size, dtype=bool)
        stop[taken] = at[good] == target[good]
        stop[~taken] = step[active[~taken]] < LAST_STEP
        if visit is not None and good.size:
            stop[taken] |= visit(here[good], at[good], good)
        active = active[~stop]
    return here, at, iterations
