"""Families of long vectors: storage that grows in place, and projection off their span."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpstrf

from .transfer import Array

_CHUNK = 32
_SPAN_FLOOR = 1e-10  # squared relative residual below which a vector adds nothing to a span


class Rows:
    """Vectors in chunks that never move: growing neither copies nor doubles the memory."""

    def __init__(self, n: int, dtype: DTypeLike = np.float64) -> None:
        self._n, self._dtype = n, dtype
        self._chunks: list[Array] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def epsilon(self) -> float:
        """Relative precision of what is stored."""
        return float(np.finfo(self._dtype).eps)

    def __iter__(self) -> Iterator[Array]:
        return (row for _, rows in self._filled() for row in rows)

    def _filled(self) -> Iterator[tuple[int, Array]]:
        for start, chunk in zip(range(0, self._count, _CHUNK), self._chunks, strict=True):
            yield start, chunk[: self._count - start]

    def append(self, vector: Array) -> None:
        """Store a copy of the vector."""
        place = self._count % _CHUNK
        if place == 0:
            self._chunks.append(np.empty((_CHUNK, self._n), self._dtype))
        self._chunks[-1][place] = vector
        self._count += 1

    def last(self) -> Array:
        """The vector stored last."""
        return self._chunks[-1][(self._count - 1) % _CHUNK]

    def dot(self, vector: Array) -> Array:
        """Products of the stored vectors with `vector`."""
        out = np.empty(self._count, self._dtype)
        for start, rows in self._filled():
            out[start : start + len(rows)] = rows @ vector
        return out

    def combine(self, coefficients: Array) -> Array:
        """Σ coefficients × stored vectors."""
        out = np.zeros(self._n, self._dtype)
        coefficients = coefficients.astype(self._dtype, copy=False)
        for start, rows in self._filled():
            out += coefficients[start : start + len(rows)] @ rows
        return out

    def rotated(self, rotation: Array) -> Rows:
        """A new family Σ_k rotation[k, j] × stored vector k, j = 0, 1, …"""
        family = Rows(self._n, self._dtype)
        for column in rotation.T:
            family.append(self.combine(np.ascontiguousarray(column)))
        return family


class Span:
    """Projection off the span of several families, which need not be independent.

    Cholesky factor of the Gram matrix of the vectors that each added a direction.
    """

    def __init__(self, families: tuple[Rows, ...]) -> None:
        self._families = families
        # Products of stored vectors are no better than their precision.
        self._floor = max([_SPAN_FLOOR, *(1000 * rows.epsilon for rows in families)])
        self._members: list[tuple[int, int]] = []
        self._factor = np.empty((0, 0))

    def __len__(self) -> int:
        return len(self._members)

    def add_all(self) -> None:
        """Take in every vector of every family."""
        everything = [vector for rows in self._families for vector in rows]
        places = [(f, k) for f, rows in enumerate(self._families) for k in range(len(rows))]
        if not everything:
            return
        stacked = np.array(everything)
        gram = stacked @ stacked.T
        # Pivoting leaves out what lies in the span of the others.
        factor, pivots, rank, _ = dpstrf(gram, lower=True, tol=self._floor * gram.diagonal().max())
        self._factor = np.tril(factor)[:rank, :rank]
        self._members = [places[k - 1] for k in pivots[:rank]]

    def add(self, family: int) -> None:
        """Take in the vector last appended to a family."""
        rows = self._families[family]
        vector = rows.last()
        row = self._dot(vector)
        if self._members:
            row = solve_triangular(self._factor, row, lower=True)
        square = float(vector @ vector)
        residual = square - float(row @ row)
        if residual <= self._floor * square:
            return
        self._factor = np.pad(self._factor, (0, 1))
        self._factor[-1] = np.append(row, np.sqrt(residual))
        self._members.append((family, len(rows) - 1))

    def complement(self, vector: Array) -> Array:
        """`vector` without its part in the span."""
        if not self._members:
            return vector
        solved = cho_solve((self._factor, True), self._dot(vector))
        for family, rows in enumerate(self._families):
            coefficients = np.zeros(len(rows))
            for (owner, place), value in zip(self._members, solved, strict=True):
                if owner == family:
                    coefficients[place] = value
            vector = vector - rows.combine(coefficients)
        return vector

    def _dot(self, vector: Array) -> Array:
        products = [rows.dot(vector) for rows in self._families]
        return np.array([products[family][place] for family, place in self._members])
