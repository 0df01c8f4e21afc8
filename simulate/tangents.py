"""Tangent vectors beside a trajectory: their equation, a scheme of their own, and their QR."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import get_blas_funcs, get_lapack_funcs

from meanfield import exponential
from meanfield.common.arguments import Array

from .integration.problem import Problem
from .integration.schemes import Memory, Move, Scheme, adams
from .network import Evaluation, Linearization, State

# Power of rounding: down to which share of its diagonal R is good.
_FLAT = 0.4


@dataclass(frozen=True)
class TangentProblem(Problem):
    """A trajectory with k tangent vectors, as states (n, 1 + k, batch)."""

    # The linear part obeys v̇ = ∂F/∂x · v.  Runge–Kutta and multistep schemes commute with
    # linearisation, so any scheme advances the tangent map of its own discrete map.
    vectors: int = 1

    def evaluate(self, t: float, x: State) -> Evaluation:
        """See `Problem`; the force is that of the trajectory alone."""
        t = self._read_at(t)
        drift, force, _ = self.network.evaluate_beside(x, self.onsager(t))
        if self.inputs is not None:
            force = force.copy()
            drift[:, 0] += self._drive(self.inputs, t, force.shape)
        return Evaluation(drift, force)

    def draw(self) -> State:
        """See `Problem`; tangent vectors do not feel additive noise."""
        noise = super().draw()
        kicks = np.zeros((len(noise), 1 + self.vectors, noise.shape[1]), dtype=noise.dtype)
        kicks[:, 0] = noise
        return kicks

    def trajectory(self, x: State) -> State:
        """See `Problem`."""
        return x[:, 0]

    def relative_error(self, x: State, moved: State, error: State) -> float:
        """The worse of the trajectory's and of the tangent vectors', relative to their length."""
        states = super().relative_error(x[:, 0], moved[:, 0], error[:, 0])
        # The shorter end counts: a vector that shrinks fast must be followed down.
        length = np.minimum(*(np.linalg.norm(v[:, 1:], axis=0) for v in (x, moved)))
        tangents = np.max(np.linalg.norm(error[:, 1:], axis=0) / np.maximum(length, 1e-300))
        return max(states, float(tangents)) if np.isfinite(tangents) else np.inf


class PathProblem(TangentProblem):
    """The same for `ALONG_PATH`, which asks for drifts of the trajectory alone."""

    def evaluate(self, t: float, x: State) -> Evaluation:
        """See `Problem`; of a trajectory, with tangent vectors or without."""
        state = x if x.ndim == 2 else self.trajectory(x)
        return Problem.evaluate(self, t, state)

    def arriving(self, t: float, state: State, field: State) -> Evaluation:
        """The same at a state of which the field Jφ is known."""
        self.network.evaluations += 1
        force = self.network.force_of(state, field)
        return self._driven(Evaluation(force, force), self._read_at(t))


class _Path(NamedTuple):
    """What a step along a path needs of those before, beside its state."""

    # The last states with their vectors, the oldest overwritten by the next, neurons last; and the
    # place of the present one.
    ring: Array
    place: int
    # Of the trajectory, in half steps.
    memory: Memory
    slope: State


@lru_cache(maxsize=64)
def _weights(h: float, place: int, dtype: DTypeLike) -> Array:
    """`exponential.along_path` in the order of the ring."""
    ages = (place - np.arange(exponential.PATH_MEMORY)) % exponential.PATH_MEMORY
    return exponential.along_path(h)[ages].astype(dtype)


def _along_path(
    problem: Problem, t: float, x: State, first: Evaluation, h: float, memory: Memory
) -> Move:
    """A step of the vectors with one product, after two half steps of the trajectory."""
    assert isinstance(problem, PathProblem)
    count, network = exponential.PATH_MEMORY, problem.network
    vectors, state = x[:, 1:], problem.trajectory(x)
    if not memory.past:
        ring = np.zeros((count, *x.shape[1:], len(x)), x.dtype)
        ring[0] = x.transpose(1, 2, 0)
        path = _Path(ring, 0, Memory(), network.slope(state, network.activity(state)))
    else:
        path = memory.path
    ring, place, moving, slope = path
    slopes = np.empty((3, *slope.T.shape), x.dtype)
    slopes[0], evaluation = slope.T, first
    for k in (0, 1):
        if k:
            evaluation = problem.evaluate(t + h / 2, state)
        state, moving, *_ = adams(
            exponential.PATH_ORDER, problem, t + k * h / 2, state, evaluation, h / 2, moving
        )
        value = network.activity(state)
        slope = network.slope(state, value)
        slopes[k + 1] = slope.T
    following = (place + 1) % count
    moved = ring[following].transpose(2, 0, 1)
    if len(memory.past) + 1 < count:
        # The classical scheme.
        start, middle, end = (Linearization(network, 0.0, one.T, one.T) for one in slopes)
        a = start.apply(vectors)
        b = middle.apply(vectors + h / 2 * a)
        c = middle.apply(vectors + h / 2 * b)
        d = end.apply(vectors + h * c)
        moved[:, 1:] = vectors + h / 6 * (a + 2 * (b + c) + d)
        last = None
    else:
        factors = _weights(h, place, x.dtype) @ slopes.reshape(3, -1)
        sent = np.empty_like(ring[0])
        sent[0] = value.T
        factors = factors.reshape(count, *slopes.shape[1:])
        np.einsum("jbn,jkbn->kbn", factors, ring[:, 1:], out=sent[1:])
        answer = network.product(sent.transpose(2, 0, 1))
        np.multiply(vectors, math.exp(-h), out=moved[:, 1:])
        moved[:, 1:] += answer[:, 1:]
        last = problem.arriving(t + h, state, answer[:, 0])
    moved[:, 0] = state
    past = (x, *memory.past)[: count - 1]
    return Move(moved, Memory(past, path=_Path(ring, following, moving, slope)), last=last)


# The trajectory by exponential Adams steps of half the length, and the vectors along it
# (`meanfield.exponential`): one product a step, a third of those that the classical scheme needs
# for the same error.
ALONG_PATH = Scheme(
    "along-path", exponential.PATH_ORDER, 1, _along_path, exponential.path_amplification
)


def triangles_of(vectors: State) -> list[Array] | None:
    """R of QR of (n, k, batch) vectors; None where its smallest entries would be rounding."""
    # The Cholesky factor of the Gram matrix: products, which are fast.  Its error, the condition
    # squared times rounding, leaves Q = V/R not quite orthonormal, and that adds up to nothing: QR
    # are the vectors themselves, and what Q lacks shows in the next R.
    found = []
    syrk: Any = get_blas_funcs("syrk", [vectors])
    potrf: Any = get_lapack_funcs("potrf", [vectors])
    least = np.finfo(vectors.dtype).eps ** _FLAT
    for column in np.moveaxis(vectors, 2, 0):
        triangle, failed = potrf(syrk(1.0, column, trans=1), overwrite_a=1)
        diagonal = np.diagonal(triangle)
        if failed or not np.min(diagonal) > least * np.max(diagonal):
            return None
        found.append(triangle)
    return found


def divide(states: Sequence[State], triangles: list[Array]) -> None:
    """The vectors beside states divided by R from the right, in place."""
    trmm: Any = get_blas_funcs("trmm", triangles)
    trtri: Any = get_lapack_funcs("trtri", triangles)
    for number, triangle in enumerate(triangles):
        inverse, _ = trtri(triangle)
        for state in states:
            column = state[:, 1:, number]
            moved = trmm(1.0, inverse, column, side=1, overwrite_b=1)
            if moved is not column:
                column[:] = moved
