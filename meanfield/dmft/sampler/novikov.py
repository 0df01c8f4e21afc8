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
from ...gaussian_stack import GaussianStack
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

    In a run of several batches all arrays have a first axis more, of the batches.
    """

    def __init__(self, run: SamplerRun, repeats: int) -> None:
        # What has been asked of a stored matrix is not known.
        self._operator = cast(GaussianOperator | GaussianStack, run.operator)
        shape = self._shape = (run.stack,) if run.stack else ()
        self._window = run.setting.window
        self._g2, self._gamma = run.setting.g**2, run.setting.gamma
        self._noise = 1 / (self._g2 * repeats)
        # Of the part of u that h does not have.
        free = 1 - self._gamma**2
        self._root = math.sqrt(free) if free > _ALIKE else 0.0
        # Columns of the design in the order of their first appearance.
        self._columns: tuple[list[int], list[int]] = ([], [])
        self._design = np.zeros((*shape, _ROOM, _ROOM))
        self._weights, self._targets = np.zeros(_ROOM), np.zeros((*shape, _ROOM, 3))
        self._gram, self._products = np.zeros((*shape, _ROOM, _ROOM)), np.zeros((*shape, _ROOM, 3))
        self._times: list[float] = []
        self._rows: list[int] = []
        self._count = 0
        # ∫R(t, s) ds at the time measured last, nan where the noise of M trajectories hides it (at
        # small g, and in states that decay); and its change when the ridge is `_WIDER` times
        # stronger.  Averaged over batches the shift bounds the effect of the ridge on the mean,
        # which falls at least like the root of its strength.
        self.value, self.shift = np.zeros((2, *shape))

    def rotate(self, right: Array, left: Array) -> None:
        """Follow a rotation of the operator's bases."""
        self._make_room(right.shape[-2], left.shape[-2] if self._columns[1] else 0)
        a, d = self._columns
        used = self._design[..., : self._count, :]
        turned = used[..., a] @ right[..., : len(a), :]
        first = right.shape[-1]
        if d:
            turned = np.concatenate([turned, used[..., d] @ left[..., : len(d), :]], axis=-1)
        self._columns = (list(range(first)), list(range(first, turned.shape[-1])))
        self._design[:] = 0
        used[..., : turned.shape[-1]] = turned
        self._sum_up()

    def record(self, t: float, phi: Array, psi: Array | None, *, measure: bool) -> None:
        """Take in the requests made at time t, and measure the response there if asked to."""
        # Before u is used nothing tells of it.
        back = psi is not None or bool(self._columns[1])
        e, a, *other = self._operator.coefficients(phi, back=back)
        again = None if psi is None else self._operator.coefficients(psi)
        self._make_room(e.shape[-1], other[0].shape[-1] if back else 0)
        # ∫R_φu and ∫R_ψu, each with the ridge and with the wider one.
        pulses = np.zeros((2, 2, *self._shape))
        if self._times:
            self._weigh(t)
            # While u is used, always: later shifts are made of it.
            if measure or again is not None:
                own = phi.reshape(*self._shape, -1)
                noise = np.mean(own * own, axis=-1) * self._noise
                of_psi = None if again is None else self._parts(again[1], again[3])
                pulses = self._measure(self._parts(a, *other[1:]), of_psi, noise)
        self._times.append(t)
        shifts = 1 - self._g2 * pulses[0]
        # Of overlaps with the a, with the d, and targets.
        added: list[tuple[Array, Array | float, tuple[Array | float, ...]]]
        added = [(e, 0.0, (shifts[0], 0.0, shifts[1]))]
        if again is not None:
            shifts = -self._gamma * self._g2 * pulses[1]
            mixed = self._gamma * again[0], self._root * again[2]
            added.append((*mixed, (shifts[0], 1.0, shifts[1])))
        self._rows.append(len(added))
        for right, left, targets in added:
            row = self._design[..., self._count, :]
            row[..., self._columns[0]], row[..., self._columns[1]] = right, left
            for k, target in enumerate(targets):
                self._targets[..., self._count, k] = target
            self._weights[self._count] = 0.0
            self._count += 1

    def _parts(self, a: Array, b: Array | None = None) -> Array:
        """Overlaps with the a and, of those with the b, the d."""
        if b is None:
            return a
        apart = b if not self._gamma else (b - self._gamma * a) / (self._root or math.inf)
        return np.concatenate([a, apart], axis=-1)

    def _measure(self, phi: Array, psi: Array | None, noise: Array) -> Array:
        """Sets `value` and `shift`; answers ∫R_φu and ∫R_ψu with both ridges."""
        places = [*self._columns[0], *self._columns[1]]
        gram = self._gram[..., places, :][..., places]
        products = self._products[..., places, :]
        # States that decay span many orders of magnitude: every direction in units of its own.
        size = np.sqrt(np.diagonal(gram, axis1=-2, axis2=-1))[..., None]
        size = np.where(size == 0, 1.0, size)
        gram /= size * size.swapaxes(-1, -2)
        products = products / size
        ridge = noise[..., None] / size[..., 0] ** 2 + _ROUNDING
        on = np.arange(len(places))
        gram[..., on, on] += ridge
        narrow = _solve(gram, products[..., :2]) / size
        gram[..., on, on] += (_WIDER - 1) * ridge
        wide = _solve(gram, products[..., 1:]) / size
        value, of_u = self._overlaps(phi, narrow)
        wide_of_u, wide_value = self._overlaps(phi, wide)
        self.value = np.where(self._misfit(narrow[..., :1], places) > _RESOLVED, np.nan, value)
        self.shift = wide_value - value
        # Before u is used its column of targets is zero, and so are the combinations.
        of_psi = np.zeros((2, *self._shape))
        if psi is not None:
            of_psi[:] = self._overlaps(psi, narrow)[1], self._overlaps(psi, wide)[0]
        return np.array([[of_u, wide_of_u], of_psi])

    def _overlaps(self, vector: Array, mixed: Array) -> Array:
        """Those with each of two combinations, on a first axis."""
        return np.moveaxis((vector[..., None, :] @ mixed)[..., 0, :], -1, 0) / self._g2

    def _misfit(self, mixed: Array, places: list[int]) -> Array:
        """Root mean square of what the combination leaves of the shifts of the recent past."""
        first = bisect_right(self._times, self._times[-1] - _RECENT)
        rows = slice(self._count - sum(self._rows[first:]), self._count)
        design = self._design[..., rows, :][..., places]
        squares = (self._targets[..., rows, 0] - (design @ mixed)[..., 0]) ** 2
        # A state x = 0 at the start has no part in the fields.
        told = np.any(design != 0, axis=-1)
        count = np.sum(told, axis=-1)
        left_over = np.sqrt(np.sum(squares * told, axis=-1) / np.maximum(count, 1))
        return np.where(count > 0, left_over, math.inf)

    def _weigh(self, t: float) -> None:
        """The rows recorded last hold until t; rows older than the window are dropped."""
        latest = slice(self._count - self._rows[-1], self._count)
        self._weights[latest] = (t - self._times[-1]) * _SQUARED_RESPONSE
        self._add(latest)
        stale = bisect_left(self._times, t - self._window, hi=len(self._times) - 1)
        if stale > _STALE:
            gone = sum(self._rows[:stale])
            for array in (self._design, self._weights[:, None], self._targets):
                array[..., : self._count - gone, :] = array[..., gone : self._count, :]
                array[..., self._count - gone : self._count, :] = 0
            self._count -= gone
            del self._times[:stale], self._rows[:stale]
            self._sum_up()

    def _add(self, rows: slice) -> None:
        design = self._design[..., rows, :]
        weighted = design.swapaxes(-1, -2) * self._weights[rows]
        self._gram += weighted @ design
        self._products += weighted @ self._targets[..., rows, :]

    def _sum_up(self) -> None:
        self._gram[:], self._products[:] = 0, 0
        self._add(slice(0, self._count))

    def _make_room(self, right: int, left: int) -> None:
        for columns, rank in zip(self._columns, (right, left), strict=True):
            while len(columns) < rank:
                columns.append(len(self._columns[0]) + len(self._columns[1]))
        while True:
            wide = right + left > self._gram.shape[-1]
            tall = self._count + 2 > self._weights.size
            if not (wide or tall):
                return
            rows, columns = self._weights.size * tall, self._gram.shape[-1] * wide
            self._design = self._padded(self._design, rows, columns)
            self._weights = np.pad(self._weights, (0, rows))
            self._targets = self._padded(self._targets, rows, 0)
            self._gram = self._padded(self._gram, columns, columns)
            self._products = self._padded(self._products, columns, 0)

    def _padded(self, array: Array, rows: int, columns: int) -> Array:
        return np.pad(array, ((0, 0),) * len(self._shape) + ((0, rows), (0, columns)))


def _solve(gram: Array, right: Array) -> Array:
    """gram⁻¹ right, gram positive definite."""
    found = np.empty_like(right)
    for place in np.ndindex(gram.shape[:-2]) if gram.size else ():
        _, found[place], failed = dposv(gram[place], right[place], lower=True)
        if failed:
            raise np.linalg.LinAlgError("the sums of the design are not positive definite")
    return found
