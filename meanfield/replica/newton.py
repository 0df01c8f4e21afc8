"""Batched Newton iteration: every point has its own unknowns, Jacobian and stopping time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array

# Equations are scaled so that rounding leaves about 1e-15; below STALL a residual that no longer
# halves has reached its floor.
TARGET = 1e-15
STALL = 1e-11

System = Callable[[Array, NDArray[np.intp]], tuple[Array, Array]]
Limiter = Callable[[Array, Array, NDArray[np.intp]], Array]


class NewtonResult(NamedTuple):
    """Unknowns (points, m), largest equation error, iterations and sign of det J (points,)."""

    unknowns: Array
    residual: Array
    iterations: NDArray[np.int64]
    orientation: Array


# A step may leave the domain for a while; what stays non-finite is reported by its residual.
@np.errstate(all="ignore")
def newton(
    system: System, start: Array, limit: Limiter, *, max_iterations: int = 60
) -> NewtonResult:
    """Solve m equations at every point from `start`.

    Parameters
    ----------
    system : callable
        ``system(unknowns, index)`` returns equations (k, m) and Jacobian (k, m, m) for the k
        points named by `index`, whose current unknowns are given.
    start : (points, m) array
    limit : callable
        ``limit(unknowns, step, index)`` returns the factor in (0, 1] that shortens each step.
    max_iterations : int
        A point that has not met the target by then keeps its last residual.

    Returns
    -------
    NewtonResult
        A point whose equations became non-finite has residual ``inf``.
    """
    unknowns = np.array(start, dtype=float)
    points = len(unknowns)
    residual = np.full(points, np.inf)
    iterations = np.zeros(points, dtype=np.int64)
    orientation = np.zeros(points)
    active = np.flatnonzero(np.all(np.isfinite(unknowns), axis=1))
    for _ in range(max_iterations):
        if active.size == 0:
            break
        here = unknowns[active]
        equations, jacobian = system(here, active)
        size = np.max(np.abs(equations), axis=1)
        sound = np.isfinite(size) & np.all(np.isfinite(jacobian), axis=(1, 2))
        size = np.where(sound, size, np.inf)
        stalled = (size < STALL) & (size > 0.5 * residual[active])
        residual[active] = size
        running = sound & (size > TARGET) & ~stalled
        ended = sound & ~running
        orientation[active[ended]] = np.linalg.slogdet(jacobian[ended])[0]
        active, here = active[running], here[running]
        step = solve_rows(jacobian[running], -equations[running])
        unknowns[active] = here + limit(here, step, active)[:, None] * step
        iterations[active] += 1
    return NewtonResult(unknowns, residual, iterations, orientation)


def solve_rows(matrices: Array, vectors: Array) -> Array:
    """Solve a batch of small systems; a singular one is solved in the least-squares sense."""
    try:
        return np.asarray(np.linalg.solve(matrices, vectors[..., None])[..., 0], dtype=float)
    except np.linalg.LinAlgError:
        return np.einsum("kij,kj->ki", np.linalg.pinv(matrices), vectors)
