"""Several Gaussian random matrices of one size that are revealed side by side.

What `gaussian_operator` says of one holds for each.  Directions are revealed in all of them as soon
as one needs it, so that all have the same rank and every sum is a product of stacked arrays.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import DTypeLike

from .common import seeds
from .common.arguments import Array
from .gaussian_operator import BLIND, COARSE

# Vectors that a family has room for at first.
_ROOM = 32
# Square of a part outside a span that is not told from rounding, of a vector of norm 1.
_RIDGE = 1e-6
# Share of the tolerance from which residuals are orthogonal to a basis.
_SOUND = 0.1
# 1 − γ² below which b is γa.
_ALIKE = 1e-6


class _Family:
    """Vectors of every matrix, (matrices, vectors, n)."""

    def __init__(self, count: int, n: int, dtype: DTypeLike) -> None:
        self._room, self._size = np.empty((count, _ROOM, n), dtype), 0

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> Array:
        """All of them."""
        return self._room[:, : self._size]

    def append(self, vectors: Array) -> None:
        """Store a vector of each matrix."""
        if self._size == self._room.shape[1]:
            self._room = np.concatenate([self._room, np.empty_like(self._room)], axis=1)
        self._room[:, self._size] = vectors
        self._size += 1

    def replace(self, rows: Array) -> None:
        """Store others instead."""
        self._size = 0
        while self._room.shape[1] < rows.shape[1]:
            self._room = np.concatenate([self._room, np.empty_like(self._room)], axis=1)
        self._size = rows.shape[1]
        self._room[:, : self._size] = rows

    def dot(self, vectors: Array) -> Array:
        """Products with a vector of each matrix, (matrices, n)."""
        return np.asarray((self.rows @ vectors[:, :, None])[:, :, 0])

    def combine(self, coefficients: Array) -> Array:
        """Σ coefficients × vectors, (matrices, n)."""
        return np.asarray((coefficients[:, None] @ self.rows)[:, 0])


class GaussianStack:
    """`count` independent matrices J of `GaussianOperator`, to be applied from the left only.

    Vectors have the components of all matrices, one after the other.
    """

    def __init__(
        self, count: int, n: int, g: float, gamma: float, *, seed: int, innovations: str,
        tol: float, dtype: DTypeLike,
    ) -> None:  # fmt: skip
        self._shape, self._g, self._gamma, self._tol = (count, n), g, gamma, tol
        self.dtype = np.dtype(dtype)
        theta = math.asin(gamma) / 2
        self._cos, self._sin = math.cos(theta), math.sin(theta)
        self._rng = seeds.generator(seed, "couplings")
        family = partial(_Family, count, n, dtype)
        # The bases e, the answers a and b in units of g, and as long as there is room for matched
        # innovations an orthonormal frame: of what anchors and e have beside the answers; once
        # some of these were not matched, of all.
        self._e, self._a, self._frame = family(), family(), family()
        self._b = family() if gamma else None
        self._matched = self._framed = innovations == "matched"
        self.is_exhausted = False
        self._floor = float(np.finfo(dtype).eps * (100 + math.sqrt(n)))
        self._applied, self._squares = 0, 0.0

    @property
    def rank(self) -> tuple[int, int]:
        """Directions revealed so far in each matrix, (of G, of Gᵀ)."""
        return len(self._e), len(self._e) if self._gamma else 0

    @property
    def neglected_rms(self) -> float:
        """See `GaussianOperator`; of all matrices."""
        return math.sqrt(self._squares / max(self._applied, 1))

    def anchor(self, vectors: Array) -> None:
        """See `GaussianOperator`."""
        for column in vectors.reshape(vectors.shape[0], -1).T if self._framed else ():
            outside = self._outside(self._units(column)[0][:, None])[:, 0]
            self._frame.append(_softened(outside))

    def matvec(self, x: Array) -> Array:
        """J x."""
        units, norms = self._units(x)
        shares = self._e.dot(units)
        threshold, coarse = max(self._tol, self._floor), self._tol >= COARSE[self.dtype]
        sizes = np.sqrt(np.maximum(1 - np.sum(shares**2, axis=1), 0) * (norms > 0))
        if not coarse or sizes.max() > threshold:
            residual = units - self._e.combine(shares)
            sizes = _norms(residual)
        if sizes.max() > threshold and len(self._e) < self._shape[1]:
            # Once more: rounding left a part of the basis in the small difference above.
            correction = self._e.dot(residual)
            residual -= self._e.combine(correction)
            sizes = _norms(residual)
            if sizes.max() > threshold:
                sizes[sizes <= self._floor] = 0
                self._reveal(self._directions(residual, sizes))
                shares = np.concatenate([shares + correction, sizes[:, None]], axis=1)
                sizes = np.zeros_like(sizes)
        sizes = sizes[sizes > (BLIND[self.dtype] if coarse else self._floor)]
        self._applied += len(norms)
        self._squares += float(sizes @ sizes)
        out = self._a.combine(shares)
        if self._b is not None:
            out += self._e.combine(self._b.dot(units))
        return np.asarray(out * (self._g * norms)[:, None]).ravel()

    def _directions(self, residual: Array, sizes: Array) -> Array:
        """Residuals of these sizes scaled to norm 1; in a matrix that has none any other vector."""
        out = residual / np.where(sizes > 0, sizes, 1)[:, None]
        if np.min(sizes) < _SOUND * max(self._tol, self._floor):
            # What rounding left in the bases is no longer small beside residuals like these.
            nothing = sizes == 0
            out[nothing] = self._rng.standard_normal(out[nothing].shape) / math.sqrt(out.shape[1])
            for _ in range(2):
                out = out - self._e.combine(self._e.dot(out))
                out /= _norms(out)[:, None]
        return out

    def coefficients(self, vectors: Array, *, back: bool = False) -> tuple[Array, ...]:
        """See `GaussianOperator`; a row for each matrix."""
        known = vectors.reshape(self._shape).astype(self.dtype)
        found = self._e.dot(known), self._g * self._a.dot(known)
        if not back or self._b is None:
            return found
        return *found, found[0], self._g * self._b.dot(known)

    def unit(self, vector: Array) -> Array:
        """A vector scaled to norm 1 in every matrix, unless it is zero, in their precision."""
        return self._units(vector)[0].ravel()

    def retain(self, vectors: Array, neglect: float) -> tuple[Array, Array]:
        """See `GaussianOperator`; rotations (matrices, old rank, new rank), twice the same.

        The vectors are not scaled: they are what `unit` makes of them.
        """
        states = vectors.T.reshape(-1, *self._shape).transpose(1, 2, 0)
        overlaps = (self._e.rows @ states).astype(np.float64)
        squares, axes = np.linalg.eigh(overlaps @ overlaps.transpose(0, 2, 1))
        turn = axes[:, :, np.any(squares > neglect**2, axis=0)].astype(self.dtype)
        back = turn.transpose(0, 2, 1)
        kinds = [family for family in (self._e, self._a, self._b) if family is not None]
        for family in kinds:
            family.replace(back @ family.rows)
        self._reframe([family.rows for family in kinds])
        return turn, turn

    def _reframe(self, kinds: list[Array]) -> None:
        """The frame of what is stored, e and answers, if there is room for more."""
        self._framed = self._matched and 2 * sum(rows.shape[1] for rows in kinds) < self._shape[1]
        self._frame.replace(kinds[0][:, :0])
        if self._framed:
            rows = np.concatenate(kinds, axis=1) if self.is_exhausted else kinds[0]
            outside = self._outside(rows)
            gram = outside.astype(np.float64) @ outside.transpose(0, 2, 1)
            factor = np.linalg.cholesky(gram + _RIDGE * np.eye(gram.shape[1]))
            self._frame.replace(np.linalg.inv(factor).astype(self.dtype) @ outside)

    def _units(self, x: Array) -> tuple[Array, Array]:
        """Vectors of every matrix, scaled to norm 1 unless they are zero, and their norms."""
        vectors = x.reshape(-1, self._shape[1])
        norms = _norms(vectors)
        units = np.empty(vectors.shape, self.dtype)
        scales = 1 / np.where(norms > 0, norms, 1.0)
        return np.multiply(vectors, scales[:, None], out=units, casting="same_kind"), norms

    def _outside(self, vectors: Array) -> Array:
        """Vectors (matrices, any number, n) without their parts in all that is stored."""
        frame = self._frame.rows
        out = vectors - (vectors @ frame.transpose(0, 2, 1)) @ frame
        if self.is_exhausted:
            return np.asarray(out)
        # Matched answers are a frame of themselves, but for what b has of a.
        a, alone = self._a.rows, 1 - self._gamma**2
        of_a = vectors @ a.transpose(0, 2, 1)
        if self._b is not None and alone > _ALIKE:
            b = self._b.rows
            of_b = vectors @ b.transpose(0, 2, 1)
            out -= ((of_b - self._gamma * of_a) / alone) @ b
            of_a = (of_a - self._gamma * of_b) / alone
        return np.asarray(out - of_a @ a)

    def _reveal(self, direction: Array) -> None:
        (count, n), sides = self._shape, 1 if self._b is None else 2
        fresh: Array = self._rng.standard_normal((count, sides, n)).astype(self.dtype)
        fresh /= math.sqrt(n)
        answers = 0 if self.is_exhausted else sides * len(self._e)
        self._framed &= 2 * (len(self._frame) + answers + 1 + sides) <= n
        self.is_exhausted |= self._matched and not self._framed
        self._e.append(direction)
        if self._framed:
            outside = self._outside(np.concatenate([direction[:, None], fresh], axis=1))
            axis = _softened(outside[:, 0])
            self._frame.append(axis)
            fresh = outside[:, 1:]
            fresh -= np.sum(fresh * axis[:, None], axis=2, keepdims=True) * axis[:, None]
            for second in fresh[:, 1:].transpose(1, 0, 2):
                first = fresh[:, 0]
                ratio = np.sum(second * first, axis=1) / np.sum(first * first, axis=1)
                second -= ratio[:, None] * first
            fresh /= np.linalg.norm(fresh, axis=2, keepdims=True)
        elif self._b is not None:
            parts = fresh @ self._e.rows.transpose(0, 2, 1)
            # What G makes of the new direction along itself is in its answer, and no other's.
            parts[:, 0, -1] = 0.0
            fresh -= parts @ self._e.rows
        if self._framed and self.is_exhausted:
            for row in fresh.swapaxes(0, 1):
                self._frame.append(row)
        self._a.append(self._cos * fresh[:, 0] + self._sin * fresh[:, -1])
        if self._b is not None:
            self._b.append(self._cos * fresh[:, 1] + self._sin * fresh[:, 0])


def _norms(vectors: Array) -> Array:
    return np.asarray(np.sqrt(np.einsum("bn,bn->b", vectors, vectors)))


def _softened(vectors: Array) -> Array:
    """Scaled to norm 1, what is rounding to less."""
    norms = np.sqrt(_norms(vectors) ** 2 + _RIDGE)
    return np.asarray(vectors / norms[:, None]).astype(vectors.dtype)
