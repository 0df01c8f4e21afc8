"""Linear readout: ridge regression from one singular value decomposition for all targets."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from meanfield.common.arguments import Array

# Candidates for the relative ridge.  Below the first, the kept directions drown in the errors of
# the time stepping; with the last, the weights are all but 0.
RIDGES = 10.0 ** np.arange(-10, 1)
FOLDS = 5


class Fit(NamedTuple):
    """One trial; attributes as in `MemoryCurve`."""

    m: Array
    m_train: Array
    ridge: Array
    scale: float
    rank: int
    condition: float


class _Decomposition(NamedTuple):
    """X = U s Vᵀ with Uᵀz: weights for every target and ridge from one decomposition."""

    s: Array
    directions: Array  # Vᵀ
    projected: Array  # Uᵀz

    @classmethod
    def of(cls, x: Array, z: Array) -> _Decomposition:
        u, s, directions = np.linalg.svd(x, full_matrices=False)
        return cls(s, directions, u.T @ z)

    def weights(self, ridge: ArrayLike, floor: float = 0.0) -> Array:
        """(n, n_tau) for one ridge or one per target; directions below `floor` get none."""
        squares = self.s[:, None] ** 2
        damped = squares + np.asarray(ridge) * squares[0]
        kept = squares > floor * squares[0]
        filtered = np.divide(self.s[:, None], damped, out=np.zeros_like(damped), where=kept)
        return self.directions.T @ (filtered * self.projected)


def regularised(
    x: Array, z: Array, held_out: tuple[Array, Array], ridge: float | None, gap: int
) -> Fit:
    """Ridge regression on (x, z), scored on `held_out`; the ridge chosen where it is None."""
    x_test, z_test = held_out
    chosen = _cross_validated(x, z, gap) if ridge is None else np.full(z.shape[1], ridge)
    fit = _Decomposition.of(x, z)
    # Without a ridge, only directions that double precision tells from 0 are kept.
    w = fit.weights(chosen, _resolution(x) if ridge == 0 else 0.0)
    return Fit(_score(x_test, z_test, w), _score(x, z, w), chosen, *_spectrum(x, fit.s))


def printed(x: Array, z: Array) -> Fit:
    """[HH] Eqs. 20 and 21, literally."""
    covariance, moment = x.T @ x / len(x), x.T @ z / len(x)
    try:
        # The inverse as printed.  Solving the system instead is backward stable: its residuals stay
        # small whatever the rank, and nothing would show that the weights are arbitrary.
        w: Array = np.linalg.inv(covariance) @ moment
    except np.linalg.LinAlgError:
        w = np.full(moment.shape, np.nan)
    quotient = np.sum(moment * w, axis=0) / np.mean(z**2, axis=0)
    singular = np.asarray(np.linalg.svd(x, compute_uv=False), dtype=np.float64)
    return Fit(quotient, _score(x, z, w), np.zeros(z.shape[1]), *_spectrum(x, singular))


def _cross_validated(x: Array, z: Array, gap: int) -> Array:
    """The ridge of each target, by blocked cross-validation: neighbours in time are alike."""
    error = np.zeros((len(RIDGES), z.shape[1]))
    edges = np.linspace(0, len(x), FOLDS + 1).astype(int)
    for start, end in pairwise(edges):
        kept = np.r_[0 : max(start - gap, 0), min(end + gap, len(x)) : len(x)]
        fit = _Decomposition.of(x[kept], z[kept])
        for k, ridge in enumerate(RIDGES):
            error[k] += np.sum((x[start:end] @ fit.weights(ridge) - z[start:end]) ** 2, axis=0)
    return RIDGES[np.argmin(error, axis=0)]


def _score(x: Array, z: Array, w: Array) -> Array:
    """[HH] Eq. 19."""
    return 1 - np.mean((x @ w - z) ** 2, axis=0) / np.mean(z**2, axis=0)


def _resolution(x: Array) -> float:
    return max(x.shape) * float(np.finfo(np.float64).eps)


def _spectrum(x: Array, s: Array) -> tuple[float, int, float]:
    """Largest eigenvalue, rank and condition number of XᵀX from the singular values of X."""
    squares = s**2
    rank = int(np.sum(squares > _resolution(x) * squares[0]))
    full = len(s) == x.shape[1] and squares[-1] > 0
    return squares[0] / len(x), rank, squares[0] / squares[-1] if full else np.inf
