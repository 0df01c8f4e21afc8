"""A Gaussian random matrix that is never stored: products reveal it as far as they need it.

Conditioning a Gaussian matrix G on its answers to past requests leaves a fresh Gaussian matrix
between the orthogonal complements of those requests (Bolthausen, Commun. Math. Phys. 325, 333
(2014); Y. M. Lu, Householder Dice, IEEE Trans. Inf. Theory 67, 8264 (2021)).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.linalg.lapack import dpstrf, dtrtri
from scipy.sparse.linalg import LinearOperator

from .common import arguments, cost, seeds
from .common.arguments import ArgumentError, Array, validated

if TYPE_CHECKING:
    _Operator = LinearOperator[np.float64]
else:  # not subscriptable in the oldest supported SciPy
    _Operator = LinearOperator

# Squares of norms between 1/_SAFE and _SAFE neither overflow nor underflow.
_SAFE = {np.dtype(np.float64): 1e100, np.dtype(np.float32): 1e15}
_LOG_FAILURE = np.log(1e9)
# From this tolerance on, |v|² − Σ(e·v)² tells small residuals apart well enough, and saves a pass
# through the basis; it is blind below BLIND.
COARSE = {np.dtype(np.float64): 1e-5, np.dtype(np.float32): 2.5e-3}
BLIND = {np.dtype(np.float64): 3e-7, np.dtype(np.float32): 1e-3}
# Gains whose squares single precision cannot hold.
_STRONG = 1e10
# Stored vectors of a chunk, at least, and numbers of one that are as good for short vectors: memory
# is taken only where it is written to.
_CHUNK, _NUMBERS = 32, 1 << 18
# Squared relative residual below which a vector adds nothing to a span, at least and in roundings
# of what is stored.
_SPAN_FLOOR, _SPAN_ROUNDINGS = 1e-10, 1000


def single(g: float) -> type[np.floating[Any]]:
    """Single precision, or double where the fields of this gain are too large for it."""
    return np.float32 if g < _STRONG else np.float64


class Rows:
    """Vectors in chunks that never move: growing neither copies nor doubles the memory."""

    def __init__(self, n: int, dtype: DTypeLike = np.float64) -> None:
        self._n, self.dtype = n, dtype
        self._chunks: list[Array] = []
        # Vectors of a chunk.
        self._count, self.most = 0, max(_CHUNK, _NUMBERS // n)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Array]:
        return (row for rows in self.filled() for row in rows)

    @property
    def is_full(self) -> bool:
        """Whether the next vector takes another chunk."""
        return self._count % self.most == 0

    def filled(self) -> list[Array]:
        """The vectors, as consecutive arrays."""
        if not self._chunks:
            return []
        *full, last = self._chunks
        return [*full, last[: self._count - len(full) * self.most]]

    def append(self, vector: Array) -> None:
        """Store a copy of the vector."""
        if self.is_full:
            self._chunks.append(np.empty((self.most, self._n), self.dtype))
        self._chunks[-1][self._count % self.most] = vector
        self._count += 1

    def __getitem__(self, place: int) -> Array:
        return self._chunks[place // self.most][place % self.most]

    def dot(self, vectors: Array) -> Array:
        """Products of the stored vectors with a vector, or with those in columns."""
        vectors = np.asarray(vectors, self.dtype)
        found = [rows @ vectors for rows in self.filled()]
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else np.zeros((0, *vectors.shape[1:]), self.dtype)

    def combine(self, coefficients: Array) -> Array:
        """Σ coefficients × stored vectors; of rows of coefficients rows."""
        coefficients = np.asarray(coefficients, self.dtype)
        out, start = None, 0
        for rows in self.filled():
            part = coefficients[..., start : start + len(rows)] @ rows
            out, start = part if out is None else out + part, start + len(rows)
        return np.zeros((*coefficients.shape[:-1], self._n), self.dtype) if out is None else out

    def within(self, part: slice) -> Rows:
        """What the vectors, later ones too, have in a part of the components; shares the memory."""
        return self if part == slice(0, self._n) else _Within(self, part)

    def rotated(self, rotation: Array) -> Rows:
        """A new family Σ_k rotation[k, j] × stored vector k, j = 0, 1, …"""
        family = Rows(self._n, self.dtype)
        for start in range(0, rotation.shape[1], family.most):
            for vector in self.combine(rotation[:, start : start + family.most].T):
                family.append(vector)
        return family


class _Within(Rows):
    """Part of the components of the vectors of a family."""

    def __init__(self, whole: Rows, part: slice) -> None:
        super().__init__(part.stop - part.start, whole.dtype)
        self._whole, self._part = whole, part

    def __len__(self) -> int:
        return len(self._whole)

    def __getitem__(self, place: int) -> Array:
        return self._whole[place][self._part]

    def filled(self) -> list[Array]:
        return [rows[:, self._part] for rows in self._whole.filled()]


class Span:
    """Projection off the span of several families, which need not be independent."""

    def __init__(self, families: tuple[Rows, ...]) -> None:
        self._families = families
        # Products of stored vectors are no better than their precision.
        self._floor = max(_SPAN_FLOOR, _SPAN_ROUNDINGS * float(np.finfo(families[0].dtype).eps))
        # Vectors that each added a direction, as (family, place) in columns, and the inverse of the
        # Cholesky factor of their Gram matrix, with room.
        self._members = np.zeros((2, 0), dtype=np.intp)
        self._room = np.zeros((0, 0))

    def __len__(self) -> int:
        return self._members.shape[1]

    @property
    def _inverse(self) -> Array:
        return self._room[: len(self), : len(self)]

    def add_all(self) -> None:
        """Take in every vector of every family."""
        stacked = [rows for family in self._families for rows in family.filled()]
        if not stacked:
            return
        vectors = np.concatenate(stacked)
        gram = vectors @ vectors.T
        # Pivoting leaves out what lies in the span of the others.
        factor, pivots, rank, _ = dpstrf(gram, lower=True, tol=self._floor * gram.diagonal().max())
        self._room = np.tril(dtrtri(factor[:rank, :rank], lower=True)[0])
        sizes = [len(family) for family in self._families]
        places = np.concatenate([np.arange(size) for size in sizes])
        owners = np.repeat(np.arange(len(sizes)), sizes)
        self._members = np.array([owners, places])[:, pivots[:rank] - 1]

    def add(self, family: int) -> None:
        """Take in the vector last appended to a family."""
        place, count = len(self._families[family]) - 1, len(self)
        vector = self._families[family][place]
        # Of a vector without a part in the span, too: what rounding left of it would grow.
        row = self._inverse @ self._dot(vector)
        square = float(vector @ vector)
        residual = square - float(row @ row)
        if residual <= self._floor * square:
            return
        if count == len(self._room):
            self._room = np.pad(self._room, (0, max(count, _CHUNK)))
        size = math.sqrt(residual)
        self._room[count, :count] = -(row @ self._inverse) / size
        self._room[count, count] = 1 / size
        self._members = np.append(self._members, [[family], [place]], axis=1)

    def complement(self, vectors: Array) -> Array:
        """A vector, or each of some rows, without its part in the span."""
        if not len(self):
            return vectors
        solved = self._inverse.T @ (self._inverse @ self._dot(vectors.T))
        sizes = np.array([len(rows) for rows in self._families])
        coefficients = np.zeros((*vectors.shape[:-1], sizes.sum()))
        coefficients[..., self._places()] = solved.T
        ends = np.cumsum(sizes)
        for rows, end in zip(self._families, ends, strict=True):
            vectors = vectors - rows.combine(coefficients[..., end - len(rows) : end])
        return vectors

    def _places(self) -> NDArray[np.intp]:
        """Those of the members among the vectors of all families."""
        sizes = np.array([len(rows) for rows in self._families])
        owners, places = self._members
        return (np.cumsum(sizes) - sizes)[owners] + places

    def _dot(self, vectors: Array) -> Array:
        products = np.concatenate([rows.dot(vectors) for rows in self._families])
        return products[self._places()]


class _Side(NamedTuple):
    """An orthonormal basis of requests, and the fresh part of the answer to each."""

    basis: Rows
    answers: Rows


class GaussianOperator(_Operator):
    """Gaussian n × n matrix J with ⟨J_ij²⟩ = g²/n and ⟨J_ij J_ji⟩ = γg²/n, revealed on request.

    J = cos θ G + sin θ Gᵀ with sin 2θ = γ and G of independent entries of variance g²/n.  Let e_k
    be an orthonormal basis of the vectors that G has been applied to and f_j one for Gᵀ.  Then::

        G v = Σ_k (e_k·v) z_k + Σ_j (w_j·v) f_j,   Gᵀ v = Σ_j (f_j·v) w_j + Σ_k (z_k·v) e_k

    where z_k is drawn from N(0, g²/n) when e_k is met, and projected off the f_j known by then;
    w_j likewise off the e_k.  A request draws only for the part of v outside the basis.  At γ ≠ 0
    both meet the same vectors, f_k is e_k, and with a_k = cos θ z_k + sin θ w_k and
    b_k = cos θ w_k + sin θ z_k, as with a_k = z_k and b_j = w_j at γ = 0::

        J v = Σ_k (e_k·v) a_k + Σ_j (b_j·v) f_j,   Jᵀ v = Σ_j (f_j·v) b_j + Σ_k (a_k·v) e_k

    At zero tolerance the answers to any sequence of requests, adaptive or not, have the law of a
    stored Gaussian matrix (Bolthausen 2014; Lu 2021).  Its diagonal is not zero: the variance is
    (1+γ)g²/n there.  At γ = 0, ``J @ v`` reveals G only and ``J.T @ v`` Gᵀ only.

    Memory is 8n bytes times twice the sum of `rank`, at γ ≠ 0 three quarters of that; time per
    request O(n × that sum).

    Parameters
    ----------
    n : int
        Size of the matrix, at least 1.
    g, gamma : float
        Gain g > 0 and symmetry γ in [−1, 1].
    seed : Seed
        At least 0.  With it the answers depend on the sequence of requested vectors alone; a
        request of shape (n, k) is its k columns, one after the other.
    innovations : {"gaussian", "matched"}
        ``"matched"`` makes each z_k and w_j orthogonal to all earlier e, z, f, w and to the vectors
        given to `anchor`, and of norm g exactly.  This is NOT the law of a Gaussian matrix, but an
        estimator of its n → ∞ limit in which these overlaps of order n^−½ are absent: averages
        over the n components then fluctuate less from seed to seed.
    tol : float
        A request reveals a new direction only if the part of v outside the basis exceeds
        ``tol * |v|`` (0 ≤ tol < 1; rounding sets a floor near 1e-13).  The part ρ|v| dropped
        otherwise changes the answer by a vector of norm ≈ gρ|v|.
    dtype : {float64, float32}
        Precision of what is stored and answered.  Single precision halves time and memory, and is
        as good where `tol` is 1e-3 or more.

    Raises
    ------
    ArgumentError
        If an argument is outside its range; by a product, if the vector is complex or not finite.

    See Also
    --------
    simulate.couplings.elliptic : the stored matrix, with zero diagonal.

    Examples
    --------
    >>> import numpy as np
    >>> from meanfield import GaussianOperator
    >>> J = GaussianOperator(100_000, 1.5, seed=0)
    >>> v = np.sin(np.arange(100_000.0))
    >>> bool(np.allclose(J @ v, J @ v)), J.rank
    (True, (1, 0))
    >>> u = J.T @ v
    >>> bool(np.isclose(u @ v, v @ (J @ v))), J.rank
    (True, (1, 1))
    """

    @validated
    def __init__(
        self,
        n: int,
        g: float,
        gamma: float = 0.0,
        *,
        seed: seeds.Seed,
        innovations: str = "gaussian",
        parts: Sequence[int] | None = None,
        tol: float = 0.0,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self._n = n = arguments.count("n", n, 1)
        self.g = arguments.positive("g", g)
        self.gamma = arguments.within("gamma", gamma, -1, 1)
        arguments.one_of("innovations", innovations, ("gaussian", "matched"))
        self.innovations = innovations
        sizes = [n] if parts is None else [arguments.count("parts", size, 1) for size in parts]
        if sum(sizes) != n:
            raise ArgumentError(f"parts={parts!r:.80}: must have the sum n={n}")
        self._parts = in_turn(sizes)
        self.tol = arguments.nonnegative("tol", tol)
        if self.tol >= 1:
            raise ArgumentError(f"tol={self.tol:g}: must be below 1")
        kind = np.dtype(dtype)
        if kind not in _SAFE:
            raise ArgumentError(f"dtype={dtype!r}: expected float64 or float32")
        super().__init__(kind, (n, n))  # type: ignore[call-arg]  # the stubs lack it
        theta = np.arcsin(self.gamma) / 2
        self._cos, self._sin = float(np.cos(theta)), float(np.sin(theta))
        self._rng = seeds.generator(seed, "couplings")
        # Rounding leaves residuals of this size of vectors that lie in the basis.
        self._floor = float(np.finfo(kind).eps * (100 + np.sqrt(n)))
        rows = partial(Rows, n, kind)
        self._right = _Side(rows(), rows())
        self._left = _Side(rows() if self._is_split else self._right.basis, rows())
        self._anchors = rows()
        self._spans = self._new_spans()
        self._applied, self._largest, self._squares = 0, 0.0, 0.0
        self._exhausted = False

    @property
    def _is_split(self) -> bool:
        """Whether G and Gᵀ are asked different things."""
        return not self._sin

    @property
    def _is_coarse(self) -> bool:
        """Whether squares alone tell what is outside a basis."""
        return self.tol >= COARSE[self.dtype]

    def _new_spans(self) -> list[tuple[slice, Span]]:
        families = [self._anchors, *self._right, self._left.answers]
        if self._is_split:
            families.append(self._left.basis)
        return [(part, Span(tuple(one.within(part) for one in families))) for part in self._parts]

    @property
    def rank(self) -> tuple[int, int]:
        """Directions revealed so far, (of G, of Gᵀ)."""
        return len(self._right.basis), len(self._left.basis)

    @property
    def neglected(self) -> float:
        """Largest relative residual ρ dropped so far; 0 if none exceeds rounding.

        Every answer J v so far is that of the exact matrix within a vector of norm ≲ gρ|v|: the
        dropped part of v would have met fresh couplings only.  Residuals are resolved down to
        3e-7 where tol ≥ 1e-5, else down to the rounding floor.
        """
        return self._largest

    @property
    def neglected_rms(self) -> float:
        """Root mean square of ρ over all products with G and Gᵀ, zero where nothing was dropped.

        The typical, as `neglected` is the worst, relative error of an answer in units of g|v|.
        """
        return float(np.sqrt(self._squares / max(self._applied, 1)))

    @property
    def norm_bound(self) -> float:
        """Upper bound of the spectral norm of J; reveals nothing.

        In the sense of free probability J tends, whatever γ, to g(ℓ(a) + ℓ(b)*) with creation
        operators ℓ of unit vectors a = (cos θ, sin θ) and b = (sin θ, cos θ), so its norm to 2g
        (singular values: a quarter circle).  Matched innovations are such operators themselves:
        2g is then a bound at every n, while there is room for them.  With Gaussian ones u·Jv has
        variance (1 + γ(u·v)²)g²/n for unit u, v; by Gaussian concentration the norm exceeds its
        mean, at most 2g as n → ∞ (at every n for γ = 0), by more than the margin added here with
        probability below 10⁻⁹.
        """
        if self.innovations == "matched" and not self._exhausted:
            return 2 * self.g
        variance = (1 + max(self.gamma, 0)) / self._n
        return self.g * float(2 + np.sqrt(2 * variance * _LOG_FAILURE))

    @property
    def is_exhausted(self) -> bool:
        """Whether matched innovations had to give way to Gaussian ones."""
        return self.innovations == "matched" and self._exhausted

    def anchor(self, vectors: Array) -> None:
        """Make later matched innovations orthogonal to these vectors, e.g. the initial state.

        Gaussian innovations are left as they are.

        Parameters
        ----------
        vectors : (n,) or (n, k) array

        Raises
        ------
        ArgumentError
            If the shape is wrong, or a component is complex or not finite.
        """
        for column in self._checked_columns(vectors).T:
            vector, norm, _ = _scaled(column, self.dtype)
            if norm and self.innovations == "matched":
                self._anchors.append(vector / norm)
                self._add_to_spans(0)

    def _checked_columns(self, vectors: Array) -> Array:
        vectors = arguments.real("vectors", vectors)
        if vectors.ndim not in (1, 2) or len(vectors) != self._n:
            raise ArgumentError(
                f"vectors of shape {vectors.shape}: must be ({self._n},) or with columns"
            )
        if not np.all(np.isfinite(vectors)):
            raise ArgumentError("vectors: must be finite")
        return vectors.reshape(self._n, -1)

    def retain(self, vectors: Array, neglect: float) -> tuple[Array, Array]:
        """Forget what was revealed outside the span of these vectors, anchors included.

        Each basis is rotated to the principal directions of its overlaps with the vectors, scaled
        to norm 1, and its answers with it: a rotated Gaussian matrix is one.  Directions with a
        singular value below `neglect`, which hold less than this share of any of the vectors, are
        dropped; couplings along them are drawn anew should they return.  For a process that never
        does, memory and cost per request stay bounded.

        Parameters
        ----------
        vectors : (n, k) array
            What is still needed of the past requests, k ≥ 1.
        neglect : float
            In [0, 1).

        Returns
        -------
        right, left : (old rank, new rank) arrays
            The rotations of the bases of G and of Gᵀ.

        Raises
        ------
        ArgumentError
            If a shape or `neglect` is wrong, or a component is complex or not finite.
        """
        vectors = self._checked_columns(vectors)
        if not arguments.nonnegative("neglect", neglect) < 1 or not vectors.shape[1]:
            raise ArgumentError(
                f"neglect={neglect:g}, {vectors.shape[1]} vectors: need 0 <= neglect < 1 and a "
                "vector"
            )
        # In two steps: squares of small or large components have no room in single precision.
        peaks = np.abs(vectors).max(axis=0)
        scaled = (vectors[:, peaks > 0] / peaks[peaks > 0]).astype(self.dtype)
        scaled /= np.linalg.norm(scaled, axis=0)
        rotations, bases = [], []
        for side in (self._right, self._left)[: 1 + self._is_split]:
            axes, sizes, _ = np.linalg.svd(side.basis.dot(scaled), full_matrices=False)
            rotations.append(axes[:, sizes > neglect])
            bases.append(side.basis.rotated(rotations[-1]))
        right, left = rotations[0], rotations[-1]
        self._right = _Side(bases[0], self._right.answers.rotated(right))
        self._left = _Side(bases[-1], self._left.answers.rotated(left))
        self._anchors = Rows(self._n, self.dtype)
        self._spans = self._new_spans()
        if self.innovations == "matched":
            for _, span in self._spans:
                span.add_all()
        return right, left

    def coefficients(self, vector: Array, *, back: bool = True) -> tuple[Array, ...]:
        """Overlaps of a vector with e and a; and, `back`, with f and b.

        The fresh part of J v is made of the first, its memory of the last; of Jᵀ v likewise of the
        third and the second.
        """
        known = np.asarray(vector, dtype=self.dtype)
        found = tuple(family.dot(known) for family in self._right)
        if not back:
            return found
        f = self._left.basis.dot(known) if self._is_split else found[0]
        return *found, f, self._left.answers.dot(known)

    def _matvec(self, x: Array) -> Array:
        return self._applied_to(x, self._right, self._left)

    def _rmatvec(self, x: Array) -> Array:
        return self._applied_to(x, self._left, self._right)

    def _matmat(self, X: Array) -> Array:
        return self._applied_to_columns(X, self._right, self._left)

    def _rmatmat(self, X: Array) -> Array:
        return self._applied_to_columns(X, self._left, self._right)

    def _applied_to_columns(self, X: Array, own: _Side, other: _Side) -> Array:
        """`_applied_to` one column after the other, those between two revealed directions at once.

        Without a coarse tolerance each by itself, as it then takes a residual to tell.
        """
        if not self._is_coarse:
            return _columns(lambda column: self._applied_to(column, own, other), X)
        scaled = [_scaled(column, self.dtype) for column in np.asarray(X).T]
        vectors = np.array([vector for vector, *_ in scaled], self.dtype).reshape(-1, self._n)
        norms = np.array([norm for _, norm, _ in scaled])
        powers = np.array([power for *_, power in scaled])
        # Single precision has no room for what was scaled.
        out = np.zeros(X.shape, np.float64 if np.any(powers) else self.dtype)
        first, rank = 0, len(own.basis)
        # A column may reveal a direction more.
        coefficients = np.zeros((rank + len(norms), len(norms)), self.dtype)
        coefficients[:rank] = own.basis.dot(vectors.T)
        squares = np.sum(np.square(coefficients[:rank], dtype=np.float64), axis=0)
        while first < len(norms):
            sizes = np.sqrt(np.maximum(norms[first:] ** 2 - squares[first:], 0))
            new = sizes > max(self.tol, self._floor) * norms[first:]
            count = int(np.argmax(new)) if new.any() else len(new)
            if count:
                here, known = slice(first, first + count), norms[first : first + count] > 0
                answers = own.answers.combine(coefficients[:rank, here].T)
                answers += other.basis.combine(other.answers.dot(vectors[here].T).T)
                out[:, here] = np.ldexp(answers.T.astype(out.dtype), powers[here])
                self._note(sizes[:count][known] / norms[here][known])
                first += count
            if first < len(norms):
                out[:, first] = self._applied_to(X[:, first], own, other)
                first += 1
            if len(own.basis) > rank:
                coefficients[rank] = row = vectors @ own.basis[rank]
                squares += np.square(row, dtype=np.float64)
                rank += 1
        return out

    def _note(self, shares: Array) -> None:
        """Keep what was dropped of requests, as shares of their norms."""
        blind = BLIND[self.dtype] if self._is_coarse else self._floor
        dropped = np.where(shares > blind, shares, 0.0)
        self._applied += dropped.size
        self._squares += float(dropped @ dropped)
        self._largest = max(self._largest, float(np.max(dropped, initial=0.0)))

    def _applied_to(self, x: Array, own: _Side, other: _Side) -> Array:
        """J x with own = right, Jᵀ x with own = left."""
        vector, norm, exponent = _scaled(np.asarray(x).reshape(-1), self.dtype)
        if norm == 0:
            return np.zeros(self._n, self.dtype)
        coefficients = own.basis.dot(vector)
        threshold = max(self.tol, self._floor) * norm
        size = math.sqrt(max(norm**2 - float(coefficients @ coefficients), 0.0))
        if not self._is_coarse or size > threshold:
            residual = vector - own.basis.combine(coefficients)
            size = math.sqrt(float(residual @ residual))
        if size > threshold and len(own.basis) < self._n:
            # Once more: rounding left a part of the basis in the small difference above.
            correction = own.basis.dot(residual)
            residual -= own.basis.combine(correction)
            size = math.sqrt(float(residual @ residual))
            if size > threshold:
                self._reveal(residual / size, own, other)
                coefficients = np.append(coefficients + correction, size)
                size = 0.0
        self._note(np.array([size / norm]))
        out = own.answers.combine(coefficients) + other.basis.combine(other.answers.dot(vector))
        return np.ldexp(out.astype(np.float64), exponent) if exponent else out

    def _reveal(self, direction: Array, own: _Side, other: _Side) -> None:
        # At γ ≠ 0 of G and of Gᵀ.
        n, sides = self._n, (own,) if self._is_split else (self._right, self._left)
        taken = 1 + len(sides)
        room = all(2 * (len(span) + taken) <= part.stop - part.start for part, span in self._spans)
        matched = self.innovations == "matched" and room
        self._exhausted |= not matched
        if own.basis.is_full:
            # A chunk of requests and one of answers more.
            held = 2.0 * (sum(self.rank) + own.basis.most) * n * self.dtype.itemsize / 8
            instead = "raise tol, ask for fewer directions, or retain() fewer"
            cost.check("n", n, instead, numbers=held)
        own.basis.append(direction)
        fresh = self._rng.standard_normal((len(sides), n)) * (self.g / math.sqrt(n))
        if matched:
            self._add_to_spans(4 if own is self._left and self._is_split else 1)
            for part, span in self._spans:
                fresh[:, part] = span.complement(fresh[:, part])
        known = other.basis.dot(fresh.T).T
        if not self._is_split:
            # What G makes of the new direction along itself is in its answer, and no other's.
            known[0, -1] = 0.0
        fresh -= other.basis.combine(known)
        if matched:
            for part, _ in self._spans:
                first, *others = rows = fresh[:, part]
                for second in others:
                    second -= (second @ first) / (first @ first) * first
                rows *= self.g * math.sqrt(first.size / n) / np.linalg.norm(rows, axis=1)[:, None]
        answers = [fresh[0]]
        if not self._is_split:
            answers = [self._cos * fresh[k] + self._sin * fresh[1 - k] for k in range(2)]
        for side, answer in zip(sides, answers, strict=True):
            side.answers.append(answer)
            if matched:
                self._add_to_spans(2 if side is self._right else 3)

    def _add_to_spans(self, family: int) -> None:
        for _, span in self._spans:
            span.add(family)


class BlockOperator:
    """Couplings between the parts of n components: a gain g_ab on the Gaussian couplings of each.

    J = Σ_γ G_γ∘W_γ with one W_γ of unit gain for every symmetry γ, and G_γ that has the gains of
    the pairs of this symmetry: J v = Σ_b g_ab W(v 1_b) in part a, Jᵀu = Σ_a g_ab Wᵀ(u 1_a) in b.
    """

    def __init__(
        self, sizes: Sequence[int], g: Array, gamma: Array, numbers: Sequence[int], **options: Any
    ) -> None:
        self._sizes, self._parts = list(sizes), in_turn(sizes)
        n = sum(self._sizes)
        self.operators = [
            GaussianOperator(n, 1.0, float(value), seed=seed, parts=self._sizes, **options)
            for value, seed in zip(np.unique(gamma), numbers, strict=True)
        ]
        self._gains = np.array([np.where(gamma == one.gamma, g, 0.0) for one in self.operators])

    @property
    def rank(self) -> tuple[int, int]:
        """Directions revealed so far, of all W and of all Wᵀ."""
        right, left = zip(*(one.rank for one in self.operators), strict=True)
        return sum(right), sum(left)

    @property
    def neglected_rms(self) -> float:
        """The largest of the matrices."""
        return max(one.neglected_rms for one in self.operators)

    @property
    def is_exhausted(self) -> bool:
        """Whether any of the matrices is."""
        return any(one.is_exhausted for one in self.operators)

    def matvec(self, x: Array) -> Array:
        """J x."""
        return self._applied((one.matvec for one in self.operators), self._gains, x)

    def rmatvec(self, x: Array) -> Array:
        """Jᵀ x."""
        gains = self._gains.transpose(0, 2, 1)
        return self._applied((one.rmatvec for one in self.operators), gains, x)

    def _applied(
        self, products: Iterator[Callable[[Array], Array]], gains: Array, x: Array
    ) -> Array:
        out = np.zeros(x.size)
        for product, own in zip(products, gains, strict=True):
            for gain, alone in zip(own.T, self._apart(x).T, strict=True):
                if np.any(gain):
                    out += np.repeat(gain, self._sizes) * product(alone)
        return out

    def _apart(self, vectors: Array) -> Array:
        """Columns that have one part of one of the vectors each."""
        columns = vectors.reshape(len(vectors), -1)
        out = np.zeros((len(columns), len(self._parts), columns.shape[1]))
        for k, part in enumerate(self._parts):
            out[part, k] = columns[part]
        return out.reshape(len(columns), -1)

    def anchor(self, vectors: Array) -> None:
        """See `GaussianOperator`; parts of the vectors by themselves."""
        for one in self.operators:
            one.anchor(vectors)

    def retain(self, vectors: Array, neglect: float) -> tuple[Array, ...]:
        """See `GaussianOperator`; the rotations of all matrices."""
        alone = self._apart(vectors)
        return tuple(turn for one in self.operators for turn in one.retain(alone, neglect))


class StoredGaussian:
    """The same matrix drawn at once, for runs that would reveal all of it; times `gains`."""

    neglected_rms, is_exhausted = 0.0, False

    def __init__(
        self, n: int, g: float, gamma: float | Array, seed: seeds.Seed, dtype: DTypeLike,
        gains: float | Array = 1.0,
    ) -> None:  # fmt: skip
        self.rank = n, n
        theta = np.arcsin(gamma) / 2
        draws = seeds.generator(seed, "couplings").standard_normal((n, n)) * (g / np.sqrt(n))
        mixed = np.cos(theta) * draws + np.sin(theta) * draws.T
        self._matrix = (gains * mixed).astype(dtype)

    def matvec(self, x: Array) -> Array:
        """J x."""
        return np.asarray(self._matrix @ x.astype(self._matrix.dtype), dtype=np.float64)

    def rmatvec(self, x: Array) -> Array:
        """Jᵀ x."""
        return np.asarray(x.astype(self._matrix.dtype) @ self._matrix, dtype=np.float64)


def in_turn(sizes: Sequence[int]) -> list[slice]:
    """Consecutive parts of these sizes."""
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _columns(product: Callable[[Array], Array], X: Array) -> Array:
    # Also right for no columns at all.
    out = [product(column) for column in np.asarray(X).T]
    return np.array(out).T if out else np.empty(X.shape)


def _scaled(x: Array, dtype: np.dtype[Any]) -> tuple[Array, float, int]:
    """A contiguous vector, its norm, and the power of 2 that brings back x."""
    if np.iscomplexobj(x):
        raise ArgumentError("vector: must be real")
    vector = np.ascontiguousarray(x, dtype=float)
    with np.errstate(over="ignore"):
        norm = math.sqrt(vector @ vector)
    if 1 / _SAFE[dtype] < norm < _SAFE[dtype]:
        return np.asarray(vector, dtype), norm, 0
    peak = float(np.abs(vector).max())
    if not np.isfinite(peak):
        raise ArgumentError("vector: must be finite")
    exponent = int(np.frexp(peak)[1])
    vector = np.ldexp(vector, -exponent)
    return np.asarray(vector, dtype), float(np.linalg.norm(vector)), exponent
