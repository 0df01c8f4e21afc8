"""The last Newton iteration of every branch, with the quadrature refined until it suffices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..common.arguments import Array
from .newton import NewtonResult
from .points import Columns, Index, Points

FIRST_NODES = 24
MAX_NODES = 768
DIVERGED = "Newton iteration did not converge"
COARSE = "quadrature not converged with {} nodes"
# Relative error of q from rounding beyond which a point is flagged.
_NO_DIGITS = 0.5
ROUNDING = "so close to a transition that rounding leaves no digit of q"
ABOVE_TOL = "residual above tol"


@dataclass
class Starts:
    """Unknowns close to a solution (nan where none was found), the work spent, and why not."""

    unknowns: Array
    iterations: NDArray[np.int64]
    reason: NDArray[np.object_]

    @classmethod
    def empty(cls, size: int, unknowns: int) -> Starts:
        """No start found yet at any of `size` points."""
        return cls(
            np.full((size, unknowns), np.nan),
            np.zeros(size, dtype=np.int64),
            np.full(size, DIVERGED, dtype=object),
        )

    def write(self, index: Index, other: Starts) -> None:
        """Take over what `other` found for the points `index`, adding up the iterations."""
        self.unknowns[index] = other.unknowns
        self.iterations[index] += other.iterations
        self.reason[index] = other.reason


@dataclass(frozen=True)
class BranchEquations:
    """What `polish` needs of a branch; every function takes unknowns, points and nodes n.

    `solve` is Newton's method, `equations` returns errors and Jacobian, `observables` the columns
    of numbers, `plain_errors` the errors of the equations as the theory states them where what is
    solved is another form of them.
    """

    name: str
    solve: Callable[[Array, Points, int], NewtonResult]
    equations: Callable[[Array, Points, int], tuple[Array, Array]]
    observables: Callable[[Array, Points, int], dict[str, Array]]
    plain_errors: Callable[[Array, Points, int], Array] | None = None
    max_nodes: int = MAX_NODES
    accuracy: float = 1e-12


def polish(branch: BranchEquations, starts: Starts, points: Points, tol: float) -> Columns:
    """Newton from `starts`, refining the quadrature until its error is below `branch.accuracy`.

    With the last, finest rule an error below `tol` is enough.  The quadrature error is the largest
    equation error that doubling the nodes reveals at the solution; the residual,
    taken on the doubled nodes, includes it.
    """
    columns = Columns(len(points))
    columns.branch_of[:] = branch.name
    columns.reason, columns.iterations = starts.reason.copy(), starts.iterations.copy()
    unknowns = starts.unknowns.copy()
    todo = np.flatnonzero(np.all(np.isfinite(unknowns), axis=1))
    columns.reason[todo] = DIVERGED
    n = FIRST_NODES
    while todo.size and n <= branch.max_nodes:
        solved = branch.solve(unknowns[todo], points.take(todo), n)
        columns.iterations[todo] += solved.iterations
        columns.nodes[todo] = n
        columns.residual[todo] = solved.residual
        # A rule too coarse can spoil Newton's method: the next one then restarts where it did.
        sound = solved.residual <= 1e-11
        index = todo[sound]
        part, found = points.take(index), solved.unknowns[sound]
        unknowns[index] = found
        errors, jacobian = branch.equations(found, part, 2 * n)
        error = np.max(np.abs(errors), axis=1)
        columns.quadrature_error[index] = columns.residual[index] = error
        if branch.plain_errors is not None:
            plain = np.max(np.abs(branch.plain_errors(found, part, 2 * n)), axis=1)
            columns.residual[index] = np.maximum(error, plain)
        columns.reason[index] = COARSE.format(n)
        accurate = error <= (branch.accuracy if 2 * n <= branch.max_nodes else tol)
        done = index[accurate]
        values = branch.observables(found[accurate], points.take(done), 2 * n)
        for name, value in values.items():
            columns.values[name][done] = value
        columns.reason[done] = np.where(columns.residual[done] <= tol, "", ABOVE_TOL)
        # ln v (or ln q) inherits the error of the equations through the inverse Jacobian.
        floor = np.maximum(error[accurate], 4e-16)
        rounding = floor * np.abs(np.linalg.pinv(jacobian[accurate], rcond=1e-80)[:, 0]).sum(axis=1)
        columns.rounding_error[done] = rounding
        columns.reason[done[rounding > _NO_DIGITS]] = ROUNDING
        todo = np.setdiff1d(todo, done, assume_unique=True)
        n *= 2
    return columns
