"""Newton's method for batches of points: iteration, continuation of a branch, refinement.

Every point has its own unknowns, Jacobian, steps and stopping time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from .points import FOLD, NUMBERS, Columns, Index, Points

# Equations are scaled so that rounding leaves about 1e-15; below STALL a residual that no longer
# halves has reached its floor.
TARGET = 1e-15
STALL = 1e-11
# Residual of a start that is worth refining.
GOOD_START = 1e-9

# The first and least step of a continuation, and the longest if not told otherwise.
_FIRST_STEP = 0.25
_LAST_STEP = 1e-6
MAX_STEP = 3.0
# Largest allowed distance between prediction and correction, in the units of the unknowns.
_TRUST = 0.15
_ACCEPT = 1e-10
CORRECTIONS = 7
# A path that takes more steps than this is fighting its quadrature, not its curvature.
_MAX_STEPS = 1000

FIRST_NODES = 24
MAX_NODES = 768
DIVERGED = "Newton's method did not converge: move g, gamma or beta a little, or use a smoother phi"
LONG_PATH = "the path to this point takes too many steps: move the parameters, or smoothen phi"
_COARSE = "quadrature not converged with {} nodes: raise tol or use a smoother phi"
_ABOVE_TOL = "residual above tol: raise tol"
# Relative error of q from rounding beyond which a point is flagged.
_NO_DIGITS = 0.5
_ROUNDING = "so close to a transition that rounding leaves no digit of q: move away from it"

# system(unknowns, index) returns equations (k, m) and Jacobian (k, m, m) for the k points of the
# index; limit(unknowns, step, index) the factor in (0, 1] that shortens each step.
System = Callable[[Array, NDArray[np.intp]], tuple[Array, Array]]
Limiter = Callable[[Array, Array, NDArray[np.intp]], Array]


class NewtonResult(NamedTuple):
    """Unknowns (points, m), largest equation error, iterations and sign of det J (points,)."""

    unknowns: Array
    residual: Array
    iterations: NDArray[np.int64]
    orientation: Array


# A step may leave the domain for a while; what stays non-finite is reported by residual inf.
@np.errstate(all="ignore")
def newton(
    system: System, start: Array, limit: Limiter, *, max_iterations: int = 60
) -> NewtonResult:
    """Solve m equations at every point from `start`, an array (points, m)."""
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
        step = _solve_rows(jacobian[running], -equations[running])
        unknowns[active] = here + limit(here, step, active)[:, None] * step
        iterations[active] += 1
    return NewtonResult(unknowns, residual, iterations, orientation)


def _solve_rows(matrices: Array, vectors: Array) -> Array:
    """Solve a batch of small systems; a singular one is solved in the least-squares sense."""
    try:
        return np.asarray(np.linalg.solve(matrices, vectors[..., None])[..., 0], dtype=float)
    except np.linalg.LinAlgError:
        return np.einsum("kij,kj->ki", np.linalg.pinv(matrices), vectors)


# correct(unknowns, parameter, index) runs Newton's method for the points of the index
Corrector = Callable[[Array, Array, NDArray[np.intp]], NewtonResult]
# visit(unknowns, parameter, index) is told every accepted step; True stops those points
Visitor = Callable[[Array, Array, NDArray[np.intp]], NDArray[np.bool_]]


class Path(NamedTuple):
    """Unknowns at the last parameter `reached`, iterations, and who had steps left to take."""

    unknowns: Array
    reached: Array
    iterations: NDArray[np.int64]
    exhausted: NDArray[np.bool_]


def follow(
    correct: Corrector,
    start: Array,
    parameter: Array,
    target: Array,
    *,
    visit: Visitor | None = None,
    max_step: float = MAX_STEP,
    max_steps: int = _MAX_STEPS,
) -> Path:
    """Follow solutions (points, m) of order one from `parameter` to `target`, ln T or ln g."""
    # A step is a secant prediction and a few Newton corrections.  It is taken only if the
    # correction stays close to the prediction and keeps the sign of the Jacobian's determinant,
    # which changes at a fold: a point follows its sheet to the fold and stops there instead of
    # falling onto another one, also next to a cusp where sheets come close.
    here = np.array(start, dtype=float)
    at = np.array(parameter, dtype=float)
    slope = np.zeros_like(here)
    sign = np.zeros(len(at))
    iterations = np.zeros(len(at), dtype=np.int64)
    step = np.full(len(at), _FIRST_STEP)
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
        taken = (solved.residual <= _ACCEPT) & (miss <= _TRUST) & kept

        good, move_good = active[taken], move[taken]
        slope[good] = (corrected[taken] - here[good]) / move_good[:, None]
        here[good], at[good] = corrected[taken], trial_at[taken]
        sign[good] = solved.orientation[taken]
        step[good] = np.minimum(
            max_step, np.abs(move_good) * np.where(miss[taken] < _TRUST / 4, 1.7, 1.0)
        )
        step[active[~taken]] = np.abs(move[~taken]) / 3
        stop = np.zeros(active.size, dtype=bool)
        stop[taken] = at[good] == target[good]
        stop[~taken] = step[active[~taken]] < _LAST_STEP
        if visit is not None and good.size:
            stop[taken] |= visit(here[good], at[good], good)
        active = active[~stop]
    return Path(here, at, iterations, np.isin(np.arange(len(at)), active))


@dataclass
class Starts:
    """Unknowns close to a solution (nan where none was found), the work spent, and why not."""

    unknowns: Array
    iterations: NDArray[np.int64]
    reason: NDArray[np.object_]

    @classmethod
    def empty(cls, size: int, unknowns: int) -> Starts:
        """No start yet at any of `size` points."""
        return cls(
            np.full((size, unknowns), np.nan),
            np.zeros(size, dtype=np.int64),
            np.full(size, DIVERGED, dtype=object),
        )

    @classmethod
    def arrived(cls, path: Path, target: Array) -> Starts:
        """The points of a path that are at `target`; the others have met a fold."""
        there = path.reached == target
        started = np.isfinite(path.unknowns[:, 0])
        stopped = np.where(path.exhausted, LONG_PATH, FOLD)
        return cls(
            np.where(there[:, None], path.unknowns, np.nan),
            path.iterations,
            np.where(there | ~started, DIVERGED, stopped).astype(object),
        )

    def write(self, index: Index, other: Starts) -> None:
        """Take over the starts `other` of the points `index`, adding up the iterations."""
        self.unknowns[index] = other.unknowns
        self.iterations[index] += other.iterations
        self.reason[index] = other.reason


@dataclass(frozen=True)
class Branch:
    """The equations of a branch and how they are solved; functions take unknowns, points, nodes."""

    name: str
    # Errors and Jacobian.
    equations: Callable[[Array, Points, int], tuple[Array, Array]]
    # The columns of numbers.
    observables: Callable[[Array, Points, int], dict[str, Array]]
    # limit(unknowns, step, points) is the factor in (0, 1] that shortens each step.
    limit: Callable[[Array, Array, Points], Array]
    # Errors of the equations as the theory states them where another form of them is solved.
    plain_errors: Callable[[Array, Points, int], Array] | None = None
    max_nodes: int = MAX_NODES
    accuracy: float = 1e-12
    max_iterations: int = 60
    numbers: tuple[str, ...] = NUMBERS

    def solve(
        self, start: Array, points: Points, n: int, max_iterations: int | None = None
    ) -> NewtonResult:
        """Newton's method with n nodes."""

        def system(unknowns: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
            return self.equations(unknowns, points.take(index), n)

        def limit(unknowns: Array, step: Array, index: NDArray[np.intp]) -> Array:
            return self.limit(unknowns, step, points.take(index))

        return newton(system, start, limit, max_iterations=max_iterations or self.max_iterations)

    def cool(
        self, points: Points, n: int, start: Array, log_t: Array, target: Array, **how: Any
    ) -> Path:
        """Follow the branch in ln T, with n nodes."""

        def correct(unknowns: Array, log_t: Array, index: NDArray[np.intp]) -> NewtonResult:
            return self.solve(unknowns, points.take(index).at(np.exp(log_t)), n, CORRECTIONS)

        return follow(correct, start, log_t, target, **how)

    def refine(self, starts: Starts, points: Points, tol: float) -> Columns:
        """Newton from `starts`, doubling the nodes until the quadrature is accurate."""
        # With the last, finest rule an error below `tol` is enough.  The quadrature error is the
        # largest equation error that doubling the nodes reveals at the solution; the residual,
        # taken on the doubled nodes, includes it.
        columns = Columns(len(points), self.name, self.numbers)
        columns.reason, columns.iterations = starts.reason.copy(), starts.iterations.copy()
        unknowns = starts.unknowns.copy()
        todo = np.flatnonzero(np.all(np.isfinite(unknowns), axis=1))
        columns.reason[todo] = DIVERGED
        n = FIRST_NODES
        while todo.size and n <= self.max_nodes:
            solved = self.solve(unknowns[todo], points.take(todo), n)
            columns.iterations[todo] += solved.iterations
            columns.nodes[todo] = n
            columns.residual[todo] = solved.residual
            # A rule too coarse can spoil Newton's method: the next one then restarts where it did.
            sound = solved.residual <= STALL
            index = todo[sound]
            part, solution = points.take(index), solved.unknowns[sound]
            unknowns[index] = solution
            errors, jacobian = self.equations(solution, part, 2 * n)
            error = np.max(np.abs(errors), axis=1)
            columns.quadrature_error[index] = columns.residual[index] = error
            if self.plain_errors is not None:
                plain = np.max(np.abs(self.plain_errors(solution, part, 2 * n)), axis=1)
                columns.residual[index] = np.maximum(error, plain)
            columns.reason[index] = _COARSE.format(n)
            accurate = error <= (self.accuracy if 2 * n <= self.max_nodes else tol)
            done = index[accurate]
            values = self.observables(solution[accurate], points.take(done), 2 * n)
            for name, value in values.items():
                columns.values[name][done] = value
            columns.reason[done] = np.where(columns.residual[done] <= tol, "", _ABOVE_TOL)
            # ln v (or ln q) inherits the error of the equations through the inverse Jacobian.
            floor = np.maximum(error[accurate], 4e-16)
            rounding = floor * np.abs(np.linalg.pinv(jacobian[accurate], rcond=1e-80)[:, 0]).sum(
                axis=1
            )
            columns.rounding_error[done] = rounding
            columns.reason[done[rounding > _NO_DIGITS]] = _ROUNDING
            todo = np.setdiff1d(todo, done)
            n *= 2
        return columns
