"""Novikov sums: integrated responses from what the operator holds, without probe fields.

By Novikov's theorem a_k·φ(t) = g² ∫ [R_φh(t,s) H_k(s) + R_φu(t,s) U_k(s)] ds, where g²H_k(s) and
g²U_k(s) are the covariances of a_k with the fields h(s) and u(s), and likewise for b_j.  They are
taken in independent parts: a_k, of which h is made, and d_k = (b_k − γa_k)/√(1 − γ²), which u alone
contains.  A combination of the a and d that shifts h by a function p(s) and u by r(s) therefore
measures ∫ [R_φh p + R_φu r] ds.

A field in ẋ of a rate model with f = ψ = −x + h differs from one in h by what ψ passes on:
R_φh = R + g² R_φh∘R_φu + γg² R_φu∘R_ψu as operators on functions of time, so R is measured by
the shifts p = 1 − g² ∫R_φu and r = −γg² ∫R_ψu, both of which are measured on the way.

The combination is the ridge solution that balances the misfit of the shifts against the noise of
order M^−½ in a·φ.  Averaging over batches takes the noise, but not the misfit, away.
"""

import math
from bisect import bisect_left, bisect_right
from typing import cast

import numpy as np
from scipy.linalg.lapack import dposv

from ...common.arguments import Array
from ...gaussian_operator import GaussianOperator
from ...gaussian_stack import GaussianStack, OneOfStack
from .run import SamplerRun

# (∫Rδ)² ≤ ∫R² ∫δ²; ∫R² is 1/2 for a linear neuron without memory.
_SQUARED_RESPONSE = 0.5
_WIDER, _ROUNDING = 16.0, 1e-13
# Misfit of the last so many time units from which nothing can be said.
_RESOLVED, _RECENT = 0.3, 3.0
# 1 − γ² below which b is γa.
_ALIKE = 1e-6
# Rows and columns to begin with, and times that may be older than the window.
_ROOM, _STALE = 64, 8


class NovikovResponse:
    """The response of ⟨φ(t)⟩ to a constant field in ẋ, from `repeats` runs like this one.

    In a run of several batches that of the one in this `place`.
    """

    def __init__(self, run: SamplerRun, repeats: int, place: int = 0) -> None:
        # What has been asked of a stored matrix is not known.
        operator = cast(GaussianOperator | GaussianStack, run.operator)
        self._operator: GaussianOperator | OneOfStack = (
            operator.alone(place) if isinstance(operator, GaussianStack) else operator
        )
        self._window = run.setting.window
        self._g2, self._gamma = run.setting.g**2, run.setting.gamma
        self._noise = 1 / (self._g2 * repeats)
        # Of the part of u that h does not have.
        free = 1 - self._gamma**2
        self._root = math.sqrt(free) if free > _ALIKE else 0.0
        # Columns of the design in the order of their first appearance.
        self._columns: tuple[list[int], list[int]] = ([], [])
        self._design = np.zeros((_ROOM, _ROOM))
        self._weights, self._targets = np.zeros(_ROOM), np.zeros((_ROOM, 3))
        self._gram, self._products = np.zeros((_ROOM, _ROOM)), np.zeros((_ROOM, 3))
        self._times: list[float] = []
        self._rows: list[int] = []
        self._count = 0
        # ∫R(t, s) ds at the time measured last, nan where the noise of M trajectories hides it (at
        # small g, and in states that decay); and its change when the ridge is `_WIDER` times
        # stronger.  Averaged over batches the shift bounds the effect of the ridge on the mean,
        # which falls at least like the root of its strength.
        self.value, self.shift = 0.0, 0.0

    def rotate(self, right: Array, left: Array) -> None:
        """Follow a rotation of the operator's bases."""
        self._make_room(len(right), len(left) if self._columns[1] else 0)
        a, d = self._columns
        used = self._design[: self._count]
        turned = used[:, a] @ right[: len(a)]
        first = right.shape[1]
        if d:
            turned = np.hstack([turned, used[:, d] @ left[: len(d)]])
        self._columns = (list(range(first)), list(range(first, turned.shape[1])))
        self._design[:] = 0
        used[:, : turned.shape[1]] = turned
        self._sum_up()

    def record(self, t: float, phi: Array, psi: Array | None, *, measure: bool) -> None:
        """Take in the requests made at time t, and measure the response there if asked to."""
        # Before u is used nothing tells of it.
        back = psi is not None or bool(self._columns[1])
        e, a, *other = self._operator.coefficients(phi, back=back)
        again = None if psi is None else self._operator.coefficients(psi)
        self._make_room(e.size, other[0].size if back else 0)
        # With the ridge and with the wider one: ∫R_φu and ∫R_ψu.
        pulses = np.zeros((2, 2))
        if self._times:
            self._weigh(t)
            # While u is used, always: later shifts are made of it.
            if measure or again is not None:
                noise = float(phi @ phi) / phi.size * self._noise
                of_psi = None if again is None else self._parts(again[1], again[3])
                pulses = self._measure(self._parts(a, *other[1:]), of_psi, noise)
        self._times.append(t)
        shifts = 1 - self._g2 * pulses[0]
        # Of overlaps with the a, with the d, and targets.
        added: list[tuple[Array, Array | float, tuple[float, ...]]]
        added = [(e, 0.0, (shifts[0], 0.0, shifts[1]))]
        if again is not None:
            shifts = -self._gamma * self._g2 * pulses[1]
            mixed = self._gamma * again[0], self._root * again[2]
            added.append((*mixed, (shifts[0], 1.0, shifts[1])))
        self._rows.append(len(added))
        for right, left, targets in added:
            row = self._design[self._count]
            row[self._columns[0]], row[self._columns[1]] = right, left
            self._targets[self._count] = targets
            self._weights[self._count] = 0.0
            self._count += 1

    def _parts(self, a: Array, b: Array | None = None) -> Array:
        """Overlaps with the a and, of those with the b, the d."""
        if b is None:
            return a
        apart = b if not self._gamma else (b - self._gamma * a) / (self._root or math.inf)
        return np.concatenate([a, apart])

    def _measure(self, phi: Array, psi: Array | None, noise: float) -> Array:
        """Sets `value` and `shift`; answers ∫R_φu and ∫R_ψu with both ridges."""
        places = [*self._columns[0], *self._columns[1]]
        gram, products = self._gram[np.ix_(places, places)], self._products[places]
        # States that decay span many orders of magnitude: every direction in units of its own.
        size = np.sqrt(np.diagonal(gram))
        size[size == 0] = 1.0
        gram /= size[:, None] * size
        products = products / size[:, None]
        ridge, diagonal = noise / size**2 + _ROUNDING, np.diag_indices_from(gram)
        gram[diagonal] += ridge
        narrow = _solve(gram, products[:, :2]) / size[:, None]
        gram[diagonal] += (_WIDER - 1) * ridge
        wide = _solve(gram, products[:, 1:]) / size[:, None]
        self.value = float(phi @ narrow[:, 0]) / self._g2
        self.shift = float(phi @ wide[:, 1]) / self._g2 - self.value
        if self._misfit(narrow[:, 0], places) > _RESOLVED:
            self.value = math.nan
        # Before u is used its column of targets is zero, and so are the combinations.
        of_u = np.array([narrow[:, 1], wide[:, 0]]).T / self._g2
        return np.array([phi @ of_u, np.zeros(2) if psi is None else psi @ of_u])

    def _misfit(self, mixed: Array, places: list[int]) -> float:
        """Root mean square of what the combination leaves of the shifts of the recent past."""
        first = bisect_right(self._times, self._times[-1] - _RECENT)
        rows = slice(self._count - sum(self._rows[first:]), self._count)
        design = self._design[rows][:, places]
        left_over = self._targets[rows, 0] - design @ mixed
        # A state x = 0 at the start has no part in the fields.
        left_over = left_over[np.any(design != 0, axis=1)]
        return float(np.sqrt(np.mean(left_over**2))) if left_over.size else math.inf

    def _weigh(self, t: float) -> None:
        """The rows recorded last hold until t; rows older than the window are dropped."""
        latest = slice(self._count - self._rows[-1], self._count)
        self._weights[latest] = (t - self._times[-1]) * _SQUARED_RESPONSE
        self._add(latest)
        stale = bisect_left(self._times, t - self._window, hi=len(self._times) - 1)
        if stale > _STALE:
            gone = sum(self._rows[:stale])
            for array in (self._design, self._weights, self._targets):
                array[: self._count - gone] = array[gone : self._count]
                array[self._count - gone : self._count] = 0
            self._count -= gone
            del self._times[:stale], self._rows[:stale]
            self._sum_up()

    def _add(self, rows: slice) -> None:
        weighted = self._design[rows].T * self._weights[rows]
        self._gram += weighted @ self._design[rows]
        self._products += weighted @ self._targets[rows]

    def _sum_up(self) -> None:
        self._gram[:], self._products[:] = 0, 0
        self._add(slice(0, self._count))

    def _make_room(self, right: int, left: int) -> None:
        for columns, rank in zip(self._columns, (right, left), strict=True):
            while len(columns) < rank:
                columns.append(len(self._columns[0]) + len(self._columns[1]))
        while True:
            wide = right + left > self._gram.shape[0]
            tall = self._count + 2 > self._weights.size
            if not (wide or tall):
                return
            extra = (self._weights.size if tall else 0, self._gram.shape[0] if wide else 0)
            self._design = np.pad(self._design, ((0, extra[0]), (0, extra[1])))
            self._weights = np.pad(self._weights, (0, extra[0]))
            self._targets = np.pad(self._targets, ((0, extra[0]), (0, 0)))
            self._gram = np.pad(self._gram, (0, extra[1]))
            self._products = np.pad(self._products, ((0, extra[1]), (0, 0)))


def _solve(gram: Array, right: Array) -> Array:
    """gram⁻¹ right, gram positive definite."""
    if not len(gram):
        # At x = 0.
        return right
    _, found, failed = dposv(gram, right, lower=True)
    if failed:
        raise np.linalg.LinAlgError("the sums of the design are not positive definite")
    return np.asarray(found)
